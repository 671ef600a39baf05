"""The energy of the depot north over HTTP: a site with a circuit and a charger below it."""

from __future__ import annotations

from typing import Any

from tests.support.http_api import HttpApi

POLICY = {
    "enabled": True,
    "own_and_agreement_below_w": 60_000,
    "own_only_below_w": 22_000,
    "hysteresis_w": 5_000,
    "minimum_dwell_s": 60,
}
SITE = {"kind": "site", "limit_w": 100_000}
CIRCUIT = {"kind": "circuit", "parent_id": "main"}
BAY = {"kind": "charger", "parent_id": "row-1", "charger_id": "bay-1", "limit_w": 150_000, "minimum_start_w": 6_000}
NODES = {"main": SITE, "row-1": CIRCUIT, "bay-1": BAY}
ENVELOPE = {
    "depot_id": "north",
    "node_id": "row-1",
    "source": "grid",
    "sequence": 1,
    "valid_from": "2026-11-18T10:00:00Z",
    "valid_until": "2026-11-18T20:00:00Z",
    "import_limit_w": 40_000,
}


async def opted_in(api: HttpApi) -> HttpApi:
    """With the policy and the nodes."""
    for path, body in (("energy-policy", POLICY), *((f"energy-nodes/{name}", each) for name, each in NODES.items())):
        answer = await api.send("PUT", f"/v1/depots/north/{path}", body)
        assert answer.status_code == 201, answer.text
    return api


async def envelope(api: HttpApi, envelope_id: str = "env-1", *, status: int = 201, **changes: Any) -> dict[str, Any]:
    answer = await api.send("PUT", f"/v1/operating-envelopes/{envelope_id}", {**ENVELOPE, **changes})
    assert answer.status_code == status, answer.text
    sent: dict[str, Any] = answer.json()
    return sent


async def measured(api: HttpApi, node_id: str, demand_w: int, observed_at: str) -> Any:
    item = {"depot_id": "north", "node_id": node_id, "observed_at": observed_at, "demand_w": demand_w}
    return await api.send("POST", "/v1/measurements", {"items": [item]})
