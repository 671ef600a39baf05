"""One run of a command: the service's address, the caller's token, requests, and times."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from zoneinfo import ZoneInfo

import typer

from access_policy.application.ports.identity import NO_TENANT, Role
from access_policy.domain.instants import is_far_future
from access_policy.entrypoints.cli.installation import signed_token
from access_policy.entrypoints.cli.moments import moment
from access_policy.entrypoints.cli.prefixes import SHOWN, beginning_with, parts_of
from access_policy.entrypoints.cli.quoting import printable, segment
from access_policy.entrypoints.cli.terms import in_terms
from access_policy.entrypoints.cli.unknown_tenants import unknown_tenant
from access_policy.entrypoints.cli.zones import NoSuchZone, Zones
from access_policy.entrypoints.durations import span_of

if TYPE_CHECKING:
    import ssl

    import httpx
    from rich.console import Console

TIMEOUT_S = 60.0
PAGE = 200
TENANTS = "/v1/tenants"
FORBIDDEN = 403
NOT_FOUND = 404

Document = Any


def is_interactive() -> bool:
    return sys.stdin.isatty()


@dataclass
class Session:
    url: str
    token: str | None
    tenant: str | None
    data: str
    time_zone: str | None
    as_json: bool
    role: Role = Role.OPERATOR
    ca: Path | None = None
    transport: httpx.BaseTransport | None = None
    timeout_s: float = TIMEOUT_S
    silent: bool = False
    yes: bool = False
    terms: Mapping[str, str] = field(default_factory=dict)  # options and arguments by field

    def __post_init__(self) -> None:
        self.signed = self.has_more = False

    @cached_property
    def out(self) -> Console:
        from rich.console import Console

        return Console(soft_wrap=not sys.stdout.isatty(), highlight=False)

    @cached_property
    def err(self) -> Console:
        from rich.console import Console

        return Console(stderr=True, soft_wrap=True, highlight=False, quiet=self.silent)

    # --- requests ----------------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Document:
        return self.document(self.request("GET", path, query=query))

    def ready(self) -> Document:
        """Return the response of `/readyz`, even if the service is not ready."""
        import httpx

        response = self._send("GET", "/readyz", None, None, self._headers({}), {})
        if response.status_code != httpx.codes.SERVICE_UNAVAILABLE and not response.is_success:
            self._end_with_problem(response)
        found = self.document(response)
        if not isinstance(found, dict) or "parts" not in found:
            self._end_with_problem(response)
        return found

    def find(self, path: str, **query: Any) -> Document | None:
        """Return the document; None if it does not exist or the caller may not read it."""
        response = self._send("GET", path, None, None, self._headers({}), query)
        return self.document(response) if response.is_success else None

    def get_if_there(self, path: str) -> Document | None:
        """Return the document; None if it does not exist. Any other refusal ends the command."""
        import httpx

        response = self._send("GET", path, None, None, self._headers({}), {})
        if response.status_code == httpx.codes.NOT_FOUND:
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

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Document = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """Send a request. End the command with one line if the service is unreachable or refuses."""
        response = self._send(method, path, body, content, self._headers(headers or {}), query or {})
        if response.status_code == NOT_FOUND and (whole := self._whole(method, path)) is not None:
            response = self._send(method, whole, body, content, self._headers(headers or {}), query or {})
        if not response.is_success:
            self._end_with_problem(response)
        return response

    def _whole(self, method: str, path: str) -> str | None:
        """Return the path with the only id that begins with the given one; None if there is none. Ends the command if
        there are several, or if the command would remove or replace another thing than the one that was named.
        """
        if (parts := parts_of(path)) is None:
            return None
        kind, beginning, rest = parts
        found = beginning_with(kind, beginning, self._listed)
        if not found:
            return None
        if len(found) > 1 or method not in ("GET", "POST"):
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            self.refuse(f"{beginning!r} is unknown; these begin with it: {', '.join(found[:SHOWN])}{more}")
        self.err.print(f"{beginning} is {found[0]}", markup=False)
        return f"/v1/{kind}/{segment(found[0])}{rest}"

    def _listed(self, path: str) -> Iterator[Document]:
        """Yield the entries of a list, with or without pages; none if the caller may not read it."""
        page = self.find(path)
        while page is not None:
            yield from page["items"]
            cursor = page.get("next_cursor")
            page = self.find(path, cursor=cursor) if cursor else None

    def _send(
        self,
        method: str,
        path: str,
        body: Document,
        content: bytes | None,
        headers: Mapping[str, str],
        query: Mapping[str, Any],
    ) -> httpx.Response:
        import httpx

        parameters = {name: str(value) for name, value in query.items() if value is not None}
        url = self.url.rstrip("/") + path
        try:
            return self._client.request(method, url, params=parameters, json=body, content=content, headers=headers)
        except httpx.ConnectError:
            self.refuse(f"cannot connect to {self.url}; is the service running? Start it with: access-policy serve")
        except httpx.TimeoutException:
            self.refuse(f"{self.url} did not answer within {self.timeout_s:g} s; it may still execute the request")
        except (httpx.HTTPError, httpx.InvalidURL) as trouble:
            self.refuse(f"{self.url}: {str(trouble) or type(trouble).__name__}")

    def lines(self, path: str, **query: Any) -> Iterator[str]:
        """Yield the lines of a response without end, as they arrive. A connection that breaks ends them."""
        import httpx

        parameters: dict[str, Any] = {name: value for name, value in query.items() if value is not None}
        url, headers = self.url.rstrip("/") + path, self._headers({})
        try:
            with self._client.stream("GET", url, params=parameters, headers=headers) as response:
                if not response.is_success:
                    response.read()
                    self._end_with_problem(response)
                yield from response.iter_lines()
        except httpx.ConnectError:
            self.refuse(f"cannot connect to {self.url}; is the service running? Start it with: access-policy serve")
        except httpx.TransportError as trouble:
            self.err.print(f"the connection broke ({type(trouble).__name__}) and is opened again", markup=False)

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        verify = True if self.ca is None else self._trusting(self.ca)
        return httpx.Client(transport=self.transport, timeout=self.timeout_s, trust_env=False, verify=verify)

    def _trusting(self, ca: Path) -> ssl.SSLContext:
        import ssl

        import httpx

        context = httpx.create_ssl_context(trust_env=False)
        try:
            context.load_verify_locations(ca)
        except (ssl.SSLError, OSError) as error:
            self.refuse(f"{ca} is not a readable CA certificate ({error}); give it as PEM")
        return context

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def document(self, response: httpx.Response) -> Document:
        try:
            return response.json()
        except ValueError:
            self.refuse(f"{self.url} did not answer with JSON; check that it is the address of this service")

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._bearer()}", **headers}

    def pages(self, path: str, limit: int | None, **query: Any) -> Iterator[Document]:
        """Yield all items, or the first `limit`. Afterwards `has_more` is true if there are others."""
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

    def _bearer(self) -> str:
        if self.token is not None:
            return self.token
        if self.tenant is None:
            self.refuse("no token; give --token, or on the service's own machine --as-tenant (and --keys-of DIRECTORY)")
        self.token = signed_token(Path(self.data), self.tenant, self.role)
        self.signed = True
        self._refuse_unknown(self.tenant)
        return self.token

    def _refuse_unknown(self, tenant: str) -> None:
        """End the command if there are tenants, and this is none of them. The first tenant of an installation needs no
        record. A service that takes no tokens of these keys refuses the command by itself.
        """
        asking = self._with_token(signed_token(Path(self.data), NO_TENANT, Role.INSTALLATION))
        if asking.find(TENANTS, limit=1) is None:
            return
        found = asking.find(f"{TENANTS}/{segment(tenant)}")
        if found is not None and found["erased_at"] is not None:
            self.refuse(f"the tenant {printable(tenant)} was erased at {found['erased_at']}")
        if found is None:
            known = [each["tenant_id"] for each in asking.pages(TENANTS, None) if each["erased_at"] is None]
            if known:
                self.refuse(unknown_tenant(tenant, known))

    def as_installation(self) -> Session:
        """The same service with a token of the installation: the given one, or one signed with the keys."""
        return self._with_token(self.token or signed_token(Path(self.data), NO_TENANT, Role.INSTALLATION))

    def _with_token(self, token: str) -> Session:
        """Shares the client, which this session closes."""
        other = replace(self, token=token)
        other.__dict__["_client"] = self._client
        return other

    def _end_with_problem(self, response: httpx.Response) -> NoReturn:
        """End the command with the response's problem document."""
        import msgspec

        try:
            problem = msgspec.json.decode(response.content, type=dict[str, Any])
        except msgspec.DecodeError:
            problem = {
                "detail": f"{self.url} answered {response.status_code} {response.reason_phrase}; "
                "check that it is the address of this service"
            }
        if self.as_json:
            self.err.print_json(data=problem)
            raise typer.Exit(1)
        detail = str(problem.get("detail") or problem.get("title"))
        more = []
        for each in problem.get("errors", []):
            term = in_terms(each["pointer"], self.terms)
            detail = detail.replace(f"{each['pointer']}: ", f"{term}: ", 1) if each["pointer"] else detail
            more.append(": ".join(filter(None, (term, each["message"]))))
        lines = [detail, *(each for each in more if detail not in each)][:20]
        if response.status_code == FORBIDDEN and self.signed:
            lines.append(f"the token has the role {self.role}; choose another with --role")
        self.refuse("\n  ".join(map(printable, lines)))

    def confirm(self, action: str) -> None:
        """Ask before an action that ends or removes something, unless --yes was given. Ends the command with 2 if there
        is no terminal to ask at, and with 1 if the answer is no.
        """
        if self.yes:
            return
        if not is_interactive():
            self.err.print(f"access-policy: to {action} without a terminal, give --yes", markup=False)
            raise typer.Exit(2)
        if not typer.confirm(f"{action[:1].upper()}{action[1:]}?", err=True):
            self.refuse("nothing is changed")

    def refuse(self, reason: str) -> NoReturn:
        self.err.print(f"access-policy: {reason}", markup=False)
        raise typer.Exit(1)

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
        """Return --time-zone, or else the named zone."""
        return self.zones.of({"time_zone": of_depot or "UTC"})

    def span(self, text: str | None) -> str | None:
        """Convert `2h`, `90m`, `7d` or ISO 8601 to an ISO 8601 duration."""
        if text is None:
            return None
        try:
            return f"PT{round(span_of(text).total_seconds())}S"
        except ValueError as error:
            self.refuse(str(error))

    def instant(
        self, text: str | None, *, charger: str | None = None, depot: str | None = None, ago: bool = False
    ) -> str | None:
        """Convert `2026-11-20T06:00:00Z`, a depot's local time such as `2026-11-20 06:00`, or words such as `tomorrow 06:00`
        and `7d`, to RFC 3339 in UTC. `ago`: a span counts back from now.
        """

        def zone() -> ZoneInfo:
            found = self.zones.typed(charger=charger, depot=depot)
            if found is None:
                self.refuse(
                    f"the time zone of {text!r} is unknown; give --time-zone, or write it like 2026-11-20T06:00:00Z"
                )
            return found

        if text is None:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            found = moment(text, datetime.now(UTC), zone, ago=ago)
            if found is None:
                self.refuse(
                    f"{text!r} is not a valid time; write 2026-11-20 06:00, 2026-11-20T06:00:00Z, tomorrow 06:00, 18:00, or 7d"
                )
            at = found
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone())
        if is_far_future(at):
            return (
                at.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
            )  # stands for "no end" and cannot be converted
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
