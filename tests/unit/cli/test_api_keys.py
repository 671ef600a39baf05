"""`access-policy api-keys`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from access_policy.entrypoints.cli import api_keys
from tests.support.builders import NOON
from tests.support.cli_in_memory import Cli


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's clock stands at noon of some day; so does that of the command line."""

    class Noon(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Noon:
            return cls.fromtimestamp(NOON.timestamp(), UTC)

    monkeypatch.setattr(api_keys, "datetime", Noon)


def test_api_keys_create_prints_the_key_alone_and_list_and_revoke_manage_it(cli: Cli) -> None:
    made = cli("api-keys", "create", "display", "--with-role", "viewer", "--depot", "north", "--expires-in", "30d")

    key = made.stdout.strip()
    key_id = key.split("_")[2]
    assert len(made.stdout.splitlines()) == 1
    assert key_id in made.stderr
    assert key not in made.stderr
    (shown,) = cli.json("api-keys", "list")["items"]
    assert (shown["key_id"], shown["depot_ids"], shown["state"]) == (key_id, ["north"], "valid")
    assert datetime.fromisoformat(shown["expires_at"]) == NOON + timedelta(days=30)
    assert cli("api-keys", "revoke", key_id).stdout.strip() == f"API key {key_id} is revoked"
    assert cli.json("api-keys", "list")["items"][0]["state"] == "revoked"


@pytest.mark.parametrize("span", ["soon", "9999999999d"])
def test_api_keys_create_with_no_duration_says_so(cli: Cli, span: str) -> None:
    cli("api-keys", "create", "display", "--with-role", "viewer", "--expires-in", span, status=1)
