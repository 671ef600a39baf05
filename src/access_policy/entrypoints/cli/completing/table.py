"""The table of all commands with their options and arguments. `make docs` writes it from the commands (ADR 0049)."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

PATH = os.path.join(os.path.dirname(__file__), "table.json")

Value = list[str] | str | None
"""The values to offer: a list of them; the name of an API list whose ids to offer; or None if there is nothing to
offer."""


class Option(NamedTuple):
    names: list[str]
    help: str
    takes_value: bool = False
    repeatable: bool = False
    hidden: bool = False
    value: Value = None


class Argument(NamedTuple):
    """An argument. `many`: it takes all remaining words."""

    many: bool = False
    value: Value = None


class Command(NamedTuple):
    """A command or group. `commands`: the visible commands of a group with their help; None for a command."""

    options: list[Option]
    arguments: list[Argument]
    commands: dict[str, str] | None

    def named(self, word: str) -> Option | None:
        return next((option for option in self.options if word in option.names), None)


class Table:
    """The commands and groups by path, such as `chargers list`. The first level has the empty path."""

    def __init__(self, rows: dict[str, dict[str, object]]) -> None:
        self._rows = rows

    def __contains__(self, path: str) -> bool:
        return path in self._rows

    def __getitem__(self, path: str) -> Command:
        row: dict[str, list[dict[str, object]]] = self._rows[path]  # type: ignore[assignment]
        return Command(
            [Option(**each) for each in row["options"]],  # type: ignore[arg-type]
            [Argument(**each) for each in row["arguments"]],  # type: ignore[arg-type]
            row.get("commands"),  # type: ignore[arg-type]
        )


def read() -> Table:
    with open(PATH, encoding="utf-8") as file:
        return Table(json.load(file))
