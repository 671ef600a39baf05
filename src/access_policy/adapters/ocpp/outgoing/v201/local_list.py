"""Messages about the local list in OCPP 2.x (D01, D02): entries are idTokens."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from ocpp.v201.call import GetLocalListVersion, GetVariables, SendLocalList
from ocpp.v201.datatypes import (
    AuthorizationData,
    ComponentType,
    GetVariableDataType,
    IdTokenInfoType,
    IdTokenType,
    VariableType,
)
from ocpp.v201.enums import AttributeEnumType, AuthorizationStatusEnumType, IdTokenEnumType, UpdateEnumType

from access_policy.adapters.ocpp.outgoing.local_list import count, request
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.domain.identifiers import Identifier, IdentifierKind

TOKEN_LENGTH_MAX: Final = 36  # characters of an idToken in OCPP 2.0.1
_TOKEN: Final = re.compile(r"[A-Za-z0-9*\-_=:+|@.]+")  # identifierString
_FROM_A_READER: Final = re.compile(r"[0-9A-Fa-f:\-. ]+")
_ISO15693: Final = re.compile(r"E0[0-9A-F]{14}")  # such a UID begins with E0 (ISO/IEC 15693-3, 4.1)
_TOKEN_TYPES: Final = {
    IdentifierKind.MAC: IdTokenEnumType.mac_address,
    IdentifierKind.EMAID: IdTokenEnumType.e_maid,
}


class ListMessages201:
    version_field = "versionNumber"

    def entry(self, identifier: Identifier, *, allowed: bool, until: datetime | None = None) -> Any:
        """Return an entry. A charger observes `until` if its LocalAuthListCtrlr.SupportsExpiryDateTime is true."""
        token = token_of(identifier)
        if token is None:
            return None
        if not allowed:
            return AuthorizationData(id_token=token)
        ends = None if until is None else rfc3339(until)
        info = IdTokenInfoType(status=AuthorizationStatusEnumType.accepted, cache_expiry_date_time=ends)
        return AuthorizationData(id_token=token, id_token_info=info)

    def send(self, version: int, update: str, entries: list[Any]) -> object:
        return SendLocalList(
            version_number=version,
            update_type=UpdateEnumType(update),
            local_authorization_list=entries or None,  # an empty list is omitted, because minItems is 1
        )

    def version(self) -> object:
        return GetLocalListVersion()

    async def limits(self, connection: ChargerConnection) -> tuple[int | None, int | None]:
        capacity = await _limit(connection, "Entries", AttributeEnumType.max_set)
        return capacity, await _limit(connection, "ItemsPerMessage", AttributeEnumType.actual)


async def _limit(connection: ChargerConnection, name: str, attribute: AttributeEnumType) -> int | None:
    item = GetVariableDataType(
        component=ComponentType(name="LocalAuthListCtrlr"), variable=VariableType(name=name), attribute_type=attribute
    )
    results = (await request(connection, GetVariables(get_variable_data=[item]))).get("getVariableResult")
    first = results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else {}
    return count(first.get("attributeValue")) if first.get("attributeStatus") == "Accepted" else None


def token_of(identifier: Identifier) -> IdTokenType | None:
    """Return the idToken that a charger compares with a presented one; None for an identifier that 2.0.1 cannot carry."""
    value = identifier.as_spelled
    if len(value) > TOKEN_LENGTH_MAX or not _TOKEN.fullmatch(value):
        return None
    return IdTokenType(id_token=value, type=_token_type(identifier))


def _token_type(identifier: Identifier) -> IdTokenEnumType:
    """Return the type of the token. An entry of the list matches only a token of the same type, and the registry does not know
    which type the charger uses. For a card the value decides; anything else gets the type of a charger's own identifiers.
    """
    if identifier.kind in _TOKEN_TYPES:
        return _TOKEN_TYPES[identifier.kind]
    if _ISO15693.fullmatch(identifier.value.upper()):
        return IdTokenEnumType.iso15693
    is_a_card = identifier.kind is IdentifierKind.RFID or _FROM_A_READER.fullmatch(identifier.value) is not None
    return IdTokenEnumType.iso14443 if is_a_card else IdTokenEnumType.local
