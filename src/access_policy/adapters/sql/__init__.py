"""SQL databases: connections, and the migrations of every table set."""
