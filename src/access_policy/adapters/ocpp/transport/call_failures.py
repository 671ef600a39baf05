"""Why a CALL of the service has no result."""

from __future__ import annotations

from access_policy.adapters.ocpp.errors import ErrorCode


class CallFailed(Exception):
    """A CALL of ours has no result."""


class CallRejected(CallFailed):
    """The charger answered CALLERROR, or in a way that cannot be read (`FormatViolation`)."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description


class CallTimedOut(CallFailed):
    """No answer in time. The charger may have done what was asked: read back before asking again."""


class CallDisconnected(CallFailed):
    """The connection ended. When `sent`, the charger may have done what was asked."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("connection lost after sending" if sent else "not connected")
        self.sent = sent


class CallAbandoned(CallFailed):
    """The charger has booted: it will not answer what was sent before, and what waits must be asked anew. Where the CALL was
    sent, the charger may have done what was asked."""

    def __init__(self) -> None:
        super().__init__("the charger has booted meanwhile")


class CallQueueFull(CallFailed):
    """Too many CALLs wait for this charger; nothing was sent."""


class CallObsolete(CallFailed):
    """What was to be asked no longer matters; nothing was sent."""
