"""Write the table from which shells complete commands, options and values (ADR 0049)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from access_policy.entrypoints.cli.command_table import ENTRIES
from access_policy.entrypoints.cli.completing.table import PATH, Value
from access_policy.entrypoints.cli.completion import LISTS
from access_policy.entrypoints.cli.root import app

Row = dict[str, Any]


def rows() -> dict[str, Row]:
    """Return a row for each command and group, by path: its options, arguments and visible commands."""
    root: Any = typer.main.get_command(app)
    return dict(_rows(root, root.make_context("access-policy", [], resilient_parsing=True), ""))


def text() -> str:
    """Return the file: JSON with one line for each option, argument and command, so that concurrent changes seldom conflict."""
    return _object(
        {path: _object({part: _many(each) for part, each in row.items()}, 1) for path, row in rows().items()}
    )


def _rows(command: Any, context: Any, path: str) -> Iterator[tuple[str, Row]]:
    row: Row = {"options": [], "arguments": []}
    for param in command.get_params(context):
        kind = "options" if param.param_type_name == "option" else "arguments"
        row[kind].append(_option(param) if kind == "options" else _argument(param))
    if not hasattr(command, "commands"):
        yield path, row
        return
    row["commands"] = {
        name: ENTRIES[name].help if path == "" else each.get_short_help_str()
        for name, each in command.commands.items()
        if not (each.hidden or (path == "" and ENTRIES[name].hidden))
    }
    yield path, row
    for name, each in command.commands.items():
        below = each.make_context(name, [], parent=context, resilient_parsing=True)
        yield from _rows(each, below, f"{path} {name}".strip())


def _option(param: Any) -> Row:
    if param.nargs != 1:
        raise ValueError(f"{param.opts[0]} takes {param.nargs} values; the table knows options of one value")
    names = sorted(
        [*param.opts, *param.secondary_opts], key=lambda name: not name.startswith("--")
    )  # --help is in a set
    row: Row = {"names": names, "help": param.help}
    if not (param.is_flag or param.count):
        row |= {"takes_value": True, "value": _value(param)}
    return row | {name: True for name, given in (("repeatable", param.multiple), ("hidden", param.hidden)) if given}


def _argument(param: Any) -> Row:
    return {"many": param.nargs == -1, "value": _value(param)}


def _value(param: Any) -> Value:
    descriptor = param.type_descriptor
    if (mark := descriptor.parameter_info.autocompletion) is not None:
        return LISTS[mark]
    if descriptor.is_choice and descriptor.choices is not None:
        return [str(getattr(each, "value", each)) for each in descriptor.choices]
    return None


def _many(part: Any) -> str:
    if isinstance(part, Mapping):
        return _object({name: json.dumps(each, ensure_ascii=False) for name, each in part.items()}, 2)
    if not part:
        return "[]"
    return "[\n" + ",\n".join(f"   {json.dumps(each, ensure_ascii=False)}" for each in part) + "\n  ]"


def _object(members: Mapping[str, str], depth: int = 0) -> str:
    indent = " " * depth
    lines = ",\n".join(f"{indent} {json.dumps(name)}: {value}" for name, value in members.items())
    return f"{{\n{lines}\n{indent}}}"


if __name__ == "__main__":
    Path(PATH).write_text(text() + "\n", "utf-8")
