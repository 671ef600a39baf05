"""Why a CALL of the service has no result."""

from __future__ import annotations

from access_policy.adapters.ocpp.errors import ErrorCode


class CallFailed(Exception):
    """A CALL of the service has no result."""


class CallRejected(CallFailed):
    """The charger answered CALLERROR, or in an unreadable way (`FormatViolation`)."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description


class CallTimedOut(CallFailed):
    """No answer in time. The charger may have carried it out: read back before sending it again."""


class CallDisconnected(CallFailed):
    """The connection ended. If `sent`, the charger may have carried out the CALL."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("connection lost after sending" if sent else "not connected")
        self.sent = sent


class CallAbandoned(CallFailed):
    """The charger has booted: it will not answer earlier CALLs, and waiting ones must be sent again. If the CALL was sent, the
    charger may have carried it out."""

    def __init__(self) -> None:
        super().__init__("the charger has booted meanwhile")


class CallQueueFull(CallFailed):
    """Too many CALLs wait for this charger; nothing was sent."""


class CallObsolete(CallFailed):
    """The CALL is not wanted any more; nothing was sent."""
