"""Stands for psycopg2: keeps what it is asked to run in $STATE/sql, and answers from $STATE/answer."""

import os

STATE = os.environ["STATE"]


class OperationalError(Exception):
    """What psycopg2 raises when there is no connection."""


class Cursor:
    """A cursor that knows one answer."""

    def __init__(self, address):
        self.address = address
        self.description = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def execute(self, query, values=()):
        """Keeps the query, with the name of the database instead of the address: that has a password."""
        with open(f"{STATE}/sql", "a", encoding="utf-8") as log:
            log.write(f"{self.address.rpartition('/')[2]}: {query} {list(values)}\n")
        self.description = query.startswith("SELECT") or None

    def fetchone(self):
        """Answers."""
        with open(f"{STATE}/answer", encoding="utf-8") as answer:
            return [int(answer.read())]


class Connection:
    """A connection that is always there."""

    def __init__(self, address):
        self.address = address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def cursor(self):
        """Makes a cursor."""
        return Cursor(self.address)

    def close(self):
        """Does nothing."""


def connect(address, connect_timeout):
    """Connects, unless there is $STATE/down."""
    assert connect_timeout > 0
    if os.path.exists(f"{STATE}/down"):
        raise OperationalError("password authentication failed\n")
    return Connection(address)
