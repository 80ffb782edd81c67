-- Similar items and users, visitors, explanations and embeddings, against what SQL computes from
-- the embeddings.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

SELECT recadv_train(a, 'orders', time_column => 'at', algorithm => a,
    options => '{"seed":7}'::jsonb || o::jsonb)
FROM (VALUES
    ('popularity', '{}'),
    ('bpr', '{"factors":8,"epochs":60,"patience":0}'),
    ('amf', '{"factors":17,"epochs":20,"adv_epochs":10,"patience":0}')) v(a, o) \g /dev/null
SELECT recadv_train(
    'wide',
    '(SELECT n % 1200 AS user_id, n * 7919 % 9000 AS item_id FROM generate_series(1, 20000) n)',
    algorithm => 'bpr',
    options => '{"factors":33,"epochs":2,"holdout":"none","seed":7}') \g /dev/null
SELECT recadv_train('texts',
    '(SELECT ''u'' || user_id AS user_id, ''i'' || item_id AS item_id FROM orders)',
    algorithm => 'bpr', options => '{"factors":4,"epochs":5,"seed":7}') \g /dev/null
CREATE TABLE images AS
SELECT recadv_fit(user_id, item_id, '{"algorithm":"bpr","factors":8,"epochs":20,"seed":7}') AS image
FROM orders;
SELECT recadv_save('saved', image) FROM images \g /dev/null

-- embeddings: all of them, in order, and scores are their inner products
CREATE FUNCTION dot(a real[], b real[]) RETURNS float8 IMMUTABLE LANGUAGE sql
RETURN (SELECT sum(x::float8 * y) FROM unnest(a, b) v(x, y));
SELECT is(
    (SELECT count(*)
     FROM recadv_embeddings('wide', 'user', NULL::int[]) WITH ORDINALITY e(id, v, n)
     WHERE id = n - 1 AND cardinality(v) = 33),
    1200::bigint,
    'the embeddings of all users, by id');
SELECT is(
    (SELECT count(*)
     FROM recadv_embeddings('wide', 'item', NULL::bigint[]) WITH ORDINALITY e(id, v, n)
     WHERE id = n - 1),
    9000::bigint,
    'of all items');
SELECT bag_eq(
    $$SELECT id::text, embedding FROM recadv_embeddings('wide', 'item', NULL::smallint[])$$,
    $$SELECT * FROM recadv_embeddings('wide', 'item')$$,
    'as text by default');
SELECT is(
    (SELECT count(*)
     FROM recadv_embeddings('bpr', 'user', NULL::bigint[]) u(id, v),
          recadv_embeddings('bpr', 'item', NULL::bigint[]) i(id, v)
     WHERE abs(recadv_score(u.id, i.id, 'bpr') - dot(u.v, i.v)) > 1e-5),
    0::bigint,
    'scores are inner products');
SELECT results_eq(
    $$SELECT id FROM recadv_embeddings('bpr', 'item', '{7,NULL,3,999,3,-1}'::int[])$$,
    'VALUES (3), (7)',
    'of some items');
SELECT results_eq(
    $$SELECT id, embedding FROM recadv_embeddings('texts', 'item', ARRAY['i7', 'i3', '7'])$$,
    $$SELECT * FROM recadv_embeddings('texts', 'item') WHERE id IN ('i3', 'i7')$$,
    'of some texts');
SELECT is(
    (SELECT count(*)
     FROM recadv_embeddings('wide', 'item', ARRAY(SELECT generate_series(0, 20000)))),
    9000::bigint,
    'of many items');
SELECT bag_eq(
    $$SELECT * FROM recadv_embeddings('wide', 'item', ARRAY(SELECT generate_series(0, 9000, 7)))$$,
    $$SELECT * FROM recadv_embeddings('wide', 'item', NULL::int[]) WHERE id % 7 = 0$$,
    'across blocks');
SELECT is_empty($$SELECT * FROM recadv_embeddings('bpr', 'item', '{}'::int[])$$, 'of none');
SELECT is_empty($$SELECT * FROM recadv_embeddings('bpr', NULL)$$, 'no side');
SELECT fails(
    $$SELECT * FROM recadv_embeddings('bpr', 'things')$$,
    '22023',
    'side must be "user" or "item", not "things"%',
    'another side');
