"""Import of chargers from a CSV file: read, plan, review, apply exactly the plan, charger by charger (ADR 0045); and
export.
"""
