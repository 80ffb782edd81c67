-- Every error a user can cause: SQLSTATE, message, detail and hint.
CREATE SCHEMA test_errors;
SET search_path = test_errors, public;
SET recadv.progress = off;

CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT,
                            detail = PG_EXCEPTION_DETAIL,
                            hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;

CREATE TABLE orders AS SELECT u AS user_id, i AS item_id, u * 100 + i AS at, 'x'::text AS note
FROM generate_series(1, 12) u, generate_series(1, 10) i WHERE (u * 3 + i * 7) % 5 < 2;
CREATE TABLE empty (user_id int, item_id int);
CREATE TABLE nulls AS SELECT NULL::int AS user_id, i AS item_id FROM generate_series(1, 3) i;
CREATE TABLE one AS SELECT 1 AS user_id, 1 AS item_id;
CREATE VIEW orders_view AS SELECT * FROM orders;
CREATE INDEX orders_index ON orders (user_id);
CREATE SEQUENCE numbers;
CREATE TABLE likely OF recadv_model;
CREATE TABLE keyed OF recadv_model (PRIMARY KEY (part, version, block));
CREATE TABLE fresh OF recadv_model (PRIMARY KEY (version, part, block));

CREATE FUNCTION train(arguments text) RETURNS text LANGUAGE sql AS $$
    SELECT try('SELECT recadv_train(' || arguments || ')')
$$;

\pset format unaligned
\pset tuples_only on

-- arguments
SELECT train($$'m', NULL$$);
SELECT train($$NULL, 'orders'$$);
SELECT train($$'m', 'orders', user_column => NULL$$);
SELECT train($$'m', 'orders', item_column => NULL$$);
SELECT train($$'m', 'orders', algorithm => NULL$$);
SELECT train($$'m', 'orders', algorithm => 'apr'$$);
SELECT train($$'m', 'orders', algorithm => ''$$);

-- options
SELECT train($$'m', 'orders', options => '[]'$$);
SELECT train($$'m', 'orders', options => '"factors"'$$);
SELECT train($$'m', 'orders', algorithm => 'bpr', options => '{"factorz":8}'$$);
SELECT train($$'m', 'orders', algorithm => 'bpr', options => '{"Epochs":8}'$$);
SELECT train($$'m', 'orders', algorithm => 'bpr', options => '{"learning rate":8}'$$);
SELECT train($$'m', 'orders', algorithm => 'bpr', options => '{"something quite different":8}'$$);
SELECT train($$'m', 'orders', algorithm => 'bpr', options => '{"epsilon":0.5}'$$);
SELECT train($$'m', 'orders', algorithm => 'popularity', options => '{"factors":8}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":-1}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":1000000}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":8.5}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":"8"}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":1e999}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":null}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":[8]}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":{"of":8}}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"factors":true}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"epsilon":-0.5}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"epsilon":"NaN"}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"lambda":"Infinity"}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"lambda":-1e999}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"optimizer":"adam"}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"optimizer":1}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf', options => '{"reset_optimizer":1}'$$);
SELECT train($$'m', 'orders', options => '{"holdout":"first"}'$$);
SELECT train($$'m', 'orders', options => '{"holdout":"last"}'$$);
SELECT train($$'m', 'orders', options => '{"seed":-1}'$$);
SELECT train($$'m', 'orders', options => '{"seed":9007199254740993}'$$);
SELECT train($$'m', 'orders', options => '{"keep_versions":0}'$$);
SELECT train($$'m', 'orders', options => '{"threads":-1}'$$);
SELECT train($$'m', 'orders', options => '{"threads":3}'$$);

-- sources
SELECT train($$'m', 'nowhere'$$);
SELECT train($$'m', 'no_schema.orders'$$);
SELECT train($$'m', 'orders', user_column => 'customer'$$);
SELECT train($$'m', 'orders', item_column => 'product'$$);
SELECT train($$'m', 'orders', time_column => 'date'$$);
SELECT train($$'m', 'orders', time_column => 'note'$$);
SELECT train($$'m', 'empty'$$);
SELECT train($$'m', 'nulls'$$);
SELECT train($$'m', 'one', algorithm => 'amf', options => '{"factors":8,"epochs":2,"adv_epochs":2}'$$);
SELECT train($$'m', '(SELECT user_id FROM orders)'$$);
SELECT train($$'m', '(SELECT nothing FROM orders)'$$);
SELECT train($$'m', '(SELECT * FROM orders) s; SELECT 1, 2'$$);
SELECT train($$'m', '(SELECT 1 / 0 AS user_id, 1 AS item_id)'$$);
SELECT train($$'m', '(SELECT repeat(''x'', 1025) AS user_id, 1 AS item_id)'$$);

