"""The visitor of a page: who it is, which depot is chosen, the depot's clock, and how a page is answered."""

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
    """`depots` are the visitor's, by name; `depot` is the chosen one, None: all of them. `zone` is the clock of the page."""

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
        """Those for whom a fragment reads as it does for this visitor."""
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
        """The id itself for a depot that is not the visitor's."""
        return next((each.settings.name for each in self.depots if each.depot_id == depot_id), depot_id)

    @property
    def entries(self) -> list[Entry]:
        return [entry for entry in ENTRIES if self.caller.role in entry.roles]

    @property
    def path(self) -> str:
        return self.request.url.path

    @property
    def zone_name(self) -> str:
        """`CET`, as it is now."""
        return times.zone_name(self.now, self.zone)

    @property
    def position(self) -> int:
        """The log position that everything on the page includes at least."""
        return process_of(self.request).peers.position()

    @property
    def is_fragment(self) -> bool:
        """Whether a script of the page asks for a part of it."""
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
        """A link to a page of the console that keeps the chosen depot. A parameter that is None is left out."""
        return link(self.depot_id, path, parameters)

    def same(self, **parameters: Any) -> str:
        """A link to this page with its present parameters, some of them changed; None leaves one out."""
        present = dict(self.request.query_params.multi_items())
        return self.url(self.path, **{**present, **parameters})

    def in_depot(self, depot: Depot | None) -> Visit:
        """The same visit on the clock of one depot, for a page about one thing of it."""
        return self if depot is None else replace(self, zone=ZoneInfo(depot.settings.time_zone))

    def at_depot(self, depot_id: str | None) -> Visit:
        """The same visit at that depot of the visitor, for a page about one thing of it."""
        found = next((each for each in self.depots if each.depot_id == depot_id), None)
        return replace(self, depot=found).in_depot(found)

    def at_one_depot(self) -> Visit:
        """The same visit at the chosen depot, without a choice at the first one, for a page that is about one depot."""
        first = self.depot or (self.depots[0] if self.depots else None)
        return replace(self, depot=first).in_depot(first)

    def page(self, template: str, *, status: int = HTTPStatus.OK, **context: Any) -> HTMLResponse:
        return self._answer(self.html(template, said=said.read(self.request), **context), status)

    def _answer(self, html: str, status: int) -> HTMLResponse:
        response = Fragment(html).answer(self.request, status)
        if said.read(self.request) is not None and not self.is_fragment:
            said.forget(self.request, response)
        return response

    async def page_in_turns(self, template: str, **context: Any) -> HTMLResponse:
        """As `page`, for hundreds of rows: other requests get their turn while it is drawn."""
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
        """After a change: go on to another page, which shows `text` once."""
        if self.is_fragment:
            response: Response = Response(status_code=HTTPStatus.OK, headers={**SECURITY, "HX-Redirect": url})
        else:
            response = RedirectResponse(url, HTTPStatus.SEE_OTHER, SECURITY)
        said.remember(self.request, response, text)
        return response


def csrf_token(request: Request, salt: str | None = None) -> str:
    """Derived from the session, which no script can read, and a salt of the page, without which the length of compressed pages
    would give the token away (BREACH). Empty without a session."""
    session = session_in(request)
    if session is None:
        return ""
    salt = secrets.token_hex(SALT_LENGTH // 2) if salt is None else salt
    return salt + hmac.new(session.encode(), b"csrf" + salt.encode(), hashlib.sha256).hexdigest()


async def _visit(
    request: Request, caller: Caller, asked: Annotated[str | None, Query(max_length=64, alias=DEPOT)] = None
) -> Visit:
    """The depot of the path, or else the chosen one. Raises `DepotUnknown`."""
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
