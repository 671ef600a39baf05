"""Use cases: command handlers, queries, projections, the decision path and the mode-control loop. Imports the domain only."""
