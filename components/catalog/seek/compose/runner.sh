#!/bin/bash
# Runs a Ruby script inside SEEK, against its database. The Job that runs it limits the time and tries again.
set -euo pipefail

cd /seek
# The image is built for SQLite; upstream's start scripts do the same.
cp docker/database.docker.mysql.yml config/database.yml
exec bundle exec rails runner "$1"
