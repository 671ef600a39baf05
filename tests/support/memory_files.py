"""Temporary files in memory, where there is room: commits of SQLite wait for a disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")
FREE_MIN: Final = 1_000_000_000  # bytes; unit tests need a tenth of it


def memory_directory() -> Path | None:
    """Return the directory for files in memory, or None if there is none with enough room."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= FREE_MIN else None
