"""`/login`, `/login/callback`, `/login/once` and `/logout`: how people sign in and out."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from access_policy.application.console_sign_in import SIGN_IN_LASTS
from access_policy.application.ports.identity_provider import Callback, ProviderUnavailable, SignInRefused
from access_policy.entrypoints.http.browsers import (
    SESSION,
    SIGN_IN,
    cookie_in,
    delete_cookie,
    origin_of,
    require_same_origin,
    session_in,
    set_cookie,
)
from access_policy.entrypoints.http.console import pages
from access_policy.entrypoints.http.console.routing import RETURN_TO
from access_policy.entrypoints.http.console.security import SECURITY
from access_policy.entrypoints.http.dependencies import container_of

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

HOME = "/"
CONSOLE = "/console/"
CALLBACK = "/login/callback"
SECRET_LENGTH_MAX = 64
NO_PROVIDER = (
    "This installation has no identity provider to sign in at: set ACCESS_POLICY_OIDC_ISSUER and "
    "ACCESS_POLICY_OIDC_CONSOLE_CLIENT, or open a one-time link."
)
UNREACHABLE = "The identity provider is not responding. Try again in a moment."


@router.get("/login")
async def login(request: Request) -> Response:
    """Send the browser to the issuer."""
    identity = container_of(request).identity
    if identity.identity_provider() is None:
        return pages.not_signed_in(NO_PROVIDER, status=HTTPStatus.NOT_FOUND)
    browser = cookie_in(request, SIGN_IN)
    if browser is None or len(browser) > SECRET_LENGTH_MAX:
        browser = secrets.token_urlsafe(32)
    try:
        url = await identity.sign_in().begin(browser, origin_of(request) + CALLBACK)
    except ProviderUnavailable as trouble:
        log.warning("nobody can sign in: %s", trouble)
        return pages.not_signed_in(UNREACHABLE, status=HTTPStatus.SERVICE_UNAVAILABLE)
    response = _to(url)
    set_cookie(request, response, SIGN_IN, browser, max_age_s=round(SIGN_IN_LASTS.total_seconds()))
    return response


@router.get(CALLBACK)
async def callback(request: Request, state: str = "", code: str = "", iss: str = "", error: str = "") -> Response:
    """Complete the sign-in when the issuer sends the browser back."""
    identity = container_of(request).identity
    if identity.identity_provider() is None:
        return pages.not_signed_in(NO_PROVIDER, status=HTTPStatus.NOT_FOUND)
    answer = Callback(state=state, code=code, issuer=iss, error=error)
    try:
        browser = cookie_in(request, SIGN_IN) or ""
        session = await identity.sign_in().finish(browser, answer, origin_of(request) + CALLBACK)
    except SignInRefused as refused:
        log.warning("a sign-in is refused: %s", refused)
        what = "The sign-in did not succeed, took too long, or was completed before. Sign in again."
        return pages.not_signed_in(what, status=HTTPStatus.BAD_REQUEST)
    except ProviderUnavailable as trouble:
        log.warning("a sign-in fails: %s", trouble)
        return pages.not_signed_in(UNREACHABLE, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return _with_session(request, session)


@router.get("/login/once")
async def login_once(request: Request, code: str = "") -> Response:
    """Open a session by the one-time link of `serve` or of `access-policy login-link`."""
    c = container_of(request)
    try:
        if c.settings().oidc_issuer is not None:
            raise SignInRefused("a link where an issuer is set")
        session = await c.identity.link_sign_in()(code)
    except SignInRefused as refused:
        log.warning("a sign-in is refused: %s", refused)
        what = (
            "This link has been used already or has expired. Print another with "
            "access-policy login-link --tenant TENANT --role ROLE, or sign in at the identity provider if there is one."
        )
        return pages.not_signed_in(what, status=HTTPStatus.BAD_REQUEST)
    return _with_session(request, session)


@router.post("/logout")
async def logout(request: Request) -> Response:
    """End the session here, and then the issuer's if it offers that."""
    require_same_origin(request)
    session, response = session_in(request), _to(HOME)
    if session is not None:
        try:
            url = await container_of(request).identity.sign_out()(session, origin_of(request) + HOME)
        except ProviderUnavailable as trouble:
            log.warning("a person signed out here only: %s", trouble)
            url = None
        if url is not None:
            response = pages.signing_out(url)
    delete_cookie(request, response, SESSION)
    return response


def _with_session(request: Request, session: str) -> Response:
    """Return to the page that requested the sign-in."""
    there = cookie_in(request, RETURN_TO) or ""
    response = _to(there if there.startswith(CONSOLE) and there.isprintable() else HOME)
    set_cookie(request, response, SESSION, session)
    delete_cookie(request, response, RETURN_TO)
    return response


def _to(url: str) -> Response:
    return RedirectResponse(url, HTTPStatus.SEE_OTHER, SECURITY)
