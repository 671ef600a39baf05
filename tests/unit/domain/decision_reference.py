"""The decision table of design 3.3, written down a second time as a table, and any facts to try it with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from itertools import permutations
from typing import Any

from hypothesis import strategies as st

from access_policy.domain.access.decision import DecisionInputs
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Cause, CauseKind, Enforcement
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AttemptId, ChargerId, DepotId, ReservationGroupId, ReservationId
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.here import PartyHere, ReservationsHere
from access_policy.domain.reservations.reservation import Holder, Place, Reservation, ReservationSource
from access_policy.domain.reservations.terms import ReservationTerms
from access_policy.domain.site_energy.gate import Gate, GateLevel
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.agreements import Agreement, AgreementHours
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.domain.vehicle_registry.registry import Vehicle
from tests.support.builders import ANNA, BAY, BERLIN, DAY, MINUTE, NOON, NORTH, PARTNER, TRUCK
from tests.support.energy import a_gate

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def never(f: DecisionInputs) -> bool:
    return f.vehicle is not None and not within(
        f.at, f.vehicle.description.valid_from, f.vehicle.description.valid_until
    )


def own(f: DecisionInputs) -> bool:
    return f.vehicle is not None and f.vehicle.description.access_class == "own"


def ended(f: DecisionInputs) -> bool:
    ends = [f.agreement.valid_until, f.agreement.ended_at] if f.agreement else []
    return any(end is not None and f.at >= end for end in ends)


def elsewhere(f: DecisionInputs) -> bool:
    places = (f.agreement.charger_ids | f.agreement.depot_ids) if f.agreement else set()
    return bool(places) and BAY not in places and NORTH not in places


def other_hour(f: DecisionInputs) -> bool:
    """Naive wall-clock reasoning; good on days without a clock change."""
    local = f.at.astimezone(BERLIN).replace(tzinfo=None)
    for h in f.agreement.hours if f.agreement else ():
        for began in (local.date(), local.date() - DAY):
            ends = datetime.combine(began + (DAY if h.end <= h.start else timedelta(0)), h.end)
            if WEEKDAYS[began.weekday()] in h.days and datetime.combine(began, h.start) <= local < ends:
                return False
    return f.agreement is not None and bool(f.agreement.hours)


def permitted(f: DecisionInputs) -> bool:
    return f.ad_hoc is not None and within(f.at, f.ad_hoc.given_at, f.ad_hoc.until)


def holds(entry: Entry, at: datetime) -> bool:
    r, lost = entry.reservation, entry.reservation.terms.no_show_after_min
    came = entry.fulfilled_at is not None
    is_lost = not came and lost is not None and at >= r.start + lost * MINUTE
    is_over = entry.over_at is not None and at >= entry.over_at
    return r.start - r.terms.early_start_min * MINUTE <= at < r.end and not is_lost and not is_over


def serves_all(wanted: list[frozenset[ChargerId]]) -> bool:
    """By trying every possibility."""
    chargers = sorted(frozenset().union(*wanted))
    return any(
        all(charger in free for charger, free in zip(chosen, wanted, strict=True))
        for chosen in permutations(chargers, len(wanted))
    )


def owed(here: ReservationsHere, at: datetime) -> list[Entry]:
    return [
        e for e in here.party.in_groups if holds(e, at) and not (e.fulfilled_at is not None and e.fulfilled_at <= at)
    ]


def named_for_another(f: DecisionInputs) -> bool:
    return f.reservations is not None and any(holds(each, f.at) for each in f.reservations.party.naming_others)


def short(f: DecisionInputs, here: ReservationsHere) -> bool:
    """Without this charger one of those who may still come would find none."""
    return not serves_all([free_of(here, e.reservation.place.group_id) for e in owed(here, f.at)])


def free_of(here: ReservationsHere, group: ReservationGroupId) -> frozenset[ChargerId]:
    return here.free_among(here.party.groups[group])


def better_elsewhere(f: DecisionInputs, here: ReservationsHere, entry: Entry) -> bool:
    if not short(f, here):
        return False
    this = {group: frozenset({here.party.charger_id}) for group in here.party.groups_of_charger}
    others = [e.reservation.place.group_id for e in owed(here, f.at)]
    own = free_of(here, entry.reservation.place.group_id)
    return serves_all([*(free_of(here, each) | this.get(each, frozenset()) for each in others), own])


def admitted(f: DecisionInputs) -> bool:
    here = f.reservations
    return here is not None and any(
        holds(each, f.at)
        and (each.reservation.place.charger_id or not (named_for_another(f) or better_elsewhere(f, here, each)))
        for each in here.of_holder
    )


def without_reservation(f: DecisionInputs) -> bool:
    """Row 9, and row 10, where only a reservation knows the identifier."""
    known = f.vehicle is not None and f.kind_counts
    return f.reservations is not None and (required(f) or not known)


def required(f: DecisionInputs) -> bool:
    """Freevend requires no reservation, also where a gate narrows it."""
    return f.reservations is not None and f.reservations.is_required and not freevend(f)


def ahead(f: DecisionInputs) -> bool:
    return f.reservations is not None and any(
        f.at < each.reservation.start - each.reservation.terms.early_start_min * MINUTE and each.over_at is None
        for each in f.reservations.of_holder
    )


def has_any(f: DecisionInputs) -> bool:
    return f.reservations is not None and len(f.reservations.of_holder) > 0


def within(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    return not (start is not None and at < start) and not (end is not None and at >= end)


def freevend(f: DecisionInputs) -> bool:
    return f.expected.mode == "freevend" or (f.gate is not None and f.expected.cause.kind == "envelope")


def level(f: DecisionInputs) -> str:
    return "open" if f.gate is None or f.gate.is_advisory else f.gate.level.value


def short_of_power(f: DecisionInputs) -> bool:
    starting = {"open": {"own", "agreement", "unknown"}, "own_and_agreement": {"own", "agreement"}, "own_only": {"own"}}
    return ("unknown" if f.vehicle is None else f.vehicle.description.access_class.value) not in starting[level(f)]


TABLE: tuple[tuple[str, Callable[[DecisionInputs], bool], Reason], ...] = (
    ("1", lambda f: freevend(f) and level(f) == "open", Reason.FREEVEND),
    ("2", lambda f: f.identifier is None, Reason.IDENTIFIER_INVALID),
    (
        "3",
        lambda f: f.identifier is not None and f.identifier.kind == "pin" and f.pin_locked_out,
        Reason.PIN_LOCKED_OUT,
    ),
    (
        "4",
        lambda f: (f.vehicle is None or not f.kind_counts) and not permitted(f) and not has_any(f),
        Reason.UNKNOWN_IDENTIFIER,
    ),
    ("5", lambda f: f.vehicle is not None and f.vehicle.suspended_because is not None, Reason.VEHICLE_SUSPENDED),
    ("6", lambda f: f.in_use_at_another, Reason.IDENTIFIER_IN_USE),
    ("7", admitted, Reason.RESERVATION),
    (
        "8",
        lambda f: f.reservations is not None and not freevend(f) and (named_for_another(f) or short(f, f.reservations)),
        Reason.RESERVED_FOR_OTHER,
    ),
    ("16a", lambda f: permitted(f) and short_of_power(f), Reason.ENERGY_RESTRICTED),
    ("8a", permitted, Reason.AD_HOC),
    ("9a", lambda f: without_reservation(f) and ahead(f), Reason.RESERVATION_NOT_STARTED),
    (
        "9b",
        lambda f: without_reservation(f) and required(f),
        Reason.RESERVATION_REQUIRED,
    ),
    ("10", without_reservation, Reason.RESERVATION_ENDED),
    ("11", lambda f: own(f) and not never(f), Reason.OWN_VEHICLE),
    ("12", never, Reason.VEHICLE_NOT_VALID),
    ("13a", lambda f: f.agreement is None or f.at < f.agreement.valid_from, Reason.AGREEMENT_NOT_STARTED),
    ("13b", ended, Reason.AGREEMENT_ENDED),
    ("14", elsewhere, Reason.AGREEMENT_NOT_HERE),
    ("15", other_hour, Reason.AGREEMENT_NOT_NOW),
    ("16", lambda f: level(f) == "own_only", Reason.ENERGY_RESTRICTED),
    ("17", lambda f: True, Reason.AGREEMENT_VEHICLE),
)


NARROWED_ROWS = {"4", "12", "13a", "13b", "14", "15"}  # in a freevend window that a gate narrows


def expected_reason(facts: DecisionInputs, *, row_7: Callable[[DecisionInputs], bool] = admitted) -> Reason:
    row, reason = next((row, reason) for row, applies, reason in TABLE if (row_7 if row == "7" else applies)(facts))
    is_narrowed = facts.gate is not None and freevend(facts)
    return Reason.ENERGY_RESTRICTED if is_narrowed and row in NARROWED_ROWS else reason


# --- any facts --------------------------------------------------------------------------------------------------------
# Strategies are made once: hypothesis checks each one that a test makes, which takes longer than to draw from it.

near = st.sampled_from([-400 * 1440, -1441, -61, -1, 0, 1, 30, 600, 1439, 1440, 4000]).map(lambda m: m * MINUTE)
hours = st.builds(
    AgreementHours,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True).map(tuple),
    start=st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
    end=st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
)
G1, G2 = ReservationGroupId("g1"), ReservationGroupId("g2")
causes = st.sampled_from([BASELINE_CAUSE, BASELINE_CAUSE, Cause(CauseKind.ENVELOPE, "e-1", "own_only")])
modes = st.sampled_from([AccessMode.MANAGED, AccessMode.MANAGED, AccessMode.FREEVEND])
rarely, seldom = st.sampled_from([False, False, False, True]), st.sampled_from([True] + [False] * 4)
usually = st.sampled_from([True] * 9 + [False])
by_name, by_group = st.just(Place(charger_id=BAY)), st.sampled_from([Place(group_id=G1), Place(group_id=G2)])
minutes = st.sampled_from([-1441, -600, -61, -30, -1, 0, 1, 30, 61, 600, 1439]).map(lambda m: m * MINUTE)
lengths = st.sampled_from([1, 30, 61, 601, 3000]).map(lambda m: m * MINUTE)
reservation_ids = st.integers(0, 10**9).map(lambda number: ReservationId(f"r{number}"))
reservation_terms = st.builds(
    ReservationTerms,
    early_start_min=st.sampled_from([0, 0, 31, 700]),
    no_show_after_min=st.sampled_from([None, None, 0, 15, 90]),
)
other_bays = st.frozensets(st.sampled_from([ChargerId(f"bay-{number}") for number in range(2, 5)]))
busy_bays = st.just(frozenset[ChargerId]()) | other_bays
second_group = st.frozensets(st.just(G2))
gate_levels = st.sampled_from(GateLevel)
gate_changes = st.none() | st.integers(1, 1500).map(lambda m: m * MINUTE)
edges = st.none() | st.none() | st.none() | near
agreement_begins, permission_begins = st.just(-DAY) | st.just(-DAY) | near, st.just(-MINUTE) | near
classes, kinds, enforcements = map(st.sampled_from, (AccessClass, IdentifierKind, Enforcement))
suspensions = st.sampled_from([None] * 7 + ["why"])
charger_places = st.frozensets(st.sampled_from([BAY, ChargerId("other")]), max_size=1)
depot_places = st.frozensets(st.sampled_from([NORTH, DepotId("other")]), max_size=1)
several_hours = st.lists(hours, max_size=2)


def several(places: st.SearchStrategy[Place], most: int) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """What `entry` makes reservations of."""
    came, over = st.none() | minutes, st.none() | st.none() | minutes
    return st.lists(st.tuples(places, minutes, lengths, reservation_ids, reservation_terms, came, over), max_size=most)


of_holder, naming_others, in_groups = several(by_name | by_group, 2), several(by_name, 2), several(by_group, 3)


def entry(
    at: datetime,
    place: Place,
    begins: timedelta,
    length: timedelta,
    reservation_id: ReservationId,
    terms: ReservationTerms,
    came: timedelta | None,
    over: timedelta | None,
) -> Entry:
    start = at + begins
    reservation = Reservation(
        reservation_id=reservation_id,
        holder=Holder(),
        place=place,
        start=start,
        end=start + length,
        source=ReservationSource.OCPI,
        terms=terms,
    )
    return Entry(
        reservation=reservation,
        made_at=reservation.begins,
        changed_at=1,
        fulfilled_at=later(at, came),
        over_at=later(at, over),
    )


def later(at: datetime, offset: timedelta | None) -> datetime | None:
    return None if offset is None else at + offset


@st.composite
def reservations(draw: st.DrawFn, at: datetime) -> ReservationsHere:
    """At bay 1, which the groups g1 and perhaps g2 have."""

    def some(strategy: st.SearchStrategy[list[tuple[Any, ...]]]) -> tuple[Entry, ...]:
        return tuple(sorted((entry(at, *each) for each in draw(strategy)), key=lambda each: each.begins))

    party = PartyHere(
        charger_id=BAY,
        of_holder=some(of_holder),
        naming_others=some(naming_others),
        in_groups=some(in_groups),
        groups={G1: draw(other_bays), G2: draw(other_bays)},
        groups_of_charger=frozenset({G1, *draw(second_group)}),
    )
    busy = draw(busy_bays)
    return ReservationsHere(party, 7, lambda chargers: chargers - busy, draw(rarely))


@st.composite
def gates(draw: st.DrawFn, at: datetime) -> Gate:
    """Mostly enforced; it can change soon, later or never."""
    return a_gate(draw(gate_levels), is_advisory=draw(rarely), changes_at=later(at, draw(gate_changes)))


@st.composite
def facts(draw: st.DrawFn, expected: Segment | None = None, at: datetime | None = None) -> DecisionInputs:
    """Also combinations that no registry holds: the table answers them all."""
    instant = at or NOON + draw(st.integers(0, 7 * 1440)) * MINUTE

    def edge() -> datetime | None:
        found = later(instant, draw(edges))
        return None if found is None else found.astimezone(UTC)

    vehicle_class = draw(classes)
    description = VehicleDescription(
        name="any", access_class=vehicle_class, agreement_id=PARTNER, valid_from=edge(), valid_until=edge()
    )
    suspended = draw(suspensions)
    vehicle = Vehicle(vehicle_id=TRUCK, description=description, suspended_because=suspended)
    agreement = Agreement(
        agreement_id=PARTNER,
        name="any",
        fleet="any",
        valid_from=instant + draw(agreement_begins),
        valid_until=edge(),
        ended_at=edge(),
        charger_ids=draw(charger_places),
        depot_ids=draw(depot_places),
        hours=tuple(draw(several_hours)),
    )
    ref = IdentifierRef(draw(kinds), "p1", "…1")
    ad_hoc = AdHocPermission(
        attempt_id=AttemptId("a1"),
        depot_id=NORTH,
        identifier=ref,
        vehicle_id=None,
        given_at=instant + draw(permission_begins),
        until=instant + draw(near),
        reason="any",
        given_by=ANNA,
    )
    mode = draw(modes)
    return DecisionInputs(
        at=instant,
        charger_id=BAY,
        depot_id=NORTH,
        zone=BERLIN,
        expected=expected
        or Segment(instant, instant + DAY, mode, draw(causes) if mode == "managed" else BASELINE_CAUSE),
        enforcement=draw(enforcements),
        identifier=ref if draw(usually) else None,
        vehicle=vehicle if draw(usually) else None,
        agreement=agreement if draw(usually) else None,
        kind_counts=draw(usually),
        pin_locked_out=draw(st.booleans()),
        in_use_at_another=not draw(usually),
        ad_hoc=ad_hoc if draw(seldom) else None,
        reservations=draw(reservations(instant)) if draw(st.booleans()) else None,
        gate=draw(gates(instant)) if draw(st.booleans()) else None,
    )
