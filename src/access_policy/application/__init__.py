"""Use cases: command handlers, queries, projections, the decision path and the mode controller. Imports only the domain."""
