"""A simulated e-mobility service provider that speaks OCPI 2.3.0 with Bookings edition 1.1, written from the specification."""
