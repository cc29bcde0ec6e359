"""Succeeds when Redis has heard from the worker of this instance lately.

A worker tells Redis that it lives between jobs and during each; what it has told expires,
https://python-rq.org/docs/workers/. Asks Redis only: CKAN's own commands take seconds to start.
"""

import os
import socket
import sys

import redis

queue = redis.Redis(host="redis", db=1, password=os.environ["REDIS_PASSWORD"], socket_timeout=5)
here = socket.gethostname().encode()
for worker in queue.smembers("rq:workers"):
    if queue.hget(worker, "hostname") == here:
        sys.exit()
sys.exit("Redis has not heard from the worker")
