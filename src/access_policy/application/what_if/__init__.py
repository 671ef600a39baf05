"""What-if: recorded attempts decided once more, by today's rules and by proposed ones; nothing is recorded."""
