"""The forecasts of one group, and the operating envelopes that they are. Changes return a new value.

An envelope is a stretch of time in which neither the limit nor the fallback limit changes. A change keeps the envelopes that
read as before, makes new ones for the others, and withdraws those that nothing asks for any more. New ones come first: between
two steps no limit is missing.
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
    """`watts` in `[start, end)`, and `fallback_w` there while the provider is offline (None: it sent none)."""

    node_id: EnergyNodeId
    start: datetime
    end: datetime
    watts: int
    fallback_w: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedEnvelope:
    """`message_id` is the provider's message that it comes from. `is_sent`: the site has it."""

    envelope_id: EnvelopeId
    sequence: int
    stretch: Stretch
    message_id: str
    is_sent: bool = False


class WithoutEffect(NamedTuple):
    """A forecast that changed nothing: its type is not one of consumption, or all of its blocks were over."""

    type: ForecastType
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupForecast:
    """`provider` is the record id of the provider. `node_id` None: the group is bound to no node, and has no envelopes.
    `to_withdraw` are envelopes that the site may still have."""

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
        """With a forecast of one of the `LIMITING` types. One that is over altogether changes nothing."""
        if not from_now(series, now):
            return self.ignored(message_id, kind, now=now)
        name = "consumption" if kind is ForecastType.CONSUMPTION else "fallback"
        newer = from_now(replaced(getattr(self, name), series), now)
        after = self._next(**{name: newer}, messages=self._with(message_id))
        return after._issued(message_id, now, new_id)

    def bound(self, node_id: EnergyNodeId | None, *, now: datetime, new_id: Callable[[], EnvelopeId]) -> GroupForecast:
        """Bound to another node, or to none. The message of the envelopes stays that of the latest forecast."""
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
            sequence = max(sequence + 1, int(now.timestamp() * 1000))  # higher than those of a provider removed before
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
    """The envelopes that both series ask for. Where only a fallback is known, nothing limits while the provider is there."""
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
