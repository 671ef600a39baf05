"""The pages as HTML. They have no scripts and no styles, and no other site may show them in a frame."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Final

from fastapi.responses import HTMLResponse

from access_policy.application.ports.identity import Identity

SECURITY: Final = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send `Origin: null` with the console's own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(title: str, content: str, *, status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """`content` is HTML."""
    html = (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title></head>\n<body><main>\n<h1>{escape(title)}</h1>\n{content}\n</main></body>\n</html>\n"
    )
    return HTMLResponse(html, status, SECURITY)


def signed_in(caller: Identity) -> HTMLResponse:
    depots = "all depots" if caller.depots is None else ", ".join(sorted(caller.depots)) or "no depot"
    tenant = caller.tenant_id or "the installation"
    return page(
        "Access policy",
        f'<p id="who">Signed in as {escape(caller.subject)}, {escape(caller.role)} of {escape(tenant)}, {escape(depots)}.</p>\n'
        '<form method="post" action="/logout"><button>Sign out</button></form>',
    )


def signed_out(*, by_issuer: bool) -> HTMLResponse:
    how = (
        '<p><a href="/login" role="button">Sign in</a></p>'
        if by_issuer
        else "<p>Open the one-time link that the service printed at its start, or print another with "
        "<code>access-policy login-link --tenant TENANT --role ROLE</code>.</p>"
    )
    return page("Access policy", f'<p id="who">You are not signed in.</p>\n{how}')


def not_signed_in(what: str, *, status: HTTPStatus) -> HTMLResponse:
    """`what` says what went wrong and what to do."""
    return page(
        "You are not signed in", f'<p>{escape(what)}</p>\n<p><a href="/">Back to the first page</a></p>', status=status
    )


def signing_out(url: str) -> HTMLResponse:
    """Go on to the issuer, from a page of its own: a redirect would be held back by the policy of the form's page."""
    response = page(
        "You are signed out here",
        f'<p><a href="{escape(url)}">Sign out at the identity provider too</a></p>',
    )
    response.headers["Refresh"] = f"0; url={url}"
    return response
