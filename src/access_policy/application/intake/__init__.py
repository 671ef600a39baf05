"""Events of other services, taken in: translated to commands, once, and never an older one over a newer one."""
