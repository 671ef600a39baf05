"""Answers a shell that completes a line of this program."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from access_policy.entrypoints.cli.completing import shells, table
from access_policy.entrypoints.cli.completing.lines import Ids, Line, Offer


def variable_of(program: str) -> str:
    """Return the name of the environment variable that holds the shell's instruction, such as `complete_bash`."""
    return f"_{program}_COMPLETE".replace("-", "_").upper()


def answer(environ: Mapping[str, str], variable: str) -> int | None:
    """Print the offers and return the exit status; None if no shell is completing a line, or if it requests its
    script."""
    instruction, _, shell = environ.get(variable, "").partition("_")
    if instruction != "complete" or shell not in shells.SHELLS:
        return None
    words, incomplete = shells.typed(shell, environ)
    text, status = shells.reply(shell, offers(words, incomplete), environ)
    sys.stdout.write(f"{text}\n")
    return status


def offers(words: Sequence[str], incomplete: str) -> list[Offer]:
    """Return the possible replacements of the incomplete word, which may be `--option=value`."""
    commands = table.read()
    option, joined, value = incomplete.partition("=")
    if joined and option.startswith("-") and "--" not in words:
        line = Line(commands, [*words, option])
        found = [] if line.awaiting is None else _looked_up(line, value)
        return [Offer(f"{option}={text}", note) for text, note in found]
    return _looked_up(Line(commands, words), incomplete)


def _looked_up(line: Line, incomplete: str) -> list[Offer]:
    found = line.offers(incomplete)
    if not isinstance(found, Ids):
        return found
    from access_policy.entrypoints.cli.completing.ids import ids_of

    return [Offer(each) for each in ids_of(found.listed, line.options) if each.startswith(found.beginning)]
