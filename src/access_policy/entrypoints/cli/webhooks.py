"""`access-policy webhooks`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from access_policy.entrypoints.cli.arguments import Webhook
from access_policy.entrypoints.cli.depots import IfMatch, Limit
from access_policy.entrypoints.cli.printing import columns, compact, detail, document, done, field, session_of, table
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.session import Session

app = typer.Typer(no_args_is_help=True)

Pattern = Annotated[str | None, typer.Option(help="EventBridge rule pattern in JSON, or @FILE", metavar="JSON|@FILE")]
Preset = Annotated[str | None, typer.Option(help="Name of a predefined pattern; `webhooks presets` lists them")]
Secret = Annotated[
    str | None,
    typer.Option(
        help="whsec_ and 24 to 64 bytes in base64 [default: a new one]", envvar="ACCESS_POLICY_WEBHOOK_SECRET"
    ),
]
Enabled = Annotated[bool | None, typer.Option("--enable/--disable", help="Whether events are delivered")]

SHOWN = ("webhook_id", "name", "url", "preset", "enabled", "disabled_because")


@app.command("create")
def create_webhook(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name that people will see")],
    url: Annotated[str, typer.Option(help="Where events are delivered, https://…")],
    pattern: Pattern = None,
    preset: Preset = None,
    secret: Secret = None,
    enabled: Enabled = None,
) -> None:
    """Deliver events that match a pattern or a preset, and print the signing secret once. Requires the admin role."""
    session = session_of(ctx)
    given = compact(pattern=_pattern(session, pattern), preset=preset, secret=secret, enabled=enabled)
    answer = session.command("POST", "/v1/webhooks", {"name": name, "url": url, **given})
    done(session, answer, f"webhook {answer['webhook_id']} created; its secret, shown only now: {answer['secret']}")


@app.command("list")
def list_webhooks(ctx: typer.Context) -> None:
    """List webhooks."""
    session = session_of(ctx)
    table(session, session.get("/v1/webhooks")["items"], columns(*SHOWN), nothing="no webhooks")


@app.command("presets")
def list_presets(ctx: typer.Context) -> None:
    """List the predefined patterns."""
    session = session_of(ctx)
    table(session, session.get("/v1/webhook-presets")["items"], columns("preset", "title", "meaning"))


@app.command("show")
def show_webhook(ctx: typer.Context, webhook_id: Webhook) -> None:
    """Show a webhook."""
    session = session_of(ctx)
    detail(session, session.get(_path(webhook_id)))


@app.command("change")
def change_webhook(
    ctx: typer.Context,
    webhook_id: Webhook,
    name: Annotated[str | None, typer.Option(help="New name")] = None,
    url: Annotated[str | None, typer.Option(help="Where events are delivered, https://…")] = None,
    pattern: Pattern = None,
    preset: Preset = None,
    enabled: Enabled = None,
    if_match: IfMatch = None,
) -> None:
    """Change the named settings."""
    session = session_of(ctx)
    named = compact(name=name, url=url, pattern=_pattern(session, pattern), preset=preset, enabled=enabled)
    before = session.get(_path(webhook_id))
    kept = {each: before[each] for each in ("name", "url", "enabled")}
    if "pattern" not in named and "preset" not in named:
        selected_by = "pattern" if before["preset"] is None else "preset"
        kept[selected_by] = before[selected_by]
    answer = session.command("PUT", _path(webhook_id), {**kept, **named}, if_match=if_match or str(before["version"]))
    done(session, answer, f"webhook {webhook_id} saved")


@app.command("delete")
def delete_webhook(ctx: typer.Context, webhook_id: Webhook, if_match: IfMatch = None) -> None:
    """Delete a webhook, its queue and its delivery log."""
    session = session_of(ctx)
    session.confirm(f"delete the webhook {webhook_id}, its queue and its delivery log")
    answer = session.command("DELETE", _path(webhook_id), if_match=if_match)
    done(session, answer, f"webhook {webhook_id} is deleted")


@app.command("rotate-secret")
def rotate_secret(ctx: typer.Context, webhook_id: Webhook, secret: Secret = None, if_match: IfMatch = None) -> None:
    """Sign with a new secret, and for a day also with the old one."""
    session = session_of(ctx)
    path = f"{_path(webhook_id)}/rotate-secret"
    answer = session.command("POST", path, compact(secret=secret), if_match=if_match)
    done(session, answer, f"webhook {webhook_id} signs with a new secret, shown only now: {answer['secret']}")


@app.command("test")
def test_webhook(ctx: typer.Context, webhook_id: Webhook) -> None:
    """Deliver one test event now. Exit with 1 if the receiver did not accept it."""
    session = session_of(ctx)
    answer = session.command("POST", f"{_path(webhook_id)}/test")
    if not document(session, answer):
        if not answer["delivered"]:
            status = "" if answer["status"] is None else f"status {answer['status']}: "
            session.refuse(f"the test event was not delivered: {status}{answer['detail']}")
        session.out.print(f"delivered in {answer['took_ms']} ms, status {answer['status']}")
    elif not answer["delivered"]:
        raise typer.Exit(1)


@app.command("deliveries")
def list_deliveries(
    ctx: typer.Context,
    webhook_id: Webhook,
    state: Annotated[str | None, typer.Option(help="queued, waiting, delivered or dead_letter [default: all]")] = None,
    limit: Limit = None,
) -> None:
    """List deliveries, newest first."""
    session = session_of(ctx)
    rows = session.pages(f"{_path(webhook_id)}/deliveries", limit, state=state)
    shown = columns("event_id", "event_type", "state", "tries", "queued_at", "next_try_at", "finished_at")
    table(session, rows, [*shown, ("last", _last)], nothing="no deliveries")


@app.command("redeliver")
def redeliver(
    ctx: typer.Context,
    webhook_id: Webhook,
    event_id: Annotated[str | None, typer.Argument(metavar="EVENT", help="An event of the delivery log")] = None,
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="All dead letters of the webhook")] = False,
) -> None:
    """Deliver an event again, or all dead letters."""
    session = session_of(ctx)
    if (event_id is None) is not dead_letters:
        session.refuse("give either an event or --dead-letters")
    what = "redeliver-dead-letters" if event_id is None else f"deliveries/{segment(event_id)}/redeliver"
    answer = session.command("POST", f"{_path(webhook_id)}/{what}")
    done(session, answer, f"queued again: {answer['deliveries']}")


def _path(webhook_id: str) -> str:
    return f"/v1/webhooks/{segment(webhook_id)}"


def _last(row: Any) -> str:
    """Return the latest attempt as `status detail`."""
    attempts = field("attempts")(row)
    return f"{attempts[-1]['status'] or ''} {attempts[-1]['detail']}".strip() if attempts else ""


def _pattern(session: Session, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(Path(text[1:]).read_text("utf-8") if text.startswith("@") else text)
    except OSError as error:
        session.refuse(f"{text[1:]}: {error.strerror}")
    except (ValueError, RecursionError) as error:
        session.refuse(f"--pattern is not JSON: {error}")
    if not isinstance(found, dict):
        session.refuse("--pattern takes a JSON object")
    return found
