"""Capability profiles that operators have put."""
