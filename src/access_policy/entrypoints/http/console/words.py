"""Modes, causes, reasons and states in words, for people who operate the depot. (For drivers: `adapters/ocpp/driver_texts`.)"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from access_policy.application.queries.charger_sync import Sync
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Cause, CauseKind
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.site_energy.gate import GateLevel

MODES: Final[Mapping[str, str]] = {AccessMode.FREEVEND: "Freevend", AccessMode.MANAGED: "Managed"}
UNKNOWN_MODE: Final = "Unknown"

REASONS: Final[Mapping[str, str]] = {
    Reason.FREEVEND: "Freevend: anyone may charge",
    Reason.OWN_VEHICLE: "Own vehicle",
    Reason.AGREEMENT_VEHICLE: "Vehicle with an agreement",
    Reason.AD_HOC: "Allowed by an operator for a limited time",
    Reason.RESERVATION: "Reserved for this holder",
    Reason.OBSERVED: "Observed only: enforcement is off",
    Reason.IDENTIFIER_INVALID: "Identifier could not be read",
    Reason.PIN_LOCKED_OUT: "Too many wrong PINs",
    Reason.UNKNOWN_IDENTIFIER: "Unknown identifier",
    Reason.VEHICLE_SUSPENDED: "Vehicle is suspended",
    Reason.IDENTIFIER_IN_USE: "Identifier is charging at another charger",
    Reason.RESERVED_FOR_OTHER: "Reserved for another holder",
    Reason.RESERVATION_REQUIRED: "Charger needs a reservation",
    Reason.RESERVATION_NOT_STARTED: "Reservation has not begun",
    Reason.RESERVATION_ENDED: "Reservation is over",
    Reason.VEHICLE_NOT_VALID: "Vehicle is outside its validity period",
    Reason.AGREEMENT_NOT_STARTED: "Agreement has not started",
    Reason.AGREEMENT_ENDED: "Agreement has ended",
    Reason.AGREEMENT_NOT_HERE: "Agreement does not cover this charger",
    Reason.AGREEMENT_NOT_NOW: "Agreement does not cover this hour",
    Reason.ENERGY_RESTRICTED: "Power is short",
}

NEXT_STEPS: Final[Mapping[str, str]] = {
    Reason.IDENTIFIER_INVALID: "Ask the driver to present the card again, and check the charger's reader if it repeats.",
    Reason.PIN_LOCKED_OUT: "The lock-out ends by itself; until then, another identifier works.",
    Reason.UNKNOWN_IDENTIFIER: "Enrol it if you know the vehicle, or allow it for tonight.",
    Reason.VEHICLE_SUSPENDED: "Reinstate the vehicle if it may charge again.",
    Reason.IDENTIFIER_IN_USE: "End the other charge first, or find out which of the two vehicles is genuine.",
    Reason.RESERVED_FOR_OTHER: "Send the driver to another charger, or move the reservation.",
    Reason.RESERVATION_REQUIRED: "Make a reservation for the driver, or send the driver to another charger.",
    Reason.RESERVATION_NOT_STARTED: "Let the reservation begin earlier, or ask the driver to come back.",
    Reason.RESERVATION_ENDED: "Make a new reservation, or allow the driver for tonight.",
    Reason.VEHICLE_NOT_VALID: "Correct the vehicle's validity, or allow it for tonight.",
    Reason.AGREEMENT_NOT_STARTED: "Amend the agreement, or allow the vehicle for tonight.",
    Reason.AGREEMENT_ENDED: "Renew the agreement, or allow the vehicle for tonight.",
    Reason.AGREEMENT_NOT_HERE: "Send the vehicle to a charger of its agreement, or allow it for tonight.",
    Reason.AGREEMENT_NOT_NOW: "Amend the hours of the agreement, or allow the vehicle for tonight.",
    Reason.ENERGY_RESTRICTED: "Ask the driver to come back later, or look at the depot's energy to see which node limits it.",
}
"""The operator's next step after a refusal, by its reason."""

SYNCS: Final[Mapping[str, str]] = {
    Sync.IN_SYNC: "In expected mode",
    Sync.PENDING: "Switching",
    Sync.UNREACHABLE: "Not reachable",
    Sync.FAILED: "Switch failed",
    Sync.UNSUPPORTED: "Cannot be switched",
    Sync.DRIFTED: "Drifted",
}

