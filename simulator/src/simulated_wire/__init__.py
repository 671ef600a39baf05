"""An HTTP server for simulated partners and providers, and the record of the frames that they exchange."""
