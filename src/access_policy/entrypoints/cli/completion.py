"""Shell completion of ids, as far as the service can be reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.cli.connection import Connection
from access_policy.entrypoints.cli.credentials import Credentials
from access_policy.entrypoints.cli.session import Session

TIMEOUT_S = 1.0  # the person waits at the prompt
OFFERED = 200

Complete = Callable[[typer.Context, str], list[str]]


def _offers(path: str, name: str) -> Complete:
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        session = _session(ctx)
        if session is None:
            return []
        try:
            found = session.find(path, limit=OFFERED)
        except typer.Exit:
            return []
        finally:
            session.close()
        return [] if found is None else [each[name] for each in found["items"] if each[name].startswith(incomplete)]

    return complete


def _session(ctx: typer.Context) -> Session | None:
    """Return a session like the command's, but without output; None without a token."""
    given = ctx.find_root().params
    if given["token"] is None and (given["tenant"] is None or not (Path(given["data"]) / "keys").is_dir()):
        return None
    credentials = Credentials(given["token"], given["tenant"], given["data"], Role.VIEWER)
    return Session(Connection(given["url"], given.get("ca"), timeout_s=TIMEOUT_S), credentials, silent=True)


chargers = _offers("/v1/chargers", "charger_id")
depots = _offers("/v1/depots", "depot_id")
schedules = _offers("/v1/schedules", "schedule_id")
vehicles = _offers("/v1/vehicles", "vehicle_id")
agreements = _offers("/v1/agreements", "agreement_id")
webhooks = _offers("/v1/webhooks", "webhook_id")

Charger = Annotated[
    str, typer.Argument(metavar="CHARGER", autocompletion=chargers, help="Charger id, or its beginning")
]
Depot = Annotated[str, typer.Argument(metavar="DEPOT", autocompletion=depots, help="Depot id, or its beginning")]
Schedule = Annotated[
    str, typer.Argument(metavar="SCHEDULE", autocompletion=schedules, help="Schedule id, or its beginning")
]
