"""Notices: looks regularly for noteworthy states, and records each once."""