SELECT fails(
    $$SELECT * FROM recadv_embeddings('popularity', 'item')$$,
    '0A000',
    'algorithm "popularity"%has no embeddings%',
    'popularity has none');
SELECT fails(
    $$SELECT * FROM recadv_embeddings('texts', 'item', NULL::bigint[])$$,
    '42804',
    'items of model "texts" are not integers%',
    'texts as integers');
SELECT fails(
    $$SELECT * FROM recadv_embeddings('texts', 'user', '{1}'::int[])$$,
    '42804',
    'users of model "texts" are not integers%',
    'users too');
SELECT fails(
    $$SELECT * FROM recadv_embeddings('bpr', 'item', '{1}'::real[])$$,
    '42804',
    'ids must be an array of integers, uuid, numeric or text%',
    'ids of another type');
SELECT recadv_train(
    'large',
    $$(SELECT u AS user_id, i + 40000 AS item_id
       FROM generate_series(1, 9) u, generate_series(1, 9) i WHERE (u + i) % 3 > 0)$$,
    algorithm => 'bpr',
    options => '{"epochs":1,"factors":2}') \g /dev/null
SELECT fails(
    $$SELECT * FROM recadv_embeddings('large', 'item', NULL::smallint[])$$,
    '22003',
    'id 40001 is out of range for type smallint%bigint%',
    'ids that do not fit');
CREATE TABLE item_vectors AS
SELECT id, embedding, sqrt(dot(embedding, embedding)) AS norm
FROM recadv_embeddings('wide', 'item', NULL::bigint[]);
CREATE TABLE user_vectors AS
SELECT id, embedding, sqrt(dot(embedding, embedding)) AS norm
FROM recadv_embeddings('wide', 'user', NULL::bigint[]);
SET recadv.cache_size = 0;
SELECT bag_eq(
    $$SELECT id, embedding FROM item_vectors$$,
    $$SELECT * FROM recadv_embeddings('wide', 'item', NULL::bigint[])$$,
    'the same without a cache');
RESET recadv.cache_size;

-- similar: every similarity is the cosine, and none that is left out is larger than the last
CREATE TABLE alike AS
SELECT 'item' AS side, q, t.*
FROM unnest('{0,1,4444,8999}'::bigint[]) q,
     LATERAL recadv_similar_items(q, 25, 'wide') t(id, s, rank)
UNION ALL
SELECT 'user', q, t.*
FROM unnest('{0,77,1199}'::bigint[]) q, LATERAL recadv_similar_users(q, 25, 'wide') t(id, s, rank);
CREATE TABLE cosines AS
SELECT 'item' AS side, a.id AS q, b.id, dot(a.embedding, b.embedding) / (a.norm * b.norm) AS s
FROM item_vectors a, item_vectors b
WHERE a.id IN (0, 1, 4444, 8999) AND a.id <> b.id
UNION ALL
SELECT 'user', a.id, b.id, dot(a.embedding, b.embedding) / (a.norm * b.norm)
FROM user_vectors a, user_vectors b
WHERE a.id IN (0, 77, 1199) AND a.id <> b.id;
SELECT is((SELECT count(*) FROM alike), 7 * 25::bigint, 'k rows each');
SELECT is(
    (SELECT count(*) FROM alike a JOIN cosines c USING (side, q, id) WHERE abs(a.s - c.s) < 1e-5),
    7 * 25::bigint,
    'cosines, without the item or user itself');
SELECT is(
    (SELECT count(*) FROM cosines c
     WHERE s > 1e-5 + (SELECT min(s) FROM alike a WHERE a.side = c.side AND a.q = c.q)
       AND NOT EXISTS (SELECT FROM alike a WHERE a.side = c.side AND a.q = c.q AND a.id = c.id)),
    0::bigint,
    'the largest of all');
SELECT is(
    (SELECT count(*)
     FROM (SELECT s, lag(s) OVER w AS above, rank, row_number() OVER w AS n
           FROM alike
           WINDOW w AS (PARTITION BY side, q ORDER BY rank)) x
     WHERE s > above OR rank <> n),
    0::bigint,
    'in order');
