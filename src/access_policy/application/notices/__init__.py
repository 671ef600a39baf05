"""Notices: check regularly for noteworthy states, and record each once."""
