"""Messages to chargers."""