SET recadv.cache_size = 0;
SELECT bag_eq(
    $$SELECT 'item', q, t.*
      FROM unnest('{0,1,4444,8999}'::bigint[]) q, LATERAL recadv_similar_items(q, 25, 'wide') t$$,
    $$SELECT * FROM alike WHERE side = 'item'$$,
    'the same without a cache');
RESET recadv.cache_size;
SELECT bag_eq(
    $$SELECT 'user', q::bigint, t.other::bigint, t.similarity, t.rank
      FROM unnest('{0,77,1199}'::text[]) q, LATERAL recadv_similar_users(q, 25, 'wide') t$$,
    $$SELECT * FROM alike WHERE side = 'user'$$,
    'the same with text');
SELECT ok(
    (SELECT avg((item % 4 = i % 4)::int)
     FROM generate_series(1, 40) i, LATERAL recadv_similar_items(i, 3, 'bpr')) > 0.8,
    'items of a taste are alike');
SELECT ok(
    (SELECT avg((other % 4 = u % 4)::int)
     FROM generate_series(1, 60) u, LATERAL recadv_similar_users(u, 3, 'amf')) > 0.8,
    'users of a taste too');
SELECT bag_eq(
    $$SELECT *
      FROM images, LATERAL recadv_image_similar_items(image, 7::bigint, 5, '{1,2,3,4,5,6,7}', '{6}')$$,
    $$SELECT image, t.*
      FROM images, recadv_similar_items(7, 5, 'saved', '{1,2,3,4,5,6,7}', '{6}') t$$,
    'from an image');
SELECT bag_eq(
    $$SELECT t.* FROM images, LATERAL recadv_image_similar_items(image, '7'::text, 50) t$$,
    $$SELECT item::text, similarity, rank FROM recadv_similar_items(7, 50, 'saved') t$$,
    'from an image with text');
-- filters
SELECT results_eq(
    $$SELECT item
      FROM recadv_similar_items(7, 5, 'bpr', candidates => '{7,9,9,999,NULL,1,30}',
          exclude => '{1}')
      ORDER BY item$$,
    'VALUES (9::bigint), (30)',
    'candidates and exclude, never itself');
SELECT results_eq(
    $$SELECT other
      FROM recadv_similar_users(7, 5, 'bpr', candidates => '{7,9,9,999,NULL,1,30}',
          exclude => '{1}')
      ORDER BY 1$$,
    'VALUES (9::bigint), (30)',
    'users likewise');
SELECT bag_eq(
    $$SELECT item, similarity FROM recadv_similar_items(7, 100, 'bpr', exclude => '{1,2,3}')$$,
    $$SELECT item, similarity
      FROM recadv_similar_items(7, 100, 'bpr',
          candidates => ARRAY(SELECT generate_series(4, 40)::bigint))$$,
    'either way');
SELECT is(
    (SELECT count(*) FROM recadv_similar_items(7, 100, 'bpr', candidates => '{}')),
    0::bigint,
    'no candidates');
SELECT is(
    (SELECT count(*)
     FROM recadv_similar_users(7, 100, 'bpr',
         exclude => ARRAY(SELECT generate_series(1, 60)::bigint))),
    0::bigint,
    'all excluded');
SELECT is(
    (SELECT count(*) FROM recadv_similar_items(7, 2147483647, 'bpr'))
        + (SELECT count(*) FROM recadv_similar_users(7, 2147483647, 'bpr')),
    39 + 59::bigint,
    'k larger than what there is');
-- what is not known, what cannot be
SELECT is(
    (SELECT count(*) FROM recadv_similar_items(999, 5, 'bpr'))
        + (SELECT count(*) FROM recadv_similar_users(999, 5, 'bpr'))
        + (SELECT count(*) FROM recadv_similar_items('x', 5, 'bpr')),
    0::bigint,
    'unknown: no rows');
SELECT fails(
    $$SELECT recadv_similar_items(1, 5, 'popularity')$$,
    '0A000',
    'algorithm "popularity" of model "popularity" cannot compare rows%',
    'popularity has no similar items');
