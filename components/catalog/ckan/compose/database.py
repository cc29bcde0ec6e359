"""Asks CKAN's databases what its own commands cannot say, or say in words only. Runs through run.sh.

wait            until the database lets CKAN in
permissions     sets those of the DataStore, from `ckan datastore set-permissions` on standard input
forget-token    removes the token of the DataPusher
administrators  prints how many sysadmins there are besides CKAN's own service user
users NAME      prints how many users have this name
"""

import os
import sys
import time

import psycopg2

# In seconds. More than a database takes that recovers from a crash; the Job tries again.
PATIENCE = 600


def connect(variable):
    """Connects to the address in a variable; what is done is committed at the end of a with statement."""
    return psycopg2.connect(os.environ[variable], connect_timeout=10)


def wait():
    """Waits for both databases."""
    deadline = time.monotonic() + PATIENCE
    for variable in ("CKAN_SQLALCHEMY_URL", "CKAN_DATASTORE_WRITE_URL", "CKAN_DATASTORE_READ_URL"):
        while True:
            try:
                connect(variable).close()
                break
            except psycopg2.OperationalError as error:
                if time.monotonic() >= deadline:
                    sys.exit(
                        f"setup stopped: PostgreSQL does not let CKAN in after 10 minutes: {error}"
                        "Look at the log of the service db. When a password is wrong, the database was made with "
                        "another one: bring back the secrets of that time, or set the passwords of the users ckan and "
                        "datastore_reader in PostgreSQL to the present ones."
                    )
                time.sleep(2)


def permissions():
    """Runs the script that CKAN prints, which is meant for psql; the image has none."""
    _, connects, script = sys.stdin.read().partition("\\connect")
    if not connects:
        sys.exit("setup stopped: CKAN printed no permissions of the DataStore")
    # The rest of the line names the database, which is the one at the address.
    script = script.partition("\n")[2]
    with connect("CKAN_DATASTORE_WRITE_URL") as connection, connection.cursor() as cursor:
        cursor.execute(script)


def ask(query, *values):
    """Runs a query in CKAN's database and returns the first column of its first row, if any."""
    with connect("CKAN_SQLALCHEMY_URL") as connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0] if cursor.description else None


def main(command, *arguments):
    """Does what the first argument says."""
    site = os.environ["CKAN_SITE_ID"]
    if command == "wait":
        wait()
    elif command == "permissions":
        permissions()
    elif command == "forget-token":
        ask(
            "DELETE FROM api_token USING \"user\" WHERE api_token.user_id = \"user\".id AND \"user\".name = %s"
            " AND api_token.name = 'datapusher'",
            site,
        )
    elif command == "administrators":
        print(ask("SELECT count(*) FROM \"user\" WHERE sysadmin AND state = 'active' AND name <> %s", site))
    elif command == "users":
        print(ask('SELECT count(*) FROM "user" WHERE name = %s', *arguments))
    else:
        sys.exit(f"unknown command {command}")


if __name__ == "__main__":
    main(*sys.argv[1:])
