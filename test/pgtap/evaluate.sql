-- Metrics against values worked out by hand, and robustness.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

-- four users, five items; users per item: 4 2 1 1 1
CREATE TABLE train (user_id int, item_id int);
INSERT INTO train VALUES (1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 1), (3, 4), (4, 1), (4, 5);
SELECT recadv_train('counts', 'train', algorithm => 'popularity',
    options => '{"holdout":"none"}') \g /dev/null
CREATE TABLE test (user_id int, item_id int);
CREATE FUNCTION metric(name text, k int DEFAULT NULL, source text DEFAULT 'test')
RETURNS numeric LANGUAGE sql AS $$
    SELECT round(e.value::numeric, 6)
    FROM recadv_evaluate('counts', source, k => ARRAY[coalesce(metric.k, 1)]) e
    WHERE e.metric = name AND e.k IS NOT DISTINCT FROM metric.k
$$;
CREATE TABLE wanted (metric text, k int, value numeric);
CREATE FUNCTION metrics_are(description text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT is(metric(w.metric, w.k), round(w.value, 6), concat_ws(' ', description, w.metric, w.k))
    FROM wanted w
$$;

-- user 3: candidates 2 (2 users), 3 and 5 (one each); relevant 2 comes first
INSERT INTO test VALUES (3, 2);
INSERT INTO wanted VALUES
    ('HR', 1, 1), ('NDCG', 1, 1), ('Recall', 1, 1), ('Precision', 1, 1), ('Precision', 2, 1 / 2.0),
    ('NDCG', 5, 1), ('Precision', 5, 1 / 5.0), ('MRR', NULL, 1), ('MAP', NULL, 1), ('AUC', NULL, 1);
SELECT metrics_are('first of three:');
-- user 2: candidates 4 and 5, which tie; 4 is served first, 5 second
TRUNCATE test, wanted;
INSERT INTO test VALUES (2, 4);
INSERT INTO wanted VALUES ('HR', 1, 1), ('NDCG', 1, 1), ('MRR', NULL, 1), ('AUC', NULL, 1);
SELECT metrics_are('a tie goes to the lower item:');
TRUNCATE test, wanted;
INSERT INTO test VALUES (2, 5);
INSERT INTO wanted VALUES
    ('HR', 1, 0), ('NDCG', 1, 0), ('Recall', 1, 0), ('Precision', 1, 0), ('HR', 2, 1),
    ('NDCG', 2, 1 / log(2, 3)), ('Recall', 2, 1), ('Precision', 2, 1 / 2.0), ('MRR', NULL, 1 / 2.0),
    ('MAP', NULL, 1 / 2.0), ('AUC', NULL, 0);
SELECT metrics_are('and not to the higher:');
-- user 1: candidates 3, 4, 5, which tie; relevant 4 and 5 come second and third
TRUNCATE test, wanted;
INSERT INTO test VALUES (1, 4), (1, 5);
INSERT INTO wanted VALUES
    ('HR', 1, 0),
    ('HR', 2, 1),
    ('NDCG', 2, (1 / log(2, 3)) / (1 + 1 / log(2, 3))),
    ('Recall', 2, 1 / 2.0),
    ('Precision', 2, 1 / 2.0),
    ('NDCG', 3, (1 / log(2, 3) + 1 / log(2, 4)) / (1 + 1 / log(2, 3))),
    ('Recall', 3, 1),
    ('Precision', 3, 2 / 3.0),
    ('MRR', NULL, 1 / 2.0),
    ('MAP', NULL, (1 / 2.0 + 2 / 3.0) / 2),
    ('AUC', NULL, 0);
SELECT metrics_are('two relevant items that tie with a third:');
-- user 4: candidates 2 (two users), 3, 4; relevant 2 is first, 99 is not known to the model
TRUNCATE test, wanted;
INSERT INTO test VALUES (4, 2), (4, 99);
INSERT INTO wanted VALUES
    ('HR', 1, 1), ('NDCG', 1, 1), ('Recall', 1, 1 / 2.0), ('Precision', 1, 1),
    ('NDCG', 2, 1 / (1 + 1 / log(2, 3))), ('Recall', 100, 1 / 2.0), ('MRR', NULL, 1),
    ('MAP', NULL, 1 / 2.0), ('AUC', NULL, 1 - 2 / 4.0);
SELECT metrics_are('an unknown item is never found:');
TRUNCATE test, wanted;
INSERT INTO test VALUES (4, 98), (4, 99);
INSERT INTO wanted VALUES
    ('HR', 100, 0), ('NDCG', 100, 0), ('Recall', 100, 0), ('MRR', NULL, 0), ('MAP', NULL, 0),
    ('AUC', NULL, 0);
SELECT metrics_are('unknown items alone:');
-- all of them: means over users
TRUNCATE test, wanted;
INSERT INTO test VALUES (1, 4), (1, 5), (2, 5), (3, 2), (4, 2), (4, 99);
INSERT INTO wanted VALUES
    ('HR', 1, 2 / 4.0),
    ('HR', 2, 1),
    ('NDCG', 1, 2 / 4.0),
    ('NDCG', 2,
     ((1 / log(2, 3)) / (1 + 1 / log(2, 3)) + 1 / log(2, 3) + 1 + 1 / (1 + 1 / log(2, 3))) / 4),
    ('Recall', 2, (1 / 2.0 + 1 + 1 + 1 / 2.0) / 4),
    ('Precision', 2, 1 / 2.0),
    ('MRR', NULL, (1 / 2.0 + 1 / 2.0 + 1 + 1) / 4),
    ('MAP', NULL, ((1 / 2.0 + 2 / 3.0) / 2 + 1 / 2.0 + 1 + 1 / 2.0) / 4),
    ('AUC', NULL, (0 + 0 + 1 + 1 / 2.0) / 4);
SELECT metrics_are('means over users:');
INSERT INTO test SELECT * FROM test;
SELECT metrics_are('with every row twice:');
INSERT INTO test VALUES (77, 1), (78, 2);
SELECT metrics_are('with rows of unknown users:');
INSERT INTO test VALUES (1, 1), (3, 4);
SELECT metrics_are('with rows that were trained on:');
INSERT INTO test VALUES (NULL, 1), (1, NULL);
SELECT metrics_are('with NULL ids:');
SELECT is(
    (SELECT string_agg(DISTINCT users::text, ' ') FROM recadv_evaluate('counts', 'test')),
    '4',
    'the number of users is told');

-- the shape of the result
SELECT results_eq(
    $$SELECT metric, k FROM recadv_evaluate('counts', 'test', k => '{3,1}')$$,
    $$VALUES ('HR', 3), ('NDCG', 3), ('Recall', 3), ('Precision', 3), ('Coverage', 3),
             ('Popularity', 3), ('Novelty', 3), ('HR', 1), ('NDCG', 1), ('Recall', 1),
             ('Precision', 1), ('Coverage', 1), ('Popularity', 1), ('Novelty', 1), ('MRR', NULL),
             ('MAP', NULL), ('AUC', NULL)$$,
    'seven metrics at each k, three over all');
SELECT is(
    (SELECT string_agg(DISTINCT k::text, ' ') FROM recadv_evaluate('counts', 'test')),
    '10 100 20 50',
    'the default cutoffs');
SELECT is(
    (SELECT count(*)
     FROM recadv_evaluate('counts', '(SELECT 1 AS u, 3 AS i)', 'u', 'i',
         ARRAY(SELECT generate_series(1, 100)))),
    703::bigint,
    'a hundred cutoffs');
SELECT fails(
    $$SELECT * FROM recadv_evaluate('counts', 'test', k => ARRAY(SELECT generate_series(1, 101)))$$,
    '22023',
    'k must be an array of 1 to 100 values%',
    'not more');
SELECT is(
    (SELECT value FROM recadv_evaluate('counts', 'test', k => '{2147483647}') WHERE metric = 'HR'),
    1::float8,
    'the largest k');
SELECT is(
    (SELECT count(*)
     FROM recadv_evaluate('counts',
         '(SELECT user_id::text, item_id::text FROM test WHERE user_id IS NOT NULL)') a
     JOIN recadv_evaluate('counts', 'test') b ON (a.metric, a.value) = (b.metric, b.value)
         AND a.k IS NOT DISTINCT FROM b.k),
    31::bigint,
    'test ids as text');
SELECT fails(
    'SELECT * FROM recadv_evaluate(''counts'', ''train'')',
    '22023',
    'no row of the test source can be evaluated | 0 rows are of users that the model does not '
    'know, 9 were trained on.%',
    'nothing but trained rows');
SELECT fails(
    $$SELECT * FROM recadv_evaluate('counts', '(SELECT 1 AS user_id, 1 AS item_id WHERE false)')$$,
    '22023',
    '%has no interactions%',
    'no rows');
SELECT fails(
    'SELECT * FROM recadv_evaluate(''counts'', ''test'', user_column => ''customer'')',
    '42703',
    '%user_column%',
    'a column that is not there');
SELECT fails(
    'SELECT * FROM recadv_evaluate(''counts'', ''test'', user_column => NULL)',
    '22004',
    '%',
    'a NULL column');

-- against a naive evaluation of a model with scores of its own
SELECT recadv_train(
    'bpr',
    '(SELECT * FROM orders WHERE (user_id + item_id) % 5 > 0)',
    algorithm => 'bpr',
    options => '{"factors":8,"epochs":20,"learning_rate":0.1,"holdout":"none","seed":7}')
\g /dev/null
CREATE TABLE ranked AS
SELECT user_id, item_id, o.user_id IS NOT NULL AS relevant,
       row_number() OVER (PARTITION BY u
                          ORDER BY recadv_score(u, i, 'bpr') DESC, i) AS position,
       u
FROM generate_series(1, 60) u
CROSS JOIN generate_series(1, 40) i
LEFT JOIN orders o ON (o.user_id, o.item_id) = (u, i)
WHERE o.user_id IS NULL OR (u + i) % 5 = 0;
CREATE VIEW naive AS
WITH r AS (
    SELECT u, position,
           row_number() OVER (PARTITION BY u ORDER BY position) AS hit,
           count(*) OVER (PARTITION BY u) AS n
    FROM ranked WHERE relevant)
SELECT avg(hr) AS hr, avg(recall) AS recall, avg(precision_) AS precision, avg(ndcg) AS ndcg,
       avg(mrr) AS mrr, avg(map) AS map, avg(auc) AS auc, count(*) AS users
FROM (SELECT u,
             max((position <= 5)::int) AS hr,
             sum((position <= 5)::int) / n::float8 AS recall,
             sum((position <= 5)::int) / 5.0 AS precision_,
             sum(CASE WHEN position <= 5 THEN 1 / log(2, position + 1) ELSE 0 END)
                 / (SELECT sum(1 / log(2, g + 1)) FROM generate_series(1, least(n, 5)) g) AS ndcg,
             max(1.0 / position) AS mrr,
             avg(hit / position::float8) AS map,
             1 - sum(position - hit)
                 / (n * (SELECT count(*) FROM ranked x WHERE x.u = r.u AND NOT relevant)) AS auc
      FROM r GROUP BY u, n) per_user;
SELECT is(
    (SELECT string_agg(metric || ' ' || round(value::numeric, 6), ', ' ORDER BY metric)
     FROM recadv_evaluate('bpr', '(SELECT * FROM orders WHERE (user_id + item_id) % 5 = 0)',
         k => '{5}')
     WHERE metric NOT IN ('Coverage', 'Popularity', 'Novelty')),
    (SELECT format('AUC %s, HR %s, MAP %s, MRR %s, NDCG %s, Precision %s, Recall %s',
         round(auc::numeric, 6), round(hr::numeric, 6), round(map::numeric, 6),
         round(mrr::numeric, 6), round(ndcg::numeric, 6), round(precision::numeric, 6),
         round(recall::numeric, 6))
     FROM naive),
    'all metrics equal a naive evaluation in SQL');

-- what is in the lists, against a naive evaluation in SQL of what recadv_topk serves
CREATE FUNCTION in_lists(model text, trained text, limits int[], weight float8) RETURNS SETOF text
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH trained AS (SELECT DISTINCT user_id, item_id FROM %2$s t),
        owners AS (SELECT item_id, count(*)::float8 AS n FROM trained GROUP BY 1),
        listed AS (
            SELECT cut, u, coalesce(n, 0) AS n, item
            FROM unnest(%3$L::int[]) cut, (SELECT DISTINCT user_id AS u FROM test_orders) x,
                 LATERAL recadv_topk(u, cut, %1$L, popularity_weight => %4$L)
                 LEFT JOIN owners ON item = item_id),
        lists AS (
            SELECT cut, u, avg(n) AS popularity,
                   avg(-log(2, (n / (SELECT count(DISTINCT user_id) FROM trained))::numeric))
                       AS novelty
            FROM listed GROUP BY 1, 2)
        SELECT concat_ws(' ', cut,
                         (SELECT round(count(DISTINCT item)::numeric
                                       / (SELECT count(*) FROM owners), 9)
                          FROM listed x WHERE x.cut = lists.cut),
                         round(avg(popularity)::numeric, 9), round(avg(novelty), 9), count(*))
        FROM lists GROUP BY cut ORDER BY cut$q$, model, trained, limits, weight);
