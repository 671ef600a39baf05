"""The control loop that keeps chargers in the mode that their timeline says (design 3.5, ADR 0010)."""
