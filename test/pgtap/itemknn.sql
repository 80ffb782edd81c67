-- itemknn: queries are made of what a user has; every serving function answers or refuses.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE VIEW train_orders AS
SELECT * FROM orders WHERE noise('test' || user_id || '/' || item_id) % 4 > 0;
CREATE VIEW test_orders AS
SELECT * FROM orders WHERE noise('test' || user_id || '/' || item_id) % 4 = 0;

-- training
CREATE TABLE trained AS
SELECT *
FROM recadv_train('knn', 'train_orders', algorithm => 'itemknn',
    options => '{"neighbors":9,"shrink":2,"weighting":"none"}');
SELECT is(
    (SELECT row(algorithm, epochs, best_epoch, loss, stop_reason) FROM trained),
    row('itemknn'::text, 1, 1, NULL::float8, 'counted'::text),
    'one epoch, no loss');
SELECT ok((SELECT ndcg BETWEEN 0.05 AND 1 AND hr BETWEEN ndcg AND 1 FROM trained), 'validated');
SELECT is(
    (SELECT row(h.stage, h.loss, h.ndcg) FROM recadv_history('knn') h),
    (SELECT row('neighbors'::text, NULL::float8, ndcg) FROM trained),
    'the history has it, too');
SELECT is((SELECT count(*) FROM held('knn')), 0::bigint, 'what was held out has been learnt');
SELECT recadv_train('floor', 'train_orders', algorithm => 'popularity') \g /dev/null
SELECT recadv_train('all_learnt', 'train_orders', algorithm => 'itemknn',
    options => '{"neighbors":9,"shrink":2,"weighting":"none","holdout":"none","threads":1}') \g /dev/null
SELECT is(
    digest('knn'),
    digest('all_learnt'),
    'the same as without validation, on any number of threads');
CREATE TABLE chosen_trained AS
SELECT * FROM recadv_train('chosen', 'train_orders', algorithm => 'itemknn', options => '{"neighbors":9}');
SELECT ok(
    (SELECT epochs = 5 AND best_epoch = 5 AND metrics ->> 'tfidf' IN ('0', '1') AND metrics ->> 'shrink' IN ('0', '10', '50')
     FROM chosen_trained),
    'the result tells what was chosen');
SELECT ok((SELECT NOT metrics ? 'shrink' AND NOT metrics ? 'tfidf' FROM trained), 'and of what was named nothing');
SELECT results_eq(
    $$SELECT stage, epoch, ndcg BETWEEN 0 AND 1 FROM recadv_history('chosen') ORDER BY epoch$$,
    $$VALUES ('weighting tfidf', 1, true), ('weighting none', 2, true), ('shrink 0', 3, true),
             ('shrink 50', 4, true), ('neighbors', 5, true)$$,
    'what is not named is chosen by trials, which the history has');
SELECT recadv_train('repeated', 'train_orders', algorithm => 'itemknn',
    options => jsonb_build_object('neighbors', 9, 'shrink', metrics -> 'shrink',
        'weighting', CASE metrics ->> 'tfidf' WHEN '1' THEN 'tfidf' ELSE 'none' END))
FROM chosen_trained \g /dev/null
SELECT is(digest('chosen'), digest('repeated'), 'what was chosen is what was trained');
SELECT is(
    (SELECT row(ndcg, hr) FROM recadv_history('chosen') WHERE stage = 'neighbors'),
    (SELECT row(ndcg, hr) FROM recadv_history('repeated')),
    'and what was measured');
CREATE TABLE measured AS
SELECT m AS model, e.metric, e.k, e.value
FROM unnest('{floor,knn}'::text[]) m,
     LATERAL recadv_evaluate(m, 'test_orders', k => '{5,10}') e;
SELECT cmp_ok(
    (SELECT value FROM measured WHERE model = 'knn' AND metric = 'NDCG' AND k = 10),
    '>',
    1.5 * (SELECT value FROM measured WHERE model = 'floor' AND metric = 'NDCG' AND k = 10),
    'half as good again as popularity, at least');
SELECT ok(
    (SELECT avg((item % 4 = u % 4)::int) FROM generate_series(1, 60) u, recadv_topk(u, 3, 'knn'))
        > 0.6,
    'recommends what is of the user''s taste');

-- answers agree with each other
CREATE TABLE best AS
SELECT u AS user_id, t.* FROM generate_series(1, 60) u, LATERAL recadv_topk(u, 7, 'knn') t;
SELECT is(
    (SELECT count(*) FROM best JOIN train_orders USING (user_id)
     WHERE best.item = train_orders.item_id),
    0::bigint,
    'nothing that the user has');
