"""Numbers with their nouns, for messages that people read."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 charger`, `2 chargers`, `1,200 chargers`; with a verb `1 row has`, `2 rows have`.

    Args:
        many: The words for every other number than one [default: `one` with an s].
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
