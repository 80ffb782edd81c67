# shellcheck shell=bash
#
# lib.sh: what the benchmark scripts share.  Sourced, never run.

set -eu
quick=no
[ "${1:-}" != --quick ] || quick=yes
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=${RECADV_DATA:-$top/data}

sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "SET client_min_messages = warning" "$@"; }

# need_file NAME: ends the script where the data is missing.
need_file() {
    [ $quick = yes ] || [ -r "$data/$1" ] || {
        echo "skipped: $data/$1 is missing; RECADV_DATA names the directory of the data"
        exit 77
    }
}

# published DATA: the split that a variant is made of: NAME-swapped, in which users and items have changed places, and
# NAME-thin, with every third row of the training part.
published() { sed -E 's/-(swapped|thin)$//' <<<"$1"; }

# need_split DATA: the files of a published split, or the one that others are made of (ml-100k and what begins so).
need_split() {
    case $1 in
    ml-100k*) need_file ml-100k.tsv.gz ;;
    *)
        need_file "$(published "$1").train.tsv.gz"
        need_file "$(published "$1").test.tsv.gz"
        ;;
    esac
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

# load_split NAME: recadv_bench.train and recadv_bench.test of a published split.
load_split() {
    local part

    need_file "$1.train.tsv.gz"
    need_file "$1.test.tsv.gz"
    for part in train test; do
        sql -c "DROP TABLE IF EXISTS recadv_bench.$part" \
            -c "CREATE TABLE recadv_bench.$part (user_id int, item_id int)"
        rows "$1.$part.tsv.gz" | cut -f1,2 | sql -c "COPY recadv_bench.$part FROM STDIN"
        sql -c "VACUUM ANALYZE recadv_bench.$part"
    done
}

# number FULL QUICK: which of the two this run takes.
number() { if [ $quick = yes ]; then echo "$2"; else echo "$1"; fi; }

