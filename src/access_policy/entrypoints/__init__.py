"""What starts things: the HTTP API, the command line, the service in one process, the demo."""
