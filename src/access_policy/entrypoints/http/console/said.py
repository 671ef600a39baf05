"""A sentence about the change just made, which the next page shows once. A cookie carries it."""

from __future__ import annotations

import base64
from typing import Final

from fastapi import Request
from fastapi.responses import Response

from access_policy.entrypoints.http.browsers import cookie_in, delete_cookie, set_cookie

NAME: Final = "access-policy-said"
LENGTH_MAX: Final = 300  # characters
LASTS_S: Final = 30


def remember(request: Request, response: Response, text: str) -> None:
    encoded = base64.urlsafe_b64encode(text[:LENGTH_MAX].encode()).decode()
    set_cookie(request, response, NAME, encoded, max_age_s=LASTS_S)


def read(request: Request) -> str | None:
    found = cookie_in(request, NAME)
    try:
        return None if not found else base64.urlsafe_b64decode(found).decode()[:LENGTH_MAX]
    except ValueError:
        return None


def forget(request: Request, response: Response) -> None:
    delete_cookie(request, response, NAME)
