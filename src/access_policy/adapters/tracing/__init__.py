"""Spans around the service's work, and their export by OpenTelemetry. Nothing here runs unless an endpoint is set."""
