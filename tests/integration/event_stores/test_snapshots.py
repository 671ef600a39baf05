"""Snapshots of the registry: a cache that may be lost, old or broken without harm."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from eventsourcing.popo import POPOAggregateRecorder

from access_policy.adapters.event_stores.snapshots import REGISTRY_SNAPSHOT, RecorderSnapshots
from access_policy.adapters.event_stores.sqlite import sqlite_snapshots
from access_policy.application.ports.event_store import Snapshots, StreamId
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry import registry
from access_policy.domain.vehicle_registry.events import (
    AgreementRecorded,
    RegistryEvent,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleRegistered,
    VehicleSuspended,
)
from access_policy.domain.vehicle_registry.registry import VehicleRegistry
from tests.unit.event_stores.samples import AGREEMENT_TERMS, DESCRIPTION, REF, VEHICLE

STREAM = StreamId("acme/vehicle_registry/registry")
HISTORY: tuple[RegistryEvent, ...] = (
    AgreementRecorded(agreement=AGREEMENT_TERMS),
    VehicleRegistered(vehicle_id=VEHICLE, description=DESCRIPTION),
    VehicleIdentifierAdded(vehicle_id=VEHICLE, identifier=VehicleIdentifier(ref=REF, sealed="v1.00.AA==")),
)
LATER = VehicleSuspended(vehicle_id=VEHICLE, reason="unpaid")

ADAPTERS: dict[str, Callable[[Path], RecorderSnapshots]] = {
    "memory": lambda _: RecorderSnapshots(POPOAggregateRecorder()),
    "sqlite": lambda directory: sqlite_snapshots(directory / "snapshots.sqlite"),
}


@pytest.fixture(params=ADAPTERS)
async def snapshots(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RecorderSnapshots]:
    opened = ADAPTERS[request.param](tmp_path)
    yield opened
    await opened.close()


def overwrite(file: Path, *, topic: str, state: bytes) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE stored_snapshots SET topic = ?, state = ?", (topic, state))
    connection.close()


async def test_a_stream_without_a_snapshot_has_none(snapshots: Snapshots) -> None:
    assert await snapshots.latest(STREAM) is None


async def test_a_registry_comes_back_as_it_was(snapshots: Snapshots) -> None:
    await snapshots.save(STREAM, 3, registry.fold(HISTORY))

    assert await snapshots.latest(STREAM) == (3, registry.fold(HISTORY))


async def test_an_empty_registry_comes_back_as_it_was(snapshots: Snapshots) -> None:
    await snapshots.save(STREAM, 0, VehicleRegistry())

    assert await snapshots.latest(STREAM) == (0, VehicleRegistry())


async def test_folding_on_from_a_snapshot_is_the_same_as_folding_everything(snapshots: Snapshots) -> None:
    await snapshots.save(STREAM, 3, registry.fold(HISTORY))

    found = await snapshots.latest(STREAM)

    assert found is not None
    found[1].apply(LATER)
    assert found[1] == registry.fold([*HISTORY, LATER])


async def test_the_latest_snapshot_counts_and_who_gets_one_may_change_it(snapshots: Snapshots) -> None:
    state = registry.fold(HISTORY)
    await snapshots.save(STREAM, 3, state)
    state.apply(LATER)
    await snapshots.save(STREAM, 4, state)
    await snapshots.save(STREAM, 4, state)

    first = await snapshots.latest(STREAM)
    assert first is not None
    first[1].vehicles.clear()

    assert await snapshots.latest(STREAM) == (4, registry.fold([*HISTORY, LATER]))


async def test_a_state_of_another_kind_has_no_snapshot(snapshots: Snapshots) -> None:
    with pytest.raises(TypeError, match="str has no snapshot"):
        await snapshots.save(STREAM, 1, "state")


@pytest.mark.parametrize(
    ("topic", "state"),
    [
        ("vehicle_registry.registry.v1.of-another-shape", b"{}"),
        (REGISTRY_SNAPSHOT, b"{"),
        (REGISTRY_SNAPSHOT, b'{"version":1}'),
    ],
    ids=["another shape", "torn", "incomplete"],
)
async def test_a_snapshot_that_cannot_be_read_is_absent_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, topic: str, state: bytes
) -> None:
    caplog.set_level(logging.INFO)
    snapshots = sqlite_snapshots(tmp_path / "snapshots.sqlite")
    await snapshots.save(STREAM, 3, registry.fold(HISTORY))
    overwrite(tmp_path / "snapshots.sqlite", topic=topic, state=state)

    assert await snapshots.latest(STREAM) is None

    assert STREAM in caplog.text
    await snapshots.close()


async def test_a_store_of_snapshots_that_fails_is_no_failure_of_its_user(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots = sqlite_snapshots(tmp_path / "snapshots.sqlite")
    with sqlite3.connect(tmp_path / "snapshots.sqlite") as connection:
        connection.execute("DROP TABLE stored_snapshots")
    connection.close()

    await snapshots.save(STREAM, 3, registry.fold(HISTORY))
    assert await snapshots.latest(STREAM) is None

    assert "is not written" in caplog.text
    assert "cannot be read" in caplog.text
    await snapshots.close()


async def test_sqlite_keeps_the_latest_snapshot_only(tmp_path: Path) -> None:
    snapshots = sqlite_snapshots(tmp_path / "snapshots.sqlite")
    other = StreamId("other/vehicle_registry/registry")
    await snapshots.save(other, 1, VehicleRegistry())
    for version in range(1, 6):
        await snapshots.save(STREAM, version, VehicleRegistry(version=version))
    await snapshots.close()

    with sqlite3.connect(tmp_path / "snapshots.sqlite") as connection:
        kept = connection.execute("SELECT originator_id, originator_version FROM stored_snapshots").fetchall()
    connection.close()
    assert sorted(kept) == [(STREAM, 5), (other, 1)]


async def test_a_registry_of_many_vehicles_is_kept(snapshots: Snapshots) -> None:
    many = registry.fold(
        [
            AgreementRecorded(agreement=AGREEMENT_TERMS),
            *(VehicleRegistered(vehicle_id=VehicleId(f"van-{n}"), description=DESCRIPTION) for n in range(10_000)),
        ]
    )

    await snapshots.save(STREAM, many.version, many)

    assert await snapshots.latest(STREAM) == (many.version, many)
