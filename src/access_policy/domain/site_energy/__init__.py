"""The energy of a depot's site: its electrical nodes, their limits and demand, and who may start when power is short."""
