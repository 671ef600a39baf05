"""Credentials in a handshake, and the port that decides on its admission."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

CHARGE_POINT_ID_MAX: Final = 64  # characters once decoded; OCPP 2.0.1 allows 48
_SLASHES = re.compile(r"/{2,}")
_SEGMENT = re.compile(r"(?:[^%/?#]|%[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class Admitted:
    """An admitted charger. `subject` is the admission's data about it, and later `connection.admission`."""

    subject: object = None


@dataclass(frozen=True, slots=True)
class AdmissionRefused:
    """A refused handshake. The status is 401 for an unknown identity or a wrong password if the port requires passwords, 404
    for an unknown identity if it does not, and 503 if no decision is possible now.
    """

    status: HTTPStatus = HTTPStatus.UNAUTHORIZED
    retry_after_s: int | None = None
    reason: str = ""  # only for the log


class Admission(Protocol):
    async def admit(
        self, charge_point_id: str, password: bytes | None, source: str, certified: frozenset[str] | None
    ) -> Admitted | AdmissionRefused:
        """Decide before the upgrade. `certified` are the names of a client certificate that TLS has verified (security
        profile 3), None without one. `password` is the raw bytes of HTTP Basic (a 1.6 AuthorizationKey is not text),
        None when none was presented; the user name has been compared already. `source` is the peer's address.

        An exception counts as "not now": the charger receives a 500 and connects again.
        """
        ...


class CredentialsUnusable(ValueError):
    """An Authorization header that is not HTTP Basic, or whose user differs from the identity in the path."""


def charge_point_id_in(path: str, prefix: str = "/ocpp/") -> str | None:
    """Return the identity in a request path: the one segment after `prefix`, percent-decoded, with its case; None if there is
    no valid one. A query, repeated slashes and a trailing slash are ignored, because operators and chargers append the identity
    to a URL that ends in a slash, or a slash to the whole.
    """
    target = _SLASHES.sub("/", path.partition("?")[0])
    if not target.startswith(prefix) or not _SEGMENT.fullmatch(segment := target[len(prefix) :].removesuffix("/")):
        return None
    try:
        identity = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeError:
        return None
    if len(identity) > CHARGE_POINT_ID_MAX or any(unicodedata.category(char) == "Cc" for char in identity):
        return None
    return identity


def password_in(authorization: Sequence[str], charge_point_id: str) -> bytes | None:
    """Return the password in a request's Authorization headers; None without a header.

    Raises `CredentialsUnusable`. The identity may contain a colon, so the credentials must begin with the identity.
    """
    if not authorization:
        return None
    scheme, _, encoded = authorization[0].strip().partition(" ")
    if len(authorization) > 1 or scheme.lower() != "basic":
        raise CredentialsUnusable
    try:
        credentials = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        raise CredentialsUnusable from None
    user = charge_point_id.encode() + b":"
    if not credentials.startswith(user):
        raise CredentialsUnusable
    return credentials[len(user) :]
