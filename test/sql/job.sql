-- The procedure that commits between its phases: what it returns, logs and refuses.
CREATE SCHEMA test_job;
SET search_path = test_job, public;
SET recadv.progress = off;
\set SHOW_CONTEXT never

CREATE TABLE orders AS SELECT u AS user_id, i AS item_id, u + i AS at
FROM generate_series(1, 10) u, generate_series(1, 12) i WHERE (u * 3 + i * 7) % 5 < 2;
INSERT INTO orders VALUES (NULL, 1, 1);

CALL recadv_train_job('shop', 'orders', time_column => 'at', algorithm => 'bpr',
    options => '{"factors":4,"epochs":3,"learning_rate":0.1,"seed":7}');
SELECT recadv_train('same', 'orders', time_column => 'at', algorithm => 'bpr',
    options => '{"factors":4,"epochs":3,"learning_rate":0.1,"seed":7}') IS NOT NULL AS trained;
SELECT part, block FROM shop JOIN same USING (version, part, block)
WHERE shop.data <> same.data AND part NOT IN ('header', 'history', 'run', 'last_run', 'current');
SELECT count(*) FROM recadv_topk(1, 3, 'shop');

-- failures leave a row, and the version that serves
CALL recadv_train_job('shop', 'nowhere', algorithm => 'popularity', options => '{}');
CALL recadv_train_job('shop', '(SELECT user_id / 0 AS user_id, item_id FROM orders)',
    algorithm => 'popularity', options => '{}');
CALL recadv_train_job(
    'shop',
    'orders',
    algorithm => 'bpr',
    options => '{"factors":4,"epochs":50,"optimizer":"sgd","learning_rate":1000,'
               '"regularization":1000}',
    if_busy => 'skip');
CALL recadv_train_job('shop', 'orders', algorithm => 'popularity', options => '{"holdout":"none"}',
    if_busy => 'skip');
SELECT run, status, message, started <= finished AS times, version, algorithm, source, users,
       null_rows, epochs
FROM recadv_runs('shop');
SELECT recadv_info('shop') ->> 'algorithm' AS algorithm, recadv_rollback('shop') AS rollback;
SELECT recadv_info('shop') ->> 'algorithm' AS algorithm;

-- a first run that fails leaves a model that waits, with its log
CALL recadv_train_job('first', 'nowhere', algorithm => 'popularity', options => '{}');
SELECT run, status, message FROM recadv_runs('first');
SELECT name, status FROM recadv_models WHERE schema = 'test_job' ORDER BY name;
SELECT recadv_topk(1, 1, 'first');

-- what is refused at once
CALL recadv_train_job('shop', 'orders', algorithm => 'popularity', options => '{}',
    if_busy => 'hope');
CALL recadv_train_job('shop', 'orders', algorithm => 'popularity', options => '{}',
    if_busy => NULL);
CALL recadv_train_job('shop', 'orders', algorithm => 'popularity', options => '{"factors":4}');
CALL recadv_train_job('orders', 'orders', algorithm => 'popularity', options => '{}');
BEGIN;
CALL recadv_train_job('shop', 'orders', algorithm => 'popularity', options => '{}');
ROLLBACK;
DO $$
BEGIN
    CALL recadv_train_job('shop', 'orders', algorithm => 'popularity',
        options => '{"holdout":"none"}');
END $$;
SELECT count(*), max(run) FROM recadv_runs('shop');

-- the log keeps the last thousand runs
CREATE PROCEDURE train_many(times int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..times LOOP
        PERFORM recadv_train('many', '(VALUES (1, 1))', 'column1', 'column2',
            algorithm => 'popularity', options => '{"holdout":"none"}');
    END LOOP;
END $$;
CALL train_many(1003);
SELECT count(*), min(number), max(number) FROM recadv_run_numbers('many') AS n(number);
SELECT count(DISTINCT version) AS versions FROM many WHERE version > 0;

-- a version that is kept: the log and the model say so, and it can be served
CALL recadv_train_job('kept', 'orders', algorithm => 'popularity', options => '{"holdout":"none"}');
CALL recadv_train_job('kept', '(SELECT * FROM orders WHERE user_id = 1)', algorithm => 'popularity',
    options => '{"holdout":"none"}');
SELECT run, status, message, version, phases ? 'compare' AS compared FROM recadv_runs('kept');
SELECT version, status FROM recadv_models WHERE schema = 'test_job' AND name = 'kept';
SELECT recadv_rollback('kept', 2);
SELECT version, status FROM recadv_models WHERE schema = 'test_job' AND name = 'kept';
CALL recadv_train_job('kept', 'orders', algorithm => 'bpr',
    options => '{"factors":4,"epochs":3,"learning_rate":0.1,"seed":7}');
CALL recadv_train_job('kept', '(SELECT * FROM orders WHERE user_id = 1)', algorithm => 'popularity',
    options => '{"promote":"always"}');
SELECT run, status, version FROM recadv_runs('kept');

RESET search_path;
RESET recadv.progress;
SET client_min_messages = warning;
DROP SCHEMA test_job CASCADE;
