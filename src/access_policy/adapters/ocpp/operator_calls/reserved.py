"""Detect calls that would change what the service itself sets, by the names that its own commands write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ocpp.v16 import call as v16
from ocpp.v201 import call as v201

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.incoming.payloads import obj, objects, text
from access_policy.adapters.ocpp.outgoing.v16 import settings
from access_policy.adapters.ocpp.outgoing.v201 import display, variables
from access_policy.application.ports.charger_calls import Payload, Reserved
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey, DeviceVariable

LISTS: Final = frozenset({v16.SendLocalList.__name__, v16.ClearCache.__name__})  # the same names in 2.x
RESERVATIONS: Final = frozenset({v16.ReserveNow.__name__, v16.CancelReservation.__name__})  # the same names in 2.x
INTERRUPTS: Final = frozenset({v16.Reset.__name__, v16.ChangeAvailability.__name__})
MONITORS: Final = frozenset(
    {
        v201.ClearVariableMonitoring.__name__,
        v201.SetMonitoringBase.__name__,
        v201.SetMonitoringLevel.__name__,
    }
)
CONNECTORS_MAX: Final = 100  # the largest number of connectors with which a charger may be registered


def conflict(version: OcppVersion, action: str, payload: Payload, reserved: Reserved) -> str | None:
    """Say why the call must not be sent, and what to do instead; None if it may be sent. `payload` must be valid."""
    if action in LISTS:
        return (
            "The service keeps the charger's local list and cache; change the vehicles, or the charger's offline_starts"
        )
    if (tag := _tag(payload)) is not None and tag.upper() in {each.upper() for each in reserved.freevend_tags}:
        return f"{tag!r} is the tag of freevend sessions, which the service starts; use the tag of a vehicle"
    if (why := _of_reservations(action, payload, reserved)) is not None:
        return why
    if version is OcppVersion.V16:
        return _of_keys(action, payload, reserved)
    return _of_variables(action, payload, reserved) or _of_displays(action, payload)


def _of_reservations(action: str, payload: Payload, reserved: Reserved) -> str | None:
    """Refuse calls for the numbers under which the service keeps reservations on chargers."""
    if action not in RESERVATIONS:
        return None
    number = payload.get("reservationId", payload.get("id"))
    known = None if number is None else reserved.reservation_numbers.get(number)
    if known is None:
        return None
    return f"The service keeps reservation {known} on the charger under this number; change or cancel that reservation"


def _of_keys(action: str, payload: Payload, reserved: Reserved) -> str | None:
    if action != v16.ChangeConfiguration.__name__:
        return None
    key = (text(payload, "key") or "").strip().lower()
    switches = [each for each in reserved.switches if isinstance(each, ConfigurationKey)]
    if key in {name.lower() for each in switches for name in (*each.names, *each.tag_names)}:
        return _SWITCH
    if key == settings.PASSWORD_KEY.lower():
        return _PASSWORD
    if key in {name.lower() for name in settings.wanted_settings(OfflineStarts.LIST)}:
        return _OFFLINE
    return None


def _of_variables(action: str, payload: Payload, reserved: Reserved) -> str | None:
    if reserved.is_watched and action in MONITORS:
        return "The service watches the charger's switch, and the call may stop that"
    switches = {
        f"{each.component}.{each.variable}".lower() for each in reserved.switches if isinstance(each, DeviceVariable)
    }
    if action == v201.SetVariableMonitoring.__name__:
        return _SWITCH if switches & set(_named(payload, "setMonitoringData")) else None
    if action != v201.SetVariables.__name__:
        return None
    written = set(_named(payload, "setVariableData"))
    if written & switches:
        return _SWITCH
    if variables.PASSWORD_VARIABLE.lower() in written:
        return _PASSWORD
    if written & {name.lower() for name in variables.wanted_settings(OfflineStarts.LIST)}:
        return _OFFLINE
    return None


def _of_displays(action: str, payload: Payload) -> str | None:
    """Refuse calls for the ids under which the service shows denials."""
    if action not in (v201.SetDisplayMessage.__name__, v201.ClearDisplayMessage.__name__):
        return None
    shown = obj(payload, "message").get("id", payload.get("id"))
    own = range(display.FIRST_ID, display.FIRST_ID + CONNECTORS_MAX + 1)
    return f"The service uses the ids of messages {own[0]} to {own[-1]}; use another id" if shown in own else None


def _named(payload: Payload, name: str) -> Iterator[str]:
    for item in objects(payload, name):
        component, variable = text(obj(item, "component"), "name"), text(obj(item, "variable"), "name")
        yield f"{(component or '').strip()}.{(variable or '').strip()}".lower()


def _tag(payload: Payload) -> str | None:
    tag = text(payload, "idTag") or text(obj(payload, "idToken"), "idToken")
    return None if tag is None else tag.strip()


_SWITCH: Final = "It switches the charger between freevend and managed access; set an override or a rule instead"
_PASSWORD: Final = "It is the charger's password; rotate the password instead"  # noqa: S105  a text
_OFFLINE: Final = "The service sets it according to the charger's offline_starts; change offline_starts instead"
