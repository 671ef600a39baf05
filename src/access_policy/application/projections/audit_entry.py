"""An audit entry before it is a row: the subject, the thing of it that changed, and its values in words."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.projections.audit_words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`gone`: the thing ends, with all its values. `old` where the event tells it."""

    subject: tuple[str, str]  # kind and id
    thing: str | None = None
    new: Words
    old: Words | None = None
    gone: bool = False


def whole(kind: str, subject_id: str, part: str, new: Words) -> Entry:
    """All values of a thing, which has these from now on."""
    return Entry(subject=(kind, subject_id), thing=_thing(kind, subject_id, part), new=new)


def gone(kind: str, subject_id: str, part: str, old: Words | None = None) -> Entry:
    return Entry(subject=(kind, subject_id), thing=_thing(kind, subject_id, part), new={}, old=old, gone=True)


def _thing(kind: str, subject_id: str, part: str) -> str:
    return f"{kind}/{subject_id}/{part}"
