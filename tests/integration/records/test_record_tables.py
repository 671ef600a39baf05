"""What tables of keys, passwords, plans and positions promise wherever they lie: an answer in time, and nothing left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import OperationalError

from access_policy.adapters.records.tables import RecordTables, storable
from access_policy.adapters.records.vehicle_vault import SqlVehicleVault
from access_policy.adapters.sql import wiping
from access_policy.adapters.sql.sqlite_locks import AGAIN_MAX_S, PromptConnection
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.ids import TenantId, VehicleId
from tests.support.places import Place
from tests.support.postgres_server import PASSWORD, PostgresServer, new_database
from tests.support.records import files_holding, migrated_for_records, rows
from tests.support.stores import TEST_KEY, vehicle_vault

ACME, VAN = TenantId("acme"), VehicleId("van-7")
SHORT_S = 0.5
TOO_LONG_S = 30.0
METADATA = MetaData()
NUMBERS = Table("numbers", METADATA, Column("number", Integer, primary_key=True))


def numbers_at(place: Place, timeout_s: float = SHORT_S) -> RecordTables:
    if isinstance(place, Path):
        return RecordTables(place / "numbers.sqlite", METADATA, timeout_s=timeout_s)
    with psycopg.connect(place) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS numbers (number integer PRIMARY KEY)")
        connection.execute("TRUNCATE numbers")
    return RecordTables(place, METADATA, timeout_s=timeout_s)


def put(number: int, connection: Connection) -> None:
    connection.execute(insert(NUMBERS).values(number=number))


def all_numbers(connection: Connection) -> list[int]:
    return list(connection.execute(select(NUMBERS.c.number).order_by(NUMBERS.c.number)).scalars())


# --- transactions ----------------------------------------------------------------------------------------------------


async def test_what_fails_in_the_middle_leaves_nothing(records_location: Place) -> None:
    tables = numbers_at(records_location)

    def fails(connection: Connection) -> None:
        put(1, connection)
        put(1, connection)

    with pytest.raises(StoreUnavailable):
        await tables.write(fails)
    await tables.write(lambda connection: put(2, connection))

    assert await tables.read(all_numbers) == [2]
    await tables.close()


async def test_write_while_another_process_writes_the_file_asks_for_the_lock_every_two_milliseconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = numbers_at(tmp_path, TOO_LONG_S)
    with closing(sqlite3.connect(tmp_path / "numbers.sqlite", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        pauses: list[float] = []

        def pause(length_s: float) -> None:
            pauses.append(length_s)
            if len(pauses) == 40:  # SQLite's own wait would have slept for most of two seconds by now
                other.execute("ROLLBACK")

        monkeypatch.setattr(PromptConnection, "pause", staticmethod(pause))
        await tables.write(lambda connection: put(1, connection))

    assert await tables.read(all_numbers) == [1]
    await tables.close()
    assert len(pauses) == 40
    assert max(pauses) <= AGAIN_MAX_S


async def test_write_fails_in_time_while_another_process_keeps_the_lock_of_the_file(tmp_path: Path) -> None:
    tables = numbers_at(tmp_path)
    with closing(sqlite3.connect(tmp_path / "numbers.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await tables.write(lambda connection: put(1, connection))
        other.execute("ROLLBACK")

    await tables.write(lambda connection: put(2, connection))
    assert await tables.read(all_numbers) == [2]
    await tables.close()


async def test_an_error_of_the_callers_own_is_the_callers_and_leaves_nothing(records_location: Place) -> None:
    tables = numbers_at(records_location)

    def fails(connection: Connection) -> None:
        put(1, connection)
        raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        await tables.write(fails)

    assert await tables.read(all_numbers) == []
    await tables.close()


async def test_a_reader_does_not_wait_for_a_writer(records_location: Place) -> None:
    one, other = numbers_at(records_location), numbers_at(records_location)
    loop = asyncio.get_running_loop()
    has_written, may_end = asyncio.Event(), asyncio.Event()

    def slow(connection: Connection) -> None:
        put(1, connection)
        loop.call_soon_threadsafe(has_written.set)
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(TOO_LONG_S)

    writing = asyncio.create_task(one.write(slow))
    await has_written.wait()
    assert await other.read(all_numbers) == []
    may_end.set()
    await writing

    assert await other.read(all_numbers) == [1]
    await one.close()
    await other.close()


async def test_closed_tables_are_unavailable(records_location: Place) -> None:
    tables = numbers_at(records_location)
    await tables.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await tables.read(all_numbers)


# --- a file ----------------------------------------------------------------------------------------------------------


async def test_a_file_is_its_owners_alone_and_safe_once_it_was_written(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        tables = numbers_at(tmp_path)
    finally:
        os.umask(before)
    await tables.write(lambda connection: put(1, connection))

    def kept(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "secure_delete")
        return [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]

    assert await tables.read(kept) == ["wal", 2, 1]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    await tables.close()


async def test_who_waited_for_another_process_is_told_so_and_not_cut_off(tmp_path: Path) -> None:
    one, other = numbers_at(tmp_path, TOO_LONG_S), numbers_at(tmp_path, 4 * SHORT_S)
    loop = asyncio.get_running_loop()
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    def slow(_: Connection) -> None:
        loop.call_soon_threadsafe(has_begun.set)
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(TOO_LONG_S)

    writing = asyncio.create_task(one.write(slow))
    await has_begun.wait()
    with pytest.raises(StoreUnavailable, match="locked"):
        await other.write(lambda connection: put(1, connection))
    may_end.set()
    await writing

    await other.write(lambda connection: put(1, connection))
    await one.close()
    await other.close()


def test_a_reason_can_be_stored_whatever_it_says() -> None:
    assert storable("a\0b\ud800c", 100) == "a\\x00b\\ud800c"


# --- a server --------------------------------------------------------------------------------------------------------


async def test_a_statement_that_takes_too_long_is_given_up_and_the_next_one_is_answered(records_database: str) -> None:
    tables = numbers_at(records_database)

    with pytest.raises(StoreUnavailable):
        await tables.read(lambda connection: connection.execute(text("SELECT pg_sleep(30)")))

    assert await tables.read(all_numbers) == []
    await tables.close()


async def test_a_server_that_hangs_costs_the_deadline_and_one_that_is_back_is_used(own_server: PostgresServer) -> None:
    with new_database(own_server) as url:
        migrated_for_records(url)
        vault = SqlVehicleVault(url, TEST_KEY, timeout_s=SHORT_S)
        sealed = await vault.seal(ACME, VAN, "04A1B2C3D4E5F6")
        with own_server.paused():
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await vault.unseal(ACME, VAN, sealed)
        assert await vault.unseal(ACME, VAN, sealed) == "04A1B2C3D4E5F6"

        own_server.stop()
        with pytest.raises(StoreUnavailable):
            await vault.unseal(ACME, VAN, sealed)
        own_server.start()

        assert await vault.unseal(ACME, VAN, sealed) == "04A1B2C3D4E5F6"
        await vault.close()


def test_a_server_that_is_away_is_told_by_opening_without_its_password() -> None:
    with pytest.raises(OperationalError) as refused:
        SqlVehicleVault(f"postgresql://operator:{PASSWORD[:5]}@127.0.0.1:1/nothing", TEST_KEY)

    assert PASSWORD[:5] not in str(refused.value)


# --- nothing left behind on a server ---------------------------------------------------------------------------------


async def a_key(vault: SqlVehicleVault, place: Place) -> bytes:
    for vehicle in (*(VehicleId(f"other-{n}") for n in range(5)), VAN):
        await vault.seal(ACME, vehicle, "a value")
    ((wrapped,),) = rows(place, "vault", "SELECT wrapped FROM vehicle_key WHERE vehicle_id = 'van-7'")
    return bytes(wrapped)


def keys_in(place: Place) -> int:
    ((count,),) = rows(place, "vault", "SELECT count(*) FROM vehicle_key")
    return int(count)


async def test_deleting_and_a_plain_vacuum_would_leave_the_key_in_its_file(records_database: str) -> None:
    """The red control of the tests below: why a wipe writes the table anew."""
    vault = vehicle_vault(records_database)
    wrapped = await a_key(vault, records_database)

    with psycopg.connect(records_database, autocommit=True) as connection:
        connection.execute("DELETE FROM vehicle_key WHERE vehicle_id = 'van-7'")
        connection.execute("VACUUM vehicle_key")

    assert files_holding(records_database, wrapped) != []
    await vault.close()


async def test_a_wipe_waits_for_transactions_that_can_still_see_what_was_deleted(
    records_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiping, "OTHERS_END_S", TOO_LONG_S)
    vault = SqlVehicleVault(records_database, TEST_KEY, timeout_s=TOO_LONG_S)
    wrapped = await a_key(vault, records_database)
    with psycopg.connect(records_database) as older:
        older.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        older.execute("SELECT 1")
        forgetting = asyncio.create_task(vault.forget(ACME, VAN))
        async with asyncio.timeout(TOO_LONG_S):
            while await asyncio.to_thread(keys_in, records_database) == 6:  # noqa: ASYNC110  a server tells nobody
                await asyncio.sleep(0.01)
        assert not forgetting.done()
    await forgetting

    assert files_holding(records_database, wrapped) == []
    await vault.close()


async def test_what_a_long_transaction_can_still_see_goes_with_the_next_wipe(
    records_database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wiping, "OTHERS_END_S", 0.05)
    vault = vehicle_vault(records_database)
    wrapped = await a_key(vault, records_database)
    with psycopg.connect(records_database) as older, caplog.at_level(logging.WARNING):
        older.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        older.execute("SELECT 1")
        await vault.forget(ACME, VAN)
        assert "an older transaction is still open" in caplog.text
        assert keys_in(records_database) == 5
        assert files_holding(records_database, wrapped) != []

    await vault.forget(ACME, VehicleId("other-1"))

    assert files_holding(records_database, wrapped) == []
    await vault.close()


async def test_who_may_not_write_the_table_anew_says_so(records_database: str) -> None:
    guest = f"guest_{os.getpid()}"
    with psycopg.connect(records_database, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {guest} LOGIN PASSWORD 'guest'")
        try:
            owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {guest}")
            host, port, database = owner.info.host, owner.info.port, owner.info.dbname
            vault = vehicle_vault(f"postgresql://{guest}:guest@{host}:{port}/{database}")
            await vault.seal(ACME, VAN, "a value")

            with pytest.raises(StoreUnavailable, match="only the owner"):
                await vault.forget(ACME, VAN)
            assert keys_in(records_database) == 0
            await vault.close()
        finally:
            owner.execute(f"DROP OWNED BY {guest}")
            owner.execute(f"DROP ROLE {guest}")
