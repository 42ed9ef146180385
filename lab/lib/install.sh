# Where server programs come from. Nothing is added to the machine's own package sources, and no service is
# installed: packages are downloaded through private lists and unpacked into a prefix of their own.

# debian_prefix [--alone] PREFIX SUITE PACKAGE…: unpacks the packages of a Debian release, with all they depend on, or alone.
debian_prefix() (
    local alone=
    [ "$1" = --alone ] && { alone=1; shift; }
    local prefix=$1 suite=$2; shift 2
    local work uri deb
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | head -n 1 || true)
    [ -n "$uri" ] || fail "no Debian mirror in this machine's apt configuration (apt-get indextargets names none)"
    say "downloading $* from Debian $suite"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    : >"$work/status"
    # A mirror may be a snapshot past its date; signatures are checked all the same.
    # What the machine does after its own updates is about its own packages.
    printf '#clear %s;\n' APT::Update::Post-Invoke APT::Update::Post-Invoke-Success DPkg::Post-Invoke >"$work/apt.conf"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main" >"$work/sources"
    local apt=(apt-get -qq
        -oDir::Etc::sourcelist="$work/sources" -oDir::Etc::sourceparts=- -oDir::State="$work"
        -oDir::State::Lists="$work/lists" -oDir::State::status="$work/status" -oDir::Cache="$work/cache"
        -oDebug::NoLocking=1 -oAPT::Install-Recommends=false -oAPT::Sandbox::User= -oAcquire::Languages=none
        -oAcquire::Retries=3 -oAcquire::Check-Valid-Until=false -c "$work/apt.conf")
    "${apt[@]}" update >&2 || fail "apt could not read the lists of Debian $suite"
    if [ -n "$alone" ]; then
        (cd "$work/cache/archives" && "${apt[@]}" download "$@") >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "apt could not download $*"; }
    else
        "${apt[@]}" install -y --download-only "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "apt could not download $*"; }
    fi
    rm -rf "$prefix.new"
    mkdir -p "$prefix.new"
    for deb in "$work"/cache/archives/*.deb; do dpkg -x "$deb" "$prefix.new"; done
    mv "$prefix.new" "$prefix"
)

# prefix_loader PREFIX PROGRAM: sets $program, the words that run a program of a prefix with the prefix's own loader and libraries.
prefix_loader() {
    local prefix=$1
    # The versioned name first: what the others link to may be an absolute path, that is, this machine's loader.
    local loaders=("$prefix"/lib/*-linux-gnu/ld-[0-9]*.so "$prefix"/usr/lib/*-linux-gnu/ld-linux*.so.* "$prefix"/lib/*-linux-gnu/ld-linux*.so.*)
    [ ${#loaders[@]} -gt 0 ] || fail "no loader was unpacked into $prefix"
    local libraries=("$prefix"/usr/lib/*-linux-gnu "$prefix"/lib/*-linux-gnu) IFS=:
    program=("${loaders[0]}" --library-path "${libraries[*]}" "$2")
}

# npm_prefix PREFIX PACKAGE: unpacks an npm package without running any script of it.
npm_prefix() {
    local prefix=$1 package=$2
    command -v npm >/dev/null || need_packages npm
    say "downloading $package from npm"
    rm -rf "$prefix.new"
    mkdir -p "$prefix.new"
    npm install --prefix "$prefix.new" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error "$package" >/dev/null ||
        fail "npm could not download $package"
    mv "$prefix.new" "$prefix"
}
