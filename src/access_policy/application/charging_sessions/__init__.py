"""Charging sessions: start, energy, end, and sessions whose end was never reported."""
