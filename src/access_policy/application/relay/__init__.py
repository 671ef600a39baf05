"""The relay: what the store has committed leaves for the bus."""
