"""Each (operation, tenant) pair of the API: a caller of another tenant gets 404 or nothing, and no byte of the tenant's data.

The operations are those of the OpenAPI document. A new one needs an entry in `CALLS`, or the first test fails.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.ports.identity import Role
from access_policy.domain.ids import TenantId
from tests.support.http_api import HttpApi, http_api
from tests.support.marked_tenant import RULE, MarkedTenant
from tests.support.operations import WITHOUT_TOKEN

ACME, RIVAL = "acme-depots", "rival-depots"
KNOWN, SECRET = "zqknown", "zqsecret"
OWN = "own"
PLAIN = {"mode": "managed", "for": "PT1H", "reason": "visit"}
PERIOD = "from=2026-11-01T00:00:00Z&until=2026-11-30T00:00:00Z"
CARD = {"kind": "rfid", "value": "04A1B2C3D4E5F6"}  # of a vehicle of the other tenant
RESERVED = {"start": "2026-12-01T18:00:00Z", "end": "2026-12-01T20:00:00Z", "holder": {"identifiers": [CARD]}}
ENVELOPE = {
    "source": "grid",
    "sequence": 2,
    "valid_from": "2026-11-18T00:00:00Z",
    "valid_until": "2026-11-19T00:00:00Z",
    "import_limit_w": 1,
}
ENERGY_QUESTION = {"from": "2026-11-01T00:00:00Z", "until": "2026-11-30T00:00:00Z", "policy": {"enabled": True}}
DEMAND = {"observed_at": "2026-11-18T12:00:00Z", "demand_w": 1}
CSV = b"vehicle_id,name,access_class,agreement_id\r\n{known}-vehicle,Van,agreement,{known}-agreement\r\n"
SHEET_CSV = (
    b"assignment_id,vehicle_id,charger_id,from,until\r\n"
    b"a-1,{known}-vehicle,{known}-charger,2026-12-01 18:00,2026-12-01 20:00\r\n"
)
CHARGERS_CSV = (
    b"charger_id,charge_point_id,depot_id,profile,baseline_mode\r\n"
    b"{known}-charger,OWN-2,{known}-depot,ocpp16-central,managed\r\n"
)
HOOK = {"name": "Hook", "url": "https://hooks.invalid/", "preset": "denied_vehicle"}
PARTNER = {"name": "Hub", "own_party": "DE-BTF", "own_name": "Us"}
CHARGER = {"profile": "ocpp16-central", "baseline_mode": "managed"}
DAYS = {"name": "Days", "days": [{"date": "2027-12-25", "reason": "Christmas"}]}
PROFILE = {
    "title": "Ours",
    "protocols": ["ocpp1.6"],
    "mode_control": {"kind": "configuration_key", "key": "Free", "managed_value": "off", "freevend_value": "on"},
}
MADE = frozenset({200, 201})
NOT_THERE = frozenset({404})


@dataclass(frozen=True)
class Call:
    """Request an operation. `{known}` in a query or body stands in ids of the other tenant, and `status` are the answers
    that may come to a request with its ids. A request without any is sent besides if the operation has no path."""

    query: str = ""
    body: Any = None
    file: bytes | None = None
    status: frozenset[int] = NOT_THERE


OK = frozenset({200})
CALLS: dict[str, Call] = {
    "metrics": Call(status=OK),
    "put_depot": Call(body={"name": "Own", "time_zone": "Europe/Berlin"}, status=MADE),
    "get_depot": Call(),
    "list_depots": Call(status=OK),
    "put_calendar": Call(body=DAYS, status=MADE | NOT_THERE),
    "add_holiday": Call(body={"date": "2027-01-01", "reason": "New Year", "calendar_ids": "all"}),
    "get_calendar": Call(),
    "list_calendars": Call(),
    "remove_calendar": Call(),
    "put_entrance": Call(body={"name": "Gate"}, status=MADE | NOT_THERE | {409}),
    "get_entrance": Call(),
    "list_entrances": Call(),
    "remove_entrance": Call(),
    "put_charger": Call(
        body={"charge_point_id": "OWN-2", "depot_id": "{known}-depot", **CHARGER}, status=frozenset({404, 422})
    ),
    "get_charger": Call(),
    "list_chargers": Call(query="depot_id={known}-depot", status=OK),
    "retire_charger": Call(),
    "call_charger": Call(body={"action": "Reset", "payload": {"type": "Soft"}}),
    "list_frames": Call(),
    "rotate_password": Call(),
    "schedule_mode": Call(body={"name": "Nights", **RULE}),
    "amend_mode_rule": Call(body={"name": "Nights", **RULE}),
    "withdraw_mode_rule": Call(),
    "add_exception": Call(body={"date": "2027-01-01", "mode": "freevend", "reason": "day"}),
    "remove_exception": Call(),
    "override_mode": Call(body=PLAIN),
    "lift_override": Call(),
    "override_many": Call(body={**PLAIN, "charger_ids": ["{known}-charger"]}),
    "list_depot_overrides": Call(),
    "lift_many": Call(),
    "get_timeline": Call(query=PERIOD),
    "schedule_mode_for_many": Call(body={"charger_ids": ["{known}-charger"], "rule": {"name": "Nights", **RULE}}),
    "copy_policy": Call(body={"charger_ids": ["{known}-charger"]}),
    "create_schedule": Call(
        body={"depot_id": "{known}-depot", "name": "Weekdays", "rules": [{"name": "Nights", **RULE}]}
    ),
    "put_schedule": Call(
        body={"name": "Weekdays", "rules": [{"name": "Nights", **RULE}], "charger_ids": ["{known}-charger"]}
    ),
    "get_schedule": Call(),
    "list_schedules": Call(query="depot_id={known}-depot", status=OK),
    "remove_schedule": Call(),
    "follow_schedule_with_many": Call(body={"charger_ids": ["{known}-charger"]}),
    "follow_schedule": Call(),
    "leave_schedule": Call(),
    "make_reservation": Call(
        body={"depot_id": "{known}-depot", "charger_id": "{known}-charger", **RESERVED}, status=NOT_THERE | {409}
    ),
    "get_reservation": Call(),
    "list_reservations": Call(query="depot_id={known}-depot"),
    "get_availability": Call(query="from=2026-11-21T00:00:00Z&until=2026-11-22T00:00:00Z"),
    "get_reservation_settings": Call(),
    "put_reservation_settings": Call(body={"horizon_days": 14}),
    "change_reservation": Call(body={"charger_id": "{known}-charger", **RESERVED}),
    "replace_reservation": Call(body={"holder": {"vehicle_id": "{known}-vehicle"}, "reason": "gone"}),
    "get_reservation_history": Call(),
    "cancel_reservation": Call(query="reason=gone"),
    "put_energy_node": Call(body={"kind": "site"}, status=NOT_THERE | {409}),
    "get_energy_node": Call(),
    "list_energy_nodes": Call(),
    "remove_energy_node": Call(),
    "put_energy_policy": Call(body={"enabled": True}),
    "get_energy_policy": Call(),
    "put_operating_envelope": Call(body={"depot_id": "{known}-depot", "node_id": "{known}-node", **ENVELOPE}),
    "get_operating_envelope": Call(),
    "withdraw_operating_envelope": Call(),
    "list_operating_envelopes": Call(query="depot_id={known}-depot"),
    "list_ignored_envelopes": Call(),
    "get_depot_energy": Call(),
    "get_charger_energy": Call(),
    "ask_energy_what_if": Call(body=ENERGY_QUESTION),
    "record_measurements": Call(body={"items": [{"depot_id": "{known}-depot", "node_id": "{known}-node", **DEMAND}]}),
    "put_reservation_group": Call(body={"name": "Fast", "charger_ids": ["{known}-charger"]}),
    "get_reservation_group": Call(),
    "list_reservation_groups": Call(),
    "list_mode_changes": Call(query="charger_id={known}-charger", status=OK),
    "stream": Call(query="last_event_id=0&follow=false&charger_id={known}-charger", status=OK),
    "put_vehicle": Call(
        body={"name": "Van", "access_class": "agreement", "agreement_id": "{known}-agreement"},
        status=frozenset({422}),
    ),
    "get_vehicle": Call(),
    "list_vehicles": Call(query="agreement_id={known}-agreement", status=OK),
    "remove_vehicle": Call(),
    "suspend_vehicle": Call(body={"reason": "lost"}),
    "reinstate_vehicle": Call(body={"reason": "found"}),
    "put_agreement": Call(
        body={"name": "A", "fleet": "F", "valid_from": "2026-01-01T00:00:00Z", "charger_ids": ["{known}-charger"]},
        status=MADE | {422},
    ),
    "get_agreement": Call(),
    "list_agreements": Call(status=OK),
    "end_agreement": Call(),
    "plan_dispatch_import": Call(query="depot_id={known}-depot", file=SHEET_CSV),
    "get_dispatch_import": Call(),
    "apply_dispatch_import": Call(),
    "export_reservations": Call(query="depot_id={known}-depot"),
    "plan_charger_import": Call(file=CHARGERS_CSV, status=MADE | {202}),
    "get_charger_import": Call(),
    "apply_charger_import": Call(),
    "export_chargers": Call(status=OK),
    "plan_registry_import": Call(file=CSV, status=MADE | {202}),
    "get_registry_import": Call(),
    "apply_registry_import": Call(),
    "export_registry": Call(status=OK),
    "decide_access": Call(body={"charger_id": "{known}-charger", "identifier": CARD, "dry_run": True}),
    "list_access_events": Call(query="charger_id={known}-charger", status=OK),
    "get_access_event": Call(),
    "allow_attempt": Call(body={"reason": "tonight", "for": "PT1H"}),
    "end_allowance": Call(),
    "list_allowances": Call(),
    "list_faults": Call(query="charger_id={known}-charger", status=OK),
    "list_pin_lockouts": Call(query="charger_id={known}-charger", status=OK),
    "end_session": Call(body={"reason": "lost"}),
    "list_denied_identifiers": Call(status=OK),
    "enrol_identifier": Call(body={"vehicle_id": "new", "name": "New", "access_class": "own"}),
    "ignore_identifier": Call(body={"reason": "a neighbour"}),
    "list_identifier_again": Call(),
    "arm_enrolment": Call(body={"minutes": 5}),
    "get_enrolment_session": Call(),
    "cancel_enrolment": Call(),
    "ask_what_if": Call(
        body={
            "from": "2026-11-01T00:00:00Z",
            "until": "2026-11-18T00:00:00Z",
            "charger_ids": ["{known}-charger"],
            "changes": {"vehicles": [{"vehicle_id": "{known}-vehicle", "suspended": True}]},
        },
        status=frozenset({404, 422}),
    ),
    "report_access": Call(query=f"{PERIOD}&group_by=charger,reason&charger_id={{known}}-charger", status=OK),
    "report_energy": Call(query=f"{PERIOD}&part=limits&depot_id={{known}}-depot", status=OK),
    "report_reservations": Call(query=f"{PERIOD}&group_by=charger&charger_id={{known}}-charger", status=OK),
    "report_mode_compliance": Call(query=f"{PERIOD}&group_by=charger&charger_id={{known}}-charger", status=OK),
    "report_unenrolled_identifiers": Call(query=f"{PERIOD}&charger_id={{known}}-charger", status=OK),
    "list_profiles": Call(status=OK),
    "get_profile": Call(),
    "put_profile": Call(body=PROFILE, status=MADE),
    "remove_profile": Call(),
    "probe_charger": Call(),
    "list_audit": Call(status=OK),
    "export_audit": Call(status=OK),
    "take_event": Call(
        body={
            "version": "0",
            "id": "one",
            "detail-type": "VehicleDecommissioned",
            "source": "betterfleet.fleet",
            "account": "111122223333",
            "time": "2026-11-18T12:00:00Z",
            "region": "eu-central-1",
            "resources": [],
            "detail": {
                "event_id": "one",
                "event_version": 1,
                "tenant_id": ACME,
                "occurred_at": "2026-11-18T12:00:00Z",
                "aggregate": {"type": "vehicle", "id": "{known}-vehicle", "version": 1},
                "data": {"vehicle_id": "{known}-vehicle"},
            },
        },
        status=frozenset({422}),
    ),
    "put_tenant": Call(body={"name": "Mine"}, status=frozenset({403})),
    "get_tenant": Call(status=frozenset({403})),
    "list_tenants": Call(status=frozenset({403})),
    "create_api_key": Call(body={"name": "Own", "role": "viewer", "depots": ["{known}-depot"]}, status=MADE | {422}),
    "list_api_keys": Call(status=OK),
    "revoke_api_key": Call(),
    "show_session": Call(status=OK),
    "list_webhook_presets": Call(status=OK),
    "create_webhook": Call(body=HOOK, status=MADE),
    "list_webhooks": Call(status=OK),
    "get_webhook": Call(),
    "change_webhook": Call(body=HOOK),
    "remove_webhook": Call(),
    "rotate_webhook_secret": Call(body={"secret": None}),
    "test_webhook": Call(),
    "list_webhook_deliveries": Call(),
    "redeliver_webhook_event": Call(),
    "redeliver_webhook_dead_letters": Call(),
    "list_ocpi_partners": Call(status=OK),
    "get_ocpi_partner": Call(),
    "put_ocpi_partner": Call(body={**PARTNER, "bookable": [{"depot_id": "{known}-depot"}]}, status=frozenset({422})),
    "invite_ocpi_partner": Call(),
    "register_with_ocpi_partner": Call(body={"versions_url": "https://hub.invalid/ocpi", "token": "t"}),
    "remove_ocpi_partner": Call(),
    "list_oscp_providers": Call(),
    "get_oscp_provider": Call(),
    "put_oscp_provider": Call(body={"name": "Grid", "groups": []}, status=MADE | NOT_THERE),
    "invite_oscp_provider": Call(),
    "register_with_oscp_provider": Call(body={"base_url": "https://grid.invalid/oscp", "token": "t"}),
    "remove_oscp_provider": Call(),
}
CREATES = frozenset({"put_calendar", "put_entrance", "put_oscp_provider", "put_depot", "put_agreement", "put_profile"})
"""They make something of the caller's own under the other tenant's id, so they come last."""
REPEATED = re.compile(r"zqknown-[a-z]+")


@dataclass
class World:
    api: HttpApi
    acme: MarkedTenant
    rival: MarkedTenant
    tried: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    async def pair(self, operation: str, method: str, path: str, call: Call, ids: dict[str, str], known: str) -> None:
        """One request of the other tenant; what is wrong with the answer is kept in `found`."""
        sent = _filled(call.body, known)
        url = path.format(**ids) + (f"?{call.query.format(known=known)}" if call.query else "")
        content = None if call.file is None else call.file.replace(b"{known}", known.encode())
        headers = {} if content is None else {"Content-Type": "text/csv"}
        role = _role(operation)
        answer = await self.api.send(method, url, sent, tenant=RIVAL, role=role, content=content, headers=headers)
        self.tried.append(f"{operation} {sorted(ids.values())} {known}")
        self.found += [f"{operation} {url}: {each}" for each in _faults(answer, call, f"{url} {sent} {content!r}")]


def _role(operation: str) -> Role:
    return Role.INSTALLATION if operation == "metrics" else Role.ADMIN


def _faults(answer: httpx.Response, call: Call, request: str) -> Iterator[str]:
    whole = f"{answer.headers} {answer.text}"
    if answer.status_code not in call.status:
        yield f"status {answer.status_code}: {answer.text[:200]}"
    if SECRET.lower() in whole.lower() or ACME in whole.replace(ACME if ACME in request else "\0", ""):
        yield f"data of another tenant: {whole[:400]}"
    if unasked := set(REPEATED.findall(whole)) - set(REPEATED.findall(request)):
        yield f"ids of another tenant: {sorted(unasked)}"


def _filled(body: Any, known: str) -> Any:
    match body:
        case str():
            return body.replace("{known}", known)
        case list():
            return [_filled(each, known) for each in body]
        case dict():
            return {name: _filled(each, known) for name, each in body.items()}
        case _:
            return body


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with http_api(tmp_path) as api:

        async def send_acme(method: str, path: str, body: Any = None, **how: Any) -> httpx.Response:
            return await api.send(method, path, body, tenant=ACME, **how)

        async def send_rival(method: str, path: str, body: Any = None, **how: Any) -> httpx.Response:
            return await api.send(method, path, body, tenant=RIVAL, **how)

        store = api.container.stores.store()
        acme = MarkedTenant(ACME, KNOWN, SECRET, send_acme)
        rival = MarkedTenant(RIVAL, OWN, "ours", send_rival, card="04FFEEDDCCBBAA")
        for tenant in (acme, rival):
            await tenant.seed(store)
        await api.settled()
        yield World(api, acme, rival)


async def _operations(api: HttpApi) -> dict[str, tuple[str, str]]:
    paths = (await api.client.get("/openapi.json")).json()["paths"]
    return {
        operation["operationId"]: (method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["operationId"] not in WITHOUT_TOKEN
    }


async def _try_all(world: World) -> None:
    """Each operation with the other tenant's ids at each position, with the caller's own ones elsewhere, and with none."""
    operations = await _operations(world.api)
    for operation in sorted(operations, key=lambda each: each in CREATES):
        method, path = operations[operation]
        call, names = CALLS[operation], re.findall(r"{(\w+)}", path)
        theirs = {name: world.acme.ids.get(name, f"{KNOWN}-{name}") for name in names}
        own = {name: world.rival.ids.get(name, f"{OWN}-{name}") for name in names}
        for position in range(len(names) or 1):
            ids = {name: (own if place < position else theirs)[name] for place, name in enumerate(names)}
            await world.pair(operation, method, path, call, ids, KNOWN)
        if not names and operation not in ("take_event", "create_api_key"):
            unnamed = Call(call.query, call.body, call.file, call.status | OK | MADE | {202, 204, 422})
            await world.pair(operation, method, path, unnamed, {}, OWN)


async def test_every_operation_of_the_document_has_a_call_across_tenants(empty_api: HttpApi) -> None:
    assert set(CALLS) == set(await _operations(empty_api))


async def test_operations_called_by_another_tenant_show_and_change_nothing_of_the_first(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    before = await _events_of_acme(world)

    await _try_all(world)

    record_property("requests across tenants", len(world.tried))
    assert world.found == [], "\n".join(world.found)
    assert len(world.tried) > len(CALLS)
    assert await _events_of_acme(world) == before


async def test_query_without_its_tenant_is_found_by_the_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: one filter is dropped."""
    asked = SqlViews.vehicle

    async def of_any_tenant(self: SqlViews, tenant_id: TenantId, vehicle_id: Any) -> Any:
        return await asked(self, TenantId(ACME), vehicle_id)

    monkeypatch.setattr(SqlViews, "vehicle", of_any_tenant)

    await _try_all(world)

    assert any(each.startswith("get_vehicle") and "data of another tenant" in each for each in world.found)


async def _events_of_acme(world: World) -> list[Any]:
    log = await world.api.container.stores.store().read_log(after=0, limit=10_000)
    return [each for each in log if each.envelope.tenant_id == ACME]