END $$;
CREATE FUNCTION measured(model text, limits int[], weight float8) RETURNS SETOF text
LANGUAGE sql AS $$
    SELECT concat_ws(' ', k, string_agg(round(value::numeric, 9)::text, ' '
               ORDER BY array_position('{Coverage,Popularity,Novelty}', metric)), max(users))
    FROM recadv_evaluate(model, '(TABLE test_orders)', k => limits, popularity_weight => weight)
    WHERE metric IN ('Coverage', 'Popularity', 'Novelty')
    GROUP BY k ORDER BY k
$$;
CREATE TABLE test_orders AS SELECT * FROM orders WHERE (user_id + item_id) % 5 = 0;
CREATE TABLE train_orders AS SELECT * FROM orders WHERE (user_id + item_id) % 5 > 0;
SELECT recadv_train('items', 'train_orders', algorithm => 'itemknn') \g /dev/null
SELECT recadv_train('counted', 'train_orders', algorithm => 'popularity') \g /dev/null
SELECT results_eq(
    format('SELECT * FROM measured(%L, ''{1,5,40}'', %s)', m, w),
    format('SELECT * FROM in_lists(%L, ''train_orders'', ''{1,5,40}'', %s)', m, w),
    format('lists of %s are measured as they are served, popularity_weight %s', m, w))
