"""The gates of depots in memory, and the record of how energy narrows and widens access."""
