"""The pictures of a page of the console, as far as a tour has taken them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.site.screenshots import missing, pictures


def tour_with(directory: Path, *names: str) -> Path:
    for name in names:
        (directory / f"{name}.png").touch()
    return directory


def classes(tour: Path, name: str) -> dict[str, list[str]]:
    return {path.name: given for path, given in pictures(tour, name)}


def test_pictures_of_a_full_tour_have_a_width_and_a_theme_each(tmp_path: Path) -> None:
    tour = tour_with(tmp_path, "board-1280-light", "board-1280-dark", "board-390-light")

    assert classes(tour, "board") == {
        "board-1280-light.png": ["only-light", "desk"],
        "board-1280-dark.png": ["only-dark", "desk"],
        "board-390-light.png": ["phone"],
    }


@pytest.mark.parametrize("look", ["1280-light", "1280-dark", "390-light"])
def test_picture_of_a_short_tour_is_shown_at_each_width_and_in_each_theme(tmp_path: Path, look: str) -> None:
    tour = tour_with(tmp_path, f"board-{look}")

    assert classes(tour, "board") == {f"board-{look}.png": ["any-width"]}


def test_pictures_of_a_longer_name_belong_to_another_page(tmp_path: Path) -> None:
    tour = tour_with(tmp_path, "board-day-1280-light")

    assert classes(tour, "board") == {}


def test_missing_names_each_picture_that_a_page_shows_and_the_tour_does_not_have(tmp_path: Path) -> None:
    tour = tour_with(tmp_path, "board-1280-light")
    page = "".join(f"```{{screenshot}} {name}\nA caption.\n```\n" for name in ("reports", "board", "charger"))
    (tmp_path / "guide.md").write_text(page, "utf-8")

    assert missing(tmp_path, tour) == ["charger", "reports"]
