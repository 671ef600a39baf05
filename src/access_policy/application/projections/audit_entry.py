"""An audit entry before it becomes a row: the subject, the part of it that changed, and its values in words."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.projections.audit_words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`gone`: the part ends, with all its values. `old` is set if the event contains the old values."""

    subject: tuple[str, str]  # kind and id
    thing: str | None = None
    new: Words
    old: Words | None = None
    gone: bool = False


def whole(kind: str, subject_id: str, part: str, new: Words) -> Entry:
    """Return an entry with all values of a part, which are in force from now on."""
    return Entry(subject=(kind, subject_id), thing=_thing(kind, subject_id, part), new=new)


def gone(kind: str, subject_id: str, part: str, old: Words | None = None) -> Entry:
    return Entry(subject=(kind, subject_id), thing=_thing(kind, subject_id, part), new={}, old=old, gone=True)


def _thing(kind: str, subject_id: str, part: str) -> str:
    return f"{kind}/{subject_id}/{part}"
