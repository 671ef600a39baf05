"""The command line's words for the fields of the API: options and arguments instead of JSON pointers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def terms_of(params: Iterable[Any]) -> dict[str, str]:
    """Return the option or argument, such as `--from` or `CHARGER`, for each name that a field may have."""
    found: dict[str, str] = {}
    for param in params:
        if param.param_type_name == "argument":
            found[param.name] = (param.metavar or param.name).upper()
            continue
        for option in reversed(param.opts):
            found[option.lstrip("-").replace("-", "_")] = option
        found.setdefault(param.name, param.opts[0])
    return found


def in_terms(pointer: str, terms: Mapping[str, str]) -> str:
    """Return the option or argument that sets the field; the field's path in words if none does."""
    steps = [step for step in pointer.split("/") if step]
    names = [step for step in steps if not step.isdigit()]
    for name in reversed(names):
        for candidate in (name, name.removesuffix("s"), name.removesuffix("_id"), name.removesuffix("_ids")):
            if candidate in terms:
                return terms[candidate]
        for known, term in terms.items():
            if known.endswith(f"_{name}"):
                return term
    return " ".join(str(int(step) + 1) if step.isdigit() else step for step in steps)
