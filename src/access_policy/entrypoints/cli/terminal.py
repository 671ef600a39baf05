"""Output to the terminal, prompts, and the end of a command."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console


def is_interactive() -> bool:
    return sys.stdin.isatty()


@dataclass(kw_only=True)
class Terminal:
    """The terminal of a run. `yes`: confirm every prompt. `silent`: print no errors."""

    as_json: bool = False
    silent: bool = False
    yes: bool = False

    @cached_property
    def out(self) -> Console:
        from rich.console import Console

        console = Console(highlight=False)
        console.soft_wrap = not console.is_terminal  # for pipes: complete lines
        return console

    @cached_property
    def err(self) -> Console:
        from rich.console import Console

        return Console(stderr=True, soft_wrap=True, highlight=False, quiet=self.silent)

    def confirm(self, action: str) -> None:
        """Ask before an action that ends or removes something, unless --yes was given. Ends the command with status 2
        without a terminal, and with 1 if the answer is no.
        """
        if self.yes:
            return
        if not is_interactive():
            self.err.print(f"access-policy: to {action} without a terminal, give --yes", markup=False)
            raise typer.Exit(2)
        if not typer.confirm(f"{action[:1].upper()}{action[1:]}?", err=True):
            self.refuse("nothing has changed")

    def refuse(self, reason: str) -> NoReturn:
        self.err.print(f"access-policy: {reason}", markup=False)
        raise typer.Exit(1)
