"""The live stream: what has changed, in the order of the log, for every client that follows it."""
