-- recadv_topk_all gives what recadv_topk gives for every user.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

SELECT recadv_train(a, 'orders', time_column => 'at', algorithm => a,
    options => coalesce(o::jsonb, options_of(a, '{"factors":8,"epochs":3,"seed":7}')))
FROM algorithms() a
LEFT JOIN (VALUES
    ('bpr', '{"factors":8,"epochs":20,"learning_rate":0.1,"seed":7}'),
    ('amf', '{"factors":5,"epochs":10,"adv_epochs":10,"learning_rate":0.1,"epsilon":0.5,"seed":7}')
) v(a, o) USING (a) \g /dev/null
-- several blocks of items and pieces of a table; ids without gaps, with gaps, far apart, and texts
SELECT recadv_train(
    'wide',
    $$(SELECT n % 500 * 3 AS user_id, n::bigint * 7919 % 9000 * 10000000000 AS item_id
       FROM generate_series(1, 20000) n)$$,
    algorithm => 'bpr',
    options => '{"factors":33,"epochs":2,"learning_rate":0.1,"holdout":"none","seed":7}')
\g /dev/null
SELECT recadv_train(
    'large',
    '(SELECT n % 70 AS user_id, n * 7919 % 60000 * 3 AS item_id FROM generate_series(1, 70000) n)',
    algorithm => 'bpr',
    options => '{"factors":100,"epochs":1,"holdout":"none","seed":7}') \g /dev/null
SELECT recadv_train('words',
    '(SELECT ''u'' || user_id AS user_id, ''i'' || item_id AS item_id FROM orders)',
    algorithm => 'bpr', options => '{"factors":8,"epochs":5,"seed":7}') \g /dev/null

CREATE FUNCTION single(model text, users int[], k int, exclude_seen boolean)
RETURNS TABLE (user_id bigint, item bigint, score real, rank int, fallback boolean) LANGUAGE sql AS $$
    SELECT u, t.* FROM unnest(users) u, LATERAL recadv_topk(u, k, model, exclude_seen) t
$$;

-- everyone, for each algorithm, whatever the cache and the number of threads
SELECT bag_eq(
    format('SELECT * FROM recadv_topk_all(%L, %s, exclude_seen => %L)', m, k, x),
    format('SELECT * FROM single(%L, ARRAY(SELECT generate_series(1, 60)), %s, %L)', m, k, x),
    format('%s: the first %s for everyone, %s', m, k,
        CASE WHEN x THEN 'without those seen' ELSE 'those seen included' END))
FROM algorithms() m,
     unnest('{1,7,1000}'::int[]) k,
     unnest('{true,false}'::bool[]) x;
CREATE FUNCTION everyone(model text)
RETURNS TABLE (user_id bigint, item bigint, score real, rank int, fallback boolean) LANGUAGE sql AS $$
    SELECT * FROM recadv_topk_all(model, 25)
$$;
CREATE TABLE expected_wide AS
SELECT *
FROM single('wide', ARRAY(SELECT 3 * generate_series(0, 499)), 25, true);
CREATE TABLE expected_large AS
SELECT * FROM single('large', ARRAY(SELECT generate_series(0, 69)), 25, true);
SELECT bag_eq(
    format('SELECT * FROM everyone(%L)', m),
    format('TABLE expected_%s', m),
    m || ': everyone')
FROM unnest('{wide,large}'::text[]) m;
SET recadv.max_threads = 1;
SELECT bag_eq('SELECT * FROM everyone(''wide'')', 'TABLE expected_wide', 'on one thread');
SET recadv.max_threads = 5;
SELECT bag_eq('SELECT * FROM everyone(''wide'')', 'TABLE expected_wide', 'on five threads');
SET recadv.cache_size = 0;
SELECT bag_eq(
    format('SELECT * FROM everyone(%L)', m),
    format('TABLE expected_%s', m),
    m || ': without a cache')
FROM unnest('{wide,large}'::text[]) m;
RESET recadv.cache_size;
RESET recadv.max_threads;

-- order: users ascending, best first
SELECT is(
    (SELECT count(*)
     FROM (SELECT user_id, rank, lag(user_id) OVER w AS u, lag(rank) OVER w AS r
           FROM recadv_topk_all('bpr', 4) WITH ORDINALITY t
           WINDOW w AS (ORDER BY ordinality)) x
     WHERE NOT (u IS NULL OR user_id > u AND rank = 1 OR user_id = u AND rank = r + 1)),
    0::bigint,
    'rows come in order');

