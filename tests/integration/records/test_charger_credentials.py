"""Passwords of chargers, as OCPP 1.6 and 2.0.1 chargers present them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from access_policy.adapters.records.charger_credentials import METADATA, SqlChargerCredentials
from access_policy.application.ports.secrets import Holder
from access_policy.domain.ids import ChargePointId, ChargerId, TenantId
from tests.support.places import Place
from tests.support.records import files_holding, rows
from tests.support.stores import charger_credentials

CP, OTHER = ChargePointId("CP-0001"), ChargePointId("CP-0002")
HOLDER: Holder = (TenantId("acme"), ChargerId("gate-1"))
NEXT: Holder = (TenantId("rival"), ChargerId("gate-1"))
TEXT = "correct horse battery staple é"
HEX = "00112233445566778899AABBccddeeff01234567"


@pytest.fixture
async def credentials(records_location: Place) -> AsyncIterator[SqlChargerCredentials]:
    opened = charger_credentials(records_location)
    yield opened
    await opened.close()


async def test_a_charger_without_a_password_is_neither_right_nor_wrong(credentials: SqlChargerCredentials) -> None:
    assert await credentials.verify(CP, HOLDER, b"anything") is None
    assert await credentials.verify(CP, HOLDER, None) is None


async def test_only_the_password_itself_fits(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HOLDER, TEXT)

    assert await credentials.verify(CP, HOLDER, TEXT.encode()) is True
    for wrong in (b"", b"wrong", TEXT.encode()[:-1], TEXT.encode() + b"\0", TEXT.upper().encode(), None):
        assert await credentials.verify(CP, HOLDER, wrong) is False


@pytest.mark.parametrize("presented", [HEX.encode(), bytes.fromhex(HEX)], ids=["digits", "bytes"])
async def test_an_authorization_key_fits_as_digits_and_as_the_bytes_they_spell(
    credentials: SqlChargerCredentials, presented: bytes
) -> None:
    await credentials.set_password(CP, HOLDER, HEX)

    assert await credentials.verify(CP, HOLDER, presented) is True
    assert await credentials.verify(CP, HOLDER, presented[:-1]) is False


async def test_bytes_that_are_no_text_can_be_presented(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HOLDER, TEXT)

    assert await credentials.verify(CP, HOLDER, b"\xff\xfe\x00") is False


async def test_digits_of_another_length_are_text_only(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HOLDER, HEX[:-2])

    assert await credentials.verify(CP, HOLDER, HEX[:-2].encode()) is True
    assert await credentials.verify(CP, HOLDER, bytes.fromhex(HEX[:-2])) is False


async def test_a_new_password_replaces_the_old_one(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HOLDER, HEX)
    await credentials.set_password(CP, HOLDER, TEXT)

    assert await credentials.verify(CP, HOLDER, TEXT.encode()) is True
    assert await credentials.verify(CP, HOLDER, HEX.encode()) is False
    assert await credentials.verify(CP, HOLDER, bytes.fromhex(HEX)) is False


async def test_a_password_is_one_chargers_only(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HOLDER, TEXT)
    await credentials.set_password(OTHER, HOLDER, HEX)

    assert await credentials.verify(OTHER, HOLDER, TEXT.encode()) is False


async def test_a_cleared_password_is_gone(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HOLDER, TEXT)

    await credentials.clear(CP, HOLDER)
    await credentials.clear(CP, HOLDER)

    assert await credentials.verify(CP, HOLDER, TEXT.encode()) is None


async def test_passwords_outlive_the_process_and_stand_nowhere_in_the_file(records_location: Place) -> None:
    credentials = charger_credentials(records_location)
    await credentials.set_password(CP, HOLDER, TEXT)
    await credentials.set_password(OTHER, HOLDER, HEX)
    await credentials.close()

    credentials = charger_credentials(records_location)
    assert await credentials.verify(CP, HOLDER, TEXT.encode()) is True
    for secret in (TEXT.encode(), HEX.encode(), bytes.fromhex(HEX)):
        assert files_holding(records_location, secret) == []
    await credentials.close()


async def test_the_same_password_of_two_chargers_is_not_recognisable(records_location: Place) -> None:
    credentials = charger_credentials(records_location)
    await credentials.set_password(CP, HOLDER, TEXT)
    await credentials.set_password(OTHER, HOLDER, TEXT)

    assert len(set(rows(records_location, "credentials", "SELECT of_text FROM charger_password"))) == 2
    await credentials.close()


async def test_a_proposed_password_holds_beside_the_old_one_and_alone_once_it_was_used(
    credentials: SqlChargerCredentials,
) -> None:
    await credentials.set_password(CP, HOLDER, TEXT)
    await credentials.propose(CP, HOLDER, HEX)

    assert await credentials.verify(CP, HOLDER, TEXT.encode()) is True
    assert await credentials.verify(CP, HOLDER, bytes.fromhex(HEX)) is True
    assert await credentials.verify(CP, HOLDER, TEXT.encode()) is False
    assert await credentials.verify(CP, HOLDER, HEX.encode()) is True


async def test_a_proposal_can_be_withdrawn_or_replaced_and_goes_with_the_rest(
    credentials: SqlChargerCredentials,
) -> None:
    await credentials.set_password(CP, HOLDER, TEXT)
    await credentials.propose(CP, HOLDER, HEX)
    await credentials.propose(CP, HOLDER, "another-proposal-of-length")
    assert await credentials.verify(CP, HOLDER, HEX.encode()) is False
    await credentials.withdraw(CP, HOLDER)
    assert await credentials.verify(CP, HOLDER, b"another-proposal-of-length") is False
    await credentials.propose(CP, HOLDER, HEX)
    await credentials.clear(CP, HOLDER)
    assert await credentials.verify(CP, HOLDER, HEX.encode()) is None


async def test_a_password_that_is_set_ends_a_proposal(credentials: SqlChargerCredentials) -> None:
    await credentials.propose(CP, HOLDER, HEX)
    await credentials.set_password(CP, HOLDER, TEXT)

    assert await credentials.verify(CP, HOLDER, HEX.encode()) is False


async def test_password_of_one_holder_is_worth_nothing_for_another(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, HOLDER, TEXT)
    await credentials.propose(CP, HOLDER, HEX)

    assert await credentials.verify(CP, NEXT, TEXT.encode()) is None
    assert await credentials.verify(CP, NEXT, HEX.encode()) is None
    await credentials.set_password(CP, NEXT, "the next holder's")
    assert await credentials.verify(CP, NEXT, TEXT.encode()) is False
    assert await credentials.verify(CP, NEXT, HEX.encode()) is False


async def test_clearing_for_one_holder_leaves_the_password_of_another(credentials: SqlChargerCredentials) -> None:
    await credentials.set_password(CP, NEXT, TEXT)
    await credentials.clear(CP, HOLDER)
    await credentials.withdraw(CP, HOLDER)

    assert await credentials.verify(CP, NEXT, TEXT.encode()) is True


@pytest.fixture
async def from_before(credentials: SqlChargerCredentials) -> SqlChargerCredentials:
    """TEXT is stored and HEX is proposed, as versions did that knew no holders."""
    await credentials.set_password(CP, HOLDER, TEXT)
    await credentials.propose(CP, HOLDER, HEX)
    for table in METADATA.sorted_tables:
        await credentials._tables.write(
            lambda connection, table=table: connection.execute(update(table).values(held=CP))
        )
    return credentials


async def test_password_without_a_holder_once_used_belongs_to_the_holder_on_record(
    from_before: SqlChargerCredentials,
) -> None:
    assert await from_before.verify(CP, HOLDER, b"wrong") is False
    assert await from_before.verify(CP, HOLDER, TEXT.encode()) is True
    assert await from_before.verify(CP, NEXT, TEXT.encode()) is None
    assert await from_before.verify(CP, HOLDER, TEXT.encode()) is True
    assert await from_before.verify(CP, HOLDER, HEX.encode()) is True
    assert await from_before.verify(CP, HOLDER, TEXT.encode()) is False


async def test_proposal_beside_a_password_without_a_holder_leaves_that_password_valid(
    from_before: SqlChargerCredentials,
) -> None:
    await from_before.propose(CP, HOLDER, "another-proposal-of-length")

    assert await from_before.verify(CP, HOLDER, TEXT.encode()) is True
    assert await from_before.verify(CP, HOLDER, HEX.encode()) is False
    assert await from_before.verify(CP, HOLDER, b"another-proposal-of-length") is True


@pytest.mark.parametrize("change", ["set", "clear"])
async def test_password_without_a_holder_is_gone_when_one_is_set_or_the_id_is_claimed(
    from_before: SqlChargerCredentials, change: str
) -> None:
    if change == "set":
        await from_before.set_password(CP, NEXT, "the next holder's")
    else:
        await from_before.clear(CP, NEXT)

    assert not await from_before.verify(CP, NEXT, TEXT.encode())
    assert not await from_before.verify(CP, HOLDER, TEXT.encode())
