"""Values that chargers read back, in one reading for everything that compares them: the switch, the offline settings, the
probe, drift reports and monitored variables.

OCPP writes booleans as `true` and `false` and compares them without case; chargers also write `1`, `"False "`, `on`, or JSON
`false`. An absent or empty value is unknown: a charger that says nothing has confirmed nothing.
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
    """The text of a value that JSON may also carry as a boolean or a number; None where there is none, or an empty one."""
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
    """The boolean that a charger's value says; None for anything else."""
    text = value_text(value)
    return None if text is None else _TRUTHS.get(text.lower())


def same_value(found: object, wanted: str) -> bool:
    """`found` says what `wanted` does: the same text without case, or the same boolean in another word."""
    text = value_text(found)
    if text is None:
        return False
    meant = truth(text)
    return text.lower() == wanted.strip().lower() or (meant is not None and meant is truth(wanted))


def spellings(reported: object, wanted: str) -> tuple[str, ...]:
    """How to write `wanted` to a charger that reports `reported`, the first to be tried first: booleans in the case that the
    charger uses, and then in its own word where that is another one. Anything else is written as it is."""
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
