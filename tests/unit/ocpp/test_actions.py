"""The actions of each version and what their schemas ask for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from ocpp.v16.enums import Action as Action16
from ocpp.v201.enums import Action as Action201

from access_policy.adapters.ocpp.actions import known_actions, not_handled, validate
from access_policy.adapters.ocpp.errors import (
    FormatViolation,
    NotImplementedAction,
    NotSupported,
    OccurrenceConstraintViolation,
    OcppError,
    OcppVersion,
    PropertyConstraintViolation,
    ProtocolError,
    TypeConstraintViolation,
)

V16, V201 = OcppVersion.V16, OcppVersion.V201
FIRMWARE_STATUS = {"status": "Idle"}


def test_the_known_actions_are_those_of_the_specification() -> None:
    assert known_actions(V16) == {action.value for action in Action16}
    assert known_actions(V201) == {action.value for action in Action201}


@pytest.mark.parametrize(
    ("version", "action", "error"),
    [
        (V16, "Reset", NotSupported),
        (V16, "TransactionEvent", NotImplementedAction),
        (V201, "StartTransaction", NotImplementedAction),
        (V201, "NotifyReport", NotSupported),
        (V201, "authorize", NotImplementedAction),
    ],
)
def test_an_action_that_nobody_handles_is_unknown_or_not_supported(
    version: OcppVersion, action: str, error: type[OcppError]
) -> None:
    assert type(not_handled(version, action)) is error


def test_every_schema_of_every_version_can_be_used() -> None:
    for version in OcppVersion:
        for action in known_actions(version):
            for response in (False, True):
                with suppress(ProtocolError):  # something is required
                    validate(version, action, {}, response=response)


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (V16, "FirmwareStatusNotification", FIRMWARE_STATUS),
        (V16, "DiagnosticsStatusNotification", {"status": "Uploading"}),
        (V201, "FirmwareStatusNotification", {"status": "Idle", "customData": {"vendorId": "v", "more": [1]}}),
        (V201, "NotifyReport", {"requestId": 1, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0}),
    ],
)
def test_a_payload_of_the_right_shape_passes(version: OcppVersion, action: str, payload: dict[str, Any]) -> None:
    validate(version, action, payload)


@pytest.mark.parametrize(
    ("version", "action", "payload", "error"),
    [
        (V16, "FirmwareStatusNotification", {}, ProtocolError),
        (V16, "FirmwareStatusNotification", {"status": 7}, TypeConstraintViolation),
        (V16, "FirmwareStatusNotification", {"status": "Idle", "extra": 1}, FormatViolation),
        (V16, "FirmwareStatusNotification", {"status": "Napping"}, PropertyConstraintViolation),
        (V16, "SecurityEventNotification", {"type": "x" * 51, "timestamp": "t"}, PropertyConstraintViolation),
        (V201, "NotifyReport", {"requestId": 1, "generatedAt": "t"}, ProtocolError),
        (V201, "NotifyReport", {"requestId": "1", "generatedAt": "t", "seqNo": 0}, TypeConstraintViolation),
        (V201, "NotifyReport", {"requestId": True, "generatedAt": "t", "seqNo": 0}, TypeConstraintViolation),
        (
            V201,
            "NotifyReport",
            {"requestId": 1, "generatedAt": "t", "seqNo": 0, "reportData": []},
            OccurrenceConstraintViolation,
        ),
        (V201, "Nonsense", {}, NotImplementedAction),
    ],
)
def test_a_payload_of_another_shape_has_the_code_of_what_is_wrong(
    version: OcppVersion, action: str, payload: dict[str, Any], error: type[OcppError]
) -> None:
    with pytest.raises(OcppError) as refused:
        validate(version, action, payload)

    assert type(refused.value) is error


def test_of_several_errors_the_missing_field_is_reported_first() -> None:
    with pytest.raises(ProtocolError, match="status missing"):
        validate(V16, "FirmwareStatusNotification", {"extra": 1})


def test_a_description_names_the_field_and_never_its_value() -> None:
    with pytest.raises(PropertyConstraintViolation) as refused:
        validate(V16, "FirmwareStatusNotification", {"status": "secret"})

    assert refused.value.description == "status: has a value that is not allowed"


def test_tenths_are_multiples_of_a_tenth() -> None:
    period = {"startPeriod": 0, "limit": 21.4}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}

    validate(V16, "GetCompositeSchedule", {"status": "Accepted", "chargingSchedule": schedule}, response=True)

    period["limit"] = 21.44
    with pytest.raises(PropertyConstraintViolation):
        validate(V16, "GetCompositeSchedule", {"status": "Accepted", "chargingSchedule": schedule}, response=True)
