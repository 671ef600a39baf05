"""EventBridge's event patterns. `compiling` reads a pattern and matches events by it, `matchers` has the operators, `leaves`
the event as patterns see it."""
