-- Alternating least squares: everything a factor model answers, against what SQL computes from the
-- embeddings and from the parts.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE all_orders AS
SELECT u AS user_id, i AS item_id, noise('test' || u || '/' || i) % 5 = 0 AS for_test,
       1 + noise('weight' || u || '/' || i) % 4 AS weight
FROM generate_series(1, 400) u, generate_series(1, 160) i
WHERE noise(u || '/' || i) % 1000
    < CASE WHEN u % 8 = i % 8 THEN 900 ELSE 40 END * (0.3 + 0.7 / (1 + i / 30));
CREATE VIEW train_orders AS SELECT user_id, item_id, weight FROM all_orders WHERE NOT for_test;
CREATE VIEW test_orders AS SELECT user_id, item_id FROM all_orders WHERE for_test;

SELECT recadv_train('popular', 'train_orders', algorithm => 'popularity') \g /dev/null
SELECT recadv_train('als', 'train_orders', algorithm => 'als', options => '{"factors":20}')
\g /dev/null
SELECT recadv_train('two', 'train_orders', algorithm => 'als',
    options => '{"factors":20,"threads":2}') \g /dev/null
SELECT recadv_train('one', 'train_orders', algorithm => 'als',
    options => '{"factors":20,"threads":1}') \g /dev/null
SELECT recadv_train('weighted', 'train_orders', weight_column => 'weight', algorithm => 'als',
    options => '{"factors":8,"epochs":4}') \g /dev/null

-- quality
CREATE FUNCTION ndcg(model text) RETURNS float8 LANGUAGE sql
RETURN (SELECT value FROM recadv_evaluate(model, 'test_orders', k => '{10}')
        WHERE metric = 'NDCG');
SELECT ok(ndcg('als') > 3 * ndcg('popular'),
    format('NDCG@10 %s, popularity %s', ndcg('als'), ndcg('popular')));
SELECT is(digest('one'), digest('two'), 'the same model on one and on two threads');
SELECT isnt(digest('weighted'), NULL, 'weights can be learnt');
SELECT ok(ndcg('weighted') > 2 * ndcg('popular'), 'and so ranked');

-- what was chosen
SELECT matches(
    (SELECT stage FROM recadv_history('als') LIMIT 1),
    '^als, unobserved [0-9.]+, regularization 0\.[0-9]+$',
    'the learning curve says which weights were chosen');
SELECT recadv_train('given', 'train_orders', algorithm => 'als',
    options => '{"factors":8,"epochs":2,"unobserved_weight":0.25,"regularization":0.5}')
\g /dev/null
SELECT is(
    (SELECT DISTINCT stage FROM recadv_history('given')),
    'als, unobserved 0.25, regularization 0.5',
    'weights that are named are taken');
SELECT works(
    $$SELECT recadv_train('nothing_held', 'train_orders', algorithm => 'als',
        options => '{"factors":8,"epochs":2,"holdout":"none"}')$$,
    'without validation there are weights, too');

-- serving
CREATE FUNCTION dot(a real[], b real[]) RETURNS float8 IMMUTABLE LANGUAGE sql
RETURN (SELECT sum(x::float8 * y) FROM unnest(a, b) v(x, y));
SELECT is(
    (SELECT count(*)
     FROM recadv_embeddings('als', 'user', NULL::bigint[]) u(id, v),
          recadv_embeddings('als', 'item', NULL::bigint[]) i(id, v)
     WHERE u.id < 20 AND abs(recadv_score(u.id, i.id, 'als') - dot(u.v, i.v)) > 1e-5),
    0::bigint,
    'scores are inner products');
SELECT is((SELECT count(*) FROM recadv_topk(7, 10, 'als')), 10::bigint, 'a user has a list');
SELECT is(
    (SELECT count(*) FROM recadv_topk(7, 10, 'als') t JOIN train_orders o ON o.item_id = t.item AND o.user_id = 7),
    0::bigint,
    'without what the user has');
SELECT is(
    (SELECT count(*) FROM recadv_topk_all('als', 5)), 2000::bigint, 'all users have lists');
