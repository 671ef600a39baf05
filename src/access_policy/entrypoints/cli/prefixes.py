"""The beginning of an id instead of the whole: after the service has answered that it knows none of that id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final, Protocol
from urllib.parse import unquote

SEARCHED: Final = 2_000  # entries of a list
SHOWN: Final = 8

_FIELDS: Final = {
    "chargers": "charger_id",
    "depots": "depot_id",
    "vehicles": "vehicle_id",
    "agreements": "agreement_id",
    "schedules": "schedule_id",
    "webhooks": "webhook_id",
    "access-events": "attempt_id",
}
_PATH: Final = re.compile(r"/v1/([a-z-]+)/([^/]+)(.*)")


class Lists(Protocol):
    def __call__(self, path: str) -> Iterable[dict[str, str]]: ...


def parts_of(path: str) -> tuple[str, str, str] | None:
    """Return the list, the id and the rest of the path; None if its ids cannot be shortened."""
    match = _PATH.fullmatch(path)
    if match is None or match[1] not in _FIELDS:
        return None
    return match[1], unquote(match[2]), match[3]


def beginning_with(kind: str, beginning: str, listed: Lists) -> list[str]:
    """Return the ids that begin so; none if the id itself exists."""
    ids = [each[_FIELDS[kind]] for each in islice(listed(f"/v1/{kind}"), SEARCHED)]
    return [] if beginning in ids else [each for each in ids if each.startswith(beginning)]
