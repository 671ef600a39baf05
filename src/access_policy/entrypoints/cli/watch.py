"""`access-policy watch`: follow the live stream in the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.history import ChargerOption, DepotOption, identifier, place_of
from access_policy.entrypoints.cli.identities import place
from access_policy.entrypoints.cli.printing import in_local_times, session_of, shown
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()

RETRY_S: Final = 2.0
KINDS: Final = ("attempt", "mode_change", "charger", "reservation", "energy", "import")


@dataclass
class _Place:
    """The position that the stream has reached."""

    last_id: str | None


@app.command()
def watch(
    ctx: typer.Context,
    charger: ChargerOption = None,
    depot: DepotOption = None,
    event: Annotated[
        list[str] | None, typer.Option(help=f"Only these: {', '.join(KINDS)}; repeatable [default: all]")
    ] = None,
    after: Annotated[str | None, typer.Option(help="Begin after this event id [default: now]")] = None,
    once: Annotated[bool, typer.Option("--once", help="End when everything so far has been shown")] = False,
) -> None:
    """Show attempts, mode changes, chargers, reservations, energy and imports as they happen, until Ctrl-C."""
    session, reached = session_of(ctx), _Place(after)
    charger, depot = place(session, charger, depot)
    while True:
        for name, data in _messages(session, reached, charger, depot, event or [], follow=not once):
            if name == "end" and data["reason"] == "signed-out":
                session.refuse("the stream ended, because the token is no longer valid; get a new one")
            _print(session, name, data, reached.last_id)
        if once:
            return
        time.sleep(RETRY_S)


def _messages(
    session: Session, reached: _Place, charger: str | None, depot: str | None, events: list[str], *, follow: bool
) -> Iterator[tuple[str, Any]]:
    """Yield the name and data of each message until the connection ends."""
    import msgspec

    query = {
        "charger_id": charger,
        "depot_id": depot,
        "event": events,
        "follow": follow,
        "last_event_id": reached.last_id,
    }
    found: dict[str, str] = {}
    for line in session.lines("/v1/stream", **query):
        name, _, value = line.partition(": ")
        if line:
            found[name] = value
            continue
        reached.last_id = found.get("id", reached.last_id)
        if "event" in found:
            yield found["event"], msgspec.json.decode(found["data"])
        found = {}


def _print(session: Session, name: str, data: Any, last_id: str | None) -> None:
    import msgspec

    if session.as_json:
        line = msgspec.json.encode({"id": last_id, "event": name, "data": data})
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()
    elif name == "reset":
        session.err.print("too much has changed in the meantime; earlier changes are not shown", markup=False)
    elif name in KINDS:
        words = [shown(word) for word in _words(name, in_local_times(session, data) if "charger_id" in data else data)]
        session.out.print("  ".join(word for word in (name.replace("_", " "), *words) if word), markup=False)


def _words(name: str, row: Any) -> list[Any]:
    match name:
        case "attempt":
            who = row["vehicle_id"] or identifier(row)
            charge = _charge(row["session"])
            return [row["occurred_at"], place_of(row), row["decision"], row["reason"], who, charge]
        case "mode_change":
            return [row["requested_at"], row["charger_id"], row["mode"], row["outcome"], row["how_known"]]
        case "charger":
            connected = "connected" if row["connected"] else "not connected"
            return [row["charger_id"], connected, f"expected {row['expected_mode']}", row["sync"]]
        case "reservation":
            return [row["reservation_id"], row["status"], row["start"], row["end"]]
        case "energy":
            silent = counted(len(row["degraded"]), "silent feed") if row["degraded"] else ""
            narrowed = [f"{each['level']}: {', '.join(each['charger_ids'])}" for each in row["narrowed"]]
            return [row["depot_id"], *(narrowed or ["open"]), silent]
        case _:
            return [row["plan_id"], row["state"], f"{row['done']} of {counted(row['of'], 'row')}"]


def _charge(session: Any) -> str:
    if session is None:
        return ""
    return "charging" if session["ended_at"] is None else f"charged {session['energy_wh'] or 0} Wh"
