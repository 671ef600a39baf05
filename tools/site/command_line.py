"""The reference of the command line, from the program's own commands and their help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from access_policy.entrypoints.cli.command_table import SECTIONS
from access_policy.entrypoints.cli.examples import lines_of
from access_policy.entrypoints.cli.root import app

PROGRAM = "access-policy"
DIRECTORY = "reference/commands"


def pages() -> dict[str, str]:
    """Return a page for each section of the help, and the list of them."""
    root: Any = typer.main.get_command(app)
    context = root.make_context(PROGRAM, [], resilient_parsing=True)
    written = {f"{DIRECTORY}/{_slug(title)}.md": "\n".join(_section(title, root, context)) for title in SECTIONS}
    return written | {f"{DIRECTORY}/index.md": "\n".join(_index(root, context))}


def _index(root: Any, context: Any) -> Iterator[str]:
    yield "# Command reference\n"
    yield f"`{PROGRAM} --help` and `{PROGRAM} COMMAND --help` print the same. [The command line](../../command-line.md) is"
    yield "the guide.\n"
    for title, entries in SECTIONS.items():
        yield f"## {title}\n"
        yield "| command | purpose |\n|---|---|"
        for each in entries:
            if not each.hidden:
                yield f"| [`{each.name}`]({_slug(title)}.md#{PROGRAM}-{each.name}) | {_cell(each.help)} |"
        yield ""
    yield "## Options of every command\n"
    yield "They may appear anywhere on the line.\n"
    yield from _parameters(root, context)
    yield "```{toctree}\n:hidden:\n:titlesonly:\n\n" + "\n".join(map(_slug, SECTIONS)) + "\n```"


def _section(title: str, root: Any, context: Any) -> Iterator[str]:
    yield f"# {title}\n"
    for entry in SECTIONS[title]:
        if not entry.hidden:
            yield from _command(root.commands[entry.name], entry.name, context, level=2)


def _command(command: Any, path: str, parent: Any, *, level: int) -> Iterator[str]:
    context = typer.Context(command, info_name=path.split()[-1], parent=parent)
    yield f"{'#' * level} {PROGRAM} {path}\n"
    yield f"{_text(command.help)}\n"
    if nested := getattr(command, "commands", None):
        for name, each in nested.items():
            if not each.hidden:
                yield from _command(each, f"{path} {name}", context, level=level + 1)
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{PROGRAM} {path} {usage}\n```\n"
    yield from _parameters(command, context)
    if examples := lines_of(path):
        yield "```sh\n" + "\n".join(examples) + "\n```\n"


def _parameters(command: Any, context: Any) -> Iterator[str]:
    records = [each.get_help_record(context) for each in command.get_params(context) if each.name != "help"]
    shown = [record for record in records if record is not None]
    if shown:
        yield "| argument or option | meaning |\n|---|---|"
        yield from (f"| `{names.replace('|', ' / ')}` | {_cell(meaning)} |" for names, meaning in shown)
        yield ""


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("<", "\\<").replace("*", "\\*")


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|").replace("_", "\\_")


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")
