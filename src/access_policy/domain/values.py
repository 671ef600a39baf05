"""Cheap dataclasses for values that are created for every attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as cheap_dataclass
else:
    from dataclasses import dataclass

    def cheap_dataclass(*, frozen: bool, **options: bool):
        """Make a dataclass that is frozen for the type checker but not at run time, where freezing triples the cost of
        creating an instance. Equal instances have equal hashes, as with a frozen dataclass.
        """
        return dataclass(unsafe_hash=frozen, **options)


__all__ = ["cheap_dataclass"]
