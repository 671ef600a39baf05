"""`access-policy audit`: read the audit, export it, and verify the chain over the stored log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from access_policy.entrypoints.cli.running import Data, refuse, run, settings_of
from access_policy.settings import Settings

if TYPE_CHECKING:
    from access_policy.application.audit.findings import Verification

app = typer.Typer(no_args_is_help=True)

HeadFile = Annotated[
    Path | None, typer.Option("--head", exists=True, dir_okay=False, help="A file with an earlier output of audit head")
]


@app.command("head")
def export_head(data: Data = None) -> None:
    """Print the heads of all chains, signed and dated. Store them elsewhere, where the service's operators cannot write."""
    print(run(_head(settings_of(data=data))))


@app.command("verify")
def verify_chain(ctx: typer.Context, data: Data = None, head: HeadFile = None) -> None:
    """Verify the stored log against its audit chain. Exit 1 if something was edited, deleted, inserted or truncated.

    Without --head, a log that was truncated together with its chain cannot be recognised.
    """
    signed = None if head is None else head.read_text(errors="replace")
    found = run(_verify(settings_of(data=data), signed))
    if ctx.obj.as_json:
        print(json.dumps(_document(found)))
    else:
        _print(found)
    if not found.holds:
        raise typer.Exit(1)


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
    if found.untold:
        print(f"and {found.untold} more")
    compared = (
        f"{found.events} events, {found.links} links in {len(found.chains)} chains, up to position {found.reached}"
    )
    print(f"{'The audit chain holds' if found.holds else 'The audit chain does NOT hold'}: {compared}.")
    if found.unchained:
        print(f"{found.unchained} younger positions are not chained yet.")


def _document(found: Verification) -> dict[str, object]:
    return {
        "holds": found.holds,
        "reached": found.reached,
        "events": found.events,
        "links": found.links,
        "unchained": found.unchained,
        "chains": found.chains,
        "findings": [
            {"chain": each.tenant_id, "kind": each.kind, "text": each.text, "first": each.first, "last": each.last}
            for each in found.findings
        ],
        "further_findings": found.untold,
    }
