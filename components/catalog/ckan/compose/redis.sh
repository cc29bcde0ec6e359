#!/bin/sh
# Starts Redis with its configuration on standard input, so that the password is on no command line and in no file. It
# refuses more when it is full: throwing something out, as caches do, would lose jobs.
set -eu

exec redis-server - <<END
dir /data
appendonly yes
requirepass $REDIS_PASSWORD
maxmemory $REDIS_MAXMEMORY
maxmemory-policy noeviction
END
