#!/bin/sh
# Replaces every Triton replica by a new one, one at a time: after a change of image, flags or limits.
# Each new one values homes before an old one is told to stop, so capacity never falls.
set -eu
cd "$(dirname "$0")/.."

replicas() { docker compose ps --quiet triton; }

old=$(replicas)
count=$(echo "$old" | grep -c .) || { echo "No replica runs: docker compose up -d" >&2 && exit 1; }
for replica in $old; do
    docker compose up -d --no-deps --no-recreate --scale "triton=$((count + 1))" --wait triton
    docker stop "$replica" >/dev/null
    docker rm "$replica" >/dev/null
    echo "replaced $(echo "$replica" | cut -c1-12)"
done
docker compose ps triton
