"""`backup` and `restore`: the files of an installation, including its keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from access_policy import __version__
from access_policy.domain.plurals import counted
from access_policy.entrypoints.cli.installation import Data, refuse, run, settings_of

if TYPE_CHECKING:
    from access_policy.adapters.local_files.installation_files import InstallationFiles
    from access_policy.adapters.local_files.manifests import Manifest, Progress
    from access_policy.settings import Settings

app = typer.Typer()

Lists = Annotated[
    list[Path] | None,
    typer.Option("--erasures", exists=True, dir_okay=False, help="A list of erasures (erasures.jsonl); repeatable"),
]
Backup = Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Directory of the backup")]


@app.command()
def backup(directory: Backup, data: Data = None) -> None:
    """Back up the files and keys of the installation to a new directory, as they are at one moment. The service may be
    running.

    Anyone who can read the backup can read every sealed value and sign tokens: protect it like the data directory.
    """
    from access_policy.adapters.clock import SystemClock
    from access_policy.adapters.local_files.backups import write_backup
    from access_policy.adapters.local_files.manifests import BackupUnusable

    settings = settings_of(data=data)
    try:
        with _progress("Copying") as progress:
            manifest = write_backup(
                _files_of(settings), directory, program=__version__, now=SystemClock().now(), progress=progress
            )
    except (BackupUnusable, OSError) as error:
        refuse(error)
    _say(manifest, f"backed up to {directory}")
    for line in _elsewhere(settings):
        print(line)


@app.command()
def restore(directory: Backup, data: Data = None, erasures: Lists = None) -> None:
    """Restore a backup to a data directory that does not exist or is empty. If that fails, nothing has changed.

    Vehicles and tenants that were erased after the backup are erased again. The command finds them on the lists of
    erasures in backups beside this one and in data directories beside the new one. Name further lists with --erasures.
    """
    from access_policy.adapters.clock import SystemClock
    from access_policy.adapters.local_files.manifests import BackupUnusable, read_manifest
    from access_policy.adapters.local_files.restore_markers import RestoreMarker, complete, lists_for
    from access_policy.adapters.local_files.restoring import restore_backup
    from access_policy.adapters.sql.migrations import Part, revisions
    from access_policy.application.context import new_id
    from access_policy.entrypoints.processes.safety import NotAllowed, refuse_served

    settings = settings_of(data=data)
    try:
        refuse_served(settings.data)
        lists = lists_for(directory, settings.data, erasures or [])
        marker = RestoreMarker(
            restore_id=new_id(), backed_up_at=read_manifest(directory).written_at, restored_at=SystemClock().now()
        )
        with _progress("Checking") as progress:
            manifest = restore_backup(
                _files_of(settings),
                directory,
                schemas=revisions(Part.READ_MODELS),
                progress=progress,
                completed=lambda draft: complete(draft, lists, marker),
            )
    except (BackupUnusable, NotAllowed, OSError) as error:
        refuse(error)
    _say(manifest, f"restored to {settings.data}")
    print(f"Lists of erasures: {', '.join(map(str, lists)) or 'none found'}")
    elsewhere = list(_elsewhere(settings))
    for line in elsewhere:
        print(line)
    if elsewhere:
        print("Restore them, run migrate, then finish-restore. The service does not start before that.")
        return
    _finish(settings)


@app.command("finish-restore")
def finish(data: Data = None) -> None:
    """Finish a restore once every database is restored: record it, and repeat erasures and revocations made after the
    backup."""
    _finish(settings_of(data=data))


def _finish(settings: Settings) -> None:
    from access_policy.entrypoints.processes.restoring import finish_restore

    done = run(finish_restore(settings))
    tenants = f", tenants {', '.join(done.tenants)}" if done.tenants else ""
    print(f"{counted(done.entries, 'erasure')} listed; erased again: {counted(done.vehicles, 'vehicle')}{tenants}")
    if done.api_keys:
        print(f"Revoked again: {counted(done.api_keys, 'API key')}")
    print("Start the service; it brings the read models up to the end of the log.")


def _files_of(settings: Settings) -> InstallationFiles:
    from access_policy.adapters.local_files.installation_files import InstallationFiles

    log, read_models = settings.store_location, settings.read_models_location
    return InstallationFiles(
        settings.data,
        log if isinstance(log, Path) else None,
        read_models if isinstance(read_models, Path) else None,
    )


def _say(manifest: Manifest, done: str) -> None:
    log = "" if manifest.position is None else f", the event log up to position {manifest.position}"
    print(f"{counted(len(manifest.files), 'file')} ({counted(manifest.size, 'byte')}) {done}{log}")


def _elsewhere(settings: Settings) -> Iterator[str]:
    """Name the parts of the installation that are not in files."""
    places = {
        "events": settings.store_location,
        "records": settings.records_location,
        "read models": settings.read_models_location,
    }
    if parts := [part for part, place in places.items() if not isinstance(place, Path)]:
        yield f"Not in files: {', '.join(parts)}. docs/operations.md says how to back up and restore them."


@contextmanager
def _progress(says: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(says, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
