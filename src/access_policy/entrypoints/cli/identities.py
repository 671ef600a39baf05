"""Ids in queries and bodies, which users may shorten to their beginning. The session completes ids in paths
(`prefixes`)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from access_policy.entrypoints.cli.choosing import chosen
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session


def identity(session: Session, kind: str, text: str | None) -> str | None:
    """Return the id in the service's list `kind`, or the only id there that begins with the text.

    Return the text itself if no id begins with it: history also has ids that are no longer in the list, and the service
    explains an unknown id in a command. Ends the command if several ids begin with it.
    """
    return None if text is None else whole_id(session, kind, text)


def identities(session: Session, kind: str, texts: Sequence[str] | None) -> list[str] | None:
    """Like `identity`, for each text."""
    return None if texts is None else [whole_id(session, kind, each) for each in texts]


def whole_id(session: Session, kind: str, text: str) -> str:
    """Like `identity`, for a text that is not None."""
    path = f"/v1/{kind}/{segment(text)}"
    if session.find(path) is not None or (found := session.whole("GET", path)) is None:
        return text
    return unquote(found.rpartition("/")[2])


def place(session: Session, charger: str | None, depot: str | None) -> tuple[str | None, str | None]:
    """Return the ids of the charger and the depot, each of which may be shortened to its beginning."""
    return identity(session, "chargers", charger), identity(session, "depots", depot)


def chargers_of(session: Session, texts: Sequence[str] | None) -> list[str] | None:
    """Return the ids of chargers for a body: all that match a pattern; for other texts, the result of `identity`. None
    for no texts."""
    return identities(session, "chargers", chosen(session, texts)) if texts else None
