-- Weights of interactions, through every function that takes them.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

-- options of a short training
CREATE FUNCTION short(algorithm text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(option, v), '{}') || '{"seed":7}' || more
    FROM recadv_options() o
    JOIN (VALUES ('factors', '4'::jsonb), ('epochs', '3'), ('adv_epochs', '2')) s(option, v)
        USING (option)
    WHERE o.algorithm_name = short.algorithm
$$;
CREATE TABLE algorithms AS
SELECT a AS name, recadv_estimate_memory(10, 10, 20, a, has_weight => true) > 0 AS known
FROM algorithms() a;
CREATE FUNCTION train(model text, source text, algorithm text, weight_column name DEFAULT NULL,
    more jsonb DEFAULT '{}')
RETURNS recadv_training LANGUAGE sql AS $$
    SELECT recadv_train(model, source, time_column => 'at', algorithm => algorithm,
        options => short(algorithm, more), weight_column => weight_column)
$$;
-- digest of the newest version but for the popularity
CREATE FUNCTION learnt(model text) RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format(
        $q$SELECT md5(string_agg(part || block || md5(data), ' ' ORDER BY part, block))
           FROM %s
           WHERE version = (SELECT max(version) FROM %1$s)
             AND part NOT IN ('header', 'history', 'popularity')$q$,
        model))
$$;
CREATE FUNCTION digest_of(source text, algorithm text, weight_column name DEFAULT NULL,
    more jsonb DEFAULT '{}')
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS of;
    PERFORM train('of', source, algorithm, weight_column, more);
    RETURN digest('of');
