-- Filters apply before the choice: against a naive ranking by recadv_score of what they leave.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

SELECT recadv_train(a, 'orders', time_column => 'at', algorithm => a,
    options => coalesce(o::jsonb, options_of(a, '{"factors":8,"epochs":3,"seed":7}')))
FROM algorithms() a
LEFT JOIN (VALUES
    ('bpr', '{"factors":8,"epochs":20,"seed":7}'),
    ('amf', '{"factors":5,"epochs":10,"adv_epochs":10,"seed":7}')) v(a, o) USING (a) \g /dev/null
-- item side of several blocks; gaps between the ids
SELECT recadv_train(
    'wide',
    '(SELECT n % 50 AS user_id, 3 * (n * 7919 % 9000) AS item_id FROM generate_series(1, 20000) n)',
    algorithm => 'bpr',
    options => '{"factors":33,"epochs":2,"holdout":"none","seed":7}') \g /dev/null
SELECT recadv_train(
    'texts',
    $$(SELECT 'u' || n % 50 AS user_id, 'i' || n * 7919 % 3000 AS item_id
       FROM generate_series(1, 9000) n)$$,
    algorithm => 'bpr',
    options => '{"factors":4,"epochs":2,"holdout":"none","seed":7}') \g /dev/null
CREATE TABLE items AS SELECT DISTINCT item_id::bigint AS i FROM orders;

-- twelve cases of arrays: empty, one, few, many, unknown ones, duplicates, NULLs, all
CREATE TABLE cases AS
SELECT n, n * 4 AS u, NULLIF(c, 'none')::bigint[] AS candidates,
       NULLIF(e, 'none')::bigint[] AS exclude, x AS exclude_seen, k
FROM (VALUES
    (1, 'none', 'none', true, 5),
    (2, '{}', 'none', true, 5),
    (3, 'none', '{}', true, 7),
    (4, '{3}', 'none', false, 5),
    (5, '{3}', '{3}', false, 5),
    (6, '{40,1,39,2,-7,900,1,1,NULL}', 'none', false, 3),
    (7, 'none', '{5,5,5,NULL,999,-1,1}', true, 40),
    (8, '{{1,2,3},{4,5,6}}', '{2}', true, 2),
    (9, '[5:7]={10,11,12}', 'none', false, 9),
    (10, '{NULL,NULL}', 'none', true, 5),
    (11, '{-9223372036854775808,9223372036854775807,17}', '{9223372036854775807}', false, 1),
    (12, 'none', '{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20}', true,
     30)) v(n, c, e, x, k);

CREATE FUNCTION naive(model text)
RETURNS TABLE (n int, item bigint, score real, rank int) LANGUAGE sql AS $$
    SELECT n, i, s, r
    FROM (SELECT n, k, i, s, (row_number() OVER (PARTITION BY n ORDER BY s DESC, i))::int AS r
          FROM cases c, items, LATERAL (SELECT recadv_score(u, i, naive.model) AS s OFFSET 0) y
          WHERE (candidates IS NULL OR i = ANY (candidates)) IS TRUE
            AND NOT coalesce(i = ANY (array_remove(exclude, NULL)), false)
            AND NOT (exclude_seen
                    AND EXISTS (SELECT FROM orders o WHERE o.user_id = u AND o.item_id = i))) z
    WHERE r <= k
$$;
CREATE FUNCTION served(model text)
RETURNS TABLE (n int, item bigint, score real, rank int) LANGUAGE sql AS $$
    SELECT n, t.item, t.score, t.rank
    FROM cases c, LATERAL recadv_topk(u, k, served.model, exclude_seen, c.candidates, c.exclude) t
$$;
CREATE FUNCTION served_text(model text)
RETURNS TABLE (n int, item bigint, score real, rank int) LANGUAGE sql AS $$
    SELECT n, t.item::bigint, t.score, t.rank
    FROM cases c,
         LATERAL recadv_topk(u::text, k, served_text.model, exclude_seen, c.candidates::text[],
             c.exclude::text[]) t
$$;
SELECT bag_eq(
    format('SELECT * FROM served(%L)', m),
    format('SELECT * FROM naive(%L)', m),
    m || ': filters as a naive ranking has them')
FROM algorithms() m;
SELECT bag_eq(
    format('SELECT * FROM served_text(%L)', m),
    format('SELECT * FROM naive(%L)', m),
    m || ': the same with text')
FROM algorithms() m;
SELECT bag_eq(
    format('SELECT * FROM served(%L)', m),
    format('SELECT * FROM naive(%L)', m),
    m || ': the same without a cache')
FROM algorithms() m, set_config('recadv.cache_size', '0', false);
RESET recadv.cache_size;
SELECT is(
    (SELECT count(*) FROM served('bpr') WHERE n IN (2, 5, 10)),
    0::bigint,
    'no candidate that is left, no rows');

