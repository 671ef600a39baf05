"""Energy from the bus: repetitions and any order are harmless, and what has no effect is recorded with its reason."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from access_policy.domain.ids import DepotId, EnvelopeId, TenantId
from access_policy.domain.site_energy.site import SiteEnergy
from tests.integration.event_intake.conftest import Taking
from tests.support.energy_api import opted_in
from tests.support.incoming import demand_measured, envelope_changed, envelope_withdrawn, source_offline

DEPOT = {"name": "North", "time_zone": "Europe/Berlin"}
BAY = {"charge_point_id": "CP-1", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}


@pytest.fixture
async def site(taking: Taking) -> Taking:
    """A depot that has opted in."""
    await taking.api.send("PUT", "/v1/depots/north", DEPOT)
    await taking.api.send("PUT", "/v1/chargers/bay-1", BAY)
    await opted_in(taking.api)
    return taking


async def energy(taking: Taking) -> SiteEnergy:
    """As stored."""
    async with taking.api.container.deciding.sites().locked(TenantId("acme"), DepotId("north")) as site:
        return site


async def limits(taking: Taking) -> dict[str, Any]:
    """The envelopes by id: sequence, watts, and whether withdrawn."""
    return {
        envelope_id: (known.envelope.sequence, known.envelope.import_limit_w, known.withdrawn_at is not None)
        for envelope_id, known in (await energy(taking)).envelopes.by_id.items()
    }


@pytest.mark.parametrize("order", list(itertools.permutations((0, 1, 2))), ids=str)
async def test_envelope_s_events_in_any_order_end_as_the_newest_says(site: Taking, order: tuple[int, ...]) -> None:
    sent = [envelope_changed("env-1", 1), envelope_changed("env-1", 2, import_limit_w=30_000)]
    sent.append(envelope_changed("env-1", 3, import_limit_w=20_000))

    await site.sender.deliver(*(sent[index] for index in order))
    await site.sender.deliver(*sent)

    assert await limits(site) == {"env-1": (3, 20_000, False)}


async def test_withdrawn_envelope_is_not_revived_by_an_event_that_comes_late(site: Taking) -> None:
    await site.sender.deliver(envelope_changed("env-1", 1), envelope_withdrawn("env-1", 3))
    await site.sender.deliver(envelope_changed("env-1", 2, import_limit_w=90_000))
    await site.sender.deliver(envelope_withdrawn("env-2", 2), envelope_changed("env-2", 1, sequence=9))

    assert await limits(site) == {"env-1": (1, 40_000, True)}
    assert site.sender.refused == []


async def test_envelope_without_effect_is_recorded_with_its_reason(site: Taking) -> None:
    await site.sender.deliver(envelope_changed("env-1", 5), envelope_changed("env-2", 1, sequence=4))
    await site.sender.deliver(envelope_changed("env-3", 1, node_id="nowhere", sequence=9))

    await site.api.settled()
    answer = await site.api.send("GET", "/v1/depots/north/ignored-envelopes")

    found = [(each["envelope_id"], each["reason"]) for each in answer.json()["items"]]
    assert sorted(found) == [("env-2", "sequence_old"), ("env-3", "unknown_node")]
    assert await limits(site) == {"env-1": (5, 40_000, False)}


async def test_envelope_for_a_depot_that_has_not_opted_in_is_recorded_without_effect(taking: Taking) -> None:
    await taking.api.send("PUT", "/v1/depots/north", DEPOT)

    await taking.sender.deliver(envelope_changed("env-1", 1))

    await taking.api.settled()
    answer = await taking.api.send("GET", "/v1/depots/north/ignored-envelopes")
    assert [each["reason"] for each in answer.json()["items"]] == ["not_opted_in"]
    assert await limits(taking) == {}


async def test_measurements_in_any_order_leave_the_latest_of_each_node(site: Taking) -> None:
    late = demand_measured(1, ("main", "2026-11-18T11:58:00Z", 10_000), ("row-1", "2026-11-18T11:58:00Z", 7_000))
    early = demand_measured(2, ("main", "2026-11-18T11:59:00Z", 12_000))

    await site.sender.deliver(early, late, early)

    found = {node_id: each.demand_w for node_id, each in (await energy(site)).demands.items()}
    assert found == {"main": 12_000, "row-1": 7_000}


async def test_source_that_goes_offline_is_silent_until_a_fresh_envelope_arrives(site: Taking) -> None:
    await site.sender.deliver(envelope_changed("env-1", 1), source_offline(1), source_offline(1))
    silent = dict((await energy(site)).offline)

    await site.sender.deliver(envelope_changed("env-1", 2))

    assert list(silent) == ["grid"]
    assert (await energy(site)).offline == {}
    assert EnvelopeId("env-1") in (await energy(site)).envelopes.by_id
