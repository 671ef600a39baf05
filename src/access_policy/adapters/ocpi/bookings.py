"""Objects of the Bookings module (OCPI 2.3.0, Bookings edition 1.1)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from access_policy.adapters.ocpi.fields import (
    INTEGER_MAX,
    CiString2,
    CiString3,
    CiString36,
    DateTime,
    OcpiObject,
    String64,
    String255,
)
from access_policy.application.ports.ocpi import RequestStatus

TOKENS_MAX = 20
ACCESS_MAX = 20
NOT_ASSIGNED = "#NA"

Whole = Annotated[int, Field(ge=0, le=INTEGER_MAX)]


class ReservationStatus(StrEnum):
    PENDING = "PENDING"
    RESERVED = "RESERVED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    NO_SHOW = "NO_SHOW"
    FULFILLED = "FULFILLED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


class AccessMethod(StrEnum):
    OPEN = "OPEN"
    TOKEN = "TOKEN"  # noqa: S105
    LICENSE_PLATE = "LICENSE_PLATE"
    ACCESS_CODE = "ACCESS_CODE"
    INTERCOM = "INTERCOM"
    PARKING_TICKET = "PARKING_TICKET"


class CanceledReason(StrEnum):
    POWER_OUTAGE = "POWER_OUTAGE"
    BROKEN_CHARGER = "BROKEN_CHARGER"
    FULL = "FULL"
    BLOCKED = "BLOCKED"
    TRAFFIC = "TRAFFIC"
    BROKEN_VEHICLE = "BROKEN_VEHICLE"
    NO_CANCELED = "NO_CANCELED"
    UNKNOWN = "UNKNOWN"


class Period(OcpiObject):
    start_date_time: DateTime
    end_date_time: DateTime


class Timeslot(Period):
    """A bookable time. `min_power` and `max_power` are in watts."""

    min_power: Whole | None = None
    max_power: Whole | None = None
    green_energy_support: bool | None = None


class BookingOption(OcpiObject):
    """The place that a booking reserves. `evse_uid` is the id of a charger, or `#NA` until a charger is assigned."""

    evse_uid: CiString36 | None = None
    connector_id: CiString36 | None = None
    parking_id: CiString36 | None = None


class AccessInformation(OcpiObject):
    method: AccessMethod
    value: String255 | None = None


class BookingToken(OcpiObject):
    """A token of a driver. `type` is an open enumeration; LICENSE_PLATE comes from edition 1.0."""

    country_code: CiString2
    party_id: CiString3
    uid: CiString36
    type: String64
    contract_id: CiString36


class Cancellation(OcpiObject):
    cancellation_reason: CanceledReason
    who_canceled: String64


class BookingRequest(OcpiObject):
    """A partner's request for a new booking, for a change, or, with `canceled`, for a cancellation. `power_required` is in
    kW.
    """

    country_code: CiString2
    party_id: CiString3
    request_id: CiString36
    booking_option: BookingOption | None = None
    location_id: CiString36
    booking_location_id: CiString36 | None = None
    tokens: list[BookingToken] = Field(default_factory=list, max_length=TOKENS_MAX)
    access_information: list[AccessInformation] = Field(default_factory=list, max_length=ACCESS_MAX)
    period: Period
    authorization_reference: CiString36
    power_required: Whole | None = None
    canceled: Cancellation | None = None


class BookingRequestStatus(OcpiObject):
    request_status: RequestStatus
    booking_request: BookingRequest
    request_received: DateTime


class BookingTerms(OcpiObject):
    """The terms of a booking. Times are in minutes."""

    rfid_auth_required: bool = False
    token_groups_supported: bool = False
    remote_auth_supported: bool = False
    supported_access_methods: list[AccessMethod]
    change_until_minutes: int
    cancel_until_minutes: int
    change_not_allowed: bool = False
    early_start_allowed: bool
    early_start_time: int | None = None
    noshow_timeout: int | None = None
    noshow_fee: bool = False
    late_stop_allowed: bool
    late_stop_time: int | None = None
    overlapping_bookings_allowed: bool = True
    min_booking_duration: int | None = None
    max_booking_duration: int | None = None


class Booking(OcpiObject):
    country_code: CiString2
    party_id: CiString3
    id: CiString36
    request_id: CiString36
    booking_option: BookingOption | None = None
    location_id: CiString36
    booking_tokens: list[BookingToken] = Field(default_factory=list)
    tariff_ids: list[CiString36] = Field(default_factory=list)
    period: Timeslot
    reservation_status: ReservationStatus
    canceled: Cancellation | None = None
    access_information: list[AccessInformation] = Field(default_factory=list)
    authorization_reference: CiString36
    booking_terms: BookingTerms
    booking_requests: list[BookingRequestStatus]
    last_updated: DateTime


class Calendar(OcpiObject):
    """The free times of a booking location. `timeslot_increment` is in minutes. Edition 1.1 requires at least one time slot, so
    a fully booked calendar is omitted.
    """

    id: CiString36
    begin_from: DateTime
    end_before: DateTime
    timeslot_increment: int | None = None
    available_timeslots: list[Timeslot]
    last_updated: DateTime


class BookingLocation(OcpiObject):
    country_code: CiString2
    party_id: CiString3
    id: CiString36
    location_id: CiString36
    booking_option: BookingOption | None = None
    tariff_ids: list[CiString36] = Field(default_factory=list)
    booking_terms: BookingTerms | None = None
    calendars: list[Calendar] = Field(default_factory=list)
    last_updated: DateTime
