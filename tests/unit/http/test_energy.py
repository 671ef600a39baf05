"""The energy of a depot's site over HTTP: nodes, policy, envelopes and measurements, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.commands.report_energy_source import ReportEnergySource
from access_policy.application.context import SYSTEM, Context
from access_policy.domain.ids import DepotId, TenantId
from tests.support.builders import NOON
from tests.support.energy_api import BAY, CIRCUIT, ENVELOPE, POLICY, SITE, envelope, measured, opted_in
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER

NODES = "/v1/depots/north/energy-nodes"
CONTEXT = Context(tenant_id=TenantId("acme"), actor=SYSTEM, correlation_id="test")


def refusal(answer: Any) -> tuple[Any, ...]:
    """Status, code and pointers."""
    problem = answer.json()
    return (
        answer.status_code,
        problem["type"].rpartition(":")[2],
        *(each["pointer"] for each in problem.get("errors", [])),
    )


async def test_nodes_are_put_listed_after_their_parents_changed_and_removed(api: HttpApi) -> None:
    await opted_in(api)
    listed = (await api.get(NODES)).json()["items"]
    shown = await api.get(f"{NODES}/row-1")
    changed = await api.send("PUT", f"{NODES}/row-1", {**CIRCUIT, "limit_w": 50_000}, headers={"If-Match": "*"})
    stale = await api.send("DELETE", f"{NODES}/bay-1", headers={"If-Match": '"1"'})

    removed = await api.send("DELETE", f"{NODES}/bay-1")

    assert [each["node_id"] for each in listed] == ["main", "row-1", "bay-1"]
    assert (shown.json(), shown.headers["ETag"]) == (listed[1], f'"{listed[1]["version"]}"')
    assert (changed.status_code, changed.json()["limit_w"]) == (200, 50_000)
    assert (stale.status_code, removed.status_code) == (412, 204)
    assert refusal(await api.get(f"{NODES}/bay-1")) == (404, "energy-node-not-found")


@pytest.mark.parametrize(
    ("node_id", "body", "found"),
    [
        ("row-1", {**CIRCUIT, "parent_id": "bay-1"}, (409, "energy-tree-broken", "/parent_id")),
        ("main", {"kind": "site", "parent_id": "row-1"}, (409, "energy-tree-broken", "/parent_id")),
        ("second", SITE, (409, "energy-tree-broken", "/parent_id")),
        ("row-2", {**CIRCUIT, "parent_id": "nowhere"}, (404, "energy-node-not-found", "/parent_id")),
        ("bay-2", {**BAY, "charger_id": "nowhere"}, (404, "charger-not-found", "/charger_id")),
        ("bay-2", BAY, (409, "charger-has-energy-node", "/charger_id")),
        ("row-2", {**CIRCUIT, "limit_w": -1}, (422, "invalid-request", "/limit_w")),
        ("row-2", {**CIRCUIT, "limit_w": 1_000_000_001}, (422, "invalid-request", "/limit_w")),
    ],
)
async def test_node_that_does_not_fit_the_tree_is_refused_with_a_pointer(
    api: HttpApi, node_id: str, body: dict[str, Any], found: tuple[Any, ...]
) -> None:
    await opted_in(api)
    before = (await api.get(NODES)).json()

    answer = await api.send("PUT", f"{NODES}/{node_id}", body)

    assert refusal(answer) == found
    assert (await api.get(NODES)).json() == before


async def test_node_with_others_below_it_is_not_removed(api: HttpApi) -> None:
    await opted_in(api)

    assert refusal(await api.send("DELETE", f"{NODES}/row-1")) == (409, "energy-node-in-use")


async def test_policy_shows_defaults_until_it_is_set(api: HttpApi) -> None:
    path = "/v1/depots/north/energy-policy"
    before = (await api.get(path)).json()

    put = await api.send("PUT", path, POLICY)

    assert (before["enabled"], before["version"]) == (False, 0)
    assert put.json() == (await api.get(path)).json()
    assert {name: put.json()[name] for name in POLICY} == POLICY
    narrower = {**POLICY, "own_only_below_w": 70_000}
    assert refusal(await api.send("PUT", path, narrower)) == (422, "energy-policy-invalid", "/own_only_below_w")


async def test_envelope_is_shown_with_its_state_and_withdrawn_for_good(api: HttpApi) -> None:
    await opted_in(api)
    fallback = {"import_limit_w": 20_000, "valid_until": "2026-11-19T00:00:00Z"}
    sent = await envelope(api, fallback=fallback)
    later = await envelope(
        api, "env-2", sequence=2, valid_from="2026-11-19T10:00:00Z", valid_until="2026-11-19T11:00:00Z"
    )
    path = "/v1/operating-envelopes/env-1"
    shown = (await api.get(path)).json()

    withdrawn = [await api.send("DELETE", path) for _ in range(2)]

    assert (shown, sent["state"], sent["fallback"], later["state"]) == (sent, "active", fallback, "pending")
    assert [each.status_code for each in withdrawn] == [204, 204]
    listed = (await api.get("/v1/operating-envelopes?depot_id=north")).json()["items"]
    assert {each["envelope_id"]: each["state"] for each in listed} == {"env-1": "withdrawn", "env-2": "pending"}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"sequence": 0}, (409, "operating-envelope-sequence-old", "/sequence")),
        ({"node_id": "main", "sequence": 2}, (409, "operating-envelope-id-taken", "/envelope_id")),
        ({"sequence": 2, "valid_until": "2026-11-18T10:00:00Z"}, (422, "operating-envelope-invalid", "/valid_until")),
        ({"sequence": 2, "import_limit_w": -1}, (422, "invalid-request", "/import_limit_w")),
    ],
)
async def test_envelope_that_contradicts_the_site_is_refused_and_changes_nothing(
    api: HttpApi, changes: dict[str, Any], found: tuple[Any, ...]
) -> None:
    await opted_in(api)
    sent = await envelope(api)

    answer = await api.send("PUT", "/v1/operating-envelopes/env-1", {**ENVELOPE, **changes})

    assert refusal(answer) == found
    assert (await api.get("/v1/operating-envelopes/env-1")).json() == sent


async def test_envelope_sent_again_changes_nothing_and_the_next_sequence_replaces_it(api: HttpApi) -> None:
    await opted_in(api)
    first = await envelope(api)

    again = await envelope(api, status=200)
    replaced = await envelope(api, status=200, sequence=2, import_limit_w=30_000)

    assert again == first
    assert (replaced["sequence"], replaced["import_limit_w"]) == (2, 30_000)


async def test_depot_that_has_not_opted_in_accepts_neither_envelopes_nor_measurements(api: HttpApi) -> None:
    await api.send("PUT", f"{NODES}/main", SITE)

    sent = await api.send("PUT", "/v1/operating-envelopes/env-1", {**ENVELOPE, "node_id": "main"})
    demand = await measured(api, "main", 1, "2026-11-18T11:59:00Z")

    nowhere = await api.send("PUT", "/v1/operating-envelopes/env-1", {**ENVELOPE, "depot_id": "nowhere"})
    assert refusal(sent) == (409, "energy-not-opted-in")
    assert refusal(nowhere)[:2] == (404, "depot-not-found")
    assert refusal(demand)[:2] == (409, "energy-not-opted-in")
    assert refusal(await api.get("/v1/operating-envelopes/env-1")) == (404, "operating-envelope-not-found")


async def test_measurements_are_recorded_all_or_none(api: HttpApi) -> None:
    await opted_in(api)
    first = {"depot_id": "north", "node_id": "main", "observed_at": "2026-11-18T11:59:00Z", "demand_w": 12_000}

    unknown = await api.send("POST", "/v1/measurements", {"items": [first, {**first, "node_id": "nowhere"}]})
    ahead = await api.send("POST", "/v1/measurements", {"items": [{**first, "observed_at": "2026-12-31T00:00:00Z"}]})
    done = await api.send("POST", "/v1/measurements", {"items": [first]})

    assert refusal(unknown) == (404, "energy-node-not-found", "/items/1/node_id")
    assert refusal(ahead) == (422, "measurement-invalid", "/items/0/observed_at")
    assert done.status_code == 204


async def test_site_shows_demand_envelope_and_what_each_node_leaves(api: HttpApi) -> None:
    await opted_in(api)
    await envelope(api)
    await measured(api, "main", 30_000, "2026-11-18T11:59:30Z")

    shown = (await api.get("/v1/depots/north/energy")).json()

    main, row, bay = shown["nodes"]
    assert (shown["enabled"], shown["enforcement"], shown["degraded"]) == (True, "enforce", [])
    assert (main["demand_w"], main["demand_age_s"], main["effective_w"], main["level"]) == (30_000, 30, 70_000, "open")
    assert (row["envelope"]["envelope_id"], row["envelope"]["state"]) == ("env-1", "active")
    assert (row["effective_w"], row["binding_node_id"], row["limit_source"]) == (40_000, "row-1", "FRESH_ENVELOPE")
    assert (bay["level"], bay["binding_node_id"], bay["demand_age_s"]) == ("own_and_agreement", "row-1", None)


@pytest.mark.parametrize(("connectors", "left"), [(1, 150_000), (2, 50_000)])
async def test_demand_at_the_node_of_a_charger_with_one_connector_takes_nothing_from_its_next_charge(
    api: HttpApi, connectors: int, left: int
) -> None:
    charger = {**CHARGER, "connectors": connectors}
    await api.send("PUT", "/v1/chargers/bay-1", charger, headers={"If-Match": "*"})
    await opted_in(api)
    await api.send("PUT", f"{NODES}/main", {"kind": "site"}, headers={"If-Match": "*"})
    await measured(api, "bay-1", 100_000, "2026-11-18T11:59:30Z")

    for at in ("", "?at=2026-11-18T12:00:01Z"):
        bay = (await api.get(f"/v1/depots/north/energy{at}")).json()["nodes"][-1]
        assert (bay["demand_w"], bay["effective_w"]) == (100_000, left)


async def test_site_in_the_past_is_as_it_was_recorded_and_ahead_as_planned(api: HttpApi) -> None:
    await opted_in(api)
    before = "2026-11-18T11:59:59Z"
    await envelope(api)

    past = (await api.get(f"/v1/depots/north/energy?at={before}")).json()
    ahead = (await api.get("/v1/depots/north/energy?at=2026-11-18T21:00:00Z")).json()

    assert past["nodes"] == []
    assert [each["level"] for each in ahead["nodes"]] == ["open", "open", "open"]
    assert ahead["nodes"][1]["envelope"]["state"] == "expired"


async def test_charger_shows_its_gate_and_when_it_is_narrowed(api: HttpApi) -> None:
    await opted_in(api)
    await envelope(api)
    tomorrow = {"valid_from": "2026-11-19T10:00:00Z", "valid_until": "2026-11-19T11:00:00Z"}
    await envelope(api, "env-2", sequence=2, import_limit_w=10_000, **tomorrow)

    shown = (await api.get("/v1/chargers/bay-1/energy")).json()

    gate = shown["gate"]
    assert (gate["level"], gate["node_path"], gate["envelope"]["envelope_id"]) == (
        "own_and_agreement",
        ["bay-1", "row-1", "main"],
        "env-1",
    )
    narrowings = [(each["level"], each["envelope_id"], each["is_planned"]) for each in shown["narrowings"]]
    assert narrowings[0] == ("own_and_agreement", "env-1", False)
    assert ("own_only", "env-2", True) in narrowings
    assert refusal(await api.get("/v1/chargers/bay-1/energy?until=2026-11-18T12:00:00Z")) == (
        422,
        "energy-range-invalid",
        "/until",
    )


async def test_charger_of_a_depot_without_energy_has_no_gate(api: HttpApi) -> None:
    shown = (await api.get("/v1/chargers/bay-1/energy")).json()

    assert (shown["gate"], shown["narrowings"]) == (None, [])
    assert (await api.get("/v1/depots/north/energy")).json()["nodes"] == []


async def test_refused_start_is_in_the_report_with_its_envelope(api: HttpApi) -> None:
    await opted_in(api)
    await envelope(api, import_limit_w=10_000)
    van = {"charger_id": "bay-1", "identifier": {"kind": "mac", "value": "1A2B3C4D5E6F"}}
    bus = {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": "04A1B2C3D4E5F6"}}

    decided = [(await api.send("POST", "/v1/access-decisions", each)).json()["reason"] for each in (van, bus)]

    period = "from=2026-11-18T00:00:00Z&until=2026-11-19T00:00:00Z"
    starts = (await api.get(f"/v1/reports/energy?{period}&group_by=level,limit_source,envelope")).json()["rows"]
    lineage = (await api.get(f"/v1/reports/energy?{period}&part=lineage")).json()["rows"]
    csv = (await api.get(f"/v1/reports/energy?{period}&part=limits", headers={"Accept": "text/csv"})).text
    assert decided == ["energy_restricted", "own_vehicle"]
    (row,) = starts
    assert (row["level"], row["limit_source"], row["envelope_id"]) == ("own_only", "FRESH_ENVELOPE", "env-1")
    assert (row["attempts"], row["admitted"], row["refused"], row["would_refuse"]) == (2, 1, 1, 0)
    found = {(each["reason"], each["envelope_id"], each["binding_node_id"], each["effective_w"]) for each in lineage}
    assert found == {("energy_restricted", "env-1", "row-1", 10_000), ("own_vehicle", "env-1", "row-1", 10_000)}
    assert csv.removeprefix("\ufeff").startswith(
        "depot_id,node_id,measured_s,above_s,above_fresh_envelope_s,above_fallback_envelope_s,"
    )


async def test_report_counts_time_above_the_limit_in_force_and_names_silent_feeds(api: HttpApi) -> None:
    await opted_in(api)
    fallback = {"import_limit_w": 20_000, "valid_until": "2026-11-19T00:00:00Z"}
    await envelope(api, fallback=fallback)
    await measured(api, "row-1", 30_000, "2026-11-18T12:00:30Z")
    silent = ReportEnergySource(depot_id=DepotId("north"), source="grid", offline_at=NOON)
    await api.container.commands.report_energy_source()(CONTEXT, silent)
    await api.settled()
    await api.container.chargers.energy_keeper().check((TenantId("acme"), DepotId("north")))
    await api.settled()
    query = "/v1/reports/energy?from=2026-11-18T00:00:00Z&until=2026-11-18T20:00:00Z&depot_id=north"

    limits = {row["node_id"]: row for row in (await api.get(f"{query}&part=limits")).json()["rows"]}
    silences = (await api.get(f"{query}&part=silences")).json()["rows"]
    csv = (await api.get(f"{query}&part=silences", headers={"Accept": "text/csv"})).text
    page = (await api.get("/console/reports?depot_id=north&from=2026-11-18&until=2026-11-18")).text
    file = (await api.get("/console/reports/files/energy.csv?from=2026-11-18&until=2026-11-18&group_by=silences")).text

    row = limits["row-1"]
    assert (row["measured_s"], row["above_s"], row["above_fallback_envelope_s"]) == (300, 300, 300)
    assert (row["highest_w"], row["most_above_w"]) == (30_000, 10_000)
    (silence,) = [row for row in silences if row["reason"] == "source_offline"]
    assert (silence["source"], silence["node_id"], silence["since"], silence["restored_at"]) == (
        "grid",
        "row-1",
        "2026-11-18T12:00:00Z",
        None,
    )
    assert silence["fell_back_to"] == "fallback_limit"
    assert "source_offline,grid,row-1,2026-11-18T12:00:00Z," in csv
    assert "Source grid" in page
    assert "Its fallback limit" in page
    assert "fallback limit of an envelope whose source is silent" in page
    assert "source_offline,grid,row-1,2026-11-18T12:00:00Z," in file


async def what_if(api: HttpApi, **proposal: Any) -> Any:
    body = {"from": "2026-11-18T00:00:00Z", "until": "2026-11-19T00:00:00Z", **proposal}
    return (await api.send("POST", "/v1/depots/north/energy/what-if", body)).json()


async def test_what_if_counts_the_starts_that_a_proposed_envelope_or_policy_would_refuse(api: HttpApi) -> None:
    await opted_in(api)
    van = {"charger_id": "bay-1", "identifier": {"kind": "mac", "value": "1A2B3C4D5E6F"}}
    bus = {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": "04A1B2C3D4E5F6"}}
    at_gate = {"entrance_id": "gate", "identifier": bus["identifier"]}  # no power is taken there
    await api.done("PUT", "/v1/depots/north/entrances/gate", {"name": "Gate"})
    for each in (van, bus, at_gate):
        await api.done("POST", "/v1/access-decisions", each)
    await api.settled()
    window = {"node_id": "row-1", "valid_from": "2026-11-18T00:00:00Z", "valid_until": "2026-11-19T00:00:00Z"}
    before = await api.position()

    short = await what_if(api, envelope={**window, "import_limit_w": 10_000})
    plenty = await what_if(api, envelope={**window, "import_limit_w": 90_000})

    assert (short["attempts"], short["refused_before"], short["newly_refused"]) == (2, 0, 1)
    assert [(each["vehicle_id"], each["level"]) for each in short["examples"]] == [("van-2", "own_only")]
    assert (plenty["newly_refused"], plenty["by_level"]) == (0, {"open": 2})
    assert await api.position() == before


async def test_what_if_of_a_wider_policy_counts_the_starts_that_it_would_admit(api: HttpApi) -> None:
    await opted_in(api)
    await envelope(api, import_limit_w=10_000)
    await api.send(
        "POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": {"kind": "mac", "value": "1A2B3C4D5E6F"}}
    )
    await api.settled()

    wider = await what_if(api, policy={**POLICY, "own_only_below_w": 5_000})
    nothing = await api.send(
        "POST", "/v1/depots/north/energy/what-if", {"from": "2026-11-18T00:00:00Z", "until": "2026-11-19T00:00:00Z"}
    )

    assert (wider["refused_before"], wider["refused_after"], wider["newly_admitted"]) == (1, 0, 1)
    assert refusal(nothing)[:2] == (422, "what-if-invalid")
