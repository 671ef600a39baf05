"""The demo's client of the service's HTTP API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import httpx

from access_policy.entrypoints.demo.fleet import (
    AGREEMENT,
    CHARGER_LIMIT_W,
    CHARGERS,
    DEPOT,
    ENERGY_POLICY,
    FEEDER_LIMIT_W,
    FEEDERS,
    GRID,
    GRID_LIMIT_W,
    SHORT_W,
    VEHICLES,
    ZONE,
)


class DemoApi:
    """The client. It raises `httpx.HTTPStatusError` for every refusal, because all requests of the demo are valid."""

    def __init__(self, base_url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30.0, trust_env=False
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def set_up(self) -> None:
        """Register the depot, its chargers, an agreement and the known vehicles. Repeating this changes nothing."""
        depot = {"name": "North yard", "time_zone": ZONE, "language": "en"}
        await self._send("PUT", f"/v1/depots/{DEPOT}", depot)
        for charger in CHARGERS:
            body = {
                "charge_point_id": charger.charge_point_id,
                "depot_id": DEPOT,
                "profile": charger.profile,
                "baseline_mode": "freevend",
            }
            await self._send("PUT", f"/v1/chargers/{charger.charger_id}", body)
        agreement = {"name": "City couriers by night", "fleet": "City Couriers", "valid_from": "2026-01-01T00:00:00Z"}
        await self._send("PUT", f"/v1/agreements/{AGREEMENT}", {**agreement, "depot_ids": [DEPOT]})
        for vehicle in VEHICLES:
            if vehicle.access_class is not None:
                described: dict[str, Any] = {
                    "name": vehicle.name,
                    "access_class": vehicle.access_class,
                    "identifiers": vehicle.identifiers(),
                }
                if vehicle.access_class == "agreement":
                    described["agreement_id"] = AGREEMENT
                await self._send("PUT", f"/v1/vehicles/{vehicle.vehicle_id}", described)

    async def schedule(self, windows: Iterable[tuple[datetime, datetime]]) -> None:
        """Schedule managed access at every charger in each window, daily from today, in the depot's local time."""
        for start, end in windows:
            rule = {
                "name": f"managed {start:%H:%M:%S} to {end:%H:%M:%S}",
                "mode": "managed",
                "recurrence": "FREQ=DAILY",
                "start": f"{start:%H:%M:%S}",
                "end": f"{end:%H:%M:%S}",
                "applies_from": start.date().isoformat(),
            }
            await self._send("POST", f"/v1/depots/{DEPOT}/mode-rules", {"charger_ids": "all", "rule": rule})

    async def set_up_energy(self) -> None:
        """Set the electrical tree of the depot and its gate policy. Repeating this changes nothing."""
        await self._node(GRID, {"kind": "grid_connection", "limit_w": GRID_LIMIT_W})
        for feeder, chargers in FEEDERS.items():
            await self._node(feeder, {"kind": "circuit", "parent_id": GRID, "limit_w": FEEDER_LIMIT_W})
            for charger in chargers:
                own = {"kind": "charger", "charger_id": charger.charger_id, "limit_w": CHARGER_LIMIT_W}
                await self._node(charger.charger_id, {**own, "parent_id": feeder})
        await self._send("PUT", f"/v1/depots/{DEPOT}/energy-policy", ENERGY_POLICY)

    async def _node(self, node_id: str, body: dict[str, Any]) -> None:
        await self._send("PUT", f"/v1/depots/{DEPOT}/energy-nodes/{node_id}", body)

    async def narrow(self, feeder: str, start: datetime, end: datetime) -> None:
        """Leave the feeder so little power in `[start, end)` that unknown vehicles cannot start. Call this for windows
        in the order of their starts."""
        sequence = int(start.timestamp())
        envelope = {
            "depot_id": DEPOT,
            "node_id": feeder,
            "source": "demo",
            "sequence": sequence,
            "valid_from": _instant(start),
            "valid_until": _instant(end),
            "import_limit_w": SHORT_W,
        }
        await self._send("PUT", f"/v1/operating-envelopes/{feeder}-{sequence}", envelope)

    async def withdraw_rules(self) -> None:
        """Withdraw the rules of an earlier demo."""
        for charger in CHARGERS:
            shown = await self.charger(charger.charger_id)
            for rule in shown.get("mode_rules", []):
                await self._send("DELETE", f"/v1/chargers/{charger.charger_id}/mode-rules/{rule['rule_id']}")

    async def charger(self, charger_id: str) -> dict[str, Any]:
        return await self._send("GET", f"/v1/chargers/{charger_id}")

    async def attempts(self, since: datetime) -> list[dict[str, Any]]:
        """Return all attempts since the instant, newest first."""
        return await self._pages("/v1/access-events", {"from": _instant(since)})

    async def faults(self, since: datetime) -> list[dict[str, Any]]:
        return await self._pages("/v1/faults", {"from": _instant(since)})

    async def _pages(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            page = await self._send("GET", path, query=query)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            query = {**query, "cursor": page["next_cursor"]}

    async def _send(
        self, method: str, path: str, body: object = None, *, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        answer = await self._client.request(method, path, json=body, params=query)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {answer.text[:500]}", request=answer.request, response=answer
            )
        return answer.json() if answer.content else {}


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
