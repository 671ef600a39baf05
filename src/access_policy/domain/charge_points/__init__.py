"""Ownership of charge point ids: one small stream per id, across all tenants."""
