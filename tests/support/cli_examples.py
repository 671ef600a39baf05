"""The depot on which the examples of the help run: each example has a tenant of its own, with the things that it names."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
from typer.testing import CliRunner

from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.entrypoints.cli.root import app
from access_policy.entrypoints.processes.service import Service
from tests.support.chargers import ChargerSpec, Identifier, SimulatedCharger
from tests.support.console_pages import serving_client
from tests.support.ocpi_answers import ocpi_answers
from tests.support.webhook_receiver import WebhookReceiver

CARD: Final = "04A1B2C3D4E5F6"
STRANGER: Final = {"kind": "rfid", "value": "04FFFFFFFFFFFF"}
RULE: Final = {"name": "Nights", "mode": "managed", "recurrence": "FREQ=DAILY", "start": "22:00", "end": "06:00"}
FLEET: Final = "vehicle_id,name,access_class,rfid\nbus-7,Bus 7,own,04A1B2C3D4E5F6\nbus-8,Bus 8,own,04A1B2C3D4E5F7\n"
BAYS: Final = (
    "charger_id,charge_point_id,depot_id,profile,baseline_mode\nbay-3,{tenant}-3,north,ocpp16-central,managed\n"
)
HOLIDAYS: Final = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\nX-WR-CALNAME:Holidays\n"
    "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nDTSTART;VALUE=DATE:20261225\nSUMMARY:Christmas\nEND:VEVENT\nEND:VCALENDAR\n"
)
PROFILE: Final = """title = "Our own chargers"
protocols = ["ocpp1.6"]
quirks = []

