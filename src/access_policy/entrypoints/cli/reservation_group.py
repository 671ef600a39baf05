"""`access-policy reservations`: the commands of several modules in one group."""

from __future__ import annotations

import typer

from access_policy.entrypoints.cli import dispatch_sheets, reservations

app = typer.Typer(no_args_is_help=True)
for module_app in (reservations.app, dispatch_sheets.app):
    app.registered_commands += module_app.registered_commands
