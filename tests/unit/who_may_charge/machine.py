"""Anything that operators, drivers and time may do, in any order; after it, service and reference model say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from access_policy.application.commands.add_exception import AddException
from access_policy.application.commands.allow_attempt import AllowAttempt, EndAllowance
from access_policy.application.commands.amend_mode_rule import AmendModeRule
from access_policy.application.commands.cancel_reservation import CancelReservation
from access_policy.application.commands.change_reservation import ChangeReservation
from access_policy.application.commands.end_agreement import EndAgreement
from access_policy.application.commands.lift_override import LiftOverride
from access_policy.application.commands.make_reservation import MakeReservation
from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.put_agreement import PutAgreement
from access_policy.application.commands.put_entrance import PutEntrance
from access_policy.application.commands.put_reservation_group import PutReservationGroup
from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicle
from access_policy.application.commands.remove_exception import RemoveException
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.reservation_drafts import ReservationDraft
from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRule
from access_policy.application.deciding.attempts import RecordedDecision
from access_policy.application.decision_view.recent_activity import START_WITHIN
from access_policy.domain.access.events import AccessAllowed, EntranceAllowed
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.charger_access_policy.errors import NoNextTransition, OverrideTooLong
from access_policy.domain.depots.entrances import Entrance
from access_policy.domain.ids import (
    AgreementId,
    ChargePointId,
    ChargerId,
    DepotId,
    EntranceId,
    ReservationGroupId,
    ReservationId,
    RuleId,
    VehicleId,
)
from access_policy.domain.mode_schedule.rules import Edge, RuleEndsBeforeItStarts, RuleNeverOccurs, RuleOverlapsItself
from access_policy.domain.reservations.errors import ChargerReserved, GroupFull, ReservationInvalid, ReservationOver
from access_policy.domain.reservations.reservation import Place, ReservationGroup, ReservationSource
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.vehicle_registry.ad_hoc import AdHocNotPossible
from access_policy.domain.vehicle_registry.agreements import Agreement, AgreementHours
from access_policy.domain.vehicle_registry.errors import IdentifierTaken
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from tests.support import reference_model as model
from tests.support.energy import a_window
from tests.support.office import ACME, putting_charger, putting_depot
from tests.support.presented import SPELLINGS, UNREADABLE, presented, spelt
from tests.support.service_in_memory import ServiceInMemory

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INSTANT = timedelta(microseconds=1)
DEPOT_OF = {"n-1": "north", "n-2": "north", "s-1": "south"}
GROUPS = {"north": frozenset({"n-1", "n-2"})}
OVERRIDABLE = {
    *("unknown_identifier", "vehicle_not_valid", "agreement_not_started"),
    *("agreement_ended", "agreement_not_here", "agreement_not_now"),
}
VEHICLES, AGREEMENTS = ("bus", "van", "truck", "guest"), ("partner", "forwarder")
ENTERED_EVERY = 3  # attempts, before one is decided at the entrance as well
CHECKED_AHEAD = 40  # every so many permissions are held against each minute of the next day

chargers = st.sampled_from(sorted(DEPOT_OF))
connectors = st.sampled_from((1, 2))
vehicles = st.sampled_from(VEHICLES)
agreements = st.sampled_from(AGREEMENTS)
known = st.sampled_from(sorted(SPELLINGS))
spellings = st.integers(0, 2)
modes = st.sampled_from(AccessMode)
mostly_managed = st.sampled_from((AccessMode.MANAGED, AccessMode.MANAGED, AccessMode.FREEVEND))
maybe_days = st.none() | st.integers(-3, 20)
times = st.sampled_from(
    [time(0), time(1, 30), time(2), time(2, 30), time(6), time(12), time(17, 45), time(22), time(23, 59)]
)
weekdays = st.lists(st.sampled_from(model.WEEKDAYS), min_size=1, max_size=5, unique=True).map(tuple)
spans = st.sampled_from(
    [INSTANT, MINUTE, 3 * MINUTE, 10 * MINUTE, HOUR, 5 * HOUR, 12 * HOUR, DAY, 3 * DAY, 9 * DAY, 40 * DAY]
)


promises = st.fixed_dictionaries(
    {
        "charger": st.none() | chargers,  # None: any of the north depot
        "connector": st.sampled_from((None, None, 1, 2)),
        "vehicle": st.none() | vehicles,
        "identifiers": st.lists(known.filter(lambda key: key[1] not in ("wrong", "typo")), max_size=2, unique=True),
        "ahead": st.sampled_from([timedelta(0), MINUTE, HOUR, 5 * HOUR, 2 * DAY]),
        "lasting": st.sampled_from([MINUTE, HOUR, 5 * HOUR, DAY]),
        "early": st.sampled_from([timedelta(0), 15 * MINUTE, HOUR]),
        "late": st.sampled_from([timedelta(0), 30 * MINUTE]),
        "lost_after": st.none() | st.sampled_from([timedelta(0), 10 * MINUTE, HOUR]),
        "releases": st.booleans(),
    }
)


@st.composite
def recurrences(draw: st.DrawFn) -> str:
    what = draw(st.sampled_from(("DAILY", "WEEKLY", "WEEKLY", "MONTHLY")))
    parts = [f"FREQ={what}"]
    if what == "WEEKLY" or draw(st.integers(0, 5)) == 0:
        parts.append("BYDAY=" + ",".join(draw(weekdays)))
    if what == "MONTHLY":
        parts.append("BYMONTHDAY=" + draw(st.sampled_from(("1", "1,15", "-1", "28,31", "3,13,23,-2"))))
    if draw(st.integers(0, 3)) == 0:
        parts.append(f"INTERVAL={draw(st.integers(2, 3))}")
    match draw(st.integers(0, 7)):
        case 0:
            parts.append(f"COUNT={draw(st.integers(1, 12))}")
        case 1:
            parts.append(f"UNTIL=2027{draw(st.integers(1, 12)):02}15")
    return ";".join(parts)


@st.composite
def edges(draw: st.DrawFn) -> int | tuple[int, int] | None:
    """Days from today, or days and minutes from now; mostly none."""
    kind = draw(st.integers(0, 7))
    days = draw(st.integers(-5, 10))
    return days if kind == 0 else (days, draw(st.integers(-600, 600))) if kind == 1 else None


drafts = st.fixed_dictionaries(
    {
        "mode": mostly_managed,
        "recurrence": recurrences(),
        "start": times,
        "end": times,
        "end_day_offset": st.sampled_from((None, None, None, None, 1, 2)),
        "time_zone": st.sampled_from((None, None, None, "Asia/Kathmandu", "America/St_Johns")),
        "applies_from": edges(),
        "applies_until": edges(),
        "priority": st.sampled_from((0, 0, 0, -1, 5)),
        "except_dates": st.frozensets(st.integers(0, 9), max_size=2),
        "extra_dates": st.frozensets(st.integers(0, 9), max_size=1),
    }
)


_STEPS: list[tuple[int, st.SearchStrategy[tuple[str, dict[str, Any]]]]] = []
Step = TypeVar("Step", bound=Callable[..., None])


def step(weight: int, **arguments: st.SearchStrategy[Any]) -> Callable[[Step], Step]:
    """A step that comes `weight` times as often as one of weight 1 (of rules, hypothesis leaves most out of a run)."""

    def counted_in(method: Step) -> Step:
        _STEPS.append((weight, st.tuples(st.just(method.__name__), st.fixed_dictionaries(arguments))))
        return method

    return counted_in


def any_step() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """The heaviest first: hypothesis takes the first more often than its share."""
    heaviest_first = sorted(_STEPS, key=lambda each: -each[0])
    return st.one_of([strategy for weight, strategy in heaviest_first for _ in range(weight)])


class WhoMayCharge(RuleBasedStateMachine):
    """`hits` counts the rows of the decision table that attempts came to, each under its enforcement."""

    zones: ClassVar[dict[str, str]]
    begins: ClassVar[datetime]
    hits: ClassVar[Counter[tuple[str, str]]]
    steps: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.service = ServiceInMemory(self.begins)
        self.model = model.Model()
        self.messages = 0
        self.made_on: dict[str, date] = {}  # rules, on local dates
        self.open: dict[tuple[str, model.Identifier | None], tuple[datetime, model.Verdict]] = {}
        self.last: tuple[str, Any, str, RecordedDecision] | None = None

    def teardown(self) -> None:
        self.service.close()

    @property
    def now(self) -> datetime:
        return self.service.clock.now()

    def today(self, zone: str) -> date:
        return self.now.astimezone(ZoneInfo(zone)).date()

    def counted(self, what: str) -> None:
        self.steps[what] += 1
        self.last = None

    # --- the depots as they open -----------------------------------------------------------------------------------

    @initialize(observed=chargers, own=mostly_managed)
    def open_depots(self, observed: str, own: AccessMode) -> None:
        for depot, zone in self.zones.items():
            self.service.do(putting_depot(depot_id=DepotId(depot), time_zone=zone))
            gate = Entrance(entrance_id=EntranceId(f"{depot}-gate"), name="Gate", early_entry_min=0)
            self.service.do(PutEntrance(depot_id=DepotId(depot), entrance=gate))
        for charger, depot in DEPOT_OF.items():
            self.model.chargers[charger] = model.Charger(depot, self.zones[depot])
            enforcement = Enforcement.OBSERVE if charger == observed else Enforcement.ENFORCE
            self.set_charger(charger, own if charger == observed else AccessMode.MANAGED, enforcement)
        for depot, group in GROUPS.items():
            self.model.groups[depot] = group
            members = frozenset(map(ChargerId, group))
            named = ReservationGroup(group_id=ReservationGroupId("any"), name="Any", charger_ids=members)
            self.service.do(PutReservationGroup(depot_id=DepotId(depot), group=named))
        for agreement in AGREEMENTS:
            self.agree(agreement, valid_from=-1, valid_until=None, places=frozenset(), hours=())
        self.register("bus", None, [("rfid", "bus"), ("mac", "bus")], 0, None, None)
        self.register("truck", "partner", [("mac", "truck"), ("pin", "fleet")], 0, None, None)
        self.register("van", "forwarder", [("rfid", "van")], 0, None, None)

    @step(
        2,
        charger=chargers,
        baseline=mostly_managed,
        enforcement=st.sampled_from(Enforcement),
        reservation_only=st.sampled_from((False, False, True)),
    )
    def set_charger(
        self, charger: str, baseline: AccessMode, enforcement: Enforcement, reservation_only: bool = False
    ) -> None:
        self.counted("set charger")
        self.service.do(
            putting_charger(
                charger_id=ChargerId(charger),
                charge_point_id=ChargePointId(f"CP-{charger}"),
                depot_id=DepotId(DEPOT_OF[charger]),
                baseline_mode=baseline,
                enforcement=enforcement,
                connectors=2,
                reservation_only=reservation_only,
            )
        )
        self.model.chargers[charger].reservation_only = reservation_only
        self.model.chargers[charger].baseline = baseline.value
        self.model.chargers[charger].enforcement = enforcement.value

    @rule(step=st.deferred(any_step))
    def take(self, step: tuple[str, dict[str, Any]]) -> None:
        name, arguments = step
        getattr(self, name)(**arguments)

    # --- the registry ----------------------------------------------------------------------------------------------

    @step(
        4,
        vehicle=vehicles,
        agreement=st.none() | agreements,
        identifiers=st.lists(known.filter(lambda key: key[1] not in ("wrong", "typo")), max_size=4, unique=True),
        spelling=spellings,
        since=maybe_days,
        lasting=maybe_days,
    )
    def register(
        self,
        vehicle: str,
        agreement: str | None,
        identifiers: list[model.Identifier],
        spelling: int,
        since: int | None,
        lasting: int | None,
    ) -> None:
        """A new vehicle, or a known one reclassified, or with other identifiers."""
        self.counted("register")
        valid_from = None if since is None else self.now + DAY * since
        valid_until = None if lasting is None else (valid_from or self.now) + DAY * abs(lasting) + HOUR
        description = VehicleDescription(
            name=vehicle,
            access_class=AccessClass.AGREEMENT if agreement else AccessClass.OWN,
            agreement_id=AgreementId(agreement) if agreement else None,
            valid_from=valid_from,
            valid_until=valid_until,
        )
        raw = [spelt(key, spelling) for key in identifiers]
        command = PutVehicle(vehicle_id=VehicleId(vehicle), description=description, identifiers=raw)
        holders = [self.model.holder(key) for key in identifiers]
        taken = next((holder for holder in holders if holder not in (None, vehicle)), None)
        if taken is not None:
            with pytest.raises(IdentifierTaken) as refusal:
                self.service.do(command)
            assert refusal.value.holder == taken
            return
        self.service.do(command)
        known_before = self.model.vehicles.get(vehicle)
        self.model.vehicles[vehicle] = model.Vehicle(
            description.access_class.value,
            agreement,
            frozenset(identifiers),
            valid_from,
            valid_until,
            suspended=known_before.suspended if known_before else False,
        )
        self._visit_all(vehicle)

    @step(1, vehicle=vehicles, again=st.booleans())
    def suspend(self, vehicle: str, again: bool) -> None:
        if vehicle in self.model.vehicles and (again or not self.model.vehicles[vehicle].suspended):
            self.counted("suspend")
            self.service.do(SuspendVehicle(vehicle_id=VehicleId(vehicle), reason="accident"))
            self.model.vehicles[vehicle].suspended = True
            self._visit_all(vehicle)

    @step(1, vehicle=vehicles)
    def reinstate(self, vehicle: str) -> None:
        if vehicle in self.model.vehicles:
            self.counted("reinstate")
            self.service.do(ReinstateVehicle(vehicle_id=VehicleId(vehicle), reason="repaired"))
            self.model.vehicles[vehicle].suspended = False

    @step(1, vehicle=vehicles)
    def remove(self, vehicle: str) -> None:
        if vehicle in self.model.vehicles:
            self.counted("remove vehicle")
            self.service.do(RemoveVehicle(vehicle_id=VehicleId(vehicle)))
            del self.model.vehicles[vehicle]
            self.model.allowed = {key: span for key, span in self.model.allowed.items() if key[1] != vehicle}

    @step(
        6,
        agreement=agreements,
        valid_from=st.sampled_from((-3, -1, -1, -1, 0, 2)),
        valid_until=st.none() | maybe_days,
        places=st.frozensets(st.sampled_from((*DEPOT_OF, "north", "south")), max_size=2),
        hours=st.lists(st.tuples(weekdays, times, times), max_size=2).map(tuple),
    )
    def agree(
        self, agreement: str, valid_from: int, valid_until: int | None, places: frozenset[str], hours: tuple[Any, ...]
    ) -> None:
        """A new agreement, or an amended one, which holds again if it was ended."""
        self.counted("agree")
        starts = self.now + DAY * valid_from
        ends = None if valid_until is None else starts + DAY * abs(valid_until) + HOUR
        covered = places & DEPOT_OF.keys(), places - DEPOT_OF.keys()
        wanted = Agreement(
            agreement_id=AgreementId(agreement),
            name=agreement,
            fleet="Partner Logistics",
            valid_from=starts,
            valid_until=ends,
            charger_ids=frozenset(ChargerId(each) for each in covered[0]),
            depot_ids=frozenset(DepotId(each) for each in covered[1]),
            hours=tuple(AgreementHours(days=days, start=start, end=end) for days, start, end in hours),
        )
        self.service.do(PutAgreement(agreement=wanted))
        self.model.agreements[agreement] = model.Agreement(starts, ends, *covered, hours)
        for vehicle in sorted(self.model.vehicles):
            if self.model.vehicles[vehicle].agreement == agreement:
                self._visit_all(vehicle)

    @step(1, agreement=agreements)
    def end_agreement(self, agreement: str) -> None:
        self.counted("end agreement")
        self.service.do(EndAgreement(agreement_id=AgreementId(agreement)))
        ended = self.model.agreements[agreement]
        over = any(end is not None and end <= self.now for end in (ended.valid_until, ended.ended_at))
        ended.ended_at = ended.ended_at if over else self.now

    # --- the schedule ----------------------------------------------------------------------------------------------

    @step(4, charger=chargers, draft=drafts)
    def schedule(self, charger: str, draft: dict[str, Any]) -> None:
        self.counted("schedule")
        if len(self.model.chargers[charger].rules) < 4:
            self._put_rule(charger, draft, None)

    @step(2, charger=chargers, draft=drafts, which=st.integers(0, 3))
    def amend(self, charger: str, draft: dict[str, Any], which: int) -> None:
        rules = list(self.model.chargers[charger].rules)
        if rules:
            self.counted("amend rule")
            self._put_rule(charger, draft, rules[which % len(rules)])

    def _put_rule(self, charger: str, draft: dict[str, Any], amended: str | None) -> None:
        ours = self.model.chargers[charger]
        zone = draft["time_zone"] or ours.zone
        today = self.today(zone)
        edge = {name: self._edge(draft[name], today) for name in ("applies_from", "applies_until")}
        dates = {name: frozenset(today + DAY * n for n in draft[name]) for name in ("except_dates", "extra_dates")}
        offset = int(draft["end"] <= draft["start"]) if draft["end_day_offset"] is None else draft["end_day_offset"]
        plain = {name: draft[name] for name in ("mode", "recurrence", "start", "end", "priority")}
        theirs = RuleDraft(
            name="a rule",
            end_day_offset=draft["end_day_offset"],
            time_zone=draft["time_zone"],
            applies_from=_edge(edge["applies_from"]),
            applies_until=_edge(edge["applies_until"]),
            **plain,
            **dates,
        )
        command: object = ScheduleMode(charger_id=ChargerId(charger), draft=theirs)
        made_on = today
        if amended is not None:
            command = AmendModeRule(charger_id=ChargerId(charger), rule_id=RuleId(amended), draft=theirs)
            made_on = self.made_on[amended]
        anchor = made_on
        match edge["applies_from"]:
            case datetime() as at:
                anchor = at.astimezone(ZoneInfo(zone)).date()
            case date() as on:
                anchor = on
        try:
            done = self.service.do(command)
        except (RuleEndsBeforeItStarts, RuleNeverOccurs, RuleOverlapsItself) as refusal:
            self.steps[f"refused: {refusal.code}"] += 1
            return
        rule_id = amended or done.created_id
        self.made_on[rule_id] = made_on
        ours.rules[rule_id] = model.Rule(
            zone=zone, end_day_offset=offset, anchor=anchor, **edge, **dates, **plain | {"mode": draft["mode"].value}
        )
        self._modes_agree(charger)

    def _edge(self, wanted: int | tuple[int, int] | None, today: date) -> date | datetime | None:
        match wanted:
            case None:
                return None
            case (days, minutes):
                return self.now + DAY * days + MINUTE * minutes
            case int():
                return today + DAY * wanted

    @step(1, charger=chargers, which=st.integers(0, 3))
    def withdraw(self, charger: str, which: int) -> None:
        rules = self.model.chargers[charger].rules
        if rules:
            self.counted("withdraw rule")
            rule_id = list(rules)[which % len(rules)]
            self.service.do(WithdrawModeRule(charger_id=ChargerId(charger), rule_id=RuleId(rule_id)))
            del rules[rule_id]
            self._modes_agree(charger)

    @step(2, charger=chargers, ahead=st.integers(0, 5), lasting=st.integers(0, 3), mode=modes)
    def except_days(self, charger: str, ahead: int, lasting: int, mode: AccessMode) -> None:
        self.counted("except")
        ours = self.model.chargers[charger]
        first = self.today(ours.zone) + DAY * ahead
        last = first + DAY * lasting
        done = self.service.do(
            AddException(charger_id=ChargerId(charger), first=first, last=last, mode=mode, reason="holiday")
        )
        ours.exceptions[done.created_id] = (first, last, mode.value)
        self._modes_agree(charger)

    @step(1, charger=chargers, which=st.integers(0, 3))
    def remove_exception(self, charger: str, which: int) -> None:
        exceptions = self.model.chargers[charger].exceptions
        if exceptions:
            self.counted("remove exception")
            chosen = list(exceptions)[which % len(exceptions)]
            self.service.do(RemoveException(charger_id=ChargerId(charger), exception_id=chosen))  # type: ignore[arg-type]
            del exceptions[chosen]
            self._modes_agree(charger)

    @step(2, charger=chargers, mode=modes, ahead=st.none() | spans, lasting=st.none() | spans, until=st.booleans())
    def override(
        self, charger: str, mode: AccessMode, ahead: timedelta | None, lasting: timedelta | None, until: bool
    ) -> None:
        """For a span, until an instant, or until the next transition."""
        self.counted("override")
        ours = self.model.chargers[charger]
        begins = self.now + (ahead or timedelta(0))
        command = OverrideMode(
            charger_id=ChargerId(charger),
            mode=mode,
            reason="visit",
            starts_at=None if ahead is None else begins,
            until=begins + lasting if lasting and until else None,
            lasts=lasting if lasting and not until else None,
        )
        try:
            done = self.service.do(command)
        except (OverrideTooLong, NoNextTransition) as refusal:
            self.steps[f"refused: {refusal.code}"] += 1
            assert lasting is None or lasting > 7 * DAY
            return
        made = self.service.view.charger(ACME, ChargerId(charger)).policy.overrides[done.created_id]
        if lasting is None:
            self._changes_first_at(ours, begins, made.ends_at)
        else:
            assert (made.starts_at, made.ends_at) == (begins, begins + lasting)
        ours.overrides[done.created_id] = (begins, made.ends_at, mode.value)
        self._modes_agree(charger)

    def _changes_first_at(self, charger: model.Charger, begins: datetime, ends: datetime) -> None:
        """By the plan as it is known now: a reservation that may be lost later is in it to its end."""

        def planned(at: datetime) -> str:
            return charger.mode_at(at, self.now)

        before = planned(begins)
        assert planned(ends) != before
        assert planned(ends - INSTANT) == before
        step = max(MINUTE, (ends - begins) / 100)
        assert all(planned(begins + step * n) == before for n in range(100) if begins + step * n < ends)

    @step(2, charger=chargers, which=st.integers(0, 5))
    def lift(self, charger: str, which: int) -> None:
        overrides = self.model.chargers[charger].overrides
        if overrides:
            self.counted("lift")
            chosen = list(overrides)[which % len(overrides)]
            self.service.do(LiftOverride(charger_id=ChargerId(charger), override_id=chosen))  # type: ignore[arg-type]
            start, end, mode = overrides[chosen]
            if start >= self.now:
                del overrides[chosen]
            else:
                overrides[chosen] = (start, min(end, self.now), mode)
            self._modes_agree(charger)

    # --- reservations ------------------------------------------------------------------------------------------------

    @step(12, wanted=promises, visits=st.booleans())
    def reserve(self, wanted: dict[str, Any], visits: bool) -> None:
        """`visits`: the holder comes to the first instant, and somebody else does."""
        self.counted("reserve")
        self.settle()
        wanted = self._with_a_known_vehicle(wanted)
        if not wanted["identifiers"] and wanted["vehicle"] is None:
            return
        depot = DEPOT_OF[wanted["charger"] or "n-1"]
        try:
            done = self.service.do(MakeReservation(depot_id=DepotId(depot), draft=self._draft(wanted)))
        except (ChargerReserved, GroupFull, ReservationInvalid) as refusal:
            self.steps[f"refused: {refusal.code}"] += 1
            return
        self._promised(done.created_id, wanted, made_at=self.now)
        if visits:
            self._visit(done.created_id)

    @step(4, which=st.integers(0, 9), wanted=promises, visits=st.booleans())
    def change_reservation(self, which: int, wanted: dict[str, Any], visits: bool) -> None:
        self.settle()
        name = self._one_of_the_reservations(which)
        if name is None:
            return
        self.counted("change reservation")
        wanted, known = self._with_a_known_vehicle(wanted), self.model.reservations[name]
        if DEPOT_OF[wanted["charger"] or "n-1"] != known.depot:
            wanted |= {"charger": "n-2" if known.depot == "north" else "s-1"}
        wanted |= {"identifiers": [], "early": known.early, "late": known.late}
        wanted |= {"lost_after": known.lost_after, "releases": known.releases}
        draft = replace(self._draft(wanted), identifiers=None)
        try:
            self.service.do(ChangeReservation(reservation_id=ReservationId(name), draft=draft))
        except (ChargerReserved, GroupFull, ReservationInvalid, ReservationOver) as refusal:
            self.steps[f"refused: {refusal.code}"] += 1
            return
        came = {"fulfilled_at": known.fulfilled_at, "charge": known.charge}
        self._promised(name, wanted | {"identifiers": known.identifiers}, made_at=known.made_at, **came)
        if visits:
            self._visit(name)

    @step(2, which=st.integers(0, 9))
    def cancel_reservation(self, which: int) -> None:
        self.settle()
        name = self._one_of_the_reservations(which)
        if name is None or self.model.reservations[name].over_at is not None:
            return
        self.counted("cancel reservation")
        self.service.do(CancelReservation(reservation_id=ReservationId(name), reason="the bus broke down"))
        self.model.reservations[name].over_at, self.model.reservations[name].cancelled = self.now, True
        self._all_modes_agree()

    @step(10, which=st.integers(0, 9), charger=chargers, connector=st.none() | connectors, starts=st.booleans())
    def come_with_a_reservation(self, which: int, charger: str, connector: int | None, starts: bool) -> None:
        """A holder comes to its charger, or to another one, and may start there."""
        name = self._one_of_the_reservations(which)
        if name is None:
            return
        known = self.model.reservations[name]
        keys = sorted({*known.identifiers, *self._keys_of(known.vehicle)})
        if keys:
            where = known.charger if connector is None and known.charger else charger
            self.attempt(where, keys[which % len(keys)], 0)
            if starts:
                self.start(where, connector or 1, keys[which % len(keys)], 0)

    def _one_of_the_reservations(self, which: int) -> str | None:
        names = sorted(self.model.reservations, key=lambda name: (self.model.reservations[name].made_at, name))
        return names[-1 - which % len(names)] if names else None  # later ones more often: earlier ones are over

    def _with_a_known_vehicle(self, wanted: dict[str, Any]) -> dict[str, Any]:
        return wanted | {"vehicle": wanted["vehicle"] if wanted["vehicle"] in self.model.vehicles else None}

    def _keys_of(self, vehicle: str | None) -> frozenset[model.Identifier]:
        known = self.model.vehicles.get(vehicle or "")
        return frozenset() if known is None else known.identifiers

    def _draft(self, wanted: dict[str, Any]) -> ReservationDraft:
        start = self.now + wanted["ahead"]
        place = Place(group_id=ReservationGroupId("any"))
        if wanted["charger"] is not None:
            place = Place(charger_id=ChargerId(wanted["charger"]), connector_id=wanted["connector"])
        terms = {"early_start_min": wanted["early"], "late_stop_min": wanted["late"]}
        terms |= {"no_show_after_min": wanted["lost_after"]}
        minutes = {name: None if span is None else int(span / MINUTE) for name, span in terms.items()}
        return ReservationDraft(
            place=place,
            start=start,
            end=start + wanted["lasting"],
            source=ReservationSource.MANUAL,
            vehicle_id=None if wanted["vehicle"] is None else VehicleId(wanted["vehicle"]),
            identifiers=[spelt(key, 0) for key in wanted["identifiers"]],
            terms={**minutes, "release_on_stop": wanted["releases"]},
        )

    def _promised(self, name: str, wanted: dict[str, Any], *, made_at: datetime, **came: Any) -> None:
        start = self.now + wanted["ahead"]
        reserved = model.Reservation(
            name=name,
            depot=DEPOT_OF[wanted["charger"] or "n-1"],
            charger=wanted["charger"],
            connector=wanted["connector"] if wanted["charger"] else None,
            identifiers=frozenset(wanted["identifiers"]),
            vehicle=wanted["vehicle"],
            start=start,
            end=start + wanted["lasting"],
            early=wanted["early"],
            late=wanted["late"],
            lost_after=wanted["lost_after"],
            releases=wanted["releases"],
            made_at=made_at,
            **came,
        )
        self.model.reserve(reserved)
        self.settle()
        self._all_modes_agree()

    def _visit(self, name: str) -> None:
        """The holder and others ask at the charger: early, and when the reservation has begun."""
        known = self.model.reservations[name]
        keys = sorted({*known.identifiers, *self._keys_of(known.vehicle)})[:1]
        for at in (None, known.begins):
            if at is not None and at > self.now:
                self.service.clock.set(at)
                self.settle()
            for charger in (known.charger,) if known.charger else sorted(GROUPS[known.depot]):
                for key in (*keys, ("rfid", "van"), ("mac", "truck")):
                    self.attempt(charger, key, 0)

    def settle(self) -> None:
        self.service.settle()
        self.model.settle(self.now)
        stored = {
            entry.reservation.reservation_id: (entry.fulfilled_at, entry.attempt_id, entry.over_at)
            for _, book in self.service.view.books()
            for entry in book.entries.by_id.values()
        }
        expected = {
            each.name: (each.fulfilled_at, each.charge, each.over_at) for each in self.model.reservations.values()
        }
        assert stored == expected, f"at {self.now}: stored {stored}, expected {expected}"

    # --- energy ------------------------------------------------------------------------------------------------------

    @step(
        3,
        charger=chargers,
        ahead=st.sampled_from([timedelta(0), timedelta(0), MINUTE, HOUR]),
        lasting=st.lists(st.sampled_from([MINUTE, HOUR, 5 * HOUR, 2 * DAY]), max_size=2),
        narrower_first=st.booleans(),
        advisory=st.sampled_from((False, False, False, True)),
        key=known,
    )
    def narrow(
        self,
        charger: str,
        ahead: timedelta,
        lasting: list[timedelta],
        narrower_first: bool,
        advisory: bool,
        key: model.Identifier,
    ) -> None:
        """Power becomes short at the charger for up to two spans of different levels, or is not short any more."""
        self.counted("narrow")
        levels = sorted((GateLevel.OWN_AND_AGREEMENT, GateLevel.OWN_ONLY), reverse=narrower_first)
        at, windows = self.now + ahead, []
        for level, span in zip(levels, lasting, strict=False):
            windows.append(a_window(at, at + span, level))
            at += span
        known = self.model.chargers[charger]
        known.narrowed = [(each.starts_at, each.ends_at, each.level.value) for each in windows]
        known.is_advised_only = advisory
        self.service.gates.give((ACME, ChargerId(charger)), *windows, is_advisory=advisory)
        self._modes_agree(charger)
        for instant in (self.now, self.now + ahead):
            if instant > self.now:
                self.service.clock.set(instant)
                self.settle()
            for asking in (key, ("rfid", "bus"), ("mac", "truck")):
                self.attempt(charger, asking, 0)

    # --- time, and the service itself --------------------------------------------------------------------------------

    @step(4, span=spans)
    def forward(self, span: timedelta) -> None:
        self.counted("forward")
        self.service.clock.forward(seconds=span.total_seconds())
        self.time_passed()

    def time_passed(self) -> None:
        """By the time alone a reservation is lost or over; a charge that stands there when one begins is seen at once."""
        if self.model.charging:
            self.settle()
        self._all_modes_agree()

    @step(5, which=st.integers(0, 10), exactly=st.sampled_from((timedelta(0), timedelta(0), -INSTANT, MINUTE)))
    def forward_to_a_boundary(self, which: int, exactly: timedelta) -> None:
        """To the instant at which something begins or ends, or just before it or after."""
        ahead = sorted(edge for edge in self._boundaries() if edge > self.now + INSTANT)
        if ahead:
            self.counted("forward to a boundary")
            self.service.clock.set(ahead[which % len(ahead)] + exactly)
            self.time_passed()

    def _boundaries(self) -> set[datetime]:
        found: set[datetime | None] = set()
        for charger in self.model.chargers.values():
            today = self.today(charger.zone)
            found |= {model.instant(today + DAY * n, time(0), charger.zone) for n in (1, 2, 3)}
            found |= {edge for start, end, _ in charger.overrides.values() for edge in (start, end)}
            found |= {at + 10 * MINUTE for at in charger.wrong_pins[-1:]}
            found |= {edge for start, end, _ in charger.narrowed for edge in (start, end)}
            for each in charger.rules.values():
                near = (w for w in model.windows(each, today + 7 * DAY) if w[1] > self.now)
                found |= {edge for window in near for edge in window}
        for agreement in self.model.agreements.values():
            found |= {agreement.valid_from, agreement.valid_until}
        for vehicle in self.model.vehicles.values():
            found |= {vehicle.valid_from, vehicle.valid_until}
        found |= {until for _, until in self.model.allowed.values()}
        for each in self.model.reservations.values():
            found |= {each.begins, each.start, each.lost_at, each.end}
        return {edge for edge in found if edge is not None and edge < self.now + 40 * DAY}

    @step(1)
    def restart(self) -> None:
        self.counted("restart")
        self.service.restart()
        for each in self.model.charging.values():
            each.watched_since = None
        self.settle()
        self._all_modes_agree()

    # --- attempts --------------------------------------------------------------------------------------------------

    @step(5, charger=chargers, key=known, spelling=spellings)
    def attempt(self, charger: str, key: model.Identifier, spelling: int) -> None:
        kind, text = spelt(key, spelling)
        self._attempt(charger, key, presented(kind, text))

    @step(6, charger=chargers, vehicle=vehicles, which=st.integers(0, 3), spelling=spellings)
    def attempt_of_a_vehicle(self, charger: str, vehicle: str, which: int, spelling: int) -> None:
        registered = self.model.vehicles.get(vehicle)
        if registered and registered.identifiers:
            key = sorted(registered.identifiers)[which % len(registered.identifiers)]
            self.attempt(charger, key, spelling)

    @step(6, charger=chargers, which=st.integers(0, 7), spelling=spellings)
    def attempt_under_an_agreement(self, charger: str, which: int, spelling: int) -> None:
        keys = sorted(
            key
            for each in self.model.vehicles.values()
            if each.agreement and not each.suspended
            for key in each.identifiers
        )
        if keys:
            self.attempt(charger, keys[which % len(keys)], spelling)

    def _visit_all(self, vehicle: str) -> None:
        """What was said of the vehicle just now is asked about at every charger."""
        for charger in DEPOT_OF:
            self.attempt_of_a_vehicle(charger, vehicle, 0, 0)

    @step(1, charger=chargers, unreadable=st.none() | st.sampled_from(UNREADABLE))
    def attempt_with_nothing_readable(self, charger: str, unreadable: tuple[str, str] | None) -> None:
        read = None if unreadable is None else presented(*unreadable)
        assert read is None
        self._attempt(charger, None, read)

    @step(
        3,
        charger=chargers,
        pin=st.sampled_from(("wrong", "typo", "guest", "fleet")),
        times=st.sampled_from((1, 4, 5, 6)),
        pause=st.sampled_from((0, 0, 1, 2, 4)),
    )
    def type_pins(self, charger: str, pin: str, times: int, pause: int) -> None:
        for _ in range(times):
            self.attempt(charger, ("pin", pin), 0)
            if pause:
                self.counted("forward")
                self.service.clock.forward(minutes=pause)
                self.time_passed()

    @step(
        4,
        charger=chargers,
        key=known,
        elsewhere=chargers,
        lasting=st.sampled_from([MINUTE, HOUR, 5 * HOUR, DAY, 3 * DAY]),
        ends=st.booleans(),
    )
    def allow_who_was_refused(
        self, charger: str, key: model.Identifier, elsewhere: str, lasting: timedelta, ends: bool
    ) -> None:
        """An operator lets the identifier that was refused just now charge for a while, and may end that at once."""
        self.attempt(charger, key, 0)
        verdict = self.open[charger, key][1]
        if self.last is None or (verdict.would_deny or verdict.reason) not in OVERRIDABLE:
            return
        attempt_id = self.last[3].attempt_id
        self.counted("allow")
        holder, depot = self.model.holder(key), DEPOT_OF[charger]
        possible = not (holder is None and key[0] == "pin") and not (holder and self.model.vehicles[holder].suspended)
        command = AllowAttempt(attempt_id=attempt_id, reason="tonight", lasts=lasting)
        if not possible:
            with pytest.raises(AdHocNotPossible):
                self.service.do(command)
            return
        self.service.do(command)
        self.model.allowed[depot, holder or key] = (self.now, self.now + lasting)
        self.attempt(charger, key, 0)
        self.attempt(elsewhere, key, 0)
        if ends:
            self.service.do(EndAllowance(attempt_id=attempt_id))
            self.model.allowed[depot, holder or key] = (self.now, self.now)
            self.attempt(charger, key, 0)

    @step(3)
    def deliver_again(self) -> None:
        """The same message at the same instant, with nothing between: answered the same, recorded once."""
        if self.last is None:
            return
        charger, read, message_id, first = self.last
        self.steps["deliver again"] += 1
        position = self.service.run(self.service.store.last_position())
        again = self.service.authorize(charger, read, message_id)
        assert (again.attempt_id, again.event) == (first.attempt_id, first.event)
        assert self.service.run(self.service.store.last_position()) == position

    def _attempt(self, charger: str, key: model.Identifier | None, read: Any) -> None:
        self.counted("attempt")
        self.messages += 1
        if self.messages % ENTERED_EVERY == 0 and (key is None or key[0] != "pin"):  # PINs are locked out by place
            self._enters_alike(DEPOT_OF[charger], key, read)
        expected = self.model.decide(charger, key, self.now)
        decided = self.service.authorize(charger, read, f"m-{self.messages}")
        self._same(charger, key, expected, decided)
        self.model.decided(charger, key, self.now, expected)
        self.open[charger, key] = (self.now, expected)
        self.last = (charger, read, f"m-{self.messages}", decided)

    @step(3, charger=chargers, connector=connectors, key=st.none() | known, spelling=spellings)
    def start(self, charger: str, connector: int, key: model.Identifier | None, spelling: int) -> None:
        """A charge begins: of an attempt that was decided lately, or one nobody asked about."""
        self.counted("start")
        self.messages += 1
        transaction = f"t-{self.messages}"
        expected = self.model.decide(charger, key, self.now, connector=connector)
        read = presented(*spelt(key, spelling)) if key else None
        started = self.service.start(charger, read, transaction, connector=connector)
        assert started.decision is not None
        asked_at, before = self.open.pop((charger, key), (self.now, None))
        joined = before is not None and self.now - asked_at <= START_WITHIN
        self._same(charger, key, expected, started.decision, connector=connector, stands=joined)
        if not joined or before != expected:
            self.model.decided(charger, key, self.now, expected)
        self.model.over(charger, connector, self.now)
        vehicle = self.model.holder(key)
        self.model.charging[transaction] = model.Charge(
            charger, connector, key, self.now, started.attempt_id, expected.allowed, vehicle
        )
        self.settle()

    @step(3, charger=chargers, connector=connectors, elsewhere=chargers, which=st.integers(0, 3))
    def charge_twice(self, charger: str, connector: int, elsewhere: str, which: int) -> None:
        """One vehicle's MAC here and then at another charger."""
        held = (key for each in self.model.vehicles.values() for key in each.identifiers)
        macs = sorted(key for key in held if key[0] == "mac")
        if macs:
            self.start(charger, connector, macs[which % len(macs)], 0)
            self.attempt(elsewhere, macs[which % len(macs)], 1)

    @step(2, which=st.integers(0, 3))
    def end(self, which: int) -> None:
        if not self.model.charging:
            return
        self.counted("end")
        transaction = sorted(self.model.charging)[which % len(self.model.charging)]
        self.service.end(self.model.end(transaction, self.now).where, transaction)
        self.settle()

    @step(2, which=st.integers(0, 3))
    def lose_an_end(self, which: int) -> None:
        """The charger does not report the end of a charge, and then that the connector is free."""
        if self.model.charging:
            self.counted("lost end")
            charge = sorted(self.model.charging.items())[which % len(self.model.charging)][1]
            self.model.over(charge.where, charge.connector, self.now)
            self.service.connector_free(charge.where, charge.connector)
            self.settle()
            if charge.who is not None:
                self.attempt(sorted(set(DEPOT_OF) - {charge.where})[0], charge.who, 0)

    @step(2)
    def look_for_lost_sessions(self) -> None:
        self.counted("look for lost sessions")
        self.service.look_for_lost_sessions()
        self.model.looked_at(self.now)
        self.settle()

    # --- the same, here and there ----------------------------------------------------------------------------------

    def _same(
        self,
        charger: str,
        key: model.Identifier | None,
        expected: model.Verdict,
        decided: RecordedDecision,
        *,
        connector: int | None = None,
        stands: bool = False,
    ) -> None:
        """`stands`: the decision may be one that was made before, and be told with what was known then."""
        event = decided.event
        would_deny = event.would_deny if isinstance(event, AccessAllowed) else None
        told = model.Verdict(
            decided.allowed, event.reason, would_deny, event.lineage.expected_mode, event.lineage.access_class
        )
        assert told == expected, f"{charger}, {key} at {self.now}: told {told}, expected {expected}"
        enforcement = self.model.chargers[charger].enforcement
        self.hits[expected.would_deny or expected.reason, enforcement] += 1
        if isinstance(event, AccessAllowed) and not stands:
            assert self.now < event.valid_until <= self.now + DAY
            if self.hits.total() % CHECKED_AHEAD == 0:
                self._holds(charger, connector, key, event.valid_until)

    def _enters_alike(self, depot: str, key: model.Identifier | None, read: Any) -> None:
        """At the entrance of the whole depot: exactly if one of its chargers would admit, but for the holder of a reservation,
        who enters whatever is at the chargers of the group now."""
        self.steps["entrance held against each charger"] += 1
        there = [each for each, of in DEPOT_OF.items() if of == depot]
        verdicts = [self.model.decide(each, key, self.now) for each in there]
        event = self.service.enter(f"{depot}-gate", read)
        enters = isinstance(event, EntranceAllowed)
        told = (
            f"{depot}, {key} at {self.now}: told {event.reason}, expected one of {[each.reason for each in verdicts]}"
        )
        assert enters or not any(each.allowed for each in verdicts), told
        if event.reason != "reservation":
            assert event.reason in [each.reason for each in verdicts], told

    def _holds(self, charger: str, connector: int | None, key: model.Identifier | None, valid_until: datetime) -> None:
        """At each minute of the permission the reference would allow it as well."""
        self.steps["permission held against each minute"] += 1
        minutes = int((valid_until - self.now) / MINUTE)

        def is_allowed(at: datetime) -> bool:
            return self.model.decide(charger, key, at, connector=connector, known_at=self.now).allowed

        for n in range(minutes + 1):
            at = self.now + MINUTE * n
            assert at >= valid_until or is_allowed(at), (charger, key, at, valid_until)
        if valid_until < self.now + DAY:
            assert not is_allowed(valid_until), (charger, key, valid_until)

    def _modes_agree(self, charger: str) -> None:
        self.service.office.depot.narrowing.freshen((ACME, ChargerId(charger)))
        expected = self.service.view.charger(ACME, ChargerId(charger)).timeline_now(self.now).at(self.now)
        planned = self.model.chargers[charger].mode_with_energy_at(self.now)
        assert expected.mode == planned, (charger, self.now, expected)

    def _all_modes_agree(self) -> None:
        for charger in self.model.chargers:
            self._modes_agree(charger)


def _edge(edge: date | datetime | None) -> Edge | None:
    match edge:
        case None:
            return None
        case datetime():
            return Edge(at=edge.astimezone(UTC))
        case date():
            return Edge(on=edge)
