"""Intake of other services' events: each is translated to a command exactly once, and an older event never replaces a
newer one."""
