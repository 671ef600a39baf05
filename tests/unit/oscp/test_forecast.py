"""Both series of a group as envelopes: one for each stretch, kept where nothing changes, and in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.ids import EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.oscp_providers.blocks import ForecastType, Piece, Series
from access_policy.domain.oscp_providers.forecast import GroupForecast
from access_policy.domain.site_energy.watts import WATTS_MAX
from tests.support.builders import HOUR, NOON
from tests.unit.oscp.test_blocks import at, series

GRID, YARD = EnergyNodeId("grid"), EnergyNodeId("yard")
CONSUMPTION, FALLBACK = ForecastType.CONSUMPTION, ForecastType.FALLBACK_CONSUMPTION
NOTHING = GroupForecast(tenant_id=TenantId("acme"), provider="north/dso", group_id="EAN-1", node_id=GRID)


def numbered() -> Callable[[], EnvelopeId]:
    numbers = count(1)
    return lambda: EnvelopeId(f"e{next(numbers)}")


def piece(start: float, end: float, watts: int) -> Piece:
    return Piece(NOON + start * HOUR, NOON + end * HOUR, watts)


def shown(forecast: GroupForecast) -> list[tuple[str, float, float, int, int | None]]:
    return [
        (
            each.envelope_id,
            (each.stretch.start - NOON) / HOUR,
            (each.stretch.end - NOON) / HOUR,
            each.stretch.watts,
            each.stretch.fallback_w,
        )
        for each in forecast.envelopes
    ]


def received(
    before: GroupForecast, series: Series, kind: ForecastType, ids: Callable[[], EnvelopeId], now: datetime = NOON
) -> GroupForecast:
    return before.received("m", kind, series, now=now, new_id=ids)


def test_fallback_splits_the_envelopes_at_its_bounds() -> None:
    ids = numbered()
    limits = received(NOTHING, (piece(0, 2, 100),), CONSUMPTION, ids)
    both = received(limits, (piece(1, 3, 30),), FALLBACK, ids)

    assert shown(both) == [
        ("e2", 0, 1, 100, None),
        ("e3", 1, 2, 100, 30),
        ("e4", 2, 3, WATTS_MAX, 30),
    ]
    assert both.to_withdraw == ("e1",)


def test_envelopes_that_read_as_before_keep_their_ids_and_the_others_have_higher_sequences() -> None:
    ids = numbered()
    first = received(NOTHING, (piece(0, 1, 100), piece(1, 2, 60)), CONSUMPTION, ids)
    second = received(first, (piece(1, 3, 50),), CONSUMPTION, ids)

    assert shown(second) == [("e1", 0, 1, 100, None), ("e3", 1, 3, 50, None)]
    assert second.to_withdraw == ("e2",)
    assert second.envelopes[1].sequence > first.envelopes[1].sequence > first.envelopes[0].sequence


def test_what_is_over_is_neither_issued_nor_withdrawn() -> None:
    ids = numbered()
    first = received(NOTHING, (piece(0, 1, 100), piece(1, 2, 60)), CONSUMPTION, ids)
    later = received(first, (piece(0, 1, 50), piece(1, 2, 40)), CONSUMPTION, ids, now=NOON + HOUR)
    past = received(later, (piece(-2, 1, 5),), CONSUMPTION, ids, now=NOON + HOUR)

    assert shown(later) == [("e3", 1, 2, 40, None)]
    assert later.to_withdraw == ("e2",)
    assert shown(past) == shown(later)
    assert [each.type for each in past.without_effect] == [CONSUMPTION]


def test_group_bound_elsewhere_has_the_same_limits_there_and_unbound_none() -> None:
    ids = numbered()
    first = received(NOTHING, (piece(0, 1, 100),), CONSUMPTION, ids)
    moved = first.bound(YARD, now=NOON, new_id=ids)
    ended = moved.bound(None, now=NOON, new_id=ids)

    assert [each.stretch.node_id for each in moved.envelopes] == [YARD]
    assert (moved.to_withdraw, moved.envelopes[0].message_id) == (("e1",), "m")
    assert (ended.envelopes, ended.to_withdraw) == ((), ("e1", "e2"))


def test_forecast_is_settled_once_the_site_has_all_and_has_lost_the_rest() -> None:
    ids = numbered()
    first = received(NOTHING, (piece(0, 1, 100),), CONSUMPTION, ids).sent(EnvelopeId("e1"))
    second = received(first, (piece(0, 1, 50),), CONSUMPTION, ids)

    assert first.is_settled
    assert not second.is_settled
    assert not second.sent(EnvelopeId("e2")).is_settled
    assert second.sent(EnvelopeId("e2")).withdrawn(EnvelopeId("e1")).is_settled


@given(st.lists(st.tuples(st.sampled_from((CONSUMPTION, FALLBACK)), series()), max_size=6))
def test_envelopes_say_at_each_hour_what_the_latest_forecasts_say(sent: list[tuple[ForecastType, Series]]) -> None:
    ids, forecast = numbered(), NOTHING
    for kind, each in sent:
        forecast = received(forecast, each, kind, ids)

    for hour in range(13):
        instant = NOON + hour * HOUR
        live = [each.stretch for each in forecast.envelopes if each.stretch.start <= instant < each.stretch.end]
        limit, fallback = at(forecast.consumption, hour), at(forecast.fallback, hour)
        if limit is None and fallback is None:
            assert live == []
        else:
            assert [(each.watts, each.fallback_w) for each in live] == [
                (WATTS_MAX if limit is None else limit, fallback)
            ]
    assert len({each.sequence for each in forecast.envelopes}) == len(forecast.envelopes)
    assert not {each.envelope_id for each in forecast.envelopes} & set(forecast.to_withdraw)
