"""One file per verb: the command and its handler. A handler loads, asks the aggregate, records; rules are the domain's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """`version` is the aggregate's for `If-Match`, `position` the log position that shows the change (0: nothing changed).

    `created_id` names what the command made, `created` whether the aggregate itself is new.
    """

    version: int
    position: int
    created_id: str | None = None
    created: bool = False
