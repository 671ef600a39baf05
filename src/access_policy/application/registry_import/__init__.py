"""Importing a registry from a CSV file: read, plan, review, apply exactly the plan (design 6, ADR 0014); and exporting one."""
