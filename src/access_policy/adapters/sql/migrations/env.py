"""Alembic runs this for each migration, on the caller's connection and in its transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["part"].version_table,
)
context.run_migrations()
