-- Embeddings in pgvector: the casts, the exact scan and an HNSW index against recadv's own answers.
BEGIN;
\ir setup.psql
SELECT count(*) > 0 AS installed FROM pg_available_extensions WHERE name = 'vector' \gset
\if :installed
SELECT * FROM no_plan();
CREATE EXTENSION IF NOT EXISTS vector;

SELECT recadv_train(
    'm',
    $$(SELECT n % 500 AS user_id, n * 7919 % 3000 AS item_id
       FROM generate_series(1, 30000) n WHERE noise(n::text) % 3 > 0)$$,
    algorithm => 'bpr',
    options => '{"factors":24,"epochs":30,"holdout":"none","seed":7}') \g /dev/null
CREATE TABLE items AS
SELECT id, embedding::vector(24) AS embedding
FROM recadv_embeddings('m', 'item', NULL::bigint[]);
CREATE TABLE users AS
SELECT id, embedding::vector(24) AS embedding
FROM recadv_embeddings('m', 'user', NULL::bigint[]);
SELECT is(
    (SELECT count(*) FROM items
     JOIN recadv_embeddings('m', 'item', NULL::bigint[]) e USING (id)
     WHERE items.embedding::real[] = e.embedding),
    (SELECT count(*) FROM items),
    'vectors hold what the model holds');

CREATE TABLE own AS
SELECT u.id AS u, t.item, t.score, t.rank
FROM users u, LATERAL recadv_topk(u.id, 10, 'm', exclude_seen => false) t
WHERE u.id % 5 = 0;
SELECT is(
    (SELECT count(*) FROM own
     JOIN users u ON u.id = own.u
     JOIN items i ON i.id = own.item
     WHERE abs(-(u.embedding <#> i.embedding) - score) > 1e-4),
    0::bigint,
    'scores are negative inner products');
CREATE FUNCTION near(bigint) RETURNS TABLE (item bigint, distance float8) STABLE LANGUAGE sql AS $$
    SELECT i.id, i.embedding <#> (SELECT embedding FROM recadv_test.users u WHERE u.id = $1) AS d
    FROM recadv_test.items i ORDER BY d LIMIT 10
$$;
SET LOCAL enable_indexscan = off;
SELECT is(
    (SELECT count(*) FROM own o
     WHERE NOT EXISTS (SELECT FROM near(o.u) n WHERE n.item = o.item)
       AND o.score > (SELECT -max(distance) FROM near(o.u)) + 1e-4),
    0::bigint,
    'the exact scan gives the items of recadv_topk');
SELECT is(
    (SELECT count(*)
     FROM items a, LATERAL recadv_similar_items(a.id, 5, 'm') t, items b
     WHERE a.id < 40
       AND b.id = t.item
       AND abs(1 - (a.embedding <=> b.embedding) - t.similarity) > 1e-4),
    0::bigint,
    'similarities are one minus the cosine distance');

CREATE INDEX near_items ON items USING hnsw (embedding vector_ip_ops);
SET LOCAL enable_indexscan = on;
SET LOCAL enable_seqscan = off;
SET LOCAL hnsw.ef_search = 100;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan::text;
END $$;
SELECT matches(
    plan_of($$SELECT id FROM items
              ORDER BY embedding <#> (SELECT embedding FROM users WHERE id = 5) LIMIT 10$$),
    'near_items',
    'the index is used');
SELECT cmp_ok(
    (SELECT avg((EXISTS (SELECT FROM near(o.u) n WHERE n.item = o.item))::int)::float8 FROM own o),
    '>',
    0.8::float8,
    'the index finds most of them');
SELECT extversion AS vector_version FROM pg_extension WHERE extname = 'vector' \gset
SELECT diag(format('pgvector %s: recall of HNSW against recadv_topk %s', :'vector_version',
    (SELECT round(avg((EXISTS (SELECT FROM near(o.u) n WHERE n.item = o.item))::int), 3)
     FROM own o)));
SELECT * FROM finish();
\else
SELECT plan(1);
SELECT skip('pgvector is not installed', 1);
SELECT * FROM finish();
\endif
ROLLBACK;
