-- sasrec: what comes next is learnt from order; every serving function answers or refuses; options.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

-- Walks through 50 items in steps of 7, but for one step in eight: the last item says what comes
-- next, and no item is more popular than another.
CREATE TABLE walks AS
WITH RECURSIVE walk AS (
    SELECT u AS user_id, 0 AS n, noise('start' || u) % 50 AS item_id FROM generate_series(1, 120) u
    UNION ALL
    SELECT user_id, n + 1,
           CASE WHEN noise('jump' || user_id || '/' || n) % 8 = 0
                THEN noise('to' || user_id || '/' || n) % 50
                ELSE (item_id + 7) % 50 END
    FROM walk WHERE n < 24)
SELECT user_id, item_id, timestamp '2026-01-01' + n * interval '1 hour' AS at, n FROM walk;
CREATE VIEW train_walks AS SELECT user_id, item_id, at FROM walks WHERE n < 24;
CREATE VIEW test_walks AS SELECT user_id, item_id, at FROM walks WHERE n = 24;

CREATE FUNCTION train(model text, more jsonb DEFAULT '{}', source text DEFAULT 'train_walks')
RETURNS recadv_training LANGUAGE sql AS $$
    SELECT t FROM recadv_train(model, source, time_column => 'at', algorithm => 'sasrec',
        options => '{"factors":16,"length":10,"epochs":15,"batch_size":20,"learning_rate":0.01,
                     "dropout":0.1,"seed":7}' || more) t
$$;
CREATE TABLE trained AS SELECT (t).* FROM train('m') t;
SELECT recadv_train('floor', 'train_walks', algorithm => 'popularity'),
       recadv_train('knn', 'train_walks', algorithm => 'itemknn') \g /dev/null

-- what it learns
SELECT is(
    (SELECT row(algorithm, stop_reason, best_epoch BETWEEN 5 AND 15, ndcg > 0) FROM trained),
    row('sasrec'::text, 'epochs'::text, true, true),
    'it trains and is validated');
SELECT results_eq(
    $$SELECT stage, count(*) > 0, count(ndcg) > 0 FROM recadv_history('m')
      GROUP BY 1 ORDER BY min(epoch)$$,
    $$VALUES ('next item', true, true), ('all', true, false)$$,
    'the held-out items are learnt at last');
SELECT is((SELECT count(*) FROM held('m')), 0::bigint, 'and are no longer held out');
CREATE FUNCTION of(model text, name text) RETURNS float8 LANGUAGE sql
RETURN (SELECT value FROM recadv_evaluate(model, 'test_walks', k => '{1}')
        WHERE metric = name);
SELECT ok(of('m', 'HR') > 0.6, 'it knows what comes next');
SELECT ok(of('m', 'HR') > 2 * of('knn', 'HR'), 'which is more than who goes together says');
SELECT is(
    (SELECT digest('again') FROM train('again', '{"threads":1}')),
    (SELECT digest('m')),
    'the same bytes on one thread');

-- answers agree with each other
CREATE TABLE best AS
SELECT u AS user_id, t.* FROM generate_series(1, 60) u, LATERAL recadv_topk(u, 7, 'm') t;
SELECT is(
    (SELECT count(*) FROM best WHERE score <> recadv_score(user_id, item, 'm')),
    0::bigint,
    'recadv_score gives the same scores');
SELECT bag_eq(
    'SELECT user_id::bigint, item, score, rank, fallback FROM best',
    'SELECT * FROM recadv_topk_all(''m'', 7, (SELECT array_agg(u::bigint) FROM generate_series(1, 60) u))',
    'recadv_topk_all is recadv_topk of each');
SET recadv.cache_size = 0;
SELECT copy_model('m', 'cold');
SELECT bag_eq(
    'SELECT user_id, item, score, rank, fallback FROM best',
    'SELECT u, t.* FROM generate_series(1, 60) u, recadv_topk(u, 7, ''cold'') t',
    'also read from the table');
RESET recadv.cache_size;

-- visitors: the order of the history counts, and its end
CREATE FUNCTION history(u int) RETURNS bigint[] LANGUAGE sql
RETURN (SELECT array_agg(item_id::bigint ORDER BY at) FROM train_walks WHERE user_id = u);
CREATE FUNCTION visitor(items bigint[]) RETURNS text LANGUAGE sql
RETURN (SELECT string_agg(item || ':' || score, ' ' ORDER BY rank)
        FROM recadv_topk_for(items, 7, 'm', exclude_seen => false));
SELECT is(
    (SELECT count(*) FROM generate_series(1, 20) u
     WHERE visitor(history(u)) IS DISTINCT FROM
         (SELECT string_agg(item || ':' || score, ' ' ORDER BY rank)
          FROM recadv_topk(u, 7, 'm', exclude_seen => false))),
    0::bigint,
    'a visitor with a user''s history gets what the user gets, bit for bit');
