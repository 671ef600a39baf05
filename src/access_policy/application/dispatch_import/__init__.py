"""Import of a dispatch sheet from a CSV file: read, plan, review and apply exactly the plan (ADR 0053). Also the export."""
