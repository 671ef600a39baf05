"""Decide access attempts from memory and record each decision before it is answered."""
