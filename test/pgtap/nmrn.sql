-- Every serving function on models of nmrn: at rest, with events pending, with ids added since the
-- training.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(model text, more jsonb DEFAULT '{}', source text DEFAULT 'orders')
RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, source, time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":9,"slots":5,"epochs":3,"holdout":"none","seed":7}' || more)
$$;
CREATE TABLE people AS SELECT 'u' || user_id AS user_id, 'i' || item_id AS item_id, at FROM orders;
SELECT train('shared', '{"memory":"shared"}'), train('own', '{"memory":"user"}'),
       train('ntm', '{"memory":"user","addressing":"ntm"}'),
       train('words', source => 'people') \g /dev/null

-- Ids 0 to 99: of the training, observed, and unknown.
CREATE FUNCTION naive(model text, u bigint, k int)
RETURNS TABLE (item bigint, score real, rank int) LANGUAGE sql AS $$
    SELECT i, score, (row_number() OVER (ORDER BY score DESC, i))::int
    FROM generate_series(0, 99) i, LATERAL recadv_score(u, i, model) score
    WHERE score IS NOT NULL ORDER BY 3 LIMIT k
$$;
CREATE FUNCTION naive_for_all(model text, users bigint[], k int)
RETURNS TABLE (u bigint, item bigint, score real, rank int) LANGUAGE sql AS $$
    SELECT u, n.* FROM unnest(users) u, LATERAL naive(model, u, k) n
$$;
CREATE FUNCTION tops(model text, users bigint[], k int, seen boolean DEFAULT false)
RETURNS TABLE (u bigint, item bigint, score real, rank int) LANGUAGE sql AS $$
    SELECT u, t.item, t.score, t.rank FROM unnest(users) u, LATERAL recadv_topk(u, k, model, seen) t
$$;

