"""The visitor of a page: the caller, the chosen depot, its time zone, and the responses."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from access_policy.application.ports.identity import Identity, Role
from access_policy.domain.depots.depot import Depot, DepotUnknown
from access_policy.domain.ids import DepotId
from access_policy.entrypoints.http.auth import ADMINS, OPERATORS, Caller
from access_policy.entrypoints.http.browsers import session_in
from access_policy.entrypoints.http.console import said, times
from access_policy.entrypoints.http.console.audience import DEPOT, Audience, link
from access_policy.entrypoints.http.console.fragments import Fragment
from access_policy.entrypoints.http.console.navigation import ENTRIES, Entry
from access_policy.entrypoints.http.console.security import SECURITY
from access_policy.entrypoints.http.console.templating import compiled, environment
from access_policy.entrypoints.http.dependencies import container_of, process_of

SALT_LENGTH: Final = 16  # characters
TURN_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Visit:
    """The visit of a page. `depots` are the visitor's, by name; `depot` is the chosen one; None: all of them. `zone` is
    the time zone of the page."""

    request: Request
    caller: Identity
    depots: tuple[Depot, ...]
    depot: Depot | None
    zone: ZoneInfo
    now: datetime

    @property
    def depot_id(self) -> DepotId | None:
        return None if self.depot is None else self.depot.depot_id

    @property
    def audience(self) -> Audience:
        """The visitors for whom a fragment is the same as for this one."""
        return Audience(self.caller.tenant_id, self.caller.depots, self.caller.role, self.depot_id, self.zone, self.now)

    @property
    def csrf(self) -> str:
        return csrf_token(self.request)

    @property
    def scope_in_words(self) -> str:
        if self.caller.depots is None:
            return "all depots"
        return ", ".join(sorted(map(self.depot_name, self.caller.depots))) or "no depot"

    def depot_name(self, depot_id: str) -> str:
        """Return the name of a depot, or the id itself if the depot is not one of the visitor's."""
        return next((each.settings.name for each in self.depots if each.depot_id == depot_id), depot_id)

    @property
    def entries(self) -> list[Entry]:
        return [entry for entry in ENTRIES if self.caller.role in entry.roles]

    @property
    def path(self) -> str:
        return self.request.url.path

    @property
    def zone_name(self) -> str:
        """The present abbreviation of the zone, such as `CET`."""
        return times.zone_name(self.now, self.zone)

    @property
    def position(self) -> int:
        """The log position up to which everything on the page is current, at least."""
        return process_of(self.request).peers.position()

    @property
    def is_fragment(self) -> bool:
        """Whether a script of the page requests only a part of it."""
        return "HX-Request" in self.request.headers

    @property
    def operates(self) -> bool:
        """Whether the visitor may change what operators change."""
        return self.may(OPERATORS)

    @property
    def administers(self) -> bool:
        return self.may(ADMINS)

    def may(self, roles: Iterable[Role]) -> bool:
        return self.caller.role in roles

    def url(self, path: str, **parameters: Any) -> str:
        """Return a link to a page of the console that keeps the chosen depot. Parameters that are None are left out."""
        return link(self.depot_id, path, parameters)

    def same(self, **parameters: Any) -> str:
        """Return a link to this page with its present parameters, some of them changed; None leaves one out."""
        present = dict(self.request.query_params.multi_items())
        return self.url(self.path, **{**present, **parameters})

    def in_depot(self, depot: Depot | None) -> Visit:
        """Return the same visit on the clock of one depot, for a page about something in that depot."""
        return self if depot is None else replace(self, zone=ZoneInfo(depot.settings.time_zone))

    def at_depot(self, depot_id: str | None) -> Visit:
        """Return the same visit at that depot of the visitor, for a page about something in that depot."""
        found = next((each for each in self.depots if each.depot_id == depot_id), None)
        return replace(self, depot=found).in_depot(found)

    def at_one_depot(self) -> Visit:
        """Return the same visit at the chosen depot, or at the first one if none is chosen, for a page about a single
        depot."""
        first = self.depot or (self.depots[0] if self.depots else None)
        return replace(self, depot=first).in_depot(first)

    def page(self, template: str, *, status: int = HTTPStatus.OK, **context: Any) -> HTMLResponse:
        return self._answer(self.html(template, said=said.read(self.request), **context), status)

    def _answer(self, html: str, status: int) -> HTMLResponse:
        response = Fragment(html).answer(self.request, status)
        if said.read(self.request) is not None and not self.is_fragment:
            said.forget(self.request, response)
        return response

    async def page_cooperatively(self, template: str, **context: Any) -> HTMLResponse:
        """Like `page`, but for hundreds of rows: other requests are served while it is rendered."""
        drawn, pieces = environment().get_template(template), list[str]()
        loop = asyncio.get_running_loop()
        until = loop.time() + TURN_S
        for piece in drawn.generate(here=self, said=said.read(self.request), **context):
            pieces.append(piece)
            if loop.time() > until:
                await asyncio.sleep(0)
                until = loop.time() + TURN_S
        return self._answer("".join(pieces), HTTPStatus.OK)

    def html(self, template: str, **context: Any) -> str:
        return environment().get_template(template).render(here=self, **context)

    def done(self, url: str, text: str) -> Response:
        """Redirect to another page after a change; that page shows `text` once."""
        if self.is_fragment:
            response: Response = Response(status_code=HTTPStatus.OK, headers={**SECURITY, "HX-Redirect": url})
        else:
            response = RedirectResponse(url, HTTPStatus.SEE_OTHER, SECURITY)
        said.remember(self.request, response, text)
        return response


def csrf_token(request: Request, salt: str | None = None) -> str:
    """Return a token derived from the session, which scripts cannot read, and a salt of the page. Without the salt, the
    length of compressed pages would reveal the token (BREACH). Empty without a session."""
    session = session_in(request)
    if session is None:
        return ""
    salt = secrets.token_hex(SALT_LENGTH // 2) if salt is None else salt
    return salt + hmac.new(session.encode(), b"csrf" + salt.encode(), hashlib.sha256).hexdigest()


async def _visit(
    request: Request, caller: Caller, asked: Annotated[str | None, Query(max_length=64, alias=DEPOT)] = None
) -> Visit:
    """Build the visit at the depot of the path, or else at the chosen one. Raises `DepotUnknown`."""
    await compiled()
    depot_id = request.path_params.get(DEPOT) or asked
    c = container_of(request)
    known = c.deciding.view().depots_of(caller.tenant_id)
    depots = [each for each in known if caller.depots is None or each.depot_id in caller.depots]
    depots.sort(key=lambda each: (each.settings.name.casefold(), each.depot_id))
    chosen = next((each for each in depots if each.depot_id == depot_id), None)
    if depot_id and chosen is None:
        raise DepotUnknown.named(depot_id)
    clock_of = chosen or (depots[0] if depots else None)
    zone = ZoneInfo("UTC" if clock_of is None else clock_of.settings.time_zone)
    return Visit(request, caller, tuple(depots), chosen, zone, c.clock().now())


Here = Annotated[Visit, Depends(_visit)]
