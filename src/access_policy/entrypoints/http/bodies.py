"""Request bodies: strict shapes, and from them the application's own types. Pydantic stops here."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts, OnStoreOutage, OnWindowStart
from access_policy.domain.charger_access_policy.copying import Parts
from access_policy.domain.depots.depot import EXCLUSIVE_KINDS, SESSION_MAX_AGE_HOURS
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, CalendarId, ChargerId, DepotId
from access_policy.domain.instants import YEAR_MAX, YEAR_MIN, checked_year, is_far_future, utc
from access_policy.domain.mode_schedule.calendars import ENTRIES_MAX, Holiday
from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.domain.mode_schedule.rules import CALENDARS_MAX, END_DAY_OFFSET_MAX, PRIORITY_MAX, Edge
from access_policy.domain.vehicle_registry.agreements import Agreement, AgreementHours
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription

Answer = TypeVar("Answer")

DATES_MAX = 1_000
TEXT_MAX = 500
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("has no offset from UTC; write it as 2026-11-20T06:00:00Z or with +01:00")
    return _checked(lambda: utc(at, "the instant"))


def _aware_end(at: datetime) -> datetime | None:
    return None if at.tzinfo is not None and is_far_future(at) else _aware(at)


def _checked(read: Callable[[], Answer]) -> Answer:
    """What the domain refuses is a mistake of the field's, in the domain's words."""
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


def _no_controls(value: str) -> str:
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF or ord(character) == 127 for character in value):
        raise ValueError("holds a control character; remove it")
    return value


Text = Annotated[str, StringConstraints(max_length=TEXT_MAX), AfterValidator(_no_controls)]
Name = Text
Instant = Annotated[datetime, BeforeValidator(_only_text), AfterValidator(_aware)]
End = Annotated[
    datetime | None,
    BeforeValidator(_only_text),
    AfterValidator(_aware_end),
    Field(description=f"After the year {YEAR_MAX}, such as 9999-12-31T23:59:59Z, it means that there is no end"),
]
Day = Annotated[date, BeforeValidator(_only_a_day)]
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
assert set(WEEKDAYS) == set(Weekday.__args__)  # type: ignore[attr-defined]


def _edge_text(value: str) -> str:
    edge(value)
    return value


def _end_edge_text(value: str) -> str | None:
    """None for a far-future end: there is none."""
    year = re.match(r"([0-9]{4})-", value)
    if year is None or int(year[1]) <= YEAR_MAX:
        return _edge_text(value)
    _edge_text(f"{YEAR_MIN}{value[4:]}")  # the rest has to be right
    return None


EdgeText = Annotated[str, StringConstraints(max_length=40), AfterValidator(_edge_text)]
EndEdgeText = Annotated[str | None, StringConstraints(max_length=40), AfterValidator(_end_edge_text)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DepotBody(Body):
    """The depot's settings as a whole: what is left out has its default. Without `identifier_kinds` all kinds count."""

    name: Name
    time_zone: Text
    language: Text = "en"
    longest_override_days: int = Field(default=7, strict=True)
    session_max_age_hours: int = Field(
        default=SESSION_MAX_AGE_HOURS, strict=True, description="A session without energy for so long is ended as lost"
    )
    identifier_kinds: frozenset[IdentifierKind] = frozenset()
    exclusive_kinds: frozenset[IdentifierKind] = EXCLUSIVE_KINDS


class ChargerBody(Body):
    """What is left out keeps its value, or has its default for a new charger."""

    charge_point_id: Annotated[str, StringConstraints(max_length=TEXT_MAX)]
    depot_id: Text
    profile: Text
    baseline_mode: AccessMode
    enforcement: Enforcement | None = None
    connectors: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    on_window_start: OnWindowStart | None = None
    on_store_outage: OnStoreOutage | None = None
    offline_starts: OfflineStarts | None = None
    password: Annotated[str, StringConstraints(min_length=8, max_length=64), AfterValidator(_no_controls)] | None = None


class HolidayBody(Body):
    date: Day
    until_date: Day | None = None
    reason: Text

    def holiday(self) -> Holiday:
        return Holiday(first=self.date, last=self.until_date or self.date, reason=self.reason)


