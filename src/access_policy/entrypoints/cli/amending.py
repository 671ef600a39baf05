"""Change single fields by PUT, which replaces the whole resource.

The `put` commands read the resource, change the named fields, PUT it with the version they read, and print the changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from access_policy.entrypoints.cli.printing import document, in_local_times, shown
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
    """Amend or create the resource. Return its previous state (None if it is new) and its present state.

    Args:
        named: New values by field; null empties the field.
        needed: The options that a new resource requires, by field.
        defaults: The values of a new resource's fields that are not named.
        kept_by_null: Fields that the service keeps if the body has null.
    """
    before = session.get_or_none(path)
    if before is None and (missing := [option for field, option in needed.items() if named.get(field) is None]):
        session.refuse(f"{path.rpartition('/')[2]} is new; give {', '.join(missing)}")
    kept = defaults if before is None else {field: before.get(field) for field in fields}
    body = {field: value for field, value in {**kept, **named}.items() if value is not None}
    if before is not None:
        body |= dict.fromkeys(kept_by_null)
    version = if_match if before is None or if_match is not None else str(before["version"])
    return before, session.command("PUT", path, body, if_match=version)


def print_changes(session: Session, sentence: str, before: Any, after: Any, fields: Collection[str]) -> None:
    """Print the sentence and each changed field with its old and new value; with `--json`, the response."""
    if document(session, after):
        return
    session.out.print(sentence, markup=False)
    if before is None:
        return
    old, new = in_local_times(session, before), in_local_times(session, after)
    for field in fields:
        if before.get(field) != after.get(field):
            session.out.print(f"  {field}: {_text(old.get(field))} -> {_text(new.get(field))}", markup=False)


def _text(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "; ".join(shown(each) for each in value)
    return shown(value) or "nothing"
