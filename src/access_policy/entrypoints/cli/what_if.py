"""`access-policy what-if`."""

from __future__ import annotations

import codecs
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.completion import agreements, chargers, schedules, vehicles
from access_policy.entrypoints.cli.history import identifier, next_second, text_of
from access_policy.entrypoints.cli.identities import chargers_of, identities
from access_policy.entrypoints.cli.printing import Column, compact, document, field, session_of, table
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()

Suspended = Annotated[list[str] | None, typer.Option(autocompletion=vehicles, help="Suspend this vehicle; repeatable")]
Ended = Annotated[list[str] | None, typer.Option(autocompletion=agreements, help="End this agreement; repeatable")]
Withdrawn = Annotated[
    list[str] | None, typer.Option(autocompletion=schedules, help="Let all chargers leave this schedule; repeatable")
]
At = Annotated[
    list[str] | None,
    typer.Option(autocompletion=chargers, help="Id or pattern, such as 'bay-*'; repeatable [default: all]"),
]


@app.command("what-if")
def what_if(
    ctx: typer.Context,
    changes: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="JSON file with `changes` as for POST /v1/what-if"
        ),
    ] = None,
    enforcement: Annotated[str | None, typer.Option(help="enforce or observe, for all chargers")] = None,
    baseline_mode: Annotated[str | None, typer.Option(help="freevend or managed, for all chargers")] = None,
    suspend: Suspended = None,
    end_agreement: Ended = None,
    withdraw_schedule: Withdrawn = None,
    begin: Annotated[str | None, typer.Option("--from", help="Start of the period [default: a week ago]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the period [default: now]")] = None,
    charger: At = None,
) -> None:
    """Decide recorded attempts again under proposed changes (file and options), and show the differences."""
    session = session_of(ctx)
    now = next_second()
    proposed = _proposed(session, changes) | compact(enforcement=enforcement, baseline_mode=baseline_mode)
    for name, more in _named(session, suspend, end_agreement, withdraw_schedule).items():
        proposed[name] = [*proposed.get(name, []), *more]
    if not proposed:
        raise typer.BadParameter("no changes given; give a FILE, or an option such as --enforcement")
    charger = chargers_of(session, charger)
    only = charger[0] if charger and len(charger) == 1 else None
    body = compact(charger_ids=charger) | {
        "from": session.instant(begin, charger=only, ago=True) or text_of(now - timedelta(days=7)),
        "until": session.instant(until, charger=only, ago=True) or text_of(now),
        "changes": proposed,
    }
    answer = session.document(session.request("POST", "/v1/what-if", body=body))
    if not document(session, answer):
        _differences(session, answer)


def _named(
    session: Session, suspend: list[str] | None, end_agreement: list[str] | None, withdraw_schedule: list[str] | None
) -> dict[str, Any]:
    """Return the changes that the options name."""
    suspended = identities(session, "vehicles", suspend) or []
    withdrawn = identities(session, "schedules", withdraw_schedule) or []
    ended = identities(session, "agreements", end_agreement) or []
    return compact(
        vehicles=[{"vehicle_id": each, "suspended": True} for each in suspended],
        schedules=[{"schedule_id": each, "withdraw": True} for each in withdrawn],
        agreements=[{"agreement_id": each, "end": True} for each in ended],
    )


def _proposed(session: Session, file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    import msgspec

    try:
        return msgspec.json.decode(file.read_bytes().removeprefix(codecs.BOM_UTF8), type=dict[str, Any])
    except (msgspec.DecodeError, OSError) as error:
        session.refuse(f"{file}: {error}")


def _differences(session: Session, answer: Any) -> None:
    counts = f"{answer['newly_denied']} newly denied, {answer['newly_allowed']} newly allowed"
    session.out.print(
        f"{counted(answer['attempts'], 'attempt')}, {answer['different']} decided differently: {counts}", markup=False
    )
    if not answer["complete"]:
        session.err.print("only the newest attempts of this period were evaluated; choose a shorter period")
    for note in answer["notes"]:
        session.err.print(f"{note['message']} ({', '.join(note['charger_ids'])})", markup=False)
    change: list[Column] = [
        ("before", lambda row: _outcome(row["before"])),
        ("after", lambda row: _outcome(row["after"])),
    ]
    table(session, answer["counts"], [*change, ("count", field("count"))], nothing="nothing would change")
    if answer["examples"]:
        session.out.print("\nfor example")
        about: list[Column] = [
            ("when", field("occurred_at")),
            ("charger", field("charger_id")),
            ("identifier", identifier),
        ]
        table(session, answer["examples"], [*about, *change, ("attempt", field("attempt_id"))])


def _outcome(outcome: Any) -> str:
    return f"{outcome['decision']} {outcome['would_deny'] or outcome['reason']}"
