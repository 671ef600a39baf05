"""Event stores over pyeventsourcing's recorders, and what is stored in them."""
