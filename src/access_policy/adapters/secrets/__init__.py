"""Keys in files of the data directory, never in the event store, and the pseudonyms and hashes that use them."""
