"""Commands to chargers that speak OCPP 1.6."""