SELECT is(
    (SELECT count(*) FROM best WHERE score <> recadv_score(user_id, item, 'knn')),
    0::bigint,
    'recadv_score gives the same scores');
SELECT results_eq(
    'SELECT user_id::bigint, item, score, rank, fallback FROM best ORDER BY 1, rank',
    'SELECT * FROM recadv_topk_all(''knn'', 7) ORDER BY 1, rank',
    'recadv_topk_all gives the same');
SET recadv.max_threads = 1;
SELECT results_eq(
    'SELECT user_id::bigint, item, score, rank, fallback FROM best ORDER BY 1, rank',
    'SELECT * FROM recadv_topk_all(''knn'', 7) ORDER BY 1, rank',
    'on one thread, too');
SET recadv.max_threads = 2;
SET recadv.cache_size = 0;
SELECT copy_model('knn', 'cold');
SELECT results_eq(
    'SELECT user_id::bigint, item, score, rank, fallback FROM best ORDER BY 1, rank',
    'SELECT * FROM recadv_topk_all(''cold'', 7) ORDER BY 1, rank',
    'and read from the table');
SELECT results_eq(
    'SELECT user_id, item, score, rank, fallback FROM best ORDER BY 1, rank',
    'SELECT u, t.* FROM generate_series(1, 60) u, recadv_topk(u, 7, ''cold'') t ORDER BY 1, rank',
    'recadv_topk, too');
RESET recadv.cache_size;
SELECT is(
    (SELECT count(*)
     FROM generate_series(1, 60) u,
          LATERAL (SELECT array_agg(item ORDER BY rank) AS items, array_agg(score ORDER BY rank)
                   FROM recadv_topk_for(
                       (SELECT array_agg(item_id::bigint) FROM train_orders WHERE user_id = u),
                       7, 'knn')) a,
          LATERAL (SELECT array_agg(item ORDER BY rank) AS items, array_agg(score ORDER BY rank)
                   FROM best WHERE user_id = u) b
     WHERE a IS DISTINCT FROM b),
    0::bigint,
    'a visitor with a user''s items gets the same, bit for bit');
SELECT results_eq(
    'SELECT item FROM recadv_topk(999, 5, ''knn'')',
    'SELECT item FROM recadv_topk(999, 5, ''floor'')',
    'strangers get what is popular');
SELECT is(
    (SELECT array_agg(item ORDER BY rank)
     FROM recadv_topk(7, 5, 'knn', candidates => '{1,2,3,4,5,6,7,8,9}', exclude_seen => false)),
    (SELECT array_agg(item ORDER BY rank)
     FROM (SELECT item, rank FROM recadv_topk(7, 40, 'knn', exclude_seen => false)
           WHERE item < 10 ORDER BY rank LIMIT 5) t),
    'candidates');

-- items that nothing speaks for: negative, by popularity
CREATE TABLE tail AS
SELECT t.item, t.score, t.rank, recadv_score(1, t.item, 'floor') AS popularity
FROM recadv_topk_for('{1}'::bigint[], 40, 'knn') t;
SELECT is((SELECT count(*) FROM tail), 39::bigint, 'all items have a rank');
SELECT ok(
    (SELECT count(*) FILTER (WHERE score > 0) BETWEEN 1 AND 38
            AND bool_and(score > 0 OR score = (-1 / (1 + popularity))::real)
     FROM tail),
    'those that nothing speaks for have -1 / (1 + popularity)');

-- neighbours and reasons
CREATE TABLE near AS
SELECT i AS item, s.item AS other, s.similarity, s.rank
FROM generate_series(1, 40) i, LATERAL recadv_similar_items(i, 40, 'knn') s;
SELECT ok(
    (SELECT count(*) FROM near WHERE rank > 9) = 0
    AND (SELECT count(*) FROM near) BETWEEN 300 AND 360
    AND (SELECT bool_and(similarity > 0 AND similarity <= 1 AND other <> item) FROM near),
    'similar items are the neighbours, no more');
SELECT is(
    (SELECT count(*)
     FROM (SELECT a.item, a.other, a.similarity,
                  count(*) FILTER (WHERE b.user_id IS NOT NULL)
                      / (sqrt(max(n.users) * max(m.users)) + 2) AS wanted
           FROM near a
           JOIN train_orders o ON o.item_id = a.item
           LEFT JOIN train_orders b ON b.user_id = o.user_id AND b.item_id = a.other
           JOIN LATERAL (SELECT count(*) AS users FROM train_orders WHERE item_id = a.item) n
               ON true
           JOIN LATERAL (SELECT count(*) AS users FROM train_orders WHERE item_id = a.other) m
               ON true
           GROUP BY 1, 2, 3) s
     WHERE abs(similarity - wanted) > 1e-6),
    0::bigint,
    'similarities are cosines, shrunk');
