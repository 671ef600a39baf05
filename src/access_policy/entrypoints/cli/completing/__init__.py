"""Shell completion without the libraries of the command line: answers come from a table of all commands (ADR 0049)."""
