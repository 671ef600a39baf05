"""Refusals of commands: a command that the domain does not carry out raises one of these, and nothing is recorded.

A refused *command* is an error; a denied *attempt* is an answer and never an exception (see `access.decision`).
"""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """A command was refused. `code` is stable, `detail` says in plain words what is wrong and what to do.

    `pointer` is the RFC 6901 pointer of the part of the command that is wrong, where one part is.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, detail: str, *, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class Invalid(Refused):
    """The command cannot be understood or would be meaningless as it stands; sending it again cannot help."""

    code = "invalid"


class Conflict(Refused):
    """The command is meaningful, but contradicts what is recorded."""

    code = "conflict"


class Unknown(Refused):
    """What the command is about does not exist (or belongs to another tenant, which is told the same)."""

    code = "not-found"
