"""Modes, causes, reasons and states in words, for people who operate the depot. (For drivers: `adapters/ocpp/driver_texts`.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from access_policy.application.queries.charger_sync import Sync
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, CauseKind

MODES: Final[Mapping[str, str]] = {AccessMode.FREEVEND: "Freevend", AccessMode.MANAGED: "Managed"}
UNKNOWN_MODE: Final = "Unknown"

REASONS: Final[Mapping[str, str]] = {
    Reason.FREEVEND: "Freevend: anyone may charge",
    Reason.OWN_VEHICLE: "Own vehicle",
    Reason.AGREEMENT_VEHICLE: "Vehicle with an agreement",
    Reason.AD_HOC: "Allowed by an operator for a limited time",
    Reason.OBSERVED: "Observed only: enforcement is off",
    Reason.IDENTIFIER_INVALID: "Identifier could not be read",
    Reason.PIN_LOCKED_OUT: "Too many wrong PINs",
    Reason.UNKNOWN_IDENTIFIER: "Unknown identifier",
    Reason.VEHICLE_SUSPENDED: "Vehicle is suspended",
    Reason.IDENTIFIER_IN_USE: "Identifier is charging at another charger",
    Reason.VEHICLE_NOT_VALID: "Vehicle is outside its validity period",
    Reason.AGREEMENT_NOT_STARTED: "Agreement has not started",
    Reason.AGREEMENT_ENDED: "Agreement has ended",
    Reason.AGREEMENT_NOT_HERE: "Agreement does not cover this charger",
    Reason.AGREEMENT_NOT_NOW: "Agreement does not cover this hour",
}

SYNCS: Final[Mapping[str, str]] = {
    Sync.IN_SYNC: "In expected mode",
    Sync.PENDING: "Switching",
    Sync.UNREACHABLE: "Not reachable",
    Sync.FAILED: "Switch failed",
    Sync.UNSUPPORTED: "Cannot be switched",
    Sync.DRIFTED: "Drifted",
}

_CAUSES: Final[Mapping[str, str]] = {
    CauseKind.RULE: "rule",
    CauseKind.EXCEPTION: "exception",
    CauseKind.OVERRIDE: "override",
}


def mode_in_words(mode: str | None) -> str:
    return UNKNOWN_MODE if mode is None else MODES.get(mode, mode)


def reason_in_words(reason: str | None) -> str:
    """A code without words of its own, such as one of a newer process, as it is."""
    return "" if reason is None else REASONS.get(reason, reason.replace("_", " "))


def sync_in_words(sync: str) -> str:
    return SYNCS.get(sync, sync.replace("_", " "))


def cause_in_words(cause: Any) -> str:
    """`cause` has `kind` and `name`: `baseline mode`, `rule “Night”`."""
    if cause is None:
        return ""
    kind = _CAUSES.get(cause.kind)
    if kind is None:
        return "baseline mode" if cause.kind == CauseKind.BASELINE else str(cause.kind)
    return f"{kind} “{cause.name}”" if cause.name else kind


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 charger`, `2 chargers`, `1,200 chargers`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
