"""The finding of a check, with advice for the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from access_policy.settings import Settings


class State(StrEnum):
    OK = "ok"
    SOON = "soon"  # works now, but needs attention soon
    ACT = "act"  # something must be done


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding. `action` is empty if nothing needs to be done."""

    check: str
    state: State
    text: str
    action: str = ""


Check = Callable[[Settings], Iterable[Finding]]


def ok(check: str, text: str) -> Finding:
    return Finding(check, State.OK, text)


def soon(check: str, text: str, action: str) -> Finding:
    return Finding(check, State.SOON, text, action)


def act(check: str, text: str, action: str) -> Finding:
    return Finding(check, State.ACT, text, action)
