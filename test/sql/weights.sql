-- What trainings with weights say: notices, results, the log of runs of jobs, errors.
CREATE SCHEMA test_weights;
SET search_path = test_weights, public;
SET recadv.progress = off;
\set SHOW_CONTEXT never

CREATE TABLE orders AS SELECT u AS user_id, i AS item_id, u + i AS at, 1 + i % 3 AS amount
FROM generate_series(1, 10) u, generate_series(1, 12) i WHERE (u * 3 + i * 7) % 5 < 2;
CREATE FUNCTION train(source text) RETURNS TABLE (rows bigint, null_rows bigint, weightless_rows bigint)
LANGUAGE sql AS $$
    SELECT interactions, null_rows, weightless_rows
    FROM recadv_train('m', source, algorithm => 'popularity', options => '{"promote":"always"}',
        weight_column => 'amount')
$$;
SELECT * FROM train('orders');
SELECT * FROM train('(SELECT user_id, item_id, amount - 1 AS amount FROM orders)');
SELECT * FROM train('(SELECT user_id, item_id, nullif(amount, 2)::numeric AS amount FROM orders
                      UNION ALL VALUES (1, 2, -1.5), (NULL, 3, -1), (4, NULL, 1))');
SELECT * FROM train('(SELECT 1 AS user_id, 2 AS item_id, ''NaN''::real AS amount UNION ALL SELECT 1, 2, 1)');
SELECT * FROM train('(SELECT 1 AS user_id, 2 AS item_id, ''NaN''::real AS amount UNION ALL SELECT 1, NULL, 1)');

-- a job
CALL recadv_train_job('shop', '(SELECT *, amount - 1 AS "more or less" FROM orders)', time_column => 'at',
    algorithm => 'bpr', options => '{"factors":4,"epochs":3,"seed":7}', weight_column => 'more or less');
CALL recadv_train_job('shop', '(SELECT *, -amount AS less FROM orders)', algorithm => 'bpr', options => '{}',
    weight_column => 'less');
CALL recadv_train_job('shop', 'orders', algorithm => 'bpr', options => '{}', weight_column => 'price');
SELECT run, status, message, interactions, d ->> 'weight_column' AS weight_column,
       d ->> 'weightless_rows' AS weightless_rows
FROM recadv_runs('shop') r, recadv_document('shop', 'run', r.run, 0) d;
SELECT recadv_info('shop') ->> 'weight_column' AS weight_column,
       recadv_info('shop') #>> '{training,weightless_rows}' AS weightless_rows;
SELECT version FROM recadv_train('same', '(SELECT *, amount - 1 AS "more or less" FROM orders)', time_column => 'at',
    algorithm => 'bpr', options => '{"factors":4,"epochs":3,"seed":7}', weight_column => 'more or less');
SELECT part, block FROM shop JOIN same USING (version, part, block)
WHERE shop.data <> same.data AND part NOT IN ('header', 'history', 'run', 'last_run', 'trainings', 'current');

-- the aggregate tells no less
SELECT recadv_fit(user_id, item_id, at, amount - 1, '{"algorithm":"popularity"}') IS NOT NULL AS fitted
FROM orders;

RESET search_path;
RESET recadv.progress;
SET client_min_messages = warning;
DROP SCHEMA test_weights CASCADE;
