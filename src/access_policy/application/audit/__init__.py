"""The audit: the chain over the stored log, its heads and its verification, and entries as exports show them."""