class CalendarBody(Body):
    name: Name
    days: Annotated[list[HolidayBody], Field(min_length=1, max_length=ENTRIES_MAX)]


CalendarIds = Annotated[list[Text], Field(max_length=CALENDARS_MAX)]


class RuleBody(Body):
    """The rule as a whole, also where one is amended: what is left out is not set. Without `applies_until` it has no end."""

    name: Name
    mode: AccessMode
    recurrence: Text
    start: Clock
    end: Clock
    end_day_offset: Annotated[int, Field(strict=True, ge=0, le=END_DAY_OFFSET_MAX)] | None = None
    time_zone: Text | None = None
    applies_from: EdgeText | None = None
    applies_until: EndEdgeText | None = None
    priority: Annotated[int, Field(strict=True, ge=-PRIORITY_MAX, le=PRIORITY_MAX)] = 0
    except_dates: Annotated[list[Day], Field(max_length=DATES_MAX)] = []
    extra_dates: Annotated[list[Day], Field(max_length=DATES_MAX)] = []
    except_calendars: CalendarIds = []
    extra_calendars: CalendarIds = []

    def draft(self) -> RuleDraft:
        return RuleDraft(
            name=self.name,
            mode=self.mode,
            recurrence=self.recurrence,
            start=time.fromisoformat(self.start),
            end=time.fromisoformat(self.end),
            end_day_offset=self.end_day_offset,
            time_zone=self.time_zone,
            applies_from=edge(self.applies_from),
            applies_until=edge(self.applies_until),
            priority=self.priority,
            except_dates=frozenset(self.except_dates),
            extra_dates=frozenset(self.extra_dates),
            except_calendars=frozenset(CalendarId(each) for each in self.except_calendars),
            extra_calendars=frozenset(CalendarId(each) for each in self.extra_calendars),
        )


class DryRunBody(Body):
    """What a dry run shows is `[from, until)`; without `dry_run` there is nothing to show."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    charger_ids: Annotated[list[Text], Field(min_length=1, max_length=10_000)] | Literal["all"]
    dry_run: bool = False
    from_: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None

    @model_validator(mode="after")
    def _shown_in_a_dry_run(self) -> DryRunBody:
        if not self.dry_run and (self.from_ is not None or self.until is not None):
            raise ValueError("from and until say what a dry run shows; give dry_run as well, or leave them out")
        return self

    def chosen(self) -> tuple[ChargerId, ...] | None:
        return None if self.charger_ids == "all" else tuple(ChargerId(each) for each in self.charger_ids)


class ManyRulesBody(DryRunBody):
    rule: RuleBody


class PartsBody(Body):
    rules: bool = True
    exceptions: bool = True
    baseline_mode: bool = True
    enforcement: bool = False

    @model_validator(mode="after")
    def _something(self) -> PartsBody:
        if not (self.rules or self.exceptions or self.baseline_mode or self.enforcement):
            raise ValueError("names nothing to copy")
        return self

    def parts(self) -> Parts:
        return Parts(**self.model_dump())


class CopyPolicyBody(DryRunBody):
    """`replace`: what the other chargers have besides goes."""

    what: PartsBody = PartsBody()
    replace: bool = True


class ExceptionBody(Body):
    """The days `date` to `until_date`, or all days of the depot's calendar `calendar_id`."""

    date: Day | None = None
    until_date: Day | None = None
    calendar_id: Text | None = None
    mode: AccessMode
    reason: Text

    @model_validator(mode="after")
    def _one_kind(self) -> ExceptionBody:
        if (self.date is None) is (self.calendar_id is None):
            raise ValueError("give date or calendar_id, one of the two")
        if self.calendar_id is not None and self.until_date is not None:
            raise ValueError("until_date goes with date; a calendar has its own days")
        return self


class OverrideBody(Body):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    mode: AccessMode
    reason: Text
    from_: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None
    for_: Annotated[timedelta | None, BeforeValidator(lambda v: duration(v)), Field(alias="for")] = None
    until_next_transition: bool = False

    @model_validator(mode="after")
    def _one_end(self) -> OverrideBody:
        given = [self.until is not None, self.for_ is not None, self.until_next_transition]
        if sum(given) != 1:
            raise ValueError("give exactly one of until, for and until_next_transition")
        return self


