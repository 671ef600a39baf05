"""Words for the energy of a site: powers, levels, sources of limits, and silent feeds with the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.site_energy.following import silent_feeds
from access_policy.domain.site_energy.gate import EnvelopeState, GateLevel, LimitSource
from access_policy.domain.site_energy.lifecycle import Standing, standings
from access_policy.domain.site_energy.nodes import NodeKind
from access_policy.domain.site_energy.site import SiteEnergy

KINDS: Final = {
    NodeKind.SITE: "Site",
    NodeKind.GRID_CONNECTION: "Grid connection",
    NodeKind.CIRCUIT: "Circuit",
    NodeKind.CHARGER_GROUP: "Charger group",
    NodeKind.CHARGER: "Charger",
}
LEVELS: Final = {
    GateLevel.OPEN: "Open",
    GateLevel.OWN_AND_AGREEMENT: "Own and agreement",
    GateLevel.OWN_ONLY: "Own only",
}
WHO_MAY: Final = {
    GateLevel.OPEN: "everyone whom the charger’s plan admits may start",
    GateLevel.OWN_AND_AGREEMENT: "only own vehicles, vehicles with an agreement and holders of reservations may start",
    GateLevel.OWN_ONLY: "only own vehicles and holders of reservations may start",
}
SOURCES: Final = {
    LimitSource.FRESH_ENVELOPE: "operating envelope",
    LimitSource.FALLBACK_ENVELOPE: "fallback limit of an envelope whose source is silent",
    LimitSource.STATIC_NODE: "static limit",
    LimitSource.CHARGER: "limit of the charger",
    LimitSource.STALE_POLICY: "envelope held although its source is silent",
}
STATES: Final = {
    EnvelopeState.RECEIVED: "superseded",
    EnvelopeState.PENDING: "to come",
    EnvelopeState.ACTIVE: "active",
    EnvelopeState.EXPIRED: "over",
    EnvelopeState.WITHDRAWN: "withdrawn",
    EnvelopeState.FALLBACK_ELIGIBLE: "source silent",
    EnvelopeState.ACTIVE_FALLBACK: "fallback",
}


def power(watts: int | None) -> str:
    """Return `120 kW`, `7.4 kW`, `−3 kW`; `no limit` for None."""
    if watts is None:
        return "no limit"
    text = f"{abs(watts) / 1000:,.1f}".removesuffix(".0")
    return f"−{text} kW" if watts < 0 and text != "0" else f"{text} kW"


def kilowatts(watts: int | None) -> str:
    """Return the value as a form shows it: `7.4`; empty for None."""
    return "" if watts is None else f"{watts / 1000:g}"


def current_or_upcoming(standing: Standing | None) -> Standing | None:
    """Return the envelope if it limits its node now or will later."""
    is_shown = standing is not None and (standing.limit_w is not None or standing.state is EnvelopeState.PENDING)
    return standing if is_shown else None


def hidden(counts: Mapping[GateLevel | None, int]) -> str:
    """Return `9 chargers: 7 own only, 2 open`; for a single level, `9 chargers that are open` or `9 chargers, own
    only`."""
    words = [
        (counts[level], "without a gate" if level is None else LEVELS[level].lower())
        for level in (*reversed(GateLevel), None)
        if level in counts
    ]
    number = sum(counts.values())
    chargers = "1 charger" if number == 1 else f"{number:,} chargers"
    if set(counts) == {GateLevel.OPEN}:
        return f"{chargers} that {'is' if number == 1 else 'are'} open"
    if len(words) == 1:
        return f"{chargers}, {words[0][1]}"
    return f"{chargers}: {', '.join(f'{count:,} {word}' for count, word in words)}"


@dataclass(frozen=True, slots=True)
class Silence:
    """A feed that has been silent since `since`: what counts instead, and what to do."""

    what: str
    since: datetime
    effect: str
    next_step: str


def silences(site: SiteEnergy, now: datetime) -> list[Silence]:
    """Return the silent feeds, the longest first. They are computed from the instants, so no process has to have
    noticed them."""
    feeds = silent_feeds(site, now).items()
    found = [_silence(site, source, node_id, since, now) for (_, source, node_id), since in feeds]
    return sorted(found, key=lambda each: each.since)


def _silence(
    site: SiteEnergy, source: str | None, node_id: EnergyNodeId | None, since: datetime, now: datetime
) -> Silence:
    if source is not None:
        return Silence(
            f"The source {source} is silent",
            since,
            _in_silence(site, source, now),
            "Check the connection of the system that sends its envelopes. Enter an envelope by hand if you know the limit.",
        )
    return Silence(
        f"The demand of {node_id} is no longer measured",
        since,
        "The most that running charges below it may draw counts instead, so gates may be narrower than needed.",
        "Check its meter, or the system that sends its measurements.",
    )


def _in_silence(site: SiteEnergy, source: str, now: datetime) -> str:
    assert site.policy is not None
    known = site.envelopes.by_id.values()
    nodes = {each.envelope.node_id for each in known if each.envelope.source == source}
    of_source = [
        each
        for node_id in nodes
        for each in standings(site.envelopes.at_node(node_id), site.offline, site.policy.hold_max, now)
        if each.known.envelope.source == source
    ]
    if any(each.state is EnvelopeState.ACTIVE_FALLBACK for each in of_source):
        return "The fallback limits of its envelopes apply until they end."
    if any(each.source is LimitSource.STALE_POLICY for each in of_source):
        return "Its last limits are held for now; after that, only static limits apply."
    return "Only static limits and other sources apply at its nodes."
