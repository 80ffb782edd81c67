-- Ids that are no integers: one text for a value, whatever the settings of whoever reads it.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

-- the same pairs with ids of a type; `id` makes a value of 1 .. 9
CREATE FUNCTION make(type text, id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS pairs, m;
    EXECUTE format(
        $q$CREATE TABLE pairs AS
           SELECT %1$s AS user_id, i AS n, timestamptz '2020-01-01' + i * interval '1 hour' AS at,
                  (SELECT %1$s FROM (SELECT i AS u) x) AS item_id
           FROM generate_series(1, 6) u, generate_series(1, 9) i WHERE (u + i) %% 3 <> 0$q$,
        id);
    PERFORM recadv_train('m', 'pairs', time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":4,"epochs":1,"holdout":"none","lateness":1e9}');
END $$;

-- under other settings: what a question finds, filters, and what a refresh takes for new
CREATE FUNCTION found() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    asked text;
    item text;
BEGIN
    SELECT user_id::text, item_id::text INTO asked, item FROM pairs ORDER BY n, user_id LIMIT 1;
    RETURN concat_ws(' ',
        (SELECT count(*) FROM recadv_topk(asked, 100, 'm')),
        (SELECT count(*) FROM recadv_topk(asked, 100, 'm', seen => 'live')),
        (SELECT count(*) FROM recadv_topk(asked, 100, 'm', exclude_seen => false,
                                          candidates => ARRAY[item])),
        (SELECT count(*) FROM recadv_similar_items(item, 3, 'm')),
        (SELECT count(*) FROM recadv_topk_all('m', 1, users => ARRAY[asked])),
        recadv_has_user(asked, 'm'), recadv_score(asked, item, 'm') IS NOT NULL,
        (SELECT events FROM recadv_refresh('m', false)),
        error_of('SELECT * FROM recadv_evaluate(''m'', ''pairs'')') LIKE '% 36 were trained on.');
END $$;
CREATE FUNCTION unchanged(type text, id text, VARIADIC settings text[]) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    setting text;
    digest text;
BEGIN
    PERFORM make(type, id);
    digest := recadv_test.digest('m');
    FOREACH setting IN ARRAY settings LOOP
        PERFORM set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true);
        RETURN NEXT is(found(), '3 3 1 3 1 t t 0 t', format('%s under %s', type, setting));
        DROP TABLE m;
        PERFORM recadv_train('m', 'pairs', time_column => 'at', algorithm => 'nmrn',
            options => '{"factors":4,"epochs":1,"holdout":"none","lateness":1e9}');
        RETURN NEXT is(recadv_test.digest('m'), digest,
            format('%s under %s: the same model', type, setting));
    END LOOP;
    SET LOCAL datestyle TO DEFAULT;
    SET LOCAL timezone TO DEFAULT;
    SET LOCAL intervalstyle TO DEFAULT;
    SET LOCAL bytea_output TO DEFAULT;
    SET LOCAL extra_float_digits TO DEFAULT;
END $$;
SELECT unchanged('date', 'date ''2020-01-01'' + u', 'datestyle=German', 'datestyle=SQL, DMY',
    'datestyle=Postgres, MDY');
SELECT unchanged('timestamp', 'timestamp ''2020-01-01'' + u * interval ''1.5 days''',
    'datestyle=German', 'datestyle=SQL, DMY');
SELECT unchanged('timestamptz', 'timestamptz ''2020-01-01 00:00:00.25+02'' + u * interval ''1 day''',
    'timezone=Asia/Tokyo', 'timezone=America/St_Johns', 'datestyle=SQL, DMY');
SELECT unchanged('interval', 'interval ''1 day 02:03:04'' * u', 'intervalstyle=iso_8601',
    'intervalstyle=postgres_verbose', 'intervalstyle=sql_standard');
SELECT unchanged('bytea', 'decode(lpad(u::text, 4, ''0''), ''hex'')', 'bytea_output=escape');
SELECT unchanged('double precision', '(1 / u::float8)', 'extra_float_digits=3');
SELECT unchanged('real', '(u::real / 4)', 'extra_float_digits=0', 'extra_float_digits=3');
SELECT unchanged('uuid', 'md5(u::text)::uuid', 'datestyle=ISO');
SELECT unchanged('numeric', '(u * 1.10)::numeric(12,4)', 'datestyle=ISO');
SELECT unchanged('date[]', 'ARRAY[date ''2020-01-01'' + u]', 'datestyle=ISO');

-- an array of dates is read alike, though its text as an argument must be the canonical one
SELECT make('date[]', 'ARRAY[date ''2020-01-01'' + u]') \g /dev/null
SET LOCAL datestyle = 'German';
SELECT is(
    (SELECT count(*) FROM recadv_topk('{2020-01-02}', 100, 'm', seen => 'live')),
    3::bigint,
    'arrays, ranges and composites');
SELECT is((SELECT events FROM recadv_refresh('m', false)), 0::bigint, 'none of them is new');
RESET datestyle;

-- the aggregate, under two settings
SET LOCAL datestyle = 'German';
CREATE TABLE images AS
SELECT recadv_fit(date '2020-01-01' + u, date '2020-02-01' + i,
                  '{"algorithm":"popularity","holdout":"none"}'::jsonb) AS german
FROM generate_series(1, 6) u, generate_series(1, 9) i;
RESET datestyle;
SELECT is(
    (SELECT recadv_fit(date '2020-01-01' + u, date '2020-02-01' + i,
                       '{"algorithm":"popularity","holdout":"none"}'::jsonb)
     FROM generate_series(1, 6) u, generate_series(1, 9) i),
    (SELECT german FROM images),
    'recadv_fit');

-- equal numbers are one id, however they are spelled
CREATE TABLE numbers AS
SELECT n::numeric AS user_id, i AS item_id
FROM unnest('{1,1.0,1.00,2.50,2.5,100,1e2,NaN}'::text[]) n, generate_series(1, 3) i;
SELECT is(
    (SELECT users FROM recadv_train('numbers_model', 'numbers', algorithm => 'popularity')),
    4::bigint,
    'numeric: four values of eight texts');
SELECT ok(recadv_has_user(t, 'numbers_model'), 'numeric ' || t)
FROM unnest('{1,1.0,1.000,+1,2.5,2.500,100,1e2,0.1e3,NaN,nan," 1 "}'::text[]) t;
SELECT ok(NOT recadv_has_user(t, 'numbers_model'), 'numeric ' || t || ' is nobody')
FROM unnest('{1.01,x,"",1.0.0,--1}'::text[]) t;
SELECT is(
    (SELECT users
     FROM recadv_train(
         'zeros',
         $$(SELECT z AS user_id, i AS item_id
            FROM unnest('{0,-0,0.0}'::float8[]) z, generate_series(1, 3) i)$$,
         algorithm => 'popularity')),
    1::bigint,
    'double precision: 0 and -0');

-- uuids in any spelling
SELECT recadv_train('uuids',
    $$(SELECT ('00000000-0000-0000-0000-0000000000a' || u)::uuid AS user_id,
              ('00000000-0000-0000-0000-0000000000b' || i)::uuid AS item_id
       FROM generate_series(1, 4) u, generate_series(1, 4) i WHERE u <> i)$$,
    algorithm => 'popularity') \g /dev/null
SELECT is(
    (SELECT array_agg(item) FROM recadv_topk(u, 9, 'uuids')),
    ARRAY['00000000-0000-0000-0000-0000000000b1'],
    'uuid ' || u)
FROM unnest(ARRAY['00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-0000000000A1',
                  '{00000000-0000-0000-0000-0000000000A1}',
                  '000000000000000000000000000000A1']) u;
SELECT is(
    (SELECT count(*)
     FROM recadv_topk('nobody', 9, 'uuids',
                      exclude => ARRAY['00000000-0000-0000-0000-0000000000B1', 'nonsense', ''])),
    3::bigint,
    'texts that are no uuid are nobody and nothing');
SELECT is(
    (SELECT count(*) FROM recadv_embeddings('m', 'user', ARRAY['{2020-01-02}'])),
    1::bigint,
    'recadv_embeddings');

-- observed under one setting, asked under another
SELECT make('date', 'date ''2020-01-01'' + u') \g /dev/null
SET LOCAL datestyle = 'SQL, DMY';
SELECT recadv_observe('m', '05/02/2020', '03/01/2020', '2020-02-05') \g /dev/null
RESET datestyle;
SELECT ok(recadv_has_user('2020-02-05', 'm'), 'recadv_observe');
SELECT is(
    (SELECT new_users FROM recadv_refresh('m', false)),
    1::bigint,
    'and a refresh');
SELECT ok(recadv_has_user('2020-02-05', 'm'), 'know the user as all others do');
SELECT recadv_attach('m') \g /dev/null
SET LOCAL datestyle = 'German';
INSERT INTO pairs SELECT '2020-02-06', 1, '2020-02-06', '2020-01-04';
RESET datestyle;
SELECT ok(recadv_has_user('2020-02-06', 'm'), 'so does the trigger');
SELECT is(
    (SELECT row(events, new_users) FROM recadv_refresh('m', false)),
    row(1::bigint, 1::bigint),
    'whose row is the event');
SELECT recadv_detach('m') \g /dev/null

SELECT is(recadv_info('m') -> 'canonical_ids', '{"user":"pg_catalog.date","item":"pg_catalog.date"}', 'the header');
SELECT is(
    recadv_info('uuids') -> 'canonical_ids',
    '{"user":"pg_catalog.uuid","item":"pg_catalog.uuid"}',
    'of uuids');

-- a model that was trained before: its header says nothing of canonical ids
CREATE FUNCTION age(type text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE m SET data = json_block('header', (recadv_info('m') - 'canonical_ids'
        || jsonb_build_object('user_type', type))::text)
    WHERE part = 'header' AND version = 1;
    UPDATE m SET data = (SELECT data FROM other WHERE part = 'current' AND version = 0)
    WHERE part = 'current' AND version = 0;
END $$;
SELECT make('numeric', 'u::numeric(12,2)') \g /dev/null
SELECT recadv_train('other', 'orders', algorithm => 'popularity') \g /dev/null
SELECT age('numeric') \g /dev/null
SELECT is((SELECT count(*) FROM recadv_topk('1', 100, 'm')), 3::bigint, 'it answers');
SELECT is((SELECT count(*) FROM recadv_topk('1.00', 100, 'm', exclude_seen => false)), 9::bigint,
    'with the ids that it has');
SELECT ok(NOT recadv_has_user('1.00', 'm'), 'and no others');
SELECT fails(
    statement,
    '55000',
    'model "m" was trained when ids of its types had other texts than now | Train it again; %',
    'but not: ' || statement)
FROM unnest(ARRAY['SELECT recadv_refresh(''m'')',
                  'SELECT recadv_topk(''1'', 3, ''m'', seen => ''live'')',
                  'SELECT recadv_topk_all(''m'', 3, NULL::text[], seen => ''live'')',
                  'SELECT recadv_evaluate(''m'', ''pairs'')']) statement;
SELECT make('date', 'date ''2020-01-01'' + u') \g /dev/null
SELECT age('date') \g /dev/null
SELECT is((SELECT events FROM recadv_refresh('m', false)), 0::bigint, 'dates were the same');

SELECT * FROM finish();
ROLLBACK;
