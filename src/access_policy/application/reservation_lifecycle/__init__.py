"""The process manager of reservations: records their outcomes, from charges, chargers and the time."""
