"""The control loop that applies the expected mode to each charger and verifies it."""
