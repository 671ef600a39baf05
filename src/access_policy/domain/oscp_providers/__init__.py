"""OSCP capacity providers, which send limits for a depot's energy nodes, and the meaning of their messages."""
