#!/bin/bash
# Sets up an empty database, or brings an existing one to this release. Runs in the SEEK image, before anything else of
# SEEK runs. Every step may be repeated after an interruption. The Job that runs it limits the time.
set -euo pipefail

cd /seek

fail() {
  printf 'setup stopped: %s\n' "$1" >&2
  exit 1
}

# As a variable the password is not on any command line.
export MYSQL_PWD="$MYSQL_PASSWORD"

query() {
  mysql --host="$MYSQL_HOST" --user="$MYSQL_USER" --batch --skip-column-names --execute="$1" "$MYSQL_DATABASE"
}

echo "waiting for MySQL at $MYSQL_HOST"
deadline=$((SECONDS + 600))
until answer="$(query "SELECT 1" 2>&1)"; do
  if ((SECONDS >= deadline)); then
    fail "MySQL at $MYSQL_HOST does not let the user $MYSQL_USER in after 10 minutes: $answer. Look at the log of the
service $MYSQL_HOST. When access is denied, the database was made with another password: bring back the secret
mysql-password of that time, or set the user's password in MySQL to the present one."
  fi
  sleep 2
done

# Assignments, not conditions: a query that fails must end the script, not count as 0.
schema="$(query "SELECT COUNT(*) FROM information_schema.tables
  WHERE table_schema = DATABASE() AND table_name = 'users'")"

# There as long as the first setup has not succeeded: the schema alone does not tell whether the seeds are in.
incomplete=filestore/.setup-incomplete

if ((schema == 0)); then
  state=empty
elif [[ -e "$incomplete" ]]; then
  state=interrupted
  # Loading the schema empties all tables, so only where nobody has been yet.
  users="$(query "SELECT COUNT(*) FROM users")"
  if ((users > 0)); then
    fail "the first setup did not complete, yet the database has $users users. If they are wanted, remove
$incomplete from the volume filestore; if not, empty the database $MYSQL_DATABASE. Then deploy again."
  fi
else
  state=existing
  if [[ ! -s filestore/attr_encrypted/key ]]; then
    fail "the database is in use, but the volume filestore lacks the files that belong to it, such as
attr_encrypted/key. Restore them from the backup of the same time, then deploy again. If they are lost for good, write
32 letters and digits into attr_encrypted/key: SEEK then starts without the files and the secrets among its settings."
  fi
fi

# seed NAME SECRET puts a key into the filestore, where SEEK looks for it, unless there is one: with another key, what
# the old one encrypted is lost.
seed() {
  local folder="filestore/$1" secret="/run/secrets/$2" fresh
  if [[ -s "$folder/key" ]]; then
    echo "keeping the key $1 of the filestore"
    return
  fi
  if [[ ! -e "$secret" || -z "$(tr -d '\r\n' < "$secret")" ]]; then
    fail "the secret $2 is empty or missing. Give it a value, then deploy again."
  fi
  mkdir -p "$folder"
  rm -f "$folder"/.key.*
  fresh="$(umask 077 && mktemp "$folder/.key.XXXXXX")"
  # Without the line break that some secret stores add: SEEK reads the file as it is.
  tr -d '\r\n' < "$secret" > "$fresh"
  chmod 0600 "$fresh"
  mv "$fresh" "$folder/key"
  echo "seeded the key $1"
}

seed secret_key_base secret-key-base
seed attr_encrypted attr-encrypted-key

case "$state" in
  empty)
    echo "setting up an empty database"
    touch "$incomplete"
    ;;
  interrupted)
    echo "repeating the interrupted setup"
    # Rails guards the tables of a production database otherwise.
    export DISABLE_DATABASE_ENVIRONMENT_CHECK=1
    ;;
  existing)
    echo "upgrading the database"
    bash docker/upgrade.sh
    echo "the database is upgraded"
    exit
    ;;
esac

cp docker/database.docker.mysql.yml config/database.yml
bundle exec rake db:setup
rm "$incomplete"
echo "the database is set up"
