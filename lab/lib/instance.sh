# One running server: its directory holds flavour, port, password, options, process (pid and its start time), data/ and error.log.

# instance_pid ID: prints the pid if the process we started still runs. A pid alone may since belong to someone else.
instance_pid() {
    local pid started
    [ -f "$instances/$1/process" ] || return 1
    read -r pid started <"$instances/$1/process" || return 1
    [ -n "$started" ] && [ "$(process_started "$pid")" = "$started" ] || return 1
    echo "$pid"
}

# The process's start time in clock ticks since boot: field 22 of stat, the 20th after the name's closing parenthesis.
process_started() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    # A process that ends between opening and reading leaves nothing to read. A killed one keeps its files and its port
    # for as long as any of its threads (their number is the 18th) waits for the disk.
    [ $# -lt 20 ] || { [ "$1" = Z ] && [ "${18}" -le 1 ]; } || echo "${20}"
}

instance_must_exist() {
    [ -f "$instances/$1/flavour" ] || fail "there is no server called '$1' (lab/server list shows them)"
}

instance_dsn() {
    instance_must_exist "$1"
    instance_pid "$1" >/dev/null || fail "'$1' does not run; start it with: lab/server start $1"
    instance_print_dsn "$1"
}

instance_print_dsn() { echo "mysql://lab:$(<"$instances/$1/password")@127.0.0.1:$(<"$instances/$1/port")/"; }

instance_list() {
    local name dir id pid
    echo "servers:"
    for name in "${flavours[@]}"; do
        if [ -d "$(template_of "$name")" ]; then echo "  $name"; else echo "  $name (downloaded at first start)"; fi
    done
    echo "instances:"
    for dir in "$instances"/*/; do
        id=$(basename "$dir")
        [ -f "$dir/flavour" ] || continue
        if pid=$(instance_pid "$id"); then
            echo "  $id  $(<"$dir/flavour")  running, pid $pid, $(instance_print_dsn "$id")"
        else
            echo "  $id  $(<"$dir/flavour")  stopped"
        fi
    done
}

instance_start() {
    [ $# -gt 0 ] || fail_usage "start wants a name"
    local name=$1 id= port= fast= small=; shift
    local extra=() extra_given=0
    while [ $# -gt 0 ]; do
        case $1 in
            --as) id=${2:?--as wants an ID}; shift 2 ;;
            --port) port=${2:?--port wants a number}; shift 2 ;;
            --fast) fast=1; shift ;;
            --small-disk) small=1; shift ;;
            --) shift; extra=("$@"); extra_given=1; break ;;
            *) fail_usage "start does not know '$1'" ;;
        esac
    done
    id=${id:-$name}
    [[ $id =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || fail_usage "an ID is letters, digits, '.', '_' and '-': '$id'"
    [[ $port =~ ^[0-9]*$ ]] || fail_usage "a port is a number: '$port'"
    local dir=$instances/$id
    if [ -f "$dir/flavour" ]; then
        local was; was=$(<"$dir/flavour")
        [ "$name" = "$was" ] || [ "$name" = "$id" ] || fail "'$id' is a $was; stop it with --wipe to make a $name of it"
        name=$was
    fi
    flavour_prepare "$name"
    [[ $name != mariadb-* || " ${extra[*]} " != *" --plugin-load-add="* ]] || flavour_plugins "$name"
    mkdir -p "$instances"; chmod 700 "$instances"
    (
        exec 9>"$instances/.$id.lock"
        flock 9
        if instance_pid "$id" >/dev/null; then
            [ -z "$port" ] || [ "$port" = "$(<"$dir/port")" ] || fail "'$id' runs already, on port $(<"$dir/port")"
        else
            [ -f "$dir/flavour" ] || instance_create "$id" "$name"
            [ -z "$port" ] || echo "$port" >"$dir/port"
            [ -z "$fast" ] || echo 1 >"$dir/fast"
            [ -z "$small" ] || echo 1 >"$dir/small-disk"
            [ $extra_given = 0 ] || printf '%s\n' "${extra[@]}" >"$dir/options"
            instance_launch "$id"
        fi
        instance_print_dsn "$id"
    )
}

instance_create() {
    local id=$1 name=$2 dir=$instances/$1
    rm -rf "$dir"
    mkdir -p "$dir/tmp"
    cp -a --reflink=auto --sparse=always "$(template_of "$name")" "$dir/data"
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$dir/password"
    echo "$name" >"$dir/flavour"
}

# A port nobody listens on, below the range from which the kernel takes ports for outgoing connections: such a
# port could be taken by any client while the server is down, and a killed server must come back on its own port.
# For the same reason it is no other instance's, which may be down just now.
free_port() {
    perl -MIO::Socket::INET -e '
        my %given;
        for (@ARGV) { open my $f, "<", $_ or next; $given{$1} = 1 if (<$f> // "") =~ /(\d+)/ }
        my ($low) = do { open my $f, "<", "/proc/sys/net/ipv4/ip_local_port_range"; <$f> =~ /(\d+)/ };
        my $top = $low > 22000 ? $low : 32768;
        for (1 .. 1000) {
            my $port = $top - 1 - int rand 10000;
            next if $given{$port};
            my $socket = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 1, ReuseAddr => 1) or next;
            print $port; exit;
        }
        exit 1' "$instances"/*/port || fail "found no free port"
}

