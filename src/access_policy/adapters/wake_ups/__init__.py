"""Adapters of the port `WakeUps`."""
