"""What the pages of a tour show: vehicles, agreements, a schedule, a calendar, an override, an import and denials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from tests.support.console_energy import furnish_energy
from tests.support.console_pages import ServedDepot
from tests.support.console_tour import Ids
from tests.support.console_visits import GUESTS, OWN

STRANGER: Final = {"kind": "rfid", "value": "04DEADBEEF0001"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that operators gave, or would give to break a page."""

    agreement: str = "City couriers by night"
    fleet: str = "City Couriers"
    ending: str = "Harbour shuttle, trial"
    vehicle: str = "Bus {number}"
    schedule: str = "Managed on weekday nights"
    rule: str = "Nights"
    calendar: str = "Public holidays"
    holiday: str = "New Year"
    reason: str = "Workshop until the evening"


async def furnish(
    depot: ServedDepot, depot_id: str, chargers: Sequence[str], charger_id: str, names: Names = Names()
) -> Ids:
    """Return the ids that the tour's paths need. `chargers` follow the schedule; `charger_id` gets the denial and is shown."""
    await _agreements(depot, depot_id, names)
    await _vehicles(depot, names)
    schedule = await _schedule(depot, depot_id, chargers, names)
    until = {"charger_ids": list(chargers[:3]), "mode": "freevend", "reason": names.reason, "for": "PT5H"}
    await depot.send("POST", f"/v1/depots/{depot_id}/overrides", until)
    denied = await _denial(depot, charger_id)
    charged = await _charged(depot, depot_id) or denied
    plan = await _plan(depot)
    charger_plan = await _charger_plan(depot, depot_id, charger_id)
    (to_enrol, *_) = (await depot.send("GET", "/v1/denied-identifiers"))["items"]
    return {
        "depot_id": depot_id,
        "charger_id": charger_id,
        "vehicle_id": OWN[0],
        "rule_id": await _rule(depot, charger_id, names),
        "act": "suspend",
        "agreement_id": "city-couriers",
        "schedule_id": schedule,
        "denied_attempt_id": denied,
        "charged_attempt_id": charged,
        "denied_id": to_enrol["denied_id"],
        "plan_id": plan,
        "charger_plan_id": charger_plan,
        "found": "bus",
        "node_id": await furnish_energy(depot, depot_id, list(dict.fromkeys([charger_id, *chargers]))),
        "dispatch_plan_id": await _dispatch_plan(depot, depot_id, charger_id),
        "reservation_id": await _reservations(depot, depot_id, chargers, charger_id, names),
    }


async def _reservations(
    depot: ServedDepot, depot_id: str, chargers: Sequence[str], charger_id: str, names: Names
) -> str:
    """A group, and entries in the hours to come; returns the one at the charger."""
    group = {"name": names.fleet, "charger_ids": list(chargers[:4])}
    await depot.send("PUT", f"/v1/depots/{depot_id}/reservation-groups/fast", group)
    gate = {"name": "North gate", "group_ids": ["fast"], "early_entry_min": 30}
    await depot.send("PUT", f"/v1/depots/{depot_id}/entrances/{depot_id[:50]}-gate", gate)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for number, each in enumerate(dict.fromkeys([charger_id, *chargers[:12]])):
        start = now + timedelta(minutes=20 + 15 * number)
        body = {
            "reservation_id": f"entry-{number}",
            "depot_id": depot_id,
            "charger_id": each,
            "holder": {"vehicle_id": OWN[number % len(OWN)]},
            "start": _text(start),
            "end": _text(start + timedelta(hours=2)),
            "assignment": {"block_id": str(100 + number), "needed_kwh": 90},
            "note": names.reason,
        }
        await depot.send("POST", "/v1/reservations", body)
    return "entry-0"


async def _agreements(depot: ServedDepot, depot_id: str, names: Names) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    couriers = {"name": names.agreement, "fleet": names.fleet, "valid_from": _text(now - timedelta(days=200))}
    hours = [{"days": ["MO", "TU", "WE", "TH", "FR"], "start": "18:00", "end": "06:00"}]
    await depot.send("PUT", "/v1/agreements/city-couriers", couriers | {"depot_ids": [depot_id], "hours": hours})
    amended = {"valid_until": _text(now + timedelta(days=160))}
    await depot.send(
        "PUT", "/v1/agreements/city-couriers", couriers | amended | {"depot_ids": [depot_id], "hours": hours}
    )
    trial = {"name": names.ending, "fleet": names.fleet, "valid_from": _text(now - timedelta(days=80))}
    await depot.send("PUT", "/v1/agreements/shuttle", trial | {"valid_until": _text(now + timedelta(days=5))})


