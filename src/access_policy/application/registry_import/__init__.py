"""Import of a registry from a CSV file: read, plan, review and apply exactly the plan (design.md 6, ADR 0014). Also the
export."""