-- What must hold of a model, whatever is pending and whether items are in memory.
CREATE FUNCTION sound(m text, users bigint[], what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    asked bigint[] := users || 12345::bigint;
BEGIN
    RETURN QUERY
        SELECT bag_eq(
            format('SELECT * FROM tops(%L, %L, 7)', m, users),
            format('SELECT * FROM naive_for_all(%L, %L, 7)', m, users),
            format('%s, %s: recadv_topk ranks as recadv_score does', m, what));
    RETURN QUERY
        SELECT bag_eq(
            format('SELECT * FROM tops(%L, %L, 1000)', m, users),
            format('SELECT * FROM naive_for_all(%L, %L, 1000)', m, users),
            format('%s, %s: and ranks all', m, what));
    RETURN QUERY
        SELECT bag_eq(
            format('SELECT user_id, item, score, rank FROM recadv_topk_all(%L, %s, %L::bigint[], %L)', m, k, asked, x),
            format('SELECT * FROM tops(%L, %L, %s, %L)', m, asked, k, x),
            format('%s, %s: recadv_topk_all(%s, exclude_seen => %s) is recadv_topk of each',
                m, what, k, x))
        FROM (VALUES (6, false), (6, true), (1000, true)) v(k, x);
    RETURN QUERY
        SELECT bag_eq(
            format('SELECT * FROM recadv_topk_all(%L, 5, %L::bigint[], false, %L, %L)',
                m, users, c, e),
            format(
                'SELECT u, t.* FROM unnest(%L::bigint[]) u, recadv_topk(u, 5, %L, false, %L, %L) t',
                users, m, c, e),
            format('%s, %s: with candidates %s and without %s', m, what, c, e))
        FROM (VALUES ('{3,1,4,1,5,9,2,6,71,72,88,NULL}', '{4,71}'),
                     (NULL, '{4,71,72,5}'),
                     ('{71}', NULL),
                     ('{88}', '{}')) v(c, e);
END $$;
CREATE FUNCTION everywhere(m text, users bigint[], what text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT sound(m, users, what || ', in memory');
    SET LOCAL recadv.cache_size = 0;
    RETURN QUERY SELECT sound(m, users, what || ', from the table');
    RESET recadv.cache_size;
END $$;

SELECT everywhere(m, '{1,7,33,60}', 'trained') FROM unnest('{shared,own,ntm}'::text[]) m;

-- ids that are texts
SELECT results_eq(
    $$SELECT item, score FROM recadv_topk('u7', 1000, 'words', false)$$,
    $$SELECT 'i' || i, s
      FROM generate_series(1, 40) i, recadv_score('u7', 'i' || i, 'words') s
      ORDER BY s DESC, ('i' || i) COLLATE "C"$$,
    'texts: recadv_topk ranks as recadv_score does');
SELECT bag_eq(
    $$SELECT * FROM recadv_topk_all('words', 4, ARRAY['u7', 'u9', 'nobody'])$$,
    $$SELECT u, t.* FROM unnest(ARRAY['u7', 'u9', 'nobody']) u, recadv_topk(u, 4, 'words') t$$,
    'texts: recadv_topk_all');

-- what is near: minus the distance of the embeddings
CREATE FUNCTION distance(a real[], b real[]) RETURNS float8 LANGUAGE sql AS $$
    SELECT sqrt(sum((x::float8 - y) ^ 2)) FROM unnest(a, b) u(x, y)
$$;
CREATE FUNCTION near(m text, side text, one bigint)
RETURNS TABLE (id bigint, near float8) LANGUAGE sql AS $$
    WITH e AS MATERIALIZED (SELECT * FROM recadv_embeddings(m, side, NULL::bigint[]))
    SELECT b.id, -distance(a.embedding, b.embedding) FROM e a, e b WHERE a.id = one AND b.id <> one
$$;
SELECT is(
    (SELECT count(*) FROM recadv_embeddings('shared', s, NULL::bigint[])
     WHERE cardinality(embedding) = 9),
    n,
    'embeddings: ' || s)
FROM (VALUES ('user', 60::bigint), ('item', 40)) v(s, n);
SELECT ok(
    count(*) = 39 AND bool_and(abs(s.similarity - n.near) < 1e-3),
    'recadv_similar_items is minus the distance')
FROM recadv_similar_items(7, 1000, 'shared') s
JOIN near('shared', 'item', 7) n ON n.id = s.item;
SELECT ok(
    count(*) = 59 AND bool_and(abs(s.similarity - n.near) < 1e-3),
    'recadv_similar_users, too')
FROM recadv_similar_users(7, 1000, 'shared') s
JOIN near('shared', 'user', 7) n ON n.id = s.other;
SELECT results_eq(
    $$SELECT similarity FROM recadv_similar_items(7, 5, 'own')$$,
    $$SELECT similarity FROM recadv_similar_items(7, 1000, 'own') ORDER BY similarity DESC
      LIMIT 5$$,
    'nearest first');
-- why: the user's own items that are nearest to it
SELECT bag_eq(
    $$SELECT item, weight FROM recadv_explain(7, 12, 1000, 'shared')$$,
    $$SELECT s.item, s.similarity FROM recadv_similar_items(12, 1000, 'shared') s
      JOIN orders o ON o.item_id = s.item
      WHERE o.user_id = 7$$,
    'recadv_explain names the own items by their nearness');

-- a visitor: events in the order of the array, as observers would have sent them
CREATE FUNCTION visitor(history text, type text, m text DEFAULT 'shared')
RETURNS real[] LANGUAGE plpgsql AS $$
DECLARE
    result real[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(score ORDER BY rank) FROM recadv_topk_for(%L::%s[], 50, %L, false)',
        history,
        type,
        m) INTO result;
    RETURN result;
END $$;
SELECT isnt(
    visitor('{1,2,3,4,5}', t, m),
    visitor('{5,4,3,2,1}', t, m),
    format('%s of %s: the order of a history counts', t, m))
FROM (VALUES ('bigint'), ('text')) t(t), (VALUES ('shared'), ('own'), ('ntm')) m(m);
SELECT is(visitor(h, 'bigint'), visitor(h, 'text'), 'one history, two types: ' || h)
FROM unnest('{"{5,4,3,2,1}","{9,1,9,9,3,1}","{40}"}'::text[]) h;
SELECT isnt(visitor('{9,1,9}', t), visitor('{9,1}', t), t || ': so do repeats')
FROM (VALUES ('bigint'), ('text')) t(t);
SELECT is(
    visitor('{4711,9,NULL,1,-1}', t),
    visitor('{9,1}', t),
    t || ': NULL and unknown items do not')
FROM (VALUES ('bigint'), ('text')) t(t);
SELECT is(
    (SELECT count(*) FROM recadv_topk_for('{9,1,9}'::bigint[], 1000, 'shared')),
    38::bigint,
    'a visitor gets what is not in the history');
SELECT is(
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk_for('{}'::bigint[], 5, 'shared')),
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk(12345, 5, 'shared')),
    'without a history what is popular');

