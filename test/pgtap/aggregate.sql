-- The aggregate recadv_fit: groups, filters, NULLs, options, parallel plans.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

ALTER TABLE orders ADD region text;
UPDATE orders SET region = (ARRAY['north', 'south', NULL])[user_id % 3 + 1];

-- an image by its blocks, without the times of day in header and history
CREATE FUNCTION image_digest(image bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    IF image IS NULL THEN RETURN NULL; END IF;
    PERFORM recadv_save('image_digest', image);
    result := digest('image_digest');
    DROP TABLE image_digest;
    RETURN result;
END $$;
\set bpr '{"algorithm":"bpr","factors":4,"epochs":3,"learning_rate":0.1,"holdout":"none","seed":7}'
CREATE FUNCTION of_source(source text, time_column name DEFAULT NULL,
    options jsonb DEFAULT '{"algorithm":"bpr","factors":4,"epochs":3,"learning_rate":0.1,'
                          '"holdout":"none","seed":7}')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM recadv_train('of_source', source, time_column => time_column,
        algorithm => options ->> 'algorithm', options => options - 'algorithm');
    result := digest('of_source');
    DROP TABLE of_source;
    RETURN result;
END $$;
SELECT of_source('orders') AS whole \gset

-- the same rows, the same model as recadv_train
SELECT is(image_digest(recadv_fit(user_id, item_id, :'bpr')), :'whole', 'the model of all rows')
FROM orders;
SELECT is(
    image_digest(recadv_fit(user_id::text, item_id::varchar, :'bpr')),
    of_source('(SELECT user_id::text, item_id::text FROM orders)'),
    'with text ids')
FROM orders;
SELECT is(
    image_digest(recadv_fit(user_id, item_id, at, '{"algorithm":"popularity","holdout":"last"}')),
    of_source('orders', 'at', '{"algorithm":"popularity","holdout":"last"}'),
    'with times')
FROM orders;
SELECT is(
    image_digest(recadv_fit(user_id, item_id, NULL::date,
        '{"algorithm":"popularity","holdout":"last"}')),
    of_source('(SELECT user_id, item_id, NULL::date AS at FROM orders)', 'at',
        '{"algorithm":"popularity","holdout":"last"}'),
    'with times that are all NULL')
FROM orders;
SELECT is(
    image_digest(recadv_fit(user_id, item_id, :'bpr' ORDER BY random())),
    :'whole',
    'ORDER BY')
FROM orders;
SELECT is(image_digest(recadv_fit(DISTINCT user_id, item_id, :'bpr'::jsonb)), :'whole', 'DISTINCT')
FROM (TABLE orders UNION ALL TABLE orders) o;
SELECT is(image_digest(recadv_fit(user_id, item_id, :'bpr')), :'whole', 'every row twice')
FROM (TABLE orders UNION ALL TABLE orders) o;
SELECT is(
    image_digest(recadv_fit(user_id, item_id, :'bpr')),
    of_source('(SELECT * FROM orders WHERE item_id < 30)'),
    'WHERE')
FROM orders WHERE item_id < 30;
SELECT is(
    image_digest(recadv_fit(user_id, item_id, :'bpr') FILTER (WHERE item_id < 30)),
    of_source('(SELECT * FROM orders WHERE item_id < 30)'),
    'FILTER')
FROM orders;
SELECT is(
    (SELECT image_digest(recadv_fit(user_id, item_id, :'bpr')) FROM orders HAVING count(*) > 5),
    :'whole',
    'HAVING');
SELECT is(
    (SELECT image_digest(recadv_fit(o.user_id, o.item_id, :'bpr'))
     FROM orders o
     JOIN generate_series(1, 40) i ON i = o.item_id),
    :'whole',
    'a join');
SELECT is(
    (WITH f AS (SELECT recadv_fit(user_id, item_id, :'bpr') AS image FROM orders)
     SELECT image_digest(image) FROM f),
    :'whole',
    'a common table expression');
PREPARE fit(jsonb) AS SELECT image_digest(recadv_fit(user_id, item_id, $1)) AS prepared FROM orders;
EXECUTE fit(:'bpr') \gset
SELECT is(:'prepared'::text, :'whole', 'a prepared statement');

-- groups, NULL among them
SELECT results_eq(
    format(
        $$SELECT region, image_digest(recadv_fit(user_id, item_id, %L))
          FROM orders GROUP BY region ORDER BY region$$,
        :'bpr'),
    $$SELECT r, of_source(format('(SELECT * FROM orders WHERE region IS NOT DISTINCT FROM %L)', r))
      FROM unnest('{north,south,NULL}'::text[]) r$$,
    'one model per group');
SET enable_hashagg = off;
SELECT results_eq(
    format(
        $$SELECT region, image_digest(recadv_fit(user_id, item_id, %L))
          FROM orders GROUP BY region ORDER BY region$$,
        :'bpr'),
    $$SELECT r, of_source(format('(SELECT * FROM orders WHERE region IS NOT DISTINCT FROM %L)', r))
      FROM unnest('{north,south,NULL}'::text[]) r$$,
    'also by sorting');
RESET enable_hashagg;
SELECT is(
    (SELECT count(DISTINCT image_digest(f))
     FROM (SELECT recadv_fit(user_id, item_id, :'bpr') AS f
           FROM orders GROUP BY ROLLUP (region)) g),
    4::bigint,
    'ROLLUP: the groups and the whole');
SELECT is(
    (SELECT image_digest(recadv_fit(user_id, item_id, :'bpr'))
     FROM orders GROUP BY GROUPING SETS (())),
    :'whole',
    'GROUPING SETS');
SELECT is(
    (SELECT count(*)
     FROM (SELECT user_id % 20, recadv_fit(user_id, item_id, '{"algorithm":"popularity"}') AS f
           FROM orders GROUP BY 1) g
     WHERE f IS NOT NULL),
    20::bigint,
    'many groups');
SELECT is(
    (SELECT image_digest(a) = image_digest(b) AND image_digest(a) <> image_digest(c)
     FROM (SELECT recadv_fit(user_id, item_id, :'bpr') AS a,
                  recadv_fit(user_id, item_id, :'bpr') AS b,
                  recadv_fit(item_id, user_id, :'bpr') AS c
           FROM orders) x),
    true,
    'several in one statement');

-- nothing to learn from
SELECT is(recadv_fit(user_id, item_id, :'bpr'), NULL, 'no rows give NULL') FROM orders WHERE false;
SELECT is(recadv_fit(NULL::int, item_id, :'bpr'), NULL, 'only NULL ids give NULL') FROM orders;
SELECT is(
    (SELECT count(*)
     FROM (SELECT region, recadv_fit(user_id, item_id, :'bpr') FILTER (WHERE region = 'north') AS f
           FROM orders GROUP BY region) g
     WHERE f IS NULL),
    2::bigint,
    'a filter that leaves nothing gives NULL');
SELECT is(image_digest(recadv_fit(u, i, :'bpr')), :'whole', 'rows with a NULL id are left out')
FROM (SELECT user_id, item_id FROM orders
      UNION ALL SELECT NULL, 1
      UNION ALL SELECT 1, NULL
      UNION ALL SELECT NULL, NULL) o(u, i);
SELECT recadv_save('counted', recadv_fit(u, i, :'bpr'))
FROM (SELECT user_id, item_id FROM orders
      UNION ALL SELECT NULL, 1
      UNION ALL SELECT 1, NULL
      UNION ALL SELECT 5, item_id FROM orders WHERE user_id = 5) o(u, i) \g /dev/null
SELECT is((recadv_info('counted') #> '{training,null_rows}')::int, 2, 'and counted');
SELECT is(
    (recadv_info('counted') #> '{training,duplicates}')::bigint,
    (SELECT count(*) FROM orders WHERE user_id = 5),
    'so are duplicates');

-- options
SELECT is(
    image_digest(recadv_fit(user_id, item_id, CASE WHEN item_id < 20 THEN :'bpr'::jsonb END)),
    :'whole',
    'options that are NULL in some rows')
FROM orders;
SELECT is(
    image_digest(recadv_fit(user_id, item_id,
        CASE WHEN item_id < 20 THEN :'bpr'::jsonb ELSE :'bpr'::jsonb || '{}' END)),
    :'whole',
    'equal options from several expressions')
FROM orders;
SELECT fails(
    $$SELECT recadv_fit(user_id, item_id,
          jsonb_build_object('algorithm', 'popularity', 'seed', item_id % 2))
      FROM orders$$,
    '22023',
    'options must be the same for all rows of a group%',
    'options that change');
SELECT is(
    (SELECT count(DISTINCT image_digest(f))
     FROM (SELECT recadv_fit(user_id, item_id,
               jsonb_build_object('algorithm', 'bpr', 'factors', 4, 'epochs', 2, 'seed', s)) AS f
           FROM orders, generate_series(1, 2) s GROUP BY s) g),
    2::bigint,
    'options that differ between groups');
SELECT fails(
    format('SELECT recadv_fit(user_id, item_id, %L) FROM orders', o),
    '22023',
    e,
    'options ' || o)
FROM (VALUES
    ('{"algorithm":"svd"}', 'unknown algorithm "svd"%'),
    ('{"algorithm":7}', '%algorithm%'),
    ('{"algorithm":null}', '%algorithm%'),
    ('{"algorithm":"bpr","epsilon":1}', 'unknown option "epsilon"%'),
    ('{"factors":-1}', 'option "factors" must be%'),
    ('[]', 'options must be a JSON object%'),
    ('"bpr"', 'options must be a JSON object%'),
    ('{"holdout":"last"}', 'option "holdout" is "last", but there is no time%')) v(o, e);
SELECT fails(
    $$SELECT recadv_fit(user_id, item_id, region, '{"algorithm":"popularity"}') FROM orders$$,
    '42804',
    'type text cannot serve as the time%',
    'a text is no time');
SELECT fails(
    $$SELECT recadv_fit(
          user_id,
          item_id,
          '{"algorithm":"bpr","optimizer":"sgd","learning_rate":1000,"regularization":1000,'
          '"epochs":20}')
      FROM orders$$,
    '22003',
    'training diverged in epoch%',
    'an exploding learning rate');
SELECT is(
    (SELECT array_agg(item)
     FROM recadv_image_topk((SELECT recadv_fit(1, 1, '{"algorithm":"bpr"}')), 1, 5,
                      exclude_seen => false)),
    '{1}',
    'nothing to rank: what is popular');
SELECT is(
    image_digest(recadv_fit('a', 'b', '{"algorithm":"popularity"}')) IS NOT NULL,
    true,
    'literals are text');

-- forms that make no sense
SELECT fails(
    format('SELECT recadv_fit(user_id, item_id, %L) OVER (PARTITION BY region) FROM orders',
        :'bpr'),
    '0A000',
    '%does not support use as a window function%',
    'a window function');
SELECT fails(
    format('SELECT recadv_fit(user_id, %L) WITHIN GROUP (ORDER BY item_id) FROM orders', :'bpr'),
    '42%',
    '%',
    'an ordered-set aggregate');
SELECT fails('SELECT recadv_fit(user_id) FROM orders', '42883', '%', 'one argument');
SELECT fails('SELECT recadv_fit(*) FROM orders', '42%', '%', 'a star');
-- which of the two depends on the minor release of PostgreSQL
SELECT ok(error_of('SELECT recadv_fit_final(NULL)') ~ '^(42883|0A000) ', 'its parts alone: final');
SELECT fails('SELECT recadv_fit_accum(NULL, 1, 1)', '%', '%', 'accum');
SELECT fails('SELECT recadv_fit_combine(NULL, NULL)', '%', '%', 'combine');
SELECT fails('SELECT recadv_fit_serialize(NULL)', '%', '%', 'serialize');
SELECT fails('SELECT recadv_fit_deserialize(''\x00'', NULL)', '%', '%', 'deserialize');

-- parallel plans: every kind of id and time travels between the workers, and the bytes are the same
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
CREATE DOMAIN code AS text;
CREATE TABLE many AS
SELECT n % 97 AS u, n * 31 % 211 AS i, timestamptz '2026-01-01' + n * interval '1 minute' AS at,
       n % 3 AS g, 'user ' || n % 97 AS ut, ('i' || n * 31 % 211)::code AS it,
       (n % 1000 / 7.0)::float4 AS f, (n % 89)::numeric AS num,
       CASE WHEN n % 50 > 0 THEN n % 97 END AS nu
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
CREATE TABLE fits (name text, query text);
INSERT INTO fits VALUES
    ('integers',
     $$SELECT g, recadv_fit(u, i, '{"algorithm":"bpr","factors":4,"epochs":2,"seed":7}')
       FROM many GROUP BY g$$),
    ('without options',
     'SELECT g, recadv_fit(u % 20, i % 20) FROM many WHERE (u % 20 + i % 20) % 3 > 0 GROUP BY g'),
    ('texts',
     $$SELECT g, recadv_fit(ut, it, '{"algorithm":"bpr","factors":4,"epochs":2,"seed":7}')
       FROM many GROUP BY g$$),
    ('times',
     $$SELECT g, recadv_fit(u, i, at, '{"algorithm":"popularity","holdout":"last"}')
       FROM many GROUP BY g$$),
    ('float times',
     $$SELECT g, recadv_fit(u, it, f, '{"algorithm":"popularity","holdout":"last"}')
       FROM many GROUP BY g$$),
    ('numeric ids and times',
     $$SELECT g, recadv_fit(num, u::smallint, num, '{"algorithm":"popularity","holdout":"last"}')
       FROM many GROUP BY g$$),
    ('NULL ids',
     $$SELECT g, recadv_fit(nu, i, '{"algorithm":"bpr","factors":4,"epochs":2,"seed":7}')
       FROM many GROUP BY g$$),
    ('a group of NULL ids alone',
     $$SELECT g, recadv_fit(CASE WHEN g > 0 THEN u END, i, '{"algorithm":"popularity"}')
       FROM many GROUP BY g$$),
    ('a filter',
     $$SELECT g, recadv_fit(u, i, '{"algorithm":"popularity"}') FILTER (WHERE u < 50 AND g < 2)
       FROM many GROUP BY g$$),
    ('no groups', 'SELECT 1, recadv_fit(u, i, ''{"algorithm":"popularity"}'') FROM many');
SELECT alike(
    plan_of(query),
    '%Finalize%Gather%Partial%Parallel Seq Scan%',
    name || ': a parallel plan')
FROM fits;
CREATE FUNCTION results(query text) RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format(
        $q$SELECT string_agg(concat_ws(' ', g, coalesce(image_digest(f), '-')), ', ' ORDER BY g)
           FROM (%s) AS r(g, f)$q$,
        query))
$$;
CREATE TABLE parallel AS SELECT name, results(query) AS leader FROM fits;
SET parallel_leader_participation = off;
CREATE TABLE workers AS SELECT name, results(query) AS workers FROM fits;
SET max_parallel_workers_per_gather = 0;
SELECT unalike(
    plan_of((SELECT query FROM fits WHERE name = 'integers')),
    '%Gather%',
    'a serial plan');
SELECT is(
    array[leader, workers],
    array[results(query), results(query)],
    name || ': the same bytes from a parallel plan')
FROM fits
JOIN parallel USING (name)
JOIN workers USING (name);
SET max_parallel_workers_per_gather = 4;
SELECT fails(
    $$SELECT recadv_fit(u, i, jsonb_build_object('algorithm', 'popularity', 'seed', u)) FROM many$$,
    '22023',
    'options must be the same for all rows%',
    'options that change between workers');
SELECT fails(
    'SELECT recadv_fit(u, i, ''{"algorithm":"nothing"}'') FROM many',
    '22023',
    'unknown algorithm%',
    'an error in the end');
SET recadv.max_memory = '1MB';
SELECT fails(
    $$SELECT recadv_fit(n, n, '{"algorithm":"popularity"}')
      FROM (SELECT u * 100000 + i AS n FROM many) m, generate_series(1, 40) g$$,
    '54000',
    '%recadv.max_memory allows 1 MB%',
    'memory is limited in workers, too');
RESET recadv.max_memory;

-- the form with all arguments, in which a bare NULL is as good as none
SELECT is(image_digest(recadv_fit(user_id, item_id, NULL, NULL, :'bpr')), :'whole', 'neither times nor weights')
FROM orders;
SELECT is(
    image_digest(recadv_fit(user_id, item_id, NULL::date, NULL, '{"algorithm":"popularity","holdout":"last"}')),
    of_source('(SELECT user_id, item_id, NULL::date AS at FROM orders)', 'at',
              '{"algorithm":"popularity","holdout":"last"}'),
    'times and no weights')
FROM orders;

-- each group has the width that its own items ask for, and stores it
CREATE TABLE wide AS
SELECT g, recadv_fit(i % 60, i, '{"algorithm":"bpr","epochs":1,"holdout":"none"}') AS f
FROM unnest('{5001,5000,5002}'::int[]) WITH ORDINALITY AS n(items, g), generate_series(1, items) i
GROUP BY g;
SELECT is(recadv_save('wide_' || g, f), 1, 'a group is saved') FROM wide ORDER BY g;
SELECT is(
    (SELECT string_agg(recadv_info('wide_' || g) #>> '{options,factors}', ' ' ORDER BY g) FROM wide),
    '128 64 128',
    '5,001, 5,000 and 5,002 items');
SELECT is(count(*), 10::bigint, 'its image serves: ' || g)
FROM wide, recadv_image_topk(f, 1)
GROUP BY g
ORDER BY g;

SELECT * FROM finish();
ROLLBACK;