SELECT fails(
    $$SELECT recadv_similar_users(1, 5, 'popularity')$$,
    '0A000',
    '%cannot compare rows%',
    'nor users');
SELECT fails(
    $$SELECT recadv_similar_items(1, 0, 'bpr')$$,
    '22023',
    'k must be at least 1, not 0',
    'k 0');
SELECT fails(
    $$SELECT recadv_similar_users(1, 5, 'texts')$$,
    '42804',
    'users of model "texts" are not integers%',
    'text users as bigint');

-- visitors
CREATE TABLE visits AS
SELECT user_id AS u, array_agg(item_id::bigint ORDER BY item_id) AS h
FROM orders GROUP BY 1;
SELECT ok(
    (SELECT avg((item % 4 = u % 4)::int) FROM visits, LATERAL recadv_topk_for(h, 1, m)) > 0.8,
    m || ': a visitor''s taste is found')
FROM unnest('{bpr,amf}'::text[]) m;
SELECT ok(
    (SELECT avg((item % 4 = t)::int)
     FROM generate_series(0, 3) t,
          LATERAL recadv_topk_for(ARRAY[t + 4, t + 8]::bigint[], 5, 'bpr')) > 0.7,
    'from two items');
SELECT is(
    (SELECT count(*) FROM visits, LATERAL recadv_topk_for(h, 100, 'bpr') r WHERE r.item = ANY (h)),
    0::bigint,
    'nothing of the history');
SELECT is(
    (SELECT count(*)
     FROM visits, LATERAL (SELECT count(*) AS n FROM recadv_topk_for(h, 100, 'amf')) r
     WHERE n <> 40 - cardinality(h)),
    0::bigint,
    'all else');
SELECT is(
    (SELECT count(*) FROM recadv_topk_for('{1,2,3}'::bigint[], 100, 'bpr', exclude_seen => false)),
    40::bigint,
    'unless asked for');
SELECT bag_eq(
    $$SELECT *
      FROM recadv_topk_for('{{5,9},{13,5}}'::bigint[] || '{NULL,NULL}'::bigint[], 9, 'bpr')$$,
    $$SELECT * FROM recadv_topk_for('{13,9,5,4711}'::bigint[], 9, 'bpr')$$,
    'neither order, shape, duplicates, NULLs nor unknown items matter');
SELECT bag_eq(
    $$SELECT item::text, score, rank, fallback FROM recadv_topk_for('{5,9,13}'::bigint[], 9, 'bpr')$$,
    $$SELECT * FROM recadv_topk_for('{5,9,13}'::text[], 9, 'bpr')$$,
    'with text');
SELECT bag_eq(
    $$SELECT t.*
      FROM images,
           LATERAL recadv_image_topk_for(image, '{5,9,13}'::bigint[], 9, false, NULL, '{5,7}') t$$,
    $$SELECT * FROM recadv_topk_for('{5,9,13}'::bigint[], 9, 'saved', false, NULL, '{5,7}')$$,
    'from an image');
SELECT bag_eq(
    $$SELECT t.* FROM images, LATERAL recadv_image_topk_for(image, '{5,9,13}'::text[], 9) t$$,
    $$SELECT item::text, score, rank, fallback FROM recadv_topk_for('{5,9,13}'::bigint[], 9, 'saved')$$,
    'from an image with text');
SELECT results_eq(
    $$SELECT item
      FROM recadv_topk_for('{5}'::bigint[], 9, 'bpr', candidates => '{5,7,8,8,500}',
          exclude => '{8}')$$,
    'VALUES (7::bigint)',
    'filters');
CREATE TABLE wide_visits AS
SELECT n, ARRAY(SELECT (noise(n || '.' || j) % 9000)::bigint FROM generate_series(1, n * n) j) AS h
FROM generate_series(1, 40, 3) n;
CREATE TABLE visited AS SELECT n, t.* FROM wide_visits, LATERAL recadv_topk_for(h, 7, 'wide') t;
SET recadv.cache_size = 0;
SELECT bag_eq(
    'SELECT n, t.* FROM wide_visits, LATERAL recadv_topk_for(h, 7, ''wide'') t',
    'TABLE visited',
    'the same without a cache');
