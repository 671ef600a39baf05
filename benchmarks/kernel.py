"""Decisions per second in the kernel, beside cedarpy and pycasbin with the same policy.

The policy: 500 chargers with managed access and 10,000 identifiers of 10,000 vehicles; nine in ten vehicles are own, one in ten
is under an agreement that covers one depot of five. The question: may this identifier charge at this charger now? Each engine
gets the same questions and must give the same answers, or the run fails.

- ours: resolve the identifier in the registry, decide by the table of design 3.3 with lineage and the instant until which
  the permission holds, which the rivals do not compute.
- cedarpy: the same rules as three Cedar policies, in three ways: policies as text with each call, as its first examples show;
  policies parsed once and the vehicle, agreement and charger sent along, as one does when they change; and all entities
  parsed beforehand too, the fastest way its API offers, which has to be done again after every change of the registry.
- pycasbin: an RBAC model with a matcher over vehicle attributes.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import casbin
import cedarpy

from access_policy.domain.access.decision import DecisionInputs, decide
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, VehicleId
from access_policy.domain.mode_schedule.timeline import ModePlan, Timeline, timeline
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import (
    AccessClass,
    AgreementRecorded,
    VehicleDescription,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleRegistered,
)
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

CHARGERS = 500
IDENTIFIERS = 10_000
DEPOTS = 5
SEED = 20261120
NOW = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
AGREEMENT = AgreementId("visitors")
COVERED_DEPOT = DepotId("depot-0")

Question = tuple[IdentifierRef, int]  # identifier and charger


@dataclass(frozen=True)
class Measured:
    name: str
    per_second: float
    decisions: int


def measure(seconds: float = 3.0) -> list[Measured]:
    """Measure the engines in turns, so that a machine that slows down slows all of them."""
    questions = _questions(5_000)
    engines = {
        "access_policy": _ours(),
        "cedarpy, policies as text, entities with each request": _cedar(parsed_policies=False, parsed_entities=False),
        "cedarpy, policies parsed once, entities with each request": _cedar(parsed_entities=False),
        "cedarpy, policies and all entities parsed once": _cedar(),
        "pycasbin": _casbin(),
    }
    for question in questions[:300]:
        if len({engine(question) for engine in engines.values()}) != 1:
            raise SystemExit(f"the engines disagree about {question}")
    totals = {name: [0, 0.0] for name in engines}
    for _ in range(3):
        for name, engine in engines.items():
            count, spent = _rate(engine, questions, seconds / 3)
            totals[name][0] += count
            totals[name][1] += spent
    return [Measured(name, count / spent, int(count)) for name, (count, spent) in totals.items()]


def _rate(engine: Callable[[Question], bool], questions: list[Question], seconds: float) -> tuple[int, float]:
    count, begin = 0, time.perf_counter()
    while True:
        for question in questions[:200] if count == 0 else questions:
            engine(question)
            count += 1
            if count % 50 == 0 and time.perf_counter() - begin >= seconds:
                return count, time.perf_counter() - begin


def _questions(count: int) -> list[Question]:
    chance = random.Random(SEED)
    return [(_ref(chance.randrange(IDENTIFIERS + IDENTIFIERS // 10)), chance.randrange(CHARGERS)) for _ in range(count)]


def _ref(number: int) -> IdentifierRef:
    return IdentifierRef(IdentifierKind.RFID, f"{number:032x}", f"…{number % 10_000:04d}")


def _is_own(number: int) -> bool:
    return number % 10 != 0


def _depot(charger: int) -> DepotId:
    return DepotId(f"depot-{charger % DEPOTS}")


# --- ours ------------------------------------------------------------------------------------------------------------


def _ours() -> Callable[[Question], bool]:
    registry = VehicleRegistry()
    registry.apply(
        AgreementRecorded(
            agreement=Agreement(
                agreement_id=AGREEMENT,
                name="Visitors",
                fleet="Guests",
                valid_from=NOW - timedelta(days=30),
                valid_until=NOW + timedelta(days=30),
                depot_ids=frozenset({COVERED_DEPOT}),
            )
        )
    )
    for number in range(IDENTIFIERS):
        vehicle_id = VehicleId(f"vehicle-{number}")
        own = _is_own(number)
        description = VehicleDescription(
            name=vehicle_id,
            access_class=AccessClass.OWN if own else AccessClass.AGREEMENT,
            agreement_id=None if own else AGREEMENT,
        )
        registry.apply(VehicleRegistered(vehicle_id=vehicle_id, description=description))
        identifier = VehicleIdentifier(ref=_ref(number), sealed="")
        registry.apply(VehicleIdentifierAdded(vehicle_id=vehicle_id, identifier=identifier))
    zone = ZoneInfo("Europe/Berlin")
    plan = ModePlan(time_zone="Europe/Berlin", baseline=AccessMode.MANAGED)
    timelines: list[Timeline] = [
        timeline(plan, NOW - timedelta(hours=1), NOW + timedelta(hours=50)) for _ in range(CHARGERS)
    ]
    chargers = [ChargerId(f"charger-{number}") for number in range(CHARGERS)]
    depots = [_depot(number) for number in range(CHARGERS)]

    def engine(question: Question) -> bool:
        ref, charger = question
        vehicle = registry.holder_of(ref)
        agreement_id = None if vehicle is None else vehicle.description.agreement_id
        compiled = timelines[charger]
        facts = DecisionInputs(
            at=NOW,
            charger_id=chargers[charger],
            depot_id=depots[charger],
            zone=zone,
            expected=compiled.at(NOW),
            enforcement=Enforcement.ENFORCE,
            identifier=ref,
            vehicle=vehicle,
            agreement=None if agreement_id is None else registry.agreements.get(agreement_id),
        )
        return decide(facts, compiled).allowed

    return engine


# --- cedarpy ---------------------------------------------------------------------------------------------------------

CEDAR_POLICIES = """
permit (principal, action == Action::"charge", resource) when { resource.mode == "freevend" };
permit (principal, action == Action::"charge", resource) when { principal.class == "own" && !principal.suspended };
permit (principal, action == Action::"charge", resource) when {
  principal.class == "agreement" && !principal.suspended && principal.agreement.valid_from <= context.now &&
  context.now < principal.agreement.valid_until && principal.agreement.depots.contains(resource.depot)
};
"""


def _cedar(*, parsed_policies: bool = True, parsed_entities: bool = True) -> Callable[[Question], bool]:
    agreement = {
        "valid_from": int((NOW - timedelta(days=30)).timestamp()),
        "valid_until": int((NOW + timedelta(days=30)).timestamp()),
        "depots": [COVERED_DEPOT],
    }
    entities: list[dict[str, object]] = []
    for number in range(IDENTIFIERS):
        attributes: dict[str, object] = {"class": "own" if _is_own(number) else "agreement", "suspended": False}
        if not _is_own(number):
            attributes["agreement"] = agreement
        entities.append({"uid": {"type": "Vehicle", "id": str(number)}, "attrs": attributes, "parents": []})
    for charger in range(CHARGERS):
        charger_attributes = {"mode": "managed", "depot": _depot(charger)}
        entities.append({"uid": {"type": "Charger", "id": str(charger)}, "attrs": charger_attributes, "parents": []})
    policies = cedarpy.PolicySet.from_str(CEDAR_POLICIES) if parsed_policies else CEDAR_POLICIES
    everything = cedarpy.Entities.from_json_str(json.dumps(entities))
    holders = {_ref(number).pseudonym: number for number in range(IDENTIFIERS)}
    now = int(NOW.timestamp())

    def engine(question: Question) -> bool:
        ref, charger = question
        number = holders.get(ref.pseudonym)
        if number is None:
            return False
        request = {
            "principal": f'Vehicle::"{number}"',
            "action": 'Action::"charge"',
            "resource": f'Charger::"{charger}"',
            "context": {"now": now},
        }
        known = everything if parsed_entities else json.dumps([entities[number], entities[IDENTIFIERS + charger]])
        return bool(cedarpy.is_authorized(request, policies, known).allowed)

    return engine


# --- pycasbin --------------------------------------------------------------------------------------------------------

CASBIN_MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = cls, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && r.sub.cls == p.cls && (p.cls == "own" || (r.sub.starts <= r.obj.now && r.obj.now < r.sub.ends && \
r.obj.depot == r.sub.depot))
"""


class _Subject:
    def __init__(self, cls: str) -> None:
        self.cls = cls
        self.depot = COVERED_DEPOT
        self.starts = int((NOW - timedelta(days=30)).timestamp())
        self.ends = int((NOW + timedelta(days=30)).timestamp())


class _Object:
    def __init__(self, depot: str) -> None:
        self.depot = depot
        self.now = int(NOW.timestamp())


def _casbin() -> Callable[[Question], bool]:
    model = casbin.Enforcer.new_model(text=CASBIN_MODEL)
    enforcer = casbin.Enforcer(model)
    enforcer.add_policy("own", "charge")
    enforcer.add_policy("agreement", "charge")
    subjects = {
        _ref(number).pseudonym: _Subject("own" if _is_own(number) else "agreement") for number in range(IDENTIFIERS)
    }
    objects = [_Object(_depot(charger)) for charger in range(CHARGERS)]

    def engine(question: Question) -> bool:
        ref, charger = question
        subject = subjects.get(ref.pseudonym)
        return subject is not None and bool(enforcer.enforce(subject, objects[charger], "charge"))

    return engine
