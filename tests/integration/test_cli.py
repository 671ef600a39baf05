"""The command line: what it prints, and its exit status: 0 done, 1 refused, 2 usage."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import jwt
import pytest

from tests.support import command_line


def access_policy(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return command_line.access_policy(*arguments, environment={**os.environ, **environment})


def test_token_prints_a_token_and_nothing_else(tmp_path: Path) -> None:
    done = access_policy("token", "--tenant", "acme", "--role", "viewer", "--data", str(tmp_path), "--ttl", "30m")

    claims = jwt.decode(done.stdout.strip(), options={"verify_signature": False})
    assert done.returncode == 0
    assert (claims["tenant"], claims["role"], claims["exp"] - claims["iat"]) == ("acme", "viewer", 1800)
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("token", "--tenant", "a/b", "--role", "viewer"), 1, "tenant holds a character"),
        (("token", "--tenant", "acme", "--role", "viewer", "--ttl", "soon"), 1, "write 1h, 30m or 7d"),
        (("token", "--tenant", "acme", "--role", "emperor"), 2, "emperor"),
        (("token", "--role", "viewer"), 2, "--tenant"),
        (("token", "--tenant", "acme", "--role", "installation"), 1, "belongs to no tenant"),
        (("rebuild", "--only", "nonsense"), 1, "choose from depots"),
        (("serve", "--http", "0.0.0.0:8000"), 1, "loopback"),
        (("serve", "--http", "nonsense"), 2, "HOST:PORT"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_refused_command_explains_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], status: int, says: str
) -> None:
    data = () if arguments == ("nonsense",) else ("--data", str(tmp_path))

    done = access_policy(*arguments, *data)

    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_on_a_taken_address_explains_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        http = access_policy("serve", "--data", str(tmp_path), "--http", address, "--ocpp", "127.0.0.1:0")
        ocpp = access_policy("serve", "--data", str(tmp_path), "--http", "127.0.0.1:0", "--ocpp", address)

    for done in (http, ocpp):
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "127.0.0.1" in done.stderr


def test_invalid_setting_is_a_usage_error(tmp_path: Path) -> None:
    done = access_policy("serve", "--data", str(tmp_path), ACCESS_POLICY_STORE_URL="oracle://x")

    assert done.returncode == 2
    assert "sqlite:///" in done.stderr
