"""Blocks of a forecast, and the resulting series of limits of a node in whole watts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from access_policy.domain.oscp_providers.errors import ForecastInvalid
from access_policy.domain.oscp_providers.provider import GroupBinding
from access_policy.domain.site_energy.watts import WATTS_MAX

BLOCKS_MAX: Final = 1_000  # of a forecast: ten days in quarter-hour blocks
_HOUR_S: Final = 3600


class Unit(StrEnum):
    A = "A"
    W = "W"
    KW = "KW"
    WH = "WH"
    KWH = "KWH"


class Phase(StrEnum):
    """The phase of a block. UNKNOWN means the same as ALL."""

    UNKNOWN = "UNKNOWN"
    ONE = "ONE"
    TWO = "TWO"
    THREE = "THREE"
    ALL = "ALL"


class ForecastType(StrEnum):
    CONSUMPTION = "CONSUMPTION"
    GENERATION = "GENERATION"
    FALLBACK_CONSUMPTION = "FALLBACK_CONSUMPTION"
    FALLBACK_GENERATION = "FALLBACK_GENERATION"
    OPTIMUM = "OPTIMUM"


_SINGLE: Final = (Phase.ONE, Phase.TWO, Phase.THREE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityBlock:
    """In `[start, end)`, UTC, the group may use `capacity`: per phase for A, for all phases together for other units, or
    for one phase only if `phase` names one. WH and KWH are energy over the whole block.
    """

    capacity: Decimal
    phase: Phase
    unit: Unit
    start: datetime
    end: datetime


class Piece(NamedTuple):
    """In `[start, end)` the node may import `watts`."""

    start: datetime
    end: datetime
    watts: int


Series = tuple[Piece, ...]  # in order, without overlaps


def series_of(blocks: Sequence[CapacityBlock], binding: GroupBinding) -> Series:
    """Return the limits of the whole node. A limit of one phase counts for each phase, because a charge may use any of them;
    where blocks of several phases overlap, the lowest counts. Adjacent pieces with the same limit are merged.

    Raises `ForecastInvalid`, with a pointer to the block.
    """
    if not 1 <= len(blocks) <= BLOCKS_MAX:
        raise ForecastInvalid(f"A forecast has 1 to {BLOCKS_MAX} blocks.", pointer="/forecasted_blocks")
    pieces = [
        Piece(block.start, block.end, _watts(block, binding, f"/forecasted_blocks/{number}"))
        for number, block in enumerate(blocks)
    ]
    _check_overlaps(blocks)
    bounds = sorted({at for piece in pieces for at in (piece.start, piece.end)})
    found: list[Piece] = []
    for start, end in pairwise(bounds):
        covering = [each.watts for each in pieces if each.start <= start and end <= each.end]
        if covering:
            found.append(Piece(start, end, min(covering)))
    return joined(found)


def joined(pieces: Sequence[Piece]) -> Series:
    found: list[Piece] = []
    for each in pieces:
        if found and found[-1].end == each.start and found[-1].watts == each.watts:
            found[-1] = found[-1]._replace(end=each.end)
        else:
            found.append(each)
    return tuple(found)


def replaced(before: Series, newer: Series) -> Series:
    """Replace the series from the forecast's first start to its last end; pieces outside that period stay."""
    first, last = newer[0].start, newer[-1].end
    ahead = [each._replace(end=min(each.end, first)) for each in before if each.start < first]
    behind = [each._replace(start=max(each.start, last)) for each in before if each.end > last]
    return joined([*ahead, *newer, *behind])


def from_now(series: Series, now: datetime) -> Series:
    """Return the pieces that end after `now`."""
    return tuple(each for each in series if each.end > now)


def _check_overlaps(blocks: Sequence[CapacityBlock]) -> None:
    """Raise `ForecastInvalid` if blocks of the same phase overlap, or if a block of all phases overlaps another one."""
    ordered = sorted(enumerate(blocks), key=lambda each: (each[1].start, each[1].end))
    ends: dict[Phase, datetime] = {}
    for number, block in ordered:
        phases = (block.phase,) if block.phase in _SINGLE else _SINGLE
        if any(phase in ends and block.start < ends[phase] for phase in phases):
            raise ForecastInvalid(
                "Two blocks overlap; send one block for each time and phase.", pointer=f"/forecasted_blocks/{number}"
            )
        ends |= dict.fromkeys(phases, block.end)


def _watts(block: CapacityBlock, binding: GroupBinding, pointer: str) -> int:
    """Return the capacity in watts, rounded down so that a limit is never higher than it was sent."""
    if block.end <= block.start:
        raise ForecastInvalid("The block ends before it starts.", pointer=f"{pointer}/end_time")
    if not block.capacity.is_finite() or block.capacity < 0:
        raise ForecastInvalid("capacity must be 0 or more.", pointer=f"{pointer}/capacity")
    watts = block.capacity * _watts_per_unit(block, binding, pointer)
    if block.phase in _SINGLE and block.unit is not Unit.A:
        watts *= binding.phases or 1
    if watts > WATTS_MAX:
        raise ForecastInvalid(f"capacity is more than {WATTS_MAX} W; check the unit.", pointer=f"{pointer}/capacity")
    return int(watts)


def _watts_per_unit(block: CapacityBlock, binding: GroupBinding, pointer: str) -> Decimal:
    seconds = Decimal((block.end - block.start).total_seconds())
    match block.unit:
        case Unit.W:
            return Decimal(1)
        case Unit.KW:
            return Decimal(1000)
        case Unit.WH:
            return _HOUR_S / seconds
        case Unit.KWH:
            return 1000 * _HOUR_S / seconds
        case Unit.A:
            if binding.voltage_v is None or binding.phases is None:
                raise ForecastInvalid(
                    "A limit in A needs the voltage and the phases of the group; ask the operator to set them, or send W.",
                    pointer=f"{pointer}/unit",
                )
            return Decimal(binding.voltage_v * binding.phases)
