-- Moments: neither one in the future nor one far beyond the others hides the rows that come later.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

-- 400 events within 400 minutes, six days ago (of dates: within 40 days, half a year ago)
CREATE FUNCTION make(type text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS clicks, m;
    EXECUTE format(
        $q$CREATE TABLE clicks AS
           SELECT 1 + n %% 40 AS user_id, 1 + noise('i' || n) %% 30 AS item_id,
                  (now() - CASE WHEN %1$L = 'date' THEN interval '200 days' ELSE interval '6 days' END
                   + n * CASE WHEN %1$L = 'date' THEN interval '144 minutes'
                              ELSE interval '1 minute' END)::%1$s AS at
           FROM generate_series(1, 400) n$q$,
        type);
END $$;
CREATE FUNCTION train() RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train('m', 'clicks', time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":8,"epochs":1,"holdout":"none","lateness":60}')
$$;
CREATE FUNCTION learn() RETURNS bigint LANGUAGE sql AS $$
    SELECT events FROM recadv_refresh('m', false)
$$;
CREATE FUNCTION newest() RETURNS text LANGUAGE sql AS $$
    SELECT recadv_info('m') #>> '{stream,newest}'
$$;

-- `stray` comes by a training, a refresh, or observed; rows a day after the others are learnt after
CREATE FUNCTION strays(type text, stray text, way text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    name text := format('%s, %s, %s: ', type, stray, way);
    before text;
BEGIN
    PERFORM make(type);
    PERFORM train();
    before := newest();
    IF way = 'observed' THEN
        EXECUTE format('SELECT recadv_observe(''m'', 1, 1, (%s)::%s::text)', stray, type);
    ELSE
        EXECUTE format('INSERT INTO clicks VALUES (1, 1, (%s)::%s)', stray, type);
    END IF;
    IF way = 'training' THEN
        PERFORM train();
    ELSE
        RETURN NEXT is(learn(), 1::bigint, name || 'is learnt');
    END IF;
    RETURN NEXT is(learn(), 0::bigint, name || 'once');
    RETURN NEXT is(newest(), before, name || 'does not move the watermark');
    EXECUTE format(
        'INSERT INTO clicks SELECT n, 100 + n, max(at)%s
         FROM clicks, generate_series(1, 20) n WHERE item_id < 100 AND at < now() - interval ''5 days''
         GROUP BY n',
        CASE WHEN type = 'date' THEN ' + 1' ELSE ' + interval ''1 hour''' END);
    RETURN NEXT is(
        (SELECT row(events, new_items) FROM recadv_refresh('m', false)),
        row(20::bigint, 20::bigint),
        name || 'what comes later is learnt');
    RETURN NEXT is(learn(), 0::bigint, name || 'also once');
    RETURN NEXT isnt(newest(), before, name || 'and moves the watermark');
END $$;
SELECT strays(type, stray, way)
FROM unnest('{timestamptz,timestamp,date}'::text[]) type,
     unnest(ARRAY['''infinity''', 'now() + interval ''3 days''', '''9999-12-31''',
                  'now() + interval ''20 years''']) stray,
     unnest('{training,refresh,observed}'::text[]) way;
-- not in the future, but far beyond the others: one such row is no proof
SELECT strays(type, 'now()', way)
FROM unnest('{timestamptz,timestamp,date}'::text[]) type,
     unnest('{training,refresh,observed}'::text[]) way;

-- what has come for more than a few is followed
SELECT make('timestamptz') \g /dev/null
SELECT train() \g /dev/null
INSERT INTO clicks SELECT n, 100, now() - interval '1 minute' FROM generate_series(1, 40) n;
SELECT is(learn(), 40::bigint, 'forty rows');
SELECT is(newest()::timestamptz, now() - interval '1 minute', 'are followed');
INSERT INTO clicks SELECT n, 101, now() + interval '1 hour' FROM generate_series(1, 400) n;
SELECT is(learn(), 400::bigint, 'four hundred in the future');
SELECT is(newest()::timestamptz, now() - interval '1 minute', 'are not');
INSERT INTO clicks SELECT n, 102, now() - interval '1 minute' FROM generate_series(1, 40) n;
SELECT is(learn(), 40::bigint, 'and hide none that come now');

-- all of them in the future, or without end
SELECT make('timestamptz') \g /dev/null
UPDATE clicks SET at = at + interval '10 years';
SELECT train() \g /dev/null
SELECT is(newest(), NULL, 'all in the future: no watermark');
INSERT INTO clicks SELECT 50, 50, now();
SELECT is(learn(), 1::bigint, 'what comes now is learnt');
SELECT is(learn(), 0::bigint, 'once');
UPDATE clicks SET at = 'infinity';
SELECT train() \g /dev/null
SELECT is(newest(), NULL, 'all without end: no watermark');
INSERT INTO clicks SELECT 51, 51, now();
SELECT is(learn(), 1::bigint, 'what comes now is learnt');
SELECT is(learn(), 0::bigint, 'once');
UPDATE clicks SET at = '-infinity' WHERE user_id < 30;
SELECT train() \g /dev/null
SELECT is(learn(), 0::bigint, 'nothing is new where some have no beginning');

-- beyond double precision
SELECT make('date') \g /dev/null
ALTER TABLE clicks ALTER at TYPE numeric USING at - '2020-01-01'::date;
SELECT train() \g /dev/null
INSERT INTO clicks VALUES (1, 1, 1e400);
SELECT is(learn(), 1::bigint, 'a number that no double precision holds is infinite, no error');
SELECT is(learn(), 0::bigint, 'and learnt once');
SELECT * FROM finish();
ROLLBACK;
