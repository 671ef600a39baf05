"""Capability profiles as data: one TOML file per charger family, read and checked at start."""
