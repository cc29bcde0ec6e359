#!/bin/sh
# Copies Solr's configuration out of the SEEK image, to where Solr makes a new index from it. An index that is there
# keeps the configuration of the release that made it, so that is replaced too; the upgrade queues everything for
# indexing.
set -eu

if [ ! -d /seek/solr/seek/conf ]; then
  echo "this SEEK image brings no configuration of Solr in /seek/solr/seek/conf: is it an image of SEEK?" >&2
  exit 1
fi
cp -rT /seek/solr/seek/conf /configuration/conf
if [ -d /var/solr/data/seek/conf ]; then
  cp -rT /seek/solr/seek/conf /var/solr/data/seek/conf
fi
