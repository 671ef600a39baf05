"""One run of a command: where the service is, who asks, and how answers are printed."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
import msgspec
import typer
from rich.console import Console

from access_policy.entrypoints.cli.running import signed_token, span_of

TIMEOUT_S = 60.0
PAGE = 200

Document = Any


def part(identity: str) -> str:
    """An id as a segment of an address."""
    return quote(identity, safe="")


@dataclass
class Session:
    url: str
    token: str | None
    tenant: str | None
    data: str
    time_zone: str | None
    as_json: bool
    transport: httpx.BaseTransport | None = None

    def __post_init__(self) -> None:
        self.out = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
        self.err = Console(stderr=True, soft_wrap=True, highlight=False)

    # --- requests ----------------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Document:
        return self.ask("GET", path, query=query).json()

    def command(
        self, method: str, path: str, body: Document = None, *, if_match: str | None = None, **query: Any
    ) -> Document:
        """Each command has a key of its own, so that one whose answer was lost is not done twice."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match.strip(chr(34))}"'
        answered = self.ask(method, path, body=body, headers=headers, query=query)
        return answered.json() if answered.content else {}

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Document = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """Ends the command with one line where the service is not there or refuses."""
        asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
        all_headers = {"Authorization": f"Bearer {self._bearer()}", **(headers or {})}
        try:
            with httpx.Client(transport=self.transport, timeout=TIMEOUT_S, trust_env=False) as client:
                answered = client.request(
                    method, self.url.rstrip("/") + path, params=asked, json=body, content=content, headers=all_headers
                )
        except httpx.ConnectError:
            self.refuse(f"nothing answers at {self.url}; is the service running? Start it with: access-policy serve")
        except (httpx.HTTPError, httpx.InvalidURL) as trouble:
            self.refuse(f"{self.url}: {str(trouble) or type(trouble).__name__}")
        if answered.is_error:
            self._refused(answered)
        return answered

    def pages(self, path: str, limit: int | None, **query: Any) -> Iterator[Document]:
        """All items, or the first `limit`."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self.get(path, limit=size, cursor=cursor, **query)
            yield from page["items"][:left]
            cursor = page["next_cursor"]
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])

    def _bearer(self) -> str:
        if self.token is not None:
            return self.token
        if self.tenant is None:
            self.refuse("who asks? Give --token, or on the service's own machine --as-tenant (and --keys-of DIRECTORY)")
        self.token = signed_token(Path(self.data), self.tenant)
        return self.token

    def _refused(self, answered: httpx.Response) -> NoReturn:
        try:
            problem = msgspec.json.decode(answered.content, type=dict[str, Any])
        except msgspec.DecodeError:
            problem = {"detail": f"the service answered {answered.status_code}"}
        if self.as_json:
            self.err.print_json(data=problem)
            raise typer.Exit(1)
        detail = str(problem.get("detail") or problem.get("title"))
        more = [f"{each['pointer']}: {each['message']}" for each in problem.get("errors", [])]
        lines = [detail, *(each for each in more if detail not in each)][:20]
        self.refuse("\n  ".join(lines))

    def refuse(self, reason: str) -> NoReturn:
        self.err.print(f"access-policy: {reason}", markup=False)
        raise typer.Exit(1)

    # --- times -------------------------------------------------------------------------------------------------------

    def zone(self, of_depot: str | None = None) -> ZoneInfo:
        name = self.time_zone or of_depot or "UTC"
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            self.refuse(f"there is no time zone {name!r}; write it like Europe/Berlin")

    def span(self, text: str | None) -> str | None:
        """`2h`, `90m`, `7d` or ISO 8601, as ISO 8601."""
        if text is None:
            return None
        try:
            return f"PT{round(span_of(text).total_seconds())}S"
        except ValueError as error:
            self.refuse(str(error))

    def instant(self, text: str | None, of_depot: str | None = None) -> str | None:
        """`2026-11-20T06:00:00Z`, or a local time such as `2026-11-20 06:00`, in RFC 3339."""
        if text is None:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.refuse(f"{text!r} is no time; write 2026-11-20 06:00, or 2026-11-20T06:00:00Z")
        local = at if at.tzinfo is not None else at.replace(tzinfo=self.zone(of_depot))
        return local.astimezone(UTC).isoformat().replace("+00:00", "Z")
