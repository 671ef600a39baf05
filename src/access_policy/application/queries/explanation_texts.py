"""The sentences of an explanation: the finding of each row of the decision table, with ids or with names for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from access_policy.domain.access import decision as rows
from access_policy.domain.access.decision import Rule, Step
from access_policy.domain.access.events import DecisionLineage
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import CauseKind
from access_policy.domain.site_energy.gate import GateLevel


@dataclass(frozen=True, slots=True)
class Wording:
    """The words for people: names of vehicles and agreements by id, kinds of identifiers, and instants on their clock."""

    vehicles: Mapping[str, str]
    agreements: Mapping[str, str]
    kinds: Mapping[str, str]
    instant: Callable[[datetime], str]


def text_of(step: Step, lineage: DecisionLineage, wording: Wording | None = None) -> str:
    """Return the finding of one row as a sentence. Without a `wording` it contains ids and versions, for callers of the
    API."""
    passed, decided = _TEXTS[step.rule]
    phrases = _Phrases(lineage, wording)
    text = (decided if step.decided else passed)(phrases)
    if step.reason is Reason.ENERGY_RESTRICTED and step.rule not in _OF_ENERGY:
        return f"{text} Freevend was narrowed by {phrases.shortage}.{phrases.power}"
    return text


@dataclass(frozen=True, slots=True)
class _Phrases:
    """The parts of a sentence."""

    lineage: DecisionLineage
    wording: Wording | None

    @property
    def cause(self) -> str:
        cause = self.lineage.cause
        if cause.kind is CauseKind.BASELINE:
            return "its baseline mode"
        if cause.kind is CauseKind.ENVELOPE:
            return self.shortage
        if self.wording is None:
            return f"{cause.kind.value} {cause.name!r} ({cause.id})"
        return f"{cause.kind.value} “{cause.name}”" if cause.name else f"a {cause.kind.value}"

    @property
    def shortage(self) -> str:
        """The cause that narrows the charger's access: `envelope e-1 (sequence 7), own_only at node hall`."""
        gate = self.lineage.gate
        if gate is None or gate.level is GateLevel.OPEN:
            return "short power"
        limit = "a static limit"
        if gate.envelope is not None:
            limit = f"envelope {gate.envelope.envelope_id} (sequence {gate.envelope.sequence})"
        return f"{limit} at node {gate.binding_node_id}: {_LEVELS[gate.level]}"

    @property
    def power(self) -> str:
        gate = self.lineage.gate
        if gate is None or gate.effective_w is None:
            return ""
        return f" {gate.effective_w} W were left there, and the level holds below {gate.threshold_w} W."

    @property
    def named_by(self) -> str:
        has_reservations = self.lineage.reservations_version is not None and self.lineage.ad_hoc is None
        return "a reservation or an operator had named" if has_reservations else "an operator had allowed"

    @property
    def reservation(self) -> str:
        return f"Reservation {self.lineage.reservation_id}" if self.wording is None else "Its reservation"

    @property
    def identifier(self) -> str:
        ref = self.lineage.identifier
        if ref is None:
            return "no identifier"
        if self.wording is None:
            return f"an identifier of kind {ref.kind.value} ({ref.masked})"
        return f"the identifier {self.wording.kinds.get(ref.kind, ref.kind.value)} {ref.masked}"

    @property
    def is_of_a_vehicle(self) -> bool:
        return self.lineage.vehicle_id is not None

    @property
    def vehicle(self) -> str:
        vehicle_id = str(self.lineage.vehicle_id)
        return vehicle_id if self.wording is None else self.wording.vehicles.get(vehicle_id, vehicle_id)

    @property
    def agreement(self) -> str:
        agreement_id = str(self.lineage.agreement_id)
        return agreement_id if self.wording is None else f"“{self.wording.agreements.get(agreement_id, agreement_id)}”"

    @property
    def charger_id(self) -> str:
        return self.lineage.charger_id

    @property
    def policy_version(self) -> str:
        return f" (policy version {self.lineage.policy_version})" if self.wording is None else ""

    @property
    def registry_version(self) -> str:
        return f" (registry version {self.lineage.registry_version})" if self.wording is None else ""

    @property
    def permission(self) -> str:
        given = self.lineage.ad_hoc
        if given is None:
            return "An operator had allowed it for a limited time."
        until = (
            f"{given.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            if self.wording is None
            else self.wording.instant(given.until)
        )
        return f"Allowed until {until} by {given.given_by} because: {given.reason}"