-- random arrays, ties among thousands of items, several blocks
CREATE TABLE randomly AS
SELECT n, n % 4 AS u, 1 + noise('k' || n) % 40 AS k, n % 2 = 0 AS exclude_seen,
       ARRAY(SELECT (noise('c' || n || '/' || j) % 30000)::bigint
             FROM generate_series(1, noise('#' || n) % 3000) j) AS candidates,
       ARRAY(SELECT (noise('e' || n || '/' || j) % 9000 * 3)::bigint
             FROM generate_series(1, noise('!' || n) % 2000) j) AS exclude
FROM generate_series(1, 12) n;
SELECT recadv_train(
    'ties',
    '(SELECT n % 50 AS user_id, 3 * (n * 7919 % 9000) AS item_id FROM generate_series(1, 20000) n)',
    algorithm => 'popularity') \g /dev/null
CREATE FUNCTION naive_wide(model text)
RETURNS TABLE (n int, item bigint, score real, rank int) LANGUAGE sql AS $$
    WITH scored AS MATERIALIZED (
        SELECT x.u, i, recadv_score(x.u, i, naive_wide.model) AS s,
               bool_or(d.user_id IS NOT NULL) AS has
        FROM (SELECT DISTINCT u FROM randomly) x
        CROSS JOIN (SELECT DISTINCT 3 * (n * 7919 % 9000)::bigint AS i
                    FROM generate_series(1, 20000) n) y
        LEFT JOIN (SELECT DISTINCT n % 50 AS user_id, 3 * (n * 7919 % 9000) AS item_id
                   FROM generate_series(1, 20000) n) d ON d.user_id = x.u AND d.item_id = i
        GROUP BY 1, 2, 3)
    SELECT n, i, s, r
    FROM (SELECT c.n, c.k, i, s, (row_number() OVER (PARTITION BY c.n ORDER BY s DESC, i))::int AS r
          FROM randomly c
          JOIN scored USING (u)
          WHERE i = ANY (candidates) AND NOT i = ANY (exclude) AND NOT (exclude_seen AND has)) z
    WHERE r <= k
$$;
CREATE TABLE wanted AS SELECT m, w.* FROM unnest('{wide,ties}'::text[]) m, naive_wide(m) w;
SELECT bag_eq(
    format(
        $$SELECT n, t.item, t.score, t.rank
          FROM randomly c, LATERAL recadv_topk(u, k, %L, exclude_seen, c.candidates, c.exclude) t$$,
        m),
    format('SELECT n, item, score, rank FROM wanted WHERE m = %L', m),
    m || ': random filters')
FROM unnest('{wide,ties}'::text[]) m;
SET recadv.cache_size = 0;
SELECT bag_eq(
    format(
        $$SELECT n, t.item, t.score, t.rank
          FROM randomly c, LATERAL recadv_topk(u, k, %L, exclude_seen, c.candidates, c.exclude) t$$,
        m),
    format('SELECT n, item, score, rank FROM wanted WHERE m = %L', m),
    m || ': random filters without a cache')
FROM unnest('{wide,ties}'::text[]) m;
RESET recadv.cache_size;
SELECT bag_eq(
    $$SELECT n, t.*
      FROM randomly c,
           LATERAL recadv_topk(u, k, 'wide', exclude_seen, NULL,
               ARRAY(SELECT 3 * j::bigint FROM generate_series(0, 8999) j
                     EXCEPT SELECT unnest(c.candidates)) || c.exclude) t$$,
    $$SELECT n, t.*
      FROM randomly c, LATERAL recadv_topk(u, k, 'wide', exclude_seen, c.candidates, c.exclude) t$$,
    'excluding all others is choosing among candidates');

-- one array, several models and users: what is remembered of an array is of one model alone
SELECT bag_eq(
    $$SELECT m, u, t.*
      FROM unnest('{wide,ties,bpr,wide}'::text[]) m,
           generate_series(0, 3) u,
           LATERAL recadv_topk(u, 5, m,
               candidates => ARRAY(SELECT generate_series(0, 3000, 3)::bigint),
               exclude => ARRAY(SELECT generate_series(0, 3000, 9)::bigint)) t$$,
    $$SELECT m, u, t.*
      FROM unnest('{wide,ties,bpr,wide}'::text[]) m,
           generate_series(0, 3) u,
           LATERAL recadv_topk(u, 5, m,
               candidates => ARRAY(SELECT j::bigint FROM generate_series(0, 3000, 3) j
                                   WHERE j % 9 > 0)) t$$,
    'one array, several models');

-- images take the same filters
SELECT bag_eq(
    $$SELECT n, t.item, t.score, t.rank
      FROM cases c,
           (SELECT recadv_fit(user_id, item_id, '{"algorithm":"popularity"}') AS image
            FROM orders) f,
           LATERAL recadv_image_topk(image, u::bigint, k, exclude_seen, c.candidates, c.exclude) t$$,
    $$SELECT * FROM served('popularity')$$,
    'an image: the same');
