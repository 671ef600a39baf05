"""OSCP 2.0, flexibility provider side: its messages on the wire, and calls to capacity providers."""
