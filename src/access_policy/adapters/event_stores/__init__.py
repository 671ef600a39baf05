"""Event stores over pyeventsourcing's recorders, and the encoding of stored events."""
