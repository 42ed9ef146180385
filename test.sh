#!/usr/bin/env bash
# Runs the tests. usage: ./test.sh [--unit | --integration | --all]
# Tests that need a database server start real ones (see lab/server). The last line is
# "N passed, N failed, N skipped"; the exit code is 0 only if tests ran and none failed.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
shopt -s nullglob

here=$PWD/lab
# shellcheck source=lab/lib/common.sh
. lab/lib/common.sh

case ${1:---all} in
    --unit) filter='Category!=Integration' ;;
    --integration) filter='Category=Integration' ;;
    --all) filter= ;;
    *) echo "usage: ./test.sh [--unit | --integration | --all]" >&2; exit 2 ;;
esac

command -v dotnet >/dev/null || { echo "test: the .NET SDK is missing" >&2; exit 1; }
results=$(mktemp -d)
# Servers of this run live in a directory of their own, so that ending them touches nobody else's.
export SWITCHYARD_LAB_DIR=$PWD/.lab/tests-$$
cleanup() {
    lab/server stop --all --wipe || true
    rm -rf "$SWITCHYARD_LAB_DIR" "$results"
}
trap cleanup EXIT
trap 'echo "test: interrupted"; exit 130' INT TERM HUP
trap 'echo "test: line $LINENO of test.sh failed"' ERR

echo "test: building"
# Beside the downloads, which leave the processor alone. Optimized, as most of a run's time is spent in the code; assertions stay on.
dotnet build Switchyard.slnx --nologo -v q -p:Optimize=true >"$results/build.log" 2>&1 &
building=$!

if [ "$filter" != 'Category!=Integration' ]; then
    # Whoever needs it waits for it, and says what went wrong.
    ./build.sh --if-stale >/dev/null 2>&1 &
    need_packages mariadb-client sysbench python3-pymysql python3-cryptography openssl spin gcc libc6-dev
    # The clients and foreign suites of the conformance tests.
    need_packages mariadb-test php-cli php-mysql python3-mysqldb libdbd-mariadb-perl libmariadb-java
    command -v javac >/dev/null || need_packages default-jdk-headless
    command -v node >/dev/null || need_packages nodejs
    need_npm mysql2@3.24.6 mariadb@3.5.4
    lab/server install --all
fi
wait $building || { cat "$results/build.log"; echo "test: the build failed"; exit 1; }

