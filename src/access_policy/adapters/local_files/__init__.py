"""Files in the process's own data directory: the spool and the decision view's snapshot."""
