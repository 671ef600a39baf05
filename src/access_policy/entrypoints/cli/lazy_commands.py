"""The groups of the command line: each command's module is imported when the command is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group_from_info
from typer.models import TyperInfo

from access_policy.entrypoints.cli.command_table import ENTRIES, SECTIONS, Entry
from access_policy.entrypoints.cli.context_defaults import with_context, without_token_of_others
from access_policy.entrypoints.cli.examples import lines_of
from access_policy.entrypoints.cli.global_options import hoisted
from access_policy.entrypoints.cli.plain_values import take_as_they_are

PACKAGE = "access_policy.entrypoints.cli"


class Command(TyperCommand):
    """A command that reports all missing options at once and shows examples."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        path = ctx.command_path.partition(" ")[2]
        if examples := lines_of(path):
            with formatter.section("Examples"):
                for line in examples:
                    formatter.write(f"  {line}\n")

    def get_params(self, ctx: Any) -> list[Any]:
        return take_as_they_are(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and (missing := self._missing(ctx, args)):
            ctx.fail(f"Missing {' and '.join(filter(None, [', '.join(missing[:-1]), missing[-1]]))}.")
        return super().parse_args(ctx, args)

    def _missing(self, ctx: Any, args: list[str]) -> list[str]:
        """Return the required options and arguments that are missing; none if help is to be printed."""
        order: list[Any]
        params: list[Any] = self.get_params(ctx)
        given, _, order = self.make_parser(ctx).parse_args(args=list(args))
        if any(param.is_eager and given.get(param.name) for param in order):
            return []
        return [
            param.opts[0] if param.param_type_name == "option" else (param.metavar or str(param.name).upper())
            for param in params
            if param.required and param.consume_value(ctx, given)[0] in (None, [], ())
        ]


class LazyCommands(MutableMapping[str, Any]):
    """The commands by name; reading one imports its module."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(ENTRIES[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(ENTRIES)

    def __len__(self) -> int:
        return len(ENTRIES)


class Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return take_as_they_are(super().get_params(ctx))


class Root(Group):
    """The first level, whose help imports no command."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": None})
        self.commands = LazyCommands()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        line = hoisted(self, ctx, args)
        with_context(self, ctx, line)
        left = super().parse_args(ctx, line)
        without_token_of_others(ctx)
        return left

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, typer.Abort):  # click raises Abort at a prompt
            raise typer.Exit(130) from None

    def _main_shell_completion(self, ctx_args: Any, prog_name: str, complete_var: str | None = None) -> None:
        if not any(name.endswith("_COMPLETE") for name in os.environ):
            return
        from access_policy.entrypoints.cli.completing.answering import answer, variable_of

        status = answer(os.environ, complete_var or variable_of(prog_name))
        if status is not None:
            sys.exit(status)
        super()._main_shell_completion(ctx_args, prog_name, complete_var)  # the shell's script

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, ENTRIES))
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(each.name.ljust(width), each.help) for each in entries if not each.hidden])


def _load(entry: Entry) -> Any:
    module = import_module(f"{PACKAGE}.{entry.module}")
    if entry.group is None:
        return _group(module.app, entry).commands[entry.name]
    return _group(getattr(module, entry.group), entry)


def _group(commands: typer.Typer, entry: Entry) -> TyperGroup:
    for each in commands.registered_commands:
        each.cls = Command
    info = TyperInfo(commands, name=entry.name, help=entry.help, cls=Group)
    return get_group_from_info(info, pretty_exceptions_short=False, suggest_commands=True, rich_markup_mode=None)
