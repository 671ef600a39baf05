"""Calls of people to chargers, in the charger's own protocol."""
