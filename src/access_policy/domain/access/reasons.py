"""The reason codes of decisions: part of the public contract, never renamed."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    FREEVEND = "freevend"
    OWN_VEHICLE = "own_vehicle"
    AGREEMENT_VEHICLE = "agreement_vehicle"
    AD_HOC = "ad_hoc"  # an operator lets the refused identifier charge until an instant
    RESERVATION = "reservation"
    OBSERVED = "observed"  # allowed only because enforcement is off; `would_deny` has the reason

    IDENTIFIER_INVALID = "identifier_invalid"
    PIN_LOCKED_OUT = "pin_locked_out"
    UNKNOWN_IDENTIFIER = "unknown_identifier"
    VEHICLE_SUSPENDED = "vehicle_suspended"
    IDENTIFIER_IN_USE = "identifier_in_use"
    RESERVED_FOR_OTHER = "reserved_for_other"
    RESERVATION_REQUIRED = "reservation_required"
    RESERVATION_NOT_STARTED = "reservation_not_started"
    RESERVATION_ENDED = "reservation_ended"
    VEHICLE_NOT_VALID = "vehicle_not_valid"
    AGREEMENT_NOT_STARTED = "agreement_not_started"
    AGREEMENT_ENDED = "agreement_ended"
    AGREEMENT_NOT_HERE = "agreement_not_here"
    AGREEMENT_NOT_NOW = "agreement_not_now"
    ENERGY_RESTRICTED = "energy_restricted"  # power is short, and the start does not have priority


ALLOWING = frozenset(
    {
        Reason.FREEVEND,
        Reason.OWN_VEHICLE,
        Reason.AGREEMENT_VEHICLE,
        Reason.AD_HOC,
        Reason.RESERVATION,
        Reason.OBSERVED,
    }
)
