"""The service processes: start-up, background work, shutdown, health and metrics."""
