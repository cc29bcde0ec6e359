#!/bin/sh
# An index that is there keeps the schema of the release that made it, so that is replaced by the one in this image. A
# new index is made with it anyway.
set -eu

if [ ! -d /opt/solr/server/solr/configsets/ckan/conf ]; then
  echo "this image brings no schema in /opt/solr/server/solr/configsets/ckan/conf: is it CKAN's image of Solr?" >&2
  exit 1
fi
if [ -d /var/solr/data/ckan/conf ]; then
  cp -rT /opt/solr/server/solr/configsets/ckan/conf /var/solr/data/ckan/conf
fi
