"""The frames of a conversation: every request with its response, in both directions, as sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWN = (
    "authorization",
    "x-request-id",
    "x-correlation-id",
    "ocpi-from-country-code",
    "ocpi-from-party-id",
    "ocpi-to-country-code",
    "ocpi-to-party-id",
    "link",
    "x-total-count",
    "x-limit",
    "x-error-message",
)
HIDDEN = "Token …"


@dataclass(frozen=True)
class Frame:
    """A request with its response. `by` is the caller. Bodies are the raw bytes."""

    by: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    response_headers: Mapping[str, str]
    response: bytes

    @property
    def sent(self) -> Any:
        return json.loads(self.body)

    @property
    def answered(self) -> Any:
        return json.loads(self.response)

    def text(self) -> str:
        """Return the frame for people, with the tokens of credentials hidden."""
        lines = [f"{self.by}: {self.method} {self.url}", *_headers(self.headers), *_body(self.body)]
        lines += [f"<- {self.status}", *_headers(self.response_headers), *_body(self.response)]
        return "\n".join(lines)


@dataclass
class Frames:
    all: list[Frame] = field(default_factory=list)

    def add(self, frame: Frame) -> None:
        self.all.append(frame)

    def text(self, title: str = "", since: int = 0) -> str:
        heading = [f"=== {title} ===", ""] if title else []
        return "\n".join([*heading, *(f"{frame.text()}\n" for frame in self.all[since:])])


def _headers(headers: Mapping[str, str]) -> list[str]:
    found = {name.lower(): value for name, value in headers.items()}
    return [f"   {name}: {HIDDEN if name == 'authorization' else found[name]}" for name in SHOWN if name in found]


def _body(body: bytes) -> list[str]:
    if not body:
        return []
    try:
        document = _without_tokens(json.loads(body))
    except ValueError:
        return [f"   {body[:200]!r}"]
    return [f"   {line}" for line in json.dumps(document, indent=2, ensure_ascii=False).splitlines()]


def _without_tokens(document: Any) -> Any:
    """Hide the tokens of credentials objects, which have a token beside a URL or a list of version URLs."""
    if isinstance(document, dict):
        hides = "token" in document and ("url" in document or "version_url" in document)
        return {name: "…" if hides and name == "token" else _without_tokens(value) for name, value in document.items()}
    return [_without_tokens(each) for each in document] if isinstance(document, list) else document
