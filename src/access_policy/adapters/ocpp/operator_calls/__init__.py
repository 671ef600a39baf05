"""Calls that people send: checked by the schemas of the version, and held to what the service does not set itself."""
