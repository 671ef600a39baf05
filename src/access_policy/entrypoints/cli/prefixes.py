"""Completes the beginning of an id, after the service has answered that it does not know the id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol
from urllib.parse import unquote

from access_policy.entrypoints.cli.lists import ID_FIELDS
from access_policy.entrypoints.cli.quoting import segment

SEARCHED: Final = 2_000  # entries of a list
SHOWN: Final = 8

_PATH: Final = re.compile(r"/v1/([a-z-]+)/([^/]+)(.*)")


class Lists(Protocol):
    def __call__(self, path: str) -> Iterable[dict[str, str]]: ...


def parts_of(path: str) -> tuple[str, str, str] | None:
    """Return the list, the id and the rest of the path; None if its ids cannot be shortened."""
    match = _PATH.fullmatch(path)
    if match is None or match[1] not in ID_FIELDS:
        return None
    return match[1], unquote(match[2]), match[3]


class Ambiguous(Exception):
    """Several ids begin with the typed text, or one does but the command could remove or replace the wrong thing."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The typed beginning of an id, the only id that begins with it, and the path with that id."""

    beginning: str
    identity: str
    path: str


def whole(method: str, path: str, listed: Lists) -> Whole | None:
    """Return the only id that begins with the one in the path; None if there is none.

    Raises `Ambiguous` if there are several, or if the command could remove or replace something other than what was
    named.
    """
    if (parts := parts_of(path)) is None:
        return None
    kind, beginning, rest = parts
    found = beginning_with(kind, beginning, listed)
    if not found:
        return None
    if len(found) > 1 or method not in ("GET", "POST"):
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise Ambiguous(f"{beginning!r} is unknown; these begin with it: {', '.join(found[:SHOWN])}{more}")
    return Whole(beginning, found[0], f"/v1/{kind}/{segment(found[0])}{rest}")


def beginning_with(kind: str, beginning: str, listed: Lists) -> list[str]:
    """Return the ids that begin with the text; none if the text is an id itself."""
    ids = [each[ID_FIELDS[kind]] for each in islice(listed(f"/v1/{kind}"), SEARCHED)]
    return [] if beginning in ids else [each for each in ids if each.startswith(beginning)]
