"""`access-policy chargers reset|unlock|availability|trigger|setting|call|frames`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from access_policy.application.charger_calls import operations
from access_policy.entrypoints.cli.choosing import Chargers, chosen, for_each
from access_policy.entrypoints.cli.completion import Charger
from access_policy.entrypoints.cli.printing import document, field, session_of, table
from access_policy.entrypoints.cli.quoting import printable, segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()

Connector = Annotated[int | None, typer.Option(min=1, help="Connector (OCPP 2.x: EVSE) [the whole charger]")]


@app.command("reset")
def reset(
    ctx: typer.Context,
    charger: Chargers,
    immediately: Annotated[
        bool, typer.Option("--immediately", help="At once; otherwise running charges end properly first")
    ] = False,
) -> None:
    """Restart chargers."""
    session = session_of(ctx)
    ids = chosen(session, charger)
    session.confirm(f"restart the {'charger' if len(ids) == 1 else 'chargers'} {', '.join(ids)}")
    _call_each(session, ids, lambda protocol: operations.reset(protocol, immediately=immediately))


@app.command("unlock")
def unlock(
    ctx: typer.Context,
    charger_id: Charger,
    connector: Annotated[int, typer.Option(min=1, help="Connector (OCPP 2.x: EVSE)")] = 1,
) -> None:
    """Unlock a connector whose cable is stuck."""
    session = session_of(ctx)
    _call_each(session, [charger_id], lambda protocol: operations.unlock(protocol, connector))


@app.command("availability")
def change_availability(
    ctx: typer.Context,
    charger: Chargers,
    state: Annotated[str, typer.Argument(metavar="STATE", help="operative or inoperative")],
    connector: Connector = None,
) -> None:
    """Take chargers, or one connector of each, out of operation, or put them back into operation."""
    session = session_of(ctx)
    if state not in ("operative", "inoperative"):
        raise typer.BadParameter(f"{state!r} is neither operative nor inoperative")

    def change(protocol: str) -> operations.Call:
        return operations.change_availability(protocol, is_operative=state == "operative", connector_id=connector)

    _call_each(session, chosen(session, charger), change)


@app.command("trigger")
def trigger(
    ctx: typer.Context,
    charger: Chargers,
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="Such as StatusNotification, MeterValues, BootNotification")
    ],
    connector: Connector = None,
) -> None:
    """Make chargers send a message now."""
    session = session_of(ctx)
    ids = chosen(session, charger)
    _call_each(session, ids, lambda protocol: operations.trigger(protocol, message, connector))


@app.command("call")
def call(
    ctx: typer.Context,
    charger_id: Charger,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="Such as GetConfiguration")],
    payload: Annotated[str, typer.Argument(metavar="PAYLOAD", help="JSON, as in OCPP")] = "{}",
) -> None:
    """Send a charger any call of its OCPP version, and print its answer. Most calls need the admin role."""
    session = session_of(ctx)
    import msgspec

    try:
        decoded = msgspec.json.decode(payload)
    except msgspec.DecodeError as error:
        session.refuse(f"the payload is not JSON: {error}")
    if not isinstance(decoded, dict):
        session.refuse('the payload is not a JSON object; write it like {"type": "Soft"}')
    _end_with(session, charger_id, _sent(session, charger_id, (action, decoded)))


@app.command("setting")
def setting(
    ctx: typer.Context,
    charger_id: Charger,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A configuration key; Component.Variable in OCPP 2.x")],
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="New value [default: only read it]")] = None,
) -> None:
    """Read a setting of a charger, or write it (needs the admin role)."""
    session = session_of(ctx)
    protocol = _protocol(session, charger_id)
    try:
        operation = (
            operations.read_setting(protocol, name)
            if value is None
            else operations.write_setting(protocol, name, value)
        )
    except operations.OperationInvalid as invalid:
        session.refuse(invalid.detail)
    _end_with(session, charger_id, _sent(session, charger_id, operation))


@app.command("frames")
def frames(ctx: typer.Context, charger_id: Charger) -> None:
    """Show the latest messages between a charger and the service, newest first, with identifiers masked."""
    session = session_of(ctx)
    rows = session.get(f"/v1/chargers/{segment(charger_id)}/frames")["items"]
    if document(session, {"items": rows}):
        return
    columns = [
        ("when", field("at")),
        ("direction", field("direction")),
        ("kind", field("kind")),
        ("action", field("action")),
        ("payload", field("payload")),
    ]
    about = session.find(f"/v1/chargers/{segment(charger_id)}")
    as_sent = [{**row, "payload": _payload(row)} for row in rows]
    table(session, as_sent, columns, about=about, nothing="no frames since the gateway started")


def _payload(row: Any) -> str:
    if (error := row["error"]) is not None:
        return f"{error['code']}: {error['description']}"
    import msgspec

    return "" if row["payload"] is None else msgspec.json.encode(row["payload"]).decode()


def _call_each(session: Session, ids: Sequence[str], operation: Callable[[str], operations.Call]) -> None:
    """Send each charger the call that `operation` makes for its OCPP version."""

    def call_one(charger_id: str) -> tuple[Any, str | None]:
        made = operation(_protocol(session, charger_id))
        answer = _sent(session, charger_id, made)
        if _is_declined(session, charger_id, answer):
            has_declined.append(charger_id)
            return answer, None
        return answer, f"charger {charger_id} answered {made[0]}: {answer['answer'].get('status', 'no status')}"

    has_declined: list[str] = []
    for_each(session, ids, call_one)
    if has_declined:
        raise typer.Exit(1)


def _is_declined(session: Session, charger_id: str, answer: Any) -> bool:
    """Return whether the charger declined the call, and print its answer if so."""
    status = operations.declined(answer["answer"])
    if status is not None:
        text = f"access-policy: charger {charger_id} answered {answer['action']}: {status}"
        session.err.print(printable(text), markup=False)
    return status is not None


def _end_with(session: Session, charger_id: str, answer: Any) -> None:
    """Print the charger's answer; end the command with 1 if it declines the call."""
    if not document(session, answer):
        session.out.print_json(data=answer["answer"])
    if _is_declined(session, charger_id, answer):
        raise typer.Exit(1)


def _sent(session: Session, charger_id: str, operation: operations.Call) -> Any:
    action, payload = operation
    path = f"/v1/chargers/{segment(charger_id)}/calls"
    return session.command("POST", path, {"action": action, "payload": payload})


def _protocol(session: Session, charger_id: str) -> str:
    """Return the OCPP version of the charger's latest connection."""
    protocol = session.get(f"/v1/chargers/{segment(charger_id)}")["protocol"]
    if protocol is None:
        session.refuse(f"charger {charger_id} has never been connected")
    return str(protocol)
