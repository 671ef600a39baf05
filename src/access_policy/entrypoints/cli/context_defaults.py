"""Takes global options that neither the command line nor the environment sets from the context in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer._click.core import ParameterSource

from access_policy.entrypoints.cli import saved_contexts

GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def with_context(root: Any, ctx: Any, line: Sequence[str]) -> None:
    """Make the values of the chosen context the defaults of the global options. An unknown context is a usage error."""
    option = next(param for param in root.params if param.name == "context")
    given, _, _ = root.make_parser(ctx).parse_args(args=list(line)) if "--context" in " ".join(line) else ({}, [], [])
    chosen = option.consume_value(ctx, given)[0]
    try:
        contexts = saved_contexts.read()
    except saved_contexts.ContextsUnreadable as error:
        if not ctx.resilient_parsing:
            ctx.fail(str(error))
        return
    name = chosen or contexts.current
    if name is None:
        return
    if name not in contexts.by_name:
        if chosen and not ctx.resilient_parsing:
            ctx.fail(f"context {name} is unknown; known: {', '.join(sorted(contexts.by_name)) or 'none'}")
        return
    ctx.default_map = contexts.by_name[name]


def without_token_of_others(ctx: Any) -> None:
    """Send a context's token only to the context's own service, and never if a tenant was named."""
    if ctx.get_parameter_source("token") is not ParameterSource.DEFAULT_MAP:
        return
    if any(ctx.get_parameter_source(name) in GIVEN for name in ("url", "tenant")):
        ctx.params["token"] = None
