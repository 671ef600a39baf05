"""A plain frame is one that the removal of padding would neither change nor refuse."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.adapters.ocpp.transport.padding import is_plain_frame, make_storable, without_nuls

texts = st.text(st.sampled_from('a7 \0\t\n\\"é{[,:'), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | texts | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(frame=st.lists(values, max_size=4), spaced=st.booleans())
def test_plain_frame_is_neither_changed_nor_refused(frame: list[Any], spaced: bool) -> None:
    raw = json.dumps(frame, separators=None if spaced else (",", ":"), ensure_ascii=False).encode()
    if not is_plain_frame(raw):
        return
    assert without_nuls(raw) == raw
    decoded = json.loads(raw)
    storable = copy.deepcopy(decoded)
    make_storable(storable)
    assert storable == decoded


@pytest.mark.parametrize(
    ("raw", "is_plain"),
    [
        (b'[2,"1","Authorize",{"idTag":"04A1B2C3"}]', True),
        (b'[2,"1","StartTransaction",{"connectorId":1,"timestamp":"2026-01-01T00:00:00Z"}]', True),
        (b'[2,"1","Authorize",{"idTag":"04A1B2C3 "}]', False),
        (b'[2,"1","Authorize",{"idTag":"04A1B2C3\\u0000"}]', False),
        (b'\0[2,"1","Heartbeat",{}]', False),
        (b'[2,"1","MeterValues",{"x":9223372036854775808}]', False),
        (b"[" * 40 + b"]" * 40, False),
        ('[2,"1","Heartbeat",{}]', False),
    ],
)
def test_frame_of_a_charger_is_plain_without_blanks_escapes_and_long_numbers(raw: bytes | str, is_plain: bool) -> None:
    assert is_plain_frame(raw) is is_plain
