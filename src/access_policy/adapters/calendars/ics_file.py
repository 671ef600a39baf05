"""The text of an .ics file and its events (RFC 5545, 3.1), with the positions that messages name."""

from __future__ import annotations

import re

from icalendar import Calendar, Event

from access_policy.adapters.calendars.zones import without_zones
from access_policy.domain.errors import Invalid

EVENTS_MAX = 2_000
_SPLIT_CHARACTER = re.compile(rb"(\r?\n[ \t])([\x80-\xbf]+)")
_UTF_8_LENGTH_MAX = 4  # bytes of a character
_EMPTY = re.compile(r'(?m)^(?!BEGIN|END)[A-Za-z0-9-]+(;(?:"[^"\r\n]*"|[^":\r\n])*)?:[ \t]*(?=\r?$)(?!\r?\n[ \t])')
_UNREADABLE_LINE = re.compile(r"into parts: '(.*?)': ", re.DOTALL)


class IcsInvalid(Invalid):
    code = "ics-invalid"


def text_of(content: bytes) -> str:
    try:
        text = _whole_characters(content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise IcsInvalid(f"Line {line} is not UTF-8; save the file as UTF-8, which RFC 5545 requires.") from error
    if (count := text.upper().count("BEGIN:VEVENT")) > EVENTS_MAX:
        raise IcsInvalid(f"The file has {count} events; the limit is {EVENTS_MAX}. Split the file.")
    return text


def _whole_characters(content: bytes) -> bytes:
    """Move folds that split a character after it: lines are folded by bytes (RFC 5545, 3.1)."""
    for _ in range(_UTF_8_LENGTH_MAX - 1):
        content, moved = _SPLIT_CHARACTER.subn(rb"\2\1", content)
        if not moved:
            break
    return content


def parsed(text: str) -> Calendar:
    """Parse the calendar. Properties without a value are replaced in place, so that messages give the right line numbers.
    Raises `IcsInvalid`.
    """
    try:
        calendar = Calendar.from_ical(_EMPTY.sub("X-EMPTY:-", without_zones(text)))
    except ValueError as error:
        raise IcsInvalid(f"Not a readable .ics file: {where(str(error), text)}") from error
    if not isinstance(calendar, Calendar):
        raise IcsInvalid("Not an .ics calendar: it must begin with BEGIN:VCALENDAR.")
    return calendar


def where(message: str, text: str) -> str:
    """Return the parser's message, with the line number if it is known."""
    match = _UNREADABLE_LINE.search(message)
    if match is None:
        return message.splitlines()[0][:200]
    wanted = match[1][:40]
    number = next((n for n, line in enumerate(text.splitlines(), 1) if line.startswith(wanted)), None)
    return f"line {number or '?'} is not NAME:VALUE ({wanted!r})."


def name_of(event: Event, text: str) -> str:
    """Return how messages name the event: by its UID and its line."""
    uid = str(event.get("UID") or "")
    line = next((n for n, line in enumerate(text.splitlines(), 1) if uid and line.strip() == f"UID:{uid}"), None)
    return f"The event {uid[:80] or 'without UID'!r}" + ("" if line is None else f" (line {line})")
