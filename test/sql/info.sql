-- What a training returns and a model says about itself, without times.
CREATE SCHEMA test_info;
SET search_path = test_info, public;
SET recadv.progress = off;

CREATE TABLE orders (customer bigint, product text, at date);
INSERT INTO orders
SELECT u, 'p' || i, date '2026-01-01' + u * 7 + i
FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u * 3 + i * 7) % 5 < 2;
INSERT INTO orders VALUES (NULL, 'p1', NULL), (1, NULL, NULL), (NULL, NULL, NULL);
INSERT INTO orders SELECT * FROM orders WHERE customer = 5;

-- nothing yet
SELECT count(*) FROM recadv_models WHERE schema = 'test_info';

SELECT model, version, algorithm, users, items, interactions, null_rows, duplicates, epochs,
       best_epoch IN (3, 6) AS best_epoch, loss BETWEEN 0 AND 0.7 AS loss,
       ndcg BETWEEN 0 AND 1 AS ndcg, hr BETWEEN 0 AND 1 AS hr, seconds > 0 AS seconds, stop_reason
FROM recadv_train('shop', 'orders', 'customer', 'product', 'at', 'bpr',
    '{"factors":4,"epochs":6,"evaluate_every":3,"patience":0,"learning_rate":0.1,"seed":7}');
SELECT model, version, algorithm, users, items, interactions, null_rows, duplicates, epochs,
       best_epoch, loss, ndcg, hr, seconds > 0 AS seconds, stop_reason
FROM recadv_train('shop', 'orders', 'customer', 'product', algorithm => 'popularity',
    options => '{"holdout":"none"}');
SELECT pg_typeof(t) AS type, (t).model, (t).version, (t).algorithm, (t).epochs, (t).best_epoch,
       (t).ndcg, (t).hr, (t).stop_reason
FROM (SELECT recadv_train(
          'shop',
          'orders',
          'customer',
          'product',
          algorithm => 'amf',
          options => '{"factors":4,"epochs":2,"adv_epochs":2,"holdout":"none","learning_rate":0.1,'
                     '"relative_epsilon":0.1,"seed":7,"keep_versions":3}') AS t
      OFFSET 0) s;

-- the header
SELECT key, value
FROM jsonb_each(recadv_info('shop') - '{training,options}'::text[])
ORDER BY key COLLATE "C";
SELECT key,
       CASE WHEN key IN ('started', 'seconds', 'loss', 'phases') THEN jsonb_typeof(value)::text
            ELSE value::text END AS value
FROM jsonb_each(recadv_info('shop') -> 'training') ORDER BY key COLLATE "C";
SELECT recadv_info('shop', 1) ->> 'algorithm' AS v1, recadv_info('shop', 2) ->> 'algorithm' AS v2,
       recadv_info('shop', 3) ->> 'algorithm' AS v3, recadv_info('shop', 4) AS v4,
       recadv_info('shop', 0) AS v0;
SELECT (recadv_info('shop') #>> '{training,started}')::timestamptz
    BETWEEN now() - interval '1 hour' AND clock_timestamp() AS started;

-- the learning curve
SELECT epoch, stage, loss BETWEEN 0 AND 0.7 AS loss, ndcg IS NOT NULL AS ndcg, hr IS NOT NULL AS hr,
       seconds > 0 AS seconds
FROM recadv_history('shop', 1);
SELECT epoch, stage, ndcg, hr FROM recadv_history('shop');
SELECT count(*) FROM recadv_history('shop', 2);
SELECT count(*) FROM recadv_history('shop', 9);

-- the log of runs
SELECT run, status, message, started <= finished AS times, version, algorithm, source,
       options ->> 'factors' AS factors, users, items, interactions, null_rows, epochs,
       loss BETWEEN 0 AND 0.7 AS loss, ndcg IS NOT NULL AS ndcg, role = current_user AS role,
       pid = pg_backend_pid() AS pid
FROM recadv_runs('shop');
SELECT * FROM recadv_run_numbers('shop');
SELECT recadv_document('shop', 'run', 1, 0) ->> 'status' AS status,
       recadv_document('shop', 'run', 77, 0) AS none, recadv_document('shop', NULL) AS null_part,
       recadv_document('shop', 'header', NULL) AS null_block;

-- the view
SELECT model, schema, name, owner = current_user AS owner, version, algorithm, users, items,
       interactions, trained <= now() AS trained, bytes = pg_total_relation_size(model) AS bytes,
       status
FROM recadv_models WHERE schema = 'test_info';
CREATE TABLE waiting OF recadv_model (PRIMARY KEY (version, part, block));
SELECT name, version, algorithm, status FROM recadv_models WHERE schema = 'test_info' ORDER BY name;
SELECT version, algorithm, users, items, interactions,
       trained = (recadv_info('shop') #>> '{training,started}')::timestamptz AS trained, status
FROM recadv_model_status('shop'::regclass);
SELECT status FROM recadv_model_status('orders'::regclass);
SELECT status FROM recadv_model_status(0);
SELECT recadv_model_status(NULL) IS NULL AS strict;

-- a model is a table: what it looks like
\d shop
SELECT attname, attstorage FROM pg_attribute
WHERE attrelid = 'shop'::regclass AND attnum > 0 ORDER BY attnum;
SELECT version, part, block, length(data) > 32 AS data FROM shop ORDER BY version, part, block;

-- memory: a figure that grows with what it depends on, in bytes
SELECT recadv_estimate_memory(1000, 1000, 10000, 'bpr', '{"factors":8,"epochs":2,"threads":1}')
           BETWEEN 100e3 AND 10e6 AS plausible,
       recadv_estimate_memory(1000, 1000, 10000, 'bpr', '{"factors":800,"epochs":2,"threads":1}')
           > recadv_estimate_memory(1000, 1000, 10000, 'bpr',
               '{"factors":8,"epochs":2,"threads":1}')
               + 2000 * 792 * 4 AS factors,
       recadv_estimate_memory(1000, 1000, 10000000, 'bpr', '{"factors":8,"epochs":2}')
           > recadv_estimate_memory(1000, 1000, 10000, 'bpr',
               '{"factors":8,"epochs":2}') AS interactions,
       recadv_estimate_memory(1000, 1000, 10000000, 'bpr', '{"factors":8,"epochs":2}', true)
           > recadv_estimate_memory(1000, 1000, 10000000, 'bpr',
               '{"factors":8,"epochs":2}') AS times;
SELECT recadv_estimate_memory(2147483646, 2147483646, 9223372036854775807, 'popularity',
    '{"threads":1}') AS overflow;
SELECT recadv_estimate_memory(2000000000, 2000000000, 1000000000000, 'bpr', '{"factors":4096}')
           > 1e12 AS huge,
       recadv_estimate_memory(1, 1, 1, NULL) AS strict;

RESET search_path;
RESET recadv.progress;
SET client_min_messages = warning;
DROP SCHEMA test_info CASCADE;
