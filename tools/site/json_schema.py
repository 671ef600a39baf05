"""JSON Schemas in words and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

VALUES_MAX: Final = 4  # in a separate cell

Schema = Mapping[str, Any]
Anchor = Callable[[str], str]
"""Return the anchor of a shape by its name."""


def shapes(named: Mapping[str, Schema], anchor: Anchor, *, marked: bool = True) -> Iterator[str]:
    """Yield a heading, which sidebars do not list, and the fields or the values of each shape, sorted by name."""
    for name, shape in sorted(named.items()):
        yield f"```{{rubric}} {name}\n:name: {anchor(name)}\n:heading-level: 2\n```\n"
        if text := shape.get("description"):
            yield f"{escaped(text)}\n"
        yield from fields(shape, anchor, marked=marked) if "properties" in shape else [f"{in_words(shape, anchor)}\n"]


def fields(shape: Schema, anchor: Anchor, *, marked: bool = True) -> Iterator[str]:
    """Yield a table of the fields; required ones are `marked` unless all of them are always present."""
    required = set(shape.get("required", ())) if marked else set()
    yield "| field | type | meaning |\n|---|---|---|"
    for field, each in shape["properties"].items():
        mark = " (required)" if field in required else ""
        kind, meaning = in_words(each, anchor), cell(each.get("description", ""))
        if kind.count("`") > 2 * VALUES_MAX:  # a list of values would leave no room for the meaning
            kind, meaning = (
                "string or null" if kind.endswith(" or null") else "string",
                f"{meaning}. One of: {kind.removesuffix(' or null')}".lstrip(". "),
            )
        yield f"| `{field}`{mark} | {kind} | {meaning} |"
    yield ""


def in_words(schema: Schema, anchor: Anchor) -> str:
    """Return the type in words, with a link to a shape that has a name."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{anchor(name)})"
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"anyOf": several} | {"oneOf": several}:
            return " or ".join(dict.fromkeys(in_words(each, anchor) for each in several))
        case {"type": "array", "items": items}:
            return f"list of {in_words(items, anchor)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"object with values: {in_words(values, anchor)}"
        case {"type": str(kind)}:
            return f"{kind} ({schema['format']})" if "format" in schema else kind
    return "any" if schema == {} or "type" not in schema else str(schema["type"])


def escaped(text: str) -> str:
    return text.replace("<", "\\<")


def cell(text: str) -> str:
    return escaped(" ".join(text.split())).replace("|", "\\|")
