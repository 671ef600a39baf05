"""Questions of the read side that combine what several views know."""
