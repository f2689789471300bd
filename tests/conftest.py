"""Fixtures that all tests may use: one real PostgreSQL and one real nats-server a session."""

pytest_plugins = ["support.postgres", "support.nats"]
