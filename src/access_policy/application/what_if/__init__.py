"""What-if: recorded attempts decided again, by the current rules and by proposed ones; nothing is recorded."""
