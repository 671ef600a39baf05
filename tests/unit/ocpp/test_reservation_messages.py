"""ReserveNow and CancelReservation in tables: what the charger answers, the frames it receives, what the application gets."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import ErrorCode, OcppVersion
from access_policy.adapters.ocpp.transport.call_failures import CallObsolete, CallRejected, CallTimedOut
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, NoLongerWanted
from access_policy.application.ports.charger_reservations import Reserved, ReserveStatus
from access_policy.domain.identifiers import Identifier, IdentifierKind
from tests.support.asked_application import AskedApplication
from tests.unit.ocpp.test_outgoing_commands import (
    ACCEPTED,
    BUS,
    UNTIL,
    V16,
    V21,
    V201,
    Answer,
    AnsweringConnection,
    got,
    keys,
    of,
)

MAC = Identifier(IdentifierKind.MAC, "1A2B3C4D5E6F")
UNTIL_TEXT = "2026-11-18T12:01:00.000Z"
BOTH_2X = [V201, V21]


def always() -> bool:
    return True


@pytest.mark.parametrize(
    ("version", "connector_id", "identifier", "frame"),
    [
        (V16, 2, BUS, {"connectorId": 2, "expiryDate": UNTIL_TEXT, "idTag": BUS.value, "reservationId": 77}),
        (V16, 0, MAC, {"connectorId": 0, "expiryDate": UNTIL_TEXT, "idTag": "VID:1A2B3C4D5E6F", "reservationId": 77}),
        *(
            (
                version,
                2,
                BUS,
                {
                    "id": 77,
                    "expiryDateTime": UNTIL_TEXT,
                    "idToken": {"idToken": BUS.value, "type": "ISO14443"},
                    "evseId": 2,
                },
            )
            for version in BOTH_2X
        ),
        *(
            (
                version,
                0,
                MAC,
                {
                    "id": 77,
                    "expiryDateTime": UNTIL_TEXT,
                    "idToken": {"idToken": "1A2B3C4D5E6F", "type": "MacAddress"},
                },
            )
            for version in BOTH_2X
        ),
    ],
)
async def test_reserve_sends_the_number_the_place_the_holder_and_the_end(
    version: OcppVersion, connector_id: int, identifier: Identifier, frame: dict[str, Any]
) -> None:
    connection = AnsweringConnection(version, [ACCEPTED])

    reserved = await of(connection).reserve(77, connector_id, identifier, UNTIL, always)

    assert reserved == Reserved(ReserveStatus.ACCEPTED, "Accepted")
    assert connection.frames == [("ReserveNow", frame)]
    assert connection.urgencies == [Urgency.ASK]


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        ({"status": "Occupied"}, ReserveStatus.OCCUPIED, "Occupied"),
        ({"status": "Faulted"}, ReserveStatus.OUT_OF_SERVICE, "Faulted"),
        ({"status": "Unavailable"}, ReserveStatus.OUT_OF_SERVICE, "Unavailable"),
        ({"status": "Rejected"}, ReserveStatus.REFUSED, "Rejected"),
        ({"status": "Perhaps"}, ReserveStatus.REFUSED, "Perhaps"),
        ({}, ReserveStatus.REFUSED, "no status"),
        (CallRejected(ErrorCode.NOT_SUPPORTED, "no reservations"), ReserveStatus.REFUSED, "NotSupported"),
    ],
)
async def test_reserve_when_refused_says_whether_asking_again_may_help(
    version: OcppVersion, answer: Answer, status: ReserveStatus, detail: str
) -> None:
    reserved = await of(AnsweringConnection(version, [answer])).reserve(77, 1, BUS, UNTIL, always)

    assert reserved.status is status
    assert detail in reserved.detail
    assert BUS.value not in reserved.detail


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(
    ("failure", "raised"), [(CallTimedOut("late"), ChargerDidNotAnswer), (CallObsolete(), NoLongerWanted)]
)
async def test_reserve_without_an_answer_raises(version: OcppVersion, failure: Any, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        await of(AnsweringConnection(version, [failure])).reserve(77, 1, BUS, UNTIL, always)


@pytest.mark.parametrize(("version", "length"), [(V16, 21), (V201, 37), (V21, 37)])
async def test_reserve_for_an_identifier_too_long_for_the_protocol_sends_nothing(
    version: OcppVersion, length: int
) -> None:
    connection = AnsweringConnection(version, [ACCEPTED])

    reserved = await of(connection).reserve(77, 1, Identifier(IdentifierKind.OTHER, "x" * length), UNTIL, always)

    assert reserved.status is ReserveStatus.REFUSED
    assert connection.frames == []


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (ACCEPTED, "Accepted"),
        ({"status": "Rejected"}, "Rejected"),
        (CallRejected(ErrorCode.NOT_SUPPORTED, ""), "NotSupported"),
    ],
)
async def test_cancel_reservation_returns_the_answer(version: OcppVersion, answer: Answer, status: str) -> None:
    connection = AnsweringConnection(version, [answer])

    assert status in await of(connection).cancel_reservation(77)
    assert connection.frames == [("CancelReservation", {"reservationId": 77})]


@pytest.mark.parametrize(
    ("version", "answers", "supported"),
    [
        (V16, [keys(SupportedFeatureProfiles="Core, Reservation ,SmartCharging")], True),
        (V16, [keys(SupportedFeatureProfiles="Core,RemoteTrigger")], False),
        (V16, [keys()], False),
        (V16, [CallRejected(ErrorCode.NOT_SUPPORTED, "")], False),
        (V201, [got("true"), got("true")], True),
        (V21, [got(status="UnknownVariable"), got("True")], True),
        (V201, [got("true"), got("false")], False),
        (V201, [got(status="UnknownComponent"), got(status="UnknownComponent")], False),
    ],
)
async def test_supports_reservations_by_the_charger_s_own_report(
    version: OcppVersion, answers: list[Answer], supported: bool
) -> None:
    assert await of(AnsweringConnection(version, answers)).supports_reservations() is supported


@pytest.mark.parametrize("version", BOTH_2X)
@pytest.mark.parametrize("status", ["Expired", "Removed", "NoTransaction"])
async def test_reservation_status_update_reports_the_number_and_the_reason(version: OcppVersion, status: str) -> None:
    application = AskedApplication(version)

    answer = await application.answer(
        "ReservationStatusUpdate", {"reservationId": 77, "reservationUpdateStatus": status}
    )

    assert (answer, application.asked) == ({}, [("reservation", (77, status))])
