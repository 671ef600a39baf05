"""`access-policy depots`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.amending import amend, print_changes
from access_policy.entrypoints.cli.arguments import Mode, NewDepot, Override
from access_policy.entrypoints.cli.choosing import OrAllOfDepot
from access_policy.entrypoints.cli.completion import Depot
from access_policy.entrypoints.cli.identities import chargers_of
from access_policy.entrypoints.cli.many_results import results
from access_policy.entrypoints.cli.printing import columns, compact, detail, document, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)

IfMatch = Annotated[str | None, typer.Option(help="Only change it if this is still its version")]
Limit = Annotated[int | None, typer.Option(min=1, help="The most entries to list [default: all]")]

DEPOT_FIELDS = (
    "name",
    "time_zone",
    "language",
    "longest_override_days",
    "session_max_age_hours",
    "identifier_kinds",
    "exclusive_kinds",
    "partner_reports_include_denials",
    "digest_at",
)


Name = Annotated[str | None, typer.Option(help="Required for a new depot")]
TimeZone = Annotated[str | None, typer.Option(help="IANA name, such as Europe/Berlin; required for a new depot")]
Language = Annotated[str | None, typer.Option(help="Language of messages to drivers: en, de, fr, es, nl")]
LongestOverride = Annotated[int | None, typer.Option(help="Days that an override may last [default: 7]")]
SessionMaxAge = Annotated[
    int | None, typer.Option(help="Hours without energy after which a session is lost [default: 48]")
]
Kinds = Annotated[list[str] | None, typer.Option(help="Kind of identifier valid here; repeatable [default: all]")]
AnyKind = Annotated[bool, typer.Option("--any-kind", help="All kinds of identifiers are valid")]
ExclusiveKinds = Annotated[
    list[str] | None, typer.Option(help="Kind that may charge at one charger at a time; repeatable")
]
PartnerDenials = Annotated[
    bool | None,
    typer.Option(
        "--partner-denials/--no-partner-denials", help="Whether reports for partners of agreements count denials"
    ),
]
DigestAt = Annotated[str | None, typer.Option(help="Local time of the daily digest, such as 06:30; 'never' for none")]


@app.command("put")
def put_depot(
    ctx: typer.Context,
    depot_id: NewDepot,
    name: Name = None,
    time_zone: TimeZone = None,
    language: Language = None,
    longest_override_days: LongestOverride = None,
    session_max_age_hours: SessionMaxAge = None,
    identifier_kind: Kinds = None,
    any_kind: AnyKind = False,
    exclusive_kind: ExclusiveKinds = None,
    partner_denials: PartnerDenials = None,
    digest_at: DigestAt = None,
    if_match: IfMatch = None,
) -> None:
    """Register a depot, or change the named settings and print the changes."""
    session = session_of(ctx)
    named = compact(
        name=name,
        time_zone=time_zone,
        language=language,
        longest_override_days=longest_override_days,
        session_max_age_hours=session_max_age_hours,
        identifier_kinds=identifier_kind,
        exclusive_kinds=exclusive_kind,
        partner_reports_include_denials=partner_denials,
    )
    if any_kind and identifier_kind:
        session.refuse("--any-kind contradicts --identifier-kind; give one of them")
    named |= compact(digest_at=digest_at) if digest_at != "never" else {"digest_at": None}
    named |= {"identifier_kinds": None} if any_kind else {}
    needed = {"name": "--name", "time_zone": "--time-zone"}
    path = f"/v1/depots/{segment(depot_id)}"
    before, answer = amend(session, path, DEPOT_FIELDS, named, needed=needed, if_match=if_match)
    print_changes(session, f"depot {depot_id} saved", before, answer, DEPOT_FIELDS)


@app.command("list")
def list_depots(ctx: typer.Context, limit: Limit = None) -> None:
    """List depots."""
    session = session_of(ctx)
    table(session, session.pages("/v1/depots", limit), columns("depot_id", "name", "time_zone", "language"))


@app.command("show")
def show_depot(ctx: typer.Context, depot_id: Depot) -> None:
    """Show a depot."""
    session = session_of(ctx)
    detail(session, session.get(f"/v1/depots/{segment(depot_id)}"))


@app.command("override")
def override_many(
    ctx: typer.Context,
    depot_id: Depot,
    mode: Mode,
    reason: Annotated[str, typer.Option(help="Recorded with your name")],
    charger: OrAllOfDepot = None,
    begin: Annotated[str | None, typer.Option("--from", help="Start of the override [default: now]")] = None,
    until: Annotated[str | None, typer.Option(help="End of the override")] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="Duration, such as 2h, 90m or PT2H")] = None,
    until_next_transition: Annotated[
        bool, typer.Option("--until-next-transition", help="Until the schedule changes the mode")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change and record nothing")] = False,
) -> None:
    """Override the schedules of many chargers with a mode, for the same period."""
    session = session_of(ctx)
    body = compact(
        mode=mode,
        reason=reason,
        charger_ids=chargers_of(session, charger) or "all",
        until=session.instant(until, depot=depot_id),
        until_next_transition=until_next_transition or None,
        dry_run=dry_run or None,
    )
    body |= compact(**{"from": session.instant(begin, depot=depot_id), "for": session.span(lasts)})
    answer = session.command("POST", f"/v1/depots/{segment(depot_id)}/overrides", body)
    if dry_run:
        results(session, answer)
    else:
        _overridden(session, answer, f"override {answer['override_id']}")


@app.command("overrides")
def list_overrides(ctx: typer.Context, depot_id: Depot) -> None:
    """List the running and future overrides, each with its chargers."""
    session = session_of(ctx)
    items = session.get(f"/v1/depots/{segment(depot_id)}/overrides")["items"]
    shown = columns("override_id", "mode", "from", "until", "reason", "made_by", "charger_ids")
    table(session, items, shown, about={"depot_id": depot_id}, nothing="no overrides")


@app.command("lift")
def lift_many(ctx: typer.Context, depot_id: Depot, override_id: Override) -> None:
    """End an override now at all chargers of the depot that have it."""
    session = session_of(ctx)
    session.confirm(f"lift the override {override_id} at all its chargers")
    answer = session.command("DELETE", f"/v1/depots/{segment(depot_id)}/overrides/{segment(override_id)}")
    _overridden(session, answer, f"override {override_id} is lifted")


def _overridden(session: Session, answer: Any, sentence: str) -> None:
    if document(session, answer):
        return
    refused = [each for each in answer["results"] if not each["ok"]]
    changed = counted(len(answer["results"]) - len(refused), "charger")
    session.out.print(f"{sentence} at {changed}", markup=False)
    for each in refused:
        session.out.print(f"{each['charger_id']}: {each['problem']['detail']}", markup=False)
    if refused:
        raise typer.Exit(1)
