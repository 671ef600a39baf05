"""Pages for people who are not signed in, or no longer."""

from __future__ import annotations

from http import HTTPStatus

from fastapi.responses import HTMLResponse

from access_policy.entrypoints.http.console.security import SECURITY
from access_policy.entrypoints.http.console.templating import environment


def not_signed_in(what: str, *, status: HTTPStatus) -> HTMLResponse:
    """`what` says what went wrong and what to do."""
    return _message("You are not signed in", what, "/", "Back to the first page", status)


def signing_out(url: str) -> HTMLResponse:
    """Go on to the issuer, from a page of its own: a redirect would be held back by the policy of the form's page."""
    text = "Sign out at the identity provider too."
    response = _message("You are signed out here", text, url, "Sign out at the identity provider", HTTPStatus.OK)
    response.headers["Refresh"] = f"0; url={url}"
    return response


def _message(title: str, text: str, href: str, link: str, status: HTTPStatus) -> HTMLResponse:
    html = environment().get_template("message.html").render(title=title, text=text, href=href, link=link)
    return HTMLResponse(html, status, SECURITY)