FROM unnest('{bpr,items,counted}'::text[]) m, unnest('{0,0.3,20}'::float8[]) w;
SELECT is(
    (SELECT value FROM recadv_evaluate('bpr', 'test_orders', k => '{5}') WHERE metric = 'Popularity'),
    (SELECT value FROM recadv_evaluate('bpr', 'test_orders', k => '{5}', popularity_weight => NULL)
     WHERE metric = 'Popularity'),
    'a popularity_weight that is NULL is none');
SELECT ok(
    (SELECT bool_and(less.value < plain.value)
     FROM unnest('{bpr,counted}'::text[]) m,
          recadv_evaluate(m, 'test_orders', k => '{5}') plain,
          recadv_evaluate(m, 'test_orders', k => '{5}', popularity_weight => 20) less
     WHERE plain.metric = 'Popularity' AND less.metric = 'Popularity'),
    'and a large one makes lists less popular');
SELECT fails(
    format('SELECT * FROM recadv_evaluate(''bpr'', ''test_orders'', popularity_weight => %L)', w),
    '22023',
    'popularity_weight must be from 0 to 1e+06%',
    'popularity_weight ' || w)
FROM unnest('{-0.1,1000001,NaN,Infinity,-Infinity}'::float8[]) w;

SET recadv.max_threads = 1;
CREATE TABLE one_thread AS SELECT * FROM recadv_evaluate('bpr', 'orders');
SET recadv.max_threads = 7;
SELECT bag_eq(
    'SELECT * FROM recadv_evaluate(''bpr'', ''orders'')',
    'TABLE one_thread',
    'threads change nothing');