KINDS: Final[Mapping[str, str]] = {
    IdentifierKind.RFID: "RFID",
    IdentifierKind.MAC: "MAC",
    IdentifierKind.EMAID: "eMAID",
    IdentifierKind.PIN: "PIN",
    IdentifierKind.PLATE: "Plate",
    IdentifierKind.OTHER: "Other",
}

_CODE: Final = re.compile(r"[a-z]+(_[a-z]+)+")
_OCPP_CODE: Final = re.compile(r"[A-Z][A-Za-z]+")
_OCPP_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z][a-z]+")

_CAUSES: Final[Mapping[str, str]] = {
    CauseKind.RULE: "rule",
    CauseKind.EXCEPTION: "exception",
    CauseKind.RESERVATION: "reservation",
    CauseKind.OVERRIDE: "override",
}

LEVELS: Final[Mapping[str, str]] = {
    GateLevel.OPEN: "open",
    GateLevel.OWN_AND_AGREEMENT: "own and agreement vehicles only",
    GateLevel.OWN_ONLY: "own vehicles only",
}


def mode_in_words(mode: str | None) -> str:
    return UNKNOWN_MODE if mode is None else MODES.get(mode, mode)


def reason_in_words(reason: str | None) -> str:
    """Return the words for a code; a code without words, such as one from a newer process, is returned unchanged."""
    return "" if reason is None else REASONS.get(reason, reason.replace("_", " "))


def next_step_after(reason: str | None) -> str:
    return "" if reason is None else NEXT_STEPS.get(reason, "")


def energy_in_words(watt_hours: int) -> str:
    """Return text such as `42.5 kWh`."""
    return f"{watt_hours / 1000:,.1f} kWh"


def sync_in_words(sync: str) -> str:
    return SYNCS.get(sync, sync.replace("_", " "))


def cause_in_words(cause: Any) -> str:
    """Return words such as `baseline mode`, `rule “Night”`, `reservation entry-7` or `short power: own only`. `cause`
    has `kind`, `id` and `name`."""
    if cause is None:
        return ""
    if cause.kind == CauseKind.ENVELOPE:
        return f"short power: {LEVELS.get(cause.name, cause.name)}"
    kind = _CAUSES.get(cause.kind)
    if kind is None:
        return "baseline mode" if cause.kind == CauseKind.BASELINE else str(cause.kind)
    if cause.kind == CauseKind.RESERVATION and cause.id:
        return f"{kind} {cause.id}"
    return f"{kind} “{cause.name}”" if cause.name else kind


def recorded_cause(row: Mapping[str, Any]) -> Cause:
    """Return the cause of a recorded mode change."""
    return Cause(row["cause_kind"], row["cause_id"], row["cause_name"] or "")


def page_of_cause(cause: Any, charger_id: str) -> str | None:
    """Return the path of the page about the cause of the charger's mode; None if it has no page."""
    match cause:
        case None:
            return None
        case _ if cause.kind == CauseKind.RESERVATION and cause.id:
            return f"/console/reservations/{quote(cause.id, safe='')}"
        case _ if cause.kind == CauseKind.ENVELOPE:
            return f"/console/energy/chargers/{quote(charger_id, safe='')}"
        case _ if cause.kind == CauseKind.OVERRIDE:
            return "/console/overrides"
        case _ if cause.kind in (CauseKind.RULE, CauseKind.EXCEPTION):
            return f"/console/chargers/{quote(charger_id, safe='')}/plan"
        case _:
            return None


def kind_in_words(kind: str) -> str:
    """Return the words for a kind of identifier, such as `RFID`."""
    return KINDS.get(kind, kind)


def code_in_words(text: str) -> str:
    """Return `in_expected_mode` as `in expected mode`; a string that is not a code, such as a charger's key, is
    unchanged."""
    return text.replace("_", " ") if _CODE.fullmatch(text) else text


def ocpp_code_in_words(text: str) -> str:
    """Return `PowerSwitchFailure` as `Power switch failure`, `EVDisconnected` as `EV disconnected`; other strings
    unchanged."""
    if not _OCPP_CODE.fullmatch(text):
        return text
    first, *others = _OCPP_WORD.findall(text)
    return " ".join([first, *(each if each.isupper() else each.lower() for each in others)])


def protocol_in_words(protocol: str | None) -> str:
    """Return `ocpp2.0.1` as `OCPP 2.0.1`, `http` as `the API`."""
    if protocol == "http":
        return "the API"
    return "" if protocol is None else protocol.replace("ocpp", "OCPP ")
