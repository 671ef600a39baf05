"""The console's templates: Jinja2 with escaping, errors for missing names, and the filters of `times` and `words`."""

from __future__ import annotations

import asyncio
import re
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from access_policy.domain.plurals import counted
from access_policy.entrypoints.http.console import assets, schedule_words, times, words
from access_policy.entrypoints.http.fields import utc_text

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_TIME: Final = re.compile(r"\b(\d\d:\d\d):00\b")

PACKAGE: Final = "access_policy.entrypoints.http.console"


@cache
def environment() -> Environment:
    found = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.globals["asset"] = assets.url_of
    found.filters.update(
        utc=utc_text,
        instant=_instant,
        clock=_clock,
        since=_since,
        ago=_ago,
        left=_left,
        span=times.length,
        seconds=lambda number: times.length(timedelta(seconds=number)),
        mode=words.mode_in_words,
        reason=words.reason_in_words,
        next_step=words.next_step_after,
        energy=words.energy_in_words,
        sync=words.sync_in_words,
        cause=words.cause_in_words,
        page_of_cause=words.page_of_cause,
        recorded_cause=words.recorded_cause,
        kind=words.kind_in_words,
        code=words.code_in_words,
        ocpp_code=words.ocpp_code_in_words,
        protocol=words.protocol_in_words,
        day=times.day,
        days=schedule_words.days_in_words,
        stored=_stored,
        plural=counted,
    )
    return found


async def compiled() -> None:
    """Return when all templates are compiled. The first call compiles them on a thread, because that takes some tenths
    of a second."""
    if not _compiled:
        await asyncio.to_thread(_compile)


_compiled: set[str] = set()


def _compile() -> None:
    for name in environment().list_templates():
        environment().get_template(name)
        _compiled.add(name)


@pass_context
def _instant(context: Context, at: datetime | None, zone: ZoneInfo | str | None = None) -> Markup | str:
    """Return text such as `tomorrow 22:00 CET` on the clock of `zone`, or of the chosen depot if `zone` is None."""
    if at is None:
        return "never"
    here = context["here"]
    return times.as_element(at, times.day_and_clock(at, _zone(context, zone), here.now))


@pass_context
def _stored(context: Context, text: str) -> str:
    """Return a value of the audit: a day as `Fri 1 Jan 2027`, instants on the clock of the page, times of day without
    seconds."""
    if _DAY.fullmatch(text):
        return times.day(date.fromisoformat(text))
    zone, now = _zone(context, None), context["here"].now
    local = _INSTANT.sub(lambda at: times.day_and_clock(datetime.fromisoformat(at[0]), zone, now), text)
    return _TIME.sub(r"\1", local)


@pass_context
def _clock(context: Context, at: datetime, zone: ZoneInfo | str | None = None) -> Markup:
    """Return text such as `22:00`, for columns whose heading names the zone."""
    return times.as_element(at, times.clock(at, _zone(context, zone)))


@pass_context
def _since(context: Context, at: datetime | None) -> Markup | str:
    """Return text such as `for 12 min`."""
    return "" if at is None else times.as_element(at, f"for {times.length(context['here'].now - at)}")


@pass_context
def _ago(context: Context, at: datetime | None) -> Markup | str:
    """Return text such as `12 min ago`."""
    return "never" if at is None else times.as_element(at, f"{times.length(context['here'].now - at)} ago")


@pass_context
def _left(context: Context, at: datetime) -> Markup:
    """Return text such as `in 2 h 5 min`; `now` once it is over."""
    left = at - context["here"].now
    return times.as_element(at, f"in {times.length(left)}" if left > timedelta(0) else "now")


def _zone(context: Context, zone: ZoneInfo | str | None) -> ZoneInfo:
    if zone is None:
        found: ZoneInfo = context["here"].zone
        return found
    return zone if isinstance(zone, ZoneInfo) else ZoneInfo(zone)
