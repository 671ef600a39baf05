"""Schemas as subscribers and senders rely on them: what may change without a new version, and what may not."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
IGNORED = frozenset({"description", "title", "$schema", "$defs", "default"})


def closed(schema: Any) -> Any:
    """The same schema, in which no object has a property that is not named."""
    match schema:
        case {"properties": properties}:
            inner = {name: closed(value) for name, value in schema.items() if name != "properties"}
            return {**inner, "properties": {k: closed(v) for k, v in properties.items()}, "additionalProperties": False}
        case dict():
            return {name: closed(value) for name, value in schema.items()}
        case list():
            return [closed(each) for each in schema]
    return schema


def broken_for_readers(old: Schema, new: Schema) -> list[str]:
    """Where what is sent by `new` can surprise who reads by `old`. New properties and values are no surprise."""
    return list(_broken(old, new, old, new, "", readers=True))


def broken_for_senders(old: Schema, new: Schema) -> list[str]:
    """Where what was sent by `old` may be refused by `new`. New properties are none if they may be left out."""
    return list(_broken(old, new, old, new, "", readers=False))


def _broken(old: Any, new: Any, old_root: Schema, new_root: Schema, at: str, *, readers: bool) -> Any:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{at}: was {old!r}, is {new!r}"
        return
    old_required, new_required = set(old.get("required", ())), set(new.get("required", ()))
    missing = old_required - new_required if readers else new_required - old_required
    yield from (f"{at}/{name}: {'not always there' if readers else 'must be there'} now" for name in sorted(missing))
    for name, value in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{at}/{name}: is gone"
        else:
            yield from _broken(value, new["properties"][name], old_root, new_root, f"{at}/{name}", readers=readers)
    if not set(map(str, old.get("enum", ()))) <= set(map(str, new.get("enum", ()))):
        yield f"{at}: values are gone"
    old_any, new_any = old.get("anyOf", []), new.get("anyOf", [])
    if len(old_any) != len(new_any):
        yield f"{at}: has other alternatives"
    for index, (one, other) in enumerate(zip(old_any, new_any, strict=False)):
        yield from _broken(one, other, old_root, new_root, f"{at}?{index}", readers=readers)
    if "items" in old or "items" in new:
        yield from _broken(old.get("items"), new.get("items"), old_root, new_root, f"{at}[]", readers=readers)
    handled = IGNORED | {"required", "properties", "enum", "anyOf", "items"}
    for keyword in sorted((old.keys() | new.keys()) - handled):
        if old.get(keyword) != new.get(keyword):
            yield f"{at}: {keyword} was {old.get(keyword)!r}, is {new.get(keyword)!r}"


def _resolved(schema: Any, root: Schema) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema
