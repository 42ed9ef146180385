#!/usr/bin/env bash
# Side by side with peers, in one run on one machine: figures are ratios.
# usage: ./bench.sh [proxy|copy|stream|switch|diff|idle|all] [--json FILE]
set -euo pipefail
shopt -s nullglob
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
here=$root/lab
# shellcheck source=lab/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=lab/lib/install.sh
. "$here/lib/install.sh"

parts=(proxy copy stream switch diff idle)
part=all json=
usage() { echo "usage: ./bench.sh [proxy|copy|stream|switch|diff|idle|all] [--json FILE]"; }
while [ $# -gt 0 ]; do
    case $1 in
        proxy | copy | stream | switch | diff | idle | all) part=$1; shift ;;
        --json) [ $# -gt 1 ] || { usage >&2; exit 2; }; json=$2; shift 2 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

exists() { [ -f "$root/bench/$1.py" ]; }
if [ "$part" != all ] && ! exists "$part"; then
    echo "bench: there is no benchmark of '$part' yet; there is: $(cd "$root/bench" && echo *.py | sed 's/\.py//g')" >&2
    exit 2
fi
need_packages python3 python3-pymysql python3-cryptography sysbench
case $part in copy | all) need_packages mydumper ;; esac
# Unpacked, not installed: the package would start a service.
haproxy=$cache/haproxy-bookworm
[ -d "$haproxy" ] || debian_prefix "$haproxy" bookworm haproxy
prefix_loader "$haproxy" "$haproxy/usr/sbin/haproxy"
HAPROXY=$(printf '%s\n' "${program[@]}")
export HAPROXY
"$root/build.sh" --if-stale
wanted=()
for one in "${parts[@]}"; do
    if [ "$part" = all ] || [ "$part" = "$one" ]; then
        if exists "$one"; then wanted+=("$one"); else echo "bench: there is no benchmark of '$one' yet" >&2; fi
    fi
done
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for one in "${wanted[@]}"; do
    /usr/bin/python3 "$root/bench/$one.py" "$results/$one.json"
done
if [ -n "$json" ]; then
    /usr/bin/python3 -c '
import glob, json, os, sys
print(json.dumps({os.path.basename(p)[:-5]: json.load(open(p)) for p in sorted(glob.glob(sys.argv[1] + "/*.json"))}, indent=2))' "$results" >"$json"
fi
