"""The plan: reservations of the past and of the days to come, each with its status, the same for every reader."""
