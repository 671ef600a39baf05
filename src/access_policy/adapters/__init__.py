"""Adapters: what implements the ports, and what turns outside calls into commands."""
