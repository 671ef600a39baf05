"""Events of a site that time alone makes due: levels that changed, and feeds that fell silent or are back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from access_policy.domain.ids import ChargerId
from access_policy.domain.site_energy.events import (
    AccessNarrowed,
    AccessWidened,
    DegradedReason,
    EnergyControlDegraded,
    EnergyControlRestored,
    EnergyFollowingEvent,
)
from access_policy.domain.site_energy.gate import EnvelopeState, Gate, GateLevel
from access_policy.domain.site_energy.levels import Held
from access_policy.domain.site_energy.lifecycle import standing
from access_policy.domain.site_energy.site import SiteEnergy, Subject

Gates = Mapping[ChargerId, tuple[Gate, Held]]
_OVER = (EnvelopeState.EXPIRED, EnvelopeState.WITHDRAWN)


def due_events(site: SiteEnergy, gates: Gates, now: datetime) -> tuple[EnergyFollowingEvent, ...]:
    """Return the events that are due at `now` for chargers with these gates (missing: no gate). Recording them twice is
    harmless.
    """
    return (*_levels(site, gates, now), *_degraded(site, now))


def _levels(site: SiteEnergy, gates: Gates, now: datetime) -> Iterator[EnergyFollowingEvent]:
    """Yield one event for all chargers that share the level and its cause; for chargers that are open again, it names the
    lowest capacity.
    """
    chargers: dict[tuple[object, ...], list[ChargerId]] = {}
    made: dict[tuple[object, ...], tuple[Gate | None, GateLevel, datetime, bool]] = {}
    for charger_id in sorted({*gates, *site.levels}):
        gate, held = gates.get(charger_id, (None, Held()))
        before = site.levels.get(charger_id, (GateLevel.OPEN, now))[0]
        if held.level is before:
            continue
        is_narrower = held.level.is_narrower_than(before)
        at = now if held.since is None else held.since
        facts = () if held.level is GateLevel.OPEN else _facts(gate)
        key = (held.level, is_narrower, at, *facts)
        chargers.setdefault(key, []).append(charger_id)
        if key not in made or _leaves_less(gate, made[key][0]):
            made[key] = gate, held.level, at, is_narrower
    for key, (gate, level, at, is_narrower) in made.items():
        yield _level_event(site, tuple(chargers[key]), gate, level, at, is_narrower=is_narrower)


def _leaves_less(gate: Gate | None, than: Gate | None) -> bool:
    if gate is None or gate.effective_w is None:
        return False
    return than is None or than.effective_w is None or gate.effective_w < than.effective_w


def _facts(gate: Gate | None) -> tuple[object, ...]:
    if gate is None:
        return ()
    return gate.binding_node_id, gate.envelope, gate.limit_source, gate.effective_w, gate.committed_w, gate.threshold_w


def _level_event(
    site: SiteEnergy,
    charger_ids: tuple[ChargerId, ...],
    gate: Gate | None,
    level: GateLevel,
    at: datetime,
    *,
    is_narrower: bool,
) -> EnergyFollowingEvent:
    facts = {
        "depot_id": site.depot_id,
        "node_id": None if gate is None else gate.binding_node_id,
        "level": level,
        "envelope": None if gate is None else gate.envelope,
        "limit_source": None if gate is None else gate.limit_source,
        "charger_ids": charger_ids,
        "effective_w": None if gate is None else gate.effective_w,
        "committed_w": None if gate is None else gate.committed_w,
        "threshold_w": None if gate is None else gate.threshold_w,
        "is_advisory": gate is not None and gate.is_advisory,
    }
    if is_narrower:
        return AccessNarrowed(**facts, narrowed_at=at)  # type: ignore[arg-type]
    return AccessWidened(**facts, widened_at=at)  # type: ignore[arg-type]


def _degraded(site: SiteEnergy, now: datetime) -> Iterator[EnergyFollowingEvent]:
    silent = silent_feeds(site, now)
    for (reason, source, node_id), since in silent.items():
        if (reason, source, node_id) not in site.degraded:
            yield EnergyControlDegraded(
                depot_id=site.depot_id, reason=reason, source=source, node_id=node_id, since=since
            )
    for reason, source, node_id in site.degraded:
        if (reason, source, node_id) not in silent:
            yield EnergyControlRestored(
                depot_id=site.depot_id, reason=reason, source=source, node_id=node_id, restored_at=now
            )


def silent_feeds(site: SiteEnergy, now: datetime) -> dict[Subject, datetime]:
    """Return the feeds that are silent at `now`, each with the instant since when: sources with envelopes that are not
    over, and nodes whose measurement is stale. A stale measurement of 0 W does not count, because the gateway measures
    chargers only while they charge.
    """
    policy = site.policy
    if policy is None or not policy.enabled:
        return {}
    found: dict[Subject, datetime] = {}
    for source, offline_at in site.offline.items():
        if offline_at <= now and _matters(site, source, offline_at, policy.hold_max, now):
            found[DegradedReason.SOURCE_OFFLINE, source, None] = offline_at
    for node_id, demand in site.demands.items():
        stale_at = demand.observed_at + policy.measurement_max_age
        if stale_at <= now and demand.demand_w:
            found[DegradedReason.MEASUREMENT_STALE, None, node_id] = stale_at
    return found


def _matters(site: SiteEnergy, source: str, offline_at: datetime, hold_max: timedelta, now: datetime) -> bool:
    known = (each for each in site.envelopes.by_id.values() if each.envelope.source == source)
    return any(standing(each, offline_at, hold_max, now).state not in _OVER for each in known)
