"""Calls that people send to chargers."""
