#!/usr/bin/env bash
# Side by side with peers, in one run on one machine: figures are ratios.
# usage: ./bench.sh [proxy|copy|stream|switch|diff|idle|all]... [--json FILE]
set -euo pipefail
shopt -s nullglob
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
here=$root/lab
# shellcheck source=lab/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=lab/lib/install.sh
. "$here/lib/install.sh"

parts=(proxy copy stream switch diff idle)
wanted=() json=
usage() { echo "usage: ./bench.sh [proxy|copy|stream|switch|diff|idle|all]... [--json FILE]"; }
while [ $# -gt 0 ]; do
    case $1 in
        proxy | copy | stream | switch | diff | idle) wanted+=("$1"); shift ;;
        all) wanted+=("${parts[@]}"); shift ;;
        --json) [ $# -gt 1 ] || { usage >&2; exit 2; }; json=$2; shift 2 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${parts[@]}")
wants() { [[ " ${wanted[*]} " = *" $1 "* ]]; }
exists() { [ -f "$root/bench/$1.py" ]; }
for one in "${wanted[@]}"; do
    if ! exists "$one"; then
        echo "bench: there is no benchmark of '$one' yet; there is: $(cd "$root/bench" && echo *.py | sed 's/\.py//g')" >&2
        [ "${#wanted[@]}" -gt 1 ] || exit 2
    fi
done

need_packages python3 python3-pymysql python3-cryptography sysbench openssl
if wants copy; then need_packages mydumper; fi
# Unpacked, not installed: the package would start a service.
haproxy=$cache/haproxy-bookworm
[ -d "$haproxy" ] || debian_prefix "$haproxy" bookworm haproxy
prefix_loader "$haproxy" "$haproxy/usr/sbin/haproxy"
HAPROXY=$(printf '%s\n' "${program[@]}")
export HAPROXY
"$root/build.sh" --if-stale
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for one in "${parts[@]}"; do
    if ! wants "$one" || ! exists "$one"; then continue; fi
    /usr/bin/python3 "$root/bench/$one.py" "$results/$one.json"
done
if [ -n "$json" ]; then
    /usr/bin/python3 -c '
import glob, json, os, sys
print(json.dumps({os.path.basename(p)[:-5]: json.load(open(p)) for p in sorted(glob.glob(sys.argv[1] + "/*.json"))}, indent=2))' "$results" >"$json"
fi
