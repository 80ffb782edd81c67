-- seen => 'live': what the source says now, with the caller's rights.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(model text, source text, u name DEFAULT 'user_id', i name DEFAULT 'item_id')
RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, source, u, i, algorithm => 'bpr',
        options => '{"factors":4,"epochs":5,"seed":7}')
$$;
CREATE FUNCTION live(u bigint, model text) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT array_agg(item ORDER BY item) FROM recadv_topk(u, 1000, model, seen => 'live')
$$;
CREATE FUNCTION left_of(u bigint) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT array_agg(i::bigint ORDER BY i)
    FROM generate_series(1, 40) i
    WHERE NOT EXISTS (SELECT FROM orders o WHERE o.user_id = u AND o.item_id = i)
$$;

SELECT train('m', 'orders') \g /dev/null
SELECT is(live(u, 'm'), left_of(u), 'nothing has changed: user ' || u)
FROM unnest('{1,2,60,61}'::int[]) u;
CREATE TABLE before AS
SELECT u, t.*
FROM generate_series(1, 60) u, LATERAL recadv_topk(u, 1000, 'm') t;
INSERT INTO orders SELECT 1, i, now() FROM generate_series(1, 10) i ON CONFLICT DO NOTHING;
DELETE FROM orders WHERE user_id = 2;
INSERT INTO orders VALUES (3, NULL, now()), (NULL, 1, now()), (3, 5000, now());
SELECT is(live(1, 'm'), left_of(1), 'bought since: no more');
SELECT is(live(2, 'm'), left_of(2), 'sent back: all again');
SELECT is(live(3, 'm'), left_of(3), 'NULLs and items that the model does not know change nothing');
INSERT INTO orders SELECT 777, i, now() FROM generate_series(1, 30) i;
SELECT is(live(777, 'm'), left_of(777), 'a user who came since is not offered what he has');
SELECT bag_eq(
    'SELECT u, t.* FROM generate_series(1, 60) u, LATERAL recadv_topk(u, 1000, ''m'') t',
    'TABLE before',
    'the model''s own memory is as it was');
SELECT bag_eq(
    'SELECT * FROM recadv_topk(1, 40, ''m'', false, seen => ''live'')',
    'SELECT * FROM recadv_topk(1, 40, ''m'', false)',
    'exclude_seen false: nothing is left out');
SELECT is(
    (SELECT array_agg(item::bigint ORDER BY item::bigint)
     FROM recadv_topk('1', 1000, 'm', seen => 'live')),
    left_of(1),
    'with text');
SELECT is(
    (SELECT count(*) FROM recadv_topk('no number', 1000, 'm', seen => 'live')),
    40::bigint,
    'a text that is no integer has nothing');
SELECT is(
    (SELECT count(*) FROM recadv_topk(9223372036854775807, 1000, 'm', seen => 'live')),
    40::bigint,
    'nor has an id out of the column''s range');
SELECT is(
    (SELECT count(*) FROM recadv_explain(2, 5, 100, 'm', seen => 'live')),
    0::bigint,
    'recadv_explain: no items, no explanation');
SELECT is(
    (SELECT count(*) FROM recadv_explain(1, 5, 100, 'm', seen => 'live')),
    (SELECT count(DISTINCT item_id) FROM orders WHERE user_id = 1 AND item_id <> 5),
    'recadv_explain: the items that there are now');

-- sources of other kinds and types
DELETE FROM orders WHERE item_id IS NULL OR item_id = 5000;
CREATE VIEW bought AS SELECT user_id::smallint AS customer, item_id AS product FROM orders;
CREATE DOMAIN user_name AS text CHECK (value <> '');
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE named AS
SELECT ('u' || user_id)::user_name AS "User", ('i' || item_id)::varchar(9) AS "the item",
       CASE WHEN user_id % 2 = 0 THEN 'low' ELSE 'high' END::mood AS mood,
       md5('u' || user_id)::uuid AS id, user_id::numeric AS number, user_id::bigint AS big
FROM orders WHERE user_id < 50 AND item_id IS NOT NULL;
SELECT train('of_view', 'bought', 'customer', 'product') \g /dev/null
SELECT train('of_query',
    '(SELECT * FROM orders WHERE item_id % 2 = 0) -- even ones' || E'\n') \g /dev/null
SELECT train('of_names', 'named', 'User', 'the item') \g /dev/null
SELECT train('of_' || c, 'named', c::name, 'the item')
FROM unnest('{mood,id,number,big}'::text[]) c \g /dev/null
DELETE FROM orders WHERE user_id = 4 AND item_id < 20;
DELETE FROM named WHERE "User" = 'u4' AND substr("the item", 2)::int < 20;
SELECT is(live(4, 'of_view'), left_of(4), 'a view');
SELECT is(
    (SELECT array_agg(item ORDER BY item) FROM recadv_topk(40000, 1000, 'of_view', seen => 'live')),
    (SELECT array_agg(i::bigint) FROM generate_series(1, 40) i),
    'an id that smallint cannot hold');
SELECT is(
    live(4, 'of_query'),
    ARRAY(SELECT x FROM unnest(left_of(4)) x WHERE x % 2 = 0 ORDER BY x),
    'a query that ends in a comment');
SELECT bag_eq(
    format('SELECT item FROM recadv_topk(%L::text, 1000, %L, seen => ''live'')', u, m),
    format(
        $$SELECT 'i' || i FROM generate_series(1, 40) i
          EXCEPT SELECT "the item" FROM named WHERE %s$$,
        w),
    m || ', user ' || u)
