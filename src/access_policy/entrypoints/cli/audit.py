"""`access-policy audit`: read the audit, export it, and verify the chain of the stored log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from access_policy.application.changes_in_words import change_in_words
from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.history import Since, Until, period, print_newest
from access_policy.entrypoints.cli.installation import Data, refuse, run, settings_of
from access_policy.entrypoints.cli.printing import Column, Row, field, session_of, shown
from access_policy.entrypoints.cli.saving import Output, save

if TYPE_CHECKING:
    from access_policy.application.audit.findings import Verification
    from access_policy.settings import Settings

app = typer.Typer(no_args_is_help=True)

HeadFile = Annotated[
    Path | None, typer.Option("--head", exists=True, dir_okay=False, help="A file with an earlier output of audit head")
]


@app.command("head")
def export_head(data: Data = None) -> None:
    """Print the heads of all chains, signed and dated. Store them where the service's operators cannot write."""
    print(run(_head(settings_of(data=data))))


@app.command("verify")
def verify_chain(ctx: typer.Context, data: Data = None, head: HeadFile = None) -> None:
    """Verify the stored log against its audit chain. Exit with 1 if anything was edited, deleted, inserted or
    truncated.

    Without --head, the command cannot detect that a log was truncated together with its chain.
    """
    signed = None if head is None else head.read_text(errors="replace")
    found = run(_verify(settings_of(data=data), signed))
    if ctx.obj.as_json:
        print(json.dumps(_document(found)))
    else:
        _print(found)
    if not found.holds:
        raise typer.Exit(1)


Kind = Annotated[str | None, typer.Option(help="change or read")]
Actor = Annotated[str | None, typer.Option(help="Who did it")]
Operation = Annotated[str | None, typer.Option(help="An operation of the API, or an event such as mode_overridden")]
Subject = Annotated[str | None, typer.Option(help="KIND or KIND/ID, such as charger/bay-1")]
_AUDITOR_HINT = "Needs the auditor or admin role (--role)."


@app.command("list", epilog=_AUDITOR_HINT)
def list_entries(
    ctx: typer.Context,
    since: Since = None,
    until: Until = None,
    kind: Kind = None,
    actor: Actor = None,
    operation: Operation = None,
    subject: Subject = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The most entries to list")] = 50,
) -> None:
    """List who changed what, and who was shown identifier values, newest first."""
    session = session_of(ctx)
    query = {**period(session, since, until), **_conditions(kind, actor, operation, subject)}
    rows = session.pages("/v1/audit", limit, **query)
    print_newest(session, rows, _LAYOUT, limit, nothing="no audit entries")


@app.command("export", epilog=_AUDITOR_HINT)
def export_entries(
    ctx: typer.Context,
    since: Since = None,
    until: Until = None,
    kind: Kind = None,
    actor: Actor = None,
    operation: Operation = None,
    subject: Subject = None,
    as_json_lines: Annotated[bool, typer.Option("--jsonl", help="One JSON object per line instead of CSV")] = False,
    output: Output = None,
) -> None:
    """Export the audit as CSV or JSON lines."""
    session = session_of(ctx)
    query = {**period(session, since, until), **_conditions(kind, actor, operation, subject)}
    query["format"] = "jsonl" if as_json_lines else "csv"
    save(session, session.request("GET", "/v1/audit/export", query=query).content, output)


def _conditions(
    kind: str | None, actor: str | None, operation: str | None, subject: str | None
) -> dict[str, str | None]:
    subject_kind, _, subject_id = (subject or "").partition("/")
    return {
        "kind": kind,
        "actor": actor,
        "operation": operation,
        "subject_kind": subject_kind or None,
        "subject_id": subject_id or None,
    }


def _changes(row: Row) -> str:
    return "; ".join(change_in_words(each["field"], shown(each["old"]), shown(each["new"])) for each in row["changes"])


_LAYOUT: list[Column] = [
    ("time", field("recorded_at")),
    ("actor", field("actor")),
    ("address", lambda row: row["request"]["address"]),
    ("event", field("event")),
    ("subject", lambda row: f"{row['subject_kind']} {row['subject_id']}"),
    ("part", field("part")),
    ("changes", _changes),
    ("request", lambda row: row["request"]["request_id"]),
]


async def _head(settings: Settings) -> str:
    from access_policy.container import Container
    from access_policy.containers.closing import close_opened

    container = Container(settings=settings)
    try:
        auditing = container.auditing
        return auditing.seals().sign(await auditing.chainer().export_heads())
    finally:
        await close_opened(container)


async def _verify(settings: Settings, signed: str | None) -> Verification:
    from access_policy.application.ports.audit_chains import HeadsRefused
    from access_policy.container import Container
    from access_policy.containers.closing import close_opened

    container = Container(settings=settings)
    try:
        auditing = container.auditing
        exported = None if signed is None else auditing.seals().read(signed)
        return await auditing.verifier().verify(exported)
    except HeadsRefused as refused:
        refuse(refused)
    finally:
        await close_opened(container)


def _print(found: Verification) -> None:
    for each in found.findings:
        print(f"{each.tenant_id or 'installation'}: {each.kind}: {each.text}")
    if found.unlisted:
        print(f"and {found.unlisted} more")
    compared = (
        f"{counted(found.events, 'event')}, {counted(found.links, 'link')} in {counted(len(found.chains), 'chain')}, "
        f"up to position {found.reached}"
    )
    print(f"{'The audit chain holds' if found.holds else 'The audit chain does NOT hold'}: {compared}.")
    if found.erased:
        print(f"Erased tenants, whose chains were erased with them: {', '.join(sorted(found.erased))}.")
    if found.unchained:
        print(f"{counted(found.unchained, 'later position is', 'later positions are')} not chained yet.")


def _document(found: Verification) -> dict[str, object]:
    return {
        "holds": found.holds,
        "reached": found.reached,
        "events": found.events,
        "links": found.links,
        "unchained": found.unchained,
        "chains": found.chains,
        "erased": sorted(found.erased),
        "findings": [
            {"chain": each.tenant_id, "kind": each.kind, "text": each.text, "first": each.first, "last": each.last}
            for each in found.findings
        ],
        "further_findings": found.unlisted,
    }
