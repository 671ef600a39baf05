"""The repository keeps its promises: decisions on record, locks without addresses, a plain domain."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import zoneinfo
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ADR_HEADINGS = ["Context", "Decision", "Consequences", "Roads not taken"]
GLOSSARY_WORDS = {
    "tenant", "depot", "charger", "access mode", "freevend", "managed access", "mode rule", "baseline mode",
    "exception", "override", "timeline", "segment", "cause", "expected mode", "applied mode", "drift",
    "vehicle", "access class", "agreement", "identifier", "pseudonym", "masked form", "access attempt",
    "access decision", "allowed", "denied", "refused", "reason", "lineage", "valid until", "denial signal",
    "capability profile", "mode control", "enforcement", "fault", "session", "event", "stream", "command",
    "read model",
}  # fmt: skip
MACHINE_PATH = re.compile(rb"(?<![\w.-])/(?:work|root|home|Users)/[\w.-]")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def requirements(lock: Path) -> list[str]:
    """Each requirement of a lock as one line, its hashes included."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def pinned(lock: Path) -> dict[str, str]:
    return dict(line.split()[0].split("==", 1) for line in requirements(lock))


def imported_modules(source: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {name.name for name in names}
            case ast.ImportFrom(module=str(module)):
                found.add(module)
    return found


def test_the_numbers_of_decisions_have_no_hole() -> None:
    numbers = [int(adr.name.split("-", 1)[0]) for adr in ADRS]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("adr", ADRS, ids=lambda adr: adr.stem)
def test_a_decision_has_its_number_a_status_and_the_four_headings(adr: Path) -> None:
    text = adr.read_text(encoding="utf-8")

    assert text.startswith(f"# {adr.name.split('-', 1)[0]}: ")
    assert re.search(r"^Status: (accepted|proposed|replaced by \d{4})$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ADR_HEADINGS


def test_there_is_a_lock_for_running_showing_developing_and_benchmarking() -> None:
    assert {"runtime.txt", "demo.txt", "dev.txt", "bench.txt"} <= {lock.name for lock in LOCKS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_has_hashes_for_everything_and_no_addresses(lock: Path) -> None:
    lines = requirements(lock)

    assert lines
    assert [line for line in lines if not HASH.search(line)] == []
    assert [line for line in lines if not re.match(r"[\w.-]+==[\w.!+]+ ", line)] == []
    assert not re.search(r"://|^\s*-(?!-hash)|@|file:", lock.read_text(encoding="utf-8"), re.MULTILINE)


def test_a_larger_lock_has_all_of_the_smaller_one_in_the_same_versions() -> None:
    runtime, demo, dev, bench = (
        pinned(ROOT / f"requirements/{name}.txt") for name in ("runtime", "demo", "dev", "bench")
    )

    assert runtime.items() <= demo.items() <= dev.items() <= bench.items()


def test_no_tracked_file_names_a_path_of_a_machine() -> None:
    naming = [path for path in tracked_files() if MACHINE_PATH.search(path.read_bytes())]

    assert [str(path.relative_to(ROOT)) for path in naming] == []


def test_the_glossary_explains_every_word_once() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", glossary, re.MULTILINE)
    words = [word for word, _ in rows if word != "word"]

    assert sorted(GLOSSARY_WORDS - set(words)) == []
    assert len(words) == len(set(words))
    assert [word for word, meaning in rows if not meaning] == []


def test_the_domain_imports_the_standard_library_dateutil_and_itself() -> None:
    allowed = sys.stdlib_module_names | {"dateutil"}
    foreign = {
        f"{source.relative_to(ROOT)}: {module}"
        for source in (ROOT / "src/access_policy/domain").rglob("*.py")
        for module in imported_modules(source)
        if module.split(".")[0] not in allowed and not module.startswith("access_policy.domain")
    }

    assert foreign == set()


def test_zone_rules_come_from_the_pinned_package_only() -> None:
    importlib.import_module("access_policy")

    assert zoneinfo.TZPATH == ()
    assert metadata.version("tzdata") == pinned(ROOT / "requirements/runtime.txt")["tzdata"]


def test_each_line_of_the_seed_matrix_names_tests_that_exist_or_says_why_it_is_open() -> None:
    rows = re.findall(
        r"^\| (\S+) \| .+ \| (?:CORE|EDGE) \| (.+) \|$", (ROOT / "docs/seed-matrix.md").read_text("utf-8"), re.M
    )
    named = [(line, test) for line, shown in rows for test in re.findall(r"`(tests/[^`]+)`", shown)]
    unknown = [f"{line}: {test}" for line, test in named if not _is_a_test(test)]

    assert unknown == []
    assert [line for line, shown in rows if "`tests/" not in shown and not shown.startswith("open: ")] == []
    assert len({line for line, _ in rows}) == len(rows) == 172, (
        "the lines of seeds 000 to 004 that concern this service"
    )


def _is_a_test(named: str) -> bool:
    file, _, name = named.partition("::")
    return (ROOT / file).is_file() and re.search(rf"def {name}\(", (ROOT / file).read_text("utf-8")) is not None
