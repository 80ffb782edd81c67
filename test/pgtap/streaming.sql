-- recadv_refresh and recadv_observe: every event is learnt once, whatever its time and the way it
-- came.
BEGIN;
\ir setup.psql
\ir clicks.psql
SELECT * FROM no_plan();

-- the newest
INSERT INTO clicks VALUES (1, 1, '2020-02-01');

CREATE FUNCTION train(model text, source text, more jsonb DEFAULT '{}', u name DEFAULT 'user_id',
    i name DEFAULT 'item_id', t name DEFAULT 'at')
RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, source, u, i, t, 'nmrn',
        '{"factors":8,"epochs":2,"batch_size":1,"holdout":"none","seed":7}' || more)
$$;
CREATE FUNCTION events(model text) RETURNS bigint LANGUAGE sql AS $$
    SELECT (recadv_info(model) #>> '{stream,events}')::bigint
$$;
CREATE FUNCTION learn(model text) RETURNS bigint LANGUAGE sql AS $$
    SELECT events FROM recadv_refresh(model, false)
$$;
-- every row of the table but the log, and where it is
CREATE FUNCTION rows_of(model text) RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format(
        $q$SELECT count(*) || ' ' || md5(string_agg(
               concat_ws(' ', version, part, block, md5(data), ctid, xmin, cmin),
               ',' ORDER BY version, part, block))
           FROM %s WHERE part NOT IN ('run', 'last_run', 'refreshes')$q$,
        model))
$$;
-- rows of the table under parts that begin so
CREATE FUNCTION pending(model text, prefix text DEFAULT 'event:') RETURNS bigint LANGUAGE sql AS $$
    SELECT value_of(format('SELECT count(*) FROM %s WHERE version = 0 AND starts_with(part, %L)',
        model, prefix))::bigint
$$;
CREATE FUNCTION top(u bigint, model text, k int DEFAULT 1000) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT array_agg(item ORDER BY rank) FROM recadv_topk(u, k, model)
$$;

-- what is new, and nothing else
SELECT is(train('m', 'clicks'), 1, 'trained');
SELECT is(events('m'), (SELECT count(*) FROM clicks), 'a training learns all rows');
SELECT rows_of('m') AS rows \gset
SELECT is(learn('m'), 0::bigint, 'nothing is new');
SELECT is(rows_of('m'), :'rows', 'and nothing is written but a row of the log');
SELECT is(
    row(events, observed, null_rows, new_users, new_items, ranked, hr, ndcg, mrr),
    row(0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, NULL::float8,
        NULL::float8, NULL::float8),
    'a row that says so')
FROM recadv_refresh('m');
INSERT INTO clicks
SELECT 1 + n % 40, 1 + n % 30, '2020-02-01'::timestamptz + n * interval '1 second'
FROM generate_series(1, 100) n;
SELECT is(
    row(model, version, events, observed, new_users, new_items),
    row('m'::text, 1, 100::bigint, 0::bigint, 0::bigint, 0::bigint),
    'a hundred new rows')
FROM recadv_refresh('m', false);
SELECT is(events('m'), (SELECT count(*) FROM clicks), 'are counted');
SELECT isnt(rows_of('m'), :'rows', 'and stored');
SELECT is(learn('m'), 0::bigint, 'once');
SELECT is(
    (recadv_info('m') ->> 'interactions')::bigint,
    (SELECT count(DISTINCT (user_id, item_id)) FROM clicks),
    'distinct pairs');
