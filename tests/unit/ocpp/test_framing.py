"""Frames: every rule of the table in `framing`, and that nothing whatever makes the reader raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from access_policy.adapters.ocpp.errors import ErrorCode, OcppVersion
from access_policy.adapters.ocpp.transport.framing import (
    FRAME_BYTES_MAX,
    MESSAGE_ID_MAX,
    Call,
    CallError,
    CallResult,
    Unreadable,
    decode,
    encode_call,
    encode_error,
    encode_result,
)
from access_policy.adapters.ocpp.transport.padding import NESTING_MAX

V16, V201, V21 = OcppVersion.V16, OcppVersion.V201, OcppVersion.V21
BOTH = pytest.mark.parametrize("version", [V16, V201])


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@BOTH
def test_a_call_is_read(version: OcppVersion) -> None:
    assert decode(b'[2,"a1","Authorize",{"idTag":"04AB"}]', version) == Call("a1", "Authorize", {"idTag": "04AB"})


@BOTH
def test_text_is_read_like_bytes(version: OcppVersion) -> None:
    assert decode('[2,"a1","Authorize",{"idTag":"é"}]', version) == Call("a1", "Authorize", {"idTag": "é"})


@BOTH
def test_a_null_payload_is_an_empty_one(version: OcppVersion) -> None:
    assert decode(b'[2,"a1","Heartbeat",null]', version) == Call("a1", "Heartbeat", {})
    assert decode(b'[3,"a1",null]', version) == CallResult("a1", {})


@BOTH
def test_of_a_key_that_occurs_twice_the_last_value_counts(version: OcppVersion) -> None:
    assert decode(b'[2,"a1","Authorize",{"idTag":"A","idTag":"B"}]', version) == Call("a1", "Authorize", {"idTag": "B"})


@BOTH
def test_answers_are_read_in_either_spelling_and_without_their_last_elements(version: OcppVersion) -> None:
    assert decode(b'[4,"a1","FormationViolation","why",{"x":1}]', version) == CallError(
        "a1", ErrorCode.FORMAT_VIOLATION, "FormationViolation", "why", {"x": 1}
    )
    assert decode(b'[4,"a1","NotSupported"]', version) == CallError(
        "a1", ErrorCode.NOT_SUPPORTED, "NotSupported", "", {}
    )


PADDED = [
    pytest.param(b'[2,"a1","Authorize",{"idTag":"04AB\\u0000\\u0000"}]', id="NULs at the end of a text"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"04AB\0\0"}]', id="NULs at the end of a text, not escaped"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"\\u000004AB"}]', id="a NUL before a text"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"04AB  \\u0000 \\u0000"}]', id="blanks and NULs in turn"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"04AB \\r\\n"}]', id="blanks"),
    pytest.param(b'[2,"a1","Authorize",{"idTag\\u0000":"04AB"}]', id="a NUL after a name"),
    pytest.param(b'[2,"a1","Authorize\\u0000",{"idTag":"04AB"}]', id="a NUL after the action"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"04AB"}]\0', id="a NUL after the frame"),
    pytest.param(b'\0\0[2,"a1","Authorize",{"idTag":"04AB"}]\n\0 \0', id="NULs around the frame"),
    pytest.param('[2,"a1","Authorize",{"idTag":"04AB\0"}]\0', id="in a text frame"),
]


@pytest.mark.parametrize("frame", PADDED)
@BOTH
def test_padding_that_a_charger_sends_is_removed(frame: bytes | str, version: OcppVersion) -> None:
    assert decode(frame, version) == Call("a1", "Authorize", {"idTag": "04AB"})


@BOTH
def test_padding_is_removed_at_every_depth_and_of_answers_too(version: OcppVersion) -> None:
    told = b'[3,"a1\\u0000",{"configurationKey":[{"key\\u0000":"Free\\u0000","value":"false\\u0000 "}]}]'

    assert decode(told, version) == CallResult("a1", {"configurationKey": [{"key": "Free", "value": "false"}]})
    assert decode(b'[4,"a1\\u0000","NotSupported\\u0000","why\\u0000"]', version) == CallError(
        "a1", ErrorCode.NOT_SUPPORTED, "NotSupported", "why", {}
    )


@BOTH
def test_a_nul_inside_a_text_is_removed_but_stays_inside_an_identity(version: OcppVersion) -> None:
    frame = b'[2,"a1","Authorize",{"idTag":"04\\u0000AB\\u0000","info":"lock\\u0000open","idToken":{"idToken":"A\\u0000B"}}]'

    assert decode(frame, version) == Call(
        "a1", "Authorize", {"idTag": "04\0AB", "info": "lockopen", "idToken": {"idToken": "A\0B"}}
    )


@BOTH
def test_a_padded_message_id_is_recorded_without_its_padding_and_answered_with_it(version: OcppVersion) -> None:
    read = decode(b'[2,"a1\\u0000\\u0000","Heartbeat",{}]', version)

    assert isinstance(read, Call)
    assert (read.message_id, read.answered_id) == ("a1", "a1\0\0")


UNKEEPABLE = [
    pytest.param(b'[2,"a1","Authorize",{"idTag":"x"]', id="malformed"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"x', id="cut off"),
    pytest.param(b'[2,"a1"', id="cut off after the id"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"x"}] and more', id="trailing characters"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":NaN}]', id="NaN"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":-Infinity}]', id="infinity"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":1e999}]', id="a float that overflows"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":' + b"9" * 5000 + b"}]", id="5,000 digits"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":9223372036854775808}]', id="65 bits"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"\\ud800"}]', id="lone surrogate"),
    pytest.param(b'[2,"a1","Authorize",{"\\udc00":1}]', id="lone surrogate in a name"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"\xed\xa0\x80"}]', id="surrogate as UTF-8"),
    pytest.param(b'[2,"a1","Authorize",{"idTag":"\xff"}]', id="not UTF-8"),
    pytest.param(f'[2,"a1","Authorize",{{"x":{nested(100_000)}}}]'.encode(), id="100,000 levels"),
    pytest.param(f'[2,"a1","Authorize",{{"x":{nested(NESTING_MAX)}}}]'.encode(), id="one level too deep"),
    pytest.param(b'[2,"a1","Authorize",{"x":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}]", id="deep objects"),
    pytest.param(b'[2,"a1","Authorize",{"x":"' + b"y" * FRAME_BYTES_MAX + b'"}]', id="too large"),
    pytest.param(b' [ 2 , "a1" ,nonsense', id="white space"),
]


@pytest.mark.parametrize("frame", UNKEEPABLE)
@pytest.mark.parametrize(("version", "code"), [(V16, "FormationViolation"), (V201, "FormatViolation")])
def test_a_readable_call_with_content_that_is_not_taken_in_is_a_format_violation(
    frame: bytes, version: OcppVersion, code: str
) -> None:
    read = decode(frame, version)

    assert isinstance(read, Unreadable)
    assert read.message_id == "a1"
    assert read.answer is not None
    assert read.answer.spelled(version) == code


@BOTH
def test_the_largest_number_and_depth_that_are_taken_in(version: OcppVersion) -> None:
    deep = nested(NESTING_MAX - 1)
    frame = f'[2,"a1","X",{{"n":[9223372036854775807,-9223372036854775808,1e308],"d":{deep}}}]'

    assert isinstance(decode(frame, version), Call)


@pytest.mark.parametrize("payload", ["[]", '"x"', "1", "true", "[{}]"])
@pytest.mark.parametrize(("version", "code"), [(V16, "FormationViolation"), (V201, "FormatViolation")])
def test_a_payload_that_is_no_object_is_a_format_violation(payload: str, version: OcppVersion, code: str) -> None:
    read = decode(f'[2,"a1","Heartbeat",{payload}]', version)

    assert isinstance(read, Unreadable)
    assert read.message_id == "a1"
    assert read.answer is not None
    assert read.answer.spelled(version) == code


@pytest.mark.parametrize(
    "frame",
    [
        '[2,"a1"]',
        '[2,"a1","Heartbeat"]',
        '[2,"a1","Heartbeat",{},1]',
        '[2,"a1",["Heartbeat"],{}]',
        '[2,"a1",{"a":1},{}]',
        '[2,"a1",7,{}]',
        '[2,"a1",null,{}]',
        '[2,"a1","",{}]',
        '[2,"a1","' + "A" * 65 + '",{}]',
    ],
)
@pytest.mark.parametrize(("version", "code"), [(V16, "FormationViolation"), (V201, "RpcFrameworkError")])
def test_a_readable_call_of_another_shape_is_no_valid_call(frame: str, version: OcppVersion, code: str) -> None:
    read = decode(frame, version)

    assert isinstance(read, Unreadable)
    assert read.message_id == "a1"
    assert read.answer is not None
    assert read.answer.spelled(version) == code


NO_READABLE_ID = [
    "",
    " ",
    "nonsense",
    "{}",
    "null",
    "[]",
    "[2]",
    "[2",
    '["2","a1","Heartbeat",{}]',
    '[2.0,"a1","Heartbeat",{}]',
    '[true,"a1","Heartbeat",{}]',
    '[null,"a1","Heartbeat",{}]',
    '[2,7,"Heartbeat",{}]',
    '[2,null,"Heartbeat",{}]',
    '[2,["a1"],"Heartbeat",{}]',
    '[2,"' + "i" * (MESSAGE_ID_MAX + 1) + '","Heartbeat",{}]',
    '[2,"' + "i" * 5000 + '","Heartbeat",{"x":NaN}]',
    '[2,"\\ud800","Heartbeat",{}]',
    nested(100_000),
    "9" * 5000,
]


@pytest.mark.parametrize("frame", NO_READABLE_ID, ids=range(len(NO_READABLE_ID)))
def test_without_a_readable_id_1_6_gets_no_answer_and_2_0_1_one_to_minus_one(frame: str) -> None:
    of_16, of_201 = decode(frame, V16), decode(frame, V201)

    assert isinstance(of_16, Unreadable)
    assert of_16.answer is None
    assert isinstance(of_201, Unreadable)
    assert (of_201.message_id, of_201.answer) == ("-1", ErrorCode.RPC_FRAMEWORK_ERROR)


@pytest.mark.parametrize("length", [0, 36, 37, MESSAGE_ID_MAX])
@BOTH
def test_an_id_that_is_somewhat_too_long_is_tolerated(version: OcppVersion, length: int) -> None:
    message_id = "i" * length

    assert decode(f'[2,"{message_id}","Heartbeat",{{}}]', version) == Call(message_id, "Heartbeat", {})


@pytest.mark.parametrize("kind", ["0", "1", "5", "6", "7", "999", "-2"])
def test_an_unknown_message_type_is_ignored_by_1_6_and_reported_by_2_0_1(kind: str) -> None:
    frame, without_id = f'[{kind},"a1",{{}}]', f"[{kind}]"

    assert decode(frame, V16) == decode(without_id, V16) == Unreadable("unknown message type")
    assert decode(frame, V201) == Unreadable("unknown message type", "a1", ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)
    assert decode(without_id, V201) == Unreadable("unknown message type", "-1", ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED)


@pytest.mark.parametrize("frame", ['[5,"a1","InternalError","",{}]', '[6,"a1","NotifyPeriodicEventStream",{}]'])
def test_the_unanswered_messages_of_2_1_are_not_answered(frame: str) -> None:
    assert decode(frame, V21) == Unreadable("unknown message type")


@pytest.mark.parametrize(
    "frame", ['[3,"a1"]', '[3,"a1",[]]', '[3,"a1",{},1]', '[4,"a1"]', '[4,"a1",1]', '[3,"a1",NaN]']
)
@BOTH
def test_an_answer_that_cannot_be_read_is_not_answered_and_names_its_call(frame: str, version: OcppVersion) -> None:
    read = decode(frame, version)

    assert isinstance(read, Unreadable)
    assert (read.message_id, read.answer) == ("a1", None)


def test_what_is_written_is_read_again() -> None:
    assert decode(encode_call("a1", "Reset", {"type": "Soft"}), V16) == Call("a1", "Reset", {"type": "Soft"})
    assert decode(encode_result("a1", {"currentTime": "now"}), V16) == CallResult("a1", {"currentTime": "now"})
    for version, spelling in ((V16, "FormationViolation"), (V201, "FormatViolation")):
        assert decode(encode_error("a1", ErrorCode.FORMAT_VIOLATION, version, "why"), version) == CallError(
            "a1", ErrorCode.FORMAT_VIOLATION, spelling, "why", {}
        )


def test_a_description_is_cut_to_what_the_specification_allows() -> None:
    assert len(json.loads(encode_error("a1", ErrorCode.GENERIC_ERROR, V201, "x" * 1000))[3]) == 255


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


def only_what_stores_keep(value: Any) -> bool:
    match value:
        case str():
            return "\0" not in value and value.encode() is not None
        case bool() | None:
            return True
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return value - value == 0
        case list():
            return all(only_what_stores_keep(item) for item in value)
        case dict():
            return all(only_what_stores_keep(name) and only_what_stores_keep(item) for name, item in value.items())
        case _:
            return False


@given(raw=st.binary(max_size=300) | st.text(max_size=300), version=st.sampled_from(OcppVersion))
@example(raw="\ud800", version=V201)
@example(raw='[2,"\ud800', version=V201)
def test_no_bytes_make_the_reader_raise(raw: bytes | str, version: OcppVersion) -> None:
    assert isinstance(decode(raw, version), Call | CallResult | CallError | Unreadable)


@given(
    frame=st.tuples(st.sampled_from([2, 3, 4]) | JSON, st.text(max_size=40) | JSON, st.text(max_size=20) | JSON, JSON),
    cut=st.integers(0, 400),
    version=st.sampled_from(OcppVersion),
)
def test_what_is_read_holds_only_what_a_store_can_keep(frame: tuple[Any, ...], cut: int, version: OcppVersion) -> None:
    raw = json.dumps(frame).encode()
    for sent in (raw, raw[:cut]):
        match decode(sent, version):
            case Call(action=action, payload=payload):
                assert only_what_stores_keep([action, payload])
            case CallResult(payload=payload):
                assert only_what_stores_keep(payload)
            case CallError(description=description, details=details):
                assert only_what_stores_keep([description, details])
            case Unreadable(answer=answer, message_id=message_id):
                assert answer is None or message_id is not None
