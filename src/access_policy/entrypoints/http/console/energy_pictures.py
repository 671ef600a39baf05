"""The next 48 hours of a site's energy as a picture: the limits of its nodes, and the chargers' planned narrowings.

Positions are percentages of the period, so that a picture fits every width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from access_policy.domain.ids import ChargerId, EnergyNodeId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.envelopes import KnownEnvelope
from access_policy.domain.site_energy.gate import LimitSource
from access_policy.domain.site_energy.lifecycle import standings, turns
from access_policy.domain.site_energy.site import SiteEnergy
from access_policy.entrypoints.http.console import energy_words, times
from access_policy.entrypoints.http.console.pictures import Tick

LENGTH: Final = timedelta(hours=48)
EVERY_H: Final = 6
SEGMENTS_MAX: Final = 200  # of one node


@dataclass(frozen=True, slots=True)
class Ahead:
    """The period `[start, end)` on the clock of `zone`."""

    start: datetime
    zone: ZoneInfo

    @property
    def end(self) -> datetime:
        return self.start + LENGTH

    def x(self, at: datetime) -> float:
        """Return the position as a percentage of the width, with two decimals; instants outside are at the edges."""
        part = (at - self.start) / LENGTH
        return round(100 * min(max(part, 0.0), 1.0), 2)

    def clock(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%a %H:%M}"

    @property
    def title(self) -> str:
        return f"{self.clock(self.start)} to {self.clock(self.end)} {times.zone_name(self.start, self.zone)}"

    @property
    def ticks(self) -> list[Tick]:
        found = []
        at = self.start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        while at < self.end:
            local = at.astimezone(self.zone)
            if local.hour % EVERY_H == 0:
                label = f"{local:%a} {local.day}" if local.hour == 0 else f"{local:%H}"
                found.append(Tick(self.x(at), label, is_day=local.hour == 0))
            at += timedelta(hours=1)
        return found


@dataclass(frozen=True, slots=True)
class EnergyBar:
    """A bar. `kind` is the kind of the limit's source, or the level."""

    x: float
    width: float
    kind: str
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class EnergyLine:
    key: str
    bars: list[EnergyBar]
    static: str = ""


@dataclass(frozen=True, slots=True)
class NarrowedAlike:
    """Chargers with the same windows."""

    charger_ids: list[str]
    bars: list[EnergyBar]


def limits_of(site: SiteEnergy, ahead: Ahead) -> list[EnergyLine]:
    """Return the nodes that envelopes limit in the period, in the order of the tree."""
    if site.policy is None or site.tree.root_id is None:
        return []
    found = []
    for node in site.tree.below(site.tree.root_id):
        bars = _limits(site, node.node_id, ahead)
        if bars:
            found.append(EnergyLine(node.node_id, bars, energy_words.power(node.limit_w)))
    return found


def _limits(site: SiteEnergy, node_id: EnergyNodeId, ahead: Ahead) -> list[EnergyBar]:
    assert site.policy is not None
    envelopes = site.envelopes.at_node(node_id)
    ends = {
        at
        for each in envelopes
        for at in turns(each, site.offline.get(each.envelope.source), site.policy.hold_max)
        if ahead.start < at < ahead.end
    }
    instants = [ahead.start, *sorted(ends)[:SEGMENTS_MAX], ahead.end]
    bars: list[tuple[datetime, datetime, int, LimitSource, str]] = []
    for start, end in pairwise(instants):
        limiting = [
            each
            for each in standings(_begun(site, envelopes, start), site.offline, site.policy.hold_max, start)
            if each.limit_w is not None and each.source is not None
        ]
        if not limiting:
            continue
        least = min(limiting, key=lambda each: each.limit_w or 0)
        limit_w, source = least.limit_w or 0, least.source or LimitSource.FRESH_ENVELOPE
        name = least.known.envelope.envelope_id
        if bars and bars[-1][1:] == (start, limit_w, source, name):
            start = bars.pop()[0]
        bars.append((start, end, limit_w, source, name))
    return [_limit_bar(ahead, *each) for each in bars]


def _begun(site: SiteEnergy, envelopes: Iterable[KnownEnvelope], at: datetime) -> list[KnownEnvelope]:
    """Drop future and past envelopes, of which a forecast has hundreds."""
    return [
        each
        for each in envelopes
        if each.envelope.valid_from <= at and (at < each.envelope.valid_until or each.envelope.source in site.offline)
    ]


def _limit_bar(
    ahead: Ahead, start: datetime, end: datetime, limit_w: int, source: LimitSource, envelope_id: str
) -> EnergyBar:
    text = energy_words.power(limit_w)
    title = f"{text} {_stretch(ahead, start, end)}: {energy_words.SOURCES[source]}, {envelope_id}"
    x = ahead.x(start)
    return EnergyBar(x, round(ahead.x(end) - x, 2), source.value.lower(), text, title)


def narrowed_alike(narrowed: Mapping[ChargerId, Sequence[NarrowedWindow]], ahead: Ahead) -> list[NarrowedAlike]:
    """Return the chargers that are narrowed in the period, grouped by equal windows, the largest group first."""
    groups: dict[tuple[NarrowedWindow, ...], list[str]] = {}
    for charger_id in sorted(narrowed):
        windows = tuple(each for each in narrowed[charger_id] if each.ends_at > ahead.start)
        if windows:
            groups.setdefault(windows, []).append(charger_id)
    found = [NarrowedAlike(ids, [_level_bar(ahead, each) for each in windows]) for windows, ids in groups.items()]
    return sorted(found, key=lambda each: (-len(each.charger_ids), each.charger_ids[0]))


def _level_bar(ahead: Ahead, window: NarrowedWindow) -> EnergyBar:
    x = ahead.x(window.starts_at)
    by = "a static limit" if window.envelope is None else f"envelope {window.envelope.envelope_id}"
    label = energy_words.LEVELS[window.level]
    title = f"{label} {_stretch(ahead, window.starts_at, window.ends_at)} by {by}"
    return EnergyBar(x, round(ahead.x(window.ends_at) - x, 2), window.level.value, label, title)


def _stretch(ahead: Ahead, start: datetime, end: datetime) -> str:
    if end >= ahead.end:
        return f"from {ahead.clock(start)}"
    return f"{ahead.clock(start)} to {ahead.clock(end)}"


def in_words(bars: Iterable[EnergyBar]) -> str:
    return "; ".join(each.title for each in bars) or "no limit"
