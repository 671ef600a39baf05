"""What the application needs of the world, in its own words; adapters implement these."""
