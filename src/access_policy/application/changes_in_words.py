"""The change of a field in words, for the audit and for import plans."""

from __future__ import annotations


def change_in_words(name: str, old: str | None, new: str | None) -> str:
    """Describe the change; `None` and an empty string are no value: "name North", "name North becomes South", "name
    North removed"."""
    if not old:
        return f"{name} {new}" if new else f"{name} unchanged"
    return f"{name} {old} becomes {new}" if new else f"{name} {old} removed"
