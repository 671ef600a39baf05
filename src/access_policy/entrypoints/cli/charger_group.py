"""`access-policy chargers`: the commands of several modules in one group."""

from __future__ import annotations

import typer

from access_policy.entrypoints.cli import charger_calls, charger_files, chargers, profiles

app = typer.Typer(no_args_is_help=True)
for module_app in (chargers.app, charger_calls.app, charger_files.app, profiles.chargers):
    app.registered_commands += module_app.registered_commands
