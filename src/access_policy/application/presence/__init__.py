"""The presence of chargers: their connections, the gateways that hold them, and their reports about themselves."""
