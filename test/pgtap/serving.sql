-- Recommendations against what they must be: a naive ranking of all items by recadv_score.
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
-- item side of several blocks
SELECT recadv_train(
    'wide',
    '(SELECT n % 50 AS user_id, n * 7919 % 9000 AS item_id FROM generate_series(1, 20000) n)',
    algorithm => 'bpr',
    options => '{"factors":33,"epochs":2,"learning_rate":0.1,"holdout":"none","seed":7}')
\g /dev/null
SELECT ok(
    (SELECT count(*) FROM wide WHERE part = 'item') > 2,
    'there is a model with several blocks of items');

CREATE VIEW models AS SELECT algorithms() AS m UNION ALL SELECT 'wide';
CREATE TABLE users AS SELECT u FROM generate_series(1, 60) u;
CREATE TABLE items AS SELECT DISTINCT item_id AS i FROM orders;

-- naive: every item the user does not have, by score, ties to the lower item
CREATE FUNCTION naive(model text, k int, exclude_seen boolean, source text DEFAULT 'orders')
RETURNS TABLE (u int, item bigint, score real, rank int) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $q$SELECT u, i, s, r
           FROM (SELECT u, i::bigint AS i, s,
                        (row_number() OVER (PARTITION BY u ORDER BY s DESC, i))::int AS r
                 FROM users,
                      (SELECT DISTINCT item_id AS i FROM %2$s) x,
                      LATERAL (SELECT recadv_score(u, i, %1$L) AS s OFFSET 0) y
                 WHERE NOT (%3$L
                            AND EXISTS (SELECT FROM orders o
                                        WHERE o.user_id = u AND o.item_id = i))) z
           WHERE r <= %4$s$q$,
        model,
        source,
        exclude_seen,
        k);
END $$;
CREATE FUNCTION served(model text, k int, exclude_seen boolean)
RETURNS TABLE (u int, item bigint, score real, rank int) LANGUAGE sql AS $$
    SELECT u, t.item, t.score, t.rank FROM users, LATERAL recadv_topk(u, k, model, exclude_seen) t
$$;

SELECT set_eq(
    format('SELECT * FROM served(%L, %s, %L)', m, k, x),
    format('SELECT * FROM naive(%L, %s, %L)', m, k, x),
    format('%s: the first %s of all items, %s', m, k,
        CASE WHEN x THEN 'without those seen' ELSE 'those seen included' END))
FROM algorithms() m,
     unnest('{1,7,1000}'::int[]) k,
     unnest('{true,false}'::bool[]) x;
SELECT set_eq(
    format('SELECT * FROM served(%L, 7, true)', m),
    format('SELECT * FROM naive(%L, 7, true)', m),
    m || ' without a cache')
FROM algorithms() m, set_config('recadv.cache_size', '0', false);
RESET recadv.cache_size;

-- what is read through the cache and past it is the same, bit for bit
CREATE TABLE cached AS
SELECT m, u, t.*, recadv_score(u, item, m) AS again
FROM models m,
     generate_series(0, 61) u,
     LATERAL recadv_topk(u, 30, m) t;
SELECT is(
    (SELECT count(*) FROM cached WHERE u BETWEEN 1 AND 49 AND again IS DISTINCT FROM score),
    0::bigint,
    'recadv_score gives the scores of recadv_topk');
SET recadv.cache_size = 0;
SELECT recadv_topk(1, 1, 'wide') \g /dev/null
CREATE TABLE uncached AS
SELECT m, u, t.*, recadv_score(u, item, m) AS again
FROM models m,
     generate_series(0, 61) u,
     LATERAL recadv_topk(u, 30, m) t;
SELECT bag_eq('TABLE uncached', 'TABLE cached', 'cache_size 0 gives the same');
SET recadv.cache_size = '100kB';
CREATE TABLE partly AS
SELECT m, u, t.*, recadv_score(u, item, m) AS again
FROM generate_series(0, 61) u,
     models m,
     LATERAL recadv_topk(u, 30, m) t;
SELECT bag_eq('TABLE partly', 'TABLE cached', 'a cache for some of the models gives the same');
RESET recadv.cache_size;

-- exactly k rows whenever there are k unseen items
SELECT is(
    (SELECT count(*)
     FROM users,
          generate_series(1, 41) k,
          LATERAL (SELECT count(*) AS n FROM recadv_topk(u, k, 'bpr')) t,
          LATERAL (SELECT 40 - count(*) AS unseen FROM orders WHERE user_id = u) o
     WHERE n <> least(k, unseen)),
    0::bigint,
    'k rows, or as many as there are unseen items');
