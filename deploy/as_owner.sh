#!/bin/sh
# Runs `python -m publishing` as whoever owns the project's folder, so that what it publishes is theirs
# and nobody has to say which user that is.
set -eu
owner=$(stat -c '%u:%g' .)
exec setpriv --reuid="${owner%:*}" --regid="${owner#*:}" --clear-groups python -m publishing "$@"
