"""Deliveries of webhooks over HTTPS."""
