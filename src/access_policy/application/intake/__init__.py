"""Intake of other services' events: translated to commands, each exactly once, and never an older one over a newer
one.
"""
