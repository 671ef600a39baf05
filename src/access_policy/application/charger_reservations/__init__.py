"""Reservations on the chargers themselves (OCPP ReserveNow). The service decides in any case; a charger that reserves refuses
other holders also while it is offline."""
