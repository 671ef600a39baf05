"""The entry points: the HTTP API, the command line, the service processes, the demo."""
