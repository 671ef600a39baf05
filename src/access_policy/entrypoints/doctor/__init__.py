"""`access-policy doctor`: read-only checks of an installation, on its own machine."""
