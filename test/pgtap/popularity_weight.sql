-- popularity_weight: the score less weight * ln(popularity), in every function that recommends.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

SELECT recadv_train(a, 'orders', time_column => 'at', algorithm => a,
    options => options_of(a, '{"epochs":3,"adv_epochs":2,"factors":8,"seed":5}'))
FROM algorithms() a \g /dev/null
CREATE TABLE owners AS SELECT item_id, count(*) AS n FROM orders GROUP BY 1;

-- what recadv_topk has to give
CREATE FUNCTION naive(model text, u bigint, k int, weight float8)
RETURNS TABLE (item bigint, score real, rank integer) LANGUAGE sql AS $$
    SELECT item_id, score, row_number() OVER (ORDER BY score DESC, item_id)::int
    FROM (SELECT item_id, recadv_score(u, item_id, model)
                              - weight::real * ln(n::float8)::real AS score
          FROM owners
          WHERE NOT EXISTS (SELECT FROM orders o
                            WHERE o.user_id = u AND o.item_id = owners.item_id)) s
    ORDER BY score DESC, item_id LIMIT k
$$;
CREATE FUNCTION lists(model text, weight float8, extra text DEFAULT '') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT string_agg((t.item, t.score, t.rank)::text, '' '' ORDER BY u, t.rank)
                    FROM generate_series(1, 60) u,
                         LATERAL recadv_topk(u, 12, %L, popularity_weight => %L %s) t',
                   model, weight, extra) INTO result;
    RETURN result;
END $$;
SELECT is(
    lists(a, w),
    (SELECT string_agg(t::text, ' ' ORDER BY u, t.rank)
     FROM generate_series(1, 60) u, LATERAL naive(a, u, 12, w) t),
    format('recadv_topk of %s with popularity_weight %s', a, w))
FROM algorithms() a, unnest('{0,0.25,1000}'::float8[]) w;
SELECT is(
    lists(a, 0.5, ', candidates => ARRAY(SELECT generate_series(1, 40))'),
    lists(a, 0.5),
    'the same where candidates are named: ' || a)
FROM algorithms() a;
SELECT is(lists(a, 0.5, ', seen => ''live'''), lists(a, 0.5), 'and with seen => live: ' || a)
FROM algorithms() a;
SELECT isnt(lists('bpr', 0.5), lists('bpr', 0), 'a weight makes a difference');
SELECT is(lists('bpr', NULL), lists('bpr', 0), 'NULL is 0');
CREATE TABLE resident AS SELECT a, lists(a, 0.5) FROM algorithms() a;
CREATE TABLE all_lists AS
SELECT a, string_agg(format('(%s,%s,%s)', item, score, rank), ' ' ORDER BY user_id, rank) AS lists
FROM algorithms() a, LATERAL recadv_topk_all(a, 12, popularity_weight => 0.5) GROUP BY 1;
SELECT bag_eq('TABLE all_lists', 'TABLE resident', 'recadv_topk_all gives the same');
SELECT is(
    (SELECT string_agg(t::text, ' ') FROM recadv_topk_all('bpr', 3, '{999}'::bigint[], popularity_weight => 5) t),
    (SELECT string_agg('(999,' || ltrim(t::text, '('), ' ')
     FROM recadv_topk(999, 3, 'bpr', popularity_weight => 5) t),
    'also to a stranger');
SELECT is(
    (SELECT array_agg(score) FROM recadv_topk(999, 100, 'bpr', popularity_weight => 5)),
    (SELECT array_agg(s ORDER BY s DESC)
     FROM (SELECT n::real - 5::real * ln(n::float8)::real AS s FROM owners) x),
    'whose score is the number of users less the weight times its logarithm');

-- from the table, block by block
SET recadv.cache_size = 0;
SELECT bag_eq(
    'SELECT a, lists(a, 0.5) FROM algorithms() a', 'TABLE resident', 'without a cache the same');
SELECT bag_eq(
    $$SELECT a, string_agg(format('(%s,%s,%s)', item, score, rank), ' ' ORDER BY user_id, rank)
      FROM algorithms() a, LATERAL recadv_topk_all(a, 12, popularity_weight => 0.5) GROUP BY 1$$,
    'TABLE resident',
    'recadv_topk_all, too');
RESET recadv.cache_size;

-- visitors, text, images
SELECT is(
    (SELECT string_agg((t.item, t.score, t.rank)::text, ' ')
     FROM recadv_topk_for('{1,5,9}'::bigint[], 40, 'bpr', popularity_weight => 0.4) t),
    (SELECT string_agg(format('(%s,%s,%s)', item, score, rank), ' ' ORDER BY rank)
     FROM (SELECT item, score, row_number() OVER (ORDER BY score DESC, item) AS rank
           FROM (SELECT t.item, t.score - 0.4::real * ln(n::float8)::real AS score
                 FROM recadv_topk_for('{1,5,9}'::bigint[], 40, 'bpr') t
                 JOIN owners ON item_id = t.item) s) r),
    'recadv_topk_for');
SELECT is(
    (SELECT string_agg(t::text, ' ') FROM recadv_topk('7'::text, 9, 'bpr', popularity_weight => 0.4) t),
    (SELECT string_agg(t::text, ' ') FROM recadv_topk(7, 9, 'bpr', popularity_weight => 0.4) t),
    'ids as text');
CREATE TABLE image AS
SELECT recadv_fit(user_id, item_id, at, '{"algorithm":"bpr","epochs":3,"factors":8,"seed":5}')
FROM orders;
SELECT is(
    (SELECT string_agg(t::text, ' ') FROM image, recadv_image_topk(recadv_fit, 7, 9, popularity_weight => 0.4) t),
    (SELECT string_agg(t::text, ' ') FROM recadv_topk(7, 9, 'bpr', popularity_weight => 0.4) t),
    'an image');
SELECT is(
    (SELECT string_agg(t::text, ' ')
     FROM image, recadv_image_topk_for(recadv_fit, '{1,5,9}'::bigint[], 9, popularity_weight => 0.4) t),
    (SELECT string_agg(t::text, ' ')
     FROM recadv_topk_for('{1,5,9}'::bigint[], 9, 'bpr', popularity_weight => 0.4) t),
    'a visitor of an image');

-- what makes no sense
SELECT fails(
    format('SELECT * FROM %s, popularity_weight => %L)', f, w),
    '22023',
    'popularity_weight must be from 0 to 1e+06, not%',
    format('%s, popularity_weight => %s)', f, w))
FROM unnest('{"recadv_topk(1, 3, ''bpr''","recadv_topk(''1''::text, 3, ''bpr''",
    "recadv_topk_for(''{1}''::bigint[], 3, ''bpr''","recadv_topk_all(''bpr'', 3"}'::text[]) f,
    unnest('{-0.001,1000001,NaN,Infinity}'::float8[]) w;

-- an event of an item that no training has seen costs nothing
SELECT recadv_observe('nmrn', 1, 777, timestamp '2027-01-01') \g /dev/null
SELECT is(
    (SELECT score FROM recadv_topk(2, 100, 'nmrn', popularity_weight => 100) WHERE item = 777),
    (SELECT score FROM recadv_topk(2, 100, 'nmrn') WHERE item = 777),
    'a new item');

SELECT * FROM finish();
ROLLBACK;