instance_launch() {
    local id=$1 dir=$instances/$1 name attempt own_choice=0
    name=$(<"$dir/flavour")
    for attempt in 1 2 3 4 5; do
        [ -f "$dir/port" ] || { free_port >"$dir/port"; own_choice=1; }
        instance_launch_once "$id" "$name" && return 0
        # Only a port of our own choosing may be chosen again.
        if [ $own_choice = 1 ] && grep -qiE 'bind on tcp/ip port|address already in use' "$dir/error.log" "$dir/output.log"; then
            rm "$dir/port"
            continue
        fi
        break
    done
    tail -n 15 "$dir/output.log" "$dir/error.log" >&2 || true
    fail "'$id' ($name) did not start; its log is $dir/error.log"
}

instance_launch_once() {
    local id=$1 name=$2 dir=$instances/$1 port pid line from deadline
    port=$(<"$dir/port")
    flavour_program "$name"
    flavour_options "$name" "$([ -f "$dir/fast" ] && echo 1 || echo 0)"
    # The port is unique on this machine, and so is a server id made of it.
    options+=(--datadir="$dir/data" --tmpdir="$dir/tmp" --port="$port" --server-id="$port"
        --socket=lab.sock --pid-file="$dir/pid" --log-error="$dir/error.log")
    if [ ! -f "$dir/born" ]; then
        # Not in the binlog: the account belongs to the lab, not to the data.
        cat >"$dir/accounts.sql" <<SQL
SET sql_log_bin=0;
CREATE USER 'lab'@'%' IDENTIFIED BY '$(<"$dir/password")';
GRANT ALL PRIVILEGES ON *.* TO 'lab'@'%' WITH GRANT OPTION;
SQL
        options+=(--init-file="$dir/accounts.sql")
    fi
    if [ -f "$dir/options" ]; then
        while IFS= read -r line; do [ -z "$line" ] || options+=("$line"); done <"$dir/options"
    fi
    if [ -f "$dir/small-disk" ]; then
        full_disk_prepare
        program=(env LD_PRELOAD="$(full_disk_library)" LAB_FULL_DISK="$dir/full-disk" "${program[@]}")
    fi
    # Left by a server that was killed. MySQL takes the number in the lock file for its owner, whoever has it by now; ours does not run.
    rm -f "$dir/data/lab.sock" "$dir/data/lab.sock.lock"
    touch "$dir/error.log"
    from=$(stat -c %s "$dir/error.log")
    setsid "${program[@]}" "${options[@]}" </dev/null >"$dir/output.log" 2>&1 9>&- &
    pid=$!
    echo "$pid $(process_started "$pid")" >"$dir/process"
    deadline=$((SECONDS + 120))
    until tail -c "+$((from + 1))" "$dir/error.log" | grep -q 'ready for connections'; do
        if [ -z "$(process_started "$pid")" ]; then rm -f "$dir/process"; return 1; fi
        if [ $SECONDS -ge $deadline ]; then
            kill -9 "$pid" || true
            rm -f "$dir/process"
            say "'$id' was not ready after 120 seconds"
            return 1
        fi
        sleep 0.1
    done
    [ -f "$dir/born" ] || { touch "$dir/born"; rm -f "$dir/accounts.sql"; }
}

