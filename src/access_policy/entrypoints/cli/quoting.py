"""Quote ids for URLs, and texts from other systems for the terminal."""

from __future__ import annotations

import re
from urllib.parse import quote

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Replace control characters, which could control the terminal, in a text from a charger or a file."""
    return CONTROL.sub("\ufffd", text)


def segment(identity: str) -> str:
    """Quote an id as a segment of a URL's path."""
    return quote(identity, safe="")
