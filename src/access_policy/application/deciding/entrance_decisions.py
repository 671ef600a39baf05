"""Decide an attempt at an entrance from memory, without recording it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from access_policy.application.deciding.decision_event import Versions, decision_event
from access_policy.application.deciding.decision_maker import DRY_RUN
from access_policy.application.deciding.denials import denial_at
from access_policy.application.deciding.entrance_attempts import EntranceAttempt
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.deciding.inputs import InputsFromMemory
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.domain.access.decision import Step, explain
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.entrance import Behind, best_of, entry_holds_until
from access_policy.domain.access.events import AccessDenied, DenialSignal, EntranceAllowed, EntranceDenied
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access.refusals import AtEntrance
from access_policy.domain.depots.entrances import Entrance, EntranceWithoutChargers
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId, EntranceKey
from access_policy.domain.reservations.at_entrance import ReservationsAtEntrance


@dataclass(frozen=True, slots=True)
class _Led:
    """The entrance of an attempt, with the chargers in service behind it, at least one."""

    key: EntranceKey
    entrance: Entrance
    chargers: list[ChargerView]


@dataclass(frozen=True, slots=True)
class _Answer:
    """`behind` are the chargers behind the entrance; `chosen` is the one whose decision answers the attempt."""

    behind: list[Behind]
    chosen: Behind
    charger: ChargerView


class EntranceDecisions:
    def __init__(
        self, view: DecisionView, live: RecentActivity, identifiers: IdentifierResolver, inputs: InputsFromMemory
    ) -> None:
        self._view = view
        self._live = live
        self._identifiers = identifiers
        self._inputs = inputs

    async def prepare(self, attempt: EntranceAttempt, *, at: datetime) -> None:
        """Compile the timelines of the chargers behind the entrance, letting other tasks run in between. Raises what
        `decide` raises."""
        async for charger in cooperatively(self._led(attempt).chargers):
            charger.timeline_at(at)

    def decide(self, attempt: EntranceAttempt, attempt_id: AttemptId, *, at: datetime) -> AtEntrance:
        """Return the decision for `at`, as the event that records it, in one iteration of the event loop (call
        `prepare` before). Raises `EntranceUnknown`, `EntranceIdTaken` or `EntranceWithoutChargers`."""
        led = self._led(attempt)
        ref = self._identifiers.of_attempt(attempt.at_charger(led.chargers[0].policy.charger_id))
        return self._event(attempt, attempt_id, led, ref, self._answer(attempt, led, ref, at))

    def preview(self, attempt: EntranceAttempt, *, at: datetime) -> tuple[AtEntrance, tuple[Step, ...]]:
        """Return the decision for `at`, and the rows of the table that led to it at the charger that determines it.
        Raises what `decide` raises."""
        led = self._led(attempt)
        ref = self._identifiers.of_attempt(attempt.at_charger(led.chargers[0].policy.charger_id))
        answer = self._answer(attempt, led, ref, at)
        return self._event(attempt, DRY_RUN, led, ref, answer), explain(answer.chosen.inputs)

    def first_behind(self, attempt: EntranceAttempt) -> ChargerView:
        """Return the first charger behind the entrance. Raises what `decide` raises."""
        return self._led(attempt).chargers[0]

    def _led(self, attempt: EntranceAttempt) -> _Led:
        depot = self._view.depot_of_entrance(attempt.tenant_id, attempt.entrance_id)
        chargers = self._view.behind_entrance(attempt.tenant_id, depot, attempt.entrance_id)
        if not chargers:
            raise EntranceWithoutChargers(
                f"Entrance {attempt.entrance_id} leads to no charger in service; name chargers of depot {depot.depot_id}, or "
                "none for the whole depot.",
                pointer="/entrance_id",
            )
        key = (attempt.tenant_id, depot.depot_id, attempt.entrance_id)
        return _Led(key, depot.entrance(attempt.entrance_id), chargers)

    def _answer(self, attempt: EntranceAttempt, led: _Led, ref: IdentifierRef | None, at: datetime) -> _Answer:
        locked_out = self._live.pins_are_locked_out((led.key, attempt.actor), at)
        behind = [self._behind(charger, attempt, led.entrance, ref, at) for charger in led.chargers]
        for each in behind:
            each.inputs.pin_locked_out = locked_out  # wrong PINs count at the entrance, not at the chargers behind it
        chosen = best_of(behind)
        return _Answer(behind, chosen, led.chargers[behind.index(chosen)])

    def _behind(
        self,
        charger: ChargerView,
        attempt: EntranceAttempt,
        entrance: Entrance,
        ref: IdentifierRef | None,
        at: datetime,
    ) -> Behind:
        timeline = charger.timeline_at(at)
        inputs = self._inputs.gather(charger, ref, at, timeline, connector_id=None, actor=attempt.actor)
        if inputs.reservations is not None:
            inputs.reservations = ReservationsAtEntrance.of(inputs.reservations, entrance.early_entry)
        return Behind(inputs, timeline)

    def _event(
        self, attempt: EntranceAttempt, attempt_id: AttemptId, led: _Led, ref: IdentifierRef | None, answer: _Answer
    ) -> AtEntrance:
        inputs, charger = answer.chosen.inputs, answer.charger

        def signal_of(reason: Reason) -> DenialSignal:
            vehicle_id = None if inputs.vehicle is None else inputs.vehicle.vehicle_id
            denial = denial_at(self._view, charger, reason, inputs.at, ref=ref, vehicle_id=vehicle_id)
            return attempt.signals.signal(self._until_first_open(denial, led, inputs.at))

        event = decision_event(
            attempt.at_charger(inputs.charger_id),
            attempt_id,
            inputs,
            answer.chosen.timeline,
            Versions(charger.policy.version, self._view.registry(attempt.tenant_id).version),
            signal_of,
        )
        if isinstance(event, AccessDenied):
            return EntranceDenied(
                entrance_id=attempt.entrance_id, lineage=event.lineage, reason=event.reason, signal=event.signal
            )
        return EntranceAllowed(
            entrance_id=attempt.entrance_id,
            lineage=event.lineage,
            reason=event.reason,
            would_deny=event.would_deny,
            valid_until=entry_holds_until(answer.behind, answer.chosen),
        )

    def _until_first_open(self, denial: Denial, led: _Led, at: datetime) -> Denial:
        """Show the instant at which the first charger behind the entrance opens, from which anyone may enter. A denial
        because of energy shows none, because the end of a shortage is not known."""
        if denial.reason is Reason.ENERGY_RESTRICTED:
            return denial
        opening = [each.opens_after(at) for each in led.chargers]
        return replace(denial, managed_until=min((each for each in opening if each is not None), default=None))
