-- The times that recadv_observe takes: of every type, exactly those that an INSERT into the time
-- column would store; and errors for what is none.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();
SET LOCAL timezone = 'Asia/Tokyo';
CREATE DOMAIN stamp AS timestamptz;
CREATE DOMAIN word AS text;

CREATE FUNCTION make(type text, newest text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS events, m;
    EXECUTE format(
        $q$CREATE TABLE events AS
           SELECT u AS user_id, i AS item_id, %L::%s AS at
           FROM generate_series(1, 9) u, generate_series(1, 5) i
           WHERE (u + i) %% 3 > 0$q$,
        newest,
        type);
    PERFORM recadv_train('m', 'events', time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":8,"epochs":1,"holdout":"none","lateness":1e5}');
END $$;

-- a value that is observed and inserted is one event: two times that differ would be two
CREATE FUNCTION same(type text, newest text, expressions text[])
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    value text;
    learnt bigint;
BEGIN
    PERFORM make(type, newest);
    FOREACH value IN ARRAY expressions LOOP
        EXECUTE format('INSERT INTO events VALUES (1, 77, %s)',
            CASE WHEN value ~ '::(text|varchar|word)$' THEN value || '::' || type ELSE value END);
        EXECUTE format('SELECT recadv_observe(''m'', 1, 77, %s)', value);
        EXECUTE format('SELECT recadv_observe(''m'', ''1'', ''77'', at => %s)', value);
        SELECT r.events INTO learnt FROM recadv_refresh('m', false) r;
        RETURN NEXT is(learnt, 1::bigint, format('%s: %s', type, value));
    END LOOP;
END $$;
SELECT same('smallint', '1000',
    '{1001::smallint,1002,1003::bigint,1004.0,1005::real,1006::float8,''1007'','
    '1008::text,1009::varchar,1010::word}');
SELECT same('integer', '1000',
    '{1001::smallint,100002,100003::bigint,100004.00,100005::real,100006::float8,''100007''}');
SELECT same('bigint', '9007199254740000',
    '{9007199254740993,9007199254740995::numeric,''9007199254740997'','
    '9007199254740998::float8,9007199254740999::text}');
SELECT same('real', '-7',
    '{0.1,0.2::float8,0.3::real,''0.4'',0.5::text,16777217,33554433::bigint}');
SELECT same('double precision', '-7',
    '{0.1,0.2::float8,0.3::real,''0.4'',0.5::text,0.30000000000000001::numeric,'
    '1,2::smallint,9007199254740993}');
SELECT same('numeric', '-7',
    '{0.1,0.2::float8,0.3::real,''0.4'',0.5::text,1::numeric/3,1,2::smallint,9007199254740993}');
SELECT same('timestamptz', '2020-01-01',
    '{''2020-01-01 03:04:05.678901'',''2020-01-02 03:04:05.678901+02''::timestamptz,'
    '''2020-01-03 03:04:05.678901''::timestamp,''2020-01-04''::date,''2020-01-05''::stamp,'
    '''2020-01-06 12:00:00''::text,''2020-01-07''::varchar,''2020-01-08''::word}');
SELECT same('timestamp', '2020-01-01',
    '{''2020-01-01 03:04:05.678901'',''2020-01-02 03:04:05.678901+02''::timestamptz,'
    '''2020-01-03 03:04:05.678901''::timestamp,''2020-01-04''::date,'
    '''2020-01-06 12:00:00''::text}');
SELECT same('date', '2020-01-01',
    '{''2020-01-01'',''2020-01-02 23:04:05.678901+02''::timestamptz,'
    '''2020-01-03 23:04:05.678901''::timestamp,''2020-01-04''::date,''2020-01-06''::text}');

-- the column's own precision
CREATE DOMAIN second AS timestamp(0);
SELECT same(
    t,
    '2020-01-01',
    '{''2020-01-01 03:04:05.678901'',''2020-01-02 03:04:05.678901+02''::timestamptz,'
    '''2020-01-03 03:04:05.678901''::timestamp,''2020-01-04''::date,'
    '''2020-01-06 12:00:00.56789''::text}')
FROM unnest('{timestamp(0),timestamptz(3),second}'::text[]) t;
SELECT same('numeric(8,1)', '-7', '{0.16,0.26::float8,0.36::real,''0.46'',0.56::text,7}');

-- other times are other events
SELECT make('bigint', '9007199254740000') \g /dev/null
INSERT INTO events VALUES (1, 77, 9007199254740993);
SELECT recadv_observe('m', 1, 77, 9007199254740992) \g /dev/null
SELECT is(
    (SELECT events FROM recadv_refresh('m', false)),
    2::bigint,
    'no digit of a bigint is lost');

-- what no type is known of
PREPARE untyped AS SELECT recadv_observe($1, $2, $3, $4);
PREPARE untyped_number AS SELECT recadv_observe('m', 1, 77, $1);
INSERT INTO events VALUES (1, 77, 9007199254740995), (1, 77, 9007199254740997);
EXECUTE untyped('m', '1', '77', '9007199254740995') \g /dev/null
EXECUTE untyped_number('9007199254740997') \g /dev/null
SELECT is(
    (SELECT row(events, observed) FROM recadv_refresh('m', false)),
    row(2::bigint, 2::bigint),
    'parameters without a type');
SELECT works(
    'SELECT recadv_observe(user_id => 1, item_id => 1, at => 9007199254740999, model => ''m'')',
    'named arguments');
SELECT works(
    'SELECT recadv_observe(''m'', user_id, item_id, at) FROM recadv_test.events LIMIT 3',
    'columns');

-- wrong kinds, and numbers that the column cannot hold
CREATE FUNCTION refused(type text, newest text, expressions text[], state text, pattern text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    PERFORM make(type, newest);
    FOREACH value IN ARRAY expressions LOOP
        RETURN QUERY
            SELECT fails(
                format('SELECT recadv_observe(''m'', 1, 1%s)', ', ' || nullif(value, '-')),
                state,
                pattern,
                format('%s: %s', type, value));
    END LOOP;
    RETURN NEXT is(
        (SELECT events FROM recadv_refresh('m', false)),
        0::bigint,
        'nothing of it was observed');
END $$;
SELECT refused(
    t,
    '10',
    '{1.5,2.25::real,2.5::float8,''NaN''::float8}',
    '22023',
    'the time % is no integer, as those of model "m" are | Pass the value of the time column.')
FROM unnest('{smallint,integer,bigint}'::text[]) t;
SELECT refused(
    t,
    '10',
    '{''Infinity''::float8,1e30,1e30::real,-1e30::float8}',
    '22003',
    '% out of range')
FROM unnest('{smallint,integer,bigint}'::text[]) t;
SELECT refused(
    'smallint',
    '10',
    '{40000,40000::bigint,40000.0,40000::float8}',
    '22003',
    'smallint out of range');
SELECT refused(
    'integer',
    '10',
    '{3000000000,3000000000::numeric}',
    '22003',
    'integer out of range');
SELECT refused('numeric(8,1)', '-7', '{1e8,''100000000''}', '22003', 'numeric field overflow | %');
SELECT refused(
    'bigint',
    '10',
    '{''1.5'',''2020-01-01'',''soon''::text,''''}',
    '22P02',
    'invalid input syntax for type bigint: %');
SELECT refused(
    t,
    '10',
    '{-,NULL,NULL::bigint,NULL::text}',
    '22004',
    'an event of model "m" needs a time | Its times are of type ' || t
        || '. | Pass the value of the time column.')
FROM unnest('{bigint,numeric,real}'::text[]) t;
SELECT refused(
    t,
    '10',
    '{now(),''2020-01-01''::date,localtimestamp,NULL::timestamptz,NULL::stamp}',
    '42804',
    'the times of model "m" are of type ' || t || ', not % | Pass the value of the time column.')
FROM unnest('{bigint,numeric,"double precision"}'::text[]) t;
SELECT refused(
    t,
    '2020-01-01',
    '{5,5::bigint,5.5,5::real,5::smallint,NULL::bigint,NULL::float8}',
    '42804',
    'the times of model "m" are of type ' || format_type(t::regtype, NULL)
        || ', not % | Pass the value of the time column.')
FROM unnest('{timestamptz,timestamp,date}'::text[]) t;
SELECT refused(t, '2020-01-01', '{''soon'',''5.5''}', '22007', 'invalid input syntax for type %')
FROM unnest('{timestamptz,timestamp,date}'::text[]) t;
SELECT refused(
    t,
    '2020-01-01',
    ARRAY['true', 'NULL::boolean', 'interval ''1 day''', 'time ''10:00''', 'ARRAY[now()]',
          '''[]''::jsonb'],
    '42804',
    'type % cannot serve as the time of an interaction | Use a date, a timestamp or a number.')
FROM unnest('{timestamptz,date}'::text[]) t;
SELECT refused(
    'numeric',
    '1',
    '{true,"ARRAY[1]"}',
    '42804',
    'type % cannot serve as the time of an interaction | Use a date, a timestamp or a number.');

-- none: the moment of the transaction, as a column with the default now() has it
CREATE FUNCTION is_now(type text, expressions text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    FOREACH value IN ARRAY expressions LOOP
        PERFORM make(type, '2020-01-01');
        INSERT INTO events VALUES (1, 77, now());
        EXECUTE format('SELECT recadv_observe(''m'', 1, 77%s)', ', ' || nullif(value, '-'));
        RETURN NEXT is(
            (SELECT r.events FROM recadv_refresh('m', false) r),
            1::bigint,
            format('%s: %s', type, value));
    END LOOP;
END $$;
SELECT is_now(t, '{-,NULL,NULL::timestamptz,NULL::date,NULL::timestamp,NULL::text,now()}')
FROM unnest('{timestamptz,timestamp,date}'::text[]) t;
SELECT is_now(t, '{-,NULL,now()}') FROM unnest('{timestamp(0),timestamptz(3),second}'::text[]) t;

SELECT * FROM finish();
ROLLBACK;
