"""One file per verb: the command and its handler. A handler loads, calls the aggregate and records; rules belong to the
domain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """`version` is the aggregate's version for `If-Match`, `position` the log position that contains the change (0: no
    change). `created_id` is the id of the created entry; `created` is true if the aggregate itself is new."""

    version: int
    position: int
    created_id: str | None = None
    created: bool = False
