"""The past of a depot's site, read from the rows of its changes, its demand and its gates."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.ports.event_store import Recorded
from access_policy.application.queries.energy_past import HELD_AT_MOST, past_site, site_changes
from access_policy.domain.ids import EnvelopeId
from access_policy.domain.site_energy import events
from access_policy.domain.site_energy.gate import GateLevel, LimitSource
from access_policy.domain.site_energy.site import SiteEnergy
from tests.support.builders import BAY, DAY, HOUR, MINUTE, NOON, NORTH
from tests.support.office import ACME
from tests.support.rows import log_of
from tests.support.site_energy import (
    E2,
    GRID,
    KW,
    demand,
    envelope,
    fallback,
    heard,
    measured,
    offline,
    opted_in,
    received,
    withdrawn,
)

LONG_AGO = NOON - 30 * DAY


def narrowed(at: datetime) -> events.AccessNarrowed:
    return events.AccessNarrowed(
        depot_id=NORTH,
        node_id=GRID,
        level=GateLevel.OWN_ONLY,
        envelope=None,
        limit_source=LimitSource.STATIC_NODE,
        charger_ids=(BAY,),
        effective_w=0,
        committed_w=0,
        threshold_w=1,
        is_advisory=False,
        narrowed_at=at,
    )


def silent(at: datetime) -> events.EnergyControlDegraded:
    reason = events.DegradedReason.SOURCE_OFFLINE
    return events.EnergyControlDegraded(depot_id=NORTH, reason=reason, source="dso", node_id=None, since=at)


async def recorded(models: ReadModels, *steps: tuple[datetime, events.SiteEnergyEvent]) -> SiteEnergy:
    """Recorded at these instants; returns the fold of all of them."""
    log: list[Recorded] = []
    for at, event in steps:
        (each,) = log_of(event, tenant=ACME, after=log)
        log.append(replace(each, envelope=replace(each.envelope, recorded_at=at)))
    await models.follow(log, log[-1].position)
    site = SiteEnergy(NORTH)
    for _, event in steps:
        site.apply(event)
    return site


async def test_site_at_an_instant_is_the_fold_of_what_was_recorded_until_then(
    models: ReadModels, views: SqlViews
) -> None:
    at = NOON + 20 * MINUTE
    before = (
        *((LONG_AGO, each) for each in opted_in()),
        (NOON, received(envelope(fallback=fallback()))),
        (NOON, received(envelope(E2, 2, valid_from=NOON + HOUR))),
        (NOON + MINUTE, withdrawn(NOON + MINUTE, E2)),
        (NOON + 2 * MINUTE, offline(NOON + 2 * MINUTE)),
        (NOON + 3 * MINUTE, silent(NOON + 2 * MINUTE)),
        (NOON + 18 * MINUTE, measured(demand(100 * KW, NOON + 18 * MINUTE))),
        (NOON + 19 * MINUTE, measured(demand(90 * KW, NOON + 19 * MINUTE))),
        (NOON + 19 * MINUTE, narrowed(NOON + 19 * MINUTE)),
    )
    site = await recorded(models, *before)
    later = (at + MINUTE, heard(at + MINUTE)), (at + MINUTE, measured(demand(KW, at + MINUTE)))
    await recorded(models, *before, *later)

    found = await past_site(views, ACME, NORTH, at)

    for name in ("tree", "policy", "envelopes", "demands", "offline", "levels", "degraded", "has_feed"):
        expected = getattr(site, name)
        if name == "envelopes":
            assert [each.envelope for each in found.envelopes.by_id.values()] == [
                each.envelope for each in expected.by_id.values()
            ]
        else:
            assert getattr(found, name) == expected, name


async def test_changes_that_count_no_longer_are_left_out(models: ReadModels, views: SqlViews) -> None:
    old = envelope(EnvelopeId("old"), valid_from=LONG_AGO, valid_until=LONG_AGO + HOUR)
    held = envelope(EnvelopeId("held"), 2, valid_from=LONG_AGO, valid_until=NOON - HELD_AT_MOST + HOUR)
    signs = [(LONG_AGO + minutes * MINUTE, heard(LONG_AGO + minutes * MINUTE)) for minutes in (5, 10, 15)]
    await recorded(
        models,
        *((LONG_AGO, each) for each in opted_in()),
        (LONG_AGO, received(old, at=LONG_AGO)),
        (LONG_AGO, received(held, at=LONG_AGO)),
        (LONG_AGO + MINUTE, offline(LONG_AGO + MINUTE)),
        *signs,
    )

    changes = [each async for some in site_changes(views, ACME, NORTH, NOON, NOON) for each in some]

    names = [type(event).__name__ for _, event in changes if not type(event).__name__.startswith("EnergyNode")]
    first_feed = "DemandMeasured"  # of nothing: the site has a feed since then
    assert names == [
        "EnergyPolicyPut",
        "OperatingEnvelopeReceived",
        first_feed,
        "EnergySourceWentOffline",
        "EnergySourceHeard",
    ]
    assert changes[-1] == signs[-1]
    site = await past_site(views, ACME, NORTH, NOON)
    assert (site.has_feed, site.offline) == (True, {})
