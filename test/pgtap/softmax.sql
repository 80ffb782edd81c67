-- The softmax over cosines: accuracy, everything that serves, options, warm start, a damaged model.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE all_orders AS
SELECT u AS user_id, i AS item_id, noise('test' || u || '/' || i) % 5 = 0 AS for_test
FROM generate_series(1, 300) u, generate_series(1, 160) i
WHERE noise(u || '/' || i) % 1000
    < CASE WHEN u % 8 = i % 8 THEN 900 ELSE 40 END * (0.3 + 0.7 / (1 + i / 30));
CREATE VIEW train_orders AS SELECT user_id, item_id FROM all_orders WHERE NOT for_test;
CREATE VIEW test_orders AS SELECT user_id, item_id FROM all_orders WHERE for_test;

CREATE FUNCTION train(model text, more jsonb DEFAULT '{}', source text DEFAULT 'train_orders')
RETURNS recadv_training LANGUAGE sql AS $$
    SELECT t FROM recadv_train(model, source, algorithm => 'softmax',
        options => '{"factors":16,"epochs":12,"seed":7}' || more) t
$$;
SELECT recadv_train('popularity', 'train_orders', algorithm => 'popularity') \g /dev/null
SELECT train('m') \g /dev/null

CREATE FUNCTION of(model text, name text) RETURNS float8 LANGUAGE sql
RETURN (SELECT value FROM recadv_evaluate(model, 'test_orders', k => '{10}') WHERE metric = name);
SELECT ok(
    of('m', 'NDCG') > 3 * of('popularity', 'NDCG'),
    'three times the NDCG@10 of popularity');

-- what is chosen, measured and learnt at last
CREATE TABLE tried AS
SELECT stage, ndcg, row_number() OVER (ORDER BY epoch) AS place FROM recadv_history('m')
WHERE stage LIKE 'temperature %' AND ndcg IS NOT NULL;
SELECT results_eq(
    $$SELECT stage, count(*)::int, count(ndcg)::int FROM recadv_history('m')
      GROUP BY 1 ORDER BY min(epoch)$$,
    $$SELECT stage, 4, 1 FROM tried
      UNION ALL VALUES ('softmax', 12, 1), ('all', 12, 0)$$,
    'temperatures are tried, the best is trained, and then all interactions');
SELECT is(
    (SELECT string_agg(split_part(stage, ' ', 2), ' ' ORDER BY place) FROM tried),
    (SELECT string_agg(t, ' ' ORDER BY t::float8)
     FROM unnest('{0.1,0.15,0.2,0.3,0.5,0.8,1.2,2}'::text[]) WITH ORDINALITY s(t, n)
     WHERE n <= 3
        OR NOT EXISTS (
            SELECT FROM tried b
            WHERE b.place BETWEEN 3 AND n - 1
              AND b.ndcg <= (SELECT max(a.ndcg) FROM tried a WHERE a.place < b.place)
                            * CASE b.place WHEN 3 THEN 1 ELSE 1.002 END)),
    'three of them, and more as long as each gains');
SELECT ok(
    (SELECT (t).best_epoch = 4 * n + 12 AND (t).epochs = 4 * n + 24 AND (t).ndcg > 0
     FROM train('m') t, (SELECT count(*) AS n FROM tried) c),
    'the result row tells what was measured before that');
SELECT bag_eq(
    $$SELECT DISTINCT stage FROM recadv_history('n')$$,
    $$VALUES ('softmax')$$,
    'nothing is tried where nothing is held out')
FROM train('n', '{"holdout":"none"}');

-- every serving function
SELECT is(
    (SELECT count(*) FROM recadv_topk(u, 5, 'm') t, recadv_score(u, t.item, 'm') s
     WHERE s = t.score),
    5::bigint,
    'recadv_topk and recadv_score agree about ' || u)
FROM generate_series(1, 3) u;
SELECT bag_eq(
    'SELECT * FROM recadv_topk_all(''m'', 5, ''{1,2,3}''::bigint[])',
    'SELECT u, t.* FROM generate_series(1, 3) u, recadv_topk(u, 5, ''m'') t',
    'recadv_topk_all is recadv_topk of each');
SELECT ok(
    (SELECT avg((item % 8 = u % 8)::int) FROM generate_series(1, 40) u, recadv_topk(u, 3, 'm'))
        > 0.6,
    'recommends what is of the user''s taste');
SELECT ok(
    (SELECT avg((t.item % 8 = u % 8)::int)
     FROM generate_series(1, 40) u,
          recadv_topk_for(
              (SELECT array_agg(item_id::bigint) FROM train_orders WHERE user_id = u), 3, 'm') t)
        > 0.6,
    'and to visitors');
SELECT ok(
    (SELECT avg((item % 8 = i % 8)::int) FROM generate_series(1, 20) i,
                                              recadv_similar_items(i, 3, 'm')) > 0.6,
    'similar items are of the same taste');
SELECT ok(
    (SELECT count(*) > 0 FROM recadv_explain(1, (SELECT item FROM recadv_topk(1, 1, 'm')), 5, 'm')),
    'recommendations have reasons');
SELECT ok(
    (SELECT abs(sqrt(sum(x * x)) - 1) < 1e-5
     FROM (SELECT unnest(embedding) x FROM recadv_embeddings('m', 'user') WHERE id = '1') e),
    'embeddings of users have norm 1');
SELECT ok(
    (SELECT min(relative_change) < 0 FROM recadv_robustness('m', '{1}', 'test_orders')),
    'perturbations cost accuracy');

-- warm start
SELECT ok(
    (SELECT (t).epochs = 4 + 2 FROM train('m', '{"warm_start":true,"warm_epochs":4}') t),
    'a warm start tries nothing again, and takes fewer epochs');

-- options
SELECT matches(
    error_of(format($$SELECT train('bad', '{"%s":%s}')$$, option, value)),
    format('option "%s"', option),
    option || ' is checked')
FROM (VALUES ('temperature', '-1'), ('temperature', '"warm"'), ('negatives', '0'), ('chunk', '0'),
             ('batch_size', '0.5'), ('item_norm_exponent', '3'), ('log_sum_weight', '-1')) v(option, value);

-- as many bytes as it says
SELECT ok(
    recadv_estimate_memory(1000, 500, 10000, 'softmax')
        < recadv_estimate_memory(1000, 500, 10000, 'softmax', '{"factors":256}'),
    'memory is estimated');

SELECT * FROM finish();
ROLLBACK;
