"""Read the imported-energy register and the power from a message's meter values, in the same way for every OCPP version.

A message may carry the register several times: at several instants, in total and by phase, at the outlet and at the grid
connection. An uncertain reading is unknown, not 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from access_policy.adapters.ocpp.incoming.payloads import Payload, decimal, number, obj, objects, text

REGISTER: Final = "Energy.Active.Import.Register"  # also the default (1.6, 7.31; 2.x, MeasurandEnumType)
EXPONENT_MAX: Final = 9
POWER: Final = "Power.Active.Import"
_WH: Final = {"wh": 1, "kwh": 1_000, "": 1}
_W: Final = {"w": 1, "kw": 1_000, "": 1}
_UNITS: Final = {REGISTER: _WH, POWER: _W}
# The outlet is the default, and it is where a charge is metered. Other locations are read only if it is missing.
_LOCATIONS: Final = ("Outlet", "Cable", "Body", "Inlet", "EV")
_PHASES: Final = {phase + neutral: phase for phase in ("L1", "L2", "L3") for neutral in ("", "-N")}
_BEGIN, _BETWEEN, _END = range(3)
_CONTEXTS: Final = {"Transaction.Begin": _BEGIN, "Transaction.End": _END}


@dataclass(frozen=True, slots=True)
class MeterReadings:
    """Readings in Wh; None if the message has no such reading.

    Attributes:
        earliest: the first of all readings.
        latest: the last of all readings.
        begin: the reading at the transaction's begin, if the message has later readings too or says that it is one.
        end: `latest`, unless that is the reading at the transaction's begin.
    """

    earliest: int | None = None
    latest: int | None = None
    begin: int | None = None
    end: int | None = None


def meter_readings(meter_values: Sequence[Payload]) -> MeterReadings:
    """Return the register in the `meterValue`s (2.x, 1.6 MeterValues) or the `transactionData` (1.6 StopTransaction) of a
    message.
    """
    readings = sorted(_readings(meter_values), key=lambda reading: reading[:2])
    if not readings:
        return MeterReadings()
    (first_rank, _, earliest), (last_rank, _, latest) = readings[0], readings[-1]
    return MeterReadings(
        earliest=earliest,
        latest=latest,
        begin=earliest if len(readings) > 1 or first_rank == _BEGIN else None,
        end=None if last_rank == _BEGIN else latest,
    )


def power_w(meter_values: Sequence[Payload]) -> int | None:
    """Return the imported power in watts by the latest reading of a message; None if it has no such reading."""
    readings = sorted(_readings(meter_values, POWER), key=lambda reading: reading[1])
    return readings[-1][2] if readings else None


def register_wh(payload: Payload, name: str) -> int | None:
    """Return `meterStart` or `meterStop` of 1.6; None for a negative value, which chargers send if they do not know the
    reading.
    """
    value = number(payload, name)
    return None if value is None or value < 0 else value


def _readings(meter_values: Sequence[Payload], measurand: str = REGISTER) -> Iterator[tuple[int, float, int]]:
    """Yield the rank of the context, the order in time, and Wh or W. Without readable times the order is the message's."""
    times = [_at(value) for value in meter_values]
    all_timed = all(time is not None for time in times)
    for place, value in enumerate(meter_values):
        order = float(place) if not all_timed else (times[place] or 0.0)
        by_context: dict[int, list[Payload]] = {}
        for sample in objects(value, "sampledValue"):
            if (sample.get("measurand") or REGISTER) == measurand:
                by_context.setdefault(_CONTEXTS.get(str(sample.get("context")), _BETWEEN), []).append(sample)
        for rank, samples in by_context.items():
            reading = _reading(samples, _UNITS[measurand])
            if reading is not None:
                yield rank, order, reading


def _reading(samples: Sequence[Payload], units: Mapping[str, int]) -> int | None:
    """Return one reading from samples taken at the same time: the total or, without one, the sum of the phases."""
    known = [(sample, value) for sample in samples if (value := _value(sample, units)) is not None]
    for location in _LOCATIONS:
        here = [(sample, value) for sample, value in known if (sample.get("location") or "Outlet") == location]
        totals = [value for sample, value in here if not sample.get("phase")]
        if totals:
            return round(totals[-1])
        phases = {_PHASES[phase]: value for sample, value in here if (phase := str(sample.get("phase"))) in _PHASES}
        if phases:
            return round(sum(phases.values()))
    return None


def _value(sample: Payload, units: Mapping[str, int]) -> float | None:
    """Return the value, which is text with a `unit` (1.6, 7.43), or a number with a `unitOfMeasure` (2.x,
    UnitOfMeasureType).
    """
    value = decimal(sample, "value")
    measure = obj(sample, "unitOfMeasure")
    unit = units.get((text(measure, "unit") or text(sample, "unit") or "").lower())
    exponent = number(measure, "multiplier") or 0
    if value is None or value < 0 or unit is None or abs(exponent) > EXPONENT_MAX:
        return None
    found = value * unit * 10.0**exponent
    return found if found <= 2**53 else None


def _at(meter_value: Payload) -> float | None:
    try:
        at = datetime.fromisoformat(text(meter_value, "timestamp") or "")
    except ValueError:
        return None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp()
