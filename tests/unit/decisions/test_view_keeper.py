"""The decision view is kept between two processes: a cache that may be lost, old or broken without harm."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from access_policy.adapters.local_files import view_snapshots
from access_policy.adapters.local_files.view_snapshots import FileViewSnapshots
from access_policy.application.decision_view.snapshots import ViewKeeper
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import EventStore
from access_policy.application.streams import (
    charge_point_stream,
    policy_stream,
    registry_stream,
    reservation_book_stream,
    site_energy_stream,
)
from access_policy.domain.charge_points.claims import ChargePointClaimed
from access_policy.domain.ids import ChargePointId, VehicleId
from access_policy.domain.reservations.events import ReservationSettingsPut
from access_policy.domain.reservations.settings import ReservationSettings
from access_policy.domain.site_energy.events import (
    AccessNarrowed,
    DegradedReason,
    EnergyControlDegraded,
    IgnoredReason,
    OperatingEnvelopeIgnored,
)
from access_policy.domain.site_energy.gate import GateLevel
from tests.support import builders, reservations
from tests.support import site_energy as energy
from tests.support.depot_in_memory import BAY, DAY, DEPOT, NIGHT, TENANT, DepotInMemory
from tests.support.reservations import R2
from tests.support.stores import memory_store

CP = ChargePointId("CP-1")
ENERGY = (
    *energy.opted_in(),
    energy.received(energy.envelope(fallback=energy.fallback())),
    energy.received(energy.envelope(energy.E2, source="other")),
    energy.withdrawn(builders.NOON, energy.E2),
    energy.measured(energy.demand(40_000)),
    energy.heard(builders.NOON),
    energy.offline(builders.NOON + builders.HOUR, "other"),
    OperatingEnvelopeIgnored(
        depot_id=DEPOT, envelope=energy.envelope(), reason=IgnoredReason.SEQUENCE_OLD, ignored_at=builders.NOON
    ),
    AccessNarrowed(
        depot_id=DEPOT,
        node_id=energy.GRID,
        level=GateLevel.OWN_ONLY,
        envelope=None,
        limit_source=None,
        charger_ids=(BAY,),
        effective_w=0,
        committed_w=0,
        threshold_w=0,
        is_advisory=False,
        narrowed_at=builders.NOON,
    ),
    EnergyControlDegraded(
        depot_id=DEPOT, reason=DegradedReason.SOURCE_OFFLINE, source="other", node_id=None, since=builders.NOON
    ),
)
OVER = reservations.reservation(R2, reservations.EVENING + 3 * reservations.HOUR)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "view.snapshot"


async def a_depot() -> DepotInMemory:
    """Two chargers with a rule, an exception and an override, vehicles, an agreement, reservations, a claim."""
    depot = await DepotInMemory(memory_store()).opened()
    planned = (builders.excepted("2026-12-24"), builders.overridden(DAY, NIGHT))
    await depot.record(policy_stream(TENANT, BAY), 2, planned)
    known = (
        builders.agreement_recorded(),
        builders.vehicle_registered(builders.TRUCK, builders.partnered()),
        builders.identifier_added("p9", builders.TRUCK),
    )
    await depot.record(registry_stream(TENANT), 2, known)
    promised = (
        reservations.group_put(),
        ReservationSettingsPut(depot_id=DEPOT, settings=ReservationSettings(horizon_days=14)),
        reservations.made(),
        reservations.made(OVER),
        reservations.cancelled(reservation_id=R2),
    )
    await depot.record(reservation_book_stream(TENANT, DEPOT), 0, promised)
    await depot.record(site_energy_stream(TENANT, DEPOT), 0, ENERGY)
    claimed = ChargePointClaimed(charge_point_id=CP, tenant_id=TENANT, charger_id=BAY)
    await depot.record(charge_point_stream(CP), 0, (claimed,))
    return depot


async def restored(store: EventStore, path: Path) -> tuple[DecisionView, bool]:
    view = DecisionView()
    return view, await ViewKeeper(view, store, FileViewSnapshots(path)).restore()


async def kept(depot: DepotInMemory, path: Path) -> None:
    await ViewKeeper(depot.view, depot.store, FileViewSnapshots(path)).save()


async def test_a_view_comes_back_as_it_was(path: Path) -> None:
    depot = await a_depot()

    await kept(depot, path)
    view, was_there = await restored(depot.store, path)

    assert was_there
    assert view.state() == depot.view.state()
    assert view.registry(TENANT) == depot.view.registry(TENANT)
    assert view.book(TENANT, DEPOT) == depot.view.book(TENANT, DEPOT)
    assert view.site_energy(TENANT, DEPOT) == depot.view.site_energy(TENANT, DEPOT)
    assert view.owner_of(CP) == (TENANT, BAY)
    assert view.depot(TENANT, DEPOT) == depot.view.depot(TENANT, DEPOT)
    assert view.charger(TENANT, BAY).expected(NIGHT) == depot.view.charger(TENANT, BAY).expected(NIGHT)


async def test_it_goes_on_from_where_it_was(path: Path) -> None:
    depot = await a_depot()
    await kept(depot, path)
    await depot.record(registry_stream(TENANT), 5, (builders.vehicle_registered(VehicleId("later")),))

    view, _ = await restored(depot.store, path)
    assert VehicleId("later") not in view.registry(TENANT).vehicles
    later = DepotInMemory(depot.store, view=view)
    await later.follow()

    assert view.state() == depot.view.state()


async def test_nothing_is_written_when_nothing_was_folded_since(path: Path) -> None:
    depot = await a_depot()
    keeper = ViewKeeper(depot.view, depot.store, FileViewSnapshots(path))
    await keeper.save()
    path.unlink()

    await keeper.save()

    assert not path.exists()


async def test_a_view_that_has_seen_nothing_is_not_kept(path: Path) -> None:
    await ViewKeeper(DecisionView(), memory_store(), FileViewSnapshots(path)).save()

    assert not path.exists()


async def test_a_view_of_another_log_is_not_used(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await kept(await a_depot(), path)
    other = await a_depot()  # the same facts under other event ids, as in a store that was set up anew

    view, was_there = await restored(other.store, path)

    assert not was_there
    assert view.state() is None
    assert "another log" in caplog.text


async def test_a_view_that_is_ahead_of_a_restored_log_is_not_used(path: Path) -> None:
    await kept(await a_depot(), path)

    _, was_there = await restored(memory_store(), path)

    assert not was_there


@pytest.mark.parametrize("keep", [0, 3, 40, -30, -1])
async def test_a_file_that_is_cut_off_is_absent(path: Path, keep: int, caplog: pytest.LogCaptureFixture) -> None:
    depot = await a_depot()
    await kept(depot, path)
    path.write_bytes(path.read_bytes()[:keep])

    _, was_there = await restored(depot.store, path)

    assert not was_there
    assert "is not used" in caplog.text


async def test_a_file_with_any_byte_altered_is_absent(path: Path) -> None:
    depot = await a_depot()
    await kept(depot, path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])

        _, was_there = await restored(depot.store, path)

        assert not was_there, f"byte {place}"


async def test_a_file_of_another_shape_is_absent(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depot = await a_depot()
    with monkeypatch.context() as earlier_program:
        earlier_program.setattr(view_snapshots, "SHAPE", "of old")
        await kept(depot, path)

    _, was_there = await restored(depot.store, path)

    assert not was_there


async def test_a_disk_that_is_full_leaves_the_earlier_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depot = await a_depot()
    await kept(depot, path)
    before = path.read_bytes()

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    await depot.record(registry_stream(TENANT), 5, (builders.vehicle_registered(VehicleId("later")),))
    await kept(depot, path)

    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_a_large_registry_is_kept_whole(path: Path) -> None:
    depot = await a_depot()
    many = tuple(builders.vehicle_registered(VehicleId(f"lorry-{number}")) for number in range(1_201))
    await depot.record(registry_stream(TENANT), 5, many)

    await kept(depot, path)
    view, _ = await restored(depot.store, path)

    assert view.registry(TENANT) == depot.view.registry(TENANT)
