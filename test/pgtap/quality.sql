-- Accuracy and robustness on data of a known structure: eight tastes, skewed popularity.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE all_orders AS
SELECT u AS user_id, i AS item_id, noise('test' || u || '/' || i) % 5 = 0 AS for_test
FROM generate_series(1, 400) u, generate_series(1, 160) i
WHERE noise(u || '/' || i) % 1000
    < CASE WHEN u % 8 = i % 8 THEN 900 ELSE 40 END * (0.3 + 0.7 / (1 + i / 30));
CREATE VIEW train_orders AS SELECT user_id, item_id FROM all_orders WHERE NOT for_test;
CREATE VIEW test_orders AS SELECT user_id, item_id FROM all_orders WHERE for_test;

SELECT recadv_train('popularity', 'train_orders', algorithm => 'popularity',
    options => '{"holdout":"none"}') \g /dev/null
SELECT recadv_train(
    'bpr',
    'train_orders',
    algorithm => 'bpr',
    options => '{"factors":16,"epochs":60,"holdout":"none","seed":7}')
\g /dev/null
SELECT recadv_train(
    'amf',
    'train_orders',
    algorithm => 'amf',
    options => '{"factors":16,"epochs":30,"adv_epochs":30,"relative_epsilon":0.2,'
               '"holdout":"none","seed":7}') \g /dev/null
CREATE TABLE measured AS
SELECT m AS model, e.*
FROM unnest('{popularity,bpr,amf}'::text[]) m,
     LATERAL recadv_evaluate(m, 'test_orders', k => '{10,100}') e;
CREATE FUNCTION of(wanted text, name text, at int DEFAULT NULL) RETURNS float8 LANGUAGE sql
RETURN (SELECT value FROM measured
        WHERE model = wanted AND metric = name AND k IS NOT DISTINCT FROM at);
SELECT diag(format('%s: HR@10 %s, NDCG@10 %s, AUC %s', m, round(of(m, 'HR', 10)::numeric, 4),
    round(of(m, 'NDCG', 10)::numeric, 4), round(of(m, 'AUC')::numeric, 4)))
FROM unnest('{popularity,bpr,amf}'::text[]) m;
SELECT ok(
    of(m, 'NDCG', 10) > 3 * of('popularity', 'NDCG', 10),
    m || ' has three times the NDCG@10 of popularity')
FROM unnest('{bpr,amf}'::text[]) m;
SELECT ok(
    of(m, 'HR', 10) > of('popularity', 'HR', 10) + 0.4,
    m || ' has an HR@10 at least 0.4 above popularity')
FROM unnest('{bpr,amf}'::text[]) m;
SELECT ok(of(m, 'AUC') > 0.8, m || ' has an AUC above 0.8') FROM unnest('{bpr,amf}'::text[]) m;
SELECT ok(
    (SELECT avg((item % 8 = u % 8)::int) FROM generate_series(1, 400) u, recadv_topk(u, 3, m))
        > 0.6,
    m || ' recommends what is of the user''s taste')
FROM unnest('{bpr,amf}'::text[]) m;

-- the adversarially trained model loses less
CREATE TABLE lost AS
SELECT m AS model, r.*
FROM unnest('{bpr,amf}'::text[]) m, LATERAL recadv_robustness(m, '{0.125,0.25,0.5}', 'test_orders', relative => true) r;
SELECT diag(format('epsilon %s: bpr loses %s, amf %s', b.epsilon,
    round(-b.relative_change::numeric, 4), round(-a.relative_change::numeric, 4)))
FROM lost b
JOIN lost a USING (epsilon, perturbation)
WHERE b.model = 'bpr' AND a.model = 'amf' AND perturbation = 'adversarial';
SELECT ok(
    a.relative_change > b.relative_change,
    format('amf loses less than bpr to an adversarial perturbation of %s', b.epsilon))
FROM lost b
JOIN lost a USING (epsilon, perturbation)
WHERE b.model = 'bpr' AND a.model = 'amf' AND perturbation = 'adversarial';
SELECT ok(
    adversarial.relative_change < random.relative_change,
    format('bpr loses more to an adversarial than to a random perturbation of %s', epsilon))
FROM lost adversarial
JOIN lost random USING (model, epsilon)
WHERE model = 'bpr'
  AND adversarial.perturbation = 'adversarial'
  AND random.perturbation = 'random'
  AND epsilon <= 1;

SELECT * FROM finish();
ROLLBACK;
