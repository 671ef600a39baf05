"""Signals of a refusal that the driver can see, by protocol (design 3.6; 1.6, 7.2; 2.0.1, AuthorizationStatusEnumType)."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.adapters.ocpp.driver_texts.catalogue import PERSONAL_MESSAGE_MAX, DriverTexts
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.events import DenialSignal
from access_policy.domain.access.reasons import Reason

# OCPP 1.6 has three refusals. A known vehicle is Blocked or Expired, because some chargers show these differently from the
# status for an unknown vehicle.
STATUS_16 = {
    Reason.IDENTIFIER_INVALID: "Invalid",
    Reason.PIN_LOCKED_OUT: "Blocked",
    Reason.UNKNOWN_IDENTIFIER: "Invalid",
    Reason.VEHICLE_SUSPENDED: "Blocked",
    Reason.IDENTIFIER_IN_USE: "Blocked",
    Reason.RESERVED_FOR_OTHER: "Blocked",
    Reason.RESERVATION_REQUIRED: "Blocked",
    Reason.RESERVATION_NOT_STARTED: "Blocked",
    Reason.RESERVATION_ENDED: "Expired",
    Reason.VEHICLE_NOT_VALID: "Expired",
    Reason.AGREEMENT_NOT_STARTED: "Blocked",
    Reason.AGREEMENT_ENDED: "Expired",
    Reason.AGREEMENT_NOT_HERE: "Blocked",
    Reason.AGREEMENT_NOT_NOW: "Blocked",
    Reason.ENERGY_RESTRICTED: "Blocked",
}

STATUS_2X = {
    Reason.IDENTIFIER_INVALID: "Invalid",
    Reason.PIN_LOCKED_OUT: "Blocked",
    Reason.UNKNOWN_IDENTIFIER: "Unknown",
    Reason.VEHICLE_SUSPENDED: "Blocked",
    Reason.IDENTIFIER_IN_USE: "ConcurrentTx",
    Reason.RESERVED_FOR_OTHER: "NotAtThisTime",
    Reason.RESERVATION_REQUIRED: "NotAtThisLocation",
    Reason.RESERVATION_NOT_STARTED: "NotAtThisTime",
    Reason.RESERVATION_ENDED: "Expired",
    Reason.VEHICLE_NOT_VALID: "Expired",
    Reason.AGREEMENT_NOT_STARTED: "NotAtThisTime",
    Reason.AGREEMENT_ENDED: "Expired",
    Reason.AGREEMENT_NOT_HERE: "NotAtThisLocation",
    Reason.AGREEMENT_NOT_NOW: "NotAtThisTime",
    Reason.ENERGY_RESTRICTED: "NotAtThisTime",
}


class StatusOnly:
    """OCPP 1.6: a status without a text (ocpp-access-control part C)."""

    def signal(self, denial: Denial) -> DenialSignal:
        return DenialSignal(status=STATUS_16[denial.reason])


@dataclass(frozen=True, slots=True)
class StatusAndMessage:
    """OCPP 2.0.1 and 2.1: a precise status, and a personal message if the profile says that the model shows it."""

    profiles: CapabilityProfiles
    texts: DriverTexts
    message_max: int = PERSONAL_MESSAGE_MAX

    def signal(self, denial: Denial) -> DenialSignal:
        profile = self.profiles.get(denial.tenant_id, denial.profile)
        status = STATUS_2X[denial.reason]
        if profile is None or not profile.personal_message:
            return DenialSignal(status=status)
        message, language = self.texts.denial(denial, length_max=self.message_max)
        return DenialSignal(status=status, message=message, language=language)
