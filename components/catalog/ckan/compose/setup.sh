#!/bin/bash
# Sets up an empty database, or brings an existing one to this release. Runs before anything else of CKAN runs, through
# run.sh. Every step may be repeated after an interruption. The Job that runs it limits the time.
set -euo pipefail

python3 /run/dmcloud/database.py wait

echo "bringing the database to this release"
ckan db upgrade
# Plugins bring tables of their own.
ckan db pending-migrations --apply

echo "setting the permissions of the DataStore"
ckan datastore set-permissions | python3 /run/dmcloud/database.py permissions

# The DataPusher writes with a token of CKAN's own service user. A new one each time: the old one may have been signed
# with another key, or be of another database.
folder=/var/lib/ckan/.dmcloud
python3 /run/dmcloud/database.py forget-token
rm -rf "$folder"
if [[ "$DATAPUSHER" == true ]]; then
  # CKAN's messages may stand around it; when it makes none, it says why by itself.
  token="$(ckan user token add "$CKAN_SITE_ID" datapusher \
    | grep -oE '[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}' | tail -n 1 || true)"
  if [[ -z "$token" ]]; then
    echo "setup stopped: CKAN made no token for the DataPusher" >&2
    exit 1
  fi
  umask 077
  mkdir "$folder"
  printf '%s\n' "$token" > "$folder/datapusher-token"
fi
echo "the database is ready"
