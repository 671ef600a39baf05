"""OCPP-J frames: convert bytes to messages and back. Pure: no socket, clock or domain.

A frame is read leniently where the specifications leave room, and refused if a value could not be stored:

- Text and binary frames are both read as UTF-8. If a key occurs twice, the last value counts.
- A payload of `null` is an empty one (J16 4.2.1, J201 4.1.5). An action that the version does not have is not a framing
  error; `decode` passes it on.
- A message id of up to 36 characters is what the specifications allow; up to `MESSAGE_ID_MAX` is tolerated and echoed.
- Chargers pad fixed-length fields. Removed are NULs around the frame, NULs and blanks at the end of any string, name or
  action, and NULs inside strings. Only inside an identity (`IDENTITIES`) does a NUL stay. It makes the identity malformed,
  which is then refused, because two different identities must never become one. The message id is echoed as it was sent,
  and recorded without its padding.
- A *readable* CALL begins with `[2, "<message id>"`, even if the rest of the frame cannot be read.

Handling of an unusable frame, and the code in the answer of 1.6 and 2.x:

| frame                                                           | 1.6                | 2.0.1, 2.1              |
|-----------------------------------------------------------------|--------------------|-------------------------|
| a. readable CALL: malformed JSON or UTF-8, or a value that      | FormationViolation | FormatViolation         |
|    stores refuse: too deep, number out of range, lone surrogate |                    |                         |
| b. readable CALL: the payload is not an object                  | FormationViolation | FormatViolation         |
| c. readable CALL: not four elements, or an action that is not a | FormationViolation | RpcFrameworkError       |
|    string of at most `ACTION_MAX` characters                    |                    |                         |
| d. CALL whose message id is missing, not a string, or too long  | none               | RpcFrameworkError, "-1" |
| e. a message type number that the version does not have         | none (J16 4.1.3)   | MessageTypeNotSupported |
|                                                                 |                    | (J201 4.4), id or "-1"  |
| f. no message: not JSON, not an array, or no type number        | none               | RpcFrameworkError, "-1" |
|    (J201 4.2.3)                                                 |                    |                         |
| g. a CALLRESULT or CALLERROR that cannot be read                | none               | none                    |
| h. the types of 2.1 that have no answer: CALLRESULTERROR (5)    | as e               | 2.0.1 as e, 2.1 none    |
|    and SEND (6)                                                 |                    |                         |

In 1.6, a frame without a readable id gets no answer: an answer must carry the id of its CALL, and 1.6 defines no substitute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from access_policy.adapters.ocpp.errors import ErrorCode, OcppVersion
from access_policy.adapters.ocpp.transport.padding import NotStorable, is_plain_frame, make_storable, without_nuls

FRAME_BYTES_MAX: Final = 256 * 1024
MESSAGE_ID_MAX: Final = 128
ACTION_MAX: Final = 64
UNREADABLE_ID: Final = "-1"
_DESCRIPTION_MAX: Final = 255  # J201 table 7

_CALL, _CALL_RESULT, _CALL_ERROR, _CALL_RESULT_ERROR, _SEND = 2, 3, 4, 5, 6

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()
# The beginning of a frame whose remainder cannot be read: the type number, and the message id as written in JSON.
_TYPE = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*(0|[1-9]\d{0,2})(?![\d.eE])")
_ID = re.compile(rb'[ \t\r\n]*,[ \t\r\n]*("(?:[^"\\\x00-\x1f]|\\.){0,768}")')


class Call(msgspec.Struct, frozen=True):
    """A CALL. `padded_id` is the message id as it was sent, if that differs."""

    message_id: str
    action: str
    payload: dict[str, Any]
    padded_id: str | None = None

    @property
    def answered_id(self) -> str:
        """The message id that the answer must carry (J16 4.2.2: the same id)."""
        return self.message_id if self.padded_id is None else self.padded_id


class CallResult(msgspec.Struct, frozen=True):
    message_id: str
    payload: dict[str, Any]


class CallError(msgspec.Struct, frozen=True):
    """A CALLERROR. `code` is the peer's code in the 2.x spelling, whichever it used; `code_sent` is the code as sent."""

    message_id: str
    code: ErrorCode
    code_sent: str
    description: str
    details: dict[str, Any]


class Unreadable(msgspec.Struct, frozen=True):
    """A frame that is not a message. `answer` is the CALLERROR that the rules above require, to `message_id`.

    Without an answer, `message_id` identifies the service's CALL that the peer answered in an unreadable way, if the frame
    shows it. That CALL then need not wait any longer.
    """

    why: str
    message_id: str | None = None
    answer: ErrorCode | None = None


Message = Call | CallResult | CallError | Unreadable


