#!/bin/bash
# Makes the first sysadmin; does nothing once there is one. What an interrupted attempt leaves is completed by the next
# one: nobody can have registered meanwhile, as the route opens after this. Runs through run.sh.
set -euo pipefail

# Assignments, not conditions: a query that fails must end the script, not count as 0.
administrators="$(python3 /run/dmcloud/database.py administrators)"
if ((administrators > 0)); then
  echo "there are sysadmins already"
  exit
fi

users="$(python3 /run/dmcloud/database.py users "$ADMINISTRATOR_LOGIN")"
if ((users == 0)); then
  # CKAN asks for the password twice when it is not on the command line.
  if ! printf '%s\n%s\n' "$ADMINISTRATOR_PASSWORD" "$ADMINISTRATOR_PASSWORD" \
    | ckan user add "$ADMINISTRATOR_LOGIN" "email=$ADMINISTRATOR_EMAIL" "fullname=$ADMINISTRATOR_NAME"; then
    echo "CKAN does not accept the administrator. Correct the administrator in the stack file, then deploy again." >&2
    exit 1
  fi
fi
ckan sysadmin add "$ADMINISTRATOR_LOGIN"
echo "created the administrator"
