"""Interpret values that chargers report, in the same way wherever they are compared: the switch, the offline settings, the
probe, drift reports and monitored variables.

OCPP writes booleans as `true` and `false` and compares them case-insensitively; chargers also write `1`, `"False "`, `on`,
or JSON `false`. An absent or empty value is unknown, because it confirms nothing.
"""

from __future__ import annotations

from typing import Final

_TRUTHS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_PAIRS: Final = {  # the word for true and the word for false, by either
    word: pair for pair in (("true", "false"), ("1", "0"), ("yes", "no"), ("on", "off")) for word in pair
}


def value_text(value: object) -> str | None:
    """Return the value as a string, although JSON may carry it as a boolean or a number; None if it is absent or empty."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else str(value)
        case str():
            return value.strip(" \t\r\n\0") or None
        case _:
            return None


def truth(value: object) -> bool | None:
    """Return the boolean that a charger's value means; None if it is not a boolean."""
    text = value_text(value)
    return None if text is None else _TRUTHS.get(text.lower())


def same_value(found: object, wanted: str) -> bool:
    """Whether `found` means the same as `wanted`: equal strings ignoring case, or the same boolean in another spelling."""
    text = value_text(found)
    if text is None:
        return False
    meant = truth(text)
    return text.lower() == wanted.strip().lower() or (meant is not None and meant is truth(wanted))


def spellings(reported: object, wanted: str) -> tuple[str, ...]:
    """Return the spellings of `wanted` for a charger that reports `reported`, in the order in which to try them: booleans
    first in the letter case that the charger uses, then in the charger's own word if it differs. Other values are
    unchanged.
    """
    text = value_text(reported)
    word = _PAIRS.get((text or "").lower())
    meant = truth(wanted)
    if text is None or word is None or meant is None:
        return (wanted,)
    own = _cased(text, word[0 if meant else 1])
    written = _cased(text, wanted) if text.isalpha() else wanted
    return (written,) if same_word(own, wanted) else (written, own)


def same_word(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _cased(reported: str, word: str) -> str:
    if reported.isupper():
        return word.upper()
    if reported.islower():
        return word.lower()
    return word.capitalize() if reported.istitle() else word
