"""Use cases of OSCP: registration in both directions, heartbeats, forecasts, and messages to providers."""
