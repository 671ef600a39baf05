"""The published events, and their mapping from stored events."""
