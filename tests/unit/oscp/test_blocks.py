"""Blocks of a forecast as limits of a node: units, phases, overlaps, and what a newer forecast replaces."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.oscp_providers.blocks import (
    CapacityBlock,
    Phase,
    Piece,
    Series,
    Unit,
    joined,
    replaced,
    series_of,
)
from access_policy.domain.oscp_providers.errors import ForecastInvalid
from access_policy.domain.oscp_providers.provider import GroupBinding
from tests.support.builders import HOUR, NOON

THREE = GroupBinding(group_id="g", node_id=EnergyNodeId("grid"), voltage_v=230, phases=3)
ONE = GroupBinding(group_id="g", node_id=EnergyNodeId("grid"), voltage_v=230, phases=1)
BARE = GroupBinding(group_id="g", node_id=EnergyNodeId("grid"))


def block(
    capacity: str, unit: Unit = Unit.W, phase: Phase = Phase.ALL, start: float = 0, hours: float = 1
) -> CapacityBlock:
    begins = NOON + start * HOUR
    return CapacityBlock(capacity=Decimal(capacity), phase=phase, unit=unit, start=begins, end=begins + hours * HOUR)


def watts(*blocks: CapacityBlock, binding: GroupBinding = THREE) -> list[int]:
    return [each.watts for each in series_of(blocks, binding)]


@pytest.mark.parametrize(
    ("capacity", "unit", "hours", "expected"),
    [
        ("100.9", Unit.W, 1, 100),
        ("1.5", Unit.KW, 1, 1_500),
        ("100", Unit.WH, 0.25, 400),
        ("50", Unit.KWH, 2, 25_000),
        ("10", Unit.A, 1, 6_900),
        ("0", Unit.KW, 1, 0),
        ("1000", Unit.KW, 1, 1_000_000),
    ],
)
def test_capacity_of_each_unit_is_whole_watts_rounded_down(
    capacity: str, unit: Unit, hours: float, expected: int
) -> None:
    assert watts(block(capacity, unit, hours=hours)) == [expected]


def test_current_of_one_phase_and_of_an_unknown_one_counts_for_each_phase() -> None:
    assert watts(block("10", Unit.A, Phase.ONE)) == [6_900]
    assert watts(block("10", Unit.A, Phase.UNKNOWN)) == [6_900]
    assert watts(block("10", Unit.A, Phase.ONE), binding=ONE) == [2_300]
    assert watts(block("2", Unit.KW, Phase.TWO)) == [6_000]


def test_least_phase_counts_where_blocks_of_several_phases_meet() -> None:
    first = block("10", Unit.A, Phase.ONE, hours=2)
    second = block("5", Unit.A, Phase.TWO, start=1, hours=2)

    assert watts(first, second) == [6_900, 3_450]
    assert [each.end for each in series_of((first, second), THREE)] == [NOON + HOUR, NOON + 3 * HOUR]


def test_gap_between_blocks_stays_a_gap_and_equal_neighbours_are_one_piece() -> None:
    found = series_of((block("5", start=3), block("5"), block("5", start=1)), BARE)

    assert found == (Piece(NOON, NOON + 2 * HOUR, 5), Piece(NOON + 3 * HOUR, NOON + 4 * HOUR, 5))


@pytest.mark.parametrize(
    "blocks",
    [
        (),
        (block("-1"),),
        (block("NaN"),),
        (block("1", hours=0),),
        (block("1", hours=-1),),
        (block("1000001", Unit.KW),),
        (block("1", Unit.A),),
        (block("1"), block("1", start=0.5)),
        (block("1", phase=Phase.ONE), block("1", phase=Phase.ONE, start=0.5)),
        (block("1", phase=Phase.ONE), block("1", start=0.5)),
        (block("1", phase=Phase.ONE, hours=3), block("1", phase=Phase.TWO), block("1", start=1)),
        (block("1", hours=3), block("1", phase=Phase.TWO, start=1)),
    ],
)
def test_block_that_makes_no_sense_is_refused(blocks: tuple[CapacityBlock, ...]) -> None:
    with pytest.raises(ForecastInvalid):
        series_of(blocks, BARE)


HOURS = st.integers(min_value=0, max_value=12)


@st.composite
def series(draw: st.DrawFn) -> Series:
    bounds = sorted(draw(st.lists(HOURS, min_size=2, max_size=8, unique=True)))
    kept = [
        Piece(NOON + start * HOUR, NOON + end * HOUR, draw(st.integers(0, 3)))
        for start, end in pairwise(bounds)
        if draw(st.booleans())
    ]
    return joined(kept or [Piece(NOON + bounds[0] * HOUR, NOON + bounds[1] * HOUR, 1)])


def at(known: Series, hour: float) -> int | None:
    instant = NOON + hour * HOUR
    return next((each.watts for each in known if each.start <= instant < each.end), None)


@given(series(), series())
def test_newer_forecast_decides_each_hour_of_its_time_and_none_outside(before: Series, newer: Series) -> None:
    after = replaced(before, newer)

    for hour in range(13):
        instant = NOON + hour * HOUR
        is_inside = newer[0].start <= instant < newer[-1].end
        assert at(after, hour) == at(newer if is_inside else before, hour)
    for one, next_one in pairwise(after):
        assert one.start < one.end <= next_one.start


@given(series(), series())
def test_forecast_sent_again_changes_nothing(before: Series, newer: Series) -> None:
    once = replaced(before, newer)

    assert replaced(once, newer) == once
