"""Effects of a recorded decision: what the driver sees, and the follow-up of denials that a charger does not honour."""
