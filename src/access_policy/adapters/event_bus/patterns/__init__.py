"""EventBridge's event patterns. `compiling` reads and matches patterns, `matchers` has the operators, and `leaves` lists an
event's values by path.
"""