SELECT bag_eq(
    $$SELECT n, t.item::bigint, t.score, t.rank
      FROM cases c,
           (SELECT recadv_fit(user_id, item_id, '{"algorithm":"popularity"}') AS image
            FROM orders) f,
           LATERAL recadv_image_topk(image, u::text, k, exclude_seen, c.candidates::text[],
               c.exclude::text[]) t$$,
    $$SELECT * FROM served('popularity')$$,
    'an image: the same with text');

-- text ids that are no integers, in any order
SELECT results_eq(
    $$SELECT item
      FROM recadv_topk('u1'::text, 3, 'texts',
          candidates => ARRAY['i7', NULL, 'i2999', 'i7', '7', '', 'i14', repeat('x', 2000)],
          exclude_seen => false)
      ORDER BY item$$,
    $$VALUES ('i14'), ('i2999'), ('i7')$$,
    'text candidates');
SELECT is_empty(
    $$SELECT item
      FROM recadv_topk('u1'::text, 3000, 'texts', exclude => ARRAY['i7', 'i14'])
      WHERE item IN ('i7', 'i14')$$,
    'text to exclude');
SELECT results_eq(
    $$SELECT item
      FROM recadv_topk('1', 5, 'bpr',
          candidates => ARRAY['5', '05', ' 6', '6', 'six', '99999999999999999999'],
          exclude_seen => false)
      ORDER BY item$$,
    $$VALUES ('5'), ('6')$$,
    'texts that are no ids of an integer model do nothing');
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'texts', candidates => '{1}')$$,
    '42804',
    '%items of model "texts" are not integers%as text%',
    'bigint candidates of a text model');

-- unknown users are filtered too; ARRAY(SELECT ...) of nothing is empty, array_agg of nothing is
-- NULL
SELECT results_eq(
    $$SELECT item, rank FROM recadv_topk(999, 2, 'amf', candidates => '{4,2,9,77}')$$,
    $$SELECT item_id::bigint, (row_number() OVER (ORDER BY count(*) DESC, item_id))::int
      FROM orders WHERE item_id IN (4, 2, 9) GROUP BY item_id LIMIT 2$$,
    'an unknown user among candidates');
SELECT is(
    (SELECT count(*)
     FROM recadv_topk(1, 5, 'amf', candidates => ARRAY(SELECT i FROM items WHERE false))),
    0::bigint,
    'no candidates');
SELECT is(
    (SELECT count(*)
     FROM recadv_topk(1, 5, 'amf', candidates => (SELECT array_agg(i) FROM items WHERE false))),
    5::bigint,
    'NULL is no filter');

-- a million candidates, a million exclusions, none of them known or all of them the same
CREATE TABLE million AS
SELECT array_agg(j * 2654435761 % 40000000) AS a, array_agg(7::bigint) AS same
FROM generate_series(1, 1000000::bigint) j;
SELECT bag_eq(
    $$SELECT t.* FROM million, recadv_topk(1, 20, 'wide', candidates => a) t$$,
    $$SELECT t.*
      FROM (SELECT array_agg(x) AS a FROM million, unnest(a) x WHERE x % 3 = 0 AND x < 27000) f,
           recadv_topk(1, 20, 'wide', candidates => a) t$$,
    'a million candidates');
SELECT bag_eq(
    $$SELECT t.* FROM million, recadv_topk(1, 20, 'wide', exclude => a) t$$,
    $$SELECT t.*
      FROM (SELECT array_agg(x) AS a FROM million, unnest(a) x WHERE x % 3 = 0 AND x < 27000) f,
           recadv_topk(1, 20, 'wide', exclude => a) t$$,
    'a million exclusions');
SELECT is(
    (SELECT count(*) FROM million, recadv_topk(1, 20, 'bpr', false, candidates => same)),
    1::bigint,
    'a million times the same');
SELECT is(
    (SELECT count(*)
     FROM million, recadv_topk('1'::text, 20, 'bpr', false, candidates => same::text[])),
    1::bigint,
    'a million times the same text');
SELECT is(
    (SELECT count(*)
     FROM recadv_topk(1, 2147483647, 'wide', false,
         candidates => ARRAY(SELECT generate_series(0, 30000, 3)::bigint))),
    9000::bigint,
    'k larger than what is left');

-- what is asked wrongly
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'bpr', seen => 'now')$$,
    '22023',
    'seen must be "model" or "live", not "now" | model: %',
    'seen');
SELECT is(
    (SELECT count(*) FROM recadv_topk(1, 5, 'bpr', seen => NULL)),
    0::bigint,
    'seen NULL: no rows');
SELECT fails(
    $$SELECT recadv_topk(1, 0, 'bpr', candidates => '{}')$$,
    '22023',
    'k must be at least 1, not 0',
    'k 0 without candidates');

SELECT * FROM finish();
ROLLBACK;
