"""The decision path: decide from memory, record in groups, answer after the commit (design 4)."""
