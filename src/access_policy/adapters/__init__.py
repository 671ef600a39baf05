"""Adapters: implementations of the ports, and code that turns outside calls into commands."""
