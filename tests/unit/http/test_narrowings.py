"""Narrowed access over HTTP: in the timeline, in the answer to an override, and in decisions with their explanation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from access_policy.application.commands.put_energy_node import PutEnergyNode
from access_policy.application.commands.put_energy_policy import PutEnergyPolicy
from access_policy.application.commands.receive_envelope import ReceiveEnvelope
from access_policy.application.context import Context
from access_policy.domain.ids import ActorId, ChargerId, DepotId, EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from tests.support.builders import NOON
from tests.support.http_api import HttpApi

HOUR = timedelta(hours=1)
SITE, BAY = EnergyNodeId("site"), ChargerId("bay-1")
BEGINS, ENDS = "2026-11-18T13:00:00Z", "2026-11-18T15:00:00Z"
ENVELOPE = {"envelope_id": "e-1", "sequence": 1, "state": "pending", "valid_from": BEGINS, "valid_until": ENDS}


@pytest.fixture
async def narrowed(api: HttpApi) -> HttpApi:
    """The site of the depot leaves nothing to others from 13:00 to 15:00 UTC; bay 1 is in freevend."""
    charger = (await api.get("/v1/chargers/bay-1")).json()
    settings = {name: charger[name] for name in ("charge_point_id", "depot_id", "profile", "connectors", "enforcement")}
    await api.recorded(("PUT", "/v1/chargers/bay-1", {**settings, "baseline_mode": "freevend"}))
    commands, depot_id = api.container.commands, DepotId(charger["depot_id"])
    bay = EnergyNode(node_id=EnergyNodeId("bay"), parent_id=SITE, kind=NodeKind.CHARGER, charger_id=BAY)
    for node in (EnergyNode(node_id=SITE, parent_id=None, kind=NodeKind.SITE, limit_w=200_000), bay):
        await _done(api, commands.put_energy_node(), PutEnergyNode(depot_id=depot_id, node=node))
    policy = EnergyPolicy(enabled=True, own_and_agreement_below_w=50_000, minimum_dwell_s=0)
    await _done(api, commands.put_energy_policy(), PutEnergyPolicy(depot_id=depot_id, policy=policy))
    envelope = ReceiveEnvelope(
        envelope_id=EnvelopeId("e-1"),
        depot_id=depot_id,
        node_id=SITE,
        source="grid-operator",
        sequence=1,
        valid_from=NOON + HOUR,
        valid_until=NOON + 3 * HOUR,
        import_limit_w=20_000,
    )
    await _done(api, commands.receive_envelope(), envelope)
    return api


async def _done(api: HttpApi, handler: Any, command: object) -> None:
    await handler(Context(tenant_id=TenantId("acme"), actor=ActorId("anna"), correlation_id="c-1"), command)
    await api.settled()


async def test_timeline_shows_the_planned_narrowing_with_its_envelope(narrowed: HttpApi) -> None:
    found = await narrowed.get("/v1/chargers/bay-1/timeline?from=2026-11-18T12:00:00Z&until=2026-11-18T16:00:00Z")

    (shown,) = found.json()["narrowings"]
    assert (shown["start"], shown["end"], shown["level"]) == (BEGINS, ENDS, "own_and_agreement")
    assert shown["envelope"]["envelope_id"] == "e-1"
    assert [(each["start"], each["mode"], each["cause"]["kind"]) for each in found.json()["segments"]] == [
        ("2026-11-18T12:00:00Z", "freevend", "baseline"),
        (BEGINS, "managed", "envelope"),
        (ENDS, "freevend", "baseline"),
    ]


async def test_answer_to_an_override_names_the_windows_that_it_does_not_open(narrowed: HttpApi) -> None:
    def override(mode: str) -> dict[str, str]:
        return {"mode": mode, "for": "PT4H", "reason": "open day"}

    opening = await narrowed.send("POST", "/v1/chargers/bay-1/overrides", override("freevend"))
    closing = await narrowed.send("POST", "/v1/chargers/bay-1/overrides", override("managed"))

    assert opening.status_code == 201
    assert [(each["start"], each["end"]) for each in opening.json()["narrowings"]] == [(BEGINS, ENDS)]
    assert closing.json()["narrowings"] == []


async def test_override_of_many_names_the_windows_of_each_charger_that_it_does_not_open(narrowed: HttpApi) -> None:
    depot = (await narrowed.get("/v1/chargers/bay-1")).json()["depot_id"]
    body = {"charger_ids": ["bay-1"], "mode": "freevend", "for": "PT4H", "reason": "open day"}

    made = await narrowed.send("POST", f"/v1/depots/{depot}/overrides", body)

    (result,) = made.json()["results"]
    assert [(each["start"], each["end"]) for each in result["narrowings"]] == [(BEGINS, ENDS)]


async def test_dry_run_in_the_planned_window_shows_the_gate_and_explains_the_refusal(narrowed: HttpApi) -> None:
    body = {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": "04DDDDDDDDDDDD"}, "dry_run": True}

    before = (await narrowed.send("POST", "/v1/access-decisions", {**body, "at": "2026-11-18T12:30:00Z"})).json()
    inside = (await narrowed.send("POST", "/v1/access-decisions", {**body, "at": "2026-11-18T13:30:00Z"})).json()

    assert (before["reason"], before["gate"]["level"], before["valid_until"]) == ("freevend", "open", BEGINS)
    assert (inside["decision"], inside["reason"], inside["cause"]["kind"]) == (
        "denied",
        "energy_restricted",
        "envelope",
    )
    gate = inside["gate"]
    assert (gate["level"], gate["binding_node_id"], gate["node_path"]) == ("own_and_agreement", "site", ["bay", "site"])
    assert (gate["effective_w"], gate["threshold_w"], gate["limit_source"]) == (20_000, 50_000, "FRESH_ENVELOPE")
    assert gate["restricted_as"] == "unknown_identifier"
    last = inside["explanation"][-1]
    assert (last["rule"], last["reason"]) == ("identifier_must_be_known", "energy_restricted")
    assert "envelope e-1 (sequence 1) at node site" in last["text"]


async def test_recorded_refusal_is_explained_as_at_the_time(narrowed: HttpApi) -> None:
    narrowed.container.clock().set(NOON + HOUR)
    body = {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": "04DDDDDDDDDDDD"}}

    decided = (await narrowed.send("POST", "/v1/access-decisions", body)).json()
    await narrowed.settled()
    recorded = (await narrowed.get(f"/v1/access-events/{decided['attempt_id']}")).json()

    assert decided["reason"] == "energy_restricted"
    assert recorded["decisions"][-1]["gate"] == decided["gate"]
    assert recorded["explanation"] == decided["explanation"]
