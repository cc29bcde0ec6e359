#!/bin/bash
# Starts OMERO.server as the image does, without its database script: that is setup.sh's. What an image that extends
# upstream's has added is run too.
set -euo pipefail

# shellcheck source=/dev/null
source /opt/omero/server/venv3/bin/activate
cd /opt/omero/server
for script in /startup/*; do
  if [[ "$script" == /startup/60-database.sh || ! -f "$script" || ! -x "$script" ]]; then
    continue
  fi
  echo "running $script"
  # The last one becomes the server and ends with it.
  "$script"
done
