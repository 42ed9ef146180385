# Words shared by the scripts: places, messages, locks, packages.

checkout=$(cd "$here/.." && pwd)
instances=${SWITCHYARD_LAB_DIR:-$checkout/.lab}
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/switchyard/lab

say() { echo "lab: $*" >&2; }
fail() { echo "lab: $*" >&2; exit 1; }
fail_usage() { echo "lab: $* (see lab/server --help)" >&2; exit 2; }

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "this needs root or sudo: $*"
    fi
}

# Runs a function while no other process of this user runs one under the same name. Servers started
# inside must close descriptor 9, or they would keep the lock for as long as they live.
with_lock() {
    local name=$1; shift
    mkdir -p "$cache"
    (
        exec 9>"$cache/.$name.lock"
        flock 9
        "$@"
    )
}

# need_packages PACKAGE…: installs those Debian packages that the machine lacks.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    as_root apt-get -qq update >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "could not install ${missing[*]}"
}

# need_npm PACKAGE…: keeps those npm packages under the cache, without running any script of theirs.
need_npm() { with_lock npm need_npm_locked "$@"; }

need_npm_locked() {
    local missing=() package
    for package in "$@"; do
        [ -f "$cache/npm/node_modules/${package%@*}/package.json" ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v npm >/dev/null || need_packages npm
    say "downloading ${missing[*]} from npm"
    mkdir -p "$cache/npm"
    npm install --prefix "$cache/npm" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error "${missing[@]}" >/dev/null ||
        fail "npm could not download ${missing[*]}"
}
