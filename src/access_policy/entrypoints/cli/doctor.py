"""`access-policy doctor`: check the installation on this machine, and say what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from access_policy.entrypoints.cli.installation import Data

if TYPE_CHECKING:
    from access_policy.entrypoints.doctor.findings import Finding

app = typer.Typer()


@app.command()
def doctor(ctx: typer.Context, data: Data = None) -> None:
    """Check settings, keys, disk, clocks, certificates, databases and the running service. Exit with 1 if you must
    act."""
    from access_policy.entrypoints.doctor.findings import State

    findings = []
    for finding in _findings(ctx, {} if data is None else {"data": data}):
        findings.append(finding)
        if not ctx.obj.as_json:
            print(f"{finding.state:<5} {finding.check}: {finding.text}")
            if finding.action:
                print(f"      => {finding.action}")
    must_act = any(each.state is State.ACT for each in findings)
    if ctx.obj.as_json:
        print(json.dumps({"healthy": not must_act, "findings": [asdict(each) for each in findings]}))
    if must_act:
        raise typer.Exit(1)


def _findings(ctx: typer.Context, flags: dict[str, object]) -> Iterator[Finding]:
    from pydantic import ValidationError

    from access_policy.entrypoints.doctor.examination import examine, misspelt
    from access_policy.entrypoints.doctor.findings import act
    from access_policy.settings import Settings

    yield from misspelt(os.environ, _variables_of_the_command_line(ctx))
    try:
        settings = Settings(**flags)
    except ValidationError as error:
        for each in error.errors():
            name = ".".join(map(str, each["loc"]))
            yield act("settings", f"{name}: {each['msg']}", "Correct it; the other checks need all settings.")
        return
    yield from examine(settings)


def _variables_of_the_command_line(ctx: typer.Context) -> set[str]:
    """Return the environment variables of every command; for example, only `chargers put` reads that of
    `--password`."""
    waiting: list[Any] = [ctx.find_root().command]
    found: set[str] = set()
    while waiting:
        command = waiting.pop()
        found |= {str(each.envvar) for each in command.params if getattr(each, "envvar", None)}
        waiting += getattr(command, "commands", {}).values()
    return found
