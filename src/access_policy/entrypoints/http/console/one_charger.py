"""The common part of all pages about one charger, and calls that the process with its connection answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote, unquote

import msgspec
from fastapi import Depends, Request
from fastapi.responses import Response

from access_policy.domain.depots.depot import Depot
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import Form
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.dependencies import DecisionView
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.v1.charger_models import Charger
from access_policy.entrypoints.http.v1.charger_reader import Chargers


@dataclass(frozen=True, slots=True)
class AtCharger:
    """The visit on the clock of the charger's depot. `depot` None: the view has not followed it yet."""

    here: Visit
    charger: Charger
    depot: Depot | None

    def url(self, below: str = "", **parameters: Any) -> str:
        """Return the page of the charger, or one below it such as `/log`."""
        return self.here.url(f"{CHARGERS}/{quote(self.charger.charger_id, safe='')}{below}", **parameters)


async def _at(here: Here, charger_id: str, chargers: Chargers, view: DecisionView) -> AtCharger:
    """Find the charger of the path. Raises `ChargerUnknown`."""
    shown = await chargers.charger(here.caller.tenant_id, ChargerId(charger_id))
    depot = view.depot(here.caller.tenant_id, DepotId(shown.depot_id))
    return AtCharger(here.in_depot(depot), shown, depot)


At = Annotated[AtCharger, Depends(_at)]


def as_api(request: Request, path: str, body: Any) -> Request:
    """Return the same visitor's request for an operation of the API, which may be forwarded to the charger's process.
    `path` is percent-encoded."""
    content = msgspec.json.encode(body)
    headers = [pair for pair in request.scope["headers"] if pair[0] not in (b"content-type", b"content-length")]
    scope = {
        **request.scope,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [*headers, (b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    return Request(scope, receive)


def of_peer(answer: Response) -> bytes:
    """Return the body of a successful response. Raises `ApiProblem`."""
    body = bytes(answer.body)
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        problem = msgspec.json.decode(body)
        raise ApiProblem(HTTPStatus(answer.status_code), "charger-refused", problem["detail"])
    return body


def refused(sent: Form, error: Exception) -> Form:
    """Return the form with the reason why the charger was not called or did not comply."""
    match error:
        case ApiProblem():
            return replace(sent, problem=error.detail)
        case Refused():
            return replace(sent, problem=error.detail)
        case _:
            return sent.refused(error)
