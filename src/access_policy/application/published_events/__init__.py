"""What others may know of what happens here: the public events, and the mapping to them from the stored ones."""
