"""Gather a decision's inputs from the decision view and from recent activity."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.narrowing import NO_GATES, Gates
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.domain.access.decision import DecisionInputs
from access_policy.domain.access.identifier_rules import is_exclusive, kind_counts
from access_policy.domain.access_mode import AccessMode, CauseKind
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ActorId, ChargerKey, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow, Segment, Timeline
from access_policy.domain.reservations.here import ReservationsHere
from access_policy.domain.reservations.promises import Chargers
from access_policy.domain.site_energy.gate import Gate, GateLevel
from access_policy.domain.vehicle_registry.registry import Vehicle


class InputsFromMemory:
    def __init__(self, view: DecisionView, live: RecentActivity, gates: Gates = NO_GATES) -> None:
        self._view = view
        self._live = live
        self._gates = gates

    def gather(
        self,
        charger: ChargerView,
        ref: IdentifierRef | None,
        at: datetime,
        timeline: Timeline,
        *,
        connector_id: int | None,
        actor: ActorId | None,
        is_late: bool = False,
    ) -> DecisionInputs:
        """Return the inputs of a decision for `at` at the charger, whose timeline covers it. `actor` presents the
        identifier; None for a running charge, to which neither a lock-out of PINs nor energy applies. `is_late`: the
        charge has already begun, while the charger was offline."""
        policy = charger.policy
        settings = policy.settings
        registry = self._view.registry(charger.tenant_id)
        depot = self._view.depot(charger.tenant_id, settings.depot_id)
        vehicle = None if ref is None else registry.holder_of(ref)
        agreement_id = None if vehicle is None else vehicle.description.agreement_id
        agreement = None if agreement_id is None else registry.agreements.get(agreement_id)
        key = (charger.tenant_id, policy.charger_id)
        gate = None if actor is None or is_late else self._gates.gate(*key, at)
        return DecisionInputs(
            at=at,
            charger_id=policy.charger_id,
            depot_id=settings.depot_id,
            zone=charger.zone,
            expected=_met(charger, timeline.at(at), gate, at),
            enforcement=policy.enforcement,
            identifier=ref,
            vehicle=vehicle,
            agreement=agreement,
            kind_counts=ref is None or kind_counts(ref.kind, depot, agreement),
            pin_locked_out=actor is not None and self._live.pins_are_locked_out((key, actor), at),
            in_use_at_another=ref is not None
            and is_exclusive(ref.kind, depot)
            and self._live.charges_at_another(key, ref, self._is_retired),
            ad_hoc=registry.permitted(settings.depot_id, ref, vehicle),
            reservations=self._reservations(charger, connector_id, ref, vehicle, at),
            gate=gate,
        )

    def _reservations(
        self,
        charger: ChargerView,
        connector_id: int | None,
        ref: IdentifierRef | None,
        vehicle: Vehicle | None,
        at: datetime,
    ) -> ReservationsHere | None:
        settings = charger.policy.settings
        book = self._view.book(charger.tenant_id, settings.depot_id)
        if not book.entries.by_id and not settings.reservation_only:
            return None
        return charger.promises(book, at).for_attempt(
            book,
            connector_id or charger.only_connector,
            ref,
            None if vehicle is None else vehicle.vehicle_id,
            free_among=partial(self._free_among, charger.tenant_id),
            is_required=settings.reservation_only,
        )

    def _free_among(self, tenant_id: TenantId, chargers: Chargers) -> Chargers:
        """Return the chargers at which a vehicle can start: without a running charge, and neither faulty, disconnected
        nor retired."""
        return chargers - self._live.occupied_among(tenant_id, chargers) - self._view.out_of_service(tenant_id)

    def _is_retired(self, key: ChargerKey) -> bool:
        policy = self._view.known_policy(*key)
        return policy is not None and policy.retired_at is not None


def _met(charger: ChargerView, expected: Segment, gate: Gate | None, at: datetime) -> Segment:
    """Return the segment as the gate narrows it: the gate may have changed since the plan was narrowed, and may differ
    at other instants."""
    if gate is None or gate.is_advisory or gate.level is GateLevel.OPEN:
        is_out_of_date = expected.cause.kind is CauseKind.ENVELOPE
        return charger.expected_without_energy(at) if is_out_of_date else expected
    if expected.mode is AccessMode.MANAGED:
        return expected
    window = NarrowedWindow(starts_at=expected.start, ends_at=expected.end, level=gate.level, envelope=gate.envelope)
    return expected._replace(mode=AccessMode.MANAGED, cause=window.cause)
