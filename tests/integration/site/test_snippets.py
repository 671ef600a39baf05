"""Every command and program of the guides runs against a service with the demo's depot; `NOT_RUN` lists the others."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from access_policy.entrypoints.cli.root import app
from tests.support.console_pages import ROOT, ServedDepot, served_depot
from tests.support.snippets import NOT_RUN, PAGES, UNTIL, Snippet, snippets

ALL: Final = [each for page in PAGES for each in snippets(page)]
DEADLINE_S: Final = 400  # of a page on a busy machine
PLAN_ID: Final = """python -c 'import json, sys; print(json.load(sys.stdin)["plan_id"])'"""
# The files that a reader has, and the ids that an earlier command printed.
GIVEN: Final = {
    "access-policy registry import": "access-policy registry export -o fleet.csv\n"
    f"PLAN=$(access-policy --json registry import fleet.csv | {PLAN_ID})\n",
    "access-policy chargers import": "export ACCESS_POLICY_ROLE=admin\naccess-policy chargers export -o bays.csv\n"
    f"PLAN=$(access-policy --json chargers import bays.csv | {PLAN_ID})\n",
}


async def test_each_snippet_of_the_guides_runs(tmp_path: Path) -> None:
    async with served_depot(tmp_path / "data") as depot:
        failed = [fault for page in PAGES for fault in await _run(page, depot, tmp_path)]

    assert failed == [], "\n\n".join(failed)


def test_each_snippet_that_is_not_run_is_on_a_page() -> None:
    assert sorted((NOT_RUN.keys() | UNTIL.keys()) - {each.name for each in ALL}) == []


@pytest.mark.parametrize("page", PAGES)
def test_each_command_that_is_not_run_is_one_that_the_program_has(page: str) -> None:
    for snippet in (each for each in ALL if each.page == page and each.name in NOT_RUN):
        checked = subprocess.run(["bash", "-n"], input=snippet.text, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{snippet.name}: {checked.stderr}"
        for arguments in _commands(snippet.text):
            _parse(arguments)


def test_an_option_that_the_program_does_not_have_is_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        _parse(["override", "bay-1", "freevend", "--reason", "x", "--colour", "red"])


async def _run(page: str, depot: ServedDepot, tmp_path: Path) -> list[str]:
    """Run the page's snippets in their order; Python ones are one program. Return what failed."""
    place = tmp_path / page.replace("/", "-")
    place.mkdir()
    (place / "data").symlink_to(tmp_path / "data")
    run = [each for each in snippets(page) if each.name not in NOT_RUN]
    programs = [(each.name, ["bash", "-euc", _prepared(each, place)]) for each in run if each.language == "sh"]
    if python := "\n".join(each.text for each in run if each.language == "python"):
        programs.append((f"{page}: Python", [sys.executable, "-c", python]))
    return [fault for name, program in programs if (fault := await _fault(name, program, _environment(depot), place))]


async def _fault(name: str, program: list[str], environment: dict[str, str], place: Path) -> str | None:
    if name in UNTIL:
        return await _fault_until(name, program, environment, place)
    started = await asyncio.create_subprocess_exec(
        *program, env=environment, cwd=place, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(started.communicate(), DEADLINE_S)
    return None if started.returncode == 0 else f"{name} ended with {started.returncode}:\n{output.decode()[-2000:]}"


async def _fault_until(name: str, program: list[str], environment: dict[str, str], place: Path) -> str | None:
    """Run it until it prints its text, then end it and what it started: by a signal that no program ignores, as `curl` ignores
    the interrupt where the tests run in the background of a shell."""
    ports = {"ACCESS_POLICY_HTTP": "127.0.0.1:0", "ACCESS_POLICY_OCPP": "127.0.0.1:0"}
    started = await asyncio.create_subprocess_exec(
        *program,
        env=environment | ports,
        cwd=place,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert started.stdout is not None
    output = b""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while UNTIL[name].encode() not in output and (more := await started.stdout.read(4096)):
                output += more
            works = UNTIL[name].encode() in output
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        await asyncio.wait_for(started.communicate(), DEADLINE_S)
    return None if works else f"{name} ended without {UNTIL[name]!r}:\n{output.decode()[-2000:]}"


def _prepared(snippet: Snippet, place: Path) -> str:
    """The snippet with paths of this test, and with what its page takes for granted."""
    given = next((text for start, text in GIVEN.items() if snippet.text.startswith(start)), "")
    text = re.sub(r"\bPLAN\b", "$PLAN", snippet.text)
    data = "restored" if snippet.text.startswith("access-policy restore") else "data"
    for path, here in (("/var/lib/access-policy", data), ("/backups/", f"{place}/"), ("/etc/prometheus/", "")):
        text = text.replace(path, here)
    return given + text


def _environment(depot: ServedDepot) -> dict[str, str]:
    token = depot.client.headers["Authorization"].removeprefix("Bearer ")
    return {
        "API": f"{depot.url}/v1",
        "TOKEN": token,
        "ACCESS_POLICY_URL": depot.url,
        "ACCESS_POLICY_TENANT": depot.tenant,
        "ACCESS_POLICY_HTTP": depot.url.removeprefix("http://"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
        "HOME": str(ROOT / "build"),
    }


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each `access-policy` in the text."""
    for line in text.replace("\\\n", " ").splitlines():
        for call in re.findall(r"(?:^|[ (])access-policy ([^|;)]*)", re.sub(r"\s#.*", "", line)):
            if not line.startswith(("podman", "useradd", "install", "cp", "kubectl", "cat")):
                yield shlex.split(re.sub(r">.*", "", call))


def _parse(arguments: list[str]) -> None:
    """Let the program read the line as if it were to run it. Raises its usage error."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("access-policy", arguments)
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)
