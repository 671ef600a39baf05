"""Field types of OCPI objects (OCPI 2.3.0, types), and their base class."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints

VERSION: Final = "2.3.0"
INTEGER_MAX: Final = 2**31 - 1


class OcpiObject(BaseModel):
    """An OCPI object. Unknown fields are ignored, because later editions add fields. Fields without a value are omitted."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    def as_json(self) -> Any:
        return self.model_dump(mode="json", exclude_none=True, by_alias=True)


def _utc(at: datetime) -> datetime:
    """Convert to UTC. In OCPI, an instant without an offset is in UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _text(value: Any) -> Any:
    if not isinstance(value, str | datetime):
        raise ValueError("must be a string such as 2026-11-20T06:00:00Z")
    return value


def _printable(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must contain only printable ASCII characters")
    return value


def _shown(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must contain only printable characters")
    return value


def text_of(at: datetime) -> str:
    """Format as RFC 3339 in UTC with `Z`, with fractions of a second only if they are not zero."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


DateTime = Annotated[
    datetime, BeforeValidator(_text), AfterValidator(_utc), PlainSerializer(text_of, return_type=str, when_used="json")
]
CiString2 = Annotated[str, StringConstraints(min_length=2, max_length=2), AfterValidator(_printable)]
CiString3 = Annotated[str, StringConstraints(min_length=3, max_length=3), AfterValidator(_printable)]
CiString36 = Annotated[str, StringConstraints(min_length=1, max_length=36), AfterValidator(_printable)]
CiString64 = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_printable)]
String64 = Annotated[str, StringConstraints(max_length=64), AfterValidator(_shown)]
String100 = Annotated[str, StringConstraints(max_length=100), AfterValidator(_shown)]
String255 = Annotated[str, StringConstraints(max_length=255), AfterValidator(_shown)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_printable)]
