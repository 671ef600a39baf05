"""For a test process: `subprocess` and `asyncio` start the service's programs as forks of a template."""

from __future__ import annotations

import inspect
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.forks import template
from tests.support.forks.starting import Template
from tests.support.forks.template import Request

ROOT: Final = Path(__file__).parents[3]
FORKED: Final = frozenset({"access_policy.entrypoints.cli", "access_policy.entrypoints.processes.child"})
CAN_FORK: Final = sys.platform == "linux"

_start_anew = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_PARAMETERS: Final = tuple(inspect.signature(_start_anew).parameters)[1:]
_PIPES: Final = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_UNUSUAL: Final = ("preexec_fn", "startupinfo", "shell")
_CHILDS_ENDS: Final = ("p2cread", "c2pwrite", "errwrite")


class ForkedPrograms:
    """While `in_use`, programs are started as forks. Their template is started for the first of them, once."""

    def __init__(self) -> None:
        self._template: Template | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            if CAN_FORK:
                patch.setattr(subprocess.Popen, "_execute_child", self._method())
            yield

    def close(self) -> None:
        if self._template is not None and self._process is not None:
            self._template.close()
            self._process.wait()

    def _method(self) -> Callable[..., None]:
        """In place of the method that forks and executes: it sets the process id and closes the child's ends of pipes."""

        def execute_child(started: subprocess.Popen[Any], *values: Any) -> None:
            given = dict(zip(_PARAMETERS, values, strict=True))
            request = _requested(given)
            if request is None:
                _start_anew(started, *values)
                return
            own = [given[end] if given[end] != -1 else number for number, end in enumerate(_CHILDS_ENDS)]
            started.pid = self._running().start(request, [*own, *given["pass_fds"]])
            started._child_created = True  # type: ignore[attr-defined]
            started._close_pipe_fds(*(given[name] for name in _PIPES))  # type: ignore[attr-defined]

        return execute_child

    def _running(self) -> Template:
        if self._template is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            command = [sys.executable, "-m", template.__name__, str(theirs.fileno())]
            with theirs:
                self._process = subprocess.Popen(
                    command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),)
                )
            self._template = Template(ours)
        return self._template


def _requested(given: Mapping[str, Any]) -> Request | None:
    """The program, if it is one of the service's and starts as such programs do."""
    if isinstance(given["args"], str | bytes) or any(given[name] for name in _UNUSUAL):
        return None
    command = [os.fspath(each) for each in given["args"]]
    environment = dict(os.environ if given["env"] is None else given["env"])
    if (
        command[:2] != [sys.executable, "-m"]
        or command[2:3] == []
        or command[2] not in FORKED
        or not _same_python(environment)
    ):
        return None
    group = given.get("process_group", -1)
    return Request(
        module=command[2],
        arguments=tuple(command[3:]),
        environment=environment,
        directory=os.fspath(given["cwd"] or os.getcwd()),
        descriptors=(0, 1, 2, *given["pass_fds"]),
        process_group=None if group is None or group < 0 else group,
        starts_session=bool(given["start_new_session"]),
    )


def _same_python(environment: Mapping[str, str]) -> bool:
    """Whether the environment asks nothing of the interpreter that the template's does not."""
    return all(os.environ.get(name) == value for name, value in environment.items() if name.startswith("PYTHON"))
