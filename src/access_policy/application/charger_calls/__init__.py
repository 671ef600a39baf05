"""Calls that people send to chargers, in the charger's own protocol."""
