"""Shell completion from a table of all commands, without importing the libraries of the command line (ADR 0049)."""
