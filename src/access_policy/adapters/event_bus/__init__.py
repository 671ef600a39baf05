"""Buses for published events: in this process, and Amazon EventBridge."""
