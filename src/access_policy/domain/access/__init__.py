"""Attempts to charge and the decisions on them (design 3.3)."""
