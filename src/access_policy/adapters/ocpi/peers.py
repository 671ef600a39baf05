"""Calls to partners: versions, credentials, and pushes of bookings."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from access_policy.adapters.ocpi.credentials import (
    BOOKING,
    CREDENTIALS,
    RECEIVER,
    Credentials,
    Version,
    VersionDetails,
)
from access_policy.adapters.ocpi.envelope import Code
from access_policy.adapters.ocpi.fields import VERSION
from access_policy.adapters.ocpi.mapping import booking_on_the_wire
from access_policy.adapters.outgoing.checked import Answer, CheckedRequests, RequestFailed
from access_policy.application.context import new_id
from access_policy.application.ocpi_partners.state import BookingState
from access_policy.application.ocpi_partners.tokens import in_base64
from access_policy.application.ports.ocpi import OwnCredentials, PeerFailed
from access_policy.application.ports.webhooks import Attempt
from access_policy.domain.ocpi_partners.partner import OcpiPartner, PartnerConnection, PartnerEndpoint, Party

READ_MAX: Final = 256 * 1024  # bytes of a response's body
SHOWN_MAX: Final = 200

Found = TypeVar("Found")
VERSIONS: Final = TypeAdapter(list[Version])
DETAILS: Final = TypeAdapter(VersionDetails)
CREDENTIALS_OBJECT: Final = TypeAdapter(Credentials)


class HttpsOcpiPeers:
    """Implements `OcpiPeers` and `BookingSender`."""

    def __init__(self, requests: CheckedRequests) -> None:
        self._requests = requests

    def refusal_of(self, url: str) -> str | None:
        if not url.startswith("https://"):
            return "Partners are called over https only; write https://HOST/PATH"
        return self._requests.refusal_of(url)

    async def discover(self, versions_url: str, token: str) -> PartnerConnection:
        versions = await self._asked("GET", versions_url, token, VERSIONS)
        common = next((each.url for each in versions if each.version == VERSION), None)
        if common is None:
            offered = ", ".join(each.version for each in versions)[:SHOWN_MAX]
            raise PeerFailed(f"it offers the versions {offered or 'none'}, but this service speaks {VERSION}")
        details = await self._asked("GET", common, token, DETAILS)
        endpoints = tuple(
            PartnerEndpoint(module=each.identifier, role=each.role.upper(), url=each.url.rstrip("/"))
            for each in details.endpoints
        )
        found = PartnerConnection(versions_url=versions_url, version=VERSION, token=token, endpoints=endpoints)
        if found.url_of(BOOKING, RECEIVER) is None:
            raise PeerFailed(f"it has no endpoint {BOOKING} {RECEIVER}, to which bookings are pushed")
        return found

    async def register(self, found: PartnerConnection, own: OwnCredentials) -> tuple[PartnerConnection, frozenset[str]]:
        url = _credentials_url(found)
        body = json.dumps(Credentials.of(own).as_json()).encode()
        theirs = await self._asked("POST", url, found.token, CREDENTIALS_OBJECT, body)
        connection = PartnerConnection(
            versions_url=theirs.url, version=found.version, token=theirs.token, endpoints=found.endpoints
        )
        return connection, theirs.parties

    async def push(self, partner: OcpiPartner, state: BookingState, *, now: datetime) -> Attempt:
        began = time.monotonic()
        try:
            status, detail = await self._pushed(partner, state)
        except PeerFailed as failed:
            status, detail = None, str(failed)
        return Attempt(at=now, status=status, detail=detail, took_ms=round((time.monotonic() - began) * 1000))

    async def _pushed(self, partner: OcpiPartner, state: BookingState) -> tuple[int | None, str]:
        """Push the booking and return the status that counts for the queue: None if the partner received the message but did
        not accept the booking.
        """
        assert partner.connection is not None, "bookings are pushed to connected partners only"
        url = partner.connection.url_of(BOOKING, RECEIVER)
        if url is None:
            raise PeerFailed(f"the partner has no endpoint {BOOKING} {RECEIVER}")
        own = partner.settings.own_party
        booking = booking_on_the_wire(state, own)
        there = f"{url}/{own.country_code}/{own.party_id}/{quote(booking.id, safe='')}"
        body = json.dumps(booking.as_json()).encode()
        answer = await self._answered(
            "PUT", there, partner.connection.token, body, routing(own, partner.party), keeps=True
        )
        try:
            code = json.loads(answer.body)["status_code"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None, "the answer is not an OCPI envelope"
        return (answer.status, "") if code == Code.OK else (None, f"status_code {code}")

    async def unregister(self, connection: PartnerConnection) -> None:
        await self._answered("DELETE", _credentials_url(connection), connection.token)

    async def _asked(self, method: str, url: str, token: str, shape: TypeAdapter[Found], body: bytes = b"") -> Found:
        answer = await self._answered(method, url, token, body)
        try:
            envelope = json.loads(answer.body)
            code = envelope["status_code"]
            if code != Code.OK:
                raise PeerFailed(
                    f"{method} {_path(url)}: status_code {code} {str(envelope.get('status_message'))[:SHOWN_MAX]}"
                )
            return shape.validate_python(_data_of(envelope))
        except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
            raise PeerFailed(f"{method} {_path(url)}: the answer is not the object that OCPI specifies") from error

    async def _answered(
        self,
        method: str,
        url: str,
        token: str,
        body: bytes = b"",
        more: Mapping[str, str] | None = None,
        *,
        keeps: bool = False,
    ) -> Answer:
        if (refusal := self.refusal_of(url)) is not None:
            raise PeerFailed(refusal)
        headers = headers_of(token) | dict(more or {})
        try:
            answer = await self._requests.send(method, url, headers, body, read_max=READ_MAX, keeps=keeps)
        except RequestFailed as failed:
            raise PeerFailed(f"{method} {_path(url)}: {failed}") from failed
        if not answer.is_success:
            raise PeerFailed(f"{method} {_path(url)}: HTTP status {answer.status}")
        return answer


def headers_of(token: str) -> dict[str, str]:
    """Return the token in Base64, and the ids that OCPI requires on every request."""
    return {
        "Authorization": f"Token {in_base64(token)}",
        "X-Request-ID": new_id(),
        "X-Correlation-ID": new_id(),
    }


def routing(sender: Party, receiver: Party) -> dict[str, str]:
    """Return the headers of a message between functional modules."""
    return {
        "OCPI-from-country-code": sender.country_code,
        "OCPI-from-party-id": sender.party_id,
        "OCPI-to-country-code": receiver.country_code,
        "OCPI-to-party-id": receiver.party_id,
    }


def _credentials_url(connection: PartnerConnection) -> str:
    """Return the URL of the credentials module, whatever its role, which has no meaning there. Raises `PeerFailed`."""
    found = next((each.url for each in connection.endpoints if each.module.casefold() == CREDENTIALS), None)
    if found is None:
        raise PeerFailed("it has no credentials endpoint")
    return found


def _data_of(envelope: Any) -> Any:
    """Return the data of the envelope. Some implementations answer the versions as an object, as in the module's table, instead
    of a list.
    """
    data = envelope["data"]
    return data["versions"] if isinstance(data, dict) and set(data) == {"versions"} else data


def _path(url: str) -> str:
    """Return the URL without its query, which may contain a secret."""
    return url.partition("?")[0][:SHOWN_MAX]
