#!/bin/bash
# Makes OMERO's database and its user. The postgres image runs it once, when it has made an empty server:
# https://github.com/docker-library/docs/blob/master/postgres/README.md#initialization-scripts
#
# The image runs it inside its own script, so it leaves the options of the shell alone; psql stops at the first error.
# The password is on no command line; psql reads it from the environment, and quotes it.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" << 'END'
\getenv database_password DATABASE_PASSWORD
CREATE ROLE omero LOGIN PASSWORD :'database_password';
CREATE DATABASE omero OWNER omero ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT, TEMPORARY ON DATABASE omero FROM PUBLIC;
END
