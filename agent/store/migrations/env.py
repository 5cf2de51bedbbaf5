"""Run by alembic for each migration, on the connection that `agent.store.migrate` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
# One transaction over all revisions (SQLite's DDL is transactional where BEGIN is explicit): a kill at any
# moment leaves the old version whole.
context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
