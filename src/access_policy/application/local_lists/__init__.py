"""Local lists: what a charger may start while it cannot ask, kept on the charger (design 3.7, `offline_starts: list`)."""