RESET recadv.cache_size;
-- nothing known: what is popular
SELECT bag_eq(
    format('SELECT * FROM recadv_topk_for(%s, 9, ''bpr'')', h),
    'SELECT * FROM recadv_topk(999, 9, ''bpr'')',
    'what is popular for ' || h)
FROM unnest(ARRAY['NULL::bigint[]', '''{}''::bigint[]', '''{NULL}''::bigint[]',
                  '''{777,888}''::bigint[]',
                  '(SELECT array_agg(item_id::bigint) FROM orders WHERE user_id = 999)']) h;
SELECT is(
    (SELECT count(*) FROM recadv_topk_for(ARRAY(SELECT generate_series(1, 40)::bigint), 9, 'bpr')),
    0::bigint,
    'who has everything gets nothing');
SELECT is(
    (SELECT count(*)
     FROM recadv_topk_for(ARRAY(SELECT generate_series(1, 40)::bigint), 9, 'bpr', false)),
    9::bigint,
    'or the best of it');
SELECT is(
    (SELECT count(*)
     FROM recadv_topk_for(ARRAY(SELECT generate_series(-500000, 499999)::bigint), 9, 'wide',
         false)),
    9::bigint,
    'a million items');
SELECT fails(
    $$SELECT recadv_topk_for('{1}'::bigint[], 5, 'popularity')$$,
    '0A000',
    'algorithm "popularity"%cannot place a user by a history%',
    'popularity knows no visitors');
SELECT fails(
    $$SELECT recadv_topk_for('{1}'::bigint[], -1, 'bpr')$$,
    '22023',
    'k must be at least 1, not -1',
    'k -1');
SELECT fails(
    $$SELECT recadv_topk_for('{1}'::bigint[], 5, 'texts')$$,
    '42804',
    'items of model "texts" are not integers%',
    'bigint history of a text model');
SELECT ok(
    (SELECT avg((substr(item, 2)::int % 4 = t)::int)
     FROM generate_series(0, 3) t,
          LATERAL recadv_topk_for(ARRAY['i' || t + 4, 'i' || t + 8, 'i' || t + 12, NULL, '?'], 1,
              'texts')) >= 0.5,
    'text history');

-- explanations
SELECT is(
    (SELECT count(*)
     FROM visits,
          generate_series(1, 40, 7) i,
          LATERAL (SELECT array_agg(item ORDER BY item) AS named
                   FROM recadv_explain(u, i, 100, 'bpr')) e
     WHERE named IS DISTINCT FROM array_remove(h, i::bigint)),
    0::bigint,
    'all of the user''s items but the item itself');
SELECT ok(
    (SELECT avg((item % 4 = i % 4)::int)
     FROM generate_series(1, 60) u, generate_series(1, 40) i, LATERAL recadv_explain(u, i, 1, m)
     WHERE u % 4 = i % 4) > 0.8,
    m || ': items of the same taste speak for an item')
FROM unnest('{bpr,amf}'::text[]) m;
SELECT ok(
    (SELECT corr(recadv_score(u, i, 'bpr'), w)
     FROM generate_series(1, 60) u,
          generate_series(1, 40) i,
          LATERAL (SELECT sum(weight) AS w FROM recadv_explain(u, i, 100, 'bpr')) e) > 0.9,
    'the weights add up to nearly the score');
SELECT is(
    (SELECT count(*)
     FROM (SELECT weight, lag(weight) OVER (ORDER BY rank) AS above
           FROM recadv_explain(1, 7, 100, 'bpr')) x
     WHERE weight > above),
    0::bigint,
    'in order');
SELECT results_eq(
    $$SELECT item FROM recadv_explain(1, 3, 2, 'bpr')$$,
    $$SELECT item FROM recadv_explain(1, 3, 100, 'bpr') LIMIT 2$$,
    'k of them');
SELECT results_eq(
    $$SELECT item, weight
      FROM recadv_explain(1, 3, 5, 'bpr',
          exclude => ARRAY(SELECT item FROM recadv_explain(1, 3, 2, 'bpr')))$$,
    $$SELECT item, weight FROM recadv_explain(1, 3, 5 + 2, 'bpr') OFFSET 2$$,
    'exclude');
SELECT results_eq(
    $$SELECT item, weight
      FROM recadv_explain(1, 3, 5, 'bpr',
          candidates => ARRAY(SELECT item FROM recadv_explain(1, 3, 2, 'bpr')))$$,
    $$SELECT item, weight FROM recadv_explain(1, 3, 2, 'bpr')$$,
    'candidates');
SELECT bag_eq(
    $$SELECT item::text, weight, rank FROM recadv_explain(1, 3, 100, 'bpr')$$,
    $$SELECT * FROM recadv_explain('1'::text, '3', 100, 'bpr')$$,
    'with text');
CREATE TABLE explained AS
SELECT u, t.*
FROM generate_series(0, 1199, 100) u, LATERAL recadv_explain(u, 4000, 100, 'wide') t;
SET recadv.cache_size = 0;
SELECT bag_eq(
    $$SELECT u, t.*
      FROM generate_series(0, 1199, 100) u, LATERAL recadv_explain(u, 4000, 100, 'wide') t$$,
    'TABLE explained',
    'the same without a cache');
RESET recadv.cache_size;
SELECT is(
    (SELECT count(*) FROM recadv_explain(999, 3, 5, 'bpr'))
        + (SELECT count(*) FROM recadv_explain(1, 999, 5, 'bpr'))
        + (SELECT count(*) FROM recadv_explain('x', 'y', 5, 'bpr')),
    0::bigint,
    'unknown: no rows');
SELECT fails(
    $$SELECT recadv_explain(1, 3, 5, 'popularity')$$,
    '0A000',
    'algorithm "popularity"%cannot tell which items speak for another%',
    'popularity has no reasons');
SELECT fails(
    $$SELECT recadv_explain(1, 3, 0, 'bpr')$$,
    '22023',
    'k must be at least 1, not 0',
    'k 0');
SELECT fails(
    $$SELECT recadv_explain(1, 3, 5, 'bpr', seen => '')$$,
    '22023',
    'seen must be%',
    'seen');

-- two models of one name; the caller's rights, at each call
CREATE SCHEMA other;
SELECT recadv_train('other.bpr', 'orders', algorithm => 'bpr',
    options => '{"factors":3,"epochs":2}') \g /dev/null
SELECT is((SELECT cardinality(embedding) FROM recadv_embeddings(m, 'item') LIMIT 1), n, m)
FROM (VALUES ('bpr', 8), ('other.bpr', 3), ('recadv_test.bpr', 8)) v(m, n);
SELECT isnt(
    (SELECT string_agg(t::text, ' ') FROM recadv_similar_items(1, 5, 'bpr') t),
    (SELECT string_agg(t::text, ' ') FROM recadv_similar_items(1, 5, 'other.bpr') t),
    'each answers for itself');
SET LOCAL search_path = other, recadv_test, public;
SELECT is(
    (SELECT cardinality(embedding) FROM recadv_embeddings('bpr', 'item') LIMIT 1),
    3,
    'search_path decides');
SET LOCAL search_path = recadv_test, public;
CREATE ROLE recadv_test_web;
GRANT SELECT ON bpr TO recadv_test_web;
CREATE TABLE uses (statement text);
INSERT INTO uses VALUES
    ('SELECT recadv_topk(1, 3, ''bpr'', candidates => ''{1}'')'),
    ('SELECT recadv_similar_items(1, 3, ''bpr'')'),
    ('SELECT recadv_similar_users(1, 3, ''bpr'')'),
    ('SELECT recadv_topk_for(''{1}''::bigint[], 3, ''bpr'')'),
    ('SELECT recadv_explain(1, 1, 3, ''bpr'')'),
    ('SELECT * FROM recadv_embeddings(''bpr'', ''user'')');
GRANT SELECT ON uses TO PUBLIC;
SELECT works(statement, statement || ' works with SELECT', 'recadv_test_web') FROM uses;
REVOKE SELECT ON bpr FROM recadv_test_web;
SELECT fails(
    statement,
    '42501',
    'permission denied for table bpr%',
    statement || ' does not once it is revoked',
    'recadv_test_web')
FROM uses;

SELECT * FROM finish();
ROLLBACK;
