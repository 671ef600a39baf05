"""OCPI 2.3.0: the objects on the wire, their meaning in the terms of this service, and calls to partners."""
