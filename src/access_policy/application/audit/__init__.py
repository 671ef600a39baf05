"""The audit: the chain over the stored log, its heads, its verification, and audit entries as exports show them."""
