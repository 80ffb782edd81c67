-- Costs and row estimates lead to sensible plans.
CREATE SCHEMA test_plans;
SET search_path = test_plans, public;
SET recadv.progress = off;
SET max_parallel_workers_per_gather = 0;
SET jit = off;

CREATE TABLE customers (id int PRIMARY KEY, city text);
INSERT INTO customers
SELECT u, CASE WHEN u % 100 = 0 THEN 'Oslo' ELSE 'elsewhere' END
FROM generate_series(1, 1000) u;
CREATE TABLE products (id bigint PRIMARY KEY, title text);
INSERT INTO products SELECT i, 'product ' || i FROM generate_series(1, 10000) i;
ANALYZE customers, products;

CREATE FUNCTION plan_rows(query text, node text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN jsonb_path_query_first(plan, '$.** ? (@."Node Type" == $n)."Plan Rows"',
        jsonb_build_object('n', node));
END $$;

-- k rows of a topk; a hundred runs; a curve of two hundred epochs
SELECT plan_rows('SELECT * FROM recadv_topk(1, 10, ''m'')', 'Function Scan') AS topk,
       plan_rows('SELECT * FROM recadv_topk(''a'', 10, ''m'')', 'Function Scan') AS topk_text,
       plan_rows('SELECT * FROM recadv_image_topk(''\x''::bytea, 1)', 'Function Scan') AS topk_image,
       plan_rows('SELECT * FROM recadv_run_numbers(''m'')', 'Function Scan') AS runs,
       plan_rows('SELECT * FROM recadv_evaluate(''m'', ''o'')', 'Function Scan') AS evaluate,
       plan_rows('SELECT * FROM recadv_robustness(''m'')', 'Function Scan') AS robustness,
       plan_rows('SELECT * FROM recadv_options()', 'Function Scan') AS options;
SELECT plan_rows('SELECT * FROM recadv_topk_for(''{1}''::bigint[], 10, ''m'')',
           'Function Scan') AS topk_for,
       plan_rows('SELECT * FROM recadv_similar_items(1, 10, ''m'')',
           'Function Scan') AS similar_items,
       plan_rows('SELECT * FROM recadv_similar_users(1, 10, ''m'')',
           'Function Scan') AS similar_users,
       plan_rows('SELECT * FROM recadv_explain(1, 1, 10, ''m'')', 'Function Scan') AS explain,
       plan_rows('SELECT * FROM recadv_embeddings(''m'', ''item'')', 'Function Scan') AS embeddings;
SELECT plan_rows('SELECT recadv_topk(id, 5, ''m'') FROM customers', 'ProjectSet') AS select_list;

-- a few customers first, then their recommendations, then the products by index
EXPLAIN (COSTS OFF)
SELECT c.id, p.title, r.score
FROM customers c, LATERAL recadv_topk(c.id, 5, model => 'shop') r JOIN products p ON p.id = r.item
WHERE c.city = 'Oslo';
SELECT plan_rows(
    'SELECT * FROM customers c, LATERAL recadv_topk(c.id, 5, ''shop'') r WHERE c.city = ''Oslo''',
    'Nested Loop') AS lateral;
EXPLAIN (COSTS OFF)
SELECT p.title FROM products p WHERE p.id IN (SELECT item FROM recadv_topk(1, 10, 'shop'));

-- cheap conditions come before scores
EXPLAIN (COSTS OFF)
SELECT id FROM customers WHERE recadv_score(id, 5, 'shop') > 0 AND city = 'Oslo';
EXPLAIN (COSTS OFF)
SELECT id FROM customers
WHERE recadv_score(id, 5, 'shop') > 0 AND NOT recadv_has_user(id, 'shop') AND city = 'Oslo';

-- recommendations may be computed by workers, training may not
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE customers SET (parallel_workers = 2);
EXPLAIN (COSTS OFF)
SELECT c.id, r.item FROM customers c, LATERAL recadv_topk(c.id, 5, 'shop') r;
EXPLAIN (COSTS OFF)
SELECT c.id, r.version FROM customers c, LATERAL recadv_train('shop' || c.id, 'orders') r;
EXPLAIN (COSTS OFF)
SELECT recadv_fit(c.id, 1, '{"algorithm":"popularity"}') FROM customers c;
EXPLAIN (COSTS OFF)
SELECT city, recadv_fit(c.id, 1, 2, '{"algorithm":"popularity"}') FROM customers c GROUP BY city;

RESET ALL;
SET client_min_messages = warning;
DROP SCHEMA test_plans CASCADE;
