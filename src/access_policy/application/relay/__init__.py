"""The relay: publishes to the bus what the store has committed."""
