"""Reservations on the chargers themselves (OCPP ReserveNow). The service decides in any case, but a charger that knows
a reservation refuses other holders even while it is offline."""
