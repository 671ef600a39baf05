"""Webhooks: URLs of a tenant to which matching events are delivered, signed."""