SELECT is(
    (SELECT count(*)
     FROM users,
          unnest('{1,39,40,41,2147483647}'::int[]) k,
          LATERAL (SELECT count(*) AS n FROM recadv_topk(u, k, 'bpr', false)) t
     WHERE n <> least(k, 40)),
    0::bigint,
    'k rows, or all items with those seen');
SELECT is(
    (SELECT count(*)
     FROM (SELECT u,
                  count(DISTINCT item) <> count(*)
                      OR min(rank) <> 1
                      OR max(rank) <> count(*) AS wrong
           FROM served('amf', 25, true) GROUP BY u) x
     WHERE wrong),
    0::bigint,
    'no item twice, ranks without gaps');
SELECT is(
    (SELECT count(*) FROM served('amf', 40, true) s
     JOIN orders o ON o.user_id = s.u AND o.item_id = s.item),
    0::bigint,
    'nothing that was seen, held-out items included');
SELECT fails(
    format('SELECT recadv_topk(1, %s, ''bpr'')', k),
    '22023',
    'k must be at least 1, not ' || k,
    'k ' || k)
FROM unnest('{0,-1,-2147483648}'::int[]) k;
SELECT fails(
    'SELECT recadv_topk(0, 0, ''bpr'')',
    '22023',
    'k must be at least 1, not 0',
    'also for an unknown user');
SELECT is((SELECT count(*) FROM recadv_topk(1, model => 'bpr')), 10::bigint, 'ten by default');

-- unknown users: what is popular, and a way to tell
SELECT results_eq(
    $$SELECT item, score, rank FROM recadv_topk(999, 40, 'amf')$$,
    $$SELECT item_id::bigint, count(*)::real,
             (row_number() OVER (ORDER BY count(*) DESC, item_id))::int
      FROM orders GROUP BY item_id$$,
    'an unknown user gets items by their number of users');
SELECT results_eq(
    $$SELECT * FROM recadv_topk(999, 9, 'bpr')$$,
    $$SELECT * FROM recadv_topk(-5, 9, 'bpr', false)$$,
    'so does any other');
SELECT is(
    (SELECT count(*) FROM generate_series(-5, 70) u
     WHERE recadv_has_user(u, 'amf') <> (u BETWEEN 1 AND 60)),
    0::bigint,
    'recadv_has_user tells them apart');
SELECT is(
    (SELECT count(*) FROM generate_series(-5, 70) u
     WHERE (recadv_score(u, 1, 'amf') IS NULL) = recadv_has_user(u, 'amf')),
    0::bigint,
    'no score for them');
SELECT is(
    (SELECT count(*) FROM generate_series(-5, 50) i
     WHERE (recadv_score(1, i, 'amf') IS NOT NULL) <> (i BETWEEN 1 AND 40)),
    0::bigint,
    'nor for unknown items');

-- popularity is counted as it is
SELECT is(
    (SELECT count(*) FROM items
     WHERE recadv_score(1, i, 'popularity') <> (SELECT count(*) FROM orders WHERE item_id = i)),
    0::bigint,
    'popularity counts users per item');

-- text and bigint ask the same
SELECT bag_eq(
    $$SELECT u, item::text, score, rank, fallback FROM users, recadv_topk(u, 5, 'bpr')$$,
    $$SELECT u, t.* FROM users, recadv_topk(u::text, 5, 'bpr') t$$,
    'text ids give the same rows');
SELECT is(
    (SELECT count(*) FROM users, items
     WHERE recadv_score(u, i, 'bpr') IS DISTINCT FROM recadv_score(u::text, i::text, 'bpr')),
    0::bigint,
    'and the same scores');

-- no NaN, no infinity
SELECT is(
    (SELECT count(*) FROM cached WHERE score IN ('NaN', 'Infinity', '-Infinity')),
    0::bigint,
    'all scores are finite');

-- a model learns: the first recommendation is mostly of the user's taste
SELECT ok(
    (SELECT avg((item % 4 = u % 4)::int) FROM served('bpr', 1, true)) > 0.8,
    'bpr finds the taste of most users');
SELECT ok((SELECT avg((item % 4 = u % 4)::int) FROM served('amf', 1, true)) > 0.8, 'so does amf');
SELECT ok(
    (SELECT avg((item % 4 = u % 4)::int) FROM served('popularity', 1, true)) < 0.5,
    'popularity cannot');

SELECT * FROM finish();
ROLLBACK;
