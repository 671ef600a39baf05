"""The documentation site: `make site` builds it into `build/site` from docs, the README and the code (ADR 0046)."""
