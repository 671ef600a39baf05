"""Reservations: holders' rights to chargers for windows of time, from partners' bookings and from the dispatch plan."""
