"""The gates of depots in memory, and the record of what energy did to access."""
