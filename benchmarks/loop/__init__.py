"""For how long each thing that the service can be asked for holds the event loop: `python -m benchmarks loop`."""
