"""OSCP 2.0 for a flexibility provider: its messages on the wire, and calls to capacity providers."""
