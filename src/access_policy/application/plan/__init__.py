"""The plan: past and future reservations, each with its status, the same for every reader."""
