"""`python -m access_policy.entrypoints.cli`."""

from __future__ import annotations

import sys

from access_policy.entrypoints.cli import app

if __name__ == "__main__":
    sys.exit(app())
