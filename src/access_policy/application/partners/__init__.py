"""Other servers that exchange tokens with this service: their tokens, the changes of their records, and deliveries to
them."""
