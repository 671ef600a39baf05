"""Webhooks: the subscriber of the bus in this process, and the deliveries to each receiver."""
