# shellcheck shell=bash
#
# lib.sh: what script/test and script/demo share.  Sourced, never run.
#
#   say, note, die                  output
#   find_postgres, install_missing  packages (Debian and its relatives; elsewhere: a clear list)
#   choose_user, as_user, as_root   PostgreSQL refuses to run as root
#   private_copy                    of the server's own files, so that no other server notices
#   copy_tree, build, install_built a build beside the checkout, which stays clean
#   start_server, stop_server       a throwaway server that no network and no other user can reach
#
# The caller sets `logs`, a directory for the output of what fails.  Once the packages are there,
# nothing needs root.
#
# Environment:
#   PG_MAJOR   the major version of PostgreSQL (default: the one installed, else the distribution's)
#   PG_CONFIG  a pg_config to use instead
#   INSTALL    "system": no private copy; the extension goes into the directories of PG_CONFIG,
#              over the one that running servers use (for layouts that cannot be copied)
#   RUN_AS     when started by root: the account that runs the servers (default: nobody)

set -u
umask 022
export LC_ALL=C.UTF-8
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS PGDATA PERL5LIB MAKEFLAGS
install_into=${INSTALL:-copy}
unset INSTALL # has a meaning for make

logs=/tmp
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd / # the account of the server may not be able to enter the present directory
program=$(basename "$0")

say() { printf '%s\n' "$*"; }
note() { printf '  %s\n' "$*"; }

die() {
    printf '%s: %s\n' "$program" "$*" >&2
    exit 1
}

[[ $install_into =~ ^(copy|system)$ ]] || die "INSTALL is '$install_into'; the only value is 'system'"

# --- who ---------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "this needs root, and there is no sudo: $*" >&2
        return 1
    fi
}

# choose_user DIRECTORY: sets run_user to the caller, or for root to the one who called sudo or to
# nobody; and `unprivileged`, the words that run a command as that user.  Makes DIRECTORY/home and
# DIRECTORY/tmp for it.
choose_user() {
    if [ "$(id -u)" -ne 0 ]; then
        run_user=$(id -un)
    elif [ -n "${RUN_AS:-}" ]; then
        run_user=$RUN_AS
    elif [ "${SUDO_UID:-0}" -ne 0 ] && id -un "$SUDO_UID" >/dev/null 2>&1; then
        run_user=$(id -un "$SUDO_UID")
    else
        run_user=nobody
    fi
    [ "$(id -u "$run_user" 2>/dev/null || echo 0)" -ne 0 ] ||
        die "the account '$run_user' does not exist or is root; name another one in RUN_AS"

    unprivileged=(env "TMPDIR=$1/tmp")
    if [ "$(id -u)" -eq 0 ]; then
        unprivileged=(setpriv "--reuid=$run_user" "--regid=$(id -g "$run_user")" --clear-groups
            env -u SUDO_USER -u SUDO_UID -u SUDO_GID -u SUDO_COMMAND
            "HOME=$1/home" "TMPDIR=$1/tmp" "USER=$run_user" "LOGNAME=$run_user")
    fi
    user_dir "$1/home"
    user_dir "$1/tmp"
}

as_user() { "${unprivileged[@]}" "$@"; }

# user_dir PATH: an empty directory that only run_user (and root) can enter.
user_dir() {
    mkdir -m 700 "$1" || die "cannot create $1"
    if [ "$(id -u)" -eq 0 ]; then
        chown "$run_user:$(id -g "$run_user")" "$1"
    fi
}

# --- packages ----------------------------------------------------------------------------------

have_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The first dependency of a metapackage that begins with a word: depends postgresql postgresql-
depends() {
    apt-cache depends --important "$1" 2>/dev/null |
        sed -n "s/^ *|\\{0,1\\}Depends: \\($2[0-9.]*\\)\$/\\1/p" | head -n 1
}

apt_updated=no
update_apt() {
    if [ $apt_updated = no ]; then
        note "apt-get update"
        as_root apt-get -qq update >/dev/null || note "apt-get update failed; going on without"
        apt_updated=yes
    fi
}

