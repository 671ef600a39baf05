"""Import of a dispatch sheet from a CSV file: read, plan, review, apply exactly the plan (ADR 0053); and export."""
