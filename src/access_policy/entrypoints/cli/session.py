"""One run of a command: requests to the service with the caller's token, and output to the terminal."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from access_policy.entrypoints.cli.connection import Connection, Interrupted, Unreachable
from access_policy.entrypoints.cli.credentials import Credentials, NoToken
from access_policy.entrypoints.cli.moments import NotATime, instant_of, span_in_iso, tomorrow_instead
from access_policy.entrypoints.cli.prefixes import Ambiguous, whole
from access_policy.entrypoints.cli.quoting import segment
from access_policy.entrypoints.cli.refusals import lines_of, problem_in, refused_times
from access_policy.entrypoints.cli.terminal import Terminal
from access_policy.entrypoints.cli.zones import NoSuchZone, Zones

if TYPE_CHECKING:
    import httpx

PAGE = 200
FORBIDDEN, NOT_FOUND, UNAVAILABLE = 403, 404, 503

Document = Any


@dataclass
class Session(Terminal):
    """One run. `terms`: the options and arguments of the command, by the API field that each sets. `passed`: the typed
    clock times that have passed today, each with the words that the user may have meant.
    """

    connection: Connection
    credentials: Credentials
    time_zone: str | None = None
    terms: Mapping[str, str] = field(default_factory=dict)
    has_more: bool = field(default=False, init=False)
    passed: dict[str, str] = field(default_factory=dict, init=False)

    def close(self) -> None:
        self.connection.close()

    # --- requests ----------------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Document:
        return self.document(self.request("GET", path, query=query))

    def ready(self) -> Document:
        """Return the response of `/readyz`, even if the service is not ready."""
        response = self._send("GET", "/readyz")
        if response.status_code != UNAVAILABLE and not response.is_success:
            self._end_with_problem(response)
        found = self.document(response)
        if not isinstance(found, dict) or "parts" not in found:
            self._end_with_problem(response)
        return found

    def find(self, path: str, **query: Any) -> Document | None:
        """Return the document; None if it does not exist or the caller may not read it."""
        response = self._send("GET", path, query=query)
        return self.document(response) if response.is_success else None

    def get_or_none(self, path: str) -> Document | None:
        """Return the document; None if it does not exist. Any other refusal ends the command."""
        response = self._send("GET", path)
        if response.status_code == NOT_FOUND:
            return None
        if not response.is_success:
            self._end_with_problem(response)
        return self.document(response)

    def command(
        self,
        method: str,
        path: str,
        body: Document = None,
        *,
        file: bytes | None = None,
        file_type: str = "",
        if_match: str | None = None,
        **query: Any,
    ) -> Document:
        """Send a command with a new idempotency key, so that the service executes it once even if it arrives twice."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        if file is not None:
            headers["Content-Type"] = file_type
        if if_match is not None:
            headers["If-Match"] = f'"{if_match.strip(chr(34))}"'
        response = self.request(method, path, body=body, content=file, headers=headers, query=query)
        return self.document(response) if response.content else {}

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Send a request; if the path has only the beginning of an id, send it again with the whole id. `given`: as for
        `Connection.send`.

        Ends the command with one line if the service is unreachable or refuses the request.
        """
        response = self._send(method, path, **given)
        if response.status_code == NOT_FOUND and (whole_path := self.whole(method, path)) is not None:
            response = self._send(method, whole_path, **given)
        if not response.is_success:
            self._end_with_problem(response)
        return response

    def pages(self, path: str, limit: int | None, **query: Any) -> Iterator[Document]:
        """Yield all items, or the first `limit`. Afterwards `has_more` says whether there are more."""
        self.has_more = False
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
        self.has_more = True

    def lines(self, path: str, **query: Any) -> Iterator[str]:
        """Yield the lines of an endless response as they arrive. They end if the connection breaks."""
        try:
            with self.connection.stream(path, self._headers(), query) as response:
                if not response.is_success:
                    response.read()
                    self._end_with_problem(response)
                yield from response.iter_lines()
        except Unreachable as trouble:
            self.refuse(str(trouble))
        except Interrupted as cut:
            self.err.print(f"the connection broke ({cut}); reconnecting", markup=False)

    def document(self, response: httpx.Response) -> Document:
        try:
            return response.json()
        except ValueError:
            self.refuse(
                f"{self.connection.url} did not respond with JSON; check that it is the address of this service"
            )

    def as_installation(self) -> Session:
        """Return a session for the same service with a token of the installation: the given one, or one signed with the
        keys."""
        return replace(self, credentials=self.credentials.given_or_of_installation())

    def _send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **given: Any
    ) -> httpx.Response:
        headers = self._headers() | dict(headers or {})
        try:
            return self.connection.send(method, path, headers=headers, **given)
        except Unreachable as trouble:
            self.refuse(str(trouble))

    def _headers(self) -> dict[str, str]:
        try:
            if self.credentials.must_sign():
                self._sign()
        except NoToken as missing:
            self.refuse(str(missing))
        return {"Authorization": f"Bearer {self.credentials.token}"}

    def _sign(self) -> None:
        from access_policy.entrypoints.cli.unknown_tenants import trouble_with

        self.credentials.sign()
        asking = replace(self, credentials=self.credentials.of_installation())
        if (trouble := trouble_with(asking, str(self.credentials.tenant))) is not None:
            self.refuse(trouble)

    def whole(self, method: str, path: str) -> str | None:
        """Return the path with its id completed to the only id that begins with it; None if there is none."""
        try:
            found = whole(method, path, self._listed)
        except Ambiguous as error:
            self.refuse(str(error))
        if found is None:
            return None
        self.err.print(f"{found.beginning} is {found.identity}", markup=False)
        return found.path

    def _listed(self, path: str) -> Iterator[Document]:
        """Yield the entries of a list, paginated or not; none if the caller may not read it."""
        page = self.find(path)
        while page is not None:
            yield from page["items"]
            cursor = page.get("next_cursor")
            page = self.find(path, cursor=cursor) if cursor else None

    # --- ends of the command -----------------------------------------------------------------------------------------

    def _end_with_problem(self, response: httpx.Response) -> NoReturn:
        """End the command with the response's problem document."""
        problem = problem_in(response, self.connection.url)
        if self.as_json:
            self.err.print_json(data=problem)
            raise typer.Exit(1)
        lines = lines_of(problem, self.terms)
        if refused_times(problem):
            lines += [f"{typed} has passed today; did you mean {meant!r}?" for typed, meant in self.passed.items()]
        if response.status_code == FORBIDDEN and self.credentials.is_signed:
            lines.append(f"the token has the role {self.credentials.role}; choose another with --role")
        self.refuse("\n  ".join(lines))

    # --- times -------------------------------------------------------------------------------------------------------

    @cached_property
    def zones(self) -> Zones:
        try:
            return Zones(
                self.time_zone, self._depots, lambda charger_id: self.find(f"/v1/chargers/{segment(charger_id)}")
            )
        except NoSuchZone as error:  # the name in --time-zone
            self.refuse(str(error))

    def _depots(self) -> Iterator[Document]:
        """Yield the depots; none if the caller may not read them."""
        return self.pages("/v1/depots", None) if self.find("/v1/depots", limit=1) is not None else iter(())

    def zone(self, of_depot: str | None = None) -> ZoneInfo:
        """Return --time-zone, or else the depot's zone."""
        return self.zones.of({"time_zone": of_depot or "UTC"})

    def span(self, text: str | None) -> str | None:
        """Convert `2h`, `90m`, `7d` or ISO 8601 to an ISO 8601 duration."""
        try:
            return None if text is None else span_in_iso(text)
        except ValueError as error:
            self.refuse(str(error))

    def instant(
        self, text: str | None, *, charger: str | None = None, depot: str | None = None, ago: bool = False
    ) -> str | None:
        """Convert a typed time to RFC 3339 in UTC; without an offset, it is in the time zone of the depot or of the
        charger's depot. `ago`: a span counts back from now.
        """

        def zone() -> ZoneInfo:
            if (found := self.zones.typed(charger=charger, depot=depot)) is None:
                raise NotATime(
                    f"the time zone of {text!r} is unknown; give --time-zone, or write it like 2026-11-20T06:00:00Z"
                )
            return found

        if text is None:
            return None
        now = datetime.now(UTC)
        try:
            at = instant_of(text, now, zone, ago=ago)
        except NotATime as error:
            self.refuse(str(error))
        if (meant := tomorrow_instead(text, at, now)) is not None:
            self.passed[text] = meant
        return at