[mode_control]
kind = "configuration_key"
key = "OurFree"
managed_value = "off"
freevend_value = "on"
"""
SHEET: Final = (
    "assignment_id,block_id,vehicle_id,charger_id,group,from,until,departure,needed_kwh,needed_soc,note\n"
    "a-1,12,bus-7,bay-1,,{tomorrow} 18:00,{tomorrow} 22:00,,180,,\n"
)
FILES: Final = {
    "fleet.csv": FLEET,
    "chargers.csv": BAYS,
    "holidays.ics": HOLIDAYS,
    "profile.toml": PROFILE,
    "sheet.csv": SHEET,
}

Ids = dict[str, str]


def morning_zone() -> str:
    """A time zone in which it is about eight o'clock now, so that 18:00 is still to come."""
    ahead = (8 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def tomorrow() -> str:
    """The date of the day after today at the depot."""
    return f"{datetime.now(ZoneInfo(morning_zone())).date() + timedelta(days=1)}"


@dataclass
class Yard:
    """A tenant of the running service, and `place`, the directory in which the example runs."""

    service: Service
    client: httpx.AsyncClient
    tenant: str
    place: Path
    hook: WebhookReceiver
    closing: AsyncExitStack
    data: Path  # the installation of commands that name none

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ACCESS_POLICY_URL": f"http://127.0.0.1:{self.service.http_port}",
            "ACCESS_POLICY_TENANT": self.tenant,
            "ACCESS_POLICY_DATA": str(self.data),
            "ACCESS_POLICY_HTTP": f"127.0.0.1:{self.service.http_port}",
            "ACCESS_POLICY_OCPP": f"127.0.0.1:{self.service.ocpp_port}",
            "ACCESS_POLICY_ROLE": "admin",
            "COLUMNS": "80",
            "HOME": str(self.place),
            "XDG_CONFIG_HOME": str(self.place),
            "PATH": "/usr/bin:/bin",
        }

    @property
    def token(self) -> str:
        return str(self.client.headers["Authorization"].removeprefix("Bearer "))

    def run(self, *words: str, stdin: str = "", **more: str) -> tuple[int, str]:
        """Run `access-policy` in this process. Return its exit status and all that it prints. `more`: environment."""
        result = CliRunner().invoke(app, ["--yes", *words], input=stdin, env={**self.environment, **more})
        trouble = "" if result.exception is None else repr(result.exception)
        return result.exit_code, result.output + trouble

    async def done(self, *words: str, **how: str) -> None:
        status, printed = await asyncio.to_thread(self.run, *words, **how)
        assert status == 0, printed

    async def send(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        answer = await self.client.request(method, f"/v1{path}", json=body, **how)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def planned(self, path: str, rows: str, query: str = "") -> str:
        how = {"content": rows, "headers": {"Content-Type": "text/csv"}}
        answer = await self.client.post(f"/v1{path}/imports{query}", **how)  # type: ignore[arg-type]
        assert answer.is_success, answer.text
        return str(answer.json()["plan_id"])

    async def charger(self, charger_id: str) -> None:
        body = {"charge_point_id": f"{self.tenant}-{charger_id}", "depot_id": "north", "profile": "ocpp16-central"}
        await self.send("PUT", f"/chargers/{charger_id}", {**body, "baseline_mode": "managed", "connectors": 2})

    async def connected(self, charger_id: str) -> SimulatedCharger:
        spec = ChargerSpec(
            url=f"ws://127.0.0.1:{self.service.ocpp_port}/ocpp",
            charge_point_id=f"{self.tenant}-{charger_id}",
            connectors=2,
            reconnect_min_s=0.05,
            reconnect_max_s=0.1,
        )
        charger = await self.closing.enter_async_context(SimulatedCharger(spec))
        await charger.until_ready(timeout_s=60)
        await self.shown(f"/chargers/{charger_id}", lambda shown: shown["sync"] == "in_sync")
        return charger

    async def shown(self, path: str, is_so: Callable[[Any], Any]) -> Any:
        """Read `path` until `is_so`: what a charger reports appears in the read models a moment later."""
        async with asyncio.timeout(60):
            while not is_so(shown := await self.send("GET", path)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return shown


async def yard(
    service: Service, tenant: str, place: Path, hook: WebhookReceiver, closing: AsyncExitStack
) -> tuple[Yard, Ids]:
    """A depot with three chargers, a vehicle, an agreement and a denied attempt; and the ids of what was made."""
    tokens = service.container.stores.tokens()
    installation = tokens.issue(NO_TENANT, Role.INSTALLATION, subject="setup", ttl=timedelta(hours=1))
    client = await closing.enter_async_context(serving_client(service, tenant))
    made = Yard(service, client, tenant, place, hook, closing, service.settings.data)
    headers = {"Authorization": f"Bearer {installation}"}
    await made.send("PUT", f"/tenants/{tenant}", {"name": tenant}, headers=headers)
    await made.send("PUT", "/depots/north", {"name": "North", "time_zone": morning_zone()})
    for charger_id in ("bay-1", "bay-2", "gate-1"):
        await made.charger(charger_id)
    agreement = {"name": "Acme", "fleet": "Acme Vans", "valid_from": "2026-01-01T00:00:00Z"}
    await made.send("PUT", "/agreements/acme", agreement)
    bus = {"name": "Bus 7", "access_class": "own", "identifiers": [{"kind": "rfid", "value": CARD}]}
    await made.send("PUT", "/vehicles/bus-7", bus)
    await made.send("PUT", "/vehicles/van-2", {"name": "Van 2", "access_class": "agreement", "agreement_id": "acme"})
    denied = await made.send("POST", "/access-decisions", {"charger_id": "bay-1", "identifier": STRANGER})
    (listed,) = (await made.send("GET", "/denied-identifiers"))["items"]
    for name, content in FILES.items():
        (place / name).write_text(content.replace("{tenant}", tenant).replace("{tomorrow}", tomorrow()))
    return made, {"ATTEMPT": denied["attempt_id"], "DENIED": listed["denied_id"]}


# --- what some commands need besides --------------------------------------------------------------------------------

Prepare = Callable[[Yard, Ids], Awaitable[Ids]]


async def _group(yard: Yard, _: Ids) -> Ids:
    body = {"name": "Fast", "charger_ids": ["bay-1", "bay-2"]}
    await yard.send("PUT", "/depots/north/reservation-groups/fast", body)
    return {}


async def _entrance(yard: Yard, _: Ids) -> Ids:
    body = {"name": "North gate", "charger_ids": ["bay-1", "bay-2"]}
    await yard.send("PUT", "/depots/north/entrances/gate", body)
    return {}


async def _reservation(yard: Yard, _: Ids) -> Ids:
    """This afternoon; and the vehicle that replaces that of the reservation."""
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (4, 8))
    await yard.send("PUT", "/vehicles/bus-9", {"name": "Bus 9", "access_class": "own"})
    window = {"start": start, "end": end, "holder": {"vehicle_id": "bus-7"}}
    made = await yard.send("POST", "/reservations", {"depot_id": "north", "charger_id": "bay-1", **window})
    return {"RESERVATION": made["reservation_id"]}


async def _energy(yard: Yard, _: Ids) -> Ids:
    """A site with a charger, whose power an envelope limits for an hour."""
    await yard.send(
        "PUT",
        "/depots/north/energy-policy",
        {"enabled": True, "own_and_agreement_below_w": 22_000, "own_only_below_w": 22_000},
    )
    await yard.send("PUT", "/depots/north/energy-nodes/main", {"kind": "site", "limit_w": 200_000})
    bay = {"kind": "charger", "parent_id": "main", "charger_id": "bay-1", "limit_w": 150_000}
    await yard.send("PUT", "/depots/north/energy-nodes/bay-1", bay)
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (0, 1))
    window = {"valid_from": start, "valid_until": end}
    of = {"depot_id": "north", "node_id": "main", "source": "operator", "sequence": 1, "import_limit_w": 90_000}
    await yard.send("PUT", "/operating-envelopes/noon", {**of, **window})
    return {}