FROM (VALUES
    ('of_names', 'u4', '"User" = ''u4'''),
    ('of_names', 'u5', '"User" = ''u5'''),
    ('of_names', 'it''s', 'false'),
    ('of_mood', 'low', 'mood = ''low'''),
    ('of_id', md5('u4')::uuid::text, 'id = md5(''u4'')::uuid'),
    ('of_number', '4', 'number = 4'),
    ('of_big', '4', 'big = 4')) v(m, u, w);
ALTER TABLE named ALTER "the item" TYPE text;
INSERT INTO named
SELECT 'u4', repeat('x', 5000), mood, id, number, big
FROM named WHERE "User" = 'u4' LIMIT 1;
SELECT is(
    (SELECT count(*) FROM recadv_topk('u4'::text, 1000, 'of_names', seen => 'live')),
    (SELECT 40 - count(*) + 1 FROM named WHERE "User" = 'u4'),
    'an item too long for any model is unknown, and no more');
SELECT fails(
    $$SELECT recadv_topk('gloomy'::text, 5, 'of_mood', seen => 'live')$$,
    '22P02',
    'invalid input value for enum%"gloomy"%',
    'a value that the column''s type does not have');

-- an index serves the lookup, whatever search_path is
CREATE TABLE many AS
SELECT n % 5000 AS user_id, n % 97 AS item_id
FROM generate_series(1, 100000) n;
CREATE INDEX ON many (user_id);
ANALYZE many;
SELECT train('big', 'many') \g /dev/null
SET LOCAL search_path = pg_catalog;
SELECT count(*) AS found FROM public.recadv_topk(17, 1000, 'recadv_test.big', seen => 'live') \gset
SET LOCAL search_path = recadv_test, public;
SELECT is(
    :found,
    97 - (SELECT count(DISTINCT item_id) FROM many WHERE user_id = 17)::int,
    'without the source''s schema in search_path');
SELECT is(
    (SELECT count(*)
     FROM generate_series(0, 4999, 50) u, LATERAL recadv_topk(u, 1000, 'big', seen => 'live')),
    (SELECT count(*) FROM generate_series(0, 4999, 50) u, generate_series(0, 96) i
     WHERE NOT EXISTS (SELECT FROM many m WHERE m.user_id = u AND m.item_id = i)),
    'a hundred users');
-- sources that are gone, or no longer what they were; and rights
CREATE ROLE recadv_test_web;
GRANT SELECT ON m, of_view, of_query TO recadv_test_web;
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'm', seen => 'live')$$,
    '42501',
    'permission denied for table orders%',
    'SELECT on the source is needed',
    'recadv_test_web');
SELECT works($$SELECT recadv_topk(1, 5, 'm')$$, 'not without seen => live', 'recadv_test_web');
SELECT works(
    $$SELECT recadv_topk(1, 5, 'm', false, seen => 'live')$$,
    'nor if nothing is to be left out',
    'recadv_test_web');
GRANT SELECT (item_id) ON orders TO recadv_test_web;
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'm', seen => 'live')$$,
    '42501',
    'permission denied for table orders%',
    'some of the columns are not enough',
    'recadv_test_web');
GRANT SELECT (user_id) ON orders TO recadv_test_web;
SELECT works(
    $$SELECT recadv_topk(1, 5, 'm', seen => 'live')$$,
    'the two columns are',
    'recadv_test_web');
GRANT SELECT ON bought TO recadv_test_web;
REVOKE SELECT (user_id, item_id) ON orders FROM recadv_test_web;
SELECT works(
    $$SELECT recadv_topk(1, 5, 'of_view', seen => 'live')$$,
    'a view may open what the table does not',
    'recadv_test_web');
ALTER TABLE orders RENAME user_id TO buyer;
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'm', seen => 'live')$$,
    '42703',
    'column "user_id" of source "recadv_test.orders" of model "m" does not exist%',
    'a column is gone');
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'of_query', seen => 'live')$$,
    '42703',
    'column "user_id" does not exist%',
    'so it is for a query');
ALTER TABLE orders RENAME buyer TO user_id;
ALTER TABLE orders RENAME TO old_orders;
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'm', seen => 'live')$$,
    '42P01',
    'source "recadv_test.orders" of model "m" does not exist%',
    'the table is gone');
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'of_query', seen => 'live')$$,
    '42P01',
    'relation "orders" does not exist%',
    'so it is for a query');
SELECT works($$SELECT recadv_topk(1, 5, 'm')$$, 'the model still serves');
SELECT is(
    recadv_save(
        'saved',
        (SELECT recadv_fit(user_id, item_id, '{"algorithm":"bpr","factors":4,"epochs":2}')
         FROM old_orders WHERE user_id < 100)),
    1,
    'a model from an image');
SELECT fails(
    $$SELECT recadv_topk(1, 5, 'saved', seen => 'live')$$,
    '55000',
    'model "saved" names no source%exclude => %',
    'has no source');

-- the source may itself ask models: nothing that is in use is thrown out of the cache
ALTER TABLE old_orders RENAME TO orders;
CREATE VIEW asking AS
SELECT user_id, item_id FROM orders
WHERE (SELECT count(*) FROM recadv_topk(1, 3, 'm'))
    + (SELECT count(*) FROM recadv_topk(1, 3, 'of_view'))
    = 6;
SELECT train('asks', 'asking') \g /dev/null
SET recadv.cache_size = '40kB';
SELECT is(live(5, 'asks'), left_of(5), 'a source that asks models');
RESET recadv.cache_size;

SELECT * FROM finish();
ROLLBACK;
