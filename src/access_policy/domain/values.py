"""Dataclasses of which some are made for every attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as cheap_dataclass
else:
    from dataclasses import dataclass

    def cheap_dataclass(*, frozen: bool, **options: bool):
        """A dataclass that is frozen for the type checker and not at run time, where freezing triples the cost of making
        one. Equal ones have equal hashes, as of a frozen dataclass."""
        return dataclass(unsafe_hash=frozen, **options)


__all__ = ["cheap_dataclass"]
