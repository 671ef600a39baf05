"""The event store in a DynamoDB table (ADR 0020)."""
