# shellcheck shell=bash
#
# lib.sh: what the benchmark scripts share.  Sourced, never run.

set -eu
quick=no
[ "${1:-}" != --quick ] || quick=yes
data=${RECADV_DATA:-$(dirname "${BASH_SOURCE[0]}")/../../shared/data}

sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" "$@"; }

# need_file NAME: ends the script where the data is missing.
need_file() {
    [ $quick = yes ] || [ -r "$data/$1" ] || {
        echo "skipped: $data/$1 is missing; RECADV_DATA names the directory of the data"
        exit 77
    }
}

# rows NAME: a file's rows; with --quick, made-up ones with the same columns (users have tastes).
rows() {
    if [ $quick = no ]; then
        gzip -dc "$data/$1"
    else
        awk -v which="$1" 'BEGIN {
            srand(which ~ /test/ ? 2 : 1)
            n = which ~ /test/ ? 2 : 12
            for (u = 0; u < 60; u++) {
                delete had
                for (i = 0; i < n; i++) {
                    item = (u % 3) * 30 + int(rand() * 30) + (which ~ /test/ ? 0.5 : 0)
                    item = int(item)
                    if (item in had) continue
                    had[item] = 1
                    if (which ~ /^ml/) printf "%d\t%d\t%d\t%d\n", u, item, 5, i
                    else printf "%d\t%d\n", u, item
                }
            }
        }'
    fi
}

fresh_schema() {
    sql -c "CREATE EXTENSION IF NOT EXISTS recadv" -c "DROP SCHEMA IF EXISTS recadv_bench CASCADE" \
        -c "CREATE SCHEMA recadv_bench"
    trap 'sql -c "DROP SCHEMA IF EXISTS recadv_bench CASCADE"' EXIT
}
