"""A simulated capacity provider that speaks OSCP 2.0, written from the specification."""