# Runs of one process each, a project or PROJECT:FILTER; the longest first, so that the lanes end together. Tests that stop at fault points run one after the other, since those are
# the process's. So the projects that have most of them are run by two processes each: what waits for limits to pass, which leaves the processor alone, goes beside the lanes.
aside=(Switchyard.Migration.Tests:Waits=limits Switchyard.Replication.Tests:Waits=limits)
runs=(Switchyard.Replication.Tests:Waits!=limits Switchyard.Migration.Tests:Waits!=limits Switchyard.Integration.Tests Switchyard.Proxy.Tests Switchyard.Conformance.Tests)
for project in tests/*.Tests/*.Tests.csproj; do
    project=$(basename "$project" .csproj)
    [[ " ${runs[*]%%:*} " = *" $project "* ]] || runs+=("$project")
done

# title RUN: what its lines and files are called.
title() { [[ $1 = *:Waits=* ]] && echo "${1%%:*}.${1##*=}" || echo "${1%%:*}"; }

# run RUN: its tests; a line of what came of them on the way, and the figures in TITLE.counts.
run() {
    local name log started=$SECONDS code=0 counters total ok executed chosen=$filter
    name=$(title "$1")
    [[ $1 != *:* ]] || chosen="${filter:+($filter)&}(${1#*:})"
    log=$results/$name.log
    if [ "$name" = Switchyard.Integration.Tests ] && [ "$filter" != 'Category!=Integration' ]; then
        # Begun beside the build of the tests.
        ./build.sh --if-stale >"$log" 2>&1 || code=$?
    fi
    [ $code != 0 ] ||
        dotnet test "tests/${1%%:*}" --no-build --nologo --results-directory "$results" --logger "trx;LogFileName=$name.trx" \
            --blame-hang-timeout 8m --blame-hang-dump-type none ${chosen:+--filter "$chosen"} >"$log" 2>&1 || code=$?
    counters=$(grep -o '<Counters [^>]*' "$results/$name.trx" 2>/dev/null || true)
    count() { [[ $counters =~ [[:space:]]$1=\"([0-9]+)\" ]] && echo "${BASH_REMATCH[1]}" || echo 0; }
    total=$(count total) ok=$(count passed) executed=$(count executed)
    echo "$ok $((executed - ok)) $((total - executed)) $code" >"$results/$name.counts"
    echo "test: $name: $ok passed, $((executed - ok)) failed, $((total - executed)) skipped ($((SECONDS - started)) s)"
    [ $code = 0 ] || grep -vE '^ *(at |--- End of stack trace)|\[PASS\]|^$' "$log" | tail -n 40 || true
}

# lane RUN…: those of them that no other lane has taken.
lane() {
    local one
    for one in "$@"; do
        # Made by one of the lanes only: it is the one's that runs it.
        if mkdir "$results/$(title "$one").taken" 2>/dev/null; then run "$one"; fi
    done
}
# Two at a time, which wait for servers a good part of their time.
lane "${aside[@]}" &
waiting=$!
lane "${runs[@]}" &
beside=$!
lane "${runs[@]}"
wait $beside $waiting

passed=0 failed=0 skipped=0 broken=()
for one in "${runs[@]}" "${aside[@]}"; do
    name=$(title "$one")
    read -r ok bad left code <"$results/$name.counts"
    if [ "$code" != 0 ] && [ "$bad" = 0 ]; then
        broken+=("$name")
        bad=1
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + left))
done

# describe FILE…: of each failed test its message and the top of its stack, a bounded number of them and of lines.
describe() {
    perl -0777 -ne '
        while (m{<UnitTestResult\b([^>]*[^/>])>(.*?)</UnitTestResult>}sg) {
            my ($head, $body) = ($1, $2);
            next unless $head =~ /outcome="Failed"/ && $shown++ < 12;
            my ($name) = $head =~ /testName="([^"]*)"/;
            my ($message, $stack) = map { $body =~ m{<$_>(.*?)</$_>}s ? $1 : "" } qw(Message StackTrace);
            my @stack = grep { /Switchyard/ } split /\n/, $stack;
            my $text = "== $name\n" . substr($message, 0, 2500) . "\n" . join("\n", @stack[0 .. ($#stack < 7 ? $#stack : 7)]) . "\n";
            $text =~ s/&#x([0-7]?[0-9A-F]);/chr hex $1/ge;
            $text =~ s/&lt;/</g; $text =~ s/&gt;/>/g; $text =~ s/&quot;/"/g; $text =~ s/&amp;/&/g;
            print $text;
        }' "$@" </dev/null
}

# What went wrong comes last: of a long run, the end is what is kept.
if [ $failed -gt 0 ]; then
    for name in "${broken[@]}"; do
        echo "== $name did not run to its end; its log ends in"
        tail -n 25 "$results/$name.log"
    done
    describe "$results"/*.trx || true
    echo
    echo "test: failing:"
    for file in "$results"/*.trx; do
        grep -o '<UnitTestResult [^>]*outcome="Failed"[^>]*' "$file" | grep -o 'testName="[^"]*"' | cut -d'"' -f2 | sed 's/^/  /' || true
    done
    for name in "${broken[@]}"; do echo "  $name did not run to its end"; done
fi
code=0
if [ $((passed + failed)) = 0 ]; then
    echo "test: no test ran"
    code=1
fi
[ $failed = 0 ] || code=1
cleanup
trap - EXIT
echo "$passed passed, $failed failed, $skipped skipped"
exit $code
