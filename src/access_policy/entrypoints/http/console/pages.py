"""Pages for people who are not signed in, or no longer signed in."""

from __future__ import annotations

from http import HTTPStatus

from fastapi.responses import HTMLResponse

from access_policy.entrypoints.http.console.security import SECURITY
from access_policy.entrypoints.http.console.templating import environment


def not_signed_in(what: str, *, status: HTTPStatus) -> HTMLResponse:
    """Return a page; `what` says what went wrong and what to do."""
    return _message("You are not signed in", what, "/", "Back to the first page", status)


def signing_out(url: str) -> HTMLResponse:
    """Return a page that leads to the issuer. The content security policy of the form's page would block a redirect."""
    text = "Sign out at the identity provider too."
    response = _message("You are signed out here", text, url, "Sign out at the identity provider", HTTPStatus.OK)
    response.headers["Refresh"] = f"0; url={url}"
    return response


def _message(title: str, text: str, href: str, link: str, status: HTTPStatus) -> HTMLResponse:
    html = environment().get_template("message.html").render(title=title, text=text, href=href, link=link)
    return HTMLResponse(html, status, SECURITY)
