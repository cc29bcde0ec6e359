#!/bin/bash
# Runs a program of CKAN with its addresses and keys. CKAN takes passwords only as parts of addresses, and its keys only
# from its configuration; both are made here, and no command line ever has them.
set -euo pipefail
umask 077

writer="ckan:$DATABASE_PASSWORD"
reader="datastore_reader:$READER_PASSWORD"
export CKAN_SQLALCHEMY_URL="postgresql://$writer@db/ckan"
export CKAN_DATASTORE_WRITE_URL="postgresql://$writer@db/datastore"
export CKAN_DATASTORE_READ_URL="postgresql://$reader@db/datastore"
queue=":$REDIS_PASSWORD"
export CKAN_REDIS_URL="redis://$queue@redis:6379/1"

# setup.sh makes it; a CKAN with the plugin datapusher does not start without any.
token=none
if [[ -s /var/lib/ckan/.dmcloud/datapusher-token ]]; then
  token="$(< /var/lib/ckan/.dmcloud/datapusher-token)"
fi

# A copy of the configuration in the image, in which these settings are the only ones of their names.
keys=/run/ckan/keys.ini
cat > "$keys" << END
ckan.plugins = $CKAN__PLUGINS
ckan.datapusher.api_token = $token
SECRET_KEY = $SESSION_KEY
WTF_CSRF_SECRET_KEY = $SESSION_KEY
SESSION_COOKIE_SECURE = true
api_token.jwt.encode.secret = string:$TOKEN_KEY
api_token.jwt.decode.secret = string:$TOKEN_KEY
END
edit=()
while IFS= read -r line; do
  name="${line%% = *}"
  edit+=(-e "/^${name//./\\.}[ \t]*=/d")
done < "$keys"
sed "${edit[@]}" -e "/^\[app:main\]/r $keys" /srv/app/ckan.ini > /run/ckan/ckan.ini
if ! grep -q '^SECRET_KEY = .' /run/ckan/ckan.ini; then
  echo "the image has no section [app:main] in /srv/app/ckan.ini: is it an image of CKAN?" >&2
  exit 1
fi
rm "$keys"
export CKAN_INI=/run/ckan/ckan.ini

cd /srv/app
exec "$@"
