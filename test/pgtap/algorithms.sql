-- What holds for every algorithm that recadv_options() names: it trains from a source, a job and an
-- aggregate, with and without weights, goes on from an earlier version, and answers each question or
-- says that it cannot.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE weighted AS SELECT *, 1 + noise('weight' || user_id || '/' || item_id) % 5 AS weight
FROM orders;
-- A model that has learnt what was held out is measured on other interactions.
CREATE TABLE unseen AS
SELECT u AS user_id, i AS item_id FROM generate_series(1, 60) u, generate_series(1, 40) i
EXCEPT SELECT user_id, item_id FROM orders;
CREATE FUNCTION small(algorithm text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN options_of(algorithm, '{"factors":8,"epochs":3,"adv_epochs":3,"pre_epochs":1,"seed":7}')
    || more;

SELECT cmp_ok((SELECT count(*) FROM algorithms()), '>=', 5::bigint, 'there are algorithms');

-- training
CREATE TABLE trained AS
SELECT a, t.*
FROM algorithms() a,
     LATERAL recadv_train(a, 'weighted', time_column => 'at', algorithm => a,
                          options => small(a)) t;
SELECT is(
    row(algorithm, version, users, items, interactions, null_rows, duplicates, weightless_rows),
    row(a, 1, 60::bigint, 40::bigint, (SELECT count(*) FROM weighted), 0::bigint, 0::bigint,
        0::bigint),
    a || ': what was read')
FROM trained;
SELECT is(epochs::bigint, (SELECT count(*) FROM recadv_history(a)), a || ': a row an epoch')
FROM trained;
SELECT is(
    best_epoch IS NULL,
    epochs = 0,
    a || ': one of its epochs was kept, if there were any')
FROM trained;
SELECT is(recadv_info(a) ->> 'algorithm', a, a || ': recadv_info()') FROM algorithms() a;
SELECT ok(recadv_info(a) -> 'options' @> small(a), a || ': its options are stored')
FROM algorithms() a;
SELECT cmp_ok(
    recadv_estimate_memory(10000, 10000, 1000000, a, small(a), true, true),
    '>',
    recadv_estimate_memory(10000, 10000, 1000000, a, small(a), true),
    a || ': weights take memory')
FROM algorithms() a;
SELECT is(
    (SELECT version FROM recadv_train(a, 'weighted', time_column => 'at', algorithm => a,
                                      options => small(a, '{"warm_start":true}'))),
    2,
    a || ': trains again from what it has')
FROM algorithms() a;
SELECT is(recadv_rollback(a), 1, a || ': and back') FROM algorithms() a;

-- weights: NULL counts 1, of duplicates they add up, and what is no weight is left out
CREATE VIEW partly AS
SELECT user_id, item_id, at, 3.5::real AS w FROM orders
UNION ALL SELECT user_id, item_id, at + interval '1 day', NULL FROM orders WHERE user_id % 2 = 0
UNION ALL SELECT 1001, 1, now(), 0
UNION ALL SELECT 1002, 2, now(), -1
UNION ALL SELECT 1003, 3, now(), 'NaN'
UNION ALL SELECT 1004, 1004, now(), 'Infinity';
CREATE TABLE by_weight AS
SELECT a, t.*
FROM algorithms() a,
     LATERAL recadv_train('w_' || a, 'partly', time_column => 'at', algorithm => a,
                          options => small(a), weight_column => 'w') t;
SELECT is(
    row(users, items, interactions, null_rows, duplicates, weightless_rows),
    row(60::bigint, 40::bigint, (SELECT count(*) FROM orders), 0::bigint,
        (SELECT count(*) FROM orders WHERE user_id % 2 = 0), 4::bigint),
    a || ': rows without a weight that counts are left out, and counted')
FROM by_weight;
SELECT set_eq(
    format('SELECT item, score::float8 FROM recadv_topk(-1, 1000, %L)', model),
    'SELECT item_id::bigint, sum(coalesce(w, 1))::float8 FROM partly
     WHERE user_id < 1000 GROUP BY 1',
    a || ': popularity is the sum of the weights')
FROM by_weight;
SELECT is(recadv_info(model) ->> 'weight_column', 'w', a || ': the column is stored')
FROM by_weight;
SELECT is(
    recadv_info('w_' || a) ->> 'interactions',
    (SELECT count(*) FROM orders)::text,
    a || ': an aggregate with weights')
FROM (SELECT a,
             recadv_save('w_' || a,
                 recadv_fit(user_id, item_id, at, w,
                     small(a) || jsonb_build_object('algorithm', a)))
      FROM algorithms() a, partly GROUP BY a) x;

-- questions: an answer, or an error that says what the algorithm cannot do
CREATE FUNCTION answers_or(query text, refusal text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    error text := error_of(query);
BEGIN
    IF error IS NULL THEN
        RETURN NEXT pass(query || ' answers');
    ELSE
        RETURN NEXT matches(error, '^' || refusal, query || ' refuses');
    END IF;
END $$;
SELECT works(format(q, a), format(q, a))
FROM algorithms() a,
     unnest(ARRAY[
         'SELECT * FROM recadv_topk(1, 5, %1$L)',
         'SELECT * FROM recadv_topk_all(%1$L, 5)',
         'SELECT recadv_score(1, 2, %1$L)',
         'SELECT * FROM recadv_evaluate(%1$L, ''(SELECT user_id, mod(item_id, 40) + 1 AS item_id FROM orders)'')',
         'SELECT * FROM recadv_evaluate_stream(''orders'', time_column => ''at'', algorithm => %1$L, options => small(%1$L))'
     ]) q;
SELECT is(
    (SELECT count(*) FROM generate_series(1, 60) u, recadv_topk(u, 5, a)),
    300::bigint,
    a || ': five for everyone')
FROM algorithms() a;
SELECT is(
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk(999, 5, a)),
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk(999, 5, 'popularity')),
    a || ': the popular items for a stranger')
