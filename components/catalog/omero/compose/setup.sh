#!/bin/bash
# Sets up an empty database, or brings an existing one to this release. Runs in the server's image before the server
# does. Every step may be repeated after an interruption. The Job that runs it limits the time.
# shellcheck disable=SC2154 # the variables are of the environment
set -euo pipefail

fail() {
  printf 'setup stopped: %s\n' "$1" >&2
  exit 1
}

# shellcheck source=/dev/null
source /opt/omero/server/venv3/bin/activate
cd /opt/omero/server

# As a variable the password is not on any command line.
export PGPASSWORD="$CONFIG_omero_db_pass"
database() {
  psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 \
    --host="$CONFIG_omero_db_host" --username="$CONFIG_omero_db_user" --dbname="$CONFIG_omero_db_name" "$@"
}

echo "waiting for PostgreSQL at $CONFIG_omero_db_host"
deadline=$((SECONDS + 600))
until answer="$(database --command="SELECT 1" 2>&1)"; do
  if ((SECONDS >= deadline)); then
    fail "PostgreSQL at $CONFIG_omero_db_host does not let the user $CONFIG_omero_db_user in after 10 minutes: $answer.
Look at the log of the service $CONFIG_omero_db_host. When the password is wrong, the database was made with another
one: bring back the secret database-password of that time, or set the user's password in PostgreSQL to the present one."
  fi
  sleep 2
done

# An assignment, not a condition: a query that fails must end the script, not count as 0.
tables="$(database --command="SELECT count(*) FROM information_schema.tables
  WHERE table_schema = 'public' AND table_name = 'dbpatch'")"

# The tools take the database from OMERO's configuration.
/startup/50-config.py

if ((tables > 0)); then
  echo "upgrading the database"
  omego db upgrade --serverdir=OMERO.server
  echo "the database is upgraded"
  exit
fi

echo "setting up an empty database"
# One transaction, so an interrupted attempt leaves nothing. OMERO takes root's password on a command line only, which
# nobody but this container sees; it is in the script as a hash.
script="$(mktemp)"
omero db script --password "$ROOTPASS" --file "$script"
database --file="$script" > /dev/null
rm "$script"
echo "the database is set up"
