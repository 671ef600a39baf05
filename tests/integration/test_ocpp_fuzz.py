"""Thousands of hostile frames against a running server, judged by an oracle that shares no code with it.

The seed is printed; `OCPP_FUZZ_SEED` replays another one.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16.enums import Action as Action16
from ocpp.v21.enums import Action as Action21
from ocpp.v201.enums import Action as Action201
from websockets.asyncio.client import ClientConnection, connect

from access_policy.adapters.ocpp.actions import not_handled
from access_policy.adapters.ocpp.errors import NotImplementedAction, OcppVersion
from access_policy.adapters.ocpp.incoming.v16 import Ocpp16
from access_policy.adapters.ocpp.incoming.v21 import Ocpp21
from access_policy.adapters.ocpp.incoming.v201 import Ocpp201
from access_policy.adapters.ocpp.transport.admission import AdmissionRefused, Admitted
from access_policy.adapters.ocpp.transport.answers import Answer, Later
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.adapters.ocpp.transport.framing import Call
from access_policy.adapters.ocpp.transport.server import OcppServer
from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.put_depot import PutDepot
from access_policy.application.context import Context
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, TenantId
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support.lengths import Length

pytestmark = pytest.mark.any_frames

SEED = int(os.environ.get("OCPP_FUZZ_SEED", "20261120"))
FRAMES = Length(ci=1_000, soak=50_000, of="frames of each version")
SOCKETS = 4
BATCH = 50

# the gateways under test


@dataclass(frozen=True)
class Gateway:
    """`handled` by version; `fails` are those of them that are broken on purpose; the others may refuse what is asked
    where `may_refuse`, and never otherwise."""

    url: str
    handled: Mapping[str, frozenset[str]]
    fails: frozenset[str] = frozenset()
    may_refuse: bool = False


class Everyone:
    async def admit(
        self, charge_point_id: str, password: bytes | None, source: str, certified: frozenset[str] | None
    ) -> Admitted | AdmissionRefused:
        return Admitted()


HANDLED = {
    "1.6": frozenset({"Authorize", "Heartbeat", "StatusNotification", "DataTransfer"}),
    "2.0.1": frozenset({"Authorize", "Heartbeat", "TransactionEvent", "DataTransfer"}),
    "2.1": frozenset({"Authorize", "Heartbeat", "TransactionEvent", "DataTransfer"}),
}


def answer(connection: ChargerConnection, call: Call) -> Answer | Awaitable[Answer]:
    """Some answers are there at once, some take a turn of the loop, and one handler is broken."""
    if call.action not in HANDLED[connection.version.value]:
        raise not_handled(connection.version, call.action)
    if call.action == "DataTransfer":
        raise RuntimeError("broken on purpose")
    if call.action == "Authorize" and connection.version is OcppVersion.V16:
        return Later(asyncio.ensure_future(authorized(call.payload)), lambda echo: echo)
    if call.action == "Authorize":
        return authorized(call.payload)
    return {}


async def authorized(payload: dict[str, Any]) -> Answer:
    await asyncio.sleep(0)
    return {"echo": payload}


@asynccontextmanager
async def transport(dispatch: Callable[[ChargerConnection, Call], Any] = answer) -> AsyncIterator[Gateway]:
    """The transport with a simple dispatcher."""
    server = OcppServer(Everyone(), lambda _: dispatch, port=0, versions=tuple(OcppVersion))
    await server.start()
    try:
        yield Gateway(f"ws://127.0.0.1:{server.port}/ocpp/", HANDLED, fails=frozenset({"DataTransfer"}))
    finally:
        await server.drain()


@asynccontextmanager
async def service() -> AsyncIterator[Gateway]:
    """The whole service, on its real store; every charger is registered and has booted before."""
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(data=Path(directory), http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0)
        async with Service(settings).running() as running:
            await register_chargers(running)
            dependencies = running.container.chargers.handler_dependencies()
            served = {
                "1.6": frozenset(Ocpp16(dependencies).handlers),
                "2.0.1": frozenset(Ocpp201(dependencies).handlers),
                "2.1": frozenset(Ocpp21(dependencies).handlers),
            }
            gateway = Gateway(f"ws://127.0.0.1:{running.ocpp_port}/ocpp/", served, may_refuse=True)
            for identity, version in IDENTITIES.items():
                ws = await charger(gateway, identity, version)
                await ws.send(json.dumps([2, "boot", "BootNotification", BOOTS[version]]))
                assert json.loads(await ws.recv())[2]["status"] == "Accepted"
                await ws.close()
            yield gateway


IDENTITIES = {f"hostile-{version}-{number}": version for version in HANDLED for number in range(SOCKETS)}
IDENTITIES["healthy"] = "1.6"
BOOTS = {
    "1.6": {"chargePointVendor": "V", "chargePointModel": "M"},
    "2.0.1": {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}},
    "2.1": {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}},
}
PROFILES = {"1.6": "ocpp16-central", "2.0.1": "ocpp201-central", "2.1": "ocpp21-central"}


async def register_chargers(running: Service) -> None:
    container = running.container
    context = Context(tenant_id=TenantId("fuzz"), actor=ActorId("fuzz"), correlation_id="fuzz")
    settings = DepotSettings(name="Fuzz", time_zone="UTC")
    await container.commands.put_depot()(context, PutDepot(depot_id=DepotId("fuzz"), settings=settings))
    for identity, version in IDENTITIES.items():
        command = PutCharger(
            charger_id=ChargerId(identity),
            charge_point_id=ChargePointId(identity),
            depot_id=DepotId("fuzz"),
            profile=PROFILES[version],
            baseline_mode=AccessMode.MANAGED,
        )
        done = await container.commands.put_charger()(context, command)
        await running.settled(done.position)


GATEWAYS: dict[str, Callable[[], AbstractAsyncContextManager[Gateway]]] = {"transport": transport, "service": service}

# the oracle

KNOWN = {
    "1.6": {action.value for action in Action16},
    "2.0.1": {action.value for action in Action201},
    "2.1": {action.value for action in Action21},
}
SPELLINGS = {
    "1.6": {"format": "FormationViolation", "rpc": "FormationViolation"},
    "2.0.1": {"format": "FormatViolation", "rpc": "RpcFrameworkError"},
    "2.1": {"format": "FormatViolation", "rpc": "RpcFrameworkError"},
}
CODES = {
    "1.6": {
        *("NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormationViolation"),
        *("PropertyConstraintViolation", "OccurenceConstraintViolation", "TypeConstraintViolation", "GenericError"),
    },
    "2.0.1": {
        *("NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormatViolation"),
        *("PropertyConstraintViolation", "OccurrenceConstraintViolation", "TypeConstraintViolation", "GenericError"),
        *("MessageTypeNotSupported", "RpcFrameworkError"),
    },
}
CODES["2.1"] = CODES["2.0.1"]
UNANSWERED = {"1.6": {3, 4}, "2.0.1": {3, 4}, "2.1": {3, 4, 5, 6}}  # 5 is CALLRESULTERROR, 6 SEND
RESULT = "a result"
BLANKS = b" \t\r\n"


@dataclass(frozen=True)
class Expected:
    """One answer to `message_id`, out of `outcomes`; no answer at all when there is no id."""

    message_id: str | None = None
    outcomes: frozenset[str] = frozenset()


def expected(raw: bytes, version: str, gateway: Gateway) -> Expected:
    raw = without_nuls(raw)
    kind, message_id = head(raw)
    content = accepted_frame(raw)
    if kind == 2 and message_id is not None:
        return Expected(message_id, frozenset(call_outcomes(content, version, gateway)))
    if version == "1.6" or kind in UNANSWERED[version]:
        return Expected()
    if kind is None or kind == 2:
        return Expected("-1", frozenset({"RpcFrameworkError"}))
    return Expected("-1" if message_id is None else message_id, frozenset({"MessageTypeNotSupported"}))


def call_outcomes(content: Any, version: str, gateway: Gateway) -> set[str]:
    match content:
        case None:
            return {SPELLINGS[version]["format"]}
        case [_, _, str(padded), payload] if 0 < len(action := unpadded(padded)) <= 64:
            if not isinstance(payload, dict | None):
                return {SPELLINGS[version]["format"]}
            if action not in KNOWN[version]:
                return {"NotImplemented"}
            if action not in gateway.handled[version]:
                return {"NotSupported"}
            if action in gateway.fails:
                return {"InternalError"}
            return {RESULT} | CODES[version] - {"InternalError"} if gateway.may_refuse else {RESULT}
        case _:
            return {SPELLINGS[version]["rpc"]}


def without_nuls(raw: bytes) -> bytes:
    """NULs around a frame are padding, and so is one inside, which JSON spells \\u0000."""
    return raw.strip(b"\0" + BLANKS).replace(b"\0", b"\\u0000") if b"\0" in raw else raw


def unpadded(text: str) -> str:
    return text.rstrip("\0" + BLANKS.decode()).replace("\0", "")


def head(raw: bytes) -> tuple[int | None, str | None]:
    """The type number and the message id at the beginning of a frame, as far as they can be read."""
    text = raw[:4000].decode("utf-8", "surrogateescape").lstrip(" \t\r\n")
    decoder = json.JSONDecoder()
    if not text.startswith("["):
        return None, None
    try:
        kind, end = decoder.raw_decode(text[1:].lstrip(" \t\r\n"))
        rest = text[1:].lstrip(" \t\r\n")[end:].lstrip(" \t\r\n")
    except (ValueError, RecursionError):
        return None, None
    if type(kind) is not int or abs(kind) >= 2**63:
        return None, None
    try:
        message_id, _ = decoder.raw_decode(rest[1:].lstrip(" \t\r\n")) if rest.startswith(",") else (None, 0)
    except (ValueError, RecursionError):
        return kind, None
    if type(message_id) is not str or len(message_id) > 128 or lone_surrogates(message_id):
        return kind, None
    return kind, message_id


def accepted_frame(raw: bytes) -> list[Any] | None:
    """The frame, if it is JSON that any store could keep and no deeper than 32 levels below its own."""
    try:
        frame = json.loads(raw.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, list) and keepable(frame, 32) else None


def refuse(constant: str) -> float:
    raise ValueError(constant)


def keepable(value: Any, levels: int) -> bool:
    match value:
        case str():
            return not lone_surrogates(value)
        case bool() | None:
            return True
        case int():
            return -(2**63) <= value <= 2**63 - 1
        case float():
            return abs(value) != float("inf")
        case list():
            return levels >= 0 and all(keepable(item, levels - 1) for item in value)
        case _:
            return levels >= 0 and all(keepable(k, 0) and keepable(v, levels - 1) for k, v in value.items())


def lone_surrogates(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


# the grammar

HOT = {
    "1.6": {
        "Authorize": {"idTag": "04A1B2C3D4E5F6"},
        "BootNotification": {"chargePointVendor": "V", "chargePointModel": "M"},
        "Heartbeat": {},
        "StartTransaction": {"connectorId": 1, "idTag": "04AB", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"},
        "StopTransaction": {"transactionId": 7, "meterStop": 10, "timestamp": "2026-01-01T00:00:00Z"},
        "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
        "MeterValues": {"connectorId": 1, "meterValue": [{"timestamp": "t", "sampledValue": [{"value": "1"}]}]},
        "DataTransfer": {"vendorId": "v", "data": "x"},
    },
    "2.0.1": {
        "Authorize": {"idToken": {"idToken": "04A1B2C3D4E5F6", "type": "ISO14443"}},
        "BootNotification": {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}},
        "Heartbeat": {},
        "StatusNotification": {"timestamp": "t", "connectorStatus": "Available", "evseId": 1, "connectorId": 1},
        "TransactionEvent": {
            "eventType": "Started",
            "timestamp": "2026-01-01T00:00:00Z",
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "t1"},
            "idToken": {"idToken": "04AB", "type": "ISO14443"},
        },
        "DataTransfer": {"vendorId": "v", "data": {"a": [1]}},
    },
}
HOT["2.1"] = {
    **HOT["2.0.1"],
    "Authorize": {"idToken": {"idToken": "1A2B3C4D5E6F", "type": "EVCCID", "additionalInfo": []}, "tariff": None},
    "BatterySwap": {"eventType": "BatteryIn", "requestId": 1, "idToken": {"idToken": "04AB", "type": "VIN"}},
    "NotifySettlement": {"pspRef": "p", "status": "Settled", "settlementAmount": 1.5, "settlementTime": "t"},
}
HOSTILE_VALUES = [
    *(None, True, False, 0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 1e308, -0.0, 0.1, "", " ", "x" * 300),
    *("é", "\u202e", "😀", "'; DROP TABLE", [], {}, [[]], [None], {"": {}}, "\x7f", "-1", "true", "NaN", "9" * 400),
]
UNKEEPABLE_LITERALS = [
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "9223372036854775808", "-9" * 1 + "9" * 20),
    *('"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00x"', '"\\ud83d\\ud83d"', '{"\\u0000":1}', '{"\\udfff":1}'),
    *("01", "+1", "'x'", "undefined", '"\t"', "[1,]", "{,}", '{"a" 1}', "// x", '"\\x"', ".5", "1."),
]
UNREADABLE_IDS = ["null", "7", "1.5", "true", "{}", '["a"]', '"' + "i" * 129 + '"', '"' + "i" * 3000 + '"', '"\\ud800"']
GARBAGE = [
    *(b"", b" ", b"{}", b"[]", b"null", b"true", b"2", b'"x"', b"[", b"]", b"[2", b"[2]", b"[,]", b"\xff\xfe", b"\x00"),
    *(b"\xef\xbb\xbf[]", b"GET / HTTP/1.1", b"<soap/>", b"[[2]]", b'["2","a","Heartbeat",{}]', b"[null]", b"[2.0]"),
    *(b'[true,"a","Heartbeat",{}]', b"9" * 6000, b"[" + b"9" * 6000 + b"]", b'[-1e5,"a",{}]'),
]


class Grammar:
    """An endless, seeded stream of (class, frame); message ids are unique within it."""

    def __init__(self, version: str, seed: int) -> None:
        self.version = version
        self.rng = random.Random(f"{seed} {version}")
        self.number = 0

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        classes = [
            *(self.valid, self.mutated_payload, self.mutated_payload, self.malformed, self.unkeepable, self.deep),
            *(self.unknown_action, self.known_action, self.wrong_envelope, self.unsolicited, self.duplicate_keys),
            *(self.odd_id, self.unreadable_id, self.other_type, self.garbage, self.bytes_flipped, self.not_an_object),
        ]
        while True:
            make = self.rng.choice(classes)
            made = make()
            yield make.__name__, made if isinstance(made, bytes) else made.encode()

    def next_id(self) -> str:
        self.number += 1
        return f"{self.version}-{self.number}"

    def call(self, payload: str | None = None, action: str | None = None, message_id: str | None = None) -> str:
        chosen = action or self.rng.choice(list(HOT[self.version]))
        body = json.dumps(HOT[self.version].get(chosen, {})) if payload is None else payload
        return f"[2,{json.dumps(message_id or self.next_id())},{json.dumps(chosen)},{body}]"

    def valid(self) -> str:
        return self.call()

    def mutated_payload(self) -> str:
        action, payload = self.rng.choice(list(HOT[self.version].items()))
        return self.call(json.dumps(self.mutate(copy.deepcopy(payload))), action)

    def mutate(self, payload: dict[str, Any]) -> dict[str, Any]:
        for _ in range(self.rng.randint(1, 3)):
            name = self.rng.choice([*payload, "extra", "é", "customData"])
            if name in payload and isinstance(payload[name], dict) and self.rng.random() < 0.5:
                self.mutate(payload[name])
            elif self.rng.random() < 0.3:
                payload.pop(name, None)
            else:
                payload[name] = copy.deepcopy(self.rng.choice(HOSTILE_VALUES))
        return payload

    def malformed(self) -> str:
        frame = self.call()
        at = self.rng.randrange(len(frame))
        return frame[:at] + self.rng.choice(["", "]", "}", '"', ",", "\\", "\x01", "\n[", "é"]) + frame[at + 1 :]

    def bytes_flipped(self) -> bytes:
        frame = bytearray(self.call().encode())
        frame[self.rng.randrange(len(frame))] = self.rng.choice([0xFF, 0xC0, 0xED, 0x00, 0x80, 0x22])
        return bytes(frame)

    def unkeepable(self) -> str:
        literal = self.rng.choice(UNKEEPABLE_LITERALS)
        return self.call(self.rng.choice(['{{"idTag":{0}}}', '{{"a":[{{"b":{0}}}]}}', "{0}"]).format(literal))

    def deep(self) -> str:
        levels = self.rng.choice([30, 31, 32, 33, 34, 100, 900, 1200, 5000] + [40_000] * (self.rng.random() < 0.2))
        opening, closing = self.rng.choice([("[", "]"), ('{"a":', "}")])
        return self.call('{"x":' + opening * levels + "1" + closing * self.rng.choice([levels, levels, 0]) + "}")

    def unknown_action(self) -> str:
        return self.call(action=self.rng.choice(["authorize", "Nope", "Ünïcode", "x" * 64, "__class__", "Heartbeat "]))

    def known_action(self) -> str:
        return self.call("{}", self.rng.choice(sorted(KNOWN[self.version])))

    def wrong_envelope(self) -> str:
        start = f"[2,{json.dumps(self.next_id())}"
        action = self.rng.choice(["null", "1", "[]", "{}", "true", '""', '"' + "A" * 65 + '"', '["Heartbeat"]'])
        return start + self.rng.choice(["]", ',"Heartbeat"]', ',"Heartbeat",{},{}]', f",{action},{{}}]", f",{action}]"])

    def not_an_object(self) -> str:
        return self.call(self.rng.choice(["[]", "[{}]", '"{}"', "1", "false", "null", "[[]]"]))

    def unsolicited(self) -> str:
        body = self.rng.choice(
            ['{"status":"Accepted"}', "{}", "null", "[]", '"x"', "NaN", "{}]]", '"GenericError","",{}']
        )
        return f'[{self.rng.choice("34")},"never-asked-{self.rng.randrange(10)}",{body}]'

    def duplicate_keys(self) -> str:
        return self.call('{"idTag":"A","idTag":"B","idToken":{},"idToken":null}')

    def odd_id(self) -> str:
        unique = self.next_id()
        return self.call(
            message_id=self.rng.choice([unique.ljust(36), unique.ljust(128, "x"), f"{unique} é😀", f'{unique}"\\'])
        )

    def unreadable_id(self) -> str:
        return f'[2,{self.rng.choice(UNREADABLE_IDS)},"Heartbeat",{self.rng.choice(["{}", "NaN", "[]"])}]'

    def other_type(self) -> str:
        kind = self.rng.choice(["0", "1", "5", "6", "7", "42", "-2"])
        return self.rng.choice([f"[{kind},{json.dumps(self.next_id())},{{}}]", f"[{kind}]", f"[{kind},7,8]"])

    def garbage(self) -> bytes:
        return self.rng.choice(GARBAGE)


# the run


@dataclass
class Findings:
    """What was sent by class, and each answer that the oracle does not agree with."""

    sent: Counter[str]
    answers: int
    wrong: list[str]


async def attack(gateway: Gateway, version: str, frames: int) -> Findings:
    """Fails when the server closes a connection or leaves the last CALL of a batch without answer."""
    grammar = Grammar(version, SEED)
    stream = iter(grammar)
    findings = Findings(Counter(), 0, [])
    sockets = [await charger(gateway, f"hostile-{version}-{number}", version) for number in range(SOCKETS)]
    try:
        for first in range(0, frames, BATCH):
            batch = [next(stream) for _ in range(min(BATCH, frames - first))]
            findings.sent.update(kind for kind, _ in batch)
            await judge(gateway, version, batch, sockets[first // BATCH % len(sockets)], grammar, findings)
    finally:
        for ws in sockets:
            await ws.close()
    return findings


async def judge(
    gateway: Gateway,
    version: str,
    batch: list[tuple[str, bytes]],
    ws: ClientConnection,
    grammar: Grammar,
    findings: Findings,
) -> None:
    """Sends a batch and a last good CALL, after whose answer nothing of the batch can be under way any more."""
    last = f"last-{grammar.next_id()}"
    received: dict[str, list[str]] = defaultdict(list)
    async with asyncio.timeout(30), asyncio.TaskGroup() as both:
        frames = [*(raw for _, raw in batch), f'[2,"{last}","Heartbeat",{{}}]'.encode()]
        both.create_task(send(ws, frames, grammar))
        while last not in received:
            frame = json.loads(await ws.recv(decode=False))
            if frame[0] != 2:  # a request of the service is no answer
                received[frame[1]].append(RESULT if frame[0] == 3 else frame[2])
    del received[last]
    findings.answers += sum(map(len, received.values()))
    due: dict[str, list[tuple[str, bytes, frozenset[str]]]] = defaultdict(list)
    for kind, raw in batch:
        expectation = expected(raw, version, gateway)
        if expectation.message_id is not None:
            due[expectation.message_id].append((kind, raw, expectation.outcomes))
    for message_id in {*due, *received}:
        got, wanted = received[message_id], due[message_id]
        if len(got) != len(wanted) or not frozenset(got) <= frozenset().union(*(outcomes for *_, outcomes in wanted)):
            examples = [(kind, raw[:120], sorted(outcomes)) for kind, raw, outcomes in wanted[:2]]
            findings.wrong.append(f"{version} id {message_id!r}: got {got}, due {len(wanted)} of {examples}")


async def send(ws: ClientConnection, frames: list[bytes], grammar: Grammar) -> None:
    for raw in frames:
        await ws.send(raw, text=grammar.rng.random() < 0.8)


async def charger(gateway: Gateway, identity: str, version: str) -> ClientConnection:
    return await connect(
        gateway.url + identity,
        subprotocols=[f"ocpp{version}"],  # type: ignore[list-item]
        compression=None,
        ping_interval=None,
        max_queue=None,
    )


async def healthy(gateway: Gateway, stop: asyncio.Event) -> list[float]:
    """A well-behaved charger; returns its round trips in seconds."""
    round_trips = []
    async with await charger(gateway, "healthy", "1.6") as ws:
        while not stop.is_set():
            began = time.perf_counter()
            await ws.send(f'[2,"h{len(round_trips)}","Authorize",{{"idTag":"04AB"}}]')
            answered = json.loads(await asyncio.wait_for(ws.recv(), 10))
            while answered[0] == 2:  # what the service asks meanwhile
                await ws.send(json.dumps([4, answered[1], "NotImplemented", "", {}]))
                answered = json.loads(await asyncio.wait_for(ws.recv(), 10))
            assert answered[:2] == [3, f"h{len(round_trips)}"]
            round_trips.append(time.perf_counter() - began)
            await asyncio.sleep(0.005)
    return round_trips


@pytest.fixture
def quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers that are broken on purpose log a traceback each."""
    caplog.set_level("CRITICAL", "access_policy")


