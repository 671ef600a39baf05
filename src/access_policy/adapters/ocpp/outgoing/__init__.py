"""Commands to connected chargers: one class per OCPP version, each with every operation that the application needs."""
