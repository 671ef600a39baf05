"""A driver for each HTTP operation, by its `operationId`, in an order in which each finds the data that it needs.

A test compares the names with the application's routes, and fails for an operation without a driver.
"""

from __future__ import annotations

from benchmarks.loop.scene import TENANT, Drive, Scene, file_of

CSV = {"Content-Type": "text/csv"}
ICS = {"Content-Type": "text/calendar"}
DRY_RUN_DAYS = 20_000  # for all chargers together, as the API allows


def rule(scene: Scene, **changes: object) -> dict[str, object]:
    nights = {"mode": "managed", "recurrence": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "start": "22:00", "end": "06:00"}
    return {"name": f"Nights {scene.number}", **nights, **changes}


def put_depot(s: Scene) -> None:
    shown = s.ask("GET", f"/v1/depots/{s.depot}").json()
    names = ("time_zone", "longest_override_days", "identifier_kinds", "exclusive_kinds")
    kept = {name: shown[name] for name in names if name in shown}
    s.ask("PUT", f"/v1/depots/{s.depot}", {"name": f"North yard {s.number}", "language": "de", **kept})


def put_calendar(s: Scene) -> None:
    days = [
        {"date": f"20{26 + n % 10}-{1 + n % 12:02}-{1 + n % 28:02}", "reason": f"{s.number}/{n}"} for n in range(500)
    ]
    s.ask("PUT", f"/v1/depots/{s.depot}/calendars/days", {"name": "Days", "days": days})
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:2026{1 + n % 12:02}{1 + n % 28:02}\r\n"
        f"RRULE:FREQ=YEARLY\r\nSUMMARY:Day {n} {s.number}\r\nEND:VEVENT\r\n"
        for n in range(300)
    )
    file = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:bench\r\n{events}END:VCALENDAR\r\n"
    s.ask("PUT", f"/v1/depots/{s.depot}/calendars/file?name=File", headers=ICS, content=file.encode())


def add_holiday(s: Scene) -> None:
    body = {"date": f"2027-01-{1 + s.number % 28:02}", "reason": f"Day {s.number}", "calendar_ids": "all"}
    s.ask("POST", f"/v1/depots/{s.depot}/holidays", body)


def remove_calendar(s: Scene) -> None:
    s.ask(
        "PUT", f"/v1/depots/{s.depot}/calendars/gone", {"name": "Gone", "days": [{"date": "2026-12-25", "reason": "x"}]}
    )
    s.ask("DELETE", f"/v1/depots/{s.depot}/calendars/gone")


def put_charger(s: Scene) -> None:
    body = {"charge_point_id": f"MORE-{s.number}", "depot_id": s.depot, "profile": "ocpp16-central"}
    s.ask("PUT", f"/v1/chargers/more-{s.number}", {**body, "baseline_mode": "managed"})


def list_chargers(s: Scene) -> None:
    for query in ("limit=200", "limit=200&sync=Reachable", f"depot_id={s.depot}"):
        s.ask("GET", f"/v1/chargers?{query}", ok=[422])


def schedule_mode(s: Scene) -> None:
    """Include the most expensive recurrences, and one that never occurs."""
    made = s.ask("POST", f"/v1/chargers/more-{s.number}/mode-rules", rule(s)).json()
    s.made["rule"] = made["rule_id"]
    for recurrence in (
        "FREQ=MONTHLY;BYDAY=5MO;BYSETPOS=2",
        "FREQ=WEEKLY;BYMONTH=2;COUNT=10000",
        "FREQ=DAILY;COUNT=10000",
    ):
        body = rule(s, recurrence=recurrence, end="23:00")
        s.ask("POST", f"/v1/chargers/more-{s.number}/mode-rules", body, ok=[422])


def amend_mode_rule(s: Scene) -> None:
    s.ask("PUT", f"/v1/chargers/more-{s.number}/mode-rules/{s.made['rule']}", rule(s, start="21:00"))


def withdraw_mode_rule(s: Scene) -> None:
    s.ask("DELETE", f"/v1/chargers/more-{s.number}/mode-rules/{s.made['rule']}")


def add_exception(s: Scene) -> None:
    body = {"date": "2027-01-01", "until_date": "2027-01-06", "mode": "freevend", "reason": "Holidays"}
    s.made["exception"] = s.ask("POST", f"/v1/chargers/more-{s.number}/exceptions", body).json()["exception_id"]
    s.ask(
        "POST",
        f"/v1/chargers/{s.charger}/exceptions",
        {"calendar_id": "days", "mode": "freevend", "reason": "Days"},
        ok=[409],
    )


