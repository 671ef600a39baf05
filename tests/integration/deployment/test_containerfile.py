"""The Containerfile as far as it can be read without a container engine, and its health check."""

from __future__ import annotations

import io
import json
import re
import subprocess
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from dockerfile_parse import DockerfileParser

from access_policy.entrypoints import alive
from access_policy.entrypoints.demo.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
PARSED = DockerfileParser(fileobj=io.BytesIO((ROOT / "Containerfile").read_bytes())).structure


def values(instruction: str) -> list[str]:
    return [each["value"] for each in PARSED if each["instruction"] == instruction]


class Answers(BaseHTTPRequestHandler):
    def __init__(self, status: int, *arguments: object) -> None:
        self._status = status
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(self._status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def trouble_with(status: int) -> str:
    with HTTPServer(("127.0.0.1", 0), partial(Answers, status)) as server:
        Thread(target=server.handle_request).start()
        return alive.trouble({"ACCESS_POLICY_HTTP": f"0.0.0.0:{server.server_port}"})


def test_health_check_tells_an_answer_from_a_refusal_and_from_silence() -> None:
    assert trouble_with(200) == ""
    assert "status 503" in trouble_with(503)
    assert "refused" in alive.trouble({"ACCESS_POLICY_HTTP": f"127.0.0.1:{free_port()}"})


def test_image_is_built_in_two_stages_and_runs_without_root() -> None:
    bases = [value.split()[0] for value in values("FROM")]

    assert len(bases) == 2
    assert all(re.fullmatch(r"\S+/python:3\.\d+-slim-\w+", base) for base in bases)
    (user,) = values("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert f"access-policy:x:{user}:" in " ".join(values("RUN"))
    (check,) = values("HEALTHCHECK")
    assert json.loads(check[check.index("[") :])[-1] == alive.__name__


def test_image_has_run_lines_that_the_shell_can_read() -> None:
    read = [subprocess.run(["sh", "-n", "-c", line], capture_output=True).returncode for line in values("RUN")]

    assert len(read) > 5
    assert set(read) == {0}


def test_image_ignores_everything_that_no_instruction_copies() -> None:
    ignored = (ROOT / ".containerignore").read_text("utf-8").split()
    local = [value.split()[:-1] for value in values("COPY") if "--from=" not in value]
    copied = {word for words in local for word in words}

    assert ignored[0] == "*"
    assert {word.split("/")[0] for word in copied} == {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / word).exists() for word in copied)
