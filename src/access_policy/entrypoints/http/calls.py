"""Run one command for a request: its context, the version it expects, and the headers of the response."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import Response

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import ANY_VERSION
from access_policy.application.ports.identity import Identity
from access_policy.entrypoints.http.auth import Caller
from access_policy.entrypoints.http.dependencies import Handler, process_of
from access_policy.entrypoints.http.origins import origin_of
from access_policy.entrypoints.http.peers import PASSED_ON
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import LOG_POSITION, set_etag

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,15})"')

IfMatch = Annotated[
    str | None, Header(alias="If-Match", description='A version such as "3", from an ETag; "*": it must exist')
]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description='"*": it must not exist yet')]


@dataclass(frozen=True, slots=True)
class Call:
    """Runs one command. Called with a handler and a command, it runs the command, waits until the change can be read,
    and sets `ETag`, `X-Log-Position` and, for a new aggregate, the status 201."""

    request: Request
    response: Response
    caller: Identity
    if_match: str | None = None
    if_none_match: str | None = None

    @property
    def context(self) -> Context:
        return Context(
            tenant_id=self.caller.tenant_id,
            actor=self.caller.subject,
            correlation_id=self.request.state.request_id,
            command_seed=getattr(self.request.state, "command_seed", None),
            origin=origin_of(self.request),
        )

    @property
    def expected_version(self) -> int | None:
        """The version in `If-Match`, `ANY_VERSION` for its `*`, 0 for `If-None-Match: *`; None without either. Raises
        `ApiProblem` (400, 412)."""
        if self.if_none_match is not None:
            return _for_creation(self.if_match, self.if_none_match)
        if self.if_match is None:
            return None
        if self.if_match.strip() == "*":
            return ANY_VERSION
        match = _ETAG.fullmatch(self.if_match.strip())
        if match is None:
            raise ApiProblem(HTTPStatus.BAD_REQUEST, "bad-if-match", 'Send one version in If-Match, such as "3".')
        return int(match[1])

    async def __call__(self, handler: Handler, command: Any) -> Done:
        done = await handler(self.context, command)
        await self.settled(done.position)
        set_etag(self.response, done.version)
        self.response.headers[LOG_POSITION] = str(done.position)
        if done.created:
            self.response.status_code = HTTPStatus.CREATED
        return done

    async def settled(self, position: int) -> None:
        """Wait until everything up to the log position can be read, here and in the process that forwarded the
        request."""
        if PASSED_ON in self.request.headers:
            self.response.headers[LOG_POSITION] = str(position)
        await process_of(self.request).settled(position)


def _for_creation(if_match: str | None, if_none_match: str) -> int:
    if if_none_match.strip() != "*":
        detail = "Send * in If-None-Match, which creates only what does not exist yet."
        raise ApiProblem(HTTPStatus.BAD_REQUEST, "bad-if-none-match", detail)
    if if_match is not None:
        detail = "If-Match requires that it exists and If-None-Match: * that it does not; send one of them."
        raise ApiProblem(HTTPStatus.PRECONDITION_FAILED, "version-mismatch", detail)
    return 0


async def _command(request: Request, response: Response, caller: Caller) -> Call:
    return Call(request, response, caller)


async def _change(request: Request, response: Response, caller: Caller, if_match: IfMatch = None) -> Call:
    return Call(request, response, caller, if_match)


async def _put(
    request: Request,
    response: Response,
    caller: Caller,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Call:
    return Call(request, response, caller, if_match, if_none_match)


CommandCall = Annotated[Call, Depends(_command)]
ChangeCall = Annotated[Call, Depends(_change)]  # may send If-Match
PutCall = Annotated[Call, Depends(_put)]  # may send If-Match or If-None-Match
