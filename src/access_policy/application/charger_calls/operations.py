"""Frequent operations as calls of the charger's OCPP version (1.6, chapter 5; 2.x, B11, F05, F06, G03)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from access_policy.domain.errors import Invalid

Call = tuple[str, dict[str, Any]]

V16 = "ocpp1.6"


# The statuses of OCPP 1.6 (7) and 2.x (part 2, 3) that are not refusals.
_DONE = ("Accepted", "AcceptedCanceled", "EmptyResultSet", "RebootRequired", "Scheduled", "Unlocked")


class OperationInvalid(Invalid):
    code = "operation-invalid"


def declined(answer: Mapping[str, Any]) -> str | None:
    """Return the status by which a charger says that it did not do what the call requests; None if it did or will do
    it.

    Answers about settings have a status for each setting (2.x), or the names of unknown settings (1.6); an answer
    without a status only informs.
    """
    if unknown := answer.get("unknownKey"):
        return f"unknown key {', '.join(map(str, unknown))}"
    results = [*answer.get("getVariableResult", ()), *answer.get("setVariableResult", ())]
    statuses = [answer.get("status"), *(each.get("attributeStatus") for each in results)]
    return next((str(status) for status in statuses if status is not None and status not in _DONE), None)


def reset(protocol: str, *, immediately: bool = False) -> Call:
    """Without `immediately`, 2.x waits until no charge is running, and 1.6 ends charges in an orderly way."""
    if protocol == V16:
        return "Reset", {"type": "Hard" if immediately else "Soft"}
    return "Reset", {"type": "Immediate" if immediately else "OnIdle"}


def unlock(protocol: str, connector_id: int = 1) -> Call:
    """In 2.x `connector_id` is the EVSE, and the EVSE's connector 1 is unlocked."""
    if protocol == V16:
        return "UnlockConnector", {"connectorId": connector_id}
    return "UnlockConnector", {"evseId": connector_id, "connectorId": 1}


def change_availability(protocol: str, *, is_operative: bool, connector_id: int | None = None) -> Call:
    """Make or take a connector out of service; `connector_id` None means the charger as a whole."""
    state = "Operative" if is_operative else "Inoperative"
    if protocol == V16:
        return "ChangeAvailability", {"connectorId": connector_id or 0, "type": state}
    evse = {} if connector_id is None else {"evse": {"id": connector_id}}
    return "ChangeAvailability", {"operationalStatus": state, **evse}


def trigger(protocol: str, message: str, connector_id: int | None = None) -> Call:
    """Request a message such as `StatusNotification`; `connector_id` None means the charger as a whole, or all connectors."""
    where: dict[str, Any] = {}
    if connector_id is not None:
        where = {"connectorId": connector_id} if protocol == V16 else {"evse": {"id": connector_id}}
    return "TriggerMessage", {"requestedMessage": message, **where}


def read_setting(protocol: str, name: str) -> Call:
    """Read a setting: a configuration key, or `Component.Variable` in 2.x. Raises `OperationInvalid`."""
    if protocol == V16:
        return "GetConfiguration", {"key": [name]}
    return "GetVariables", {"getVariableData": [_address(name)]}


def write_setting(protocol: str, name: str, value: str) -> Call:
    """Write a setting, named as in `read_setting`. Raises `OperationInvalid`."""
    if protocol == V16:
        return "ChangeConfiguration", {"key": name, "value": value}
    return "SetVariables", {"setVariableData": [{**_address(name), "attributeValue": value}]}


def _address(name: str) -> dict[str, Any]:
    component, dot, variable = name.partition(".")
    if not (component and dot and variable):
        raise OperationInvalid(f"{name[:64]!r} names no variable; write it as Component.Variable.")
    return {"component": {"name": component}, "variable": {"name": variable}}
