"""The forecasts of one group, and the operating envelopes that follow from them. Changes return a new value.

An envelope covers a stretch of time in which neither the limit nor the fallback limit changes. A change keeps unchanged
envelopes, issues new ones, and withdraws those that are no longer needed. New envelopes are issued first, so that no limit
is missing between two steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

from access_policy.domain.ids import EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.oscp_providers.blocks import ForecastType, Piece, Series, from_now, replaced
from access_policy.domain.site_energy.watts import WATTS_MAX

MESSAGES_KEPT: Final = 100
NO_EFFECT_KEPT: Final = 20
LIMITING: Final = (ForecastType.CONSUMPTION, ForecastType.FALLBACK_CONSUMPTION)


class Stretch(NamedTuple):
    """The limit is `watts` in `[start, end)`, or `fallback_w` while the provider is offline (None: it sent no fallback)."""

    node_id: EnergyNodeId
    start: datetime
    end: datetime
    watts: int
    fallback_w: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedEnvelope:
    """An envelope of the group. `message_id` is the provider's message that caused it. `is_sent`: the site has the
    envelope.
    """

    envelope_id: EnvelopeId
    sequence: int
    stretch: Stretch
    message_id: str
    is_sent: bool = False


class WithoutEffect(NamedTuple):
    """A forecast without effect: its type does not concern consumption, or all of its blocks were over."""

    type: ForecastType
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupForecast:
    """The forecasts of a group. `provider` is the record id of the provider. `node_id` is None if the group is not bound
    to a node; then it has no envelopes. `to_withdraw` are envelopes that the site may still have.
    """

    tenant_id: TenantId
    provider: str
    group_id: str
    node_id: EnergyNodeId | None
    consumption: Series = ()
    fallback: Series = ()
    envelopes: tuple[IssuedEnvelope, ...] = ()
    to_withdraw: tuple[EnvelopeId, ...] = ()
    messages: tuple[str, ...] = ()
    without_effect: tuple[WithoutEffect, ...] = ()
    sequence: int = 0
    version: int = 0

    @property
    def key(self) -> tuple[TenantId, str, str]:
        return self.tenant_id, self.provider, self.group_id

    @property
    def is_settled(self) -> bool:
        return not self.to_withdraw and all(each.is_sent for each in self.envelopes)

    def ignored(self, message_id: str, kind: ForecastType, *, now: datetime) -> GroupForecast:
        kept = (*self.without_effect, WithoutEffect(kind, now))[-NO_EFFECT_KEPT:]
        return self._next(without_effect=kept, messages=self._with(message_id))

    def received(
        self, message_id: str, kind: ForecastType, series: Series, *, now: datetime, new_id: Callable[[], EnvelopeId]
    ) -> GroupForecast:
        """Return the group with a forecast of one of the `LIMITING` types. A forecast that lies entirely in the past has
        no effect.
        """
        if not from_now(series, now):
            return self.ignored(message_id, kind, now=now)
        name = "consumption" if kind is ForecastType.CONSUMPTION else "fallback"
        newer = from_now(replaced(getattr(self, name), series), now)
        after = self._next(**{name: newer}, messages=self._with(message_id))
        return after._issued(message_id, now, new_id)

    def bound(self, node_id: EnergyNodeId | None, *, now: datetime, new_id: Callable[[], EnvelopeId]) -> GroupForecast:
        """Return the group bound to another node, or to none. The envelopes keep the message id of the latest forecast."""
        latest = self.envelopes[-1].message_id if self.envelopes else ""
        return self._next(node_id=node_id)._issued(latest, now, new_id)

    def sent(self, envelope_id: EnvelopeId) -> GroupForecast:
        marked = (replace(each, is_sent=each.is_sent or each.envelope_id == envelope_id) for each in self.envelopes)
        return replace(self, envelopes=tuple(marked))

    def withdrawn(self, envelope_id: EnvelopeId) -> GroupForecast:
        return replace(self, to_withdraw=tuple(each for each in self.to_withdraw if each != envelope_id))

    def settled(self) -> GroupForecast:
        return self._next()

    def _issued(self, message_id: str, now: datetime, new_id: Callable[[], EnvelopeId]) -> GroupForecast:
        wanted = stretches(self.node_id, self.consumption, self.fallback, now)
        live = [each for each in self.envelopes if each.stretch.end > now]
        kept = {each.stretch: each for each in live}
        sequence = self.sequence
        found: list[IssuedEnvelope] = []
        for stretch in wanted:
            if stretch in kept:
                found.append(kept[stretch])
                continue
            sequence = max(
                sequence + 1, int(now.timestamp() * 1000)
            )  # higher than those of a previously removed provider
            found.append(
                IssuedEnvelope(envelope_id=new_id(), sequence=sequence, stretch=stretch, message_id=message_id)
            )
        gone = tuple(each.envelope_id for each in live if each.stretch not in set(wanted))
        return replace(self, envelopes=tuple(found), to_withdraw=self.to_withdraw + gone, sequence=sequence)

    def _with(self, message_id: str) -> tuple[str, ...]:
        return (*self.messages, message_id)[-MESSAGES_KEPT:] if message_id else self.messages

    def _next(self, **changes: object) -> GroupForecast:
        return replace(self, **changes, version=self.version + 1)  # type: ignore[arg-type]


def stretches(node_id: EnergyNodeId | None, consumption: Series, fallback: Series, now: datetime) -> list[Stretch]:
    """Return the stretches that follow from both series. Where only a fallback is known, there is no limit while the
    provider is online.
    """
    if node_id is None:
        return []
    pieces = (*consumption, *fallback)
    bounds = sorted({at for piece in pieces for at in (piece.start, piece.end)})
    found: list[Stretch] = []
    for start, end in pairwise(bounds):
        limit, without = _at(consumption, start), _at(fallback, start)
        if end <= now or (limit is None and without is None):
            continue
        found.append(Stretch(node_id, start, end, WATTS_MAX if limit is None else limit, without))
    return found


def _at(series: Series, at: datetime) -> int | None:
    found: Piece | None = next((each for each in series if each.start <= at < each.end), None)
    return None if found is None else found.watts
