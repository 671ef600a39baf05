"""Events in: what they look like on the wire, the queue they come by, and the memory of those that came."""