@pytest.mark.soak(FRAMES)
@pytest.mark.parametrize("name", GATEWAYS)
@pytest.mark.usefixtures("quiet_log")
async def test_hostile_frames_are_answered_by_rule_and_end_nothing(name: str) -> None:
    escaped: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: escaped.append(context))
    async with GATEWAYS[name]() as gateway:
        stop = asyncio.Event()
        good = asyncio.create_task(healthy(gateway, stop))
        attacks = await asyncio.gather(*(attack(gateway, version, FRAMES.count) for version in KNOWN))
        stop.set()
        round_trips = sorted(await good)

    sent = sum((attack.sent for attack in attacks), Counter[str]())
    wrong = [line for attack in attacks for line in attack.wrong]
    figures = "; ".join(
        f"{version} {found.sent.total()} frames, {found.answers} answers, {len(found.wrong)} wrong"
        for version, found in zip(KNOWN, attacks, strict=True)
    )
    sys.stdout.write(
        f"{name}: seed {SEED}: {figures}; {len(escaped)} escaped; classes {dict(sent)}; healthy charger:"
        f" {len(round_trips)} round trips, p99 {round_trips[len(round_trips) * 99 // 100] * 1000:.1f} ms\n"
    )
    assert wrong == []
    assert escaped == []
    assert len(sent) == 16
    assert sent.total() == FRAMES.count * len(KNOWN)
    assert len(round_trips) > 10


@pytest.mark.parametrize("version", KNOWN)
@pytest.mark.usefixtures("quiet_log")
async def test_the_oracle_notices_a_gateway_that_mixes_up_its_codes(version: str) -> None:
    def mixed_up(connection: ChargerConnection, call: Call) -> Any:
        if call.action not in HANDLED[version]:
            raise NotImplementedAction
        return answer(connection, call)

    async with transport(mixed_up) as gateway:
        findings = await attack(gateway, version, 500)

    assert findings.wrong
    assert all("NotSupported" in line for line in findings.wrong)
