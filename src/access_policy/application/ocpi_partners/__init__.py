"""OCPI partners: who they are, the exchange of credentials, their bookings, and pushes to them."""
