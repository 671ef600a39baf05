"""Import of chargers from a CSV file: read, plan, review and apply exactly the plan, charger by charger (ADR 0045).
Also the export."""
