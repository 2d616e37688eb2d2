"""Alembic's entry: the connection is handed in by `outreach.store.migrate`."""

from alembic import context

from outreach.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, compare_server_default=True
)
with context.begin_transaction():
    context.run_migrations()
