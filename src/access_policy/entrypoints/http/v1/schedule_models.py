"""Bodies of requests and responses about schedules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.follow_schedule import FollowSchedule
from access_policy.application.commands.schedule_drafts import ScheduleDraft, ScheduledRule
from access_policy.application.what_if.recent import Counted
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import ChargerId, RuleId, ScheduleId
from access_policy.domain.mode_schedule import schedules
from access_policy.entrypoints.http.fields import Instant, RequestModel, ResponseModel, Text, UtcInstant, Version
from access_policy.entrypoints.http.v1.changes_of_many import ForOneCharger as ResultOfOne
from access_policy.entrypoints.http.v1.changes_of_many import outcome
from access_policy.entrypoints.http.v1.mode_rules import RuleBody
from access_policy.entrypoints.http.v1.plan_models import RuleSettings

CHARGERS_MAX = 10_000
WHAT_IF_DAYS_MAX = 92

ChargerIds = Annotated[list[Text], Field(max_length=CHARGERS_MAX)] | Literal["all"]


class TriedBody(RequestModel):
    """A dry run shows the timelines in `[from, until)` and may count the attempts of the last `what_if_days` days that
    the change would have decided differently."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    dry_run: bool = False
    from_: Annotated[Instant | None, Field(alias="from")] = None
    until: Instant | None = None
    what_if_days: Annotated[int, Field(strict=True, ge=1, le=WHAT_IF_DAYS_MAX)] | None = None

    @model_validator(mode="after")
    def _shown_in_a_dry_run(self) -> TriedBody:
        if not self.dry_run and any(each is not None for each in (self.from_, self.until, self.what_if_days)):
            raise ValueError(
                "from, until and what_if_days set what a dry run shows; set dry_run as well, or leave them out"
            )
        return self


class ScheduledRuleBody(RuleBody):
    """A rule of a schedule. `rule_id` names an existing rule; without it, the body means the rule of the same name, or
    a new rule."""

    rule_id: Text | None = None

    def scheduled(self) -> ScheduledRule:
        return ScheduledRule(draft=self.draft(), rule_id=None if self.rule_id is None else RuleId(self.rule_id))


class ScheduleBody(TriedBody):
    """The whole schedule: a rule that is left out is removed. `charger_ids` begin to follow it; chargers that already
    follow it need not be named."""

    name: Text
    rules: Annotated[list[ScheduledRuleBody], Field(min_length=1, max_length=schedules.SCHEDULE_RULES_MAX)]
    charger_ids: ChargerIds = Field(default=[])

    def command(self) -> dict[str, Any]:
        """Return the fields of `PutSchedule` that a body determines."""
        everyone = self.charger_ids == "all"
        return {
            "draft": ScheduleDraft(name=self.name, rules=tuple(each.scheduled() for each in self.rules)),
            "charger_ids": None if everyone else tuple(ChargerId(each) for each in self.charger_ids),
            "dry_run": self.dry_run,
            "start": self.from_,
            "end": self.until,
        }


class NewScheduleBody(ScheduleBody):
    depot_id: Text


class FollowBody(TriedBody):
    charger_ids: Annotated[list[Text], Field(min_length=1, max_length=CHARGERS_MAX)] | Literal["all"]
    follows: bool = True

    def chosen(self) -> tuple[ChargerId, ...] | None:
        return None if self.charger_ids == "all" else tuple(ChargerId(each) for each in self.charger_ids)


class AttemptsCounted(ResponseModel):
    """The recorded attempts in `[from, until)` at the affected chargers, and the ones that would have been decided
    differently. `complete`: false if there were too many to replay all."""

    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant
    attempts: int
    complete: bool
    different: int
    newly_denied: int
    newly_allowed: int

    @classmethod
    def of(cls, found: Counted) -> AttemptsCounted:
        return cls(
            from_=found.since,
            until=found.until,
            attempts=found.attempts,
            complete=found.complete,
            different=found.different,
            newly_denied=found.newly_denied,
            newly_allowed=found.newly_allowed,
        )


class FollowedByOne(ResultOfOne):
    """The result for one charger. `change_count`: the number of changes of its policy that were made, or in a dry run
    would be made."""

    change_count: Annotated[int, Field(default=None)]


class SchedulePutHead(ResponseModel):
    """The result for a schedule. `version` is null in the dry run of a new schedule; `what_if` is null unless it was
    requested."""

    dry_run: bool
    schedule_id: str
    depot_id: str
    name: str
    rules: list[RuleSettings]
    version: Version | None
    what_if: AttemptsCounted | None


class SchedulePutShown(SchedulePutHead):
    results: list[FollowedByOne]


class Followed(ResponseModel):
    dry_run: bool
    schedule_id: str
    what_if: AttemptsCounted | None


class ScheduleFollowedByMany(Followed):
    results: list[FollowedByOne]


class Follower(ResponseModel):
    charger_id: str
    up_to_date: bool


class ScheduleSummary(ResponseModel):
    schedule_id: str
    depot_id: str
    name: str
    rule_count: int
    charger_count: int
    version: Version

    @classmethod
    def of(
        cls, depot: Depot, schedule: schedules.Schedule, followers: Mapping[ChargerId, schedules.Schedule]
    ) -> ScheduleSummary:
        return cls(
            schedule_id=schedule.schedule_id,
            depot_id=depot.depot_id,
            name=schedule.name,
            rule_count=len(schedule.rules),
            charger_count=len(followers),
            version=depot.schedule_changed_at[schedule.schedule_id],
        )


class Schedule(ResponseModel):
    schedule_id: str
    depot_id: str
    name: str
    rules: list[RuleSettings]
    chargers: list[Follower]
    version: Version

    @classmethod
    def of(
        cls, depot: Depot, schedule: schedules.Schedule, followers: Mapping[ChargerId, schedules.Schedule]
    ) -> Schedule:
        return cls(
            schedule_id=schedule.schedule_id,
            depot_id=depot.depot_id,
            name=schedule.name,
            rules=[RuleSettings.of(rule) for rule in schedule.rules],
            chargers=[
                Follower(charger_id=charger_id, up_to_date=has == schedule)
                for charger_id, has in sorted(followers.items())
            ],
            version=depot.schedule_changed_at[schedule.schedule_id],
        )


def follower_of(schedule_id: str, charger_id: str, expected_version: int | None, *, follows: bool) -> FollowSchedule:
    return FollowSchedule(
        schedule_id=ScheduleId(schedule_id),
        charger_id=ChargerId(charger_id),
        follows=follows,
        expected_version=expected_version,
    )


def followers_shown(results: Iterable[ChangedOne]) -> Iterator[FollowedByOne]:
    for each in results:
        made = {"change_count": each.changes} if each.refusal is None else {}
        yield FollowedByOne(charger_id=each.charger_id, **outcome(each.refusal, each.preview), **made)