FROM algorithms() a;
SELECT answers_or(format(q, a), format(refusal, a))
FROM algorithms() a,
     (VALUES
         ('SELECT * FROM recadv_topk_for(''{1,2}''::bigint[], 5, %L)',
          '0A000 \| algorithm "%1$s" of model "%1$s" cannot place a user by a history'),
         ('SELECT * FROM recadv_similar_items(1, 5, %L)',
          '0A000 \| algorithm "%1$s" of model "%1$s" (has no .*to compare|cannot compare)'),
         ('SELECT * FROM recadv_similar_users(1, 5, %L)',
          '0A000 \| algorithm "%1$s" of model "%1$s" (has no .*to compare|cannot compare)'),
         ('SELECT * FROM recadv_explain(1, 2, 5, %L)',
          '0A000 \| algorithm "%1$s" of model "%1$s" cannot tell which items speak for another'),
         ('SELECT * FROM recadv_embeddings(%L, ''user'')',
          '0A000 \| algorithm "%1$s" of model "%1$s" has no .*embeddings'),
         ('SELECT * FROM recadv_embeddings(%L, ''item'')',
          '0A000 \| algorithm "%1$s" of model "%1$s" has no .*embeddings'),
         ('SELECT * FROM recadv_robustness(%L, test_source => ''unseen'')',
          '0A000 \| algorithm "%1$s" has no embeddings to perturb'),
         ('SELECT * FROM recadv_memory(%L)',
          '(42809 \| model "%1$s" cannot learn from a stream|0A000 \| algorithm "%1$s" of model "%1$s" keeps no memory)'),
         ('SELECT recadv_observe(%L, 1, 2)',
          '42809 \| model "%1$s" cannot learn from a stream \| Its algorithm, "%1$s", learns by'),
         ('SELECT * FROM recadv_refresh(%L)',
          '42809 \| model "%1$s" cannot learn from a stream \| Its algorithm, "%1$s", learns by'),
         ('SELECT recadv_attach(%L, ''weighted'')',
          '42809 \| model "%1$s" cannot learn from a stream \| Its algorithm, "%1$s", learns by')
     ) v(q, refusal);

SELECT * FROM finish();
ROLLBACK;
