"""Export a tenant: its events, its rows and its registry as files, with a manifest of hashes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.read_models.tables import METADATA
from access_policy.adapters.sql.tenant_rows import rows_of
from access_policy.application.context import Context, new_id
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.streams import tenant_of
from access_policy.container import Container
from access_policy.containers.closing import close_opened
from access_policy.domain.ids import ActorId, TenantId
from access_policy.entrypoints.processes.failures import CannotRun
from access_policy.settings import Settings

BATCH: Final = 500  # events
OPEN_RECORDS: Final = frozenset({"taken_in", "local_list_sent"})
"""Records without secrets; keys, passwords, sealed values and responses to requests are not exported."""
RECORD_FILES: Final = ("intake", "local_lists")
MANIFEST: Final = "manifest.json"

Progress = Callable[[int, int], None]  # position reached, last position


@dataclass
class _Files:
    directory: Path
    manifest: dict[str, dict[str, object]] = field(default_factory=dict)

    def append(self, name: str, parts: Iterable[bytes]) -> None:
        """Append to a file; the hash covers everything written so far."""
        entry = self.manifest.setdefault(name, {"bytes": 0, "hash": hashlib.sha256()})
        hashed: Any = entry["hash"]
        with (self.directory / name).open("ab") as file:
            for part in parts:
                file.write(part)
                hashed.update(part)
                entry["bytes"] = int(str(entry["bytes"])) + len(part)

    def finish(self, about: dict[str, object]) -> None:
        files = {
            name: {"bytes": each["bytes"], "sha256": each["hash"].hexdigest()}  # type: ignore[attr-defined]
            for name, each in sorted(self.manifest.items())
        }
        (self.directory / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode({**about, "files": files})))


async def export_tenant(
    settings: Settings, tenant_id: TenantId, directory: Path, *, actor: ActorId, progress: Progress
) -> int:
    """Write to the new `directory`, which only its owner can read. The manifest is written last, so a directory without
    one is incomplete. The service may keep running. Returns the number of files. Raises `CannotRun`."""
    container = Container(settings=settings)
    try:
        if not settings.data.is_dir() or await container.read_side.views().tenant(tenant_id) is None:
            raise CannotRun(f"There is no tenant {tenant_id}; see: access-policy tenants list")
        files = _new_files(directory)
        position = await _events(container, tenant_id, files, progress)
        await _registry(container, tenant_id, files, actor)
        await asyncio.to_thread(_rows, settings, tenant_id, files)
        files.finish({"tenant_id": tenant_id, "exported_at": container.clock().now(), "position": position})
        return len(files.manifest)
    except (StoreUnavailable, SQLAlchemyError, OSError) as failed:
        raise CannotRun(f"The export is incomplete: {failed}. Delete {directory} and export again.") from failed
    finally:
        await close_opened(container)


def _new_files(directory: Path) -> _Files:
    try:
        directory.mkdir(mode=0o700, parents=True)
    except FileExistsError as there:
        raise CannotRun(f"{directory} already exists; name a new directory.") from there
    return _Files(directory)


async def _events(container: Container, tenant_id: TenantId, files: _Files, progress: Progress) -> int:
    """Write the events as they are stored, one JSON object per line."""
    store, after = container.stores.store(), 0
    last = await store.last_position()
    files.append("events.jsonl", ())
    while batch := await store.read_raw(after=after, limit=BATCH, up_to=last):
        lines = [
            msgspec.json.encode({**each._asdict(), "state": msgspec.Raw(each.state)}) + b"\n"
            for each in batch
            if tenant_of(each.stream) == tenant_id
        ]
        await asyncio.to_thread(files.append, "events.jsonl", lines)
        after = batch[-1].position
        progress(after, last)
    return last


async def _registry(container: Container, tenant_id: TenantId, files: _Files, actor: ActorId) -> None:
    """Write the registry with the values of identifiers, after recording that they are shown. PINs are masked."""
    context = Context(tenant_id=tenant_id, actor=actor, correlation_id=new_id())
    async for part in container.queries.registry_export()(context):
        await asyncio.to_thread(files.append, "registry.csv", [part.encode()])


def _rows(settings: Settings, tenant_id: TenantId, files: _Files) -> None:
    records = settings.records_location
    places: list[Path | str] = (
        [records] if isinstance(records, str) else [records / f"{name}.sqlite" for name in RECORD_FILES]
    )
    for place in places:
        if isinstance(place, str) or place.exists():
            _append_rows(files, rows_of(place, tenant_id, OPEN_RECORDS))
    if settings.read_models_location != records:
        _append_rows(files, rows_of(settings.read_models_location, tenant_id))
    else:
        _append_rows(files, rows_of(settings.read_models_location, tenant_id, frozenset(METADATA.tables)))


def _append_rows(files: _Files, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
    for table, row in rows:
        files.append(f"{table}.jsonl", [msgspec.json.encode(row, enc_hook=str) + b"\n"])
