"""Records: small SQL tables beside the event log, such as keys, passwords, import plans and positions."""