async def _vehicles(depot: ServedDepot, names: Names) -> None:
    for vehicle_id in OWN:
        number = vehicle_id.removeprefix("bus-")
        card = {"kind": "rfid", "value": f"04A1B2C3D4E{int(number):03d}"}
        cable = {"kind": "mac", "value": f"92D50A693{int(number):03d}"}
        body = {"name": names.vehicle.format(number=number), "access_class": "own", "plate": f"B-AP {number}"}
        await depot.send("PUT", f"/v1/vehicles/{vehicle_id}", body | {"identifiers": [card, cable]})
    for vehicle_id in GUESTS:
        card = {"kind": "rfid", "value": f"04F0E1D2C3B{vehicle_id[-3:]}"}
        body = {"name": f"Courier van {vehicle_id[-3:]}", "access_class": "agreement", "agreement_id": "city-couriers"}
        await depot.send("PUT", f"/v1/vehicles/{vehicle_id}", body | {"identifiers": [card]})
    await depot.send("POST", f"/v1/vehicles/{OWN[5]}/suspend", {"reason": names.reason})


async def _schedule(depot: ServedDepot, depot_id: str, chargers: Sequence[str], names: Names) -> str:
    year = datetime.now(UTC).year + 1
    days = [{"date": f"{year}-01-01", "reason": names.holiday}, {"date": f"{year}-05-01", "reason": "Labour Day"}]
    body: dict[str, Any] = {"name": names.calendar, "days": days}
    await depot.send("PUT", f"/v1/depots/{depot_id}/calendars/public", body)
    rule = {"name": names.rule, "mode": "managed", "recurrence": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"}
    rule |= {"start": "20:00", "end": "06:00"}
    body = {"depot_id": depot_id, "name": names.schedule, "rules": [rule], "charger_ids": list(chargers)}
    return str((await depot.send("POST", "/v1/schedules", body))["schedule_id"])


async def _rule(depot: ServedDepot, charger_id: str, names: Names) -> str:
    """A rule of the charger's own, beside an exception."""
    rule = {
        "name": names.rule,
        "mode": "freevend",
        "recurrence": "FREQ=WEEKLY;BYDAY=SU",
        "start": "10:00",
        "end": "16:00",
    }
    made = await depot.send("POST", f"/v1/chargers/{charger_id}/mode-rules", rule)
    open_day = {"date": f"{datetime.now(UTC).year + 1}-06-01", "mode": "freevend", "reason": names.reason}
    await depot.send("POST", f"/v1/chargers/{charger_id}/exceptions", open_day)
    return str(made["rule_id"])


async def _denial(depot: ServedDepot, charger_id: str) -> str:
    """A stranger at the charger, which is managed for now."""
    body = {"mode": "managed", "reason": "Fleet only", "for": "PT8H"}
    await depot.send("POST", f"/v1/chargers/{quote(charger_id, safe='')}/overrides", body)
    made = await depot.send("POST", "/v1/access-decisions", {"charger_id": charger_id, "identifier": STRANGER})
    assert made["decision"] == "denied", made
    return str(made["attempt_id"])


async def _charged(depot: ServedDepot, depot_id: str) -> str | None:
    """The latest allowed attempt that led to a charge; None at a depot without one."""
    query = f"decision=allowed&depot_id={depot_id}&limit=50"
    found = (await depot.send("GET", f"/v1/access-events?{query}"))["items"]
    return next((str(each["attempt_id"]) for each in found if each["session"] is not None), None)


async def _plan(depot: ServedDepot) -> str:
    rows = ["vehicle_id,name,access_class,agreement_id,rfid", "bus-130,Bus 130,own,,04AA00000000C1"]
    rows += [
        "bus-131,Bus 131,own,,not a card",
        f"{OWN[1]},Bus 105 (spare),own,,",
        "van-204,Van 204,agreement,night-shuttle,",
    ]
    rows += [f"{each},Bus {each[-3:]},own,," for each in OWN[2:4]]
    return await _planned(depot, "/v1/registry/imports", rows)


async def _charger_plan(depot: ServedDepot, depot_id: str, charger_id: str) -> str:
    known = await depot.send("GET", f"/v1/chargers/{quote(charger_id, safe='')}")
    columns = ("charger_id", "charge_point_id", "depot_id", "profile", "baseline_mode")
    rows = [",".join(columns), f"bay-21,NY-0021,{depot_id},{known['profile']},freevend"]
    rows += [f"bay-22,NY-0022,{depot_id},no-such-profile,freevend", f"bay-23,NY-0023,{depot_id},,managed"]
    return await _planned(depot, "/v1/chargers/imports", rows)


async def _dispatch_plan(depot: ServedDepot, depot_id: str, charger_id: str) -> str:
    start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)
    when = f"{_text(start)},{_text(start + timedelta(hours=1))}"
    rows = ["assignment_id,block_id,vehicle_id,charger_id,from,until", f'a-1,12,{OWN[0]},"{charger_id}",{when}']
    rows += [f"a-2,13,{OWN[1]},no-such-charger,{when}", f'a-3,14,no-such-bus,"{charger_id}",{when}']
    return await _planned(depot, f"/v1/reservations/imports?depot_id={depot_id}", rows)


async def _planned(depot: ServedDepot, path: str, rows: Sequence[str]) -> str:
    answer = await depot.client.post(path, content="\r\n".join(rows), headers={"Content-Type": "text/csv"})
    assert answer.is_success, answer.text
    return str(answer.json()["plan_id"])


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
