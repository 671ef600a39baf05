"""Check the payload of a CALL by its version's schema in the `ocpp` package."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from ocpp.messages import MessageType, get_validator

from access_policy.adapters.ocpp.actions import known_actions
from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.application.ports.charger_calls import CallInvalid, Payload

SAID_MAX: Final = 300  # characters of the validator's message


def require_valid(version: OcppVersion, action: str, payload: Payload) -> None:
    """Check the payload, reading the schema from a file at first use. Raises `CallInvalid`."""
    if action not in known_actions(version):
        raise CallInvalid(f"OCPP {version.value} has no action {action[:64]!r}; check its spelling.", pointer="/action")
    try:
        exact = json.loads(json.dumps(payload), parse_float=Decimal)  # only as a decimal is 21.4 a multiple of 0.1
        validator = get_validator(MessageType.Call, action, version.value, parse_float=Decimal)
        wrong = min(validator.iter_errors(exact), key=lambda each: list(map(str, each.path)), default=None)
    except RecursionError as deep:
        raise CallInvalid("The payload is nested too deeply.", pointer="/payload") from deep
    if wrong is not None:
        raise CallInvalid(f"{action}: {wrong.message[:SAID_MAX]}.", pointer=f"/payload{_pointer(wrong.path)}")


def _pointer(path: Iterable[Any]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