-- models
SELECT train($$'', 'orders'$$);
SELECT train($$'no_schema.m', 'orders'$$);
SELECT train($$'orders', 'orders'$$);
SELECT train($$'orders_view', 'orders'$$);
SELECT train($$'orders_index', 'orders'$$);
SELECT train($$'numbers', 'orders'$$);
SELECT train($$'likely', 'orders'$$);
SELECT train($$'keyed', 'orders'$$);
SELECT try($$SELECT recadv_topk(1, 1, 'orders')$$);
SELECT try($$SELECT recadv_topk(1, 1, 'orders_view')$$);
SELECT try($$SELECT recadv_topk(1, 1, 'orders_index')$$);
SELECT try($$SELECT recadv_topk(1, 1, 'numbers')$$);
SELECT try($$SELECT recadv_topk(1, 1, 'likely')$$);
SELECT try($$SELECT recadv_topk(1, 1, 'keyed')$$);
SELECT try($$SELECT recadv_topk(1, 1, 'fresh')$$);
SELECT try($$SELECT recadv_topk(1, 1, 'nowhere')$$);
SELECT try($$SELECT recadv_topk(1, 1, '')$$);
SELECT try($$SELECT recadv_topk(1, 1, 'no_schema.m')$$);
SELECT try($$SELECT recadv_info('orders')$$);
SELECT try($$SELECT * FROM recadv_history('orders')$$);
SELECT try($$SELECT * FROM recadv_runs('orders')$$);
SELECT try($$SELECT recadv_rollback('orders')$$);
SELECT try($$SELECT recadv_rollback(NULL)$$);
SELECT try($$SELECT * FROM recadv_evaluate('orders', 'orders')$$);
DROP TABLE likely, keyed, fresh;
SELECT try($$SELECT recadv_topk(1)$$);

-- training that goes wrong
SELECT train($$'m', 'orders', algorithm => 'bpr',
               options => '{"optimizer":"sgd","learning_rate":1000,"regularization":1000,
                            "factors":8,"epochs":50}'$$);
SELECT train($$'m', 'orders', algorithm => 'amf',
               options => '{"optimizer":"sgd","learning_rate":1000,"regularization":1000,
                            "factors":8,"epochs":50,"adv_epochs":2}'$$);
SET recadv.max_memory = '1MB';
SELECT regexp_replace(
    train($$'m', '(SELECT u AS user_id, u % 10 AS item_id FROM generate_series(1, 200) u)',
            algorithm => 'bpr', options => '{"factors":4096,"epochs":1,"threads":1}'$$),
    'needs \d+ MB',
    'needs N MB');
SELECT regexp_replace(
    train($$'m', '(SELECT u AS user_id, u * 7 % 50000 AS item_id
                   FROM generate_series(1, 200000) u)'$$),
    'needs \d+ MB',
    'needs N MB');
RESET recadv.max_memory;

-- serving
SELECT try($$SELECT recadv_train('m', 'orders', algorithm => 'bpr',
                 options => '{"factors":8,"epochs":2,"seed":7}')$$);
SELECT try($$SELECT recadv_train('t',
                 '(SELECT user_id::text, ''i'' || item_id AS item_id FROM orders)',
                 algorithm => 'bpr',
                 options => '{"factors":8,"epochs":2,"holdout":"none","seed":7}')$$);
SELECT try($$SELECT recadv_topk(1, 0, 'm')$$);
SELECT try($$SELECT recadv_topk(1, -5, 'm')$$);
SELECT try($$SELECT recadv_topk(1)$$);
SELECT try($$SELECT recadv_score(1, 1)$$);
SELECT try($$SELECT recadv_has_user(1)$$);
SELECT try($$SELECT recadv_topk(1, 1, 't')$$);
SELECT try($$SELECT recadv_rollback('m')$$);
SELECT try($$SELECT recadv_rollback('m', 7)$$);
SET recadv.model = 'gone';
SELECT try($$SELECT recadv_topk(1)$$);
RESET recadv.model;

