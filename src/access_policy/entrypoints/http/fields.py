"""Field types that several request and response models share, and the base classes of both."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.instants import YEAR_MAX, YEAR_MIN, checked_year, is_far_future, utc
from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.domain.mode_schedule.rules import Edge

Value = TypeVar("Value")
Item = TypeVar("Item")

Version = Annotated[int, Field(ge=1, description="The version that If-Match is compared with")]

TEXT_MAX = 500
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class RequestModel(BaseModel):
    """A request body or a part of one. Unknown fields are rejected."""

    model_config = ConfigDict(extra="forbid")


class ResponseModel(BaseModel):
    """A response body or a part of one. A field with a default is left out if the route does not set it."""

    model_config = ConfigDict(extra="forbid", validate_by_alias=True, validate_by_name=True)


class Page(ResponseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None


# --- texts -----------------------------------------------------------------------------------------------------------


def without_control_characters(value: str) -> str:
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF or ord(character) == 127 for character in value):
        raise ValueError("contains a control character; remove it")
    return value


Text = Annotated[str, StringConstraints(max_length=TEXT_MAX), AfterValidator(without_control_characters)]
Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
assert set(WEEKDAYS) == set(Weekday.__args__)  # type: ignore[attr-defined]


class IdentifierBody(RequestModel):
    kind: IdentifierKind
    value: Annotated[str, StringConstraints(max_length=TEXT_MAX)]


class ReasonBody(RequestModel):
    reason: Text


# --- instants, dates and durations -----------------------------------------------------------------------------------


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("has no offset from UTC; write it as 2026-11-20T06:00:00Z or with +01:00")
    return _checked(lambda: utc(at, "the instant"))


def _aware_end(at: datetime) -> datetime | None:
    return None if at.tzinfo is not None and is_far_future(at) else _aware(at)


def _checked(read: Callable[[], Value]) -> Value:
    """Convert a refusal by the domain to an error of the field, with the domain's message."""
    try:
        return read()
    except Refused as refusal:
        raise ValueError(refusal.detail) from refusal


def _only_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _only_a_day(value: Any) -> Any:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("must be a local date such as 2026-11-20")
    return value


Instant = Annotated[datetime, BeforeValidator(_only_text), AfterValidator(_aware)]
End = Annotated[
    datetime | None,
    BeforeValidator(_only_text),
    AfterValidator(_aware_end),
    Field(description=f"A time after the year {YEAR_MAX}, such as 9999-12-31T23:59:59Z, means no end"),
]
Day = Annotated[date, BeforeValidator(_only_a_day)]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]

# In a response: RFC 3339 in UTC with `Z`; and the time in the charger's zone with the zone's offset.
UtcInstant = Annotated[datetime, AfterValidator(lambda at: at.astimezone(UTC))]
LocalInstant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


def utc_text(at: datetime) -> str:
    """RFC 3339 in UTC with `Z`, as `UtcInstant` is serialized."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def edge(text: str | None) -> Edge | None:
    """Read a local date or an instant. Raises `ValueError`."""
    if text is None:
        return None
    try:
        on, at = (date.fromisoformat(text), None) if _DAY.fullmatch(text) else (None, datetime.fromisoformat(text))
        if at is not None and at.tzinfo is None:
            raise ValueError("no offset")
    except ValueError as error:
        raise ValueError(
            "must be a local date such as 2026-11-20 or an instant such as 2026-11-20T06:00:00Z"
        ) from error
    if on is None:
        assert at is not None
        return Edge(at=_aware(at))
    _checked(lambda: checked_year(on.year, "the date"))
    return Edge(on=on)


def _edge_text(value: str) -> str:
    edge(value)
    return value


def _end_edge_text(value: str) -> str | None:
    """Return the end, or None for an end in the far future, which means no end."""
    year = re.match(r"([0-9]{4})-", value)
    if year is None or int(year[1]) <= YEAR_MAX:
        return _edge_text(value)
    _edge_text(f"{YEAR_MIN}{value[4:]}")  # the rest of the text must be valid
    return None


EdgeText = Annotated[str, StringConstraints(max_length=40), AfterValidator(_edge_text)]
EndEdgeText = Annotated[str | None, StringConstraints(max_length=40), AfterValidator(_end_edge_text)]
