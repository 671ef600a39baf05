"""Notices: looks regularly for what is noteworthy, and records it once."""
