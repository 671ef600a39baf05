"""Spans around the service's work, and their export by OpenTelemetry. This package is used only if an endpoint is set."""
