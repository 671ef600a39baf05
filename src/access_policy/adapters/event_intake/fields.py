"""Field types of other services' messages, and the envelope that all messages share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import VALUE_LENGTH_MAX, IdentifierKind
from access_policy.domain.ids import ID_LENGTH_MAX, NAME_LENGTH_MAX, checked_id
from access_policy.domain.instants import NaiveInstant, is_far_future, utc


def _identity(value: str) -> str:
    try:
        return checked_id(value, "id")
    except Refused as refusal:
        raise ValueError(refusal.detail) from refusal


def _text_only(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _no_truth(value: Any) -> Any:
    """Refuse booleans, because True equals 1 in Python."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _instant(at: datetime) -> datetime:
    try:
        return utc(at, "the instant")
    except NaiveInstant as naive:
        raise ValueError("must be an instant with an offset from UTC, such as 2026-11-20T06:00:00Z") from naive
    except Refused as refusal:
        raise ValueError(refusal.detail) from refusal


def _end(at: datetime) -> datetime | None:
    """Return None, which means no end, if the instant is in the far future."""
    return None if at.utcoffset() is not None and is_far_future(at) else _instant(at)


Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX), AfterValidator(_identity)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX)]
Instant = Annotated[datetime, BeforeValidator(_text_only), AfterValidator(_instant)]
End = Annotated[datetime | None, BeforeValidator(_text_only), AfterValidator(_end)]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Aggregate(Shape):
    """The subject of the event. `version` rises with each event of the source about this subject. An event with an older
    version than one already received has no effect.
    """

    id: Id
    version: Annotated[int, Field(strict=True, ge=1, le=2**53 - 1)]
    type: Annotated[str, StringConstraints(max_length=64)] = ""


class Identifier(Shape):
    """An identifier as entered, in any spelling of its kind."""

    kind: IdentifierKind
    value: Annotated[str, StringConstraints(min_length=1, max_length=VALUE_LENGTH_MAX)]


class DetailOf(Shape):
    """`event_id` is unique within the source and identifies duplicates."""

    event_id: Token
    event_version: Annotated[Literal[1], BeforeValidator(_no_truth)]
    tenant_id: Id
    occurred_at: Instant
    aggregate: Aggregate
    correlation_id: Token | None = None