async def _dispatch_plan(yard: Yard, _: Ids) -> Ids:
    return {"PLAN": await yard.planned("/reservations", (yard.place / "sheet.csv").read_text(), "?depot_id=north")}


async def _override(yard: Yard, _: Ids) -> Ids:
    for charger_id in ("bay-1", "bay-2"):
        body = {"mode": "freevend", "reason": "visit", "for": "PT2H"}
        await yard.send("POST", f"/chargers/{charger_id}/overrides", body)
    return {}


async def _depot_override(yard: Yard, _: Ids) -> Ids:
    body = {"charger_ids": "all", "mode": "freevend", "reason": "open day", "for": "PT2H"}
    return {"OVERRIDE": (await yard.send("POST", "/depots/north/overrides", body))["override_id"]}


async def _permission(yard: Yard, ids: Ids) -> Ids:
    await yard.send("POST", f"/access-events/{ids['ATTEMPT']}/allow", {"reason": "card left at home", "for": "PT2H"})
    return {}


async def _charging(yard: Yard, _: Ids) -> Ids:
    charger = await yard.connected("bay-1")
    await charger.plug_in()
    await charger.present(1, Identifier.rfid(CARD))
    await charger.until_all_sent()
    allowed = await yard.shown("/access-events?decision=allowed", lambda shown: shown["items"])
    return {"ATTEMPT": allowed["items"][0]["attempt_id"]}


async def _ignored(yard: Yard, ids: Ids) -> Ids:
    await yard.send("POST", f"/denied-identifiers/{ids['DENIED']}/ignore", {"reason": "visitor", "days": 7})
    return {}


async def _armed(yard: Yard, _: Ids) -> Ids:
    await yard.send("POST", "/chargers/bay-1/enrolment-session", {"minutes": 10})
    return {}


async def _calendar(yard: Yard, _: Ids) -> Ids:
    days = [{"date": "2026-12-25", "reason": "Christmas"}]
    await yard.send("PUT", "/depots/north/calendars/holidays", {"name": "Holidays", "days": days})
    return {}


async def _chargers_to_retire(yard: Yard, _: Ids) -> Ids:
    for charger_id in ("bay-7", "bay-8", "bay-9"):
        await yard.charger(charger_id)
    return {}


async def _connected(yard: Yard, _: Ids) -> Ids:
    for charger_id in ("bay-1", "bay-2"):
        await yard.connected(charger_id)
    return {}


async def _charger_plan(yard: Yard, _: Ids) -> Ids:
    return {"PLAN": await yard.planned("/chargers", (yard.place / "chargers.csv").read_text())}


async def _vehicle_plan(yard: Yard, _: Ids) -> Ids:
    return {"PLAN": await yard.planned("/registry", FLEET)}


async def _schedule(yard: Yard, _: Ids, *chargers: str) -> Ids:
    rules = [RULE, {**RULE, "name": "Noon", "start": "12:00", "end": "13:00"}]
    body = {"depot_id": "north", "name": "Nights", "rules": rules, "charger_ids": chargers}
    return {"SCHEDULE": (await yard.send("POST", "/schedules", body))["schedule_id"]}


