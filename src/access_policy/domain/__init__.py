"""The domain: plain, synchronous Python. It imports the standard library, `dateutil` and itself (ADR 0002)."""
