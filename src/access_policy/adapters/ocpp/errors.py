"""Errors of a CALL, and their spelling in each protocol version."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class OcppVersion(StrEnum):
    V16 = "1.6"
    V201 = "2.0.1"
    V21 = "2.1"

    @property
    def subprotocol(self) -> str:
        """The name in the WebSocket handshake."""
        return f"ocpp{self.value}"


class ErrorCode(StrEnum):
    """The codes of a CALLERROR in the spelling of OCPP 2.x (part 4, table 8); 1.6 differs, see `spelled`."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"

    def spelled(self, version: OcppVersion) -> str:
        return _SPELLED_IN_16.get(self, self.value) if version is OcppVersion.V16 else self.value

    @classmethod
    def read(cls, spelling: str) -> ErrorCode:
        """Return the code for a peer's spelling in any version; an unknown spelling is a generic error."""
        return _READ.get(spelling, cls.GENERIC_ERROR)


# OCPP-J 1.6, table 7. The missing "r" is the specification's. The last two do not exist in 1.6: an invalid CALL
# OCPP-J 1.6, table 7. The missing "r" is the specification's. 1.6 does not have the last two errors: there an invalid CALL is
# "not conform the PDU structure", and an unknown message type is ignored, not answered.
_SPELLED_IN_16 = {
    ErrorCode.FORMAT_VIOLATION: "FormationViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    ErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
    ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "GenericError",
}
_READ = {code.value: code for code in ErrorCode} | {
    "FormationViolation": ErrorCode.FORMAT_VIOLATION,
    "OccurenceConstraintViolation": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
}


class OcppError(Exception):
    """Raised while a CALL is handled; the charger receives a CALLERROR with this code and description.

    The description is sent to the charger, so it names fields, but never values, secrets or internals.
    """

    code: ClassVar[ErrorCode] = ErrorCode.GENERIC_ERROR

    def __init__(self, description: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.details = dict(details or {})


class NotImplementedAction(OcppError):
    """This protocol version does not have the action."""

    code = ErrorCode.NOT_IMPLEMENTED


class NotSupported(OcppError):
    """The protocol version has the action; this service does not carry it out."""

    code = ErrorCode.NOT_SUPPORTED


class InternalError(OcppError):
    """The service failed. A charger may send the same CALL again, and a well-behaved one does."""

    code = ErrorCode.INTERNAL_ERROR


class ProtocolError(OcppError):
    """The payload is incomplete."""

    code = ErrorCode.PROTOCOL_ERROR


class SecurityError(OcppError):
    """The message is not allowed, or not allowed before BootNotification has been accepted."""

    code = ErrorCode.SECURITY_ERROR


class TypeConstraintViolation(OcppError):
    """A field has the wrong JSON type."""

    code = ErrorCode.TYPE_CONSTRAINT_VIOLATION
