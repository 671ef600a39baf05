"""Tenants: their records, and their erasure."""
