-- Numbers as times: a few that lie far beyond all others do not hide the rows that come later.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

-- 400 events in 4000 seconds
CREATE FUNCTION make(type text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS clicks, m;
    EXECUTE format(
        $q$CREATE TABLE clicks AS
           SELECT 1 + n %% 40 AS user_id, 1 + noise('i' || n) %% 30 AS item_id,
                  (1700000000 + 10 * n)::%s AS at
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
CREATE FUNCTION newest() RETURNS numeric LANGUAGE sql AS $$
    SELECT (recadv_info('m') #>> '{stream,newest}')::numeric
$$;
-- events learnt, and the watermark then
CREATE FUNCTION reach() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    events bigint := learn();
BEGIN
    RETURN events || ', ' || newest();
END $$;

-- `stray` comes in by a refresh, observed, or by a training; what follows is learnt
CREATE FUNCTION strays(type text, stray text, way text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    name text := format('%s, %s, %s: ', type, stray, way);
BEGIN
    PERFORM make(type);
    IF way <> 'training' THEN
        PERFORM train();
    END IF;
    IF way = 'observed' THEN
        EXECUTE format('SELECT recadv_observe(''m'', 1, 1, %s)', stray);
    ELSE
        EXECUTE format('INSERT INTO clicks VALUES (1, 1, %s)', stray);
    END IF;
    IF way = 'training' THEN
        PERFORM train();
        RETURN NEXT is((recadv_info('m') #>> '{stream,events}')::int, 401, name || 'is learnt');
    ELSE
        RETURN NEXT is(learn(), 1::bigint, name || 'is learnt');
    END IF;
    RETURN NEXT is(learn(), 0::bigint, name || 'once');
    RETURN NEXT is(newest(), 1700004000::numeric, name || 'does not move the watermark');
    INSERT INTO clicks VALUES (2, 1, 1700004100), (3, 1, 1700004100);
    RETURN NEXT is(learn(), 2::bigint, name || 'what comes next is learnt');
    RETURN NEXT is(newest(), 1700004100::numeric, name || 'and moves it');
    INSERT INTO clicks VALUES (4, 1, 1700004040), (4, 1, 1700004039);
    RETURN NEXT is(learn(), 1::bigint, name || 'so does lateness what it is for');
    RETURN NEXT is(learn(), 0::bigint, name || 'nothing twice');
    PERFORM train();
    RETURN NEXT is(newest(), 1700004100::numeric, name || 'nor does it after a training');
    RETURN NEXT is(learn(), 0::bigint, name || 'which leaves nothing');
END $$;
SELECT strays(t, s, w)
FROM unnest('{bigint,double precision,numeric}'::text[]) t,
     unnest('{1700000010000,253402300799}'::text[]) s,
     unnest('{refresh,observed,training}'::text[]) w;
SELECT strays('integer', '2000000000', w) FROM unnest('{refresh,observed,training}'::text[]) w;
SELECT strays('bigint', '9223372036854775807', w)
FROM unnest('{refresh,observed,training}'::text[]) w;

-- as far beyond as the others span, and a little further
SELECT make('bigint') \g /dev/null
SELECT train() \g /dev/null
INSERT INTO clicks VALUES (1, 1, 1700004000 + 3991);
SELECT is(reach(), concat_ws(', ', 1, 1700004000), 'further than 3990');
INSERT INTO clicks VALUES (1, 2, 1700004000 + 3990);
SELECT is(reach(), concat_ws(', ', 1, (1700004000 + 3990)), 'not further');

-- time that has really jumped: more than 10, more than 1 % of the events
CREATE FUNCTION jump(rows int) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM make('bigint');
    IF rows > 10 THEN
        INSERT INTO clicks
        SELECT 1 + n % 40, 1 + n % 30, 1700000000 + n
        FROM generate_series(1, 100 * rows - 400 + 20) n;
    END IF;
    PERFORM train();
    INSERT INTO clicks VALUES (1, 1, 1700000010000);
    PERFORM learn();
    INSERT INTO clicks SELECT 1 + n % 40, 5, 1800000000 + n FROM generate_series(1, rows - 1) n;
    RETURN NEXT is(reach(), concat_ws(', ', (rows - 1), 1700004000), rows || ' are few');
    INSERT INTO clicks VALUES (1, 5, 1800000100);
    RETURN NEXT is(
        reach(),
        concat_ws(', ', 1, 1800000100),
        'one more, and the watermark is there; the stray time is not believed yet');
    RETURN NEXT is(learn(), 0::bigint, 'nothing is left');
    INSERT INTO clicks VALUES (1, 6, 1800000101), (1, 6, 1800000039);
    RETURN NEXT is(learn(), 1::bigint, 'lateness counts from there');
    PERFORM train();
    RETURN NEXT is(newest(), 1800000101::numeric, 'a training sees it alike');
END $$;
SELECT jump(n) FROM unnest('{10,30}'::int[]) n;

-- all at one time; the first moves on, wherever to
SELECT make('bigint') \g /dev/null
UPDATE clicks SET at = 0;
SELECT train() \g /dev/null
INSERT INTO clicks VALUES (1, 1, 1700000000);
SELECT is(reach(), concat_ws(', ', 1, 1700000000), 'no span yet');

-- moments have a present
SELECT make('numeric') \g /dev/null
ALTER TABLE clicks ALTER at TYPE timestamptz USING to_timestamp(at);
SELECT train() \g /dev/null
INSERT INTO clicks VALUES (1, 1, '2026-01-01');
SELECT learn() \g /dev/null
SELECT is(
    (recadv_info('m') #>> '{stream,newest}')::timestamptz,
    to_timestamp(1700004000),
    'one far beyond the others is not followed, though its time has come');
INSERT INTO clicks SELECT n, 1, '2026-01-01' FROM generate_series(1, 10) n;
SELECT learn() \g /dev/null
SELECT is(
    (recadv_info('m') #>> '{stream,newest}')::timestamptz,
    '2026-01-01',
    'more than ten are');
SELECT isnt(recadv_info('m') #>> '{stream,first}', NULL, 'and the first is remembered');

-- a header that does not know the first time
SELECT make('bigint') \g /dev/null
SELECT train() \g /dev/null
\ir forge.psql
UPDATE m SET data = json_block('header', (recadv_info('m') #- '{stream,first}')::text)
WHERE part = 'header';
INSERT INTO clicks VALUES (1, 1, 1700004001);
SELECT is(reach(), concat_ws(', ', 1, 1700004001), 'then time may move on');

SELECT * FROM finish();
ROLLBACK;
