"""Messages about the local list in OCPP 1.6 (5.10, 5.15): entries are idTags."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from ocpp.v16.call import GetLocalListVersion, SendLocalList
from ocpp.v16.datatypes import AuthorizationData, IdTagInfo
from ocpp.v16.enums import AuthorizationStatus, UpdateType

from access_policy.adapters.ocpp.outgoing.local_list import count
from access_policy.adapters.ocpp.outgoing.v16.configuration_keys import read_keys
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import SwitchRefused
from access_policy.application.ports.local_lists import ListNotKept
from access_policy.domain.identifiers import VID_PREFIX, Identifier, IdentifierKind

TAG_LENGTH_MAX: Final = 20  # characters of an idTag
_TAG: Final = re.compile(r"[ -~]+")  # CiString: printable ASCII
_LIMITS: Final = ("LocalAuthListMaxLength", "SendLocalListMaxLength")


class ListMessages16:
    version_field = "listVersion"

    def entry(self, identifier: Identifier, *, allowed: bool, until: datetime | None = None) -> Any:
        tag = tag_of(identifier)
        if tag is None:
            return None
        if not allowed:
            return AuthorizationData(id_tag=tag)
        ends = None if until is None else rfc3339(until)
        return AuthorizationData(
            id_tag=tag, id_tag_info=IdTagInfo(status=AuthorizationStatus.accepted, expiry_date=ends)
        )

    def send(self, version: int, update: str, entries: list[Any]) -> object:
        return SendLocalList(
            list_version=version,
            update_type=UpdateType(update),
            local_authorization_list=entries or None,  # an empty list is omitted, as in 2.x, where it is invalid
        )

    def version(self) -> object:
        return GetLocalListVersion()

    async def limits(self, connection: ChargerConnection) -> tuple[int | None, int | None]:
        try:
            stated = await read_keys(connection, _LIMITS, urgency=Urgency.LIST)
        except SwitchRefused as refusal:
            raise ListNotKept(refusal.detail) from refusal
        capacity, per_message = (count(stated.get(key.lower(), {}).get("value")) for key in _LIMITS)
        return capacity, per_message


def tag_of(identifier: Identifier) -> str | None:
    """Return the idTag that a charger compares with a presented one; None for an identifier that 1.6 cannot carry."""
    value = identifier.as_spelled
    tag = f"{VID_PREFIX}{value}" if identifier.kind is IdentifierKind.MAC else value
    return tag if len(tag) <= TAG_LENGTH_MAX and _TAG.fullmatch(tag) else None
