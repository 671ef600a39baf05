"""Payloads as people may see them: identifiers are masked, and passwords, keys and data without a schema are hidden.

The names come from the schemas of all versions; a test walks the schemas and finds names that are missing here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from access_policy.domain.identifiers import HIDDEN, Identifier, IdentifierKind

IDENTIFIERS: Final = frozenset({"idTag", "parentIdTag", "idToken", "additionalIdToken", "groupIdToken", "idTokens"})
PEOPLE: Final = frozenset({"customerIdentifier", "prioritizedEMAIDs"})  # strings that name a person or a contract
SECRETS: Final = frozenset(
    {
        "apnPassword",
        "apnUserName",
        "basicAuthPassword",
        "password",
        "simPin",
        "user",  # of a VPN
        "exiRequest",
        "exiResponse",  # contain a contract's private key, encrypted (ISO 15118-2, 8.4.3.10)
    }
)
OPAQUE: Final = frozenset({"data", "customData"})  # of a shape that the vendor defines
SETTING_VALUES: Final = frozenset({"value", "attributeValue", "actualValue", "variableAttribute"})
SECRET_SETTING: Final = re.compile(
    r"authorizationkey|password|passwd|secret|private|identity|token|pin\b|apn|vpn|user", re.IGNORECASE
)
SHOWN_MAX: Final = 2_000  # characters of a string
_DEPTH_MAX: Final = 50
_IN_A_URL: Final = re.compile(r"(?<=://)[^/@\s]*@|(?<=\?)\S+")
_PRIVATE_KEY: Final = "PRIVATE KEY"


class Masking:
    """Masks the payloads of one read. `found` contains the identifiers found so far, which error texts may quote."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return self._object(payload, 0)

    def quoted(self, text: str) -> str:
        """Return an error text without the identifiers that it quotes."""
        for value in sorted(self.found, key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        return _text(text)

    def _object(self, of: Mapping[str, Any], depth: int) -> dict[str, Any]:
        is_secret = _is_secret_setting(of)
        return {name: self._field(name, value, of, depth + 1, is_secret=is_secret) for name, value in of.items()}

    def _field(self, name: str, value: Any, of: Mapping[str, Any], depth: int, *, is_secret: bool) -> Any:
        if name in SECRETS or (name == "key" and "type" in of and "server" in of):  # the key of a VPN
            return HIDDEN
        if is_secret and name in SETTING_VALUES:
            return HIDDEN
        if name in OPAQUE and not _is_of_schema(value):
            return HIDDEN
        if name in IDENTIFIERS or name in PEOPLE:
            return self._identifier(value, of, depth)
        return self._value(value, depth)

    def _value(self, value: Any, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            return HIDDEN
        match value:
            case dict():
                return self._object(value, depth)
            case list():
                return [self._value(each, depth + 1) for each in value]
            case str():
                return _text(value)
            case _:
                return value

    def _identifier(self, value: Any, of: Mapping[str, Any], depth: int) -> Any:
        match value:
            case str():
                return self._masked(value, is_typed=of.get("type") == "KeyCode")
            case dict():
                return self._object(value, depth)
            case list():
                return [self._identifier(each, of, depth + 1) for each in value]
            case None:
                return None
            case _:
                return HIDDEN

    def _masked(self, value: str, *, is_typed: bool) -> str:
        """Mask a value; anything that may be a PIN is hidden completely."""
        if len(value) >= 4:
            self.found.add(value)
        shown = Identifier(IdentifierKind.OTHER, value)
        return HIDDEN if not value or is_typed or shown.may_be_a_pin else shown.masked


def _is_secret_setting(of: Mapping[str, Any]) -> bool:
    """Tell whether a configuration key (`key`), or a variable of a component, has a name that suggests a secret."""
    parts: tuple[Any, ...] = (of.get("component"), of.get("variable"))
    names = [of.get("key"), *(part.get("name") for part in parts if isinstance(part, dict))]
    return any(isinstance(name, str) and SECRET_SETTING.search(name) is not None for name in names)


def _is_of_schema(value: Any) -> bool:
    """Tell whether the value follows a schema: `data` is also the name of lists of numbers, which contain nothing personal."""
    return value is None or (isinstance(value, list) and all(isinstance(each, int | float) for each in value))


def _text(text: str) -> str:
    if _PRIVATE_KEY in text:
        return HIDDEN
    shown = _IN_A_URL.sub(HIDDEN, text) if "://" in text else text
    return shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}…"
