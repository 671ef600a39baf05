"""Requests to other servers: the certificate authorities that this service trusts, and the clients that it keeps."""
