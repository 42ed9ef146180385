#!/usr/bin/env bash
# The main job on real servers: a live shop database moves from one server to another and back, under load.
# usage: ./demo.sh [--from SERVER] [--to SERVER] [--rows N] [--clients N] [--json FILE] [--keep]     (./demo.sh --help)
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
here=$root/lab
# shellcheck source=lab/lib/common.sh
. "$here/lib/common.sh"
need_packages python3 python3-pymysql python3-cryptography
case " $* " in
    *" --help "* | *" -h "*) ;;
    *) "$root/build.sh" --if-stale ;;
esac
exec /usr/bin/python3 "$here/demo/demo.py" "$@"
