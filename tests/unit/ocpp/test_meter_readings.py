"""The imported-energy register, as chargers of OCPP 1.6 and 2.x really report it."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.adapters.ocpp.incoming.meter_readings import MeterReadings, meter_readings, power_w, register_wh

NOON, LATER = "2026-11-01T12:00:00Z", "2026-11-01T13:00:00+00:00"


def sample(value: object, **parts: Any) -> dict[str, Any]:
    return {"value": value, **parts}


def at(timestamp: str | None, *samples: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": timestamp, "sampledValue": list(samples)}


def one(*samples: dict[str, Any]) -> int | None:
    return meter_readings([at(NOON, *samples)]).latest


def phases(*values: int, suffix: str = "") -> list[dict[str, Any]]:
    return [sample(value, phase=f"L{n}{suffix}") for n, value in enumerate(values, start=1)]


@pytest.mark.parametrize(
    ("samples", "wh"),
    [
        ([sample("1234")], 1234),  # 1.6 writes text, and the register is the default
        ([sample(1234)], 1234),
        ([sample("1.2345", unit="kWh")], 1234),
        ([sample("4.1", unit="kWh")], 4100),
        ([sample(4.1, unitOfMeasure={"unit": "kWh"})], 4100),
        ([sample(41, unitOfMeasure={"unit": "Wh", "multiplier": 2})], 4100),
        ([sample(12, measurand="Energy.Active.Import.Register"), sample(7, measurand="Power.Active.Import")], 12),
        ([sample(7, measurand="Energy.Active.Import.Interval")], None),
        ([sample(7, measurand="Energy.Active.Export.Register")], None),
        ([sample(4000), *phases(1300, 1400, 1300)], 4000),  # the total comes first, or last
        ([*phases(1300, 1400, 1300), sample(4000)], 4000),
        (phases(1300, 1400, 1300), 4000),
        (phases(1300, 1400, 1300, suffix="-N"), 4000),
        ([sample(10, phase="N"), sample(20, phase="L1-L2")], None),
        ([sample(4000), sample(9_000_000, location="Inlet")], 4000),
        ([sample(9_000_000, location="Inlet"), sample(4000, location="Outlet")], 4000),
        ([sample(4000, location="Inlet")], 4000),
        ([sample(-1)], None),
        ([sample("")], None),
        ([sample("-1"), sample("12")], 12),
        ([sample("nan")], None),
        ([sample(True)], None),
        ([sample(10, unit="varh")], None),
        ([sample(10, unitOfMeasure={"multiplier": 400})], None),
        ([sample(2**53, unit="kWh")], None),
        ([], None),
    ],
)
def test_meter_readings_of_samples_is_the_total_at_the_outlet_or_unknown(
    samples: list[dict[str, Any]], wh: int | None
) -> None:
    assert one(*samples) == wh


def test_meter_readings_in_any_order_are_put_in_the_order_of_their_times() -> None:
    assert meter_readings([at(LATER, sample(5000)), at(NOON, sample(1000))]) == MeterReadings(1000, 5000, 1000, 5000)
    assert meter_readings([at(None, sample(1000)), at(NOON, sample(5000))]) == MeterReadings(1000, 5000, 1000, 5000)


def test_meter_readings_with_contexts_are_ordered_by_them_within_one_instant() -> None:
    both = at(NOON, sample(5000, context="Transaction.End"), sample(1000, context="Transaction.Begin"))

    assert meter_readings([both]) == MeterReadings(1000, 5000, 1000, 5000)


def test_meter_readings_of_the_begin_alone_are_no_end_and_a_single_one_is_no_begin() -> None:
    begin, between = sample(1000, context="Transaction.Begin"), sample(1000, context="Sample.Periodic")

    assert meter_readings([at(NOON, begin)]) == MeterReadings(1000, 1000, begin=1000, end=None)
    assert meter_readings([at(NOON, between)]) == MeterReadings(1000, 1000, begin=None, end=1000)
    assert meter_readings([]) == MeterReadings()


@pytest.mark.parametrize(("value", "wh"), [(0, 0), (17, 17), ("17", 17), (-1, None), (None, None), ("x", None)])
def test_register_wh_of_a_negative_value_is_unknown(value: object, wh: int | None) -> None:
    assert register_wh({"meterStart": value}, "meterStart") == wh


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([{"value": "11000", "measurand": "Power.Active.Import"}], 11_000),
        ([{"value": "11.5", "measurand": "Power.Active.Import", "unit": "kW"}], 11_500),
        (
            [
                {"value": "3600", "measurand": "Power.Active.Import", "phase": phase, "unit": "W"}
                for phase in ("L1", "L2", "L3")
            ],
            10_800,
        ),
        ([{"value": 22, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W", "multiplier": 3}}], 22_000),
        ([{"value": "1", "measurand": "Power.Active.Import", "unit": "Wh"}], None),
        ([{"value": "-5", "measurand": "Power.Active.Import"}], None),
        ([{"value": "5000", "unit": "Wh"}], None),
        ([{"value": "5000", "measurand": "Power.Offered"}], None),
    ],
)
def test_power_is_read_in_watts_from_its_own_measurand(samples: list[Any], expected: int | None) -> None:
    assert power_w([{"timestamp": "2026-11-20T12:00:00Z", "sampledValue": samples}]) == expected


def test_power_is_that_of_the_latest_reading() -> None:
    values = [
        {"timestamp": at, "sampledValue": [{"value": value, "measurand": "Power.Active.Import"}]}
        for at, value in (("2026-11-20T12:00:30Z", "2"), ("2026-11-20T12:00:00Z", "1"))
    ]

    assert power_w(values) == 2
