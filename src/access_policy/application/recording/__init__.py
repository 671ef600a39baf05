"""Durable recording: group commit to the event store, and the spool for store outages."""
