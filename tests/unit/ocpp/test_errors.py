"""Each version is answered in its own spelling, and both are understood."""

from __future__ import annotations

import pytest

from access_policy.adapters.ocpp.errors import ErrorCode, OcppVersion

CODES_OF_16 = {
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}


def test_version_1_6_is_answered_with_the_codes_of_its_own_table_only() -> None:
    assert {code.spelled(OcppVersion.V16) for code in ErrorCode} == CODES_OF_16


@pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])
def test_version_2_is_answered_in_its_own_spelling(version: OcppVersion) -> None:
    assert [code.spelled(version) for code in ErrorCode] == [code.value for code in ErrorCode]


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("FormationViolation", ErrorCode.FORMAT_VIOLATION),
        ("FormatViolation", ErrorCode.FORMAT_VIOLATION),
        ("OccurenceConstraintViolation", ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ("OccurrenceConstraintViolation", ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ("SomethingVendorSpecific", ErrorCode.GENERIC_ERROR),
    ],
)
def test_both_spellings_are_read_and_an_unknown_one_is_a_generic_error(spelling: str, code: ErrorCode) -> None:
    assert ErrorCode.read(spelling) is code
