-- Recommendations inside other statements.
CREATE SCHEMA test_serving;
SET search_path = test_serving, public;
SET recadv.progress = off;

CREATE TABLE customers (id int PRIMARY KEY, name text, city text);
INSERT INTO customers
SELECT u, 'customer ' || u, (ARRAY['Oslo', 'Bergen', 'Tromsø'])[u % 3 + 1]
FROM generate_series(1, 12) u;
CREATE TABLE products (id int PRIMARY KEY, title text);
INSERT INTO products SELECT i, 'product ' || i FROM generate_series(1, 16) i;
CREATE TABLE orders AS
SELECT c.id AS user_id, p.id AS item_id
FROM customers c, products p
WHERE (c.id % 4 = p.id % 4 AND (c.id + p.id) % 8 > 0) OR (c.id * 3 + p.id * 7) % 11 = 0;
SELECT users, items FROM recadv_train('shop', 'orders', algorithm => 'bpr',
    options => '{"factors":4,"epochs":40,"learning_rate":0.1,"holdout":"none","seed":7}');

-- what every form must give
CREATE TABLE expected AS
SELECT c.id, r.* FROM customers c, LATERAL recadv_topk(c.id, 3, 'shop') r;
CREATE FUNCTION differences(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format(
        'SELECT count(*) FROM ((TABLE expected EXCEPT ALL (%1$s)) '
        'UNION ALL ((%1$s) EXCEPT ALL TABLE expected)) d',
        query) INTO n;
    RETURN n;
END $$;
SELECT count(*), count(DISTINCT id) FROM expected;
SELECT id, rank FROM expected e JOIN orders o ON o.user_id = e.id AND o.item_id = e.item;

-- joins
SELECT c.name, r.rank, p.title IS NOT NULL AS title
FROM customers c, LATERAL recadv_topk(c.id, 2, model => 'shop') r JOIN products p ON p.id = r.item
WHERE c.city = 'Oslo' ORDER BY c.id, r.rank;
SELECT count(*) FROM customers c LEFT JOIN LATERAL recadv_topk(c.id, 1, 'shop') r ON r.rank > 1;
SELECT differences(
    'SELECT c.id, r.*
     FROM customers c
     CROSS JOIN LATERAL recadv_topk(c.id::text, 3, ''shop'') t,
          LATERAL (SELECT t.item::bigint, t.score, t.rank, t.fallback) r') AS text_ids;
SELECT differences(
    'SELECT id, (r).*
     FROM (SELECT id, recadv_topk(id, 3, ''shop'') AS r FROM customers) s') AS select_list;
SELECT differences(
    'WITH r AS MATERIALIZED (SELECT c.id, t.* FROM customers c, recadv_topk(c.id, 3, ''shop'') t)
     SELECT * FROM r') AS cte;
SELECT differences(
    'SELECT c.id, r.*
     FROM customers c, ROWS FROM (recadv_topk(c.id, 3, ''shop'')) r') AS rows_from;
SELECT n, rank IS NOT NULL AS rank
FROM ROWS FROM (recadv_topk(1, 2, 'shop'), generate_series(1, 3)) AS t(item, score, rank, fallback, n);
SELECT count(*)
FROM recadv_topk(1, 5, 'shop') WITH ORDINALITY AS t(item, score, rank, fallback, n)
WHERE rank <> n;
SELECT (SELECT max(rank) FROM recadv_topk(c.id, 4, 'shop')) AS in_subquery
FROM customers c WHERE c.id = 1;
SELECT count(*) FROM products p WHERE p.id IN (SELECT item FROM recadv_topk(1, 3, 'shop'));
SELECT rank FROM recadv_topk(1, 5, 'shop') LIMIT 2;
SELECT count(*) FROM expected e WHERE recadv_score(e.id, e.item, 'shop') <> e.score;

-- a cursor that goes back
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT rank FROM recadv_topk(1, 3, 'shop');
FETCH ALL FROM c;
FETCH BACKWARD 2 FROM c;
COMMIT;

-- prepared statements, custom and generic plans, and a model that changes between
PREPARE recommend(bigint, int) AS SELECT $1, r.* FROM recadv_topk($1, $2, 'shop') r;
SET plan_cache_mode = force_generic_plan;
CREATE TEMP TABLE prepared AS EXECUTE recommend(1, 3);
TABLE prepared EXCEPT TABLE expected;
SET plan_cache_mode = force_custom_plan;
EXECUTE recommend(NULL, 3);
RESET plan_cache_mode;
SELECT version
FROM recadv_train('shop', 'orders', algorithm => 'popularity', options => '{"holdout":"none"}');
DROP TABLE prepared;
CREATE TEMP TABLE prepared AS EXECUTE recommend(1, 3);
SELECT count(*) AS score_is_a_count FROM prepared WHERE score = trunc(score) AND score >= 1;
SELECT recadv_rollback('shop');
DROP TABLE prepared;
CREATE TEMP TABLE prepared AS EXECUTE recommend(1, 3);
TABLE prepared EXCEPT TABLE expected;
DEALLOCATE recommend;

-- PL/pgSQL
CREATE FUNCTION recommend(customer int, wanted int)
RETURNS TABLE (id int, item bigint, score real, rank int, fallback boolean) STABLE LANGUAGE plpgsql AS $$
BEGIN
    FOR recommend.item, recommend.score, recommend.rank, recommend.fallback IN
        SELECT r.* FROM recadv_topk(customer, wanted, 'shop') r
    LOOP
        id := customer;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT differences('SELECT r.* FROM customers c, recommend(c.id, 3) r') AS plpgsql;
CREATE FUNCTION recommend_sql(int) RETURNS SETOF bigint STABLE LANGUAGE sql AS $$
    SELECT item FROM recadv_topk($1, 3, 'shop')
$$;
SELECT count(*) FROM customers c, recommend_sql(c.id) i
WHERE (c.id, i) NOT IN (SELECT id, item FROM expected);

-- a view, a materialised view
CREATE VIEW recommended AS SELECT c.id, r.* FROM customers c, recadv_topk(c.id, 3, 'shop') r;
SELECT differences('TABLE recommended') AS view;
-- built with an empty search_path since PostgreSQL 17
CREATE MATERIALIZED VIEW stored AS
SELECT c.id, r.* FROM customers c, recadv_topk(c.id, 3, 'test_serving.shop') r;
SELECT differences('TABLE stored') AS materialized_view;
SELECT differences('SELECT * FROM test_serving.recommended WHERE rank <= 3') AS qualified;

-- read-only transactions, every isolation level
BEGIN READ ONLY;
SELECT differences('TABLE recommended') AS read_only, recadv_has_user(1, 'shop') AS known;
SELECT count(*) FROM recadv_models WHERE schema = 'test_serving' AND status = 'ok';
SELECT recadv_info('shop') ->> 'algorithm' AS algorithm;
SELECT count(*) FROM recadv_history('shop');
SELECT count(*) FROM recadv_runs('shop');
SELECT count(*)
FROM recadv_evaluate('shop', '(SELECT 1 AS user_id, i AS item_id FROM generate_series(1, 16) i)',
    k => '{5}');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT differences('TABLE recommended') AS serializable;
COMMIT;

-- one statement sees one version, also when it trains itself
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM recadv_topk(1, 3, 'shop');
SELECT version
FROM recadv_train('shop', 'orders', algorithm => 'popularity', options => '{"holdout":"none"}');
SELECT count(*) AS score_is_a_count
FROM recadv_topk(1, 3, 'shop') WHERE score = trunc(score) AND score >= 1;
ROLLBACK;
SELECT differences('TABLE recommended') AS rolled_back;

-- parallel workers serve too
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
ALTER TABLE customers SET (parallel_workers = 2);
SELECT differences('TABLE recommended') AS parallel;
SELECT count(*) FROM orders o WHERE recadv_score(o.user_id, o.item_id, 'shop') IS NULL;

RESET ALL;
SET client_min_messages = warning;
DROP SCHEMA test_serving CASCADE;
DROP TABLE prepared;
