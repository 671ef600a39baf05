"""Appends that conflict with another process or another message: they are retried, but a limited number of times."""

from __future__ import annotations

from typing import Final

from access_policy.domain.ids import ChargerKey

APPEND_TRIES: Final = 8


def conflicts(key: ChargerKey) -> RuntimeError:
    """Return the error to raise after `APPEND_TRIES` conflicts."""
    return RuntimeError(f"a transaction of charger {key[1]} was changed repeatedly by another process")