_LEVELS = {
    GateLevel.OPEN: "open",
    GateLevel.OWN_AND_AGREEMENT: "own vehicles and vehicles with an agreement only",
    GateLevel.OWN_ONLY: "own vehicles only",
}


def _always(text: str) -> Callable[[_Phrases], str]:
    return lambda _: text


_Text = Callable[[_Phrases], str]

# the sentence if the row passed the attempt on, and the sentence if it decided
_TEXTS_OF_ROWS: dict[Rule, tuple[_Text, _Text]] = {
    rows.freevend_admits_anyone: (
        lambda of: f"The charger was under managed access by {of.cause}{of.policy_version}.",
        lambda of: f"The charger was in freevend by {of.cause}{of.policy_version}: anyone may charge.",
    ),
    rows.identifier_must_be_readable: (
        lambda of: f"The charger sent {of.identifier}.",
        _always("The charger sent no identifier, or one that is malformed for its kind."),
    ),
    rows.pin_must_not_be_locked_out: (
        _always("PINs were not locked out here, or the identifier was not a PIN."),
        _always("PINs were locked out after too many wrong PINs."),
    ),
    rows.identifier_must_be_known: (
        lambda of: (
            f"It belonged to vehicle {of.vehicle}{of.registry_version}."
            if of.is_of_a_vehicle
            else f"No vehicle had it, but {of.named_by} it{of.registry_version}."
        ),
        lambda of: (
            f"No vehicle had it{of.registry_version}."
            if not of.is_of_a_vehicle
            else f"It belonged to vehicle {of.vehicle}, but identifiers of its kind are not accepted for this depot or "
            "agreement."
        ),
    ),
    rows.vehicle_must_not_be_suspended: (
        _always("The vehicle was not suspended."),
        _always("The vehicle was suspended."),
    ),
    rows.identifier_must_not_charge_at_another: (
        _always("It had no charge under way at another charger, or its kind allows several."),
        _always("The same identifier had a charge under way at another charger."),
    ),
    rows.reservation_admits: (
        _always("No reservation of it was in force here."),
        lambda of: f"{of.reservation} admitted it.",
    ),
    rows.charger_must_not_be_reserved_for_another: (
        _always("The charger was not kept for another holder's reservation."),
        _always("The charger, or the last free one of its group, was kept for another holder's reservation."),
    ),
    rows.reservation_must_be_in_force: (
        _always("It needed no reservation here."),
        _always("It needed a reservation that was in force here, and had none."),
    ),
    rows.energy_must_leave_room_for_the_permission: (
        _always("No ad-hoc permission held for it, or the power that was left let its class start."),
        lambda of: f"An ad-hoc permission held for it, but power was short by {of.shortage}.{of.power}",
    ),
    rows.ad_hoc_permission_admits: (
        _always("No ad-hoc permission held for it here."),
        lambda of: of.permission,
    ),
    rows.own_vehicle_charges_while_valid: (
        _always("It was not a vehicle of the own fleet."),
        lambda of: f"Vehicle {of.vehicle} is of the own fleet; its validity period decides.",
    ),
    rows.agreement_vehicle_must_be_valid: (
        _always("The vehicle was in its validity period."),
        _always("The vehicle was outside its validity period."),
    ),
    rows.agreement_must_have_started: (
        lambda of: f"Agreement {of.agreement} had started.",
        lambda of: f"Agreement {of.agreement} had not started.",
    ),
    rows.agreement_must_not_have_ended: (
        lambda of: f"Agreement {of.agreement} had not ended.",
        lambda of: f"Agreement {of.agreement} had ended.",
    ),
    rows.agreement_must_cover_this_charger: (
        lambda of: f"Agreement {of.agreement} covers charger {of.charger_id}.",
        lambda of: f"Agreement {of.agreement} does not cover charger {of.charger_id}.",
    ),
    rows.agreement_must_cover_this_hour: (
        lambda of: f"Agreement {of.agreement} covers this hour.",
        lambda of: f"Agreement {of.agreement} does not cover this hour.",
    ),
    rows.energy_must_leave_room_for_agreements: (
        _always("The power that was left let vehicles with an agreement start."),
        lambda of: f"Power was short by {of.shortage}.{of.power}",
    ),
    rows.agreement_vehicle_charges: (
        _always("No row decided."),
        lambda of: f"Vehicle {of.vehicle} may charge under agreement {of.agreement}.",
    ),
}
_OF_ENERGY = {
    rows.energy_must_leave_room_for_the_permission.__name__,
    rows.energy_must_leave_room_for_agreements.__name__,
}
_TEXTS = {rule.__name__: texts for rule, texts in _TEXTS_OF_ROWS.items()}