full_disk_library() { echo "$cache/$layout/full-disk-$(cksum <"$here/lib/full-disk.c" | tr ' ' -).so"; }

# full_disk_prepare: makes the library that small-disk servers are run with, once per user and version.
full_disk_prepare() { [ -f "$(full_disk_library)" ] || with_lock full-disk full_disk_prepare_locked; }

full_disk_prepare_locked() {
    local library; library=$(full_disk_library)
    [ ! -f "$library" ] || return 0
    need_packages gcc libc6-dev
    mkdir -p "$(dirname "$library")"
    gcc -O2 -shared -fPIC -nostdlib -fno-builtin -fno-stack-protector -o "$library.new" "$here/lib/full-disk.c"
    mv "$library.new" "$library"
}

instance_fill() {
    instance_must_exist "$1"
    [ -f "$instances/$1/small-disk" ] || fail "'$1' was not started with --small-disk"
    printf %s "${2:-}" >"$instances/$1/full-disk.new"
    mv "$instances/$1/full-disk.new" "$instances/$1/full-disk"
}

instance_stop() {
    local wipe=0 all=0 ids=() id dir
    for id in "$@"; do
        case $id in
            --wipe) wipe=1 ;;
            --all) all=1 ;;
            -*) fail_usage "stop does not know '$id'" ;;
            *) ids+=("$id") ;;
        esac
    done
    if [ $all = 1 ]; then
        for dir in "$instances"/*/; do [ ! -f "$dir/flavour" ] || ids+=("$(basename "$dir")"); done
    elif [ ${#ids[@]} = 0 ]; then
        fail_usage "stop wants an ID, or --all"
    fi
    # A server that waits for space would not end.
    for id in "${ids[@]}"; do instance_must_exist "$id"; rm -f "$instances/$id/full-disk"; done
    # All are told before any is waited for.
    local pid
    for id in "${ids[@]}"; do ! pid=$(instance_pid "$id") || kill "$pid" 2>/dev/null && kill -CONT "$pid" 2>/dev/null || true; done
    for id in "${ids[@]}"; do
        instance_wait_end "$id" 60 || { say "'$id' did not end within 60 seconds and is killed"; instance_kill "$id"; }
        rm -f "$instances/$id/process"
        [ $wipe = 0 ] || rm -rf "${instances:?}/$id" "$instances/.$id.lock"
    done
}

instance_signal() {
    local signal=$1 pid; shift
    [ $# -eq 1 ] || fail_usage "freeze and thaw want one ID"
    instance_must_exist "$1"
    pid=$(instance_pid "$1") || fail "'$1' does not run"
    kill "-$signal" "$pid"
    # The thread that is told has to get the processor before it tells the others, which go on answering until then.
    [ "$signal" != STOP ] || until process_stands_still "$pid"; do sleep 0.01; done
}

# Every thread of it is stopped, or has ended.
process_stands_still() {
    local thread stat
    for thread in "/proc/$1/task/"*/stat; do
        { read -r stat <"$thread"; } 2>/dev/null || continue
        [[ ${stat##*) } = [TtXZ]* ]] || return 1
    done
}

instance_kill() {
    [ $# -eq 1 ] || fail_usage "kill wants one ID"
    instance_must_exist "$1"
    local pid
    if pid=$(instance_pid "$1"); then
        kill -9 "$pid" 2>/dev/null || true
        instance_wait_end "$1" 30 || fail "'$1' (pid $pid) does not end"
    fi
    rm -f "$instances/$1/process"
}

instance_wait_end() {
    local deadline=$((SECONDS + $2))
    while instance_pid "$1" >/dev/null; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.05
    done
}
