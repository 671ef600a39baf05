"""Refusals of commands on OCPI partners."""

from __future__ import annotations

from access_policy.domain.errors import Conflict, Invalid, Unknown


class OcpiPartnerUnknown(Unknown):
    code = "not-found"


class OcpiPartnerInvalid(Invalid):
    code = "ocpi-partner-invalid"


class BookablePlaceUnknown(OcpiPartnerInvalid):
    names_unknown = True


class TooManyOcpiPartners(Conflict):
    code = "too-many-ocpi-partners"


class AlreadyRegistered(Conflict):
    """The partner has exchanged credentials already; OCPI answers HTTP 405."""

    code = "ocpi-already-registered"


class NotRegistered(Conflict):
    """The partner has not exchanged credentials yet; OCPI answers HTTP 405."""

    code = "ocpi-not-registered"


class PartnerNotReached(Conflict):
    """The partner's interface could not be used: no answer, an error, or a required module is missing."""

    code = "ocpi-partner-not-reached"


class PartyWrong(Invalid):
    """A message names another party than the one that sent it."""

    code = "ocpi-party-wrong"


class DriverTokenUnknown(Unknown):
    code = "ocpi-token-unknown"


class LocationUnknown(Unknown):
    """The location does not exist, or the partner may not book it."""

    code = "ocpi-location-unknown"


class TooManyBookings(Conflict):
    code = "ocpi-too-many-bookings"