SELECT is(
    (recadv_info('m') #>> '{stream,newest}')::timestamptz,
    (SELECT max(at) FROM clicks),
    'the watermark');

-- equal times
INSERT INTO clicks SELECT 2 + n, 3, '2020-02-01 00:01:40' FROM generate_series(1, 5) n;
SELECT is(learn('m'), 5::bigint, 'rows of the time of the watermark');
INSERT INTO clicks SELECT 2 + n, 4, '2020-02-01 00:01:40' FROM generate_series(1, 6) n;
SELECT is(learn('m'), 6::bigint, 'and more of them');
-- late rows
INSERT INTO clicks SELECT 3, n, '2020-01-31 23:30:00' FROM generate_series(1, 7) n;
SELECT is(learn('m'), 7::bigint, 'rows that come late, within lateness');
SELECT is(learn('m'), 0::bigint, 'once');
INSERT INTO clicks VALUES (3, 1, '2020-01-31 23:01:40'), (3, 1, '2020-01-31 23:01:39.999999');
SELECT is(
    learn('m'),
    1::bigint,
    'the start of the window is part of it, what lies before is not read');
SELECT is(learn('m'), 0::bigint, 'still not');
INSERT INTO clicks VALUES (3, 2, '2019-01-01'), (3, 3, '-infinity');
SELECT is(learn('m'), 0::bigint, 'nor rows that are much older');
SELECT is(train('m', 'clicks'), 2, 'a training');
SELECT is(events('m'), (SELECT count(*) FROM clicks), 'reads them');
SELECT is(learn('m'), 0::bigint, 'and leaves nothing');
-- NULLs
INSERT INTO clicks VALUES
    (NULL, 1, '2020-02-02'), (1, NULL, '2020-02-02'), (1, 1, NULL), (NULL, NULL, NULL);
SELECT is(
    row(events, null_rows),
    row(0::bigint, 2::bigint),
    'NULL ids are counted, rows without a time not read')
FROM recadv_refresh('m');
DELETE FROM clicks WHERE user_id IS NULL OR item_id IS NULL OR at IS NULL;
-- the same again
INSERT INTO clicks SELECT 5, 5, '2020-02-01 01:00:00' FROM generate_series(1, 2);
SELECT is(learn('m'), 2::bigint, 'two equal rows are two events');
INSERT INTO clicks VALUES (5, 5, '2020-02-01 01:00:00');
SELECT is(learn('m'), 1::bigint, 'a third one is one more');
INSERT INTO clicks
SELECT 6, 7, '2020-02-01 01:00:00'::timestamptz + n * interval '1 second'
FROM generate_series(1, 500) n;
SELECT is(
    row(events, new_users, new_items, ranked <= 1),
    row(500::bigint, 0::bigint, 0::bigint, true),
    'a burst of one pair: a pair that is known is not ranked')
FROM recadv_refresh('m');
INSERT INTO clicks
SELECT 7, 1 + n % 30, '2020-02-01 01:10:00'::timestamptz + n * interval '1 second'
FROM generate_series(1, 2000) n;
SELECT is(learn('m'), 2000::bigint, 'a burst of one user');
SELECT is(learn('m'), 0::bigint, 'once');
SELECT is(top(7, 'm'), NULL, 'who then has all items');
-- rows that went
DELETE FROM clicks WHERE user_id = 7;
SELECT is(learn('m'), 0::bigint, 'rows that were deleted stay learnt');
-- times to come
INSERT INTO clicks VALUES (8, 1, now() + interval '10 years'), (8, 2, 'infinity');
SELECT is(learn('m'), 2::bigint, 'times to come');
SELECT is(learn('m'), 0::bigint, 'once');
SELECT cmp_ok(
    (recadv_info('m') #>> '{stream,newest}')::timestamptz,
    '<=',
    clock_timestamp(),
    'the watermark does not follow them');
INSERT INTO clicks VALUES (9, 1, clock_timestamp());
SELECT is(learn('m'), 1::bigint, 'so they hide nothing');
SELECT is(learn('m'), 0::bigint, 'once');
-- new users and items
INSERT INTO clicks VALUES
    (1001, 1, clock_timestamp()), (1001, 501, clock_timestamp()), (1002, 502, clock_timestamp()),
    (1, 501, clock_timestamp());
SELECT is(
    row(events, new_users, new_items),
    row(4::bigint, 2::bigint, 2::bigint),
    'new users, new items')
FROM recadv_refresh('m');
SELECT ok(
    recadv_has_user(1001, 'm') AND recadv_has_user(1002, 'm') AND NOT recadv_has_user(1003, 'm'),
    'are known');
SELECT ok(502 = ANY (top(1001, 'm')) AND NOT 501 = ANY (top(1001, 'm')), 'are served');
SELECT ok(recadv_score(1002, 501, 'm') IS NOT NULL, 'and have scores');
SELECT is(recadv_info('m') ->> 'added_items', '2', 'the header counts them');

-- observed: served at once, whether the items are in memory or not
CREATE FUNCTION observed_is_served(size text, phase text, m text DEFAULT 'm')
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('recadv.cache_size', size, true);
    phase := format('%s, recadv.cache_size %s: ', phase, size);
    RETURN NEXT ok(recadv_has_user(2001, m), phase || 'a new user is known');
    RETURN NEXT ok(601 = ANY (top(1, m)), phase || 'a new item is recommended');
    RETURN NEXT ok(
        NOT 601 = ANY (top(2001, m)) AND 1 = ANY (top(2001, m)),
        phase || 'a new user has what was observed');
    RETURN NEXT ok(
        recadv_score(2001, 601, m) IS NOT NULL AND recadv_score(2, 601, m) IS NOT NULL,
        phase || 'has scores');
    RETURN NEXT ok(
        NOT 29 = ANY (top(2, m)),
        phase || 'a known user is not offered what was observed');
    RETURN NEXT is(
        (SELECT count(*) FROM recadv_topk('2001', 1000, m)),
        (SELECT count(*) FROM recadv_topk(2001, 1000, m)),
        phase || 'by text, too');
    PERFORM set_config('recadv.cache_size', '100MB', true);
END $$;
SELECT ok(NOT recadv_has_user(2001, 'm'), 'not yet known');
SELECT recadv_topk(2, 1, 'm') \g /dev/null
SELECT recadv_score(2, 5, 'm') AS score \gset
DELETE FROM clicks WHERE (user_id, item_id) = (2, 29);
SELECT train('m', 'clicks') \g /dev/null
SELECT recadv_score(2, 5, 'm') AS score \gset
SELECT ok(29 = ANY (top(2, 'm')), 'a known user, before');
SELECT ok(
    recadv_observe('m', 2001, 601)
        AND recadv_observe('m', 2, 29)
        AND recadv_observe('m', 2, 28, clock_timestamp()),
    'observe');
SELECT is(
    row(pending('m'), pending('m', 'item:')),
    row(3::bigint, 1::bigint),
    'a row per event, and one for a new item');
SELECT isnt(recadv_score(2, 5, 'm')::text, :'score', 'scores follow');
SELECT observed_is_served(s, 'observed') FROM unnest('{100MB,64kB,0}'::text[]) s;
SELECT is(
    row(events, observed, new_users, new_items),
    row(3::bigint, 3::bigint, 1::bigint, 1::bigint),
    'a refresh learns them, though they are not in the source')
FROM recadv_refresh('m');
SELECT is(
    row(pending('m'), pending('m', 'item:')),
    row(0::bigint, 0::bigint),
    'and clears their rows');
SELECT observed_is_served(s, 'refreshed') FROM unnest('{100MB,64kB,0}'::text[]) s;
SELECT is(learn('m'), 0::bigint, 'once');
-- a generator, which serving has not
SELECT recadv_train('gan', 'clicks', time_column => 'at', algorithm => 'nmrn_gan',
    options => '{"factors":8,"epochs":1,"holdout":"none"}') \g /dev/null
SELECT recadv_observe('gan', 2001, 601), recadv_observe('gan', 2, 29) \g /dev/null
SELECT observed_is_served(s, 'observed, nmrn_gan', 'gan') FROM unnest('{100MB,64kB,0}'::text[]) s;
SELECT is(learn('gan'), 2::bigint, 'learnt');
SELECT observed_is_served(s, 'refreshed, nmrn_gan', 'gan') FROM unnest('{100MB,64kB,0}'::text[]) s;
-- observed and in the source
SELECT now() - interval '30 seconds' AS t, (now() - interval '31 seconds')::text AS t2,
       (now() - interval '32 seconds')::text AS t3 \gset
INSERT INTO clicks VALUES (10, 11, :'t');
SELECT recadv_observe('m', 10, 11, :'t'::timestamptz) \g /dev/null
SELECT is(
    row(events, observed),
    row(1::bigint, 1::bigint),
    'observed and in the source: learnt once')
FROM recadv_refresh('m', false);
INSERT INTO clicks VALUES (10, 12, :'t2');
SELECT is(learn('m'), 1::bigint, 'in the source first');
SELECT recadv_observe('m', 10, 12, :'t2'::timestamptz) \g /dev/null
SELECT is(row(events, observed), row(0::bigint, 1::bigint), 'observed later: it is known')
FROM recadv_refresh('m', false);
SELECT is(pending('m'), 0::bigint, 'and forgotten');
SELECT recadv_observe('m', 10, 13, :'t3'::timestamptz) \g /dev/null
SELECT is(learn('m'), 1::bigint, 'observed first');
INSERT INTO clicks VALUES (10, 13, :'t3');
SELECT is(learn('m'), 0::bigint, 'in the source later: it is known');
SELECT recadv_observe('m', 10, 14, '2019-01-01'::timestamptz) \g /dev/null
INSERT INTO clicks VALUES (10, 14, '2019-01-01');
SELECT is(learn('m'), 1::bigint, 'observed, older than lateness: learnt all the same');
SELECT is(learn('m'), 0::bigint, 'once');
SELECT recadv_observe('m', 10, 15, :'t'::timestamptz) FROM generate_series(1, 3) \g /dev/null
INSERT INTO clicks SELECT 10, 15, :'t' FROM generate_series(1, 3);
SELECT is(row(events, observed), row(3::bigint, 3::bigint), 'three times both')
FROM recadv_refresh('m', false);
-- a training in between
SELECT recadv_observe('m', 11, 1, :'t'::timestamptz),
       recadv_observe('m', 11, 2, :'t2'::timestamptz) \g /dev/null
INSERT INTO clicks VALUES (11, 1, :'t');
SELECT train('m', 'clicks') \g /dev/null
SELECT is(
    row(events, observed),
    row(1::bigint, 1::bigint),
    'a training between: what it has read is known, what is not in the source is not lost')
FROM recadv_refresh('m', false);
-- NULL arguments
SELECT ok(
    NOT recadv_observe('m', NULL::bigint, 1)
        AND NOT recadv_observe('m', 1, NULL::bigint)
        AND NOT recadv_observe('m', NULL::text, NULL::text),
    'NULL ids: false');
SELECT is(pending('m'), 0::bigint, 'and nothing done');
SELECT ok(recadv_observe('m', 12, 1, NULL::timestamptz), 'a NULL time is now()');
INSERT INTO clicks VALUES (12, 1, now());
SELECT is(row(events, observed), row(1::bigint, 1::bigint), 'as of a row with the default now()')
FROM recadv_refresh('m', false);
-- rolled back
SAVEPOINT s;
SELECT recadv_observe('m', 3001, 701) \g /dev/null
SELECT ok(recadv_has_user(3001, 'm'), 'in a savepoint');
ROLLBACK TO s;
SELECT ok(NOT recadv_has_user(3001, 'm'), 'rolled back: it never was');
SELECT is(row(pending('m'), pending('m', 'item:')), row(0::bigint, 0::bigint), 'no row');
SELECT recadv_observe('m', 13, 1, '2021-01-01'::timestamptz),
       recadv_observe('m', 13, 2, '2021-01-01'::timestamptz) \g /dev/null
SAVEPOINT s;
SELECT is(learn('m'), 2::bigint, 'a refresh in a savepoint');
ROLLBACK TO s;
SELECT is(row(pending('m'), learn('m')), row(2::bigint, 2::bigint), 'rolled back: done again');

-- an older version learns what it lacks
SELECT is(train('v', 'clicks', '{"lateness":1e9}'), 1, 'version 1');
SELECT count(*) AS before FROM clicks \gset
INSERT INTO clicks VALUES (14, 1, clock_timestamp()), (14, 802, clock_timestamp());
SELECT is(train('v', 'clicks', '{"lateness":1e9}'), 2, 'version 2 has two more');
INSERT INTO clicks VALUES (14, 3, clock_timestamp());
SELECT is(learn('v'), 1::bigint, 'and learns a third');
SELECT is(recadv_rollback('v'), 1, 'back to version 1');
SELECT is(events('v'), :before::bigint, 'which lacks three');
SELECT is(row(version, events, new_items), row(1, 3::bigint, 1::bigint), 'a refresh learns them')
FROM recadv_refresh('v', false);
SELECT is(recadv_rollback('v', 2), 2, 'forth again');
SELECT is(learn('v'), 0::bigint, 'it lacks nothing');
SELECT recadv_observe('v', 15, 802) \g /dev/null
SELECT recadv_rollback('v', 1) \g /dev/null
SELECT ok(NOT 802 = ANY (top(15, 'v')), 'observed in one version, pending in the other');

-- in one go, or in many
CREATE TABLE source (LIKE clicks);
INSERT INTO source SELECT * FROM clicks WHERE at < '2020-02-01';
SELECT train(m, 'source') FROM unnest('{one,many,seen}'::text[]) m \g /dev/null
CREATE FUNCTION state(model text) RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format(
        $q$SELECT md5(string_agg(part || block || md5(data), ' ' ORDER BY part, block))
           FROM %s WHERE version = 1 AND part NOT IN ('header', 'history')$q$,
        model))
$$;
SELECT is(count(DISTINCT state(m)), 1::bigint, 'three equal models')
FROM unnest('{one,many,seen}'::text[]) m;
CREATE TABLE more AS
SELECT row_number() OVER () AS n, 1 + noise('u' || n) % 50 AS user_id,
       1 + noise('i' || n) % 40 AS item_id,
       '2020-02-02'::timestamptz + n * interval '1 minute' AS at
FROM generate_series(1, 60) n;
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT * FROM more ORDER BY n LOOP
        INSERT INTO source VALUES (r.user_id, r.item_id, r.at);
        PERFORM recadv_observe('seen', r.user_id, r.item_id, r.at);
        PERFORM learn('many');
    END LOOP;
END $$;
SELECT is(learn('one'), 60::bigint, 'sixty in one go');
SELECT is(learn('seen'), 60::bigint, 'sixty, observed');
SELECT is(state('many'), state('one'), 'one by one gives the same state (batch_size 1)');
SELECT is(state('seen'), state('one'), 'and so does observing them');
SELECT is(events('many'), events('one'), 'and count');

-- metrics do not change what is learnt
SELECT train('ranked', 'source') \g /dev/null
SELECT train('plain', 'source') \g /dev/null
INSERT INTO source SELECT user_id, 1 + (item_id * 7) % 40, at + interval '3 hours' FROM more;
SELECT ok(
    ranked > 0
        AND ranked <= events
        AND hr BETWEEN 0 AND 1
        AND ndcg BETWEEN 0 AND hr
        AND mrr BETWEEN 0 AND 1,
    'metrics')
FROM recadv_refresh('ranked');
SELECT ok(ranked = 0 AND hr IS NULL AND mrr IS NULL, 'no metrics')
FROM recadv_refresh('plain', metrics => NULL);
SELECT is(state('plain'), state('ranked'), 'the same state with metrics and without');

-- every type of time, and ids of both kinds
CREATE FUNCTION of_type(type text, first text, later text, last text, id text DEFAULT 'bigint')
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    name text := type || ' of ' || id;
    number boolean := type
        IN ('smallint', 'integer', 'bigint', 'real', 'double precision', 'numeric');
BEGIN
    EXECUTE format(
        $q$CREATE TABLE typed AS
           SELECT u::%s AS user_id, i::%1$s AS item_id, %L::%s AS at
           FROM generate_series(1, 9) u, generate_series(1, 5) i
           WHERE (u + i) %% 3 > 0$q$,
        id,
        first,
        type);
    IF id = 'text' THEN
        UPDATE typed SET user_id = 'u' || user_id, item_id = 'i' || item_id;
    END IF;
    PERFORM train('typed_model', 'typed', '{"lateness":1}');
    RETURN NEXT is(learn('typed_model'), 0::bigint, name || ': nothing new');
    EXECUTE format('INSERT INTO typed SELECT user_id, item_id, %L FROM typed LIMIT 3', later);
    RETURN NEXT is(learn('typed_model'), 3::bigint, name || ': three rows');
    RETURN NEXT is(learn('typed_model'), 0::bigint, name || ': once');
    EXECUTE format('INSERT INTO typed SELECT user_id, item_id, %L FROM typed LIMIT 1', first);
    RETURN NEXT is(
        learn('typed_model'),
        0::bigint,
        name || ': one that is older than lateness is not read');
    EXECUTE format('SELECT recadv_observe(''typed_model'', %L::%s, ''77''::%2$s, %s)',
        CASE id WHEN 'text' THEN 'new' ELSE '99' END, id,
        CASE WHEN number THEN last ELSE quote_literal(last) END);
    EXECUTE format('INSERT INTO typed VALUES (%L, ''77'', %L)',
        CASE id WHEN 'text' THEN 'new' ELSE '99' END, last);
    RETURN NEXT is(
        (SELECT row(events, observed, new_users, new_items)::text
         FROM recadv_refresh('typed_model')),
        '(1,1,1,1)',
        name || ': observed and inserted, once');
    RETURN NEXT is(learn('typed_model'), 0::bigint, name || ': nothing is left');
    RETURN NEXT is(
        events('typed_model'),
        (SELECT count(*) - 1 FROM typed),
        name || ': all but the late one');
    RETURN NEXT is(
        recadv_info('typed_model') #>> '{stream,newest}',
        value_of('SELECT max(at)::text FROM typed'),
        name || ': the watermark');
    DROP TABLE typed, typed_model;
END $$;
SET LOCAL datestyle = iso;
SELECT of_type(t, '2020-01-01', '2020-01-05', '2020-01-06', id)
FROM unnest('{timestamptz,timestamp,date}'::text[]) t, unnest('{bigint,text}'::text[]) id;
SELECT of_type(t, '-7', '1000', '1001', id)
FROM unnest('{smallint,integer,bigint,real,double precision,numeric}'::text[]) t,
     unnest('{integer,text}'::text[]) id;
SELECT of_type('bigint', '1700000000000000001', '1800000000000000003', '1800000000000000005');
SELECT of_type('bigint', '-9223372036854775808', '-9223372036854775700', '9223372036854775807',
    'smallint');

-- numbers that are none
CREATE TABLE numbers (user_id int, item_id int, at float8);
INSERT INTO numbers
SELECT u, i, u FROM generate_series(1, 9) u, generate_series(1, 5) i
WHERE (u + i) % 2 = 0;
SELECT train('of_numbers', 'numbers', '{"lateness":2}') \g /dev/null
INSERT INTO numbers VALUES (1, 1, 'NaN'), (1, 1, '-Infinity'), (1, 1, 'Infinity');
SELECT is(learn('of_numbers'), 1::bigint, 'NaN is no time; Infinity is one');
INSERT INTO numbers VALUES (1, 3, 11);
SELECT is(learn('of_numbers'), 1::bigint, 'but no watermark');
SELECT is(learn('of_numbers'), 0::bigint, 'once');
SELECT train('of_numbers', 'numbers', '{"lateness":2}') \g /dev/null
SELECT is(recadv_info('of_numbers') #>> '{stream,newest}', '11', 'nor after a training');
-- trained on rows without any time
CREATE TABLE timeless AS SELECT user_id, item_id, NULL::timestamptz AS at FROM numbers;
SELECT train('of_nothing', 'timeless') \g /dev/null
SELECT is(learn('of_nothing'), 0::bigint, 'no times at all: nothing new');
INSERT INTO timeless VALUES (1, 2, '2020-01-01');
SELECT is(learn('of_nothing'), 1::bigint, 'the first time');
SELECT is(learn('of_nothing'), 0::bigint, 'once');

-- long ids
SELECT train(
    'of_text',
    $$(SELECT 'u' || user_id AS user_id, 'i' || item_id AS item_id, at FROM clicks)$$) \g /dev/null
SELECT ok(recadv_observe('of_text', repeat('ä', 500), repeat('ö', 500)), 'ids of a thousand bytes');
SELECT ok(recadv_observe('of_text', '', ''), 'ids of none');
SELECT ok(recadv_observe('of_text', E'a\'":\n% event:\\', 'item:x'), 'ids with signs');
SELECT ok(recadv_observe('of_text', 77, 78), 'numbers');
SELECT is(array_agg(recadv_has_user(u, 'of_text') ORDER BY u), '{t,t,t,t}', 'are known')
FROM unnest(ARRAY['', repeat('ä', 500), E'a\'":\n% event:\\', '77']) u;
SELECT is(row(events, new_users, new_items), row(4::bigint, 4::bigint, 4::bigint), 'learnt')
FROM recadv_refresh('of_text');
SELECT is(array_agg(recadv_has_user(u, 'of_text') ORDER BY u), '{t,t,t,t}', 'and known')
FROM unnest(ARRAY['', repeat('ä', 500), E'a\'":\n% event:\\', '77']) u;
SELECT ok('item:x' IN (SELECT item FROM recadv_topk('u1', 1000, 'of_text')), 'an item with a sign');

-- an image that was saved has no source
SELECT recadv_save(
    'saved',
    (SELECT recadv_fit(user_id, item_id, at,
         '{"algorithm":"nmrn","factors":8,"epochs":1,"holdout":"none"}')
     FROM clicks)) \g /dev/null
SELECT is(learn('saved'), 0::bigint, 'an image: nothing new');
SELECT recadv_observe('saved', 4001, 901), recadv_observe('saved', 4001, 902) \g /dev/null
SELECT ok(recadv_has_user(4001, 'saved') AND 901 = ANY (top(1, 'saved')), 'observed and served');
SELECT is(
    row(events, observed, new_users, new_items),
    row(2::bigint, 2::bigint, 1::bigint, 2::bigint),
    'and learnt')
FROM recadv_refresh('saved');
SELECT is(learn('saved'), 0::bigint, 'once');
-- what an image has learnt is not learnt again from those who observed it
SELECT recadv_observe('saved', 4002, 903, timestamptz '2020-02-01 00:02'),
       recadv_observe('saved', 4002, 904, timestamptz '2020-02-01 00:02:01'),
       recadv_observe('saved', 1, 1, timestamptz '2019-01-01') \g /dev/null
INSERT INTO clicks VALUES (4002, 903, '2020-02-01 00:02'), (1, 1, '2019-01-01');
SELECT recadv_save(
    'saved',
    (SELECT recadv_fit(user_id, item_id, at,
         '{"algorithm":"nmrn","factors":8,"epochs":1,"holdout":"none"}')
     FROM clicks)) \g /dev/null
SELECT is(
    row(pending('saved'), pending('saved', 'item:')),
    row(1::bigint, 1::bigint),
    'an image that has learnt two of three observed events');
SELECT is(learn('saved'), 1::bigint, 'leaves one to be learnt');

SELECT * FROM finish();
ROLLBACK;
