"""SiteEnergy: the electrical nodes of one depot, their envelopes and measurements, and the gate policy, in one stream.

Like the reservation book it is folded in place; decisions only return events. Everything that depends on time follows from
instants (`evaluation.py`), so that a missed event never loosens a gate. Source: seed 002 (energy).
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, EnvelopeId, checked_id
from access_policy.domain.instants import utc
from access_policy.domain.site_energy import errors
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import KnownEnvelope, OperatingEnvelope
from access_policy.domain.site_energy.evaluation import NOTHING_RUNS, ChargerPath, NodeHere, RunningBelow
from access_policy.domain.site_energy.events import (
    AccessNarrowed,
    AccessWidened,
    DegradedReason,
    DemandMeasured,
    EnergyControlDegraded,
    EnergyControlRestored,
    EnergyNodePut,
    EnergyNodeRemoved,
    EnergyPolicyPut,
    EnergySourceHeard,
    EnergySourceWentOffline,
    IgnoredReason,
    OperatingEnvelopeIgnored,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
    SiteEnergyEvent,
)
from access_policy.domain.site_energy.gate import Gate, GateLevel
from access_policy.domain.site_energy.known_envelopes import KnownEnvelopes
from access_policy.domain.site_energy.levels import Held
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode
from access_policy.domain.site_energy.tree import EnergyTree

ENVELOPES_MAX: Final = 20_000
ITEMS_MAX: Final = 5_000  # measurements in one event
SOURCES_MAX: Final = 100
HEARD_AGAIN_AFTER: Final = timedelta(minutes=5)  # signs of life of a source are not recorded more often

Subject = tuple[DegradedReason, str | None, EnergyNodeId | None]  # reason, source, node


@dataclass(slots=True)
class SiteEnergy:
    """The energy of one depot's site. `policy` is None if the depot never opted in. `levels` are the recorded narrowed
    levels, each with the instant since when, and `degraded` the feeds that are recorded as silent. `has_feed`: at least
    one envelope or measurement was received. `of_chargers`: the nodes whose measurement a gateway summed up from meter
    values of chargers.
    """

    depot_id: DepotId
    tree: EnergyTree = field(default_factory=EnergyTree)
    node_changed_at: dict[EnergyNodeId, int] = field(default_factory=dict)
    policy: EnergyPolicy | None = None
    policy_changed_at: int = 0
    envelopes: KnownEnvelopes = field(default_factory=KnownEnvelopes)
    demands: dict[EnergyNodeId, Demand] = field(default_factory=dict)
    of_chargers: set[EnergyNodeId] = field(default_factory=set)
    heard: dict[str, datetime] = field(default_factory=dict)  # sources, with the instants at which they were last heard
    offline: dict[str, datetime] = field(default_factory=dict)  # sources, with the instants from which they are silent
    levels: dict[ChargerId, tuple[GateLevel, datetime]] = field(default_factory=dict)
    degraded: dict[Subject, datetime] = field(default_factory=dict)
    has_feed: bool = False
    last_ignored: tuple[OperatingEnvelope, IgnoredReason] | None = None
    version: int = 0

    # --- questions ------------------------------------------------------------------------------------------------

    @property
    def has_gates(self) -> bool:
        """Whether the depot has opted in and has received at least one envelope or measurement."""
        return self.policy is not None and self.policy.enabled and self.has_feed

    def node(self, node_id: EnergyNodeId, *, pointer: str | None = None) -> EnergyNode:
        """Raises `EnergyNodeUnknown`."""
        if node_id not in self.tree.by_id:
            raise errors.EnergyNodeUnknown.named(node_id, pointer=pointer)
        return self.tree.by_id[node_id]

    def node_here(
        self,
        node_id: EnergyNodeId,
        running: Mapping[EnergyNodeId, RunningBelow],
        one_at_a_time: Container[ChargerId] = (),
    ) -> NodeHere:
        """Return the node with all inputs of its evaluation. `running` as from `EnergyTree.running_below`;
        `one_at_a_time`: the chargers with one connector.
        """
        node = self.tree.by_id[node_id]
        return NodeHere(
            node=node,
            one_at_a_time=node.charger_id is not None and node.charger_id in one_at_a_time,
            envelopes=self.envelopes.at_node(node_id),
            offline=dict(self.offline),
            demand=self.demands.get(node_id),
            running=running.get(node_id, NOTHING_RUNS),
        )

    def path_of(self, charger_id: ChargerId, running: Mapping[EnergyNodeId, RunningBelow]) -> ChargerPath | None:
        """Return the path from the charger's node to the root; None if there is no gate."""
        node_id = self.tree.by_charger.get(charger_id)
        if node_id is None or self.policy is None or not self.has_gates:
            return None
        path = [self.node_here(each.node_id, running) for each in self.tree.path(node_id)]
        return ChargerPath(path, self.policy, self.version)

    def recorded_level(self, charger_id: ChargerId) -> Held:
        """Return the recorded level, with a new dwell."""
        level, since = self.levels.get(charger_id, (GateLevel.OPEN, None))
        return Held(level, since)

    def gate(
        self, charger_id: ChargerId, running: Collection[ChargerId], at: datetime, held: Held | None = None
    ) -> Gate | None:
        """Return the gate of one charger, computed only from the site, the chargers with running charges, the instant, and
        the level held until now (None: the recorded level). None if there is no gate.
        """
        path = self.path_of(charger_id, self.tree.running_below(running))
        if path is None:
            return None
        return path.gate(path.stepped(held or self.recorded_level(charger_id), at), at)

    # --- nodes and policy -----------------------------------------------------------------------------------------

    def put_node(self, node: EnergyNode) -> tuple[SiteEnergyEvent, ...]:
        """Create or replace a node; an unchanged node produces no event. Raises the errors of `EnergyNode.check` and
        `EnergyTree.check_put`.
        """
        node.check()
        if self.tree.by_id.get(node.node_id) == node:
            return ()
        self.tree.check_put(node)
        return (EnergyNodePut(depot_id=self.depot_id, node=node),)

    def remove_node(self, node_id: EnergyNodeId) -> tuple[SiteEnergyEvent, ...]:
        """Raises `EnergyNodeUnknown` or `EnergyNodeInUse`."""
        self.tree.check_remove(node_id)
        return (EnergyNodeRemoved(depot_id=self.depot_id, node_id=node_id),)

    def put_policy(self, policy: EnergyPolicy) -> tuple[SiteEnergyEvent, ...]:
        """Set the policy; an unchanged policy produces no event. Raises `EnergyPolicyInvalid`."""
        policy.check()
        if self.policy == policy:
            return ()
        return (EnergyPolicyPut(depot_id=self.depot_id, policy=policy),)

    # --- envelopes ------------------------------------------------------------------------------------------------

    def receive(self, envelope: OperatingEnvelope, *, now: datetime) -> tuple[SiteEnergyEvent, ...]:
        """Receive an envelope; the same envelope again produces no event.

        Raises the errors of `OperatingEnvelope.check`, `EnergyNotOptedIn`, `EnvelopeIdTaken`, `EnergyNodeUnknown`,
        `EnvelopeSequenceOld`, `TooManyEnergySources` or `TooManyEnvelopes`.
        """
        envelope.check()
        if self._has(envelope):
            return ()
        if (objection := self._objection(envelope)) is not None:
            raise objection[1]
        return (OperatingEnvelopeReceived(depot_id=self.depot_id, envelope=envelope, received_at=now),)

    def receive_or_ignore(self, envelope: OperatingEnvelope, *, now: datetime) -> tuple[SiteEnergyEvent, ...]:
        """Like `receive`, but record an envelope that contradicts the site as ignored, once, instead of refusing it.
        Raises the errors of `OperatingEnvelope.check`.
        """
        envelope.check()
        objection = None if self._has(envelope) else self._objection(envelope)
        if objection is None:
            return self.receive(envelope, now=now)
        reason = objection[0]
        if self.last_ignored == (envelope, reason):
            return ()
        return (OperatingEnvelopeIgnored(depot_id=self.depot_id, envelope=envelope, reason=reason, ignored_at=now),)

    def withdraw(self, envelope_id: EnvelopeId, *, now: datetime) -> tuple[SiteEnergyEvent, ...]:
        """Withdraw an envelope; a withdrawn one produces no event. Raises `EnvelopeUnknown`."""
        known = self.envelopes.by_id.get(envelope_id)
        if known is None:
            raise errors.EnvelopeUnknown.named(envelope_id)
        if known.withdrawn_at is not None:
            return ()
        return (OperatingEnvelopeWithdrawn(depot_id=self.depot_id, envelope_id=envelope_id, withdrawn_at=now),)

    def _has(self, envelope: OperatingEnvelope) -> bool:
        known = self.envelopes.by_id.get(envelope.envelope_id)
        return known is not None and known.envelope == envelope

    def _objection(self, envelope: OperatingEnvelope) -> tuple[IgnoredReason, Refused] | None:
        """Return why the envelope has no effect here."""
        if self.policy is None:
            return IgnoredReason.NOT_OPTED_IN, self._not_opted_in()
        known = self.envelopes.by_id.get(envelope.envelope_id)
        if known is not None and _place(known.envelope) != _place(envelope):
            return IgnoredReason.ID_TAKEN, errors.EnvelopeIdTaken(
                f"Envelope {envelope.envelope_id} belongs to another node or source; choose another id.",
                pointer="/envelope_id",
            )
        if envelope.node_id not in self.tree.by_id:
            return IgnoredReason.UNKNOWN_NODE, errors.EnergyNodeUnknown.named(envelope.node_id, pointer="/node_id")
        highest = self.envelopes.sequence(envelope)
        if highest is not None and envelope.sequence <= highest:
            return IgnoredReason.SEQUENCE_OLD, errors.EnvelopeSequenceOld(
                f"The source has sent sequence {highest} for this node already; give a higher one.", pointer="/sequence"
            )
        if envelope.source not in self.heard and len(self.heard) >= SOURCES_MAX:
            return IgnoredReason.TOO_MANY, self._too_many_sources()
        if known is None and len(self.envelopes.by_id) >= ENVELOPES_MAX:
            return IgnoredReason.TOO_MANY, errors.TooManyEnvelopes(f"This depot has {ENVELOPES_MAX} envelopes already.")
        return None

    def _not_opted_in(self) -> Refused:
        return errors.EnergyNotOptedIn(
            f"Depot {self.depot_id} has no energy policy; put one before you send envelopes or measurements."
        )

    # --- feeds ----------------------------------------------------------------------------------------------------

    def measure(
        self,
        items: Sequence[Demand],
        *,
        now: datetime,
        numbers: Iterable[int] | None = None,
        is_of_chargers: bool = False,
    ) -> tuple[SiteEnergyEvent, ...]:
        """Record measurements. Items that are not newer than the node's known measurement are skipped. `numbers` are the
        items' indexes in the caller's list, for pointers; None: from 0 on. `is_of_chargers` as in the event.

        Raises `EnergyNotOptedIn`, `EnergyNodeUnknown` and the errors of `Demand.check`, with a pointer to the item.
        """
        if self.policy is None:
            raise self._not_opted_in()
        newest: dict[EnergyNodeId, Demand] = {}
        for number, item in zip(numbers or range(len(items)), items, strict=True):
            item.check(now=now, pointer=f"/items/{number}")
            self.node(item.node_id, pointer=f"/items/{number}/node_id")
            if item.replaces(newest.get(item.node_id) or self.demands.get(item.node_id)):
                newest[item.node_id] = item
        found = list(newest.values())
        return tuple(
            DemandMeasured(
                depot_id=self.depot_id,
                items=tuple(found[first : first + ITEMS_MAX]),
                received_at=now,
                is_of_chargers=is_of_chargers,
            )
            for first in range(0, len(found), ITEMS_MAX)
        )

    def hear(self, source: str, *, now: datetime) -> tuple[SiteEnergyEvent, ...]:
        """Record a sign of life of a source. Raises `EnergyNotOptedIn`, `InvalidId` or `TooManyEnergySources`."""
        self._check_source(source)
        heard_at = self.heard.get(source)
        if source not in self.offline and heard_at is not None and now < heard_at + HEARD_AGAIN_AFTER:
            return ()
        return (EnergySourceHeard(depot_id=self.depot_id, source=source, heard_at=now),)

    def lose(self, source: str, offline_at: datetime, *, now: datetime) -> tuple[SiteEnergyEvent, ...]:
        """Record that a source is silent from `offline_at` on, which may be in the future but not before it was last
        heard. Raises `EnergyNotOptedIn`, `InvalidId`, `TooManyEnergySources` or an error of instants.
        """
        self._check_source(source)
        offline_at = max(utc(offline_at, "offline_at"), self.heard.get(source, offline_at))
        if self.offline.get(source) == offline_at:
            return ()
        return (EnergySourceWentOffline(depot_id=self.depot_id, source=source, offline_at=offline_at, reported_at=now),)

    def _check_source(self, source: str) -> None:
        if self.policy is None:
            raise self._not_opted_in()
        checked_id(source, "source")
        if source not in self.heard and source not in self.offline and len(self.heard) >= SOURCES_MAX:
            raise self._too_many_sources()

    def _too_many_sources(self) -> Refused:
        return errors.TooManyEnergySources(
            f"This depot has {SOURCES_MAX} sources of envelopes already; use one of them.", pointer="/source"
        )

    # --- folding --------------------------------------------------------------------------------------------------

    def follow(self, version: int, event: SiteEnergyEvent) -> bool:
        """Fold the event that made the stream's `version`. Returns False and does nothing if it is already folded, or is
        not the next one.
        """
        if version != self.version + 1:
            return False
        self.apply(event)
        return True

    def apply(self, event: SiteEnergyEvent) -> None:
        """Fold one event in place, without any decision."""
        self.version += 1
        match event:
            case EnergyNodePut(node=node):
                self.tree.put(node)
                self.node_changed_at[node.node_id] = self.version
            case EnergyNodeRemoved(node_id=node_id):
                self._apply_removal(node_id)
            case EnergyPolicyPut(policy=policy):
                self.policy, self.policy_changed_at = policy, self.version
            case OperatingEnvelopeReceived(envelope=envelope, received_at=received_at):
                self._apply_envelope(envelope, received_at)
            case OperatingEnvelopeWithdrawn(envelope_id=envelope_id, withdrawn_at=withdrawn_at):
                known = self.envelopes.by_id[envelope_id]
                self.envelopes.put(replace(known, withdrawn_at=withdrawn_at, changed_at=self.version))
            case OperatingEnvelopeIgnored(envelope=envelope, reason=reason):
                self.last_ignored = envelope, reason
            case DemandMeasured():
                self._apply_measurement(event)
            case EnergySourceHeard(source=source, heard_at=heard_at):
                self.heard[source] = heard_at
                self.offline.pop(source, None)
            case EnergySourceWentOffline(source=source, offline_at=offline_at):
                self._apply_silence(source, offline_at, event.reported_at)
            case AccessNarrowed() | AccessWidened() | EnergyControlDegraded() | EnergyControlRestored():
                self._apply_following(event)

    def _apply_measurement(self, event: DemandMeasured) -> None:
        self.has_feed = True
        found = {each.node_id: each for each in event.items if each.node_id in self.tree.by_id}
        self.demands |= found
        (self.of_chargers.update if event.is_of_chargers else self.of_chargers.difference_update)(found)

    def _apply_removal(self, node_id: EnergyNodeId) -> None:
        self.tree.remove(node_id)
        self.node_changed_at.pop(node_id, None)
        self.envelopes.forget_node(node_id)
        self.demands.pop(node_id, None)
        self.of_chargers.discard(node_id)

    def _apply_envelope(self, envelope: OperatingEnvelope, received_at: datetime) -> None:
        """Fold an envelope. A fresh envelope ends its source's silence; an announced offline instant stays."""
        self.has_feed = True
        hold_max = timedelta() if self.policy is None else self.policy.hold_max
        self.envelopes.forget_before(received_at - hold_max, self.offline)
        self.envelopes.put(KnownEnvelope(envelope=envelope, received_at=received_at, changed_at=self.version))
        self.heard[envelope.source] = received_at
        if (offline_at := self.offline.get(envelope.source)) is not None and offline_at <= received_at:
            del self.offline[envelope.source]

    def _apply_silence(self, source: str, offline_at: datetime, reported_at: datetime) -> None:
        """Fold a silence. If the source announced it, the announcement itself is a sign of life."""
        self.offline[source] = offline_at
        if offline_at > reported_at:
            self.heard[source] = reported_at

    def _apply_following(
        self, event: AccessNarrowed | AccessWidened | EnergyControlDegraded | EnergyControlRestored
    ) -> None:
        match event:
            case AccessNarrowed(level=level, charger_ids=charger_ids, narrowed_at=since):
                self.levels |= dict.fromkeys(charger_ids, (level, since))
            case AccessWidened(level=level, charger_ids=charger_ids, widened_at=since):
                for charger_id in charger_ids:
                    if level is GateLevel.OPEN:
                        self.levels.pop(charger_id, None)
                    else:
                        self.levels[charger_id] = level, since
            case EnergyControlDegraded():
                self.degraded[event.reason, event.source, event.node_id] = event.since
            case EnergyControlRestored():
                self.degraded.pop((event.reason, event.source, event.node_id), None)


def _place(envelope: OperatingEnvelope) -> tuple[str, EnergyNodeId]:
    return envelope.source, envelope.node_id


def fold(depot_id: DepotId, events: Iterable[SiteEnergyEvent]) -> SiteEnergy:
    """Return the site after these events, oldest first."""
    site = SiteEnergy(depot_id)
    for event in events:
        site.apply(event)
    return site
