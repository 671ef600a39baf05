"""The garbage collector during a rebuild."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

RARELY: Final = (100_000, 50, 1_000)  # thresholds of the garbage collector


@contextmanager
def few_collections() -> Iterator[None]:
    """Collect garbage rarely. Decoded events contain no cycles, and searching for cycles would double the decoding time."""
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