async def _followed(yard: Yard, ids: Ids) -> Ids:
    return await _schedule(yard, ids, "bay-1", "bay-2")


async def _schedule_of_one_rule(yard: Yard, _: Ids) -> Ids:
    body = {"depot_id": "north", "name": "Nights", "rules": [RULE], "charger_ids": ["bay-1"]}
    return {"SCHEDULE": (await yard.send("POST", "/schedules", body))["schedule_id"]}


async def _rule(yard: Yard, _: Ids) -> Ids:
    return {"RULE": (await yard.send("POST", "/chargers/bay-1/mode-rules", RULE))["rule_id"]}


async def _exception(yard: Yard, _: Ids) -> Ids:
    body = {"mode": "freevend", "reason": "open day", "date": "2030-12-05"}
    return {"EXCEPTION": (await yard.send("POST", "/chargers/bay-1/exceptions", body))["exception_id"]}


async def _profile(yard: Yard, _: Ids) -> Ids:
    control = {"kind": "configuration_key", "key": "OurFree", "managed_value": "off", "freevend_value": "on"}
    await yard.send("PUT", "/profiles/ours-1.6", {"title": "Ours", "protocols": ["ocpp1.6"], "mode_control": control})
    return {}


async def _suspended(yard: Yard, _: Ids) -> Ids:
    await yard.send("POST", "/vehicles/bus-7/suspend", {"reason": "card lost"})
    return {}


async def _api_key(yard: Yard, _: Ids) -> Ids:
    expires_at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    body = {"name": "yard-display", "role": "viewer", "expires_at": expires_at}
    return {"KEY": (await yard.send("POST", "/api-keys", body))["key_id"]}


async def _context(yard: Yard, _: Ids) -> Ids:
    await yard.done("login", yard.environment["ACCESS_POLICY_URL"], "--name", "depot", stdin=yard.token)
    return {}


async def _backup(yard: Yard, _: Ids, **environment: str) -> Ids:
    await yard.done("backup", str(yard.place / "backup"), **environment)
    return {"/var/lib/access-policy": str(yard.place / "restored")}


async def _restored(yard: Yard, ids: Ids, **environment: str) -> Ids:
    """A stopped installation with all that the running one has."""
    changed = await _backup(yard, ids, **environment)
    yard.data = Path(changed["/var/lib/access-policy"])
    await yard.done("restore", str(yard.place / "backup"), "--data", str(yard.data), **environment)
    return changed


async def _partly_restored(yard: Yard, ids: Ids) -> Ids:
    """As after the restore of an installation whose read models are in a database."""
    return await _restored(yard, ids, ACCESS_POLICY_READ_MODELS_URL="postgresql://read-models.example/views")


async def _webhook(yard: Yard, _: Ids) -> Ids:
    body = {"name": "denials", "url": yard.hook.url(), "preset": "denied_vehicle"}
    return {"WEBHOOK": (await yard.send("POST", "/webhooks", body))["webhook_id"]}


async def _ocpi_partner(yard: Yard, _: Ids) -> Ids:
    """The receiver of webhooks stands for the partner's server, with the answers of OCPI."""
    body = {"name": "Truck hub", "own_party": "DE-BTF", "own_name": "BetterFleet Nord", "bookable": []}
    await yard.send("PUT", "/ocpi-partners/DE-HUB", body)
    base = yard.hook.url(path="/ocpi")
    yard.hook.answer = ocpi_answers(base)
    return {"https://hub.example/ocpi/versions": f"{base}/versions", "TOKEN": "token-a"}


async def _oscp_provider(yard: Yard, _: Ids) -> Ids:
    """The receiver of webhooks stands for the provider's server."""
    await yard.send("PUT", "/depots/north/oscp-providers/dso", {"name": "Grid operator", "groups": []})
    return {"https://grid.example/oscp/2.0": yard.hook.url(path="/oscp"), "TOKEN": "token-a"}