SELECT is(
    (SELECT array_agg(item ORDER BY rank)
     FROM recadv_similar_items(5, 3, 'knn', candidates => '{1,2,9,13,17,21,33}')),
    (SELECT (array_agg(other ORDER BY rank))[:3] FROM near
     WHERE item = 5 AND other IN (1, 2, 9, 13, 17, 21, 33)),
    'among candidates');
SELECT is(
    (SELECT count(*)
     FROM best b,
          LATERAL (SELECT sum(weight) AS said
                   FROM recadv_explain(b.user_id, b.item, 40, 'knn')) e
     WHERE score > 0 AND abs(score - said) > 1e-5 OR score < 0 AND said <> 0),
    0::bigint,
    'reasons add up to the score');
SELECT is(
    (SELECT count(*)
     FROM recadv_explain(3, 7, 40, 'knn') e
     LEFT JOIN near n ON n.item = 7 AND n.other = e.item
     WHERE e.weight <> coalesce(n.similarity, 0)),
    0::bigint,
    'and are the similarities');
SELECT fails(
    $$SELECT recadv_similar_users(1, 5, 'knn')$$,
    '0A000',
    'algorithm "itemknn" of model "knn" cannot compare users%',
    'users are not compared');
SELECT fails(
    $$SELECT recadv_embeddings('knn', 'item')$$,
    '0A000',
    '%',
    'there are no embeddings');
SELECT fails(
    $$SELECT recadv_robustness('knn', '{0.5}', 'test_orders')$$,
    '%',
    '%knn%',
    'nothing to perturb');
SELECT fails($$SELECT recadv_refresh('knn')$$, '%', '%', 'nor to learn from a stream');

-- options
SELECT fails(
    format($$SELECT recadv_train('bad', 'orders', algorithm => 'itemknn', options => %L)$$, o),
    '22023',
    '%' || substring(o FROM '"(\w+)"') || '%',
    'refused: ' || o)
FROM unnest('{"{\"neighbors\":-1}","{\"neighbors\":1001}","{\"shrink\":-2}",
              "{\"weighting\":\"idf\"}","{\"recent\":-1}","{\"recent\":1001}","{\"factors\":8}"}'::text[]) o;
SELECT isnt(digest('knn'), digest('other'), 'another model with weighting ' || w)
FROM unnest('{tfidf,bm25}'::text[]) w,
     LATERAL (SELECT recadv_train('other', 'train_orders', algorithm => 'itemknn',
                  options => jsonb_build_object('neighbors', 9, 'shrink', 2, 'weighting', w))) t;
SELECT ok(
    recadv_estimate_memory(1000000, 100000, 100000000, 'itemknn')
        > recadv_estimate_memory(1000000, 100000, 50000000, 'itemknn') + 50000000 * 12::bigint,
    'memory grows with the interactions');

-- recent
CREATE VIEW train_timed AS
SELECT * FROM orders o
WHERE at < (SELECT max(at) FROM orders l WHERE l.user_id = o.user_id);
SELECT fails(
    $$SELECT recadv_train('last', 'train_timed', algorithm => 'itemknn',
        options => '{"recent":3}')$$,
    '22023',
    '%needs times%time_column%',
    'recent takes a time column');
SELECT recadv_train('last', 'train_timed', time_column => 'at', algorithm => 'itemknn',
    options => '{"recent":3,"neighbors":9,"weighting":"tfidf","shrink":10}') \g /dev/null
CREATE TABLE three AS
SELECT user_id, array_agg(item_id::bigint ORDER BY at, item_id) AS items
FROM (SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY at DESC, item_id DESC) AS n
      FROM train_timed) t
WHERE n <= 3 GROUP BY 1;
CREATE TABLE last_best AS
SELECT u AS user_id, t.* FROM generate_series(1, 60) u, LATERAL recadv_topk(u, 7, 'last') t;
SELECT is(
    (SELECT count(*)
     FROM three,
          LATERAL (SELECT array_agg((item, score) ORDER BY rank) AS rows
                   FROM recadv_topk_for(items, 7, 'last',
                       exclude => ARRAY(SELECT item_id::bigint FROM train_timed t
                                        WHERE t.user_id = three.user_id))) a,
          LATERAL (SELECT array_agg((item, score) ORDER BY rank) AS rows
                   FROM last_best WHERE last_best.user_id = three.user_id) b
     WHERE a.rows IS DISTINCT FROM b.rows),
    0::bigint,
    'a query is made of the last three items');
