"""`access-policy doctor`: checks of an installation on its own machine. They change nothing."""