# keep NAME VALUE: one measurement.  median NAME: of all that were kept; middle: of the lines read;
# "-" where one could not be measured, which is kept as "-" or as nothing.
keep() { echo "${2:--}" >>"$work/kept.$1"; }
middle() {
    sort -g | awk '$1 == "-" { none = 1 } { v[NR] = $1 }
        END { if (none) print "-"; else if (NR) printf "%.6g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
median() { middle <"$work/kept.$1"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a != "-" && b > 0) printf "%.2f\n", a / b; else print "-" }'; }

# core_archive FLAGS: the numerics, compiled once for all scripts with these sources and flags.
core_archive() {
    local key archive objects

    key=$(cd "$top" && find src/core src/algo -name '*.[ch]' -print0 | sort -z | xargs -0 cat | cat - <(echo "$1") | md5sum)
    archive=$top/build/bench/${key%% *}.a
    if [ ! -r "$archive" ]; then
        mkdir -p "$top/build/bench" 2>/dev/null || true
        [ -w "$top/build/bench" ] || archive=$work/core.a
        objects=$(mktemp -d "$work/core.XXXXXX")
        # shellcheck disable=SC2016
        (cd "$top" && find src/core src/algo -name '*.c' -print0 |
            xargs -0 -n 8 -P "$(nproc)" sh -c 'for c; do cc '"$1"' -Isrc -c "$c" -o "'"$objects"'/$(echo "$c" | tr / _).o" || exit 255; done' sh)
        ar -rcs "$objects/core.a" "$objects"/*.o
        mv "$objects/core.a" "$archive"
        rm -r "$objects"
    fi
    echo "$archive"
}

# compile_with_core NAME: NAME.c and the numerics into $work/NAME, with the flags of the extension and those in
# $more_flags; --quick has no time for the optimiser.
compile_with_core() {
    local flags archive

    flags=$(make -s --no-print-directory -C "$top" \
        --eval='bench_flags: ; @echo $(CPPFLAGS) $(CFLAGS) $(CFLAGS_SL)' bench_flags)
    flags="$flags ${more_flags:-}"
    [ $quick = no ] || flags="$flags -O0 -g0"
    archive=$(core_archive "$flags")
    # shellcheck disable=SC2086,SC2154
    (cd "$top" && cc $flags -Isrc "bench/$1.c" "$archive" -o "$work/$1" -lm -lpthread -ldl)
}

# dense TRAIN TEST: into train.tsv and test.tsv in $work, for programs without the server: ids in their order
# from 0, as a model has them.  Users who do not train are no test; items that nobody trained with come after the others.
dense() {
    cut -f1 "$1" | sort -nu >"$work/users"
    cut -f2 "$1" | sort -nu >"$work/items"
    for part in train test; do
        awk -F'\t' -v OFS='\t' 'FILENAME ~ /users$/ { user[$1] = users++; next }
            FILENAME ~ /items$/ { item[$1] = items++; next }
            $1 in user { if (!($2 in item)) item[$2] = items++
                $1 = user[$1]; $2 = item[$2]; print }' \
            "$work/users" "$work/items" "$([ $part = train ] && echo "$1" || echo "$2")" >"$work/$part.tsv"
    done
}

# split_rows DATA PART: user and item of the part train or test.
split_rows() {
    rows "$(published "$1").$2.tsv.gz" | case $1/$2 in
    *-swapped/*) awk -F'\t' -v OFS='\t' '{ print $2, $1 }' ;;
    *-thin/train) awk -F'\t' -v OFS='\t' 'NR % 3 == 0 { print $1, $2 }' ;;
    *) cut -f1,2 ;;
    esac
}

# dense_split DATA: train.tsv and test.tsv in $work, with dense ids.  ml-100k: the latest interaction of
# each user (of several at one time the last one of the file) is the test item, with times in train.tsv.
dense_split() {
    if [ "$1" = ml-100k ]; then
        rows ml-100k.tsv.gz | awk -F'\t' -v OFS='\t' -v test="$work/raw.test" '
            { user[NR] = $1; item[NR] = $2; time[NR] = $4
              if (!($1 in latest) || $4 >= time[latest[$1]]) latest[$1] = NR }
            END { for (i = 1; i <= NR; i++)
                if (item[i] != item[latest[user[i]]]) print user[i], item[i], time[i]
                else if (i == latest[user[i]]) print user[i], item[i] >test }' >"$work/raw.train"
    else
        split_rows "$1" train >"$work/raw.train"
        split_rows "$1" test >"$work/raw.test"
    fi
    dense "$work/raw.train" "$work/raw.test"
}

# figures_of_core K: of what core prints, the algorithm trained, processor seconds of training and of the search
# before it, recall and NDCG at K, and NDCG@100 of the held-out interactions.
figures_of_core() {
    awk -v k="$1" '/^chosen in/ { for (i = 2; i <= NF; i++) if ($i ~ /^processor-s/) seconds += $(i - 1) }
        / recall@/ { for (i = 2; i <= NF; i++) {
            if ($(i - 1) == "|") name = $i
            if ($i == "val") validation = $(i + 1)
            if ($i == "processor-s") seconds += $(i - 1)
            if ($i == "recall@" k) recall = $(i + 1)
            if ($i == "ndcg@" k) ndcg = $(i + 1) } }
        END { if (recall == "" || ndcg == "") exit 1
            print name, seconds, recall, ndcg, validation == "" ? "-" : validation }'
}

fresh_schema() {
    sql -c "CREATE EXTENSION IF NOT EXISTS recadv" -c "DROP SCHEMA IF EXISTS recadv_bench CASCADE" \
        -c "CREATE SCHEMA recadv_bench"
    trap 'sql -c "DROP SCHEMA IF EXISTS recadv_bench CASCADE"' EXIT
}

# recadv_bench.watch(): samples the private memory of the session whose application_name is
# recadv_watched, every 4 ms until that ends: its highest use less the first sample, or NULL.  The
# shared buffers that it touches belong to the server.
create_watch() {
    sql -c "CREATE PROCEDURE recadv_bench.watch(OUT peak bigint) LANGUAGE plpgsql AS \$\$
        DECLARE
            watched int;
            used bigint;
            first bigint;
        BEGIN
            WHILE watched IS NULL LOOP
                PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01);
                SELECT pid INTO watched FROM pg_stat_activity
                WHERE application_name = 'recadv_watched';
            END LOOP;
            LOOP
                BEGIN
                    used := 1024 * substring(pg_read_file('/proc/' || watched || '/status', 0, 9999, true)
                        FROM 'RssAnon:\s*(\d+)')::bigint;
                EXCEPTION WHEN internal_error THEN
                    used := NULL; -- no such process: it ended between opening and reading
                END;
                EXIT WHEN used IS NULL;
                first := coalesce(first, used);
                peak := greatest(peak, used - first);
                PERFORM pg_sleep(0.004);
            END LOOP;
        END \$\$"
}
