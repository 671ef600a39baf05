"""Answers kept under Idempotency-Keys, in an SQLite file of their own."""
