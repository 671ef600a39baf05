"""Several chargers or vehicles in one command: ids, and patterns such as `bay-*`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.completion import chargers, vehicles
from access_policy.entrypoints.cli.printing import document
from access_policy.entrypoints.cli.session import Session

Chargers = Annotated[
    list[str],
    typer.Argument(metavar="CHARGER...", autocompletion=chargers, help="Ids or patterns, such as bay-1 or 'bay-*'"),
]

Vehicles = Annotated[
    list[str],
    typer.Argument(metavar="VEHICLE...", autocompletion=vehicles, help="Ids or patterns, such as bus-7 or 'van-*'"),
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
Followers = Annotated[
    list[str] | None,
    typer.Option("--charger", autocompletion=chargers, help="Charger or pattern that follows it; repeatable"),
]
Everyone = Annotated[bool, typer.Option("--all", help="All chargers of the depot")]


def is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def chosen(session: Session, texts: Sequence[str], subject: str = "charger") -> list[str]:
    """Return the ids of chargers or vehicles, each once. Ends the command if a pattern matches none."""
    found: dict[str, None] = {}
    known: list[str] | None = None
    for text in texts:
        if not is_pattern(text):
            found[text] = None
            continue
        if known is None:
            known = [each[f"{subject}_id"] for each in session.pages(f"/v1/{subject}s", None)]
        fitting = [each for each in known if fnmatchcase(each, text)]
        if not fitting:
            session.refuse(f"no {subject} matches {text!r}")
        found |= dict.fromkeys(fitting)
    return list(found)


def for_each(session: Session, ids: Sequence[str], act: Callable[[str], tuple[Any, str | None]]) -> None:
    """Act on each of the ids, even after one was refused; exit with 1 if any was.

    Args:
        act: Returns the response and a sentence to print; the sentence is None if it has printed an error itself.
    """
    answers, refused = [], False
    for each in ids:
        try:
            answer, sentence = act(each)
        except typer.Exit:
            if len(ids) == 1:
                raise
            refused = True
            continue
        answers.append(answer)
        if sentence is not None and not session.as_json:
            session.out.print(sentence, markup=False)
    document(session, answers[0] if len(ids) == 1 else {"items": answers})
    if refused:
        raise typer.Exit(1)
