"""Messages from chargers: one module of handlers for each OCPP version."""
