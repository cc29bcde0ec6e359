#!/bin/bash
# Makes CKAN's databases and their users. The postgres image runs it once, when it has made an empty server:
# https://github.com/docker-library/docs/blob/master/postgres/README.md#initialization-scripts
# What each may do: https://docs.ckan.org/en/2.11/maintaining/datastore.html#set-up-the-database
#
# The image runs it inside its own script, so it leaves the options of the shell alone; psql stops at the first error.
# The passwords are on no command line; psql reads them from the environment, and quotes them.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" << 'END'
\getenv database_password DATABASE_PASSWORD
\getenv reader_password READER_PASSWORD
CREATE ROLE ckan LOGIN PASSWORD :'database_password';
CREATE ROLE datastore_reader LOGIN PASSWORD :'reader_password';
CREATE DATABASE ckan OWNER ckan ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE datastore OWNER ckan ENCODING 'UTF8' TEMPLATE template0;
-- People's queries run as datastore_reader: it gets nowhere near users and passwords.
REVOKE CONNECT, TEMPORARY ON DATABASE ckan FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
END