# Sets PG_MAJOR and PG_CONFIG.  PG_CONFIG may name a file that a package is yet to bring.
find_postgres() {
    local config

    if [ -n "${PG_CONFIG:-}" ]; then
        PG_MAJOR=$("$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
    elif have_apt; then
        if [ -z "${PG_MAJOR:-}" ]; then
            for config in /usr/lib/postgresql/*/bin/pg_config; do
                if [ -x "$config" ] && [ -x "${config%/*}/postgres" ]; then
                    config=${config%/bin/pg_config}
                    config=${config##*/}
                    [ "$config" -le "${PG_MAJOR:-0}" ] || PG_MAJOR=$config
                fi
            done
        fi
        if [ -z "${PG_MAJOR:-}" ]; then
            update_apt
            PG_MAJOR=$(depends postgresql postgresql-)
            PG_MAJOR=${PG_MAJOR#postgresql-}
        fi
        PG_CONFIG=/usr/lib/postgresql/${PG_MAJOR:-unknown}/bin/pg_config
    elif command -v pg_config >/dev/null; then
        PG_CONFIG=$(command -v pg_config)
        PG_MAJOR=$("$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
    fi
    [ -n "${PG_MAJOR:-}" ] || die "no PostgreSQL found; set PG_CONFIG to its pg_config"
    export PG_CONFIG PG_MAJOR
}

# Debian creates a cluster 'main' when a server package is first installed.  That is not ours to
# decide: a drop-in of the documented kind prevents it while we install, and goes away afterwards.
cluster_policy=/etc/postgresql-common/createcluster.d/recadv.conf

forbid_main_cluster() {
    is_installed "postgresql-$PG_MAJOR" && return
    note "no cluster 'main' will be created ($cluster_policy while packages are installed)"
    as_root mkdir -p "${cluster_policy%/*}"
    echo "create_main_cluster = false" | as_root tee "$cluster_policy" >/dev/null
}

allow_main_cluster() {
    [ -e "$cluster_policy" ] || return 0
    as_root rm -f "$cluster_policy"
    as_root rmdir --ignore-fail-on-non-empty "${cluster_policy%/*}"
}

# install_packages NAME...: installs those that are missing, and says so.
install_packages() {
    local name missing=()

    for name in "$@"; do
        is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    update_apt
    note "apt-get install ${missing[*]}"
    forbid_main_cluster
    if ! as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -qq -y \
        -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "${missing[@]}" >"$logs/apt.log" 2>&1; then
        allow_main_cluster
        tail -n 20 "$logs/apt.log" >&2
        die "apt-get install failed"
    fi
    allow_main_cluster
}

# Debian starts the service of a package that has one.  That is not ours to decide either.
service_policy=/usr/sbin/policy-rc.d

forbid_services() {
    [ ! -e "$service_policy" ] || return 0
    printf '#!/bin/sh\n# recadv: while packages are installed\nexit 101\n' | as_root tee "$service_policy" >/dev/null
    as_root chmod +x "$service_policy"
}

allow_services() {
    grep -qs '^# recadv:' "$service_policy" || return 0
    as_root rm -f "$service_policy"
}

# try_packages NAME...: as install_packages, but for tests that are skipped where there is no such thing.
try_packages() {
    local name missing=()

    have_apt || return 0
    for name in "$@"; do
        is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    update_apt
    note "apt-get install ${missing[*]}"
    forbid_services
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -qq -y \
        -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "${missing[@]}" >>"$logs/apt.log" 2>&1 ||
        note "which failed: tests that need ${missing[*]} are skipped"
    allow_services
}

knows_node_pg() { node -e "require('pg')" >/dev/null 2>&1; }

# install_drivers DIRECTORY: what applications speak to PostgreSQL through, and a pool, as far as it is
# small; Java's driver where there is a JDK.  A node that is not Debian's has no use for Debian's
# packages: its driver comes into DIRECTORY.
install_drivers() {
    try_packages python3-psycopg2 python3-psycopg
    try_packages pgbouncer
    [ ! -x "$(command -v javac)" ] || try_packages libpostgresql-jdbc-java
    if ! command -v npm >/dev/null; then
        try_packages nodejs node-pg
    elif ! knows_node_pg; then
        note "npm install pg, into $1"
        if npm install --prefix "$1" --silent --no-audit --no-fund pg >"$logs/npm.log" 2>&1; then
            chmod -R a+rX "$1"
            export NODE_PATH=$1/node_modules${NODE_PATH:+:$NODE_PATH}
        else
            note "which failed: tests that need it are skipped"
        fi
    fi
}

# install_missing demo|test: the packages for one of the two commands.
install_missing() {
    local name clang missing=()

    if ! have_apt; then
        for name in gcc make "$PG_CONFIG"; do
            command -v "$name" >/dev/null || missing+=("$name")
        done
        [ ${#missing[@]} -eq 0 ] || die "not found, and no apt-get to install it: ${missing[*]}"
        return 0
    fi
    install_packages gcc make "postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR" \
        libopenblas0-pthread
    [ "$1" = test ] || return 0
    install_packages clang clang-format perl libipc-run-perl diffutils \
        "postgresql-$PG_MAJOR-pgtap" libtap-parser-sourcehandler-pgtap-perl \
        "postgresql-$PG_MAJOR-cron"
    # The sanitizers' and libFuzzer's run-time libraries, of the same version as clang; before
    # clang 15 some distributions keep them in another package.
    clang=$(clang -dumpversion)
    clang=${clang%%.*}
    name=libclang-rt-$clang-dev
    [ -n "$(apt-cache search --names-only "^$name\$")" ] || name=libclang-common-$clang-dev
    install_packages "$name"
}

# --- a private copy of the server ---------------------------------------------------------------

# PostgreSQL finds its libraries and data relative to its programs.  So a copy of the three
# directories, at their old paths below another root, is a server of its own, and what is installed
# there no other server loads.

# copy_files FROM TO: the files themselves also where FROM has links to them.
copy_files() {
    mkdir -p "$2" && cp -RL "$1/." "$2" 2>>"$logs/copy.log" ||
        # a link to nothing cannot be copied, and nobody misses it
        [ -n "$(find -L "$1" -type l 2>/dev/null | head -n 1)" ] ||
        { cat "$logs/copy.log" >&2; die "cannot copy $1 to $2"; }
}

# The server's programs; their directory may have all others of the machine too.
copy_programs() {
    local program name

    mkdir -p "$2"
    for program in "$1"/*; do
        name=${program##*/}
        case $name in
        postgres | initdb | psql | pg_* | pgbench | createdb | dropdb | createuser | dropuser | vacuumdb)
            if [ -f "$program" ] && [ -x "$program" ]; then
                cp -L "$program" "$2/$name" || die "cannot copy $program to $2"
            fi
            ;;
        esac
    done
}

# link_directory DIRECTORY PREFIX: what is only read needs no copy.
link_directory() {
    local file

    if [ ! -e "$2$1" ]; then
        mkdir -p "$2${1%/*}" && ln -s "$1" "$2$1"
        return
    fi
    [ ! -L "$2$1" ] || return 0
    for file in "$1"/*; do
        [ -e "$2$file" ] || ln -s "$file" "$2$file"
    done
}

# private_copy DIRECTORY: below DIRECTORY/pg; PG_CONFIG is the copy's from here on.
private_copy() {
    local prefix=$1/pg config=$PG_CONFIG bin lib share path

    [ "$install_into" != system ] || return 0
    bin=$("$config" --bindir) lib=$("$config" --pkglibdir) share=$("$config" --sharedir)
    [ -x "$bin/postgres" ] || die "$config names $bin, where no postgres is"
    mkdir "$prefix" || die "cannot create $prefix"
    prefix=$(cd "$prefix" && pwd -P)
    copy_programs "$bin" "$prefix$bin"
    copy_files "$lib" "$prefix$lib"
    copy_files "$share" "$prefix$share"
    for path in --includedir --pkgincludedir --includedir-server --libdir; do
        path=$("$config" $path)
        [ ! -d "$path" ] || [ "$path" = "$lib" ] || link_directory "${path%/}" "$prefix"
    done
    [ -x "$prefix$bin/pg_config" ] || cp -L "$config" "$prefix$bin/pg_config"
    PG_CONFIG=$prefix$bin/pg_config
    if [ "$("$PG_CONFIG" --pkglibdir)" != "$prefix$lib" ] ||
        [ "$("$PG_CONFIG" --sharedir)" != "$prefix$share" ] ||
        ! as_user "$prefix$bin/postgres" --version >>"$logs/copy.log" 2>&1; then
        die "a copy of the server of $config does not run on its own;" \
            "INSTALL=system installs recadv into $lib and $share instead, for all servers there"
    fi
    export PG_CONFIG
}

# --- build and install -------------------------------------------------------------------------

# copy_tree DIRECTORY: the sources, without anything that a build or git left, owned by run_user.
copy_tree() {
    user_dir "$1"
    tar -C "$root" -cf - --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' --exclude='*.d' \
        --exclude=./exports.list --exclude=./compile_commands.json \
        --exclude=./results --exclude=./tmp_check --exclude=./build --exclude='regression.*' . |
        as_user tar -C "$1" -xf - --no-same-owner || die "cannot copy $root to $1"
    chmod 700 "$1"
}

# build DIRECTORY [make arguments]
build() {
    local directory=$1

    shift
    as_user make -C "$directory" --no-print-directory PG_CONFIG="$PG_CONFIG" with_llvm=no "$@"
}

# install_built DIRECTORY: where PG_CONFIG says; no server of PostgreSQL before 18 would look for an
# extension in another place.
install_built() {
    local make=(make -C "$1" --no-print-directory PG_CONFIG="$PG_CONFIG" with_llvm=no install)

    if [ "$install_into" = system ]; then
        as_root "${make[@]}"
    else
        "${make[@]}"
    fi
}

where_installed() {
    say "$("$PG_CONFIG" --pkglibdir) and $("$PG_CONFIG" --sharedir)/extension"
}

# --- a throwaway server ------------------------------------------------------------------------

# The only reader of the socket is run_user (and root); the port is just part of its file name.
server_port=5432

# start_server DIRECTORY [setting=value ...]: data, run (the socket) and server.log in DIRECTORY,
# which run_user must be able to enter.  Sets bindir and exports PGHOST, PGPORT, PGUSER.
start_server() {
    local directory=$1 setting

    shift
    bindir=$("$PG_CONFIG" --bindir)
    echo "$bindir" >"$directory/bindir"
    user_dir "$directory/data"
    user_dir "$directory/run"
    user_dir "$directory/log"
    as_user "$bindir/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 \
        --locale=C.UTF-8 --no-sync >"$logs/initdb.log" 2>&1 ||
        { cat "$logs/initdb.log" >&2; die "initdb failed"; }
    {
        echo "listen_addresses = ''"
        echo "port = $server_port"
        echo "unix_socket_directories = '$directory/run'"
        echo "fsync = off"
        echo "max_wal_size = 4GB"
        for setting in "$@"; do
            echo "${setting%%=*} = '${setting#*=}'"
        done
    } | as_user tee -a "$directory/data/postgresql.conf" >/dev/null
    as_user "$bindir/pg_ctl" -D "$directory/data" -l "$directory/log/server.log" -w -t 60 start \
        >"$logs/pg_ctl.log" 2>&1 </dev/null ||
        { cat "$logs/pg_ctl.log" "$directory/log/server.log" >&2; die "the server did not start"; }
    export PGHOST=$directory/run PGPORT=$server_port PGUSER=postgres
}

# stop_server DIRECTORY: nothing happens where none runs.
stop_server() {
    local stop

    [ -e "$1/data/postmaster.pid" ] || return 0
    stop=("$(cat "$1/bindir")/pg_ctl" -D "$1/data" -m immediate -w stop)
    if [ "$(id -u)" -eq 0 ]; then # the owner may be another than in this run
        stop=(setpriv "--reuid=$(stat -c %u "$1/data")" --clear-groups "${stop[@]}")
    fi
    "${stop[@]}" >/dev/null 2>&1 </dev/null
}
