"""Several chargers in one command: ids, and patterns such as `bay-*`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.completion import chargers
from access_policy.entrypoints.cli.printing import document
from access_policy.entrypoints.cli.session import Session

Chargers = Annotated[
    list[str],
    typer.Argument(metavar="CHARGER...", autocompletion=chargers, help="Ids or patterns, such as bay-1 or 'bay-*'"),
]

OneOrPattern = Annotated[
    str, typer.Argument(metavar="CHARGER", autocompletion=chargers, help="Id or pattern, such as bay-1 or 'bay-*'")
]
SomeChargers = Annotated[
    list[str] | None,
    typer.Argument(metavar="CHARGER...", autocompletion=chargers, help="Ids or patterns, such as bay-1 or 'bay-*'"),
]
OrAllOfDepot = Annotated[
    list[str] | None,
    typer.Option(
        "--charger",
        autocompletion=chargers,
        help="Id or pattern, such as 'bay-*'; repeatable [default: all of the depot]",
    ),
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


def for_each(session: Session, ids: Sequence[str], act: Callable[[str], tuple[Any, str]]) -> None:
    """Act on each charger, also after one was refused; then exit with 1. `act` returns the answer and a sentence."""
    answers, refused = [], False
    for charger_id in ids:
        try:
            answer, sentence = act(charger_id)
        except typer.Exit:
            if len(ids) == 1:
                raise
            refused = True
            continue
        answers.append(answer)
        if not session.as_json:
            session.out.print(sentence, markup=False)
    document(session, answers[0] if len(ids) == 1 else {"items": answers})
    if refused:
        raise typer.Exit(1)