SELECT ok(
    (SELECT avg((t.item = (i + 7) % 50)::int) > 0.8
     FROM generate_series(0, 49) i,
          recadv_topk_for(ARRAY[(i + 36) % 50, (i + 43) % 50, i]::bigint[], 1, 'm') t),
    'who has just taken an item is shown the one that comes after it');
SELECT isnt(visitor('{3,10,17}'), visitor('{17,10,3}'), 'another order, another answer');
SELECT isnt(visitor('{3,10,17}'), visitor('{3,10,17,17}'), 'repeats count');
SELECT is(
    visitor('{40,41,42,43,44,45,1,2,3,4}'),
    visitor('{9,9,9,40,41,42,43,44,45,1,2,3,4}'),
    'what lies more than `length` items back does not');
SELECT is(
    visitor('{3,10,17}'), visitor('{3,999,10,17,998}'), 'nor do items that it does not know');
SELECT is(
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk(999, 5, 'm')),
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk(999, 5, 'floor')),
    'strangers get what is popular');

-- what else it can, and cannot
SELECT is((SELECT count(*) FROM recadv_similar_items(5, 4, 'm')), 4::bigint, 'similar items');
SELECT is(
    (SELECT count(*) FROM recadv_embeddings('m', 'item') WHERE cardinality(embedding) = 16),
    50::bigint,
    'embeddings of items');
SELECT fails($$SELECT * FROM recadv_embeddings('m', 'user')$$, '0A000', '%', 'none of users');
SELECT fails($$SELECT * FROM recadv_similar_users(1, 3, 'm')$$, '0A000', '%', 'users are not alike');
SELECT fails($$SELECT * FROM recadv_explain(1, 1, 3, 'm')$$, '0A000', '%', 'it gives no reasons');
SELECT fails(
    $$SELECT * FROM recadv_robustness('m', '{1}', 'test_walks')$$, '0A000', '%',
    'nothing is perturbed');
SELECT fails($$SELECT recadv_refresh('m')$$, '42809', '%', 'it does not learn from a stream');

-- warm start: the rows that are there go on
SELECT is(
    (SELECT (t).epochs FROM train('m', '{"warm_start":true,"warm_epochs":4,"holdout":"none"}') t),
    4,
    'a warm start takes fewer epochs');
SELECT ok(of('m', 'HR') > 0.6, 'and goes on from what it knew');

-- other losses and windows
SELECT train('bce', '{"loss":"bce","windows":"last","epochs":60}') \g /dev/null
SELECT ok(of('bce', 'HR') > 2 * of('floor', 'HR'), 'cross entropy against one item, last windows');
SELECT works(
    $$SELECT recadv_train('paper', 'train_walks', time_column => 'at', algorithm => 'sasrec',
          options => '{"preset":"paper","epochs":1}')$$,
    'preset paper');
SELECT works(
    $$SELECT train('odd', '{"factors":5,"heads":5,"blocks":4,"length":1,"epochs":1,"negatives":1}')$$,
    'absurdly small');
SELECT works(
    $$SELECT train('wide', '{"factors":256,"length":200,"epochs":1,"batch_size":1}',
          '(SELECT * FROM train_walks WHERE user_id < 3)')$$,
    'as wide and long as it gets');
SELECT is((SELECT count(*) FROM recadv_topk(1, 3, 'wide')), 3::bigint, 'and served');

-- what cannot be
SELECT fails(
    $$SELECT recadv_train('bad', 'train_walks', algorithm => 'sasrec')$$, '%', '%time%',
    'without a time column');
SELECT fails(
    $$SELECT train('bad', '{"heads":3}')$$, '22023', '%"factors" (16) must be a multiple of "heads" (3)%',
    'factors that the heads cannot share');
SELECT fails(
    $$SELECT train('bad', source => '(SELECT user_id, 1 AS item_id, at FROM train_walks)')$$,
    '22023', '%nothing to learn a ranking from%',
    'one item');
SELECT fails(
    $$SELECT train('bad', source => '(SELECT * FROM train_walks WHERE false)')$$, '%', '%',
    'no rows');
SELECT matches(
    error_of(format($$SELECT train('bad', '{"%s":%s}')$$, option, value)),
    format('option "%s"', option),
    option || ' is checked')
FROM (VALUES ('factors', '257'), ('blocks', '5'), ('heads', '0'), ('length', '201'),
             ('dropout', '1'), ('loss', '"hinge"'), ('windows', '"some"'), ('negatives', '0'),
             ('batch_size', '0.5'), ('last_rate', '2'), ('regularization', '-1')) v(option, value);
SELECT ok(
    recadv_estimate_memory(1000, 500, 10000, 'sasrec')
        < recadv_estimate_memory(1000, 500, 10000, 'sasrec', '{"factors":256}'),
    'memory is estimated');

SELECT fails(
    $$SELECT train('bad', source => '(SELECT DISTINCT ON (user_id) * FROM train_walks ORDER BY user_id, at)')$$,
    '22023', '%no user has two interactions%',
    'users with one event each');

SELECT * FROM finish();
ROLLBACK;
