#!/bin/sh
# Makes .venv from a lock file, or says in one line what this machine lacks.
#   ./environment.sh LOCK_FILE     PYTHON=python3.12 chooses an interpreter
set -eu
cd "$(dirname "$0")"
lock=$1

give_up() {
    echo "$1" >&2
    exit 1
}

elsewhere="use \`docker compose up\` instead, which runs everything in containers"

case "$(uname -s) $(uname -m)" in
"Linux x86_64" | "Linux aarch64") ;;
*) give_up "The bundled Triton server runs on Linux x86-64 and aarch64, this is $(uname -s) $(uname -m): $elsewhere." ;;
esac

glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null || echo "no glibc")
case "$glibc" in
"glibc 2."[0-9] | "glibc 2."[0-2][0-9] | "glibc 2.3"[0-4] | "no glibc")
    give_up "The bundled Triton server needs glibc 2.35 or later, this machine has $glibc: $elsewhere."
    ;;
esac

# Prints nothing when an interpreter will do, else what is wrong with it.
complaint() {
    PYTHONDONTWRITEBYTECODE=1 "$1" - 2>/dev/null <<'PYTHON' || echo "$1 does not run"
import importlib.util, sys
minor, packages = sys.version_info.minor, []
if sys.version_info[0] != 3 or not 10 <= minor <= 13:
    print(f"{sys.executable} is Python {sys.version.split()[0]}")
    raise SystemExit
from serving import libpython
if importlib.util.find_spec("ensurepip") is None:
    packages.append(f"python3.{minor}-venv")
if libpython.find() is None:
    # No package of the distribution belongs to a Python that was built by hand.
    if sys.base_prefix != "/usr":
        print(f"{sys.executable} was built without {libpython.NAME}, which Triton needs")
        raise SystemExit
    packages.append(f"libpython3.{minor}")
if packages:
    print(f"{sys.executable} lacks a part that Triton needs: apt-get install {' '.join(packages)}")
PYTHON
}

python="" first=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
    command -v "$candidate" >/dev/null || continue
    wrong=$(complaint "$candidate")
    [ -n "$wrong" ] || { python=$candidate && break; }
    # A package to install is better advice than another interpreter.
    case "$first" in *apt-get*) ;; *) case "$wrong" in *"apt-get"*) first=$wrong ;; *) first=${first:-$wrong} ;; esac ;; esac
done
case "$first" in *apt-get*) advice="." ;; *) advice="; install Python 3.10 to 3.13, or $elsewhere." ;; esac
[ -n "$python" ] || give_up "${first:-No python3 here}$advice"

if [ ! -x .venv/bin/python ] || [ "$("$python" -c 'import sys; print(sys.version_info[:2])')" != \
    "$(.venv/bin/python -c 'import sys; print(sys.version_info[:2])' 2>/dev/null)" ]; then
    echo "Creating .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi

mkdir -p build
total=$(grep -c '^[a-z].*==' "$lock")
echo "Installing up to $total packages from $lock; the first time takes a minute or two"
# pip names each package twice: as it finds it, and as it puts it in place.
{
    .venv/bin/pip install --disable-pip-version-check --no-deps --require-hashes -r "$lock" 2>&1 && status=0 || status=$?
    echo "$status" >build/pip.status
} | tee build/pip.log | awk '
    /^Collecting/ { print "  " ++n ": " $2; fflush() }
    /^Installing collected/ { print "  putting them in place"; fflush() }'
[ "$(cat build/pip.status)" = 0 ] || {
    grep -E '^ERROR|error' build/pip.log >&2 || tail -n 5 build/pip.log >&2
    give_up "Installing failed; everything that pip said is in build/pip.log."
}
