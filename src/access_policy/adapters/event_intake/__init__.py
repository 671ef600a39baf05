"""Event intake: the wire format of consumed events, and the queue that delivers them."""