PREPARED: Final[Mapping[str, Prepare]] = {
    "lift": _override,
    **dict.fromkeys(("entrances list", "entrances show", "entrances remove", "decide"), _entrance),
    **dict.fromkeys(("reservations make", "reservation-groups list", "reservation-groups show"), _group),
    **dict.fromkeys(
        (
            *("reservations list", "reservations show", "reservations change", "reservations replace"),
            *("reservations cancel", "reservations export"),
        ),
        _reservation,
    ),
    **dict.fromkeys(
        (
            *(
                "energy show",
                "energy charger",
                "energy nodes",
                "energy put-node",
                "energy remove-node",
                "energy policy",
            ),
            *("energy put-policy", "energy envelopes", "energy put-envelope", "energy withdraw-envelope"),
            *("energy measure", "energy what-if", "oscp-providers put"),
        ),
        _energy,
    ),
    **dict.fromkeys(("reservations plan", "reservations apply"), _dispatch_plan),
    "overrides": _override,
    "depots overrides": _depot_override,
    "depots lift": _depot_override,
    "attempts disallow": _permission,
    "attempts allowed": _permission,
    "sessions end": _charging,
    "denied unignore": _ignored,
    "enrolment show": _armed,
    "enrolment cancel": _armed,
    **dict.fromkeys(("calendars add-day", "calendars list", "calendars show", "calendars remove"), _calendar),
    "chargers retire": _chargers_to_retire,
    **dict.fromkeys(("chargers plan", "chargers apply"), _charger_plan),
    **dict.fromkeys(
        (
            *("chargers rotate-password", "chargers reset", "chargers unlock", "chargers availability"),
            *("chargers trigger", "chargers call", "chargers setting", "chargers frames", "chargers probe"),
            *("mode-changes", "mode-compliance", "reservation-report"),
        ),
        _connected,
    ),
    "schedules add-rule": _schedule_of_one_rule,
    **dict.fromkeys(("schedules follow", "schedules remove", "schedules rename"), _schedule),
    **dict.fromkeys(
        ("schedules amend-rule", "schedules withdraw-rule", "schedules list", "schedules show", "schedules leave"),
        _followed,
    ),
    **dict.fromkeys(("rules amend", "rules withdraw", "rules list"), _rule),
    **dict.fromkeys(("exceptions remove", "exceptions list"), _exception),
    "profile remove": _profile,
    "vehicles reinstate": _suspended,
    **dict.fromkeys(("registry plan", "registry apply"), _vehicle_plan),
    **dict.fromkeys(("context use", "context list", "context remove"), _context),
    "restore": _backup,
    "finish-restore": _partly_restored,
    "tenant erase": _restored,
    **dict.fromkeys(("api-keys list", "api-keys revoke"), _api_key),
    **dict.fromkeys(
        (
            *("webhooks list", "webhooks show", "webhooks change", "webhooks delete", "webhooks rotate-secret"),
            *("webhooks test", "webhooks deliveries", "webhooks redeliver"),
        ),
        _webhook,
    ),
    **dict.fromkeys(
        (
            *("ocpi-partners list", "ocpi-partners show", "ocpi-partners invite", "ocpi-partners register"),
            "ocpi-partners remove",
        ),
        _ocpi_partner,
    ),
    **dict.fromkeys(
        (
            *("oscp-providers list", "oscp-providers show", "oscp-providers invite", "oscp-providers register"),
            "oscp-providers remove",
        ),
        _oscp_provider,
    ),
}

# Commands that change nothing: their examples share a yard with those of the same preparation.
READING: Final = frozenset(
    {
        *("timeline", "report", "status", "faults", "lockouts", "unenrolled", "energy-report", "mode-compliance"),
        *("reservation-report", "mode-changes", "attempts list", "attempts show", "denied list", "chargers list"),
        *(
            "chargers show",
            "chargers frames",
            "depots list",
            "depots show",
            "profiles",
            "profile show",
            "vehicles list",
        ),
        *("vehicles find", "vehicles show", "agreements list", "agreements show", "audit list", "webhooks presets"),
        *("reservations list", "reservations show", "entrances list", "entrances show", "reservation-groups list"),
        *("reservation-groups show", "energy show", "energy charger", "energy nodes", "energy policy"),
        *("energy envelopes", "calendars list", "calendars show", "schedules list", "schedules show", "webhooks list"),
        *("webhooks show", "webhooks deliveries", "ocpi-partners list", "ocpi-partners show", "oscp-providers list"),
        "oscp-providers show",
    }
)
