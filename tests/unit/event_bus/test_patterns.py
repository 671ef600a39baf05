"""Event patterns mean what EventBridge says they mean, and moto's reading of them is held against ours.

Sources: Amazon EventBridge user guide ("Comparison operators for use in event patterns", "Event patterns"), and the README
and rule compiler of aws/event-ruler, the engine of EventBridge that AWS has published, where the guide is silent.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from access_policy.adapters.event_bus.patterns.compiling import Pattern, PatternInvalid

EC2 = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-10-02T16:24:49Z",
    "region": "us-west-1",
    "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0", "arn:other"],
    "detail": {
        "c-count": 5,
        "d-count": 3,
        "x-limit": 301.8,
        "source-ip": "10.0.0.33",
        "instance-id": "i-1234567890abcdef0",
        "state": "running",
        "file": "dir/picture.PNG",
        "path": "/usr/lib/a",
        "name": "Ümlaut",
        "stars": "a*b\\c",
        "empty": "",
        "nothing": None,
        "flag": True,
        "none-here": [],
        "an-object": {},
        "nested": {"leaf": 1},
        "tags": ["red", "green", 7, None],
        "lines": "one\ntwo",
    },
}
EMPLOYEES = {
    "employees": [
        {"firstName": "John", "lastName": "Doe", "skills": [{"name": "ocpp", "level": 3}, {"name": "sql", "level": 1}]},
        {"firstName": "Anna", "lastName": "Smith", "skills": []},
        {"firstName": "Peter", "lastName": "Jones", "active": True},
    ]
}


def detail(**fields: Any) -> dict[str, Any]:
    return {"detail": {name.replace("_", "-"): value for name, value in fields.items()}}


MATCHING: list[tuple[str, dict[str, Any]]] = [
    ("values of several fields", {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]}),
    ("one of several values", detail(state=["initializing", "running"])),
    (
        "an array meets the pattern's",
        {"resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0"]},
    ),
    ("an element that is a number", detail(tags=[7])),
    ("prefix", {"time": [{"prefix": "2017-10-02"}]}),
    ("prefix, ignoring case", {"source": [{"prefix": {"equals-ignore-case": "AWS."}}]}),
    ("suffix", {"source": [{"suffix": "ec2"}]}),
    ("suffix, ignoring case", detail(file=[{"suffix": {"equals-ignore-case": ".png"}}])),
    ("equals, ignoring case", detail(state=[{"equals-ignore-case": "RUNNING"}])),
    ("case beyond ASCII", detail(name=[{"equals-ignore-case": "ümlaut"}])),
    ("anything but a string", detail(state=[{"anything-but": "initializing"}])),
    ("anything but a number", detail(x_limit=[{"anything-but": 123}])),
    ("anything but strings", detail(state=[{"anything-but": ["stopped", "overloaded"]}])),
    ("anything but numbers", detail(x_limit=[{"anything-but": [100, 200, 300]}])),
    ("anything but a prefix", detail(state=[{"anything-but": {"prefix": "init"}}])),
    ("anything but prefixes", detail(state=[{"anything-but": {"prefix": ["init", "stop"]}}])),
    ("anything but a suffix", detail(state=[{"anything-but": {"suffix": "ed"}}])),
    ("anything but suffixes", detail(file=[{"anything-but": {"suffix": [".txt", ".rtf"]}}])),
    ("anything but, ignoring case", detail(state=[{"anything-but": {"equals-ignore-case": "STOPPED"}}])),
    ("anything but several, ignoring case", detail(state=[{"anything-but": {"equals-ignore-case": ["A", "B"]}}])),
    ("anything but a wildcard", detail(path=[{"anything-but": {"wildcard": "*/bin/*"}}])),
    ("anything but wildcards", detail(path=[{"anything-but": {"wildcard": ["*/bin/*", "*/etc/*"]}}])),
    ("one element is something else", detail(tags=[{"anything-but": ["red", "green"]}])),
    ("null is anything but a string", detail(nothing=[{"anything-but": "x"}])),
    ("numeric, one bound", detail(d_count=[{"numeric": ["<", 10]}])),
    ("numeric, a range", detail(c_count=[{"numeric": [">", 0, "<=", 5]}])),
    ("numeric, equal", detail(x_limit=[{"numeric": ["=", 3.018e2]}])),
    ("a number however it is written", detail(c_count=[5.0])),
    ("address in a block", detail(source_ip=[{"cidr": "10.0.0.0/24"}])),
    ("an address as a value", detail(source_ip=["10.0.0.33"])),
    ("exists", detail(c_count=[{"exists": True}])),
    ("exists, though null", detail(nothing=[{"exists": True}])),
    ("does not exist", detail(e_count=[{"exists": False}])),
    ("an object is no leaf", detail(nested=[{"exists": False}])),
    ("does not exist, or has a value", detail(state=[{"exists": False}, "running"])),
    ("null", detail(nothing=[None])),
    ("null among the elements", detail(tags=[None])),
    ("an empty string", detail(empty=[""])),
    ("true", detail(flag=[True])),
    ("wildcard", detail(path=[{"wildcard": "/usr/*/a"}])),
    ("wildcard for nothing", detail(state=[{"wildcard": "*running*"}])),
    ("wildcard over a line's end", detail(lines=[{"wildcard": "one*two"}])),
    ("an escaped asterisk and backslash", detail(stars=[{"wildcard": "a\\*b\\\\c"}])),
    ("nested fields", detail(nested={"leaf": [1]})),
    ("$or at the top", {"$or": [{"source": ["aws.s3"]}, {"detail": {"state": ["running"]}}]}),
    (
        "$or within",
        {"source": ["aws.ec2"], "detail": {"$or": [{"c-count": [9]}, {"d-count": [{"numeric": ["<", 10]}]}]}},
    ),
    (
        "$or in $or",
        {"$or": [{"source": ["x"]}, {"source": ["aws.ec2"], "$or": [{"id": ["x"]}, {"region": ["us-west-1"]}]}]},
    ),
    (
        "$or beside $or",
        {
            "$or": [{"source": ["x"]}, {"region": ["us-west-1"]}],
            "detail": {"$or": [{"state": ["x"]}, {"c-count": [5]}]},
        },
    ),
    ("a dot is a step", {"detail.state": ["running"]}),
]
NOT_MATCHING: list[tuple[str, dict[str, Any]]] = [
    ("another value", {"source": ["aws.s3"]}),
    ("one field of two", {"source": ["aws.ec2"], "region": ["eu-west-1"]}),
    ("another case", detail(state=["Running"])),
    ("no element", {"resources": ["arn:aws:nothing"]}),
    ("a field that is absent", detail(e_count=[{"anything-but": 1}])),
    ("prefix of a number", detail(c_count=[{"prefix": "5"}])),
    ("prefix in another case", {"source": [{"prefix": "AWS"}]}),
    ("suffix in another case", detail(file=[{"suffix": ".png"}])),
    ("anything but what it is", detail(state=[{"anything-but": "running"}])),
    ("anything but one of them", detail(state=[{"anything-but": ["stopped", "running"]}])),
    ("anything but its number", detail(c_count=[{"anything-but": 5.0}])),
    ("anything but its prefix", detail(state=[{"anything-but": {"prefix": ["init", "run"]}}])),
    ("anything but its suffix", detail(state=[{"anything-but": {"suffix": "ing"}}])),
    ("anything but it, ignoring case", detail(state=[{"anything-but": {"equals-ignore-case": ["RUNNING"]}}])),
    ("anything but its wildcard", detail(path=[{"anything-but": {"wildcard": ["*/etc/*", "*/lib/*"]}}])),
    ("the open end of a range", detail(c_count=[{"numeric": [">", 5, "<=", 9]}])),
    ("numeric of a string", detail(state=[{"numeric": [">", 0]}])),
    ("a number as a string", detail(c_count=["5"])),
    ("an address outside", detail(source_ip=[{"cidr": "10.0.1.0/24"}])),
    ("no address", detail(state=[{"cidr": "10.0.0.0/8"}])),
    ("another version of addresses", detail(source_ip=[{"cidr": "2001:db8::/32"}])),
    ("exists, but absent", detail(e_count=[{"exists": True}])),
    ("exists: an object has leaves below only", detail(nested=[{"exists": True}])),
    ("absent is not null", detail(e_count=[None])),
    ("absent, but there", detail(state=[{"exists": False}])),
    ("wildcard of a part only", detail(path=[{"wildcard": "/usr/*/b"}])),
    ("an asterisk that is one", detail(state=[{"wildcard": "run\\*"}])),
    ("$or with nothing", {"$or": [{"source": ["aws.s3"]}, {"detail": {"state": ["x"]}}]}),
    ("$or within something else", {"source": ["x"], "detail": {"$or": [{"c-count": [5]}, {"d-count": [3]}]}}),
]
# Where moto 5.2 reads a valid pattern otherwise; it also takes every pattern of REFUSED but three. `True`: ours matches.
MOTO_READS_OTHERWISE: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("wildcard over a line's end", {"a": [{"wildcard": "x*y"}]}, {"a": "x\ny"}, True),
    ("true is not 1", {"a": [True]}, {"a": 1}, False),
    ("1 is not true", {"a": [1]}, {"a": True}, False),
    ("false is no number", {"a": [{"numeric": ["<", 5]}]}, {"a": False}, False),
    ("an empty array has no leaf", {"a": [{"exists": True}]}, {"a": []}, False),
    ("an empty array is absent", {"a": [{"exists": False}]}, {"a": []}, True),
    ("an empty object has no leaf", {"a": [{"exists": True}]}, {"a": {}}, False),
    ("an empty object is anything", {"a": [{"anything-but": "x"}]}, {"a": {}}, False),
    ("a field of an element", {"employees": {"firstName": ["Anna"]}}, EMPLOYEES, True),
    ("two fields of one element", {"employees": {"firstName": ["Anna"], "lastName": ["Smith"]}}, EMPLOYEES, True),
    ("a field of an element is there", {"employees": {"active": [{"exists": True}]}}, EMPLOYEES, True),
    ("an array in an array", {"a": [1]}, {"a": [[1, 2], [3]]}, True),
    (
        "fields of one element and of an element within it",
        {"employees": {"firstName": ["John"], "skills": {"name": ["ocpp"], "level": [3]}}},
        EMPLOYEES,
        True,
    ),
    ("numbers to six places", {"a": [0.1234561]}, {"a": 0.1234562}, True),
    ("the spelling of an address", {"a": ["2001:db8::1"]}, {"a": "2001:DB8:0::1"}, True),
    ("a block from the address written", {"a": [{"cidr": "10.0.0.5/24"}]}, {"a": "10.0.0.9"}, True),
]
REFUSED: list[tuple[str, Any]] = [
    ("no object", []),
    ("no JSON", "{"),
    ("empty", {}),
    ("an empty object", {"detail": {}}),
    ("an empty array", {"source": []}),
    ("a bare value", {"source": "aws.ec2"}),
    ("an array in an array", {"source": [["aws.ec2"]]}),
    ("an operator nobody knows", {"source": [{"regex": "a.*"}]}),
    ("two operators", {"source": [{"prefix": "a", "suffix": "b"}]}),
    ("prefix of a number", {"source": [{"prefix": 1}]}),
    ("an unknown kind of prefix", {"source": [{"prefix": {"wildcard": "a"}}]}),
    ("wildcards in a row", {"source": [{"wildcard": "a**b"}]}),
    ("a backslash before a letter", {"source": [{"wildcard": "a\\b"}]}),
    ("numeric without a number", {"c": [{"numeric": [">"]}]}),
    ("numeric of a string", {"c": [{"numeric": [">", "1"]}]}),
    ("numeric beyond the bounds", {"c": [{"numeric": [">", 5.1e9]}]}),
    ("a range upside down", {"c": [{"numeric": ["<", 5, ">", 1]}]}),
    ("an empty range", {"c": [{"numeric": [">", 5, "<", 5]}]}),
    ("an unknown comparison", {"c": [{"numeric": ["!=", 5]}]}),
    ("exists perhaps", {"c": [{"exists": "yes"}]}),
    ("no block", {"c": [{"cidr": "10.0.0.0"}]}),
    ("a block of one", {"c": [{"cidr": "10.0.0.0/32"}]}),
    ("anything but nothing", {"c": [{"anything-but": []}]}),
    ("anything but strings and numbers", {"c": [{"anything-but": ["a", 1]}]}),
    ("anything but null", {"c": [{"anything-but": None}]}),
    ("anything but an empty prefix", {"c": [{"anything-but": {"prefix": ""}}]}),
    ("anything but a range", {"c": [{"anything-but": {"numeric": [">", 1]}}]}),
    ("$or of one", {"$or": [{"source": ["a"]}]}),
    ("$or of fields", {"$or": {"source": ["a"]}}),
    ("$or with an operator as field", {"$or": [{"prefix": ["a"]}, {"source": ["b"]}]}),
    (
        "$or with too many combinations",
        {f"f{number}": {"$or": [{"a": [1]}, {"b": [1]}]} for number in range(10)},
    ),
]


@pytest.mark.parametrize(("what", "pattern"), MATCHING, ids=[what for what, _ in MATCHING])
def test_a_pattern_matches(what: str, pattern: dict[str, Any]) -> None:
    assert Pattern.of(json.dumps(pattern)).matches(EC2)


@pytest.mark.parametrize(("what", "pattern"), NOT_MATCHING, ids=[what for what, _ in NOT_MATCHING])
def test_a_pattern_does_not_match(what: str, pattern: dict[str, Any]) -> None:
    assert not Pattern.of(pattern).matches(EC2)


@pytest.mark.parametrize(("what", "pattern"), REFUSED, ids=[what for what, _ in REFUSED])
def test_a_pattern_is_refused(what: str, pattern: Any) -> None:
    with pytest.raises(PatternInvalid):
        Pattern.of(pattern)


@pytest.mark.parametrize(
    ("what", "pattern"), [*MATCHING, *NOT_MATCHING], ids=[what for what, _ in [*MATCHING, *NOT_MATCHING]]
)
def test_moto_reads_a_pattern_alike_or_the_difference_is_named(what: str, pattern: dict[str, Any]) -> None:
    named = {named for named, *_ in MOTO_READS_OTHERWISE}

    assert (Pattern.of(pattern).matches(EC2) == _motos(pattern, EC2)) is (what not in named)


@pytest.mark.parametrize(
    ("what", "pattern", "event", "ours"), MOTO_READS_OTHERWISE, ids=[what for what, *_ in MOTO_READS_OTHERWISE]
)
def test_where_moto_differs_ours_is_what_eventbridge_does(
    what: str, pattern: dict[str, Any], event: dict[str, Any], ours: bool
) -> None:
    assert Pattern.of(pattern).matches(event) is ours
    assert _motos(pattern, event) is not ours, "moto has come round: take it from the list"


@pytest.mark.parametrize(
    "pattern",
    [
        {"employees": {"firstName": ["Anna"], "lastName": ["Jones"]}},
        {"employees": {"firstName": ["Anna"], "skills": {"name": ["ocpp"]}}},
        {"employees": {"skills": {"name": ["sql"], "level": [3]}}},
        {"employees": {"active": [{"exists": False}]}},
    ],
)
def test_fields_of_different_elements_of_an_array_do_not_match_together(pattern: dict[str, Any]) -> None:
    assert not Pattern.of(pattern).matches(EMPLOYEES)


def test_a_pattern_over_large_arrays_is_decided_quickly() -> None:
    fields = {f"f{number}": number for number in range(8)}
    event = {"a": [fields for _ in range(500)]}
    pattern = {"a": {name: [{"exists": True}] for name in fields}}

    assert Pattern.of(pattern).matches(event)
    assert not Pattern.of({"a": pattern["a"] | {"f9": [1]}}).matches(event)


def _motos(pattern: dict[str, Any], event: dict[str, Any]) -> bool | None:
    """None where it fails. Moto is imported here: to import it takes a second, which only the worker with these tests needs."""
    from moto.events.models import EventPattern

    try:
        return EventPattern.load(json.dumps(pattern)).matches_event(event)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001  whatever it is, it is no answer
        return None
