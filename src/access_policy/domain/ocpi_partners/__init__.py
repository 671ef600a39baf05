"""OCPI partners: e-mobility service providers that may book chargers of a tenant's depots."""
