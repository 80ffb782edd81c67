-- NULL arguments and empty answers.
CREATE SCHEMA test_nulls;
SET search_path = test_nulls, public;
SET recadv.progress = off;

CREATE TABLE orders AS SELECT u AS user_id, i AS item_id
FROM generate_series(1, 10) u, generate_series(1, 12) i WHERE (u * 3 + i * 7) % 5 < 2;
INSERT INTO orders SELECT 11, i FROM generate_series(1, 12) i; -- has everything
INSERT INTO orders VALUES (NULL, 1), (1, NULL);
SELECT version, null_rows FROM recadv_train('m', 'orders', algorithm => 'bpr',
    options => '{"factors":4,"epochs":3,"learning_rate":0.1,"holdout":"none","seed":7}');
SELECT recadv_fit(user_id, item_id,
    '{"algorithm":"bpr","factors":4,"epochs":3,"holdout":"none","seed":7}') AS image
FROM orders \gset

\pset null <NULL>
SELECT count(*) FROM recadv_topk(NULL::bigint, 3, 'm');
SELECT count(*) FROM recadv_topk(NULL::text, 3, 'm');
SELECT count(*) FROM recadv_topk(1, NULL, 'm');
SELECT count(*) FROM recadv_topk(1, 3, 'm', NULL);
SELECT count(*) FROM recadv_topk(1, 3, NULL);
SELECT count(*) FROM recadv_image_topk(NULL::bytea, 1::bigint);
SELECT count(*) FROM recadv_image_topk(:'image'::bytea, NULL::bigint);
SELECT count(*) FROM recadv_image_topk(:'image'::bytea, 1::bigint, NULL);
SELECT count(*) FROM recadv_image_topk(:'image'::bytea, '1'::text, 3, NULL);
-- the other questions: no rows, but what is popular without a history
SELECT count(*) FROM recadv_topk(1, 3, 'm', seen => NULL);
SELECT count(*) FROM recadv_topk(1, 3, 'm', candidates => NULL, exclude => NULL);
SELECT count(*) FROM recadv_topk(1, 3, 'm', candidates => '{}');
SELECT count(*) FROM recadv_topk(1, 3, 'm', false, candidates => '{NULL,1}', exclude => '{NULL}');
SELECT * FROM recadv_topk_for(NULL::bigint[], 3, 'm') EXCEPT SELECT * FROM recadv_topk(99, 3, 'm');
SELECT count(*) FROM recadv_topk_for('{1,2}'::bigint[], NULL, 'm');
SELECT count(*) FROM recadv_topk_for('{1,2}'::text[], 3, 'm', NULL);
SELECT count(*) FROM recadv_image_topk_for(NULL::bytea, '{1,2}'::bigint[]);
SELECT count(*) FROM recadv_image_topk_for(:'image'::bytea, NULL::bigint[], 3);
SELECT count(*) FROM recadv_similar_items(NULL::bigint, 3, 'm');
SELECT count(*) FROM recadv_similar_items('1'::text, NULL, 'm');
SELECT count(*) FROM recadv_image_similar_items(:'image'::bytea, NULL::bigint, 3);
SELECT count(*) FROM recadv_similar_users(NULL::text, 3, 'm');
SELECT count(*) FROM recadv_explain(NULL::bigint, 1, 3, 'm');
SELECT count(*) FROM recadv_explain(1, NULL::bigint, 3, 'm');
SELECT count(*) FROM recadv_explain('1', '1', 3, 'm', seen => NULL);
SELECT count(*) FROM recadv_embeddings('m', NULL);
SELECT count(*), pg_typeof(min(id)) FROM recadv_embeddings(NULL, 'item');
SELECT count(*), pg_typeof(min(id)) FROM recadv_embeddings('m', 'user', NULL::bigint[]);
SELECT count(*), pg_typeof(min(id)) FROM recadv_embeddings('m', 'user', '{1,2,NULL}'::int[]);
SELECT recadv_score(NULL::bigint, 1, 'm') AS user_null,
       recadv_score(1, NULL::bigint, 'm') AS item_null,
       recadv_score(NULL::text, '1', 'm') AS user_null_text,
       recadv_score(99, 1, 'm') AS user_unknown, recadv_score(1, 99, 'm') AS item_unknown,
       recadv_score('one', '1', 'm') AS user_text,
       recadv_score(1, 1, NULL) IS NOT NULL AS model_null;
SELECT recadv_image_score(NULL::bytea, 1::bigint, 1::bigint) AS image_null,
       recadv_image_score(:'image'::bytea, NULL::bigint, 1) AS user_null,
       recadv_image_score(:'image'::bytea, 99::bigint, 1) AS user_unknown,
       recadv_image_score(:'image'::bytea, 1::bigint, 99) AS item_unknown;
SELECT recadv_has_user(1, 'm') AS known, recadv_has_user(99, 'm') AS unknown,
       recadv_has_user(NULL::bigint, 'm') AS null_user, recadv_has_user('1', 'm') AS text,
       recadv_has_user('01', 'm') AS not_canonical, recadv_has_user(' 1', 'm') AS space,
       recadv_has_user('', 'm') AS empty, recadv_has_user('9223372036854775808', 'm') AS too_large;

-- a user who has everything; unknown users get what is popular; the types that are returned
SELECT count(*) FROM recadv_topk(11, 5, 'm');
SELECT count(*) FROM recadv_topk(11, 5, 'm', exclude_seen => false);
SELECT rank, score FROM recadv_topk(99, 3, 'm');
SELECT item::text, score, rank, fallback
FROM recadv_topk(-1, 100, 'm')
EXCEPT SELECT * FROM recadv_topk('nobody'::text, 100, 'm');
SELECT pg_typeof(item) AS item, pg_typeof(score) AS score, pg_typeof(rank) AS rank
FROM recadv_topk(1, 1, 'm');
SELECT pg_typeof(item) AS item, pg_typeof(score) AS score, pg_typeof(rank) AS rank
FROM recadv_topk('1', 1, 'm');
SELECT pg_typeof(item) AS item FROM recadv_topk(1::smallint, 1, 'm') UNION ALL
SELECT pg_typeof(item) FROM recadv_topk('1'::varchar, 1, 'm') UNION ALL
SELECT pg_typeof(item) FROM recadv_topk('1'::char(3), 1, 'm');

-- the aggregate of nothing
SELECT recadv_fit(user_id, item_id) AS no_rows FROM orders WHERE false;
SELECT recadv_fit(user_id, item_id, '{"factors":4}') AS no_ids FROM orders WHERE user_id IS NULL;
SELECT recadv_fit(user_id, item_id, '{"factors":4}') FILTER (WHERE false) AS filtered FROM orders;
SELECT recadv_fit(user_id, item_id, 1, '{"factors":4}') AS no_groups
FROM orders WHERE false GROUP BY user_id;
SELECT recadv_save('s', NULL) AS no_image, recadv_save(NULL, :'image') AS no_name;

-- an evaluation tells what it leaves out
SELECT metric, k, users
FROM recadv_evaluate('m',
    '(VALUES (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (99, 1), (98, 2), (1, NULL))', 'column1',
    'column2', '{3}');

\pset null ''
RESET search_path;
RESET recadv.progress;
SET client_min_messages = warning;
DROP SCHEMA test_nulls CASCADE;
