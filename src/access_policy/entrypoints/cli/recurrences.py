"""Recurrences in words: `daily`, `weekdays`, `weekends`, `mon,wed` and `mon-fri`; an RRULE is passed unchanged."""

from __future__ import annotations

from typing import Final

DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORDS: Final = {
    "daily": "FREQ=DAILY",
    "every day": "FREQ=DAILY",
    "weekdays": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "weekends": "FREQ=WEEKLY;BYDAY=SA,SU",
}


def rrule(text: str) -> str:
    """Return the RRULE that the words mean. Other texts are returned unchanged: the service checks them."""
    words = text.strip().lower()
    if words in _WORDS:
        return _WORDS[words]
    days: set[int] = set()
    for part in words.split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        begins, ends = _day(first), _day(last if dash else first)
        if begins is None or ends is None:
            return text
        days |= {(begins + step) % 7 for step in range((ends - begins) % 7 + 1)}
    return f"FREQ=WEEKLY;BYDAY={','.join(DAYS[day] for day in sorted(days))}"


def _day(word: str) -> int | None:
    """Read `mo`, `mon` or `monday`, or its plural."""
    word = word.removesuffix("s") if len(word) > 4 else word
    found = [place for place, name in enumerate(_NAMES) if len(word) >= 2 and name.startswith(word)]
    return found[0] if len(found) == 1 else None