END $$;
CREATE FUNCTION learnt_of(source text, algorithm text, weight_column name DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS of;
    PERFORM train('of', source, algorithm, weight_column);
    RETURN learnt('of');
END $$;
CREATE TABLE weighed AS
SELECT *, 1 + noise('w' || user_id || '/' || item_id) % 5 AS w FROM orders;
CREATE TABLE twice AS
SELECT o.user_id, o.item_id, o.at, 1 AS w FROM orders o
UNION ALL
SELECT o.user_id, o.item_id, o.at, 1 FROM orders o WHERE o.item_id % 3 = 0;
CREATE VIEW double AS
SELECT user_id, item_id, at, CASE WHEN item_id % 3 = 0 THEN 2 ELSE 1 END AS w FROM orders;
SELECT ok(known, name || ' has an estimate with weights') FROM algorithms;

-- the type of the column does not matter
CREATE DOMAIN amount AS numeric CHECK (VALUE > 0);
SELECT is(
    digest_of(format('(SELECT user_id, item_id, at, w::%s AS w FROM weighed)', type), 'popularity', 'w'),
    digest_of('weighed', 'popularity', 'w'),
    type || ' as weight')
FROM unnest('{smallint,integer,bigint,real,double precision,numeric,amount}'::text[]) type;
SELECT fails(
    format('SELECT train(''of'', ''(SELECT *, %s AS w FROM orders)'', ''bpr'', ''w'')', value),
    '42804',
    'type % cannot serve as the weight of an interaction%Use a number%',
    value || ' is no weight')
FROM unnest('{''''5''''::text,true,now(),''''5''''::money,ARRAY[1]}'::text[]) value;

-- twice the row is twice the weight: in what is a set of pairs, to the last bit
SELECT is(
    digest_of('twice', name, 'w'),
    digest_of('double', name, 'w'),
    name || ': two rows of weight 1 are one of weight 2')
FROM algorithms WHERE name !~ 'nmrn|sasrec';
SELECT isnt(
    learnt_of('double', name, 'w'),
    learnt_of('orders', name),
    name || ': weights are minded')
FROM algorithms WHERE name <> 'popularity';
-- weights that are all the same are none
SELECT is(
    learnt_of(format('(SELECT *, %s::real AS w FROM orders)', w), name, 'w'),
    learnt_of('orders', name),
    name || ': equal weights of ' || w || ' teach what none do')
FROM algorithms, unnest('{1,0.1,7,1e30}'::text[]) w;
SELECT is(
    digest_of('(SELECT *, NULL::int AS w FROM orders)', name, 'w'),
    digest_of('orders', name),
    name || ': NULL counts 1')
FROM algorithms;
-- whatever the order of the rows
SELECT is(
    digest_of('(SELECT *, sqrt(w) AS v FROM (TABLE weighed UNION ALL TABLE weighed) x ORDER BY at)',
        name, 'v'),
    digest_of('(SELECT *, sqrt(w) AS v FROM (TABLE weighed UNION ALL TABLE weighed) x '
        'ORDER BY item_id DESC, user_id)', name, 'v'),
    name || ': rows in any order')
FROM algorithms;
SELECT is(
    digest_of('weighed', name, 'w', '{"threads":2}'),
    digest_of('weighed', name, 'w', '{"threads":1}'),
    name || ': on two threads and on one')
FROM algorithms;

-- popularity is the sum
SELECT train('pop', 'weighed', 'popularity', 'w') \g /dev/null
SELECT results_eq(
    $$SELECT item::int, score FROM recadv_topk(0, 40, 'pop') ORDER BY 1$$,
    'SELECT item_id, sum(w)::real FROM weighed GROUP BY 1 ORDER BY 1',
    'the popularity is the sum of the weights');
SELECT train('learns', 'weighed', 'bpr', 'w') \g /dev/null
SELECT is(
    (SELECT array_agg(score ORDER BY score DESC) FROM recadv_topk(0, 3, 'learns')),
    (SELECT array_agg(s ORDER BY s DESC)
     FROM (SELECT sum(w)::real AS s FROM weighed GROUP BY item_id ORDER BY 1 DESC LIMIT 3) t),
    'also of a model that learns more');
-- sums beyond single precision stop there
SELECT train('huge', '(SELECT *, 3e38::real AS w FROM orders)', name, 'w')
FROM algorithms
\g /dev/null
SELECT is(max(score), '3.4028235e38'::real, 'sums end at the greatest number there is')
FROM recadv_topk(0, 3, 'huge');

-- one row cannot outweigh all others: more than 1 % of the rows reach 5, and 8 is the next power of two
CREATE TABLE absurd AS SELECT user_id, item_id, at, w::real AS w FROM weighed;
CREATE TABLE capped AS TABLE absurd;
UPDATE absurd SET w = 3e38 WHERE (user_id, item_id) = (SELECT user_id, item_id FROM weighed ORDER BY 1, 2 LIMIT 1);
UPDATE capped SET w = 8192 WHERE (user_id, item_id) = (SELECT user_id, item_id FROM weighed ORDER BY 1, 2 LIMIT 1);
SELECT is(digest_of('absurd', name, 'w'), digest_of('capped', name, 'w'), name || ': an absurd weight counts as much as the limit')
FROM algorithms;
SELECT is(
    recadv_fit(user_id, item_id, at, w, short('bpr') || '{"algorithm":"bpr"}') =
        (SELECT recadv_fit(user_id, item_id, at, w, short('bpr') || '{"algorithm":"bpr"}') FROM capped),
    true,
    'in an image, too')
FROM absurd;

-- what counts more comes first: of two halves of the items, alike but for the weight
CREATE TABLE halves AS
SELECT u AS user_id, i AS item_id, timestamp '2026-01-01' + noise('t' || u || i) % 9999 * interval '1 min' AS at,
       CASE WHEN i % 2 = 0 THEN 9 ELSE 1 END AS w
FROM generate_series(1, 150) u, generate_series(1, 30) i
WHERE noise('half' || u || '/' || i) % 100 < 25;
CREATE FUNCTION share(algorithm text) RETURNS float8 LANGUAGE sql AS $$
    SELECT train('half', 'halves', algorithm, 'w',
        options_of(algorithm, '{"holdout":"none","epochs":30,"factors":2}'));
    SELECT avg((item % 2 = 0)::int) FROM generate_series(1, 150) u, recadv_topk(u, 5, 'half')
$$;
SELECT cmp_ok(share(name), '>', 0.7::float8, name || ': what counts more is recommended more')
FROM algorithms WHERE name !~ 'nmrn|sasrec';

-- rows that do not count are skipped and counted
CREATE TABLE odd (user_id int, item_id int, at timestamp, w text, skipped bool);
INSERT INTO odd
SELECT 1 + n % 60, 1 + n * 7 % 40, '2026-03-01', w, skipped
FROM (VALUES (1, '0', true), (2, '-1', true), (3, '-1e-9', true), (4, 'NaN', true),
             (5, '1e300', true), (6, '1e-60', true), (7, '1e38', false), (8, '1e-30', false),
             (9, NULL, false)) v(n, w, skipped);
INSERT INTO odd (user_id, item_id, w, skipped) VALUES (NULL, 1, '-1', false);
SELECT is(
    (SELECT row(weightless_rows, null_rows)::text
     FROM train('of', format(
         '(SELECT user_id, item_id, at, 1::%1$s AS w FROM orders
           UNION ALL SELECT user_id, item_id, at, w::%1$s FROM odd
           WHERE %1$L <> ''real'' OR w IS NULL OR w !~ ''1e300|1e-60'')', type),
         'popularity', 'w', '{"promote": "always"}')),
    row((SELECT count(*) FROM odd WHERE skipped)
        - CASE type WHEN 'real' THEN 2 ELSE 0 END, 1)::text,
    type || ': rows without a weight above zero are counted, and apart those without an id')
FROM unnest('{real,double precision,numeric}'::text[]) type;
SELECT is(
    (SELECT weightless_rows
     FROM train('of', format('(SELECT *, CASE WHEN item_id = 5 THEN %s ELSE 1 END AS w FROM orders)',
         value), 'popularity', 'w', '{"promote": "always"}')),
    (SELECT count(*) FROM orders WHERE item_id = 5),
    value || ' does not count')
FROM unnest(ARRAY['''Infinity''::float8', '''-Infinity''::float4', '''NaN''::float4',
    '''NaN''::numeric', '1e39::numeric', '(''1'' || repeat(''0'', 5000))::numeric', '0::smallint',
    '-7::bigint', '''Infinity''::numeric', '1e-46::float8']) value;
SELECT is(
    (recadv_info('of') #>> '{training,weightless_rows}')::bigint,
    (SELECT count(*) FROM orders WHERE item_id = 5),
    'the header says so, too');
SELECT is(
    (recadv_document('of', 'run', (SELECT max(run) FROM recadv_runs('of')), 0) ->> 'weightless_rows')::bigint,
    (SELECT count(*) FROM orders WHERE item_id = 5),
    'and the log of runs');
-- ids that occur in such rows alone are unknown
SELECT is(
    (SELECT items FROM train('of', '(SELECT user_id, item_id, at, 1 AS w FROM orders
         UNION ALL SELECT 1, 1000, NULL, 0)', 'popularity', 'w')),
    40::bigint,
    'what does not count has no part in the model');
SELECT fails(
    format('SELECT train(''of'', ''(SELECT *, %s AS w FROM orders)'', %L, ''w'')', w, name),
    '22023',
    'source % has no interactions%a weight that is not above zero and finite%',
    name || ': a source of weights of ' || w || ' alone')
FROM algorithms, unnest('{0,-1}'::text[]) w;

-- where it is written down
SELECT train('named', '(SELECT *, w AS "how much" FROM weighed)', 'bpr', 'how much') \g /dev/null
SELECT is(recadv_info('named') ->> 'weight_column', 'how much', 'the header names the column');
SELECT is(recadv_document('named', 'header', 0, 1) ->> 'weight_column', 'how much',
    'as recadv_document shows it');
SELECT is(recadv_document('named', 'run', 1, 0) ->> 'weight_column', 'how much',
    'and the run');
SELECT train('named', 'weighed', 'bpr') \g /dev/null
SELECT is(recadv_info('named') ->> 'weight_column', NULL, 'none, if there was none');
SELECT fails(
    'SELECT train(''of'', ''weighed'', ''bpr'', ''weight'')',
    '42703',
    '%"weight"%weight_column%',
    'a column that is not there');

-- memory: with weights training needs more, and the estimate says how much
SELECT cmp_ok(
    recadv_estimate_memory(1000, 1000, 1000000, name, has_weight => true),
    '>',
    recadv_estimate_memory(1000, 1000, 1000000, name),
    name || ': weights take memory')
FROM algorithms;
CREATE TABLE estimates AS
SELECT name, bytes
FROM algorithms,
     LATERAL recadv_estimate_memory(3000, 60, 120000, name, short(name, '{"threads":1}'), true, true) bytes;
-- the error of training with so many bytes
CREATE FUNCTION within(algorithm text, bytes numeric) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('recadv.max_memory', (bytes / 1024)::bigint || 'kB', true);
    RETURN error_of(format(
        $q$SELECT recadv_train('much',
              '(SELECT u AS user_id, (u + i) %% 60 AS item_id, timestamp ''2026-01-01'' AS at,
                       1 + u %% 3 AS w
                FROM generate_series(1, 3000) u, generate_series(1, 40) i)',
              time_column => 'at', algorithm => %L, weight_column => 'w', options => %L)$q$,
        algorithm, short(algorithm, '{"threads":1}')));
END $$;
SELECT is(within(name, 1.15 * bytes), NULL, format('%s: %s bytes are enough', name, bytes))
FROM estimates;
SELECT alike(within(name, 0.8 * bytes), '54000 | %needs % MB of memory%',
    name || ': and no fifth less would do')
FROM estimates;
RESET recadv.max_memory;

-- what evaluates does not look at weights
SELECT train('judged', '(SELECT * FROM weighed WHERE (user_id + item_id) % 5 > 0)', 'bpr', 'w') \g /dev/null
SELECT results_eq(
    $$SELECT * FROM recadv_evaluate('judged', '(SELECT *, 1e30 * item_id AS v FROM weighed)', k => '{5}')$$,
    $$SELECT * FROM recadv_evaluate('judged', 'orders', k => '{5}')$$,
    'evaluation ignores weights');

-- events that come later have weights, too
CREATE TABLE grows AS
SELECT 1 + n % 20 AS user_id, 1 + n * 7 % 15 AS item_id,
       timestamp '2026-01-01' + n * interval '1 minute' AS at, (2 + n % 3)::real AS w
FROM generate_series(1, 300) n;
SELECT recadv_train('live', 'grows', time_column => 'at', algorithm => 'nmrn', weight_column => 'w',
    options => '{"factors":4,"epochs":2,"holdout":"none","seed":7}')
\g /dev/null
SELECT score AS before FROM recadv_topk(0, 40, 'live') WHERE item = 3 \gset
INSERT INTO grows VALUES (21, 3, '2026-02-01', 5), (22, 3, '2026-02-02', NULL), (23, 3, '2026-02-03', 0.0),
    (24, 3, '2026-02-03', -1);
SELECT is((SELECT events FROM recadv_refresh('live')), 2::bigint, 'a refresh reads the weights');
SELECT is(
    (SELECT score FROM recadv_topk(0, 40, 'live') WHERE item = 3),
    (:before + 6)::real,
    'and the popularity grows by them');
CREATE FUNCTION after(w text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('INSERT INTO grows VALUES (2, 9, ''2026-03-01'', %s)', w);
    PERFORM recadv_refresh('live');
    result := learnt('live');
    RAISE EXCEPTION USING MESSAGE = result, ERRCODE = 'P0009';
EXCEPTION WHEN SQLSTATE 'P0009' THEN
    RETURN SQLERRM;
END $$;
SELECT isnt(after('9'), after('1'), 'what is learnt depends on the weight');
SELECT is(after('9'), after('9'), 'and on nothing else');
SELECT is(after('3e38'), after('1024 * 3'), 'an absurd weight stops no refresh: it counts as much as the limit');
SELECT fails(
    $$INSERT INTO grows VALUES (3, 4, '2026-04-01', 1);
      ALTER TABLE grows DROP w;
      SELECT recadv_refresh('live')$$,
    '42703',
    '%"w"%',
    'a weight column that is gone');
SELECT fails(
    $$INSERT INTO grows VALUES (3, 4, '2026-04-01', 1);
      ALTER TABLE grows ALTER w TYPE text;
      SELECT recadv_refresh('live')$$,
    '42804',
    'type text cannot serve as the weight%',
    'or no number any more');

-- the aggregate
CREATE FUNCTION image_digest(image bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM recadv_save('image_digest', image);
    result := digest('image_digest');
    DROP TABLE image_digest;
    RETURN result;
END $$;
SELECT is(
    (SELECT image_digest(recadv_fit(user_id, item_id, at, w,
         short(a.name) || jsonb_build_object('algorithm', a.name)))
     FROM weighed),
    digest_of('weighed', a.name, 'w'),
    a.name || ': recadv_fit with weights makes the model of recadv_train')
FROM algorithms a;
SELECT is(
    (SELECT image_digest(recadv_fit(user_id, item_id, NULL, w::numeric,
         '{"algorithm":"popularity","holdout":"none"}'))
     FROM weighed),
    (SELECT image_digest(recadv_fit(user_id, item_id, NULL, w::float4,
         '{"algorithm":"popularity","holdout":"none"}'))
     FROM weighed),
    'without times');
SELECT is(
    (SELECT image_digest(recadv_fit(user_id, item_id, at, NULL,
         '{"algorithm":"popularity","holdout":"none"}'))
     FROM weighed),
    (SELECT image_digest(recadv_fit(user_id, item_id, at,
         '{"algorithm":"popularity","holdout":"none"}'))
     FROM weighed),
    'a bare NULL is no weight');
SELECT is(
    (SELECT recadv_fit(user_id, item_id, at, 0, '{"algorithm":"popularity"}') FROM weighed),
    NULL,
    'a group without any weight has no model');
SELECT fails(
    $$SELECT recadv_fit(user_id, item_id, at, 'much'::text, '{"algorithm":"popularity"}') FROM weighed$$,
    '42804',
    'type text cannot serve as the weight%',
    'a text is no weight');

-- parallel plans
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
CREATE TABLE many AS
SELECT n % 97 AS u, n * 31 % 211 AS i, timestamptz '2026-01-01' + n % 500 * interval '1 minute' AS at,
       CASE WHEN n % 50 > 0 THEN exp(n % 40 - 20)::float4 END AS w, (n % 17 - 2)::numeric AS v
FROM generate_series(1, 6000) n;
ALTER TABLE many SET (parallel_workers = 3);
ANALYZE many;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RETURN plan;
END $$;
CREATE TABLE fits AS
SELECT a.name || ' ' || w AS name,
       format('SELECT recadv_fit(u, i, at, %s, %L) FROM many', w,
           short(a.name) || jsonb_build_object('algorithm', a.name)) AS query
FROM algorithms a, unnest('{w,v}'::text[]) w;
SELECT alike(plan_of(query), '%Finalize%Gather%Partial%Parallel Seq Scan%', name || ': parallel')
FROM fits;
CREATE FUNCTION result(query text) RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format('SELECT image_digest(f) FROM (%s) r(f)', query))
$$;
CREATE TABLE parallel AS SELECT name, result(query) AS digest FROM fits;
SET max_parallel_workers_per_gather = 0;
SELECT is(digest, result(query), name || ': the same bytes from a parallel plan and a serial one')
FROM fits JOIN parallel USING (name);
SELECT is(
    result(replace(query, 'FROM many', 'FROM (SELECT * FROM many ORDER BY i, u DESC) m')),
    digest,
    name || ': and from another order')
FROM fits JOIN parallel USING (name);

SELECT * FROM finish();
ROLLBACK;
