"""Local lists: the identifiers with which a charger may start while it is offline (design 3.7, `offline_starts: list`)."""
