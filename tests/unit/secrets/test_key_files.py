"""Keys on disk: made once, for their owner alone, never silently replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from access_policy.adapters.secrets.key_files import KEY_BYTES, KeyFileUnusable, open_keys

NAMES = ["charger_passwords.key", "pseudonyms.key", "vault.key"]


def test_keys_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    keys = open_keys(tmp_path / "keys")

    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == NAMES
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {len(key) for key in (keys.pseudonyms, keys.vault, keys.charger_passwords)} == {KEY_BYTES}
    assert len({keys.pseudonyms, keys.vault, keys.charger_passwords}) == 3


def test_the_same_keys_are_there_the_next_time(tmp_path: Path) -> None:
    assert open_keys(tmp_path) == open_keys(tmp_path, may_create=False)


def test_keys_do_not_show_in_logs(tmp_path: Path) -> None:
    assert repr(open_keys(tmp_path)) == "Keys()"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o644])
def test_a_key_that_others_may_read_or_write_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    open_keys(tmp_path)
    (tmp_path / "vault.key").chmod(mode)

    with pytest.raises(KeyFileUnusable, match=r"vault\.key.*chmod 600"):
        open_keys(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    open_keys(tmp_path)
    (tmp_path / "vault.key").write_bytes(content)

    with pytest.raises(KeyFileUnusable, match=f"{len(content)}.*backup"):
        open_keys(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_key_that_is_missing_is_lost_and_not_made_anew(tmp_path: Path, name: str) -> None:
    open_keys(tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(KeyFileUnusable, match=f"{name}: missing.*backup"):
        open_keys(tmp_path)

    assert not (tmp_path / name).exists()


def test_no_key_is_made_where_there_is_data_already(tmp_path: Path) -> None:
    with pytest.raises(KeyFileUnusable, match="missing"):
        open_keys(tmp_path, may_create=False)

    assert list(tmp_path.iterdir()) == []
