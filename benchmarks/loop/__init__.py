"""How long each request to the service blocks the event loop: `python -m benchmarks loop`."""
