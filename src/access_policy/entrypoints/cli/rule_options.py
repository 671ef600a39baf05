"""The options of a mode rule, which the commands of rules and of schedules share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Final

import typer

from access_policy.entrypoints.cli.printing import compact
from access_policy.entrypoints.cli.recurrences import rrule

Name = Annotated[str, typer.Option(help="Name that people will see")]
ScheduleName = Annotated[str, typer.Argument(metavar="NAME", help="Name that people will see")]
RuleName = Annotated[str, typer.Option("--rule", help="Name of the rule")]
Mode = Annotated[str, typer.Option(help="freevend or managed")]
Recurrence = Annotated[str, typer.Option(help="daily, weekdays, weekends, mon,wed, mon-fri, or an RRULE")]
Clock = Annotated[str, typer.Option(help="Local time, such as 22:00")]
NewMode = Annotated[str | None, typer.Option(help="freevend or managed")]
NewRecurrence = Annotated[str | None, typer.Option(help="daily, weekdays, weekends, mon,wed, mon-fri, or an RRULE")]
NewClock = Annotated[str | None, typer.Option(help="Local time, such as 22:00")]
EndDay = Annotated[
    int | None,
    typer.Option(
        "--end-day-offset",
        metavar="DAYS",
        help="Days from the start of a window to its end [default: 0, or 1 if the end is not later than the start]",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--rule-time-zone", help="Zone of the rule's local times, such as Europe/Berlin [default: the depot's]"
    ),
]
Applies = Annotated[str | None, typer.Option(help="Local date or instant")]
Priority = Annotated[int | None, typer.Option(help="The rule with the higher number wins [default: 0]")]
Dates = Annotated[list[str] | None, typer.Option(help="Local date; repeatable")]
Calendars = Annotated[list[str] | None, typer.Option(help="The depot's holiday calendar; repeatable")]

_OPTIONAL: Final = {
    "end_day_offset": EndDay,
    "rule_time_zone": Zone,
    "applies_from": Applies,
    "applies_until": Applies,
    "priority": Priority,
    "except_date": Dates,
    "extra_date": Dates,
    "except_calendar": Calendars,
    "extra_calendar": Calendars,
}
_FIELDS_BY_OPTION = {
    "rule_time_zone": "time_zone",
    "except_date": "except_dates",
    "extra_date": "extra_dates",
    "except_calendar": "except_calendars",
    "extra_calendar": "extra_calendars",
}
_SAME_NAMES = (
    "name",
    "mode",
    "recurrence",
    "start",
    "end",
    "end_day_offset",
    "applies_from",
    "applies_until",
    "priority",
)


def rule_of(ctx: typer.Context) -> dict[str, Any]:
    """Return the rule's fields that the command's options name."""
    fields = {**{name: name for name in _SAME_NAMES}, **_FIELDS_BY_OPTION}
    named = compact(**{field: ctx.params.get(option) for option, field in fields.items()})
    return {**named, "recurrence": rrule(named["recurrence"])} if "recurrence" in named else named


def with_rule_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `_OPTIONAL` to a command, which reads them with `rule_of`."""
    signature = inspect.signature(command, eval_str=True)

    @wraps(command)
    def run(**given: Any) -> None:
        command(**{name: given[name] for name in signature.parameters})

    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONAL.items()
    ]
    own = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in signature.parameters.values()]
    run.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*own, *more)}
    return run
