"""OCPI partners: their records, the exchange of credentials, their bookings, and pushes to them."""