SELECT is(
    (SELECT count(*)
     FROM last_best b,
          LATERAL (SELECT sum(weight) AS said, count(*) FILTER (WHERE weight > 0) AS items
                   FROM recadv_explain(b.user_id, b.item, 40, 'last')) e
     WHERE score > 0 AND (abs(score - said) > 1e-5 OR items > 3)),
    0::bigint,
    'and reasons are among them');
SELECT results_eq(
    'SELECT user_id::bigint, item, score, rank, fallback FROM last_best ORDER BY 1, rank',
    'SELECT * FROM recadv_topk_all(''last'', 7) ORDER BY 1, rank',
    'recadv_topk_all gives the same');
SELECT ok(
    (SELECT bool_and(hr BETWEEN 0 AND 1) AND sum(events) > 0
     FROM recadv_evaluate_stream('orders', time_column => 'at', algorithm => 'itemknn',
         warmup => 0.5, options => '{"recent":3}')),
    'recadv_evaluate_stream');

-- images
CREATE TABLE images AS
SELECT recadv_fit(user_id, item_id, at,
           '{"algorithm":"itemknn","recent":3,"neighbors":9,"weighting":"tfidf","shrink":10}' ORDER BY user_id, item_id) AS image
FROM train_timed;
SELECT recadv_save('saved', image) FROM images \g /dev/null
SELECT is(digest('saved'), digest('last'), 'an image holds the same, the order of items included');
SELECT ok(
    EXISTS (SELECT FROM saved WHERE part = 'recent'),
    'there is a part for it');
SELECT is(answers('saved'), answers('last'), 'and answers the same');
SELECT results_eq(
    'SELECT u, t.* FROM images, generate_series(1, 60) u, recadv_image_topk(image, u, 7) t ORDER BY 1, rank',
    'SELECT user_id, item, score, rank, fallback FROM last_best ORDER BY 1, rank',
    'without a table, too');

-- how many neighbours
CREATE TABLE open_trained AS
SELECT * FROM recadv_train('open', 'train_orders', algorithm => 'itemknn',
    options => '{"shrink":2,"weighting":"none"}');
SELECT ok(
    (SELECT epochs = 3 AND metrics ->> 'neighbors' IN ('100', '200') AND NOT metrics ? 'shrink' FROM open_trained),
    'the result tells how many were chosen');
SELECT results_eq(
    $$SELECT stage, epoch FROM recadv_history('open') ORDER BY epoch$$,
    $$VALUES ('neighbors 100', 1), ('neighbors 200', 2), ('neighbors', 3)$$,
    'by trials');
SELECT recadv_train('hundred', 'train_orders', algorithm => 'itemknn',
    options => '{"shrink":2,"weighting":"none","neighbors":100,"holdout":"none"}') \g /dev/null
SELECT recadv_train('hundred', 'train_orders', algorithm => 'itemknn',
    options => '{"shrink":2,"weighting":"none","holdout":"none","warm_start":true}') \g /dev/null
SELECT is(
    (recadv_info('hundred') #>> '{options,neighbors}')::int,
    100,
    'a warm start keeps the columns that a version has');
SELECT recadv_train('hundred', 'train_orders', algorithm => 'itemknn',
    options => '{"neighbors":200,"warm_start":true}') \g /dev/null
SELECT is(
    (recadv_info('hundred') #>> '{options,neighbors}')::int,
    200,
    'unless others are named');

-- versions
SELECT answers('knn') AS first \gset
SELECT recadv_train('knn', 'orders', algorithm => 'itemknn',
    options => '{"neighbors":9,"shrink":2,"weighting":"none","warm_start":true}') \g /dev/null
SELECT recadv_train('fresh', 'orders', algorithm => 'itemknn',
    options => '{"neighbors":9,"shrink":2,"weighting":"none"}') \g /dev/null
SELECT is(answers('knn'), answers('fresh'), 'a warm start leaves nothing behind');
SELECT isnt(answers('knn'), :'first', 'the new version answers');
SELECT recadv_rollback('knn') \g /dev/null
SELECT is(answers('knn'), :'first', 'the former one again');

SELECT * FROM finish();
ROLLBACK;
