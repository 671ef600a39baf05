"""What the driver can see of a refusal, by protocol (design 3.6; OCPP 1.6, 7.2; OCPP 2.0.1, AuthorizationStatusEnumType)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from access_policy.application.capability_profiles import CapabilityProfiles
from access_policy.application.decisions.questions import Denial
from access_policy.domain.access.events import DenialSignal
from access_policy.domain.access.reasons import Reason

PERSONAL_MESSAGE_MAX = 512  # characters, OCPP 2.0.1 MessageContentType

# OCPP 1.6 knows three refusals. A known vehicle is Blocked or Expired, so that some chargers show it differently from an
# unknown one.
STATUS_16 = {
    Reason.IDENTIFIER_INVALID: "Invalid",
    Reason.PIN_LOCKED_OUT: "Blocked",
    Reason.UNKNOWN_IDENTIFIER: "Invalid",
    Reason.VEHICLE_SUSPENDED: "Blocked",
    Reason.IDENTIFIER_IN_USE: "Blocked",
    Reason.VEHICLE_NOT_VALID: "Expired",
    Reason.AGREEMENT_NOT_STARTED: "Blocked",
    Reason.AGREEMENT_ENDED: "Expired",
    Reason.AGREEMENT_NOT_HERE: "Blocked",
    Reason.AGREEMENT_NOT_NOW: "Blocked",
}

STATUS_2X = {
    Reason.IDENTIFIER_INVALID: "Invalid",
    Reason.PIN_LOCKED_OUT: "Blocked",
    Reason.UNKNOWN_IDENTIFIER: "Unknown",
    Reason.VEHICLE_SUSPENDED: "Blocked",
    Reason.IDENTIFIER_IN_USE: "ConcurrentTx",
    Reason.VEHICLE_NOT_VALID: "Expired",
    Reason.AGREEMENT_NOT_STARTED: "NotAtThisTime",
    Reason.AGREEMENT_ENDED: "Expired",
    Reason.AGREEMENT_NOT_HERE: "NotAtThisLocation",
    Reason.AGREEMENT_NOT_NOW: "NotAtThisTime",
}

_WHY = {
    Reason.IDENTIFIER_INVALID: "This card or code could not be read. Try again, or ask the depot office.",
    Reason.PIN_LOCKED_OUT: "Too many wrong PINs here. Wait ten minutes, or ask the depot office.",
    Reason.UNKNOWN_IDENTIFIER: "This vehicle is not registered here. Ask the depot office.",
    Reason.VEHICLE_SUSPENDED: "This vehicle is suspended from charging. Ask the depot office.",
    Reason.IDENTIFIER_IN_USE: "This vehicle's id is charging at another charger. Ask the depot office.",
    Reason.VEHICLE_NOT_VALID: "This vehicle's registration does not hold today. Ask the depot office.",
    Reason.AGREEMENT_NOT_STARTED: "Your fleet's agreement has not started yet. Ask your dispatcher.",
    Reason.AGREEMENT_ENDED: "Your fleet's agreement has ended. Ask your dispatcher.",
    Reason.AGREEMENT_NOT_HERE: "Your fleet's agreement does not cover this charger. Use another one.",
    Reason.AGREEMENT_NOT_NOW: "Your fleet's agreement does not cover this hour. Ask your dispatcher.",
}


class StatusOnly:
    """OCPP 1.6: a status, and no text (ocpp-access-control part C)."""

    def signal(self, denial: Denial) -> DenialSignal:
        return DenialSignal(status=STATUS_16[denial.reason])


@dataclass(frozen=True, slots=True)
class StatusAndMessage:
    """OCPP 2.0.1 and 2.1: a precise status and a personal message where the profile says that the model takes one."""

    profiles: CapabilityProfiles

    def signal(self, denial: Denial) -> DenialSignal:
        profile = self.profiles.get(denial.profile)
        status = STATUS_2X[denial.reason]
        if profile is None or not profile.personal_message:
            return DenialSignal(status=status)
        return DenialSignal(status=status, message=driver_text(denial), language="en")


def driver_text(denial: Denial) -> str:
    """Plain words that say what to do, and until when managed access holds where that is in sight."""
    text = _WHY[denial.reason]
    if denial.managed_until is not None:
        text += f" Managed access until {_clock(denial.managed_until, denial.zone)}."
    return text[:PERSONAL_MESSAGE_MAX]


def _clock(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).strftime("%a %H:%M")