class IdentifierBody(Body):
    kind: IdentifierKind
    value: Annotated[str, StringConstraints(max_length=TEXT_MAX)]


class VehicleBody(Body):
    """The vehicle as a whole: what is left out is not set. `identifiers` are exactly those that it has then; null leaves those
    that it has."""

    name: Name
    access_class: Literal["own", "agreement"]
    agreement_id: Text | None = None
    valid_from: Instant | None = None
    valid_until: End | None = None
    identifiers: Annotated[list[IdentifierBody], Field(max_length=200)] | None = []
    plate: Annotated[str, StringConstraints(max_length=TEXT_MAX)] | None = None

    @model_validator(mode="after")
    def _known_identifiers(self) -> VehicleBody:
        if self.identifiers is None and self.plate is not None:
            raise ValueError("plate is one of the identifiers; leave it out where they stay as they are (null)")
        return self

    def description(self) -> VehicleDescription:
        return VehicleDescription(
            name=self.name,
            access_class=AccessClass(self.access_class),
            agreement_id=None if self.agreement_id is None else AgreementId(self.agreement_id),
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )

    def presented(self) -> list[tuple[IdentifierKind, str]] | None:
        """None: those that the vehicle has."""
        if self.identifiers is None:
            return None
        plates = [] if self.plate is None else [(IdentifierKind.PLATE, self.plate)]
        return [*((each.kind, each.value) for each in self.identifiers), *plates]


class EnrolBody(Body):
    vehicle_id: Text
    name: Name | None = None
    access_class: Literal["own", "agreement"] | None = None
    agreement_id: Text | None = None


class EnrolmentSessionBody(Body):
    minutes: Annotated[int, Field(strict=True)] = 5
    kind: IdentifierKind | None = None


class ReasonBody(Body):
    reason: Text


class HoursBody(Body):
    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    start: Clock
    end: Clock


class AgreementBody(Body):
    """The agreement as a whole: what is left out is not set, which widens it. Without `valid_until` it has no end, without
    `charger_ids` and `depot_ids` it holds everywhere, without `hours` always, and without `identifier_kinds` for all kinds. To
    correct one field, read the agreement first and send all of it, with `If-Match`."""

    name: Name
    fleet: Name
    valid_from: Instant
    valid_until: End | None = None
    charger_ids: Annotated[list[Text], Field(max_length=10_000)] = []
    depot_ids: Annotated[list[Text], Field(max_length=10_000)] = []
    hours: Annotated[list[HoursBody], Field(max_length=100)] = []
    identifier_kinds: frozenset[IdentifierKind] = frozenset()

    def agreement(self, agreement_id: AgreementId) -> Agreement:
        return Agreement(
            agreement_id=agreement_id,
            name=self.name,
            fleet=self.fleet,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            charger_ids=frozenset(ChargerId(each) for each in self.charger_ids),
            depot_ids=frozenset(DepotId(each) for each in self.depot_ids),
            hours=tuple(
                AgreementHours(
                    days=tuple(each.days), start=time.fromisoformat(each.start), end=time.fromisoformat(each.end)
                )
                for each in self.hours
            ),
            identifier_kinds=self.identifier_kinds,
        )


class DecisionBody(Body):
    charger_id: Text
    connector_id: Annotated[int, Field(strict=True, ge=0, le=100)] | None = None
    identifier: IdentifierBody
    at: Instant | None = None
    dry_run: bool = False
    attempt_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = None


def edge(text: str | None) -> Edge | None:
    """A local date or an instant. Raises `ValueError`."""
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


_DURATION = r"^P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$"


def duration(value: Any) -> timedelta | None:
    """ISO 8601 days, hours, minutes and seconds, such as `PT2H` or `P1DT30M`. Raises `ValueError`."""
    if value is None or isinstance(value, timedelta):
        return value
    match = re.match(_DURATION, value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError("takes an ISO 8601 duration such as PT2H or P1D")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
