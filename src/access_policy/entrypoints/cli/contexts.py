"""`access-policy login` and `context`: stored services with a token, so that neither must be typed."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

import typer

from access_policy.entrypoints.cli import saved_contexts
from access_policy.entrypoints.cli.arguments import Context
from access_policy.entrypoints.cli.credentials import Credentials
from access_policy.entrypoints.cli.printing import columns, done, session_of, table
from access_policy.entrypoints.cli.session import Session

app = typer.Typer()
group = typer.Typer(no_args_is_help=True)


@app.command()
def login(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of the service, https://…")],
    name: Annotated[str, typer.Option(help="Name of the context")] = "default",
    token: Annotated[
        str | None, typer.Option(help="Bearer token or API key [default: ask for it, or read standard input]")
    ] = None,
) -> None:
    """Store the address and a token or API key of a service under a name, and use them from now on.

    Only you can read the file. Flags and environment variables take precedence over it.
    """
    session = session_of(ctx)
    token = (token or _read_token()).strip()
    if not token:
        session.refuse("the token is empty; nothing is stored")
    tried = Session(replace(session.connection, url=url), Credentials(token), as_json=session.as_json)
    try:
        tried.get("/v1/depots", limit=1)
    finally:
        tried.close()
    contexts = _contexts(session)
    stored = {
        "url": url,
        "token": token,
        "ca": session.connection.ca and str(session.connection.ca.absolute()),
        "time_zone": session.time_zone,
    }
    contexts.by_name[name] = {option: value for option, value in stored.items() if value}
    contexts.current = name
    _write(session, contexts)
    done(session, {"name": name, "url": url}, f"logged in to {url}; the context {name} is in use")


@group.command("use")
def use_context(ctx: typer.Context, name: Context) -> None:
    """Use another context from now on."""
    session = session_of(ctx)
    contexts = _contexts(session)
    _refuse_unknown(session, contexts, name)
    contexts.current = name
    _write(session, contexts)
    done(session, {"name": name}, f"the context {name} is in use")


@group.command("list")
def list_contexts(ctx: typer.Context) -> None:
    """List the contexts, without their tokens."""
    session = session_of(ctx)
    contexts = _contexts(session)
    rows = [
        {"name": name, "url": each.get("url"), "in_use": name == contexts.current}
        for name, each in sorted(contexts.by_name.items())
    ]
    table(session, rows, columns("name", "url", "in_use"), nothing="no contexts; store one: access-policy login URL")


@group.command("remove")
def remove_context(ctx: typer.Context, name: Context) -> None:
    """Remove a context and its token from this machine."""
    session = session_of(ctx)
    contexts = _contexts(session)
    _refuse_unknown(session, contexts, name)
    session.confirm(f"remove the context {name}")
    del contexts.by_name[name]
    contexts.current = None if contexts.current == name else contexts.current
    _write(session, contexts)
    done(session, {"name": name}, f"removed the context {name}")


def _read_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token or API key", hide_input=True, err=True))
    return sys.stdin.readline()


def _contexts(session: Session) -> saved_contexts.Contexts:
    try:
        return saved_contexts.read()
    except saved_contexts.ContextsUnreadable as error:
        session.refuse(str(error))


def _write(session: Session, contexts: saved_contexts.Contexts) -> None:
    try:
        saved_contexts.write(contexts)
    except OSError as error:
        session.refuse(f"{saved_contexts.place()} cannot be written ({error.strerror})")


def _refuse_unknown(session: Session, contexts: saved_contexts.Contexts, name: str) -> None:
    if name not in contexts.by_name:
        known = ", ".join(sorted(contexts.by_name)) or "none; store one: access-policy login URL"
        session.refuse(f"context {name} is unknown; known: {known}")
