"""Queries that combine several views."""
