"""`access-policy energy`: the commands of several modules in one group."""

from __future__ import annotations

import typer

from access_policy.entrypoints.cli import energy, energy_what_if

app = typer.Typer(no_args_is_help=True)
for module_app in (energy.app, energy_what_if.app):
    app.registered_commands += module_app.registered_commands
