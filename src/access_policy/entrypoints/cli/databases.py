"""`migrate`, `rebuild-read-models` and `parked`: commands that open the configured databases."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.installation import Data, refuse, run, settings_of

if TYPE_CHECKING:
    from access_policy.settings import Settings

app = typer.Typer()

Projections = Annotated[list[str] | None, typer.Option(help="A projection; repeatable [default: all]")]


@app.command("migrate")
def migrate_databases(data: Data = None) -> None:
    """Migrate the configured databases to this version. The service migrates SQLite files when it opens them."""
    run(_migrate(settings_of(data=data)))


@app.command("rebuild-read-models")
@app.command("rebuild", hidden=True)
def rebuild_read_models(
    data: Data = None,
    only: Projections = None,
    parked: Annotated[bool, typer.Option("--parked", help="Only read models that could not apply an event")] = False,
) -> None:
    """Rebuild read models from the event log beside those in use, then swap them. The service may keep running."""
    from access_policy.application.projections import PROJECTIONS

    names = [projection.name for projection in PROJECTIONS]
    if unknown := set(only or []) - set(names):
        refuse(ValueError(f"unknown projection {min(unknown)!r}; choose from {', '.join(names)}"))
    run(_rebuild(settings_of(data=data), only or names, only_parked=parked))


@app.command("parked")
def list_parked(data: Data = None) -> None:
    """List events that a read model could not apply, with the reason; `rebuild-read-models --parked` retries them."""
    run(_list_parked(settings_of(data=data)))


async def _migrate(settings: Settings) -> None:
    from access_policy.adapters.aws.address import AwsAddress
    from access_policy.adapters.event_stores.dynamodb.table import make_table
    from access_policy.adapters.read_models.runner import prepare
    from access_policy.adapters.sql.databases import database_at
    from access_policy.adapters.sql.migrations import Part, latest, migrate

    locations = {
        Part.EVENTS: settings.store_location,
        Part.READ_MODELS: settings.read_models_location,
        Part.RECORDS: settings.records_location,
    }
    for part, location in locations.items():
        if isinstance(location, Path):
            file = f"each SQLite file in {location}" if part is Part.RECORDS else f"the SQLite file {location}"
            print(f"{part}: {file} is migrated when it is opened")
            continue
        if isinstance(location, AwsAddress):
            made = await make_table(location)
            print(f"{part}: the DynamoDB table {location.name} {'was created' if made else 'exists'}")
            continue
        database = database_at(location, "migrate", waits=True)
        try:
            with database.writing.begin() as connection:
                migrate(connection, part)
                if part is Part.READ_MODELS:
                    prepare(connection)
        finally:
            database.close()
        print(f"{part}: at version {latest(part)}")


async def _rebuild(settings: Settings, names: list[str], *, only_parked: bool) -> None:
    from rich.progress import Progress

    from access_policy.adapters.event_stores.locations import opens
    from access_policy.container import Container
    from access_policy.containers.closing import close_opened

    container = Container(settings=settings)
    models, store = container.read_side.models(), container.stores.store()
    try:
        if only_parked:
            blocked = {row["projection"] for row in await models.parked()}
            names = [name for name in names if name in blocked]
        if not names:
            print("no events are parked")
            return
        with Progress() as progress:
            task = progress.add_task("Applying events", total=None)
            folded = await models.rebuild(
                store,
                names,
                lambda at, of: progress.update(task, completed=at, total=of),
                open_store=opens(settings.store_location),
            )
        print(f"{', '.join(names)}: {counted(folded, 'event')} applied")
    finally:
        await close_opened(container)


async def _list_parked(settings: Settings) -> None:
    from access_policy.adapters.read_models.runner import ReadModels

    models = ReadModels(settings.read_models_location)
    try:
        parked = await models.parked()
        if not parked:
            print("no events are parked", file=sys.stderr)
        for row in parked:
            print("\t".join(str(row[name]) for name in ("projection", "position", "stream", "event_type", "reason")))
    finally:
        await models.close()
