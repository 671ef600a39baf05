"""Operating envelopes: limits for a node and a period, from an external source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access_policy.domain.ids import EnergyNodeId, EnvelopeId, checked_id, checked_new_id
from access_policy.domain.instants import utc
from access_policy.domain.site_energy.errors import EnvelopeInvalid
from access_policy.domain.site_energy.watts import check_watts

SEQUENCE_MAX: Final = 2**53  # the greatest integer that every JSON reader represents exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackLimit:
    """The limit that applies while the source is silent, until `valid_until` (exclusive)."""

    import_limit_w: int
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingEnvelope:
    """The node may import at most `import_limit_w` in `[valid_from, valid_until)`, UTC. Of a source's envelopes for a
    node, the one with the higher sequence counts where their periods overlap.
    """

    envelope_id: EnvelopeId
    node_id: EnergyNodeId
    source: str
    sequence: int
    valid_from: datetime
    valid_until: datetime
    import_limit_w: int
    fallback: FallbackLimit | None = None

    def check(self) -> None:
        """Raises `EnvelopeInvalid`, `InvalidId` or an error of instants."""
        checked_new_id(self.envelope_id, "envelope_id")
        checked_id(self.node_id, "node_id")
        checked_id(self.source, "source")
        utc(self.valid_from, "valid_from")
        utc(self.valid_until, "valid_until")
        if not 0 <= self.sequence <= SEQUENCE_MAX:
            raise EnvelopeInvalid(f"sequence must be between 0 and {SEQUENCE_MAX}.", pointer="/sequence")
        if self.valid_until <= self.valid_from:
            raise EnvelopeInvalid(
                "The envelope ends before it starts; give a valid_until after valid_from.", pointer="/valid_until"
            )
        check_watts(self.import_limit_w, "import_limit_w", EnvelopeInvalid)
        if self.fallback is not None:
            self._check_fallback(self.fallback)

    def _check_fallback(self, fallback: FallbackLimit) -> None:
        utc(fallback.valid_until, "fallback/valid_until")
        if fallback.valid_until <= self.valid_from:
            raise EnvelopeInvalid(
                "The fallback ends before the envelope starts; give a later valid_until.",
                pointer="/fallback/valid_until",
            )
        check_watts(fallback.import_limit_w, "import_limit_w", EnvelopeInvalid, pointer="/fallback/import_limit_w")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEnvelope:
    """An envelope that the site has received. `changed_at` is the stream's version at its last change."""

    envelope: OperatingEnvelope
    received_at: datetime
    changed_at: int
    withdrawn_at: datetime | None = None
