"""The envelopes that a site has received, indexed by id and by node. Finished ones are dropped."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from access_policy.domain.ids import EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.envelopes import KnownEnvelope, OperatingEnvelope

KEPT_FOR: Final = timedelta(hours=1)  # after its end

SequenceKey = tuple[str, EnergyNodeId]  # source and node


@dataclass(slots=True)
class KnownEnvelopes:
    """The known envelopes. `sequences` are the highest ones by source and node; they stay when the envelope is dropped."""

    by_id: dict[EnvelopeId, KnownEnvelope] = field(default_factory=dict)
    sequences: dict[SequenceKey, int] = field(default_factory=dict)
    _by_node: dict[EnergyNodeId, tuple[KnownEnvelope, ...]] = field(default_factory=dict, repr=False, compare=False)
    _ends: list[tuple[datetime, EnvelopeId]] = field(default_factory=list, repr=False, compare=False)  # a heap

    @classmethod
    def of(cls, envelopes: Iterable[KnownEnvelope], sequences: dict[SequenceKey, int]) -> KnownEnvelopes:
        """Return an index over these envelopes, with these highest sequences."""
        made = cls(sequences=dict(sequences))
        for each in envelopes:
            made.put(each)
        return made

    def at_node(self, node_id: EnergyNodeId) -> tuple[KnownEnvelope, ...]:
        return self._by_node.get(node_id, ())

    def sequence(self, envelope: OperatingEnvelope) -> int | None:
        """Return the highest sequence received from the envelope's source for its node; None before the first."""
        return self.sequences.get((envelope.source, envelope.node_id))

    def put(self, known: KnownEnvelope) -> None:
        """Add the envelope, or replace the envelope with its id."""
        envelope = known.envelope
        if (old := self.by_id.get(envelope.envelope_id)) is not None:
            self._take_from_node(old)
        self.by_id[envelope.envelope_id] = known
        self._by_node[envelope.node_id] = (*self.at_node(envelope.node_id), known)
        key = (envelope.source, envelope.node_id)
        self.sequences[key] = max(envelope.sequence, self.sequences.get(key, 0))
        heapq.heappush(self._ends, (envelope.valid_until, envelope.envelope_id))

    def forget_before(self, instant: datetime, offline: Mapping[str, datetime]) -> None:
        """Drop envelopes that ended an hour or more before `instant`, except those of a silent source whose fallback may
        still apply. `offline`: the instants from which sources are silent.
        """
        while self._ends and self._ends[0][0] + KEPT_FOR <= instant:
            _, envelope_id = heapq.heappop(self._ends)
            known = self.by_id.get(envelope_id)
            if known is None:
                continue
            ends_at = _ends_at(known.envelope, offline)
            if ends_at + KEPT_FOR <= instant:
                self._drop(known)
            else:
                heapq.heappush(self._ends, (ends_at, envelope_id))

    def forget_node(self, node_id: EnergyNodeId) -> None:
        for known in self.at_node(node_id):
            self._drop(known)

    def _drop(self, known: KnownEnvelope) -> None:
        del self.by_id[known.envelope.envelope_id]
        self._take_from_node(known)

    def _take_from_node(self, known: KnownEnvelope) -> None:
        node_id = known.envelope.node_id
        left = tuple(each for each in self.at_node(node_id) if each is not known)
        if left:
            self._by_node[node_id] = left
        else:
            self._by_node.pop(node_id, None)


def _ends_at(envelope: OperatingEnvelope, offline: Mapping[str, datetime]) -> datetime:
    offline_at = offline.get(envelope.source)
    is_silent = offline_at is not None and offline_at < envelope.valid_until
    if is_silent and envelope.fallback is not None:
        return max(envelope.valid_until, envelope.fallback.valid_until)
    return envelope.valid_until
