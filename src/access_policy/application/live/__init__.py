"""The live stream: every change, in the order of the log, for each client that follows it."""
