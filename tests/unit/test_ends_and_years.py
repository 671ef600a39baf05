"""Ends and years mean the same wherever they enter: in a CSV file, in the body of a request, in an event of another service."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from access_policy.adapters.event_intake.messages import BadEvent, read
from access_policy.application.registry_import.cells import read_rows
from access_policy.application.registry_import.csv_file import rows_of
from access_policy.entrypoints.http.v1.agreements import AgreementBody
from access_policy.entrypoints.http.v1.mode_rules import RuleBody
from access_policy.entrypoints.http.v1.vehicle_models import VehicleBody
from tests.support.incoming import agreement_changed, commissioned
from tests.unit.http.conftest import AGREEMENT, BUS, NIGHTS

FAR = ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-05:00", "2201-01-01T00:00:00Z"]
RANGE = "use a year from 2000 to 2200"


class Wrong(Exception):
    """What a caller reads who sent a field that is wrong."""


def of_csv(column: str, text: str) -> datetime | None:
    file = f"vehicle_id,name,access_class,{column}\nb1,Bus 1,own,{text}\n".encode()
    (row,) = read_rows(rows_of(file), lambda _: pytest.fail("no identifiers"))
    if row.errors:
        raise Wrong(row.errors[0].message)
    value = row.values[column]
    assert value is None or isinstance(value, datetime)
    return value


def of_body(body: Callable[..., Any], given: Any, column: str, text: str) -> datetime | None:
    try:
        made = body(**{**given, column: text})
    except ValidationError as error:
        raise Wrong(error.errors()[0]["msg"]) from error
    value: datetime | None = getattr(made, column)
    return value


def of_event(column: str, text: str) -> datetime | None:
    try:
        message: Any = read(json.dumps(commissioned("b1", 1, **{column: text}))).message
    except BadEvent as bad:
        raise Wrong(str(bad)) from bad
    value: datetime | None = getattr(message.description, column)
    return value


DOORS: dict[str, Callable[[str, str], datetime | None]] = {
    "csv": of_csv,
    "vehicle over HTTP": lambda column, text: of_body(VehicleBody, BUS, column, text),
    "agreement over HTTP": lambda column, text: of_body(AgreementBody, AGREEMENT, column, text),
    "event": of_event,
}


@pytest.mark.parametrize("door", DOORS)
def test_a_far_future_end_means_no_end_at_every_door(door: str) -> None:
    assert [DOORS[door]("valid_until", text) for text in FAR] == [None, None, None]
    assert DOORS[door]("valid_until", "2200-12-31T23:59:59Z") == datetime(2200, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("valid_from", "9999-12-31T23:59:59Z"),
        ("valid_from", "1926-01-01T00:00:00Z"),
        ("valid_until", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_year_out_of_range_is_refused_with_the_range_at_every_door(door: str, column: str, text: str) -> None:
    with pytest.raises(Wrong, match=RANGE):
        DOORS[door](column, text)


@pytest.mark.parametrize("text", ["9999-12-31", *FAR])
def test_a_rule_that_applies_until_the_far_future_has_no_end(text: str) -> None:
    assert RuleBody(**{**NIGHTS, "applies_until": text}).draft().applies_until is None


@pytest.mark.parametrize("field", ["applies_from", "applies_until"])
@pytest.mark.parametrize(
    ("text", "said"), [("1926-01-01", RANGE), ("1926-01-01T00:00:00Z", RANGE), ("9999-13-31", "local date")]
)
def test_a_rule_with_a_wrong_bound_is_refused_with_a_reason(field: str, text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RuleBody(**{**NIGHTS, field: text})


def test_an_agreement_of_another_service_that_ends_in_the_far_future_does_not_end() -> None:
    message: Any = read(json.dumps(agreement_changed("c", 1, valid_until=FAR[0], ended_at=FAR[0]))).message

    assert (message.agreement.valid_until, message.agreement.ended_at) == (None, None)


def test_an_event_with_a_byte_order_mark_is_taken_as_text_and_as_bytes() -> None:
    text = "\ufeff" + json.dumps(commissioned("b1", 1))

    assert read(text) == read(text.encode())
