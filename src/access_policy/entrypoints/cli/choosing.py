"""Several chargers in one command: ids, and patterns such as `bay-*`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from access_policy.entrypoints.cli.completion import chargers
from access_policy.entrypoints.cli.session import Session

Chargers = Annotated[
    list[str],
    typer.Argument(metavar="CHARGER...", autocompletion=chargers, help="Ids or patterns, such as bay-1 or 'bay-*'"),
]


def is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def chosen(session: Session, texts: Sequence[str]) -> list[str]:
    """Return the ids, each once. Ends the command if a pattern fits no charger."""
    found: dict[str, None] = {}
    known: list[str] | None = None
    for text in texts:
        if not is_pattern(text):
            found[text] = None
            continue
        if known is None:
            known = [each["charger_id"] for each in session.pages("/v1/chargers", None)]
        fitting = [each for each in known if fnmatchcase(each, text)]
        if not fitting:
            session.refuse(f"no charger fits {text!r}")
        found |= dict.fromkeys(fitting)
    return list(found)