def override_mode(s: Scene) -> None:
    body = {"mode": "freevend", "reason": "A visit", "for": "PT1H"}
    s.made["override"] = s.ask("POST", f"/v1/chargers/{s.charger}/overrides", body).json()["override_id"]


def override_many(s: Scene) -> None:
    body = {"charger_ids": "all", "mode": "freevend", "reason": "Open day", "for": "PT1H"}
    s.made["override_of_many"] = s.ask("POST", f"/v1/depots/{s.depot}/overrides", body).json()["override_id"]


def get_timeline(s: Scene) -> None:
    s.ask("GET", f"/v1/chargers/{s.charger}/timeline?from={s.instant()}&until={s.instant(days=399)}")


def schedule_mode_for_many(s: Scene) -> None:
    """Dry-run, then make, a rule at all chargers of the depot, with a calendar that they share."""
    wanted = {"charger_ids": "all", "rule": rule(s, except_calendars=["days"], priority=s.number)}
    days = max(1, min(90, DRY_RUN_DAYS // (s.chargers + 10)))
    s.ask("POST", f"/v1/depots/{s.depot}/mode-rules", {**wanted, "dry_run": True, "until": s.instant(days=days)})
    s.ask("POST", f"/v1/depots/{s.depot}/mode-rules", wanted)


def copy_policy(s: Scene) -> None:
    days = max(1, min(90, DRY_RUN_DAYS // (s.chargers + 10)))
    tried = {"charger_ids": "all", "dry_run": True, "until": s.instant(days=days)}
    s.ask("POST", f"/v1/chargers/{s.charger}/copy-policy", tried)
    s.ask("POST", f"/v1/chargers/{s.charger}/copy-policy", {"charger_ids": "all"})


def create_schedule(s: Scene) -> None:
    """Dry-run, with the attempts of a month counted, then create, a schedule for all chargers of the depot."""
    body = {"depot_id": s.depot, "name": f"Weekdays {s.number}", "rules": [rule(s)], "charger_ids": "all"}
    days = max(1, min(90, DRY_RUN_DAYS // (s.chargers + 10)))
    tried = {"dry_run": True, "until": s.instant(days=days), "what_if_days": 30}
    s.ask("POST", "/v1/schedules", {**body, **tried})
    s.made["schedule"] = s.ask("POST", "/v1/schedules", body).json()["schedule_id"]


def put_schedule(s: Scene) -> None:
    body = {"name": f"Weekdays {s.number}", "rules": [rule(s, start="21:00"), rule(s, name="Later", start="23:00")]}
    s.ask("PUT", f"/v1/schedules/{s.made['schedule']}", body)


def reservation(s: Scene, **changes: object) -> dict[str, object]:
    start, end = s.instant(days=30 + s.number), s.instant(days=30 + s.number, hours=2)
    return {"charger_id": s.charger, "holder": {"identifiers": [s.card]}, "start": start, "end": end, **changes}


def make_reservation(s: Scene) -> None:
    made = s.ask("POST", "/v1/reservations", {"depot_id": s.depot, **reservation(s)}).json()
    s.made["reservation"] = made["reservation_id"]


def change_reservation(s: Scene) -> None:
    s.ask("PUT", f"/v1/reservations/{s.made['reservation']}", reservation(s, note=f"Moved {s.number}"))


def replace_reservation(s: Scene) -> None:
    body = {"holder": {"identifiers": [s.card]}, "reason": f"The bus broke down {s.number}"}
    s.made["reservation"] = s.ask("POST", f"/v1/reservations/{s.made['reservation']}/replace", body).json()[
        "reservation_id"
    ]


def list_reservations(s: Scene) -> None:
    s.ask("GET", f"/v1/reservations?depot_id={s.depot}&from={s.instant(days=-30)}&until={s.instant(days=90)}&limit=200")
    s.ask("GET", f"/v1/reservations?depot_id={s.depot}&status=at_risk&status=due")


def get_availability(s: Scene) -> None:
    s.ask("GET", f"/v1/depots/{s.depot}/availability?from={s.instant()}&until={s.instant(days=7)}")


def put_reservation_settings(s: Scene) -> None:
    s.ask("PUT", f"/v1/depots/{s.depot}/reservation-settings", {"horizon_days": 7 + s.number % 7})


def put_reservation_group(s: Scene) -> None:
    body = {"name": f"Fast {s.number}", "charger_ids": [s.charger]}
    s.ask("PUT", f"/v1/depots/{s.depot}/reservation-groups/fast", body)


def put_energy_policy(s: Scene) -> None:
    body = {"enabled": True, "own_and_agreement_below_w": 20_000, "own_only_below_w": 10_000, "hysteresis_w": s.number}
    s.ask("PUT", f"/v1/depots/{s.depot}/energy-policy", body)


def put_energy_node(s: Scene) -> None:
    """Put the site and the charger below it, with a limit that is enough for all."""
    nodes = f"/v1/depots/{s.depot}/energy-nodes"
    s.ask("PUT", f"{nodes}/site", {"kind": "site", "limit_w": 900_000_000 + s.number})
    s.ask("PUT", f"{nodes}/bay", {"kind": "charger", "parent_id": "site", "charger_id": s.charger, "limit_w": 22_000})


def remove_energy_node(s: Scene) -> None:
    nodes = f"/v1/depots/{s.depot}/energy-nodes"
    s.ask("PUT", f"{nodes}/gone", {"kind": "circuit", "parent_id": "site"})
    s.ask("DELETE", f"{nodes}/gone")


def operating_envelope(s: Scene) -> dict[str, object]:
    window = {"valid_from": s.instant(), "valid_until": s.instant(hours=6)}
    return {"depot_id": s.depot, "node_id": "site", "source": "bench", "import_limit_w": 900_000_000, **window}


def put_operating_envelope(s: Scene) -> None:
    s.ask("PUT", f"/v1/operating-envelopes/env-{s.number}", {**operating_envelope(s), "sequence": s.number})


def record_measurements(s: Scene) -> None:
    item = {"depot_id": s.depot, "observed_at": s.instant(), "demand_w": s.number}
    s.ask("POST", "/v1/measurements", {"items": [{**item, "node_id": node_id} for node_id in ("site", "bay")]})


def put_entrance(s: Scene) -> None:
    s.ask("PUT", f"/v1/depots/{s.depot}/entrances/gate", {"name": f"Gate {s.number}"})


def remove_entrance(s: Scene) -> None:
    s.ask("PUT", f"/v1/depots/{s.depot}/entrances/gone", {"name": "Gone"})
    s.ask("DELETE", f"/v1/depots/{s.depot}/entrances/gone")


def leave_all(s: Scene) -> None:
    s.ask("POST", f"/v1/schedules/{s.made['schedule']}/chargers", {"charger_ids": "all", "follows": False})


def allow_attempt(s: Scene) -> None:
    """Allow an attempt of a stranger who was refused."""
    stranger = {"kind": "rfid", "value": f"04C{s.number:011d}"}
    asked = {"charger_id": s.charger, "identifier": stranger}
    s.made["refused"] = s.ask("POST", "/v1/access-decisions", asked).json()["attempt_id"]
    body = {"reason": "A visit", "for": "PT1H"}
    s.ask("POST", f"/v1/access-events/{s.made['refused']}/allow", body, ok=[409])


def create_api_key(s: Scene) -> None:
    s.made["api_key"] = s.ask("POST", "/v1/api-keys", {"name": "Display", "role": "viewer"}).json()["key_id"]


def put_vehicle(s: Scene) -> None:
    body = {"name": f"One more {s.number}", "access_class": "own", "plate": f"B-Y {s.number}"}
    s.ask("PUT", f"/v1/vehicles/one-more-{s.number}", body)


def list_vehicles(s: Scene) -> None:
    for query in ("limit=200", "limit=200&name=vehicle 49", "access_class=own"):
        s.ask("GET", f"/v1/vehicles?{query}", ok=[422])


def put_agreement(s: Scene) -> None:
    body = {
        "name": f"Couriers {s.number}",
        "fleet": "Couriers",
        "valid_from": "2026-01-01T00:00:00Z",
        "depot_ids": [s.depot],
    }
    s.ask("PUT", "/v1/agreements/couriers", body)


def plan_registry_import(s: Scene) -> None:
    file = file_of(s.vehicles, name=f"Vehicle {s.number}")
    s.made["plan"] = s.ask("POST", "/v1/registry/imports", headers=CSV, content=file).json()["plan_id"]


def apply_registry_import(s: Scene) -> None:
    plan = s.made["plan"]
    record = s.ask("POST", f"/v1/registry/imports/{plan}/apply").json()
    while record["state"] != "applied":
        record = s.ask("GET", f"/v1/registry/imports/{plan}?rows=false").json()


def plan_charger_import(s: Scene) -> None:
    exported = s.ask("GET", "/v1/chargers/export?bom=false").text
    chosen = ("observe", "enforce")[s.number % 2]
    lines = [line.split(",") for line in exported.splitlines()]
    at = lines[0].index("enforcement")
    file = "\r\n".join(",".join([*line[:at], chosen, *line[at + 1 :]]) for line in lines[1:])
    content = f"{','.join(lines[0])}\r\n{file}".encode()
    s.made["charger_plan"] = s.ask("POST", "/v1/chargers/imports", headers=CSV, content=content).json()["plan_id"]


def apply_charger_import(s: Scene) -> None:
    plan = s.made["charger_plan"]
    record = s.ask("POST", f"/v1/chargers/imports/{plan}/apply").json()
    while record["state"] != "applied":
        record = s.ask("GET", f"/v1/chargers/imports/{plan}?rows=false").json()


def dispatch_sheet(s: Scene, *, days: int) -> str:
    """Return about 2,000 assignments of one hour at one charger, starting some days ahead, for vehicles of the registry import.
    Each call moves them by a minute.
    """
    lines = ["assignment_id,vehicle_id,charger_id,from,until"]
    for n in range(2_000):
        start, end = (s.instant(days=days, minutes=60 * n + s.number + minutes) for minutes in (0, 30))
        lines.append(f"a-{days}-{n},bulk-{n % s.vehicles},{s.charger},{start},{end}")
    return "\r\n".join(lines)


def plan_dispatch_import(s: Scene) -> None:
    path = f"/v1/reservations/imports?depot_id={s.depot}&mode=replace"
    sheet = dispatch_sheet(s, days=200)
    s.made["dispatch_plan"] = s.ask("POST", path, headers=CSV, content=sheet.encode()).json()["plan_id"]


def apply_dispatch_import(s: Scene) -> None:
    plan = s.made["dispatch_plan"]
    record = s.ask("POST", f"/v1/reservations/imports/{plan}/apply").json()
    while record["state"] != "applied":
        record = s.ask("GET", f"/v1/reservations/imports/{plan}?rows=false").json()


def decide_access(s: Scene) -> None:
    asked = {"charger_id": s.charger, "identifier": s.card}
    s.ask("POST", "/v1/access-decisions", {**asked, "dry_run": True, "at": s.instant(days=200)})
    s.made["attempt"] = s.ask("POST", "/v1/access-decisions", asked).json()["attempt_id"]
    s.ask("POST", "/v1/access-decisions", {**asked, "identifier": s.stranger})
    at_gate = {"entrance_id": "gate", "identifier": s.card}
    s.ask("POST", "/v1/access-decisions", {**at_gate, "dry_run": True, "at": s.instant(days=200)})
    s.ask("POST", "/v1/access-decisions", at_gate)
    s.ask("POST", "/v1/access-decisions", {**at_gate, "identifier": s.stranger})


def list_access_events(s: Scene) -> None:
    for query in ("limit=200", f"limit=200&depot_id={s.depot}&decision=denied"):
        s.ask("GET", f"/v1/access-events?{query}")


def list_denied_identifiers(s: Scene) -> None:
    s.ask("PUT", f"/v1/chargers/asks-{s.number}", asks_always(s))
    s.ask("POST", "/v1/access-decisions", {"charger_id": f"asks-{s.number}", "identifier": s.stranger})
    items = s.ask("GET", "/v1/denied-identifiers?limit=200").json()["items"]
    s.made["denied"] = items[0]["denied_id"]


def asks_always(s: Scene) -> dict[str, str]:
    settings = {"depot_id": s.depot, "profile": "ocpp16-central", "baseline_mode": "managed"}
    return {"charge_point_id": f"ASKS-{s.number}", **settings}


def enrol_identifier(s: Scene) -> None:
    body = {"vehicle_id": f"enrolled-{s.number}", "name": "Enrolled", "access_class": "own"}
    s.ask("POST", f"/v1/denied-identifiers/{s.made['denied']}/enrol", body)


def ask_what_if(s: Scene) -> None:
    period = {"from": s.instant(days=-90), "until": s.instant(days=1)}
    s.ask("POST", "/v1/what-if", {**period, "changes": {"rules": [{"rule": rule(s, mode="freevend")}]}})
    suspended = {"vehicles": [{"vehicle_id": "one-more-0", "suspended": True}]}
    s.ask("POST", "/v1/what-if", {**period, "changes": suspended}, ok=[404, 422])


def ask_energy_what_if(s: Scene) -> None:
    limit = {
        "node_id": "site",
        "valid_from": s.instant(days=-30),
        "valid_until": s.instant(days=1),
        "import_limit_w": 1,
    }
    body = {"from": s.instant(days=-30), "until": s.instant(days=1), "envelope": limit}
    s.ask("POST", f"/v1/depots/{s.depot}/energy/what-if", body)


REPORT_FORMATS = ("application/json", "text/csv", "application/vnd.apache.parquet")


def report_access(s: Scene) -> None:
    query = f"from={s.instant(days=-365)}&until={s.instant(days=1)}&group_by=day,charger,reason,access_class"
    for accept in REPORT_FORMATS:
        s.ask("GET", f"/v1/reports/access?{query}", headers={"Accept": accept})


def report_reservations(s: Scene) -> None:
    s.ask("GET", f"/v1/reports/reservations?from={s.instant(days=-30)}&until={s.instant(days=60)}&group_by=day,charger")


def report_energy(s: Scene) -> None:
    query = f"from={s.instant(days=-30)}&until={s.instant(days=1)}&group_by=day,charger,level"
    for part in ("starts", "limits", "lineage", "silences"):
        s.ask("GET", f"/v1/reports/energy?{query}&part={part}")


def report_mode_compliance(s: Scene) -> None:
    query = f"from={s.instant(days=-90)}&until={s.instant(days=1)}&group_by=day,charger"
    for accept in REPORT_FORMATS:
        s.ask("GET", f"/v1/reports/mode-compliance?{query}", headers={"Accept": accept})


def report_unenrolled_identifiers(s: Scene) -> None:
    query = f"from={s.instant(days=-365)}&until={s.instant(days=1)}"
    for accept in REPORT_FORMATS:
        s.ask("GET", f"/v1/reports/unenrolled-identifiers?{query}", headers={"Accept": accept})


def put_profile(s: Scene) -> None:
    s.ask("PUT", f"/v1/profiles/own-{s.number}", PROFILE)


KEY = {"kind": "configuration_key", "key": "OurFree", "managed_value": "off", "freevend_value": "on"}
PROFILE = {"title": "Our own chargers", "protocols": ["ocpp1.6"], "mode_control": KEY}


def take_event(s: Scene) -> None:
    for event in messages(s, "http").values():
        s.ask("POST", "/v1/events", event, ok=[409])


AGGREGATES = (
    "agreement_id",
    "vehicle_id",
    "booking_id",
    "envelope_id",
    "source",
    "depot_id",
)  # the first one found


def messages(s: Scene, way: str) -> dict[str, dict[str, object]]:
    """Return one message of each type that the intake accepts, by type. `way` distinguishes messages over HTTP from those in a
    queue.
    """
    subject = f"{way}-{s.number}"
    of_depot = {"booking_id": subject, "depot_id": s.depot}
    ends = s.instant(days=60 + s.number, hours=2)
    data: dict[str, dict[str, object]] = {
        "AgreementChanged": {"agreement_id": subject, "name": "A", "fleet": "F", "valid_from": "2026-01-01T00:00:00Z"},
        "VehicleCommissioned": {"vehicle_id": subject, "name": "Taken in", "access_class": "own"},
        "VehicleDecommissioned": {"vehicle_id": subject},
        "BookingReserved": {**of_depot, **reservation(s, start=s.instant(days=60 + s.number), end=ends)},
        "BookingChanged": {**of_depot, **reservation(s, start=s.instant(days=60 + s.number, hours=1), end=ends)},
        "BookingCanceled": of_depot,
        "OperatingEnvelopeChanged": {
            "envelope_id": subject,
            "sequence": s.number,
            **operating_envelope(s),
            "source": way,
        },
        "OperatingEnvelopeWithdrawn": {"envelope_id": subject, "depot_id": s.depot},
        "DemandMeasured": {
            "depot_id": s.depot,
            "items": [{"node_id": "site", "observed_at": s.instant(), "demand_w": s.number}],
        },
        "EnergySourceOffline": {"depot_id": s.depot, "source": way, "offline_at": s.instant(days=30 + s.number)},
    }
    return {kind: _message(s, kind, subject, version, each) for version, (kind, each) in enumerate(data.items(), 1)}


def _message(s: Scene, kind: str, subject: str, version: int, data: dict[str, object]) -> dict[str, object]:
    return {
        "version": "0",
        "id": f"{kind}-{subject}",
        "detail-type": kind,
        "source": "betterfleet.fleet",
        "account": "111122223333",
        "time": s.instant(),
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "event_id": f"{kind}-{subject}",
            "event_version": 1,
            "tenant_id": TENANT,
            "occurred_at": s.instant(),
            "aggregate": {
                "type": next(name for name in AGGREGATES if name in data).removesuffix("_id"),
                "id": next(data[name] for name in AGGREGATES if name in data),
                "version": version,
            },
            "data": data,
        },
    }


def get(path: str, *ok: int) -> Drive:
    """Return a driver that GETs the path, in which `{…}` come from the scene."""
    return lambda s: s.ask("GET", path.format(s=s, **s.made), ok=ok)


def send(method: str, path: str, *ok: int, **body: object) -> Drive:
    return lambda s: s.ask(method, path.format(s=s, **s.made), body or None, ok=ok)


def of_the_installation(method: str, path: str, **body: object) -> Drive:
    """Return a driver that uses the installation's token."""

    def drive(s: Scene) -> object:
        headers = {"Authorization": f"Bearer {s.installation}"}
        return s.ask(method, path.format(s=s, **s.made), body or None, headers=headers)

    return drive


HOOK = {"url": "https://hooks.invalid/hook", "preset": "denied_vehicle", "enabled": False}


def create_webhook(s: Scene) -> None:
    """Create a disabled webhook, so that nothing is sent; its test request finds no such host."""
    s.made["webhook"] = s.ask("POST", "/v1/webhooks", {"name": "Hook", **HOOK}).json()["webhook_id"]


def change_webhook(s: Scene) -> None:
    s.ask("PUT", f"/v1/webhooks/{s.made['webhook']}", {"name": f"Hook {s.number}", **HOOK})


def put_ocpi_partner(s: Scene) -> None:
    body = {"name": f"Hub {s.number}", "own_party": "DE-BTF", "own_name": "Us", "bookable": [{"depot_id": s.depot}]}
    s.ask("PUT", "/v1/ocpi-partners/DE-HUB", body)


UNLOCK = {"action": "UnlockConnector", "payload": {"connectorId": 1}}

OPERATIONS: dict[str, Drive] = {
    "healthz": get("/healthz"),
    "readyz": get("/readyz", 503),
    "metrics": of_the_installation("GET", "/metrics"),
    "show_session": get("/v1/session"),
    "put_tenant": of_the_installation("PUT", "/v1/tenants/more-{s.number}", name="One more"),
    "get_tenant": of_the_installation("GET", "/v1/tenants/more-{s.number}"),
    "list_tenants": of_the_installation("GET", "/v1/tenants?limit=200"),
    "put_depot": put_depot,
    "get_depot": get("/v1/depots/{s.depot}"),
    "list_depots": get("/v1/depots"),
    "plan_charger_import": plan_charger_import,
    "get_charger_import": get("/v1/chargers/imports/{charger_plan}"),
    "apply_charger_import": apply_charger_import,
    "export_chargers": get("/v1/chargers/export"),
    "plan_registry_import": plan_registry_import,
    "get_registry_import": get("/v1/registry/imports/{plan}"),
    "apply_registry_import": apply_registry_import,
    "export_registry": get("/v1/registry/export", 503),
    "plan_dispatch_import": plan_dispatch_import,
    "get_dispatch_import": get("/v1/reservations/imports/{dispatch_plan}"),
    "apply_dispatch_import": apply_dispatch_import,
    "export_reservations": get("/v1/reservations/export?depot_id={s.depot}"),
    "list_audit": get("/v1/audit?limit=200"),
    "export_audit": get("/v1/audit/export"),
    "put_calendar": put_calendar,
    "add_holiday": add_holiday,
    "get_calendar": get("/v1/depots/{s.depot}/calendars/days"),
    "list_calendars": get("/v1/depots/{s.depot}/calendars"),
    "remove_calendar": remove_calendar,
    "put_entrance": put_entrance,
    "get_entrance": get("/v1/depots/{s.depot}/entrances/gate"),
    "list_entrances": get("/v1/depots/{s.depot}/entrances"),
    "remove_entrance": remove_entrance,
    "put_charger": put_charger,
    "get_charger": get("/v1/chargers/{s.charger}"),
    "list_chargers": list_chargers,
    "schedule_mode": schedule_mode,
    "amend_mode_rule": amend_mode_rule,
    "withdraw_mode_rule": withdraw_mode_rule,
    "add_exception": add_exception,
    "remove_exception": send("DELETE", "/v1/chargers/more-{s.number}/exceptions/{exception}"),
    "override_mode": override_mode,
    "lift_override": send("DELETE", "/v1/chargers/{s.charger}/overrides/{override}"),
    "override_many": override_many,
    "list_depot_overrides": get("/v1/depots/{s.depot}/overrides"),
    "lift_many": send("DELETE", "/v1/depots/{s.depot}/overrides/{override_of_many}"),
    "get_timeline": get_timeline,
    "schedule_mode_for_many": schedule_mode_for_many,
    "copy_policy": copy_policy,
    "create_schedule": create_schedule,
    "put_schedule": put_schedule,
    "get_schedule": get("/v1/schedules/{schedule}"),
    "list_schedules": get("/v1/schedules"),
    "put_reservation_group": put_reservation_group,
    "get_reservation_group": get("/v1/depots/{s.depot}/reservation-groups/fast"),
    "list_reservation_groups": get("/v1/depots/{s.depot}/reservation-groups"),
    "put_energy_policy": put_energy_policy,
    "get_energy_policy": get("/v1/depots/{s.depot}/energy-policy"),
    "put_energy_node": put_energy_node,
    "get_energy_node": get("/v1/depots/{s.depot}/energy-nodes/site"),
    "list_energy_nodes": get("/v1/depots/{s.depot}/energy-nodes"),
    "remove_energy_node": remove_energy_node,
    "put_operating_envelope": put_operating_envelope,
    "get_operating_envelope": get("/v1/operating-envelopes/env-{s.number}"),
    "list_operating_envelopes": get("/v1/operating-envelopes?depot_id={s.depot}&limit=200"),
    "list_ignored_envelopes": get("/v1/depots/{s.depot}/ignored-envelopes?limit=200"),
    "record_measurements": record_measurements,
    "get_depot_energy": get("/v1/depots/{s.depot}/energy"),
    "get_charger_energy": get("/v1/chargers/{s.charger}/energy"),
    "ask_energy_what_if": ask_energy_what_if,
    "withdraw_operating_envelope": send("DELETE", "/v1/operating-envelopes/env-{s.number}"),
    "make_reservation": make_reservation,
    "list_reservations": list_reservations,
    "get_availability": get_availability,
    "get_reservation_settings": get("/v1/depots/{s.depot}/reservation-settings"),
    "put_reservation_settings": put_reservation_settings,
    "get_reservation": get("/v1/reservations/{reservation}"),
    "change_reservation": change_reservation,
    "replace_reservation": replace_reservation,
    "get_reservation_history": get("/v1/reservations/{reservation}/history"),
    "cancel_reservation": send("DELETE", "/v1/reservations/{reservation}?reason=moved"),
    "leave_schedule": send("DELETE", "/v1/schedules/{schedule}/chargers/{s.charger}"),
    "follow_schedule": send("PUT", "/v1/schedules/{schedule}/chargers/{s.charger}"),
    "follow_schedule_with_many": leave_all,
    "remove_schedule": send("DELETE", "/v1/schedules/{schedule}"),
    "retire_charger": send("DELETE", "/v1/chargers/more-{s.number}"),
    "call_charger": send("POST", "/v1/chargers/{s.charger}/calls", 409, 502, 503, 504, **UNLOCK),
    "list_frames": get("/v1/chargers/{s.charger}/frames", 502),
    "rotate_password": send("POST", "/v1/chargers/{s.charger}/rotate-password", 409, 502, 503, 504),
    "put_vehicle": put_vehicle,
    "get_vehicle": get("/v1/vehicles/one-more-{s.number}"),
    "list_vehicles": list_vehicles,
    "suspend_vehicle": send("POST", "/v1/vehicles/one-more-{s.number}/suspend", reason="Lost"),
    "reinstate_vehicle": send("POST", "/v1/vehicles/one-more-{s.number}/reinstate", reason="Found"),
    "remove_vehicle": send("DELETE", "/v1/vehicles/one-more-{s.number}"),
    "put_agreement": put_agreement,
    "get_agreement": get("/v1/agreements/couriers"),
    "list_agreements": get("/v1/agreements"),
    "end_agreement": send("DELETE", "/v1/agreements/couriers"),
    "decide_access": decide_access,
    "list_access_events": list_access_events,
    "get_access_event": get("/v1/access-events/{attempt}"),
    "allow_attempt": allow_attempt,
    "list_allowances": get("/v1/depots/{s.depot}/ad-hoc-permissions"),
    "end_allowance": send("DELETE", "/v1/access-events/{refused}/allow", 404),
    "end_session": send("POST", "/v1/sessions/{attempt}/end", 404, 409, reason="Lost"),
    "list_faults": get("/v1/faults?limit=200"),
    "list_pin_lockouts": get("/v1/pin-lockouts?limit=200"),
    "list_denied_identifiers": list_denied_identifiers,
    "ignore_identifier": send("POST", "/v1/denied-identifiers/{denied}/ignore", 404, reason="A neighbour"),
    "list_identifier_again": send("DELETE", "/v1/denied-identifiers/{denied}/ignore", 404),
    "enrol_identifier": enrol_identifier,
    "arm_enrolment": send("POST", "/v1/chargers/{s.charger}/enrolment-session", minutes=5),
    "get_enrolment_session": get("/v1/chargers/{s.charger}/enrolment-session"),
    "cancel_enrolment": send("DELETE", "/v1/chargers/{s.charger}/enrolment-session"),
    "ask_what_if": ask_what_if,
    "report_access": report_access,
    "report_mode_compliance": report_mode_compliance,
    "report_reservations": report_reservations,
    "report_energy": report_energy,
    "report_unenrolled_identifiers": report_unenrolled_identifiers,
    "stream": get("/v1/stream?last_event_id=0&follow=false"),
    "list_mode_changes": get("/v1/mode-changes?limit=200"),
    "list_profiles": get("/v1/profiles"),
    "get_profile": get("/v1/profiles/ocpp16-central"),
    "put_profile": put_profile,
    "remove_profile": send("DELETE", "/v1/profiles/own-{s.number}"),
    "probe_charger": send("POST", "/v1/chargers/{s.charger}/probe", 409, 502, 503, 504),
    "take_event": take_event,
    "create_api_key": create_api_key,
    "list_api_keys": get("/v1/api-keys"),
    "revoke_api_key": send("DELETE", "/v1/api-keys/{api_key}"),
    "list_webhook_presets": get("/v1/webhook-presets"),
    "create_webhook": create_webhook,
    "change_webhook": change_webhook,
    "get_webhook": get("/v1/webhooks/{webhook}"),
    "list_webhooks": get("/v1/webhooks"),
    "rotate_webhook_secret": send("POST", "/v1/webhooks/{webhook}/rotate-secret", secret=None),
    "test_webhook": send("POST", "/v1/webhooks/{webhook}/test"),
    "list_webhook_deliveries": get("/v1/webhooks/{webhook}/deliveries?limit=200"),
    "redeliver_webhook_event": send("POST", "/v1/webhooks/{webhook}/deliveries/none/redeliver", 404),
    "redeliver_webhook_dead_letters": send("POST", "/v1/webhooks/{webhook}/redeliver-dead-letters"),
    "remove_webhook": send("DELETE", "/v1/webhooks/{webhook}"),
    "put_ocpi_partner": put_ocpi_partner,
    "get_ocpi_partner": get("/v1/ocpi-partners/DE-HUB"),
    "list_ocpi_partners": get("/v1/ocpi-partners"),
    "invite_ocpi_partner": send("POST", "/v1/ocpi-partners/DE-HUB/token"),
    "register_with_ocpi_partner": send(
        "POST", "/v1/ocpi-partners/DE-HUB/register", 409, versions_url="https://hub.invalid/ocpi/versions", token="t"
    ),
    "remove_ocpi_partner": send("DELETE", "/v1/ocpi-partners/DE-HUB"),
    "put_oscp_provider": send("PUT", "/v1/depots/{s.depot}/oscp-providers/dso", name="Grid", groups=[]),
    "get_oscp_provider": get("/v1/depots/{s.depot}/oscp-providers/dso"),
    "list_oscp_providers": get("/v1/depots/{s.depot}/oscp-providers"),
    "invite_oscp_provider": send("POST", "/v1/depots/{s.depot}/oscp-providers/dso/token"),
    "register_with_oscp_provider": send(
        "POST", "/v1/depots/{s.depot}/oscp-providers/dso/register", 409, base_url="https://dso.invalid/oscp", token="t"
    ),
    "remove_oscp_provider": send("DELETE", "/v1/depots/{s.depot}/oscp-providers/dso"),
}