-- evaluation
SELECT try($$SELECT * FROM recadv_evaluate('m', 'empty')$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', 'orders')$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', '(SELECT 99 AS user_id, 1 AS item_id)')$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', NULL)$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', 'orders', user_column => 'customer')$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', 'orders', k => '{}')$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', 'orders', k => NULL)$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', 'orders', k => '{1,NULL}')$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', 'orders', k => '{10,0}')$$);
SELECT try($$SELECT * FROM recadv_evaluate('m', 'orders', k => '{{1,2},{3,4}}')$$);
SET recadv.max_memory = '1MB';
SELECT regexp_replace(
    try($$SELECT recadv_train('wide',
              '(SELECT u AS user_id, u % 10 AS item_id FROM generate_series(1, 30) u)',
              algorithm => 'bpr',
              options => '{"factors":4096,"epochs":1,"threads":1,"holdout":"none"}')$$),
    'needs \d+ MB',
    'needs N MB');
SELECT regexp_replace(
    try($$SELECT * FROM recadv_robustness('wide', '{1}', '(SELECT 1 AS user_id, 2 AS item_id)')$$),
    'needs \d+ MB',
    'needs N MB');
RESET recadv.max_memory;
SELECT try($$SELECT * FROM recadv_robustness('m', '{-1}')$$);
SELECT try($$SELECT * FROM recadv_robustness('m', '{NaN}')$$);
SELECT try($$SELECT * FROM recadv_robustness('m', '{Infinity}')$$);
SELECT try($$SELECT * FROM recadv_robustness('m', '{}')$$);
SELECT try($$SELECT * FROM recadv_robustness('m', NULL)$$);
SELECT try($$SELECT * FROM recadv_robustness('t', '{1}')$$);
SELECT try($$SELECT recadv_train('p', 'orders', algorithm => 'popularity', options => '{}')$$);
SELECT try($$SELECT * FROM recadv_robustness('p')$$);
SELECT try($$SELECT recadv_estimate_memory(0, 1, 1)$$);
SELECT try($$SELECT recadv_estimate_memory(3000000000, 1, 1)$$);
SELECT try($$SELECT recadv_estimate_memory(1, 1, 1, 'apr')$$);
SELECT try($$SELECT recadv_train('m', 'orders', weight_column => 'amount')$$);
SELECT try($$SELECT recadv_train('m', '(SELECT *, ''5'' || '''' AS w FROM orders)', weight_column => 'w')$$);
SELECT try($$SELECT recadv_train('m', '(SELECT *, -1 AS w FROM orders)', weight_column => 'w')$$);
SELECT try($$SELECT * FROM recadv_options('apr')$$);

-- images and the aggregate
SELECT try($$SELECT recadv_image_topk('\x'::bytea, 1)$$);
SELECT try($$SELECT recadv_image_topk('not an image at all'::bytea, 1)$$);
SELECT try($$SELECT recadv_image_score('\x52414456494d4701ffffffff'::bytea, 1, 1)$$);
SELECT try($$SELECT recadv_save('s', '\x52414456494d470100000000')$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, '{"algorithm":"apr"}') FROM orders$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, '{"factor":8}') FROM orders$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, '[]') FROM orders$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, jsonb_build_object('seed', item_id))
             FROM orders$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, '{"holdout":"last"}') FROM orders$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, note, '{}') FROM orders$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, NULL, item_id::text, '{}') FROM orders$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, 'today', NULL, '{}') FROM orders$$);
SELECT try($$SELECT recadv_fit(user_id, item_id, '{}') OVER () FROM orders$$);

-- where writing is not allowed
BEGIN READ ONLY;
SAVEPOINT s;
SELECT recadv_train('m', 'orders');
ROLLBACK TO s;
SELECT recadv_rollback('m');
ROLLBACK TO s;
SELECT recadv_save('s', '\x00');
ROLLBACK TO s;
CALL recadv_train_job('m', 'orders');
ROLLBACK;

\pset format aligned
\pset tuples_only off
-- none of these left a table behind
SELECT relname FROM pg_class
WHERE relnamespace = 'test_errors'::regnamespace AND relkind = 'r' ORDER BY 1;

RESET search_path;
RESET recadv.progress;
SET client_min_messages = warning;
DROP SCHEMA test_errors CASCADE;
