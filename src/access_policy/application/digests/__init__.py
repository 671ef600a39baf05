"""Digests of depots: once a day, at a local time of the depot, the counts of its reports as an event."""
