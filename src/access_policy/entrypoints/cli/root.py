"""The first level of the command line: the options that every command has."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from access_policy import __version__
from access_policy.application.ports.identity import Role
from access_policy.entrypoints.cli.lazy_commands import Root

app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Switches a depot's chargers between freevend and managed access, and decides who may charge.",
    epilog="These options may be given anywhere on the line. The help of each command has examples.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"access-policy {__version__}")
        raise typer.Exit


Url = Annotated[str, typer.Option(envvar="ACCESS_POLICY_URL", help="Address of the service")]
Token = Annotated[str | None, typer.Option(envvar="ACCESS_POLICY_TOKEN", help="Bearer token", show_default=False)]
Tenant = Annotated[
    str | None,
    typer.Option(
        "--as-tenant", "--tenant", envvar="ACCESS_POLICY_TENANT", help="Without --token: sign a token for this tenant"
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--keys-of", "--data", envvar="ACCESS_POLICY_DATA", help="Directory with the keys that sign the token"
    ),
]
RoleOption = Annotated[Role, typer.Option(envvar="ACCESS_POLICY_ROLE", help="Role of the signed token")]
Ca = Annotated[
    Path | None,
    typer.Option(envvar="ACCESS_POLICY_CA", help="CA certificate (PEM) of the service, in addition to the system's"),
]
TimeZone = Annotated[
    str | None,
    typer.Option(envvar="ACCESS_POLICY_TIME_ZONE", help="Time zone of times without an offset [default: the depot's]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's responses, for scripts")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="End or remove things without a prompt")]
Context = Annotated[
    str | None, typer.Option(envvar="ACCESS_POLICY_CONTEXT", help="Stored service; see: access-policy context")
]
Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit")
]


@app.callback()
def connect(
    ctx: typer.Context,
    url: Url = "http://127.0.0.1:8000",
    token: Token = None,
    tenant: Tenant = None,
    data: Data = "data",
    role: RoleOption = Role.OPERATOR,
    ca: Ca = None,
    time_zone: TimeZone = None,
    as_json: AsJson = False,
    yes: Yes = False,
    context: Context = None,
    _: Version = False,
) -> None:
    from access_policy.entrypoints.cli.connection import Connection
    from access_policy.entrypoints.cli.credentials import Credentials
    from access_policy.entrypoints.cli.session import Session

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show must not cause an error
    session = Session(
        Connection(url, ca, transport=ctx.obj),
        Credentials(token, tenant, data, role),
        time_zone,
        as_json=as_json,
        yes=yes,
    )
    ctx.call_on_close(session.close)
    if time_zone is not None:
        session.zone()  # ends the command here if the name is unknown
    ctx.obj = session
