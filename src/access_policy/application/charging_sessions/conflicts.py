"""Appends that conflict with those of another process, or of another message: tried again, but not without end."""

from __future__ import annotations

from typing import Final

from access_policy.domain.ids import ChargerKey

APPEND_TRIES: Final = 8


def conflicts(key: ChargerKey) -> RuntimeError:
    """The error after `APPEND_TRIES` conflicts."""
    return RuntimeError(f"a transaction of charger {key[1]} was changed repeatedly by another process")
