"""Local lists: the identifiers a charger may start with while it is offline (design 3.7, `offline_starts: list`)."""
