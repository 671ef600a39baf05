"""The named contexts in the user's configuration directory, each with the address and token of a service.

Only the user can read and write the file (mode 0600).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

FIELDS = ("url", "token", "ca", "time_zone")


class ContextsUnreadable(Exception):
    """The file does not have the format that this program writes."""


class Contexts:
    """The stored contexts. `by_name`: the values of global options by context."""

    def __init__(self, current: str | None = None, by_name: dict[str, dict[str, str]] | None = None) -> None:
        self.current = current
        self.by_name = by_name or {}


def place() -> Path:
    """Return the file in the directory that `typer.get_app_dir` names; completion reads it without Typer."""
    if sys.platform == "win32":
        directory = os.environ.get("APPDATA", os.path.expanduser("~"))
    elif sys.platform == "darwin":
        directory = os.path.expanduser("~/Library/Application Support")
    else:
        directory = os.environ.get("XDG_CONFIG_HOME", os.path.expanduser("~/.config"))
    return Path(directory, "access-policy", "contexts.json")


def read() -> Contexts:
    """Read the contexts. Raises `ContextsUnreadable`."""
    try:
        found: dict[str, Any] = json.loads(place().read_text("utf-8"))
        return Contexts(found["current"], {str(name): dict(each) for name, each in found["by_name"].items()})
    except FileNotFoundError:
        return Contexts()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContextsUnreadable(f"{place()} cannot be read ({error}); repair or delete it") from error


def write(contexts: Contexts) -> None:
    """Replace the file atomically, so that an interrupted command leaves the old one. Raises `OSError`."""
    from uuid import uuid4

    path = place()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid4().hex}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"current": contexts.current, "by_name": contexts.by_name}, file, indent=2)
    draft.replace(path)
