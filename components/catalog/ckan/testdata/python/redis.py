"""Stands for redis: its workers are the files in $STATE/workers, each with the name of its host."""

import os

FOLDER = os.path.join(os.environ["STATE"], "workers")


class Redis:
    """A server with what python-rq keeps in it."""

    def __init__(self, host, db, password, socket_timeout):
        assert (host, db, password) == ("redis", 1, os.environ["REDIS_PASSWORD"]) and socket_timeout > 0

    def smembers(self, key):
        """Lists the workers."""
        assert key == "rq:workers"
        return {name.encode() for name in os.listdir(FOLDER)}

    def hget(self, key, field):
        """Tells the host of a worker; nothing when it has expired."""
        assert field == "hostname"
        with open(os.path.join(FOLDER, key.decode()), "rb") as host:
            return host.read() or None
