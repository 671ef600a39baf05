"""OCPI 2.3.0 under `/ocpi`: a route module for each module of the protocol."""
