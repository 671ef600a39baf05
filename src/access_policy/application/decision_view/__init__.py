"""Policies, registries, depots and recent attempts in memory, kept up to date from the log."""