SELECT ok(
    (SELECT avg((item % 8 = 3)::int) FROM recadv_similar_items(3::bigint, 5, 'als')) >= 0.6,
    'similar items are of one taste');
SELECT ok(
    (SELECT avg((other % 8 = 3)::int) FROM recadv_similar_users(3::bigint, 5, 'als')) >= 0.6,
    'similar users are of one taste');

-- a visitor with the items of a user is that user: the held-out item was learnt, too
SELECT is(
    (SELECT count(*)
     FROM generate_series(1, 20) u,
          LATERAL (SELECT array_agg(item_id::bigint) AS items
                   FROM train_orders WHERE user_id = u) h,
          LATERAL recadv_topk(u, 10, 'als') t
          LEFT JOIN LATERAL recadv_topk_for(h.items, 10, 'als') v ON v.rank = t.rank
     WHERE v.item IS DISTINCT FROM t.item OR abs(v.score - t.score) > 1e-4),
    0::bigint,
    'fold-in is exact');
SELECT results_eq(
    $$SELECT item FROM recadv_topk_for('{999999}'::bigint[], 5, 'als')$$,
    $$SELECT item FROM recadv_topk(-1::bigint, 5, 'popular')$$,
    'a history of unknown items gives popular ones');

-- reasons add up to the score
SELECT is(
    (SELECT count(*)
     FROM generate_series(1, 10) u,
          LATERAL recadv_topk(u, 3, 'als') t,
          LATERAL (SELECT sum(weight) AS said FROM recadv_explain(u, t.item, 1000, 'als')) e
     WHERE abs(e.said - t.score) > 1e-4),
    0::bigint,
    'what the history says adds up to the score');
SELECT ok(
    (SELECT avg((e.item % 8 = t.item % 8)::int)
     FROM recadv_topk(8, 3, 'als') t, LATERAL recadv_explain(8, t.item, 2, 'als') e) >= 0.5,
    'items of the same taste speak for an item');

-- robustness
SELECT is(
    (SELECT count(*)
     FROM recadv_robustness('als', '{0.3,0.5}', 'test_orders') a
          JOIN recadv_robustness('als', '{0.3,0.5}', 'test_orders') r USING (epsilon)
     WHERE a.perturbation = 'adversarial' AND r.perturbation = 'random'
       AND a.relative_change < least(0, r.relative_change)),
    2::bigint,
    'a worst-case perturbation lowers accuracy, and more than a random one');

-- a warm start
SELECT recadv_train('als', 'train_orders', algorithm => 'als',
    options => '{"factors":20,"warm_start":true,"warm_epochs":2}') \g /dev/null
SELECT is((SELECT count(*) FROM recadv_history('als')), 2::bigint, 'a warm start is short');
SELECT ok(ndcg('als') > 3 * ndcg('popular'), 'and as good');

-- errors
SELECT fails(
    format($$SELECT recadv_train('bad', 'train_orders', algorithm => 'als', options => %L)$$, o),
    '22023', pattern, o)
FROM (VALUES
    ('{"factors":-1}', '%"factors"%'),
    ('{"factors":4096}', '%"factors"%'),
    ('{"unobserved_weight":-1}', '%"unobserved_weight"%'),
    ('{"frequency_scaling":2}', '%"frequency_scaling"%'),
    ('{"learning_rate":0.1}', '%"learning_rate"%')) v(o, pattern);
SELECT fails(
    $$SELECT recadv_train('bad', '(SELECT 1 AS user_id, 2 AS item_id)', algorithm => 'als')$$,
    '%', '%no user lacks any%', 'nothing to rank');

-- damaged parts
SELECT copy_model('given', 'damaged');
UPDATE damaged SET data = '\x00' WHERE part = 'gram';
SELECT isnt(error_of($$SELECT * FROM recadv_topk_for('{1,2}'::bigint[], 5, 'damaged')$$), NULL,
    'a damaged part is refused');

SELECT * FROM finish();
ROLLBACK;
