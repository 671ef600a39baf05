"""The decision table of design 3.3, written down a second time as a table, and any facts to try it with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from hypothesis import strategies as st

from access_policy.domain.access.decision import DecisionInputs
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Enforcement
from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AttemptId, ChargerId, DepotId
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.agreements import Agreement, AgreementHours
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.domain.vehicle_registry.registry import Vehicle
from tests.support.builders import ANNA, BAY, BERLIN, DAY, MINUTE, NOON, NORTH, PARTNER, TRUCK

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


def within(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    return not (start is not None and at < start) and not (end is not None and at >= end)


TABLE: tuple[tuple[str, Callable[[DecisionInputs], bool], Reason], ...] = (
    ("1", lambda f: f.expected.mode == "freevend", Reason.FREEVEND),
    ("2", lambda f: f.identifier is None, Reason.IDENTIFIER_INVALID),
    (
        "3",
        lambda f: f.identifier is not None and f.identifier.kind == "pin" and f.pin_locked_out,
        Reason.PIN_LOCKED_OUT,
    ),
    ("4", lambda f: (f.vehicle is None or not f.kind_counts) and not permitted(f), Reason.UNKNOWN_IDENTIFIER),
    ("5", lambda f: f.vehicle is not None and f.vehicle.suspended_because is not None, Reason.VEHICLE_SUSPENDED),
    ("6", lambda f: f.in_use_at_another, Reason.IDENTIFIER_IN_USE),
    ("6a", lambda f: permitted(f), Reason.AD_HOC),
    ("7", lambda f: own(f) and not never(f), Reason.OWN_VEHICLE),
    ("8", never, Reason.VEHICLE_NOT_VALID),
    ("9a", lambda f: f.agreement is None or f.at < f.agreement.valid_from, Reason.AGREEMENT_NOT_STARTED),
    ("9b", ended, Reason.AGREEMENT_ENDED),
    ("10", elsewhere, Reason.AGREEMENT_NOT_HERE),
    ("11", other_hour, Reason.AGREEMENT_NOT_NOW),
    ("13", lambda f: True, Reason.AGREEMENT_VEHICLE),
)


def expected_reason(facts: DecisionInputs) -> Reason:
    return next(reason for _, applies, reason in TABLE if applies(facts))


# --- any facts --------------------------------------------------------------------------------------------------------

near = st.sampled_from([-400 * 1440, -1441, -61, -1, 0, 1, 30, 600, 1439, 1440, 4000]).map(lambda m: m * MINUTE)
hours = st.builds(
    AgreementHours,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True).map(tuple),
    start=st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
    end=st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
)


@st.composite
def facts(draw: st.DrawFn, expected: Segment | None = None, at: datetime | None = None) -> DecisionInputs:
    """Also combinations that no registry holds: the table answers them all."""
    instant = at or NOON + draw(st.integers(0, 7 * 1440)) * MINUTE
    edge = st.none() | st.none() | st.none() | near.map(lambda offset: (instant + offset).astimezone(UTC))
    vehicle_class = draw(st.sampled_from(AccessClass))
    description = VehicleDescription(
        name="any", access_class=vehicle_class, agreement_id=PARTNER, valid_from=draw(edge), valid_until=draw(edge)
    )
    suspended = draw(st.sampled_from([None] * 7 + ["why"]))
    vehicle = Vehicle(vehicle_id=TRUCK, description=description, suspended_because=suspended)
    agreement = Agreement(
        agreement_id=PARTNER,
        name="any",
        fleet="any",
        valid_from=instant + draw(st.just(-DAY) | st.just(-DAY) | near),
        valid_until=draw(edge),
        ended_at=draw(edge),
        charger_ids=draw(st.frozensets(st.sampled_from([BAY, ChargerId("other")]), max_size=1)),
        depot_ids=draw(st.frozensets(st.sampled_from([NORTH, DepotId("other")]), max_size=1)),
        hours=tuple(draw(st.lists(hours, max_size=2))),
    )
    ref = IdentifierRef(draw(st.sampled_from(IdentifierKind)), "p1", "…1")
    ad_hoc = AdHocPermission(
        attempt_id=AttemptId("a1"),
        depot_id=NORTH,
        identifier=ref,
        vehicle_id=None,
        given_at=instant + draw(st.just(-MINUTE) | near),
        until=instant + draw(near),
        reason="any",
        given_by=ANNA,
    )
    mode = draw(st.sampled_from([AccessMode.MANAGED, AccessMode.MANAGED, AccessMode.FREEVEND]))
    usually = st.sampled_from([True] * 9 + [False])
    return DecisionInputs(
        at=instant,
        charger_id=BAY,
        depot_id=NORTH,
        zone=BERLIN,
        expected=expected or Segment(instant, instant + DAY, mode, BASELINE_CAUSE),
        enforcement=draw(st.sampled_from(Enforcement)),
        identifier=ref if draw(usually) else None,
        vehicle=vehicle if draw(usually) else None,
        agreement=agreement if draw(usually) else None,
        kind_counts=draw(usually),
        pin_locked_out=draw(st.booleans()),
        in_use_at_another=not draw(usually),
        ad_hoc=ad_hoc if draw(st.sampled_from([True] + [False] * 4)) else None,
    )