-- some users
SELECT bag_eq(
    $$SELECT * FROM recadv_topk_all('bpr', 5, ARRAY[7, 3, NULL, 3, 60])$$,
    $$SELECT * FROM single('bpr', '{3,7,60}', 5, true)$$,
    'users of an array, each once, NULL skipped');
SELECT bag_eq(
    $$SELECT * FROM recadv_topk_all('bpr', 5, ARRAY[7, 999, -5, 999])$$,
    $$SELECT * FROM single('bpr', '{7,-5,999}', 5, true)$$,
    'users that the model does not know get the popular items');
SELECT is_empty($$SELECT * FROM recadv_topk_all('bpr', 5, '{}'::bigint[])$$, 'no users, no rows');
SELECT is_empty(
    $$SELECT * FROM recadv_topk_all('bpr', 5, ARRAY[NULL]::bigint[])$$,
    'only NULL, no rows');
SELECT is_empty($$SELECT * FROM recadv_topk_all('bpr', NULL)$$, 'no k, no rows');
SELECT is_empty(
    $$SELECT * FROM recadv_topk_all('bpr', 5, exclude_seen => NULL)$$,
    'exclude_seen NULL, no rows');
SELECT fails(
    $$SELECT * FROM recadv_topk_all('bpr', 0)$$,
    '22023',
    'k must be at least 1, not 0%',
    'k of zero');

-- some items
CREATE TABLE ranked AS SELECT * FROM recadv_topk_all('bpr', 1000);
CREATE FUNCTION filtered(k int, candidates int[], without int[])
RETURNS TABLE (user_id bigint, item bigint, score real, rank int) LANGUAGE sql AS $$
    SELECT *
    FROM (SELECT r.user_id, r.item, r.score,
                 (row_number() OVER (PARTITION BY r.user_id ORDER BY r.rank))::int AS n
          FROM ranked r
          WHERE (candidates IS NULL OR r.item = ANY (candidates))
            AND r.item <> ALL (coalesce(without, '{}'))) x
    WHERE n <= k
$$;
SELECT bag_eq(
    format(
        $$SELECT user_id, item, score, rank
          FROM recadv_topk_all('bpr', 4, candidates => %L::bigint[], exclude => %L::bigint[])$$,
        c,
        e),
    format('SELECT * FROM filtered(4, %L, %L)', c, e),
    format('candidates %s, exclude %s', c, e))
FROM (VALUES ('{1,2,3,5,8,13,21,34}', NULL), (NULL, '{1,2,3,4,5,6,7,8,9}'),
             ('{1,2,3,4,5,6}', '{2,4,6}'), ('{}', NULL), (NULL, '{}')) v(c, e);
SELECT bag_eq(
    $$SELECT user_id, item, score, rank
      FROM recadv_topk_all('bpr', 4, candidates => ARRAY[8, NULL, 5, 5, 9999],
          exclude => ARRAY[NULL, 12345])$$,
    $$SELECT * FROM filtered(4, '{5,8}', NULL)$$,
    'NULL, duplicates and unknown items count for nothing');
SET recadv.cache_size = 0;
SELECT bag_eq($$SELECT user_id, item, score, rank
                FROM recadv_topk_all('bpr', 4, candidates => ARRAY[1, 2, 3, 5, 8])$$,
              $$SELECT * FROM filtered(4, '{1,2,3,5,8}', NULL)$$, 'candidates without a cache');
RESET recadv.cache_size;
SELECT is(
    (SELECT count(*)
     FROM recadv_topk_all('bpr', 3, candidates => ARRAY(SELECT generate_series(1, 1000000)))),
    (SELECT count(*) FROM filtered(3, NULL, NULL)),
    'a million candidates');

-- what users have in the source now: also those whom the model does not know, items that it does
-- not know
CREATE FUNCTION live(model text, users int[], k int)
RETURNS TABLE (user_id bigint, item bigint, score real, rank int, fallback boolean) LANGUAGE sql AS $$
    SELECT u, t.* FROM unnest(users) u, LATERAL recadv_topk(u, k, model, seen => 'live') t
$$;
SAVEPOINT source;
DELETE FROM orders WHERE user_id IN (3, 4) OR item_id % 7 = 0 AND user_id < 20;
INSERT INTO orders
SELECT u, i, now()
FROM (VALUES (1, 5), (1, 9), (999, 1), (999, 2), (998, 40), (8, 4711), (60, 12), (60, 12)) v(u, i);
INSERT INTO orders VALUES (NULL, 1, now()), (1, NULL, now());
SELECT bag_eq(
    format('SELECT * FROM recadv_topk_all(%L, %s, seen => ''live'')', m, k),
    format('SELECT * FROM live(%L, ARRAY(SELECT generate_series(1, 60)), %s)', m, k),
    format('%s: %s for everyone, live', m, k))
