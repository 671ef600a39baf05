"""The gateway of chargers: who may connect, who is connected, and what becomes of their messages."""
