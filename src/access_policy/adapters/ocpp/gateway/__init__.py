"""The gateway of chargers: which chargers may connect, which are connected, and how their messages are handled."""