def decode(raw: str | bytes, version: OcppVersion) -> Message:
    """Decode a frame. Never raises, whatever `raw` contains."""
    try:
        if len(raw) > FRAME_BYTES_MAX:
            raise NotStorable("frame too large")
        is_plain = is_plain_frame(raw)
        if not is_plain:
            raw = without_nuls(raw)
        frame = _decoder.decode(raw)
        if type(frame) is not list:
            return _no_message("not a JSON array", version)
        sent_id = _id_in(frame)
        if not is_plain:
            make_storable(frame)
    except (ValueError, RecursionError) as error:  # msgspec.DecodeError and UnicodeError are ValueErrors
        return _unread(raw, _reason(error), version)
    kind = frame[0] if frame else None
    if type(kind) is not int:
        return _no_message("no message type number", version)
    if kind == _CALL:
        return _call(frame, sent_id, version)
    if kind in (_CALL_RESULT, _CALL_ERROR):
        return _answer(kind, frame)
    return _other_type(kind, sent_id, version)


def encode_call(message_id: str, action: str, payload: Mapping[str, Any]) -> bytes:
    """Encode a CALL. Raises TypeError or ValueError for a payload that is not JSON."""
    return _encoder.encode((_CALL, message_id, action, payload))


def encode_result(message_id: str, payload: Mapping[str, Any]) -> bytes:
    """Encode a CALLRESULT. Raises TypeError or ValueError for a payload that is not JSON."""
    return _encoder.encode((_CALL_RESULT, message_id, payload))


def encode_error(
    message_id: str,
    code: ErrorCode,
    version: OcppVersion,
    description: str = "",
    details: Mapping[str, Any] | None = None,
) -> bytes:
    return _encoder.encode(
        (_CALL_ERROR, message_id, code.spelled(version), description[:_DESCRIPTION_MAX], details or {})
    )


def _call(frame: list[Any], sent_id: str | None, version: OcppVersion) -> Call | Unreadable:
    if sent_id is None:
        return _no_message("no readable message id", version)
    if len(frame) != 4:
        return Unreadable("a CALL has four elements", sent_id, ErrorCode.RPC_FRAMEWORK_ERROR)
    message_id, action, payload = frame[1:]
    if type(action) is not str or not 0 < len(action) <= ACTION_MAX:
        return Unreadable("the action is not a name", sent_id, ErrorCode.RPC_FRAMEWORK_ERROR)
    if payload is None:
        payload = {}
    if type(payload) is not dict:
        return Unreadable("the payload is not an object", sent_id, ErrorCode.FORMAT_VIOLATION)
    return Call(message_id, action, payload, None if message_id == sent_id else sent_id)


def _answer(kind: int, frame: list[Any]) -> CallResult | CallError | Unreadable:
    match frame:
        case [int(), str(message_id), payload] if kind == _CALL_RESULT and isinstance(payload, dict | None):
            return CallResult(message_id, payload or {})
        case [int(), str(message_id), str(code), *rest] if kind == _CALL_ERROR and len(rest) <= 2:
            description = rest[0] if rest and isinstance(rest[0], str) else ""
            details = rest[1] if len(rest) == 2 and isinstance(rest[1], dict) else {}
            return CallError(message_id, ErrorCode.read(code), code[:64], description[:1000], details)
        case _:
            return Unreadable("an answer of the wrong shape", _id_in(frame))


def _other_type(kind: int, message_id: str | None, version: OcppVersion) -> Unreadable:
    if version is OcppVersion.V16 or (version is OcppVersion.V21 and kind in (_CALL_RESULT_ERROR, _SEND)):
        return Unreadable("unknown message type")
    return Unreadable("unknown message type", message_id or UNREADABLE_ID, ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)


def _no_message(why: str, version: OcppVersion) -> Unreadable:
    if version is OcppVersion.V16:
        return Unreadable(why)
    return Unreadable(why, UNREADABLE_ID, ErrorCode.RPC_FRAMEWORK_ERROR)


def _unread(raw: str | bytes, why: str, version: OcppVersion) -> Unreadable:
    """Return the message for a frame that cannot be read as a whole, from its beginning."""
    start = raw[:2048].encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw[:2048]
    kind, message_id = _head(start)
    if kind == _CALL and message_id is not None:
        return Unreadable(why, message_id, ErrorCode.FORMAT_VIOLATION)
    if kind in (_CALL_RESULT, _CALL_ERROR):
        return Unreadable(why, message_id)
    if kind is None or kind == _CALL:
        return _no_message(why, version)
    return _other_type(kind, message_id, version)


def _head(start: bytes) -> tuple[int | None, str | None]:
    """Return the message type number and id at the beginning of a frame, as far as they can be read."""
    kind = _TYPE.match(start)
    if kind is None:
        return None, None
    quoted = _ID.match(start, kind.end())
    return int(kind[1]), _id_or_none(quoted[1]) if quoted else None


def _id_or_none(quoted: bytes) -> str | None:
    try:
        return _id_in([None, _decoder.decode(quoted)])
    except ValueError:
        return None


def _id_in(frame: list[Any]) -> str | None:
    message_id = frame[1] if len(frame) > 1 else None
    return message_id if type(message_id) is str and len(message_id) <= MESSAGE_ID_MAX else None


def _reason(error: Exception) -> str:
    """Describe the error in the service's words, because the decoder's text may quote the frame."""
    match error:
        case NotStorable():
            return str(error)
        case RecursionError():
            return "nested too deep"
        case msgspec.ValidationError():
            return "a number out of range"
        case UnicodeError():
            return "not UTF-8"
        case _:
            return "malformed JSON"
