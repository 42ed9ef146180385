#!/usr/bin/env bash
# Release build: the executable lies at out/switchyard and runs with the .NET runtime of the SDK.
# usage: ./build.sh [--if-stale]      --if-stale: only when the executable is missing or older than its sources
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

[ $# -le 1 ] && [[ ${1:-} =~ ^(--if-stale)?$ ]] || { echo "usage: ./build.sh [--if-stale]" >&2; exit 2; }
mkdir -p out
exec 8>out/.lock
flock 8
# The names of all sources, so that one that is gone is noticed as well.
sources() { find src Directory.Build.props Directory.Packages.props global.json -type f -not -path '*/bin/*' -not -path '*/obj/*' "$@" | sort; }
# Under the lock, so that whoever waited for another's build takes that.
if [ "${1:-}" = --if-stale ] && [ -x out/switchyard ] && [ -f out/.built ] &&
    [ -z "$(sources -newer out/.built)" ] && [ "$(sources)" = "$(<out/.built)" ]; then
    exit 0
fi

command -v dotnet >/dev/null || { echo "build: the .NET SDK is missing (https://dotnet.microsoft.com/download, version $(grep -o '"version": "[^"]*' global.json | cut -d'"' -f4) or newer)" >&2; exit 1; }
echo "build: compiling out/switchyard" >&2
# Sources changed while the compiler reads them count as newer than the build.
sources >out/.started
# Intermediate files of their own: a release build for one runtime must not disturb the ordinary builds of the checkout, which are what the analyzers look at.
log=out/.build.log
if ! dotnet publish src/Switchyard/Switchyard.csproj -c Release --use-current-runtime --no-self-contained \
    -p:PublishReadyToRun=true -p:RunAnalyzers=false --artifacts-path out/.artifacts -o out/.new --nologo -v q 8>&- >"$log" 2>&1; then
    cat "$log" >&2
    echo "build: failed" >&2
    exit 1
fi
# Moved over, never written over: a running executable keeps the files it has mapped.
(cd out/.new && find . -type d -exec mkdir -p ../{} \; && find . -type f -exec mv -f {} ../{} \;)
rm -rf out/.new
mv out/.started out/.built
echo "build: out/switchyard is ready" >&2
