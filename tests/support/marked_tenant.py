"""A tenant whose every resource holds recognisable texts: `known` in its ids, and `secret` in everything else.

Another tenant may know the ids and send them, so that an answer may repeat them; the secret appears in none of its requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append, StreamId
from access_policy.application.streams import condition_stream, pin_lockout_stream, policy_stream
from access_policy.domain.ids import ActorId, AttemptId, ChargerId, TenantId
from tests.support.attempts import faulted, locked_out
from tests.support.builders import NOON
from tests.support.switching import requested

Send = Callable[..., Awaitable[httpx.Response]]

RULE = {"mode": "managed", "recurrence": "FREQ=DAILY", "start": "22:00", "end": "06:00"}
RESERVED = {"start": "2026-12-01T18:00:00Z", "end": "2026-12-01T20:00:00Z"}
CONTROL = {"kind": "configuration_key", "managed_value": "off", "freevend_value": "on"}


@dataclass
class MarkedTenant:
    """`ids` are by the names of parameters; `send` is a request of an admin of the tenant."""

    tenant_id: str
    known: str
    secret: str
    send: Send
    card: str = "04A1B2C3D4E5F6"
    ids: dict[str, str] = field(default_factory=dict)

    async def seed(self, store: RecorderEventStore) -> None:
        self.ids = {
            f"{name}_id": f"{self.known}-{name}"
            for name in (
                "depot",
                "charger",
                "vehicle",
                "agreement",
                "calendar",
                "group",
                "entrance",
                "node",
                "envelope",
            )
        }
        self.ids |= {"name": f"{self.known}-profile", "tenant_id": self.tenant_id}
        await self._site()
        await self._registry()
        await self._attempts()
        await self._facts(store)

    async def done(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        answer = await self.send(method, f"/v1{path.format(**self.ids)}", body, **how)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def _site(self) -> None:
        secret, charger = self.secret, "/chargers/{charger_id}"
        await self.done("PUT", "/depots/{depot_id}", {"name": secret, "time_zone": "Europe/Berlin"})
        days = [{"date": "2027-12-25", "reason": secret}]
        await self.done("PUT", "/depots/{depot_id}/calendars/{calendar_id}", {"name": secret, "days": days})
        control = {**CONTROL, "key": f"{secret}Key"}
        profile = {"title": secret, "protocols": ["ocpp1.6"], "mode_control": control}
        await self.done("PUT", "/profiles/{name}", profile)
        body = {
            "charge_point_id": f"{secret}-CP",
            "depot_id": self.ids["depot_id"],
            "profile": self.ids["name"],
            "baseline_mode": "managed",
            "password": f"{self.secret}-password-of-16",
        }
        await self.done("PUT", charger, body, headers={"Idempotency-Key": f"{secret}-key"})
        rule = await self.done("POST", f"{charger}/mode-rules", {"name": secret, **RULE})
        away = {"date": "2027-01-01", "mode": "freevend", "reason": secret}
        exception = await self.done("POST", f"{charger}/exceptions", away)
        override = {"mode": "managed", "for": "PT2H", "reason": secret}
        override = await self.done("POST", f"{charger}/overrides", override)
        weekdays = {"depot_id": self.ids["depot_id"], "name": secret, "rules": [{"name": secret, **RULE}]}
        schedule = await self.done("POST", "/schedules", {**weekdays, "charger_ids": "all"})
        self.ids["schedule_id"] = schedule["schedule_id"]
        await self.done(
            "PUT",
            "/depots/{depot_id}/reservation-groups/{group_id}",
            {"name": secret, "charger_ids": [self.ids["charger_id"]]},
        )
        await self._energy()
        gate = {"name": secret, "charger_ids": [self.ids["charger_id"]]}
        await self.done("PUT", "/depots/{depot_id}/entrances/{entrance_id}", gate)
        of_charger = {"depot_id": self.ids["depot_id"], "charger_id": self.ids["charger_id"]}
        held = {"holder": {"identifiers": [{"kind": "rfid", "value": self.card}]}, "note": secret}
        reserved = await self.done("POST", "/reservations", {**RESERVED, **of_charger, **held})
        self.ids["reservation_id"] = reserved["reservation_id"]
        for made in (rule, exception, override):
            self.ids |= {name: made[name] for name in ("rule_id", "exception_id", "override_id") if name in made}

    async def _energy(self) -> None:
        await self.done("PUT", "/depots/{depot_id}/energy-policy", {"enabled": True})
        await self.done("PUT", "/depots/{depot_id}/energy-nodes/{node_id}", {"kind": "site", "limit_w": 100_000})
        window = {"valid_from": "2026-11-18T00:00:00Z", "valid_until": "2026-11-19T00:00:00Z"}
        place = {"depot_id": self.ids["depot_id"], "node_id": self.ids["node_id"], "source": self.secret}
        limit = {"sequence": 1, "import_limit_w": 90_000}
        await self.done("PUT", "/operating-envelopes/{envelope_id}", {**place, **window, **limit})

    async def _registry(self) -> None:
        agreement = {"name": self.secret, "fleet": self.secret, "valid_from": "2026-01-01T00:00:00Z"}
        await self.done("PUT", "/agreements/{agreement_id}", agreement)
        identifiers = [{"kind": "rfid", "value": self.card}]
        vehicle = {
            "name": self.secret,
            "access_class": "agreement",
            "agreement_id": self.ids["agreement_id"],
            "identifiers": identifiers,
        }
        await self.done("PUT", "/vehicles/{vehicle_id}", vehicle)
        await self.done("POST", "/vehicles/{vehicle_id}/suspend", {"reason": self.secret})
        await self.done("POST", "/vehicles/{vehicle_id}/reinstate", {"reason": self.secret})
        file = f"vehicle_id,name,access_class\r\n{self.known}-imported,{self.secret},own\r\n"
        headers = {"Content-Type": "text/csv"}
        plan = await self.done("POST", "/registry/imports", content=file.encode(), headers=headers)
        self.ids["plan_id"] = plan["plan_id"]

    async def _attempts(self) -> None:
        asked: dict[str, Any] = {"charger_id": self.ids["charger_id"]}
        known = {**asked, "identifier": {"kind": "rfid", "value": self.card}}
        self.ids["attempt_id"] = (await self.done("POST", "/access-decisions", known))["attempt_id"]
        unknown = {**asked, "identifier": {"kind": "other", "value": f"{self.secret}-tag"}}
        await self.done("POST", "/access-decisions", unknown)
        denied = (await self.done("GET", "/denied-identifiers"))["items"]
        self.ids["denied_id"] = denied[0]["denied_id"]
        await self.done("POST", "/chargers/{charger_id}/enrolment-session", {"minutes": 5})
        key = await self.done("POST", "/api-keys", {"name": self.secret, "role": "viewer"})
        self.ids["key_id"] = key["key_id"]
        hook = {"name": self.secret, "url": f"https://{self.secret}.invalid/", "preset": "denied_vehicle"}
        self.ids["webhook_id"] = (await self.done("POST", "/webhooks", hook))["webhook_id"]
        self.ids["partner_id"] = f"{self.known[:2]}-{self.known[-3:]}".upper()
        named = {"name": self.secret, "own_party": "DE-BTF", "own_name": self.secret}
        await self.done(
            "PUT", "/ocpi-partners/{partner_id}", {**named, "bookable": [{"depot_id": self.ids["depot_id"]}]}
        )
        self.ids["provider_id"] = f"{self.known}-provider"
        provider = {"name": self.secret, "groups": []}
        await self.done("PUT", "/depots/{depot_id}/oscp-providers/{provider_id}", provider)

    async def _facts(self, store: RecorderEventStore) -> None:
        """What only chargers report."""
        tenant_id, charger_id = TenantId(self.tenant_id), ChargerId(self.ids["charger_id"])
        attempt_id = AttemptId(self.ids["attempt_id"])
        texts = {"charger_id": charger_id}
        await self.append(store, condition_stream(tenant_id, charger_id), faulted(**texts, info=self.secret))
        lockout = locked_out(**texts, attempt_id=attempt_id, source=self.secret)
        await self.append(store, pin_lockout_stream(tenant_id, attempt_id), lockout)
        await self.append(store, policy_stream(tenant_id, charger_id), requested(**texts, trigger=self.secret))

    async def append(self, store: RecorderEventStore, stream: StreamId, event: object) -> None:
        version = len(await store.load(stream))
        context = Context(tenant_id=TenantId(self.tenant_id), actor=ActorId("test"), correlation_id=self.secret)
        await store.append([Append(stream, version, enveloped(context, (event,), now=NOON))])
