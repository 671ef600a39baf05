"""OCPI 2.3.0: the objects on the wire, their translation to this service's terms, and calls to partners."""