-- images
CREATE TABLE image AS
SELECT recadv_fit(
    user_id,
    item_id,
    at,
    '{"algorithm":"nmrn","factors":9,"slots":5,"epochs":3,"holdout":"none","memory":"shared",'
    '"seed":7}'::jsonb) AS i
FROM orders;
SELECT recadv_save('saved', i) FROM image \g /dev/null
SELECT bag_eq(
    format('SELECT u, t.* FROM generate_series(0, 61) u, image, recadv_image_topk(i, u, 4, %L) t', x),
    format('SELECT u, t.* FROM generate_series(0, 61) u, recadv_topk(u, 4, ''saved'', %L) t', x),
    'an image and what was saved of it, exclude_seen ' || x)
FROM unnest('{true,false}'::bool[]) x;
SELECT bag_eq(
    $$SELECT t.* FROM image, recadv_image_topk_for(i, '{5,3,5}'::bigint[], 50) t$$,
    $$SELECT * FROM recadv_topk_for('{5,3,5}'::bigint[], 50, 'saved')$$,
    'a visitor of an image');
SELECT bag_eq(
    $$SELECT t.* FROM image, recadv_image_similar_items(i, 5, 50) t$$,
    $$SELECT * FROM recadv_similar_items(5, 50, 'saved')$$,
    'what is near in an image');
SELECT is(
    (SELECT recadv_image_score(i, 7, 5) FROM image),
    recadv_score(7, 5, 'saved'),
    'a score of an image');
SELECT everywhere('saved', '{1,33}', 'saved');

-- events that are pending: of a known user, of new users, on new items
SELECT recadv_observe(m, u, i, timestamptz '2030-01-01' + n * interval '1 second')
FROM unnest('{shared,own,ntm}'::text[]) m,
     (VALUES (1, 1, 7), (2, 1, 71), (3, 1, 7), (4, 77, 72), (5, 77, 9), (6, 78, 9),
             (7, 78, 73)) v(n, u, i) \g /dev/null
SELECT everywhere(m, '{1,7,77,78,60}', 'pending') FROM unnest('{shared,own,ntm}'::text[]) m;
SELECT is(
    (SELECT count(*) FROM recadv_topk_all('shared', 1000, ARRAY[77], true)),
    41::bigint,
    'a new user: all items but those observed');
SELECT is(
    (SELECT count(*) FROM recadv_topk_all('shared', 3, ARRAY[7], false, ARRAY[71, 72, 73, 74])),
    3::bigint,
    'new items can be candidates');
-- many of them
SELECT recadv_observe('own', 50, 1000 + n) FROM generate_series(1, 2000) n \g /dev/null
SELECT is(
    (SELECT count(*)
     FROM recadv_topk_all('own', 3000, ARRAY[7], false,
         (SELECT array_agg(1000 + n) FROM generate_series(1, 3000) n))),
    2000::bigint,
    'two thousand new items');
SELECT is(
    (SELECT count(*)
     FROM recadv_topk(7, 3000, 'own', false,
         (SELECT array_agg(1000 + n) FROM generate_series(1, 3000) n))),
    2000::bigint,
    'also for one user');
SELECT is(
    (SELECT count(*) FROM recadv_topk_all('own', 3000, ARRAY[50])),
    (SELECT count(*) FROM recadv_topk(50, 3000, 'own')),
    'the one who observed them has them');

-- ids that a refresh has added
SELECT recadv_refresh(m, false) FROM unnest('{shared,ntm}'::text[]) m \g /dev/null
SELECT everywhere(m, '{1,7,77,78,60}', 'refreshed') FROM unnest('{shared,ntm}'::text[]) m;
SELECT is(
    (SELECT array_agg(user_id ORDER BY user_id)
     FROM (SELECT DISTINCT user_id FROM recadv_topk_all('shared')) x),
    (SELECT array_agg(n ORDER BY n)
     FROM (SELECT generate_series(1, 60) UNION ALL VALUES (77), (78)) x(n))::bigint[],
    'recadv_topk_all knows them');
SELECT ok(
    (SELECT count(*) FROM recadv_similar_items(71, 3, 'shared')) = 3
        AND (SELECT count(*) FROM recadv_similar_users(77, 3, 'shared')) = 3,
    'so do the others')
FROM recadv_embeddings('shared', 'item', ARRAY[71, 72, 73]) HAVING count(*) = 3;
SELECT recadv_observe('shared', 77, 74), recadv_observe('shared', 79, 71) \g /dev/null
SELECT everywhere('shared', '{1,77,79}', 'refreshed and pending');

SELECT * FROM finish();
ROLLBACK;
