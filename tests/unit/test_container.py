"""What the container opens, and closes again."""

from __future__ import annotations

from pathlib import Path

import pytest

from access_policy.container import Container, Opened
from access_policy.settings import Settings


def files(directory: Path) -> set[str]:
    return {str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file()}


async def test_closing_a_container_makes_nothing_in_order_to_close_it(tmp_path: Path) -> None:
    container = Container(settings=Settings(data=tmp_path))
    container.store()
    container.vault()
    opened = files(tmp_path)

    await container.opened().close()

    assert {name.partition("-")[0] for name in files(tmp_path)} <= {name.partition("-")[0] for name in opened}
    assert "vault.sqlite" in opened
    assert "idempotency.sqlite" not in files(tmp_path)


async def test_closing_goes_on_after_a_part_that_cannot_be_closed_and_closes_the_latest_first() -> None:
    closed: list[str] = []

    class Part:
        def __init__(self, name: str) -> None:
            self._name = name

        async def close(self) -> None:
            closed.append(self._name)
            if self._name == "broken":
                raise OSError("the disk is gone")

    opened = Opened()
    for name in ("first", "broken", "last"):
        opened.add(Part(name))

    with pytest.raises(OSError, match="the disk is gone"):
        await opened.close()

    assert closed == ["last", "broken", "first"]
