"""Moves global options from anywhere on the line to its beginning, where the first level reads them.

An option of the called command takes precedence over a global option with the same name. `--data` and `--tenant` mean
the same everywhere; before a command that has its own, they are passed to the command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SHARED: Final = ("--data", "--tenant")


@dataclass
class _Line:
    """The words of a line. `owned`: the called command's own options, with their number of values."""

    hoisted: list[str]
    kept: list[str]
    shared: list[tuple[str, list[str]]]


def hoisted(root: Any, ctx: Any, args: Sequence[str]) -> list[str]:
    """Return the words of the line, global options first."""
    everywhere = values_of_options(root.params)
    owned: Mapping[str, int] = {}
    command, line, place = root, _Line([], [], []), 0
    while place < len(args):
        word = args[place]
        if word == "--":
            line.kept += args[place:]
            break
        name = word.partition("=")[0]
        known = owned.get(name, everywhere.get(name, 0))
        taken = list(args[place : place + 1 + (known if name == word else 0)])
        place += len(taken)
        if name in owned or name not in everywhere:
            line.kept += taken
        elif name in SHARED and command is not None and hasattr(command, "commands"):
            line.shared.append((name, taken))
        else:
            line.hoisted += taken
        if not word.startswith("-") and hasattr(command, "commands"):
            command = command.commands.get(word)
            owned = {} if command is None else values_of_options(command.params)
    for name, taken in line.shared:
        (line.kept if name in owned else line.hoisted).extend(taken)
    return [*line.hoisted, *line.kept]


def values_of_options(params: Sequence[Any]) -> dict[str, int]:
    """Return the number of values of each option, by all its names."""
    return {
        name: 0 if getattr(param, "is_flag", False) or getattr(param, "count", False) else param.nargs
        for param in params
        if param.param_type_name == "option"
        for name in (*param.opts, *param.secondary_opts)
    }
