"""Calls that people send: checked by the schemas of the version, and refused if they would change what the service itself
sets.
"""
