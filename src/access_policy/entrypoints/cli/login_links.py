"""`login-link`, and the link that `serve` prints: one-time links to the console, for the embedded key."""

from __future__ import annotations
