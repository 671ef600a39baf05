"""Passwords of chargers, as OCPP 1.6 and 2.0.1 chargers present them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from access_policy.adapters.secrets.charger_credentials import SqlChargerCredentials
from access_policy.domain.ids import ChargePointId
from tests.support.places import Place
from tests.support.records import files_holding, rows
from tests.support.stores import charger_credentials

CP, OTHER = ChargePointId("CP-0001"), ChargePointId("CP-0002")
TEXT = "correct horse battery staple é"
HEX = "00112233445566778899AABBccddeeff01234567"


@pytest.fixture
async def credentials(records_place: Place) -> AsyncIterator[SqlChargerCredentials]:
    opened = charger_credentials(records_place)
    yield opened
    await opened.close()


async def test_a_charger_without_a_password_is_neither_right_nor_wrong(credentials: SqlChargerCredentials) -> None:
    assert await credentials.verify(CP, b"anything") is None
    assert await credentials.verify(CP, None) is None


async def test_only_the_password_itself_fits(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, TEXT)

    assert await credentials.verify(CP, TEXT.encode()) is True
    for wrong in (b"", b"wrong", TEXT.encode()[:-1], TEXT.encode() + b"\0", TEXT.upper().encode(), None):
        assert await credentials.verify(CP, wrong) is False


@pytest.mark.parametrize("presented", [HEX.encode(), bytes.fromhex(HEX)], ids=["digits", "bytes"])
async def test_an_authorization_key_fits_as_digits_and_as_the_bytes_they_spell(
    credentials: SqlChargerCredentials, presented: bytes
) -> None:
    await credentials.set_password(CP, HEX)

    assert await credentials.verify(CP, presented) is True
    assert await credentials.verify(CP, presented[:-1]) is False


async def test_bytes_that_are_no_text_can_be_presented(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, TEXT)

    assert await credentials.verify(CP, b"\xff\xfe\x00") is False


async def test_digits_of_another_length_are_text_only(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HEX[:-2])

    assert await credentials.verify(CP, HEX[:-2].encode()) is True
    assert await credentials.verify(CP, bytes.fromhex(HEX[:-2])) is False


async def test_a_new_password_replaces_the_old_one(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HEX)
    await credentials.set_password(CP, TEXT)

    assert await credentials.verify(CP, TEXT.encode()) is True
    assert await credentials.verify(CP, HEX.encode()) is False
    assert await credentials.verify(CP, bytes.fromhex(HEX)) is False


async def test_a_password_is_one_chargers_only(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, TEXT)
    await credentials.set_password(OTHER, HEX)

    assert await credentials.verify(OTHER, TEXT.encode()) is False


async def test_a_cleared_password_is_gone(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, TEXT)

    await credentials.clear(CP)
    await credentials.clear(CP)

    assert await credentials.verify(CP, TEXT.encode()) is None


async def test_passwords_outlive_the_process_and_stand_nowhere_in_the_file(records_place: Place) -> None:
    credentials = charger_credentials(records_place)
    await credentials.set_password(CP, TEXT)
    await credentials.set_password(OTHER, HEX)
    await credentials.close()

    credentials = charger_credentials(records_place)
    assert await credentials.verify(CP, TEXT.encode()) is True
    for secret in (TEXT.encode(), HEX.encode(), bytes.fromhex(HEX)):
        assert files_holding(records_place, secret) == []
    await credentials.close()


async def test_the_same_password_of_two_chargers_is_not_recognisable(records_place: Place) -> None:
    credentials = charger_credentials(records_place)
    await credentials.set_password(CP, TEXT)
    await credentials.set_password(OTHER, TEXT)

    assert len(set(rows(records_place, "credentials", "SELECT of_text FROM charger_password"))) == 2
    await credentials.close()


async def test_a_proposed_password_holds_beside_the_old_one_and_alone_once_it_was_used(
    credentials: SqlChargerCredentials,
) -> None:
    await credentials.set_password(CP, TEXT)
    await credentials.propose(CP, HEX)

    assert await credentials.verify(CP, TEXT.encode()) is True
    assert await credentials.verify(CP, bytes.fromhex(HEX)) is True
    assert await credentials.verify(CP, TEXT.encode()) is False
    assert await credentials.verify(CP, HEX.encode()) is True


async def test_a_proposal_can_be_withdrawn_or_replaced_and_goes_with_the_rest(
    credentials: SqlChargerCredentials,
) -> None:
    await credentials.set_password(CP, TEXT)
    await credentials.propose(CP, HEX)
    await credentials.propose(CP, "another-proposal-of-length")
    assert await credentials.verify(CP, HEX.encode()) is False
    await credentials.withdraw(CP)
    assert await credentials.verify(CP, b"another-proposal-of-length") is False
    await credentials.propose(CP, HEX)
    await credentials.clear(CP)
    assert await credentials.verify(CP, HEX.encode()) is None


async def test_a_password_that_is_set_ends_a_proposal(credentials: SqlChargerCredentials) -> None:
    await credentials.propose(CP, HEX)
    await credentials.set_password(CP, TEXT)

    assert await credentials.verify(CP, HEX.encode()) is False
