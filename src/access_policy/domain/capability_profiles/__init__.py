"""Capability profiles that operators define."""
