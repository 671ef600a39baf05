"""Notices: what becomes noteworthy because time passes and something does not happen."""
