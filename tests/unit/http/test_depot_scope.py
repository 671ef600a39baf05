"""Each (operation, depot scope) pair, derived from the OpenAPI document: a caller of one depot neither sees nor changes
another depot's data, whatever the operation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.read_models.tables import ENERGY_IGNORED_ENVELOPES, FAULTS, MODE_CHANGES, PIN_LOCKOUTS
from access_policy.application.ports.identity import Role
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.entrypoints.http import auth, dependencies
from access_policy.entrypoints.http.depot_scope import IN_PATHS
from tests.support.builders import NOON
from tests.support.depot_in_memory import SettableClock
from tests.support.http_api import HttpApi, http_api
from tests.support.operations import ROUTES, WITHOUT_TOKEN, roles_of

ACME = TenantId("acme")
PERIOD = "from=2026-11-01T00:00:00Z&until=2026-11-21T00:00:00Z"
QUERIES = {
    "report_access": f"{PERIOD}&group_by=depot,charger",
    "report_mode_compliance": f"{PERIOD}&group_by=depot,charger",
    "report_unenrolled_identifiers": PERIOD,
    "report_reservations": "from=2026-11-18T00:00:00Z&until=2027-01-31T00:00:00Z&group_by=depot,charger",
    "cancel_reservation": "reason=gone",
    "report_energy": f"{PERIOD}&part=limits",
    "list_operating_envelopes": "depot_id=bravo",
    "get_availability": "from=2026-11-21T00:00:00Z&until=2026-11-22T00:00:00Z",
    "list_reservations": "from=2026-11-18T00:00:00Z&until=2027-01-31T00:00:00Z",
    "plan_dispatch_import": "depot_id=bravo",
    "export_reservations": "depot_id=bravo&from=2026-12-01T00:00:00Z&until=2026-12-02T00:00:00Z",
    "stream": "last_event_id=0&follow=false",
}
DAYS = {"name": "Days", "mode": "freevend", "recurrence": "FREQ=DAILY", "start": "08:00", "end": "18:00"}
RESERVED = {"start": "2026-12-01T18:00:00Z", "end": "2026-12-01T20:00:00Z", "holder": {"vehicle_id": "bus-7"}}
LIMIT = {
    "source": "grid",
    "valid_from": "2026-11-18T00:00:00Z",
    "valid_until": "2026-11-25T00:00:00Z",
    "import_limit_w": 9_000,
}
BODIES: Mapping[str, Any] = {
    "allow_attempt": {"reason": "tonight", "for": "PT1H"},
    "add_holiday": {"date": "2027-01-01", "reason": "New Year", "calendar_ids": "all"},
    "override_many": {"charger_ids": "all", "mode": "freevend", "for": "PT1H", "reason": "open"},
    "create_schedule": {"depot_id": "bravo", "name": "Days", "rules": [DAYS]},
    "put_schedule": {"name": "Days", "rules": [DAYS]},
    "make_reservation": {"depot_id": "bravo", "charger_id": "bravo-bay", **RESERVED},
    "change_reservation": {"charger_id": "bravo-bay", **RESERVED},
    "replace_reservation": {"holder": {"vehicle_id": "bus-7"}, "reason": "gone"},
    "put_reservation_settings": {"horizon_days": 14},
    "put_reservation_group": {"name": "Fast", "charger_ids": ["bravo-bay"]},
    "put_energy_node": {"kind": "site", "limit_w": 2},
    "put_energy_policy": {"enabled": False},
    "ask_energy_what_if": {"from": "2026-11-01T00:00:00Z", "until": "2026-11-21T00:00:00Z", "policy": {"enabled": True}},
    "put_operating_envelope": {"depot_id": "bravo", "node_id": "bravo-main", "sequence": 2, **LIMIT},
    "record_measurements": {
        "items": [{"depot_id": "bravo", "node_id": "bravo-main", "observed_at": "2026-11-18T12:00:00Z", "demand_w": 1}]
    },
    "put_entrance": {"name": "Gate", "charger_ids": ["bravo-bay"]},
    "put_ocpi_partner": {"name": "Hub", "own_party": "DE-BTF", "own_name": "Us", "bookable": [{"depot_id": "bravo"}]},
    "register_with_ocpi_partner": {"versions_url": "https://hub.invalid/", "token": "t"},
    "put_oscp_provider": {"name": "Grid", "groups": []},
    "register_with_oscp_provider": {"base_url": "https://grid.invalid/", "token": "t"},
    "create_api_key": {"name": "Display", "role": "viewer", "depot_ids": ["bravo"]},
    "decide_access": {"charger_id": "bravo-bay", "identifier": {"kind": "rfid", "value": "04FFFFFFFFFFFF"}},
    "ask_what_if": {"from": "2026-11-01T00:00:00Z", "until": "2026-11-21T00:00:00Z", "changes": {"baseline_mode": "freevend"}},
}  # fmt: skip
SHEET = b"assignment_id,vehicle_id,charger_id,from,until\na-1,bus-7,bravo-bay,2026-12-03 18:00,2026-12-03 20:00\n"
CSV = {"Content-Type": "text/csv"}
TENANT_WIDE = frozenset(
    {"show_session", "list_profiles", "get_profile", "list_vehicles", "get_vehicle"}
)  # no data of a depot
PATH_NAMES = {
    "charger_id": "bravo-bay",
    "depot_id": "bravo",
    "agreement_id": "bravo-guests",
    "vehicle_id": "bus-7",
    "name": "ocpp16-central",
    "calendar_id": "bravo-days",
    "reservation_id": "bravo-evening",
    "group_id": "bravo-fast",
    "entrance_id": "bravo-gate",
    "provider_id": "bravo-dso",
    "node_id": "bravo-main",
    "envelope_id": "bravo-limit",
    "partner_id": "DE-HUB",
}
OTHERS = (("alfa",), ())  # scopes of callers who have nothing to do with the depot bravo


def given(depot: str) -> tuple[tuple[str, str, Any], ...]:
    bay = f"{depot}-bay"
    settings = {"charge_point_id": f"CP-{depot}", "depot_id": depot, "profile": "ocpp16-central"}
    return (
        ("PUT", f"/v1/depots/{depot}", {"name": f"{depot}-secret", "time_zone": "Europe/Berlin"}),
        (
            "PUT",
            f"/v1/depots/{depot}/calendars/{depot}-days",
            {"name": f"{depot}-secret", "days": [{"date": "2026-12-25", "reason": "Christmas"}]},
        ),
        ("PUT", f"/v1/chargers/{bay}", {**settings, "baseline_mode": "managed"}),
        (
            "PUT",
            f"/v1/agreements/{depot}-guests",
            {"name": f"{depot}-secret", "fleet": "Guests", "valid_from": "2026-01-01T00:00:00Z", "depot_ids": [depot]},
        ),
        (
            "POST",
            "/v1/schedules",
            {
                "depot_id": depot,
                "name": f"{depot}-secret",
                "rules": [{**DAYS, "name": f"{depot}-days", "start": "20:00", "end": "22:00"}],
                "charger_ids": [bay],
            },
        ),
        ("POST", f"/v1/chargers/{bay}/enrolment-session", {}),
        (
            "POST",
            "/v1/reservations",
            {
                "reservation_id": f"{depot}-evening",
                "depot_id": depot,
                "charger_id": bay,
                "note": f"{depot}-secret",
                **RESERVED,
            },
        ),
        (
            "PUT",
            f"/v1/depots/{depot}/reservation-groups/{depot}-fast",
            {"name": f"{depot}-secret", "charger_ids": [bay]},
        ),
        (
            "PUT",
            f"/v1/depots/{depot}/entrances/{depot}-gate",
            {"name": f"{depot}-secret", "charger_ids": [bay]},
        ),
        ("PUT", f"/v1/depots/{depot}/oscp-providers/{depot}-dso", {"name": f"{depot}-secret", "groups": []}),
        ("PUT", f"/v1/depots/{depot}/energy-policy", {"enabled": True, "enforcement": "advisory"}),
        ("PUT", f"/v1/depots/{depot}/energy-nodes/{depot}-main", {"kind": "site", "limit_w": 1_000_000}),
        (
            "PUT",
            f"/v1/operating-envelopes/{depot}-limit",
            {"depot_id": depot, "node_id": f"{depot}-main", "sequence": 1, **LIMIT, "source": f"{depot}-secret"},
        ),
        ("POST", "/v1/api-keys", {"name": f"{depot}-secret", "role": "viewer", "depot_ids": [depot]}),
        (
            "POST",
            f"/v1/chargers/{bay}/overrides",
            {"mode": "freevend", "from": "2026-11-21T00:00:00Z", "for": "PT1H", "reason": f"{depot}-secret"},
        ),
        (
            "POST",
            "/v1/access-decisions",
            {
                "charger_id": bay,
                "attempt_id": f"{depot}-attempt",
                "identifier": {"kind": "rfid", "value": "04A1B2C3D4E5F6"},
            },
        ),
        (
            "POST",
            f"/v1/access-events/{depot}-attempt/allow",
            {"reason": f"{depot}-secret", "until": "2026-11-20T12:00:00Z"},
        ),
    )


GIVEN = (
    ("PUT", "/v1/vehicles/bus-7", {"name": "Bus 7", "access_class": "own"}),
    *given("alfa"),
    *given("bravo"),
    (
        "PUT",
        "/v1/agreements/both",
        {
            "name": "Both",
            "fleet": "Guests",
            "valid_from": "2026-01-01T00:00:00Z",
            "charger_ids": ["alfa-bay", "bravo-bay"],
        },
    ),
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=GIVEN) as api:
        with api.container.read_side.models().engine.begin() as connection:
            for number, depot in enumerate(("alfa", "bravo"), 1):
                ring = api.container.chargers.frames().ring((ACME, ChargerId(f"{depot}-bay")), OcppVersion.V16)
                ring.note(f'[2,"{depot}-1","Heartbeat",{{}}]'.encode(), False)
                of = {"tenant_id": "acme", "charger_id": f"{depot}-bay", "position": number}
                connection.execute(
                    insert(FAULTS).values(**of, fault_id=depot, occurred_at=NOON, error_code="GroundFailure")
                )
                connection.execute(
                    insert(PIN_LOCKOUTS).values(
                        **of,
                        attempt_id=f"{depot}-attempt",
                        depot_id=depot,
                        source="charger",
                        locked_at=NOON,
                        locked_until=NOON,
                    )
                )
                connection.execute(
                    insert(ENERGY_IGNORED_ENVELOPES).values(
                        tenant_id="acme",
                        depot_id=depot,
                        position=number,
                        envelope_id=f"{depot}-ignored",
                        node_id="none",
                        source="grid",
                        sequence=1,
                        reason="unknown_node",
                        ignored_at=NOON,
                    )
                )
                connection.execute(
                    insert(MODE_CHANGES).values(
                        **of,
                        generation=99,
                        mode="managed",
                        cause_kind="baseline",
                        cause_id="",
                        cause_name="Baseline",
                        mode_control="central",
                        trigger="schedule",
                        outcome="requested",
                        due_at=NOON,
                        requested_at=NOON,
                    )
                )
        clock = api.container.clock()
        assert isinstance(clock, SettableClock)
        clock.forward(minutes=30)
        yield api


async def operations(api: HttpApi) -> dict[str, tuple[str, str]]:
    """Method and path, with the ids of the depot bravo in it, by operation."""
    document = (await api.client.get("/openapi.json")).json()
    override = (await api.get("/v1/chargers/bravo-bay")).json()["overrides"][0]["override_id"]
    schedule = (await api.get("/v1/schedules?depot_id=bravo")).json()["items"][0]["schedule_id"]
    sheet = await api.send("POST", "/v1/reservations/imports?depot_id=bravo", content=SHEET, headers=CSV)
    names = {
        **PATH_NAMES,
        "attempt_id": "bravo-attempt",
        "override_id": override,
        "schedule_id": schedule,
        "plan_id": sheet.json()["plan_id"],
    }
    found = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation_id = operation["operationId"]
            if operation_id in WITHOUT_TOKEN or roles_of(operation_id) == {Role.INSTALLATION}:
                continue
            filled = path
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    name = parameter["name"]
                    filled = filled.replace(f"{{{name}}}", names.get(name, f"no-{name}"))
            query = QUERIES.get(operation_id)
            found[operation_id] = (method.upper(), filled if query is None else f"{filled}?{query}")
    return found


def body_of(operation_id: str, method: str) -> Any:
    return BODIES.get(operation_id, {} if method in ("PUT", "POST") else None)


def role_for(operation_id: str) -> Role:
    return Role.ADMIN if Role.ADMIN in roles_of(operation_id) else min(roles_of(operation_id))


def admits_some_depots(operation_id: str) -> bool:
    route = ROUTES[operation_id]
    allowed = [each.dependency for each in route.dependencies if isinstance(each.dependency, auth.Allowed)]
    return allowed[0].some_depots or any(f"{{{name}}}" in route.path for name in IN_PATHS)


async def breaches(api: HttpApi, depots: Sequence[str]) -> dict[str, str]:
    """The operations that show or change something of the depot bravo to a caller of these depots."""
    found = {}
    for operation_id, (method, path) in (await operations(api)).items():
        before = await api.position()
        answer = await api.send(method, path, body_of(operation_id, method), role=role_for(operation_id), depots=depots)
        refused = answer.status_code == 404 or (
            answer.status_code == 403 and answer.json()["type"].endswith("depots-too-few")
        )
        reads = answer.status_code == 200 and (method == "GET" or operation_id == "ask_what_if")
        shows = "bravo" in answer.text if reads else "secret" in answer.text
        if await api.position() != before or shows or not (refused or reads):
            found[operation_id] = f"{method} {path}: {answer.status_code} {answer.text[:300]}"
    return found


@pytest.mark.parametrize("depots", OTHERS, ids=["another depot", "no depot"])
async def test_operation_called_for_another_depot_shows_and_changes_nothing(
    api: HttpApi, depots: Sequence[str]
) -> None:
    assert await breaches(api, depots) == {}


async def test_reads_without_depot_scope_show_the_depot_that_the_pairs_look_for(api: HttpApi) -> None:
    for operation_id, (method, path) in (await operations(api)).items():
        if method == "GET" and admits_some_depots(operation_id) and operation_id not in TENANT_WIDE:
            answer = await api.send(method, path, role=role_for(operation_id))
            assert answer.status_code == 200, (operation_id, answer.text)
            assert "bravo" in answer.text, (operation_id, answer.text)


async def test_reads_for_all_depots_by_name_answer_as_without_a_scope(api: HttpApi) -> None:
    for operation_id, (method, path) in (await operations(api)).items():
        if method == "GET" and operation_id != "show_session":  # which shows the scope itself
            named = await api.send(method, path, role=role_for(operation_id), depots=["alfa", "bravo"])
            plain = await api.send(method, path, role=role_for(operation_id))
            too_few = named.status_code == 403 and named.json()["type"].endswith("depots-too-few")
            assert too_few or named.content == plain.content, operation_id


async def test_pairs_report_each_list_when_views_are_not_limited(api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "within_depots", lambda part, caller: part)

    found = await breaches(api, ["alfa"])

    assert {"list_access_events", "list_chargers", "list_depots", "list_faults", "report_access"} <= found.keys()


async def test_pairs_report_each_named_charger_when_requests_are_not_held(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def admit(*_: object, **__: object) -> None: ...

    monkeypatch.setattr(auth, "restrict_to_depots", admit)

    found = await breaches(api, ["alfa"])

    assert {"get_timeline", "retire_charger", "decide_access", "put_vehicle", "lift_override"} <= found.keys()


async def test_what_if_about_another_depots_schedule_is_refused(api: HttpApi) -> None:
    schedule_id = (await api.get("/v1/schedules?depot_id=bravo")).json()["items"][0]["schedule_id"]
    body = {**BODIES["ask_what_if"], "changes": {"schedules": [{"schedule_id": schedule_id, "withdraw": True}]}}

    refused = await api.send("POST", "/v1/what-if", body, depots=["alfa"])

    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (404, "schedule-not-found")
    assert (await api.send("POST", "/v1/what-if", body, depots=["bravo"])).status_code == 200


async def test_put_charger_into_another_depot_is_refused(api: HttpApi) -> None:
    settings = {"charge_point_id": "CP-9", "profile": "ocpp16-central", "baseline_mode": "managed"}

    answers = [
        await api.send("PUT", f"/v1/chargers/{charger}", {**settings, "depot_id": depot}, depots=["alfa"])
        for charger, depot in (("alfa-bay", "bravo"), ("new-bay", "bravo"), ("new-bay", "alfa"))
    ]

    assert [each.status_code for each in answers] == [404, 404, 201]


async def test_copy_policy_to_another_depots_charger_is_refused(api: HttpApi) -> None:
    answer = await api.send(
        "POST", "/v1/chargers/alfa-bay/copy-policy", {"charger_ids": ["bravo-bay"]}, depots=["alfa"]
    )

    assert answer.status_code == 404


async def test_agreement_of_several_depots_names_only_the_callers_chargers(api: HttpApi) -> None:
    answer = await api.get("/v1/agreements/both", depots=["alfa"])

    assert answer.json()["charger_ids"] == ["alfa-bay"]


async def test_idempotency_key_of_another_depots_caller_does_not_get_the_response(api: HttpApi) -> None:
    body = {"mode": "managed", "for": "PT1H", "reason": "bravo-secret"}
    how: dict[str, Any] = {"headers": {"Idempotency-Key": "one"}}
    first = await api.send("POST", "/v1/chargers/bravo-bay/overrides", body, depots=["bravo"], **how)

    again = await api.send("POST", "/v1/chargers/bravo-bay/overrides", body, depots=["alfa"], **how)

    assert first.status_code == 201
    assert again.status_code == 422
    assert "secret" not in again.text


async def test_request_bodies_name_chargers_and_depots_only_by_names_that_are_held(api: HttpApi) -> None:
    document = (await api.client.get("/openapi.json")).json()
    named = {
        name
        for title, schema in document["components"]["schemas"].items()
        if title.endswith(("Body", "Change", "Document")) or title == "AnyEvent"
        for name in schema.get("properties", {})
        if "charger" in name or "depot" in name
    }

    assert named == {"charger_id", "charger_ids", "depot_id", "depot_ids"}
