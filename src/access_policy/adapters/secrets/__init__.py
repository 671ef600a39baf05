"""Keys in files of the data directory, and what is made with them. None of it lies in the event store."""
