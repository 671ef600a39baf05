"""Alembic runs this for each migration, on the connection and in the transaction of who asked for it."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["part"].version_table,
)
context.run_migrations()
