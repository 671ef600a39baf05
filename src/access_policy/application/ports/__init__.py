"""The ports of the application, in its own terms; adapters implement them."""
