"""The form of a schedule: rules as fields (`rules/0/start`), converted to the API's body and back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.entrypoints.http.console import schedule_words
from access_policy.entrypoints.http.console.forms import Form, invalid
from access_policy.entrypoints.http.v1.plan_models import RuleSettings
from access_policy.entrypoints.http.v1.schedule_models import NewScheduleBody, ScheduleBody

Values = dict[str, str | list[str]]

_FIELD: Final = re.compile(r"rules/([0-9]{1,3})/([a-z_]+)")
TEXTS: Final = ("rule_id", "name", "mode", "start", "end", "time_zone", "applies_from", "applies_until")
NUMBERS: Final = ("priority", "end_day_offset")
CALENDARS: Final = ("except_calendars", "extra_calendars")
DATES: Final = ("except_dates", "extra_dates")
NEW_RULE: Final = {"mode": "managed", "start": "22:00", "end": "06:00"}


def rules_in(form: Form) -> list[int]:
    return sorted({int(match[1]) for name in form.values if (match := _FIELD.fullmatch(name))})


def values_of(schedule: Schedule) -> Values:
    """Return the values of the form; empty fields are left out."""
    values: Values = {"name": schedule.name}
    for number, rule in enumerate(schedule.rules):
        values |= {f"rules/{number}/{name}": value for name, value in rule_values(RuleSettings.of(rule)).items()}
    return {name: value for name, value in values.items() if value}


def rule_values(rule: RuleSettings) -> Values:
    """Return the fields of one rule, without a prefix. The offset of the end's day is left out if the times imply it,
    so that it also follows from changed times."""
    days = schedule_words.days_of(rule.recurrence)
    stored = rule.model_dump(mode="json")
    if rule.end_day_offset == int(rule.end <= rule.start):
        stored["end_day_offset"] = None
    return {
        **{name: stored[name] or "" for name in TEXTS},
        **{name: "" if stored[name] in (None, 0) else str(stored[name]) for name in NUMBERS},
        **{name: stored[name] for name in CALENDARS},
        **{name: ", ".join(stored[name]) for name in DATES},
        "days": days or [],
        "recurrence": rule.recurrence if days is None else "",
    }


def with_another_rule(form: Form) -> Form:
    """Return the form with one more rule: the one described in words, or else an empty one. Raises
    `RequestValidationError`."""
    number, words = max(rules_in(form), default=-1) + 1, form.text("words")
    fields: Values = {**NEW_RULE, "name": words or f"Window {number + 1}"}
    if words:
        found = schedule_words.read(words)
        if found is None:
            raise invalid({"words": f"Write it as “{schedule_words.EXAMPLE}”, or leave it empty and fill in the form."})
        days, fields["start"], fields["end"] = found
        fields["days"] = days
    added = {f"rules/{number}/{name}": value for name, value in fields.items()}
    return replace(form, values={**form.values, **added, "words": ""})


def compacted(form: Form) -> Form:
    """Return the form without the rules whose box `remove` is ticked."""
    kept = [number for number in rules_in(form) if not form.text(f"rules/{number}/remove")]
    values = {name: value for name, value in form.values.items() if not _FIELD.fullmatch(name)}
    for new, old in enumerate(kept):
        prefix = f"rules/{old}/"
        fields = {name: value for name, value in form.values.items() if name.startswith(prefix)}
        values |= {f"rules/{new}/{name.removeprefix(prefix)}": value for name, value in fields.items()}
    return replace(form, values=values)


def body_of(form: Form, **more: Any) -> ScheduleBody:
    """Build the body. `more` are further fields of the body; with `depot_id`, it is that of a new schedule. Raises
    `RequestValidationError`."""
    rules = [rule_body(form, f"rules/{number}/") for number in rules_in(form)]
    model = NewScheduleBody if "depot_id" in more else ScheduleBody
    return form.body(
        model,
        ignored=form.values.keys(),
        name=form.text("name"),
        rules=rules,
        charger_ids=form.texts("charger_ids"),
        **more,
    )


def rule_body(form: Form, prefix: str) -> dict[str, Any]:
    """Return the rule whose fields begin with `prefix`. Raises `RequestValidationError`."""
    texts = {name: text for name in TEXTS if (text := form.text(prefix + name))}
    days = form.texts(prefix + "days")
    recurrence = form.text(prefix + "recurrence")
    if not days and not recurrence:
        raise invalid({f"{prefix}days": "Choose at least one day."})
    return {
        "name": "",
        **texts,
        **{name: int(text) for name in NUMBERS if (text := form.text(prefix + name)).lstrip("-").isdecimal()},
        **{name: form.texts(prefix + name) for name in CALENDARS},
        **{name: form.text(prefix + name).replace(",", " ").split() for name in DATES},
        "recurrence": recurrence or schedule_words.recurrence_of(days),
    }
