"""A depot to look at: simulated chargers speak real OCPP to the real service, and the terminal tells what happens."""