FROM unnest('{popularity,bpr}'::text[]) m, unnest('{3,1000}'::int[]) k;
SELECT bag_eq(
    format(
        $$SELECT *
          FROM recadv_topk_all(%L, 4, ARRAY[999, 1, 3, 997, 998], seen => 'live',
              exclude => ARRAY[2])$$,
        m),
    format(
        $$SELECT *
          FROM (SELECT u AS user_id, t.*
                FROM unnest(ARRAY[999, 1, 3, 997, 998]) u,
                     LATERAL recadv_topk(u, 4, %L, exclude => ARRAY[2], seen => 'live') t) x$$,
        m),
    m || ': some users, live')
FROM unnest('{popularity,bpr}'::text[]) m;
SET recadv.cache_size = 0;
SELECT bag_eq(
    $$SELECT * FROM recadv_topk_all('bpr', 5, seen => 'live')$$,
    $$SELECT * FROM live('bpr', ARRAY(SELECT generate_series(1, 60)), 5)$$,
    'live without a cache');
RESET recadv.cache_size;
SELECT bag_eq(
    $$SELECT * FROM recadv_topk_all('bpr', 5, exclude_seen => false, seen => 'live')$$,
    $$SELECT * FROM recadv_topk_all('bpr', 5, exclude_seen => false)$$,
    'nothing to exclude');
TRUNCATE orders;
SELECT bag_eq(
    $$SELECT * FROM recadv_topk_all('bpr', 5, seen => 'live')$$,
    $$SELECT * FROM recadv_topk_all('bpr', 5, exclude_seen => false)$$,
    'an empty source');
DROP TABLE orders;
SELECT fails(
    $$SELECT * FROM recadv_topk_all('bpr', 5, seen => 'live')$$,
    '42P01',
    '%',
    'no source');
ROLLBACK TO source;
SELECT fails(
    $$SELECT * FROM recadv_topk_all('bpr', 5, seen => 'now')$$,
    '22023',
    'seen must be "model" or "live", not "now"%',
    'seen');
SELECT is_empty($$SELECT * FROM recadv_topk_all('bpr', 5, seen => NULL)$$, 'seen NULL, no rows');

-- ids as text
SELECT bag_eq(
    $$SELECT * FROM recadv_topk_all('words', 5, NULL::text[])$$,
    $$SELECT 'u' || u, t.*
      FROM generate_series(1, 60) u, LATERAL recadv_topk('u' || u, 5, 'words') t$$,
    'text ids: everyone');
SELECT bag_eq(
    $$SELECT *
      FROM recadv_topk_all('words', 5, '{u7,nobody,u3}'::text[], candidates => '{i1,i2,i3,zzz}')$$,
    $$SELECT u, t.*
      FROM unnest('{u3,u7,nobody}'::text[]) u,
           LATERAL (SELECT item, score, (row_number() OVER (ORDER BY rank))::int, fallback
                    FROM recadv_topk(u, 1000, 'words')
                    WHERE item IN ('i1', 'i2', 'i3')) t$$,
    'text ids: users and candidates');
SELECT bag_eq(
    $$SELECT user_id::bigint, item::bigint, score, rank, fallback
      FROM recadv_topk_all('bpr', 5, NULL::text[])$$,
    $$SELECT * FROM recadv_topk_all('bpr', 5)$$,
    'text serves a model with integer ids');
SELECT fails(
    $$SELECT * FROM recadv_topk_all('words', 5)$$,
    '42804',
    'items of model "words" are not integers%',
    'not the other way round');

-- for a materialized view, and read-only
SELECT lives_ok(
    $$CREATE MATERIALIZED VIEW best AS SELECT * FROM recadv_topk_all('recadv_test.bpr', 5)$$,
    'a materialized view');
SELECT bag_eq('TABLE best', $$SELECT * FROM recadv_topk_all('bpr', 5)$$, 'which holds the same');
SET transaction_read_only = on;
SELECT is(
    (SELECT count(*) FROM recadv_topk_all('bpr', 5)),
    300::bigint,
    'in a read-only transaction');

SELECT * FROM finish();
ROLLBACK;
