"""Values that Typer need not convert: it would import pydantic to pass a string unchanged, which takes longer than
printing help."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import Any, get_args


class PlainValue:
    """Passes strings, flags and members of enumerations unchanged; Typer converts all others."""

    def __init__(self, annotation: Any) -> None:
        inner = get_args(annotation)
        self._type = inner[0] if len(inner) == 1 else annotation

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> Any:
        many = param.multiple or param.nargs == -1
        if value is None:
            return () if many else None
        values = value if many and isinstance(value, (list, tuple)) else [value]
        if (many and isinstance(value, str)) or not all(self._is_plain(each) for each in values):
            from typer._coercion import build_runtime_param

            return build_runtime_param(param.type_descriptor).coerce(value, param=param, ctx=ctx)
        return list(values) if many else value

    def _is_plain(self, value: Any) -> bool:
        plain = self._type in (str, bool) or (isinstance(self._type, type) and issubclass(self._type, Enum))
        return plain and isinstance(value, self._type)


def _type_of_each(display_type: Callable[[Any], str], ctx: Any) -> str:
    """Return the type of one value instead of the list's, for the help: `<str>` for `<list[str]>`."""
    shown = display_type(ctx)
    return shown.replace("<list[", "<").removesuffix("]>") + ">" if shown.startswith("<list[") else shown


def take_as_they_are(params: Iterable[Any]) -> list[Any]:
    """Make these parameters of a command take plain values without a conversion, and show the type of each value."""
    found = list(params)
    for param in found:
        descriptor = getattr(param, "type_descriptor", None)
        if descriptor is None:
            continue
        if descriptor.parameter_info.parser is None:
            param._runtime_param = PlainValue(descriptor.annotation)
        if descriptor.is_list and "display_type" not in vars(param):
            param.display_type = partial(_type_of_each, param.display_type)
    return found
