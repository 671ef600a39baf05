"""A machine with other keys than the database was used with first does not serve from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from access_policy.adapters.records.key_check import require_same_keys
from access_policy.adapters.secrets.key_files import KeyFileUnusable, Keys, open_keys
from access_policy.adapters.sql.migrations import MigrationNeeded
from access_policy.container import Container
from access_policy.settings import Settings


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return open_keys(tmp_path / "keys")


def test_the_keys_of_the_first_machine_are_those_of_all(records_database: str, keys: Keys) -> None:
    require_same_keys(records_database, keys)
    require_same_keys(records_database, keys)


@pytest.mark.parametrize("name", ["pseudonyms", "vault", "charger_passwords"])
def test_a_machine_with_another_key_is_told_what_to_do(records_database: str, keys: Keys, name: str) -> None:
    require_same_keys(records_database, keys)

    with pytest.raises(
        KeyFileUnusable, match=f"The keys {name} of this machine .* Replace the directory keys"
    ) as refused:
        require_same_keys(records_database, replace(keys, **{name: bytes(32)}))

    assert keys.vault.hex() not in str(refused.value)
    require_same_keys(records_database, keys)


def test_two_machines_that_start_with_keys_of_their_own_do_not_both_serve(
    records_database: str, tmp_path: Path
) -> None:
    one, other = (Settings(data=tmp_path / name, records_url=records_database) for name in ("one", "other"))
    Container(settings=one).stores.keys()

    with pytest.raises(KeyFileUnusable):
        Container(settings=other).stores.keys()

    Container(settings=one).stores.keys()


def test_a_database_without_tables_says_so(postgres_database: str, keys: Keys) -> None:
    with pytest.raises(MigrationNeeded, match="access-policy migrate"):
        require_same_keys(postgres_database, keys)
