"""The process manager of reservations: records what became of them, from charges, chargers and the time."""
