"""Policies, registries, depots and recent attempts in memory, kept up to date by reading the log."""
