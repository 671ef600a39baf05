"""docs/architecture.md shows the imports of the code."""

from __future__ import annotations

from pathlib import Path

from tools.documents.architecture import document, imports

ROOT = Path(__file__).parents[2]


def test_architecture_document_is_what_make_docs_would_write() -> None:
    assert (ROOT / "docs/architecture.md").read_text(encoding="utf-8") == document(), "run `make docs`"


def test_imports_of_a_source_tree_are_edges_between_packages(tmp_path: Path) -> None:
    relay = tmp_path / "access_policy/application/relay"
    relay.mkdir(parents=True)
    (relay / "relay.py").write_text(
        "import msgspec\n"
        "from access_policy.application.relay.pace import Pace\n"
        "from access_policy.application.follower import Follower\n"
        "def late():\n    from access_policy.domain.ids import TenantId\n"
    )

    assert imports(tmp_path) == {("application.relay", "application.follower"), ("application.relay", "domain")}