SET recadv.max_threads = 2;

-- robustness
SELECT recadv_train(
    'held',
    'orders',
    algorithm => 'bpr',
    options => '{"factors":8,"epochs":20,"learning_rate":0.1,"holdout":"random","seed":7}')
\g /dev/null
SELECT results_eq(
    $$SELECT epsilon, perturbation FROM recadv_robustness('held')$$,
    $$VALUES (0.5::real, 'random'), (0.5, 'adversarial'), (1, 'random'), (1, 'adversarial'),
             (2, 'random'), (2, 'adversarial')$$,
    'each epsilon, at random and adversarial');
SELECT is(
    (SELECT count(*) FROM recadv_robustness('held')
     WHERE abs(relative_change - (ndcg_after / ndcg_before - 1)) > 1e-12
       OR ndcg_before NOT BETWEEN 0 AND 1
       OR ndcg_after NOT BETWEEN 0 AND 1),
    0::bigint,
    'the relative change is that of the two figures');
SELECT is(
    (SELECT count(*) FROM recadv_robustness('held', '{0}') WHERE relative_change <> 0),
    0::bigint,
    'epsilon 0 changes nothing');
SELECT ok(
    (SELECT ndcg_before FROM recadv_robustness('held', '{1}') LIMIT 1)
        > (recadv_info('held') #>> '{training,ndcg}')::float8,
    'before: above what training measured, for the held-out interactions were learnt after that');
SELECT bag_eq(
    'SELECT * FROM recadv_robustness(''held'')',
    'SELECT * FROM recadv_robustness(''held'')',
    'the same each time');
SELECT is(
    (SELECT round(ndcg_before::numeric, 9)
     FROM recadv_robustness('bpr', '{1}',
         '(SELECT * FROM orders WHERE (user_id + item_id) % 5 = 0)')
     LIMIT 1),
    (SELECT round(value::numeric, 9)
     FROM recadv_evaluate('bpr', '(SELECT * FROM orders WHERE (user_id + item_id) % 5 = 0)')
     WHERE metric = 'NDCG' AND k = 100),
    'on a test source: what recadv_evaluate measures');
SELECT fails(
    'SELECT * FROM recadv_robustness(''counts'')',
    '0A000',
    'algorithm "popularity" has no embeddings to perturb%',
    'popularity has nothing to perturb');
SELECT fails(
    'SELECT * FROM recadv_robustness(''bpr'')',
    '55000',
    'model "bpr" holds no interactions out%test_source%',
    'a model without holdout needs a test source');
SELECT fails(
    format('SELECT * FROM recadv_robustness(''held'', %L)', e),
    s,
    '%epsilon%',
    'epsilon ' || e)
FROM (VALUES ('{-0.5}', '22023'), ('{NaN}', '22023'), ('{Infinity}', '22023'), ('{1001}', '22023'),
             ('{}', '22023'), ('{NULL}', '22004')) v(e, s);
SELECT works('SELECT * FROM recadv_robustness(''held'', ''{1000}'')', 'a huge epsilon');

SELECT * FROM finish();
ROLLBACK;
