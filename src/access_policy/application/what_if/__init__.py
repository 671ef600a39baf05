"""What-if: recorded attempts decided again, by today's rules and by proposed ones; nothing is recorded."""
