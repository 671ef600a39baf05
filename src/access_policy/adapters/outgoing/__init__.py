"""Requests of this service to other servers: which authorities it trusts, and the clients that it keeps."""
