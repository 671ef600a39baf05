"""EventBridge's event patterns: `compiling` reads and matches patterns, `matchers` has the operators, `leaves` an event's
values by path."""
