"""Which chargers are connected, to which gateway, and what they report of themselves."""
