"""Refusals of commands: a command that the domain refuses raises one of these errors, and no event is recorded.

A refused *command* is an error; a denied *attempt* is an answer and never an exception (see `access.decision`).
"""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """A command was refused. `code` is stable; `detail` says what is wrong and what to do.

    `pointer` is the RFC 6901 pointer of the wrong part of the command, if one part is wrong. `names_unknown`: the command
    names something that does not exist, as far as this process knows.
    """

    code: ClassVar[str] = "refused"
    names_unknown: ClassVar[bool] = False

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class Invalid(Refused):
    """The command is malformed or meaningless; retrying it cannot succeed."""

    code = "invalid"


class Conflict(Refused):
    """The command is meaningful but contradicts the recorded state."""

    code = "conflict"


class Unknown(Refused):
    """The subject of the command does not exist, or belongs to another tenant."""

    code = "not-found"
    names_unknown = True
