"""Reasons why a CALL of the service has no result."""

from __future__ import annotations

from access_policy.adapters.ocpp.errors import ErrorCode


class CallFailed(Exception):
    """A CALL of the service has no result."""


class CallRejected(CallFailed):
    """The charger answered with CALLERROR, or in an unreadable way (`FormatViolation`)."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(f"{code.value}: {description}")
        self.code = code
        self.description = description


class CallTimedOut(CallFailed):
    """No answer arrived in time. The charger may have carried out the CALL: read back before sending it again."""


class CallDisconnected(CallFailed):
    """The connection ended. If `sent`, the charger may have carried out the CALL."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("connection lost after sending" if sent else "not connected")
        self.sent = sent


class CallAbandoned(CallFailed):
    """The charger has booted. It will not answer earlier CALLs, and waiting ones must be sent again. If the CALL was sent, the
    charger may have carried it out.
    """

    def __init__(self) -> None:
        super().__init__("the charger has booted in the meantime")


class CallQueueFull(CallFailed):
    """Too many CALLs wait for this charger; this one was not sent."""


class CallObsolete(CallFailed):
    """The CALL became obsolete before it was sent."""
