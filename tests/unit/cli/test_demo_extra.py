"""Commands that need the extra `demo`, where it is not installed."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from access_policy.entrypoints.cli.root import app


@pytest.mark.parametrize("command", [("serve", "--demo"), ("demo-once",)])
def test_demo_command_without_the_extra_says_what_to_install(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access_policy.entrypoints.demo.find_spec", {}.get)

    result = CliRunner().invoke(app, command)

    assert result.exit_code == 1
    assert result.stderr == "access-policy: the demo needs simulated chargers; install access-policy[demo]\n"
