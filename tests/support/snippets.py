"""The commands and programs that the pages for readers show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = (
    "README.md",
    "docs/operator-guide.md",
    "docs/charger-guide.md",
    "docs/integration-guide.md",
    "docs/operations.md",
    "docs/registry-import.md",
    "docs/access.md",
    "docs/running.md",
    "docs/start.md",
    "docs/command-line.md",
)
# Snippets that no test can run, each with the reason. The shell and the program itself parse their commands.
NOT_RUN: Final = {
    "README.md: make run     # the service with a demo depot and simulated chargers; stop it with Ctrl-C": (
        "it installs packages and runs every test; `make test` plays the demo"
    ),
    "README.md: API=${API:-http://127.0.0.1:8000/v1}": "tests/integration/test_readme.py runs it",
    'README.md: export ACCESS_POLICY_STORE_URL="postgresql://access:secret@db/access"'
    ' ACCESS_POLICY_READ_MODELS_URL="postgresql://access:secret@db/access"': (
        "it needs a PostgreSQL server; tests/integration/test_postgres_settings.py runs both commands on one"
    ),
    "README.md: access-policy tenant erase acme --data data": "it needs a stopped service; tests/integration/tenants runs it",
    "README.md: access-policy serve --role projector --instance projector": (
        "its processes run side by side; tests/integration/test_roles.py starts such an installation"
    ),
    "docs/operations.md: access-policy doctor": "it judges the machine of the test; tests/integration/test_doctor.py runs it",
    "docs/operations.md: access-policy backup /backups/2026-11-20/files": (
        "it needs events in PostgreSQL; tests/integration/test_restored_postgres.py runs both there"
    ),
    "docs/operations.md: useradd --system --home-dir /var/lib/access-policy --shell /usr/sbin/nologin access-policy": (
        "it changes the machine; tests/integration/deployment verifies the units"
    ),
    "docs/operations.md: podman build --tag access-policy:0.1.0 .": (
        "no container engine; tests/integration/deployment/test_image.py builds the image's contents"
    ),
    "docs/operations.md: kubectl create secret generic access-policy-databases \\": (
        "no cluster; tests/integration/deployment/test_manifests.py validates the manifests"
    ),
    "docs/operations.md: promtool check rules deploy/prometheus/rules.yaml && promtool test rules"
    " deploy/prometheus/rules_test.yaml": "tests/integration/deployment runs each of them",
}
# Snippets that run until they are stopped, each with a text that it prints once it works.
UNTIL: Final = {
    'README.md: curl -N -H "Authorization: Bearer $TOKEN"'
    ' "${API:-http://127.0.0.1:8000/v1}/stream?event=attempt&event=charger"': "id: ",
    "docs/operations.md: access-policy restore /backups/2026-11-20 --data /var/lib/access-policy": "HTTP API",
}
_FENCE: Final = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
_INDENTED: Final = re.compile(r"(?:(?<=\n\n)|\A)((?: {4}[^\n]*\n|\n)+)")


@dataclass(frozen=True)
class Snippet:
    """`language` is that of a fence; an indented block is `sh`."""

    page: str
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page}: {self.text.strip().splitlines()[0]}"


def snippets(page: str) -> Iterator[Snippet]:
    """Yield all blocks of the page that somebody could run, in their order."""
    text = (ROOT / page).read_text("utf-8")
    found = [(each.start(), each[1], each[2]) for each in _FENCE.finditer(text)]
    without = _FENCE.sub(lambda each: re.sub(r"[^\n]", "x", each[0]), text)
    for each in _INDENTED.finditer(without):
        block = text[each.start() : each.end()]
        if block.strip():
            found.append(
                (each.start(), "sh", "".join(line[4:] or "\n" for line in block.strip("\n").splitlines(True)) + "\n")
            )
    for _, language, block in sorted(found):
        if language in {"sh", "python"}:
            yield Snippet(page, language, block)
