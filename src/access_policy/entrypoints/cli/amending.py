"""A PUT describes the whole thing: what its body leaves out is as if it had never been set. The `put` commands amend instead:
they read the thing, change what was named, put it at the version they read, and say what is different."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from access_policy.entrypoints.cli.printing import document, shown
from access_policy.entrypoints.cli.session import Session

_NONE: Mapping[str, Any] = {}


def amend(
    session: Session,
    path: str,
    fields: Sequence[str],
    named: Mapping[str, Any],
    *,
    needed: Mapping[str, str],
    defaults: Mapping[str, Any] = _NONE,
    kept_by_null: Collection[str] = (),
    if_match: str | None,
) -> tuple[Any, Any]:
    """What there was (None: nothing) and what there is now. `named` are new values by field, null for one that is emptied;
    `needed` are the options that something new cannot do without, by field, and `defaults` what it has unless named.
    `kept_by_null` are fields that a null in the body leaves as they are."""
    before = session.get_if_there(path)
    if before is None and (missing := [option for field, option in needed.items() if named.get(field) is None]):
        session.refuse(f"{path.rpartition('/')[2]} is new: give {', '.join(missing)}")
    kept = defaults if before is None else {field: before.get(field) for field in fields}
    body = {field: value for field, value in {**kept, **named}.items() if value is not None}
    if before is not None:
        body |= dict.fromkeys(kept_by_null)
    version = if_match if before is None or if_match is not None else str(before["version"])
    return before, session.command("PUT", path, body, if_match=version)


def said(session: Session, sentence: str, before: Any, after: Any, fields: Collection[str]) -> None:
    """The answer, or the sentence and each field that is different, old and new."""
    if document(session, after):
        return
    session.out.print(sentence, markup=False)
    for field in fields if before is not None else ():
        if before.get(field) != after.get(field):
            session.out.print(f"  {field}: {_text(before.get(field))} -> {_text(after.get(field))}", markup=False)


def _text(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "; ".join(shown(each) for each in value)
    return shown(value) or "nothing"
