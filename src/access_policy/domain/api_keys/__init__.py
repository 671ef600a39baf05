"""API keys: credentials of machines that have no identity provider."""
