"""Shell completion: the table of completions against the commands, and against Typer's own completion of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer import _completion_classes
from typer._click.shell_completion import get_completion_class
from typer._completion_classes import completion_init

from access_policy.entrypoints.cli.completing import shells, table
from access_policy.entrypoints.cli.completing.answering import offers
from access_policy.entrypoints.cli.completing.lines import Ids, Line
from access_policy.entrypoints.cli.root import app
from tools.documents import completions

VARIABLE = "_ACCESS_POLICY_COMPLETE"
ROOT: Any = typer.main.get_command(app)


def commands(command: Any = ROOT, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, *path, name)


COMMANDS = list(commands())
IDS = [" ".join(path) or "first level" for path, _ in COMMANDS]


def completed_by_typer(words: list[str], incomplete: str) -> list[tuple[str, str | None]]:
    completion_init()
    shell: Any = get_completion_class("zsh")
    found = shell(ROOT, {}, "access-policy", VARIABLE).get_completions(list(words), incomplete)
    return [(each.value, each.help) for each in found]


def test_table_is_that_of_the_commands() -> None:
    assert Path(table.PATH).read_text("utf-8") == completions.text() + "\n", "run: make docs"


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_options_of_every_command_are_offered_as_by_typer(path: tuple[str, ...], command: Any) -> None:
    offered = offers(path, "--")

    assert offered == completed_by_typer([*path], "--")
    assert {each.text for each in offered} == {
        name
        for each in command.params
        if not each.hidden
        for name in each.opts + each.secondary_opts
        if name[:2] == "--"
    } | {"--help"}


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_values_of_every_option_and_argument_are_offered_as_by_typer(path: tuple[str, ...], command: Any) -> None:
    for param in command.params:
        if param.param_type_name == "option" and not param.is_flag:
            words = [*path, param.opts[0]]
            assert by_table(words, "") == (marked(param) or completed_by_typer(words, "")), words
    given = [each for each in command.params if each.param_type_name == "argument"]
    of_one_word = itertools.takewhile(lambda param: param.nargs == 1, given)
    for place, param in enumerate(of_one_word):
        words = [*path, *itertools.repeat("word", place)]
        assert by_table(words, "") == (marked(param) or completed_by_typer(words, "")), words


read_once = cache(table.read)


def by_table(words: list[str], incomplete: str) -> Any:
    return Line(read_once(), words).offers(incomplete)


def marked(param: Any) -> Ids | None:
    from access_policy.entrypoints.cli.completion import LISTS

    mark = param.type_descriptor.parameter_info.autocompletion
    return None if mark is None else Ids(LISTS[mark], "")


def test_commands_of_every_group_are_offered_as_by_typer() -> None:
    groups = [(path, command) for path, command in COMMANDS if path and hasattr(command, "commands")]

    assert len(groups) > 10
    for path, command in groups:
        assert offers(path, "") == completed_by_typer([*path], "")
        assert {each.text for each in offers(path, "")} == {n for n, c in command.commands.items() if not c.hidden}


def test_first_level_offers_every_visible_command_with_its_whole_help() -> None:
    offered = dict(offers([], ""))

    assert set(offered) == {name for name, command in ROOT.commands.items() if not command.hidden}
    assert offered["status"] == "Show whether the service is ready and the chargers are in their modes"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("chargers retire x --js", ["--json"]),
        ("--json chargers retire --js", []),
        ("chargers --json li", ["list"]),
        ("--tenant acme chargers li", ["list"]),
        ("--tenant=acme --json chargers li", ["list"]),
        ("chargers list --role vie", ["viewer"]),
        ("chargers list --role=vie", ["--role=viewer"]),
        ("token --role aud", ["auditor"]),
        ("chargers list --limit ", []),
        ("chargers list --limit=", []),
        ("chargers list --json=", []),
        ("chargers list --limit 3 --lim", []),
        ("chargers list --nonsense --lim", ["--limit"]),
        ("nonsense ", []),
        ("chargers nonsense --", []),
        ("rebuild --par", ["--parked"]),
        ("reb", ["rebuild-read-models"]),
        ("vehicles put v --rfid a --rf", ["--rfid"]),
        ("chargers list -- --lim", []),
    ],
)
def test_line_with_options_anywhere_offers_what_may_follow(line: str, offered: list[str]) -> None:
    *words, incomplete = line.split(" ")

    assert [each.text for each in offers(words, incomplete)] == offered


LINES = [
    "access-policy ",
    "access-policy ch",
    "access-policy chargers ",
    "access-policy chargers list --",
    "access-policy chargers list --limit ",
    "access-policy chargers put 'bay 1' --dep",
    "access-policy chargers put 'bay 1",
    "access-policy override bay-1 --rea",
    "access-policy token --role a",
    'access-policy calendars put north holidays "2026-12-25=New Year\'s Eve" --na',
]


@pytest.mark.parametrize("shell", shells.SHELLS)
@pytest.mark.parametrize("line", LINES)
def test_reply_to_every_shell_is_that_of_typer(shell: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_completion_classes, "_sanitize_help_text", str)  # there is no markup in the help
    for name, value in environment_of(shell, line).items():
        monkeypatch.setenv(name, value)
    completion_init()
    of_typer: Any = get_completion_class(shell)
    typers = of_typer(ROOT, {}, "access-policy", VARIABLE)
    words, incomplete = typers.get_completion_args()

    typed = shells.typed(shell, environment_of(shell, line))
    assert typed == (words, incomplete)
    offered = offers(*typed)
    if words:  # the first level has longer texts than Typer's
        assert shells.reply(shell, offered, environment_of(shell, line))[0] == typers.complete()


def environment_of(shell: str, line: str) -> dict[str, str]:
    if shell == "bash":
        words = line.split(" ")
        return {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    return {
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": line.split(" ")[-1],
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }


def test_bash_that_breaks_a_word_at_the_equals_sign_gets_the_value_alone() -> None:
    def in_bash(*words: str) -> list[str]:
        environ = {"COMP_WORDS": "\n".join(["access-policy", *words]), "COMP_CWORD": str(len(words))}
        return [each.text for each in offers(*shells.typed("bash", environ))]

    assert in_bash("token", "--role", "=", "aud") == ["auditor"]
    assert "auditor" in in_bash("token", "--role", "=")
    assert in_bash("token", "--role", "=", "admin", "--tt") == ["--ttl"]


@pytest.mark.parametrize(("line", "status"), [("access-policy ch", 0), ("access-policy chargers list --limit ", 1)])
def test_fish_asks_by_the_status_whether_to_offer_files(line: str, status: int) -> None:
    environ = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "is-args"}

    assert shells.reply("fish", offers(*shells.typed("fish", environ)), environ) == ("", status)
