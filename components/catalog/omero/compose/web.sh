#!/bin/bash
# Starts OMERO.web as the image does, with sessions in Redis. OMERO.web takes the password only as part of an address.
set -euo pipefail

login=":$REDIS_PASSWORD"
CONFIG_omero_web_caches="$(cat << END
{"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://$login@redis:6379/0"}}
END
)"
export CONFIG_omero_web_caches

exec /usr/local/bin/entrypoint.sh
