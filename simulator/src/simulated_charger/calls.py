"""OCPP-J calls: the answers of handlers, and the ways in which a call fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from simulated_charger.spec import Payload

Job = Coroutine[Any, Any, None]
Spawn = Callable[[Job], asyncio.Task[None]]


class ConnectionLost(Exception):
    """There is no connection, or it broke before the answer arrived. The request may have been received."""


class NoAnswer(Exception):
    """The central system did not answer in time."""


@dataclass(eq=False)
class CallRefused(Exception):
    """A CALLERROR: received for a CALL of this charger, or raised by a handler for the connection to send."""

    code: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """A handler's answer to a CALL; `then` runs after it has been sent."""

    payload: Payload
    then: Callable[[], Job] | None = None
