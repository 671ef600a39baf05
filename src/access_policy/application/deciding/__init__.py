"""Decide access attempts from memory and record each decision before answering."""
