"""Commands to chargers that speak OCPP 2.0.1."""
