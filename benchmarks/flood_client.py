"""The flood: `python -m benchmarks.flood_client PORT IDENTITY authorize|ping PER_SECOND SECONDS` boots, sends that many
messages per second over a plain socket, and never reads an answer. It prints how many per second the socket accepted.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import struct
import sys
import time

from benchmarks.load_client import tag

TEXT, PING = 0x81, 0x89  # opcode with FIN
BATCHES_PER_SECOND = 100
NO_MASK = b"\0\0\0\0"  # a mask that leaves the payload unchanged, so that the flood costs this machine little


def main(port: int, identity: str, kind: str, per_second: int, seconds: float) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        _shake_hands(peer, identity)
        boot = {"chargePointVendor": "flood", "chargePointModel": "flood"}
        peer.sendall(_frame(TEXT, json.dumps([2, "boot", "BootNotification", boot]).encode()))
        peer.settimeout(1 / BATCHES_PER_SECOND)
        began, sent = time.monotonic(), 0
        while (spent := time.monotonic() - began) < seconds:
            batch = min(int(spent * per_second) - sent, per_second // BATCHES_PER_SECOND)
            frames = b"".join(_message(kind, sent + number) for number in range(batch))
            if not _all_sent(peer, frames, began + seconds):
                break
            sent += batch
            time.sleep(max(0.0, began + sent / per_second - time.monotonic()))
        print(sent / (time.monotonic() - began), flush=True)


def _all_sent(peer: socket.socket, frames: bytes, until: float) -> bool:
    while frames:
        try:
            frames = frames[peer.send(frames) :]
        except TimeoutError:
            if time.monotonic() > until:
                return False
        except OSError:  # the service has cut the connection
            return False
    return True


def _message(kind: str, number: int) -> bytes:
    if kind == "ping":
        return _frame(PING, b"")
    return _frame(TEXT, json.dumps([2, f"{RUN}-{number}", "Authorize", {"idTag": tag(number)}]).encode())


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    head = bytes((opcode, 0x80 | size)) if size < 126 else bytes((opcode, 0xFE)) + struct.pack("!H", size)
    return head + NO_MASK + payload


def _shake_hands(peer: socket.socket, identity: str) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    peer.sendall(
        f"GET /ocpp/{identity} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
    )
    answer = peer.recv(4096)
    if b" 101 " not in answer:
        raise SystemExit(f"not let in: {answer!r}")


RUN = secrets.token_hex(4)

if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
