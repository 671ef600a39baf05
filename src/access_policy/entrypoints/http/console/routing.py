"""Routes of the console: a refusal is a page, or a sentence in the form that the visitor was filling in."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http.auth import requires
from access_policy.entrypoints.http.browsers import SAFE_METHODS, set_cookie
from access_policy.entrypoints.http.console.assets import AssetMissing
from access_policy.entrypoints.http.console.forms import csrf_must_match
from access_policy.entrypoints.http.console.here import csrf_token
from access_policy.entrypoints.http.console.security import SECURITY
from access_policy.entrypoints.http.console.templating import environment
from access_policy.entrypoints.http.dependencies import container_of
from access_policy.entrypoints.http.problems import problem_for
from access_policy.entrypoints.http.under import OwnPaths

RETURN_TO: Final = "access-policy-return-to"
RETURN_LASTS_S: Final = 900
CSRF_HEADER: Final = "X-CSRF-Token"
STALE_FORM: Final = "stale-form"


class ConsoleRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await answer(request)
            except AssetMissing as missing:
                return HTMLResponse(f"<!doctype html><title>Console</title><p>{missing}</p>", 500, SECURITY)
            except Exception as error:  # noqa: BLE001 - the edge: each error becomes a page
                return await _refusal(request, error)
            finally:
                await request.close()  # the uploaded files of a form

        return shown


def pages_router() -> APIRouter:
    return OwnPaths(include_in_schema=False, route_class=ConsoleRoute)


def visitors(roles: Iterable[Role], *, some_depots: bool = True) -> list[Any]:
    """Return the dependencies of a page: the role, the depots, the URL, and the token of a form that changes something.

    `some_depots` is as in `requires`: a page shows only what views return for the visitor's depots.
    """
    return [*requires(roles, some_depots=some_depots), Depends(csrf_must_match)]


async def _refusal(request: Request, error: Exception) -> Response:
    problem = await problem_for(request, error)
    found = msgspec.json.decode(problem.body)
    if problem.status_code == HTTPStatus.UNAUTHORIZED:
        return _signed_out(request)
    fragment = "HX-Request" in request.headers
    template = "refused_fragment.html" if fragment else "refused.html"
    html = environment().get_template(template).render(problem=found)
    headers = {**SECURITY, **_kept(problem)}
    if fragment and request.method not in SAFE_METHODS:
        headers |= _INTO_THE_FORM
        if found["type"].endswith(STALE_FORM):
            headers[CSRF_HEADER] = csrf_token(request)
    elif fragment:
        headers["HX-Reswap"] = "none"  # the live mark says that the picture is stale
    return HTMLResponse(html, problem.status_code, headers)


_INTO_THE_FORM: Final = {"HX-Retarget": "#form-problem", "HX-Reselect": "#form-problem", "HX-Reswap": "outerHTML"}


def _signed_out(request: Request) -> Response:
    """Redirect to the sign-in page, which returns here. In the middle of a form: show a sentence, and keep everything
    entered."""
    if "HX-Request" in request.headers:
        html = environment().get_template("signed_out_fragment.html").render()
        kept = {"HX-Reswap": "none"} if request.method in SAFE_METHODS else _INTO_THE_FORM
        return HTMLResponse(html, HTTPStatus.UNAUTHORIZED, {**SECURITY, **kept})
    by_issuer = container_of(request).identity.identity_provider() is not None
    html = environment().get_template("sign_in.html").render(by_issuer=by_issuer)
    response = HTMLResponse(html, HTTPStatus.UNAUTHORIZED, SECURITY)
    if request.method == "GET":
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        set_cookie(request, response, RETURN_TO, there, max_age_s=RETURN_LASTS_S)
    return response


def _kept(problem: Response) -> dict[str, str]:
    return {name: problem.headers[name] for name in ("Retry-After", "ETag") if name in problem.headers}
