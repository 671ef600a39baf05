"""The HTTP API: parses, builds a command or a question, calls, answers. It decides nothing."""
