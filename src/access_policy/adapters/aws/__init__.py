"""AWS clients and the URLs that address AWS resources."""
