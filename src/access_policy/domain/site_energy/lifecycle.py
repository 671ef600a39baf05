"""The life cycle of an operating envelope, as a function of instants only, so that missed events do not matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from access_policy.domain.site_energy.envelopes import KnownEnvelope
from access_policy.domain.site_energy.gate import EnvelopeState, GateEnvelope, LimitSource


class Standing(NamedTuple):
    """The state of an envelope at one instant. It limits its node to `limit_w` because of `source`; both are None if it
    does not limit the node.
    """

    known: KnownEnvelope
    state: EnvelopeState
    limit_w: int | None = None
    source: LimitSource | None = None

    def shown(self, offline_at: datetime | None) -> GateEnvelope:
        """Return the envelope as a gate shows it; for a fallback, with the fallback's times."""
        envelope = self.known.envelope
        valid_from, valid_until = envelope.valid_from, envelope.valid_until
        if self.state is EnvelopeState.ACTIVE_FALLBACK and envelope.fallback is not None and offline_at is not None:
            valid_from, valid_until = max(valid_from, offline_at), envelope.fallback.valid_until
        return GateEnvelope(
            envelope_id=envelope.envelope_id,
            sequence=envelope.sequence,
            state=self.state,
            valid_from=valid_from,
            valid_until=valid_until,
        )


def standing(known: KnownEnvelope, offline_at: datetime | None, hold_max: timedelta, at: datetime) -> Standing:
    """Return the state of the envelope at `at`, regardless of other envelopes. Its source is silent from `offline_at` on
    (None: it is not silent).

    An envelope that is in force when its source falls silent, or would come into force during the silence, continues to
    apply: with its own limit for `hold_max`, even past its end, and with its fallback limit until the fallback ends. While
    both apply, the lower one counts.
    """
    envelope = known.envelope
    if known.withdrawn_at is not None and known.withdrawn_at <= at:
        return Standing(known, EnvelopeState.WITHDRAWN)
    if at < envelope.valid_from:
        return Standing(known, EnvelopeState.PENDING)
    if offline_at is None or at < offline_at or envelope.valid_until <= offline_at:
        if at < envelope.valid_until:
            return Standing(known, EnvelopeState.ACTIVE, envelope.import_limit_w, LimitSource.FRESH_ENVELOPE)
        return Standing(known, EnvelopeState.EXPIRED)
    return _in_silence(known, at, is_held=at < offline_at + hold_max)


def _in_silence(known: KnownEnvelope, at: datetime, *, is_held: bool) -> Standing:
    envelope, fallback = known.envelope, known.envelope.fallback
    falls_back = fallback is not None and at < fallback.valid_until
    if fallback is not None and falls_back and not (is_held and envelope.import_limit_w < fallback.import_limit_w):
        limit_w = fallback.import_limit_w
        return Standing(known, EnvelopeState.ACTIVE_FALLBACK, limit_w, LimitSource.FALLBACK_ENVELOPE)
    if is_held:
        return Standing(known, EnvelopeState.FALLBACK_ELIGIBLE, envelope.import_limit_w, LimitSource.STALE_POLICY)
    if at < envelope.valid_until:
        return Standing(known, EnvelopeState.FALLBACK_ELIGIBLE)
    return Standing(known, EnvelopeState.EXPIRED)


def standings(
    envelopes: Iterable[KnownEnvelope], offline: Mapping[str, datetime], hold_max: timedelta, at: datetime
) -> list[Standing]:
    """Return the states of one node's envelopes at `at`. Of a source's envelopes for the same time only the one with the
    highest sequence counts, even if it is withdrawn; the others are `received`. An envelope that is held past its end
    because of silence counts in addition to those that have not ended, so that silence never loosens a gate.
    """
    found = [standing(each, offline.get(each.envelope.source), hold_max, at) for each in envelopes]
    in_time: dict[str, int] = {}  # the highest sequences, by source
    at_all: dict[str, int] = {}
    for each in found:
        envelope, is_in_time = each.known.envelope, _is_in_time(each, at)
        if is_in_time:
            in_time[envelope.source] = max(in_time.get(envelope.source, -1), envelope.sequence)
        if is_in_time or each.limit_w is not None:
            at_all[envelope.source] = max(at_all.get(envelope.source, -1), envelope.sequence)
    return [
        _received(each) if _is_superseded(each, in_time if _is_in_time(each, at) else at_all) else each
        for each in found
    ]


def _is_in_time(each: Standing, at: datetime) -> bool:
    """Whether the envelope's period contains `at`, and it limits its node or is withdrawn."""
    envelope = each.known.envelope
    is_meant = envelope.valid_from <= at < envelope.valid_until
    return is_meant and (each.limit_w is not None or each.state is EnvelopeState.WITHDRAWN)


def _is_superseded(each: Standing, highest: Mapping[str, int]) -> bool:
    envelope = each.known.envelope
    return each.limit_w is not None and envelope.sequence < highest[envelope.source]


def _received(each: Standing) -> Standing:
    return Standing(each.known, EnvelopeState.RECEIVED)


def turns(known: KnownEnvelope, offline_at: datetime | None, hold_max: timedelta) -> Iterator[datetime]:
    """Yield the instants at which the state may change by itself."""
    envelope = known.envelope
    yield envelope.valid_from
    yield envelope.valid_until
    if known.withdrawn_at is not None:
        yield known.withdrawn_at
    if offline_at is not None:
        yield offline_at
        yield offline_at + hold_max
        if envelope.fallback is not None:
            yield envelope.fallback.valid_until
