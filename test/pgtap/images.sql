-- Images: the same answers as a table, and every kind of damage found.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE images (name text PRIMARY KEY, image bytea);
INSERT INTO images
SELECT 'bpr',
       recadv_fit(user_id, item_id,
           '{"algorithm":"bpr","factors":4,"epochs":5,"regularization":0.008,"seed":7}')
FROM orders;
INSERT INTO images
SELECT 'amf',
       recadv_fit(
           user_id,
           item_id,
           at,
           '{"algorithm":"amf","factors":3,"epochs":3,"adv_epochs":3,"learning_rate":0.1,"seed":7,'
           '"keep_versions":2}')
FROM orders;
INSERT INTO images
SELECT 'popularity', recadv_fit(user_id, item_id, '{"algorithm":"popularity","holdout":"none"}')
FROM orders;
INSERT INTO images
SELECT a, recadv_fit(user_id, item_id, at,
           options_of(a, '{"factors":4,"epochs":2,"seed":7}') || jsonb_build_object('algorithm', a))
FROM algorithms() a, orders
WHERE a NOT IN (SELECT name FROM images)
GROUP BY a;
INSERT INTO images
SELECT 'text',
       recadv_fit('u' || user_id, 'i' || item_id,
           '{"algorithm":"bpr","factors":4,"epochs":5,"learning_rate":0.1,"seed":7}')
FROM orders;
INSERT INTO images
SELECT 'blocks',
       recadv_fit(n % 500, n * 7919 % 9000,
           '{"algorithm":"bpr","factors":24,"epochs":1,"holdout":"none","seed":7}')
FROM generate_series(1, 9000) n;
SELECT is(recadv_save(name, image), 1, 'saved: ' || name) FROM images ORDER BY name;

-- image and table agree
SELECT bag_eq(
    format(
        $$SELECT u, t.*
          FROM generate_series(0, 61) u, images, LATERAL recadv_image_topk(image, u::bigint, 7, %1$L) t
          WHERE name = %2$L$$,
        x,
        n),
    format('SELECT u, t.* FROM generate_series(0, 61) u, LATERAL recadv_topk(u, 7, %2$L, %1$L) t',
        x, n),
    n || ': recadv_topk, exclude_seen ' || x)
FROM algorithms() n, unnest('{true,false}'::bool[]) x;
SELECT bag_eq(
    $$SELECT u, t.*
      FROM generate_series(0, 61) u, images, LATERAL recadv_image_topk(image, 'u' || u, 50) t
      WHERE name = 'text'$$,
    $$SELECT u, t.* FROM generate_series(0, 61) u, LATERAL recadv_topk('u' || u, 50, 'text') t$$,
    'text: recadv_topk');
SELECT bag_eq(
    $$SELECT u, t.*
      FROM unnest('{0,1,250,499,500}'::int[]) u, images, LATERAL recadv_image_topk(image, u::bigint, 20) t
      WHERE name = 'blocks'$$,
    $$SELECT u, t.*
      FROM unnest('{0,1,250,499,500}'::int[]) u, LATERAL recadv_topk(u, 20, 'blocks') t$$,
    'several blocks: recadv_topk');
SELECT is(
    (SELECT count(*)
     FROM images, generate_series(0, 61, 3) u, generate_series(0, 41, 2) i
     WHERE name IN (SELECT algorithms())
       AND recadv_image_score(image, u::bigint, i::bigint) IS DISTINCT FROM recadv_score(u, i, name)),
    0::bigint,
    'recadv_score');
SELECT is(
    (SELECT count(*)
     FROM images, generate_series(0, 61, 3) u, generate_series(0, 41, 2) i
     WHERE name IN ('bpr', 'text')
       AND recadv_image_score(image, 'u' || u, 'i' || i)
               IS DISTINCT FROM recadv_score('u' || u, 'i' || i, name)),
    0::bigint,
    'recadv_score with text');
SELECT is(
    (SELECT count(*) FROM images, recadv_image_topk(image, 1::bigint) WHERE name = 'bpr'),
    10::bigint,
    'ten rows by default');
SELECT fails(
    'SELECT recadv_image_topk(image, 1::bigint, 0) FROM images',
    '22023',
    'k must be at least 1, not 0',
    'k 0');
SELECT fails(
    'SELECT recadv_image_topk(image, 1::bigint) FROM images WHERE name = ''text''',
    '42804',
    '%not integers%',
    'text items do not fit a bigint result');

-- images as they come from storage: compressed, out of line, in pieces
CREATE TABLE stored AS TABLE images;
ALTER TABLE stored ALTER image SET STORAGE PLAIN;
SELECT is(
    (SELECT count(*)
     FROM images i
     JOIN stored s USING (name),
          LATERAL (SELECT substring(s.image FOR 100) || substring(s.image FROM 101) AS pieces) p,
          LATERAL (SELECT string_agg(t::text, ' ') AS a
                   FROM recadv_image_topk(i.image, '1', 5) t) x,
          LATERAL (SELECT string_agg(t::text, ' ') AS b
                   FROM recadv_image_topk(pieces, '1', 5) t) y
     WHERE a = b),
    (SELECT count(*) FROM images),
    'put together again');

-- recadv_save: versions, keep_versions of the image, names, an existing model
SELECT is(recadv_save('amf', image), 2, 'a second version') FROM images WHERE name = 'amf';
SELECT is(recadv_save('amf', image), 3, 'a third') FROM images WHERE name = 'bpr';
SELECT is(
    (SELECT count(*) FROM recadv_topk(1, 5, 'amf') a
     JOIN recadv_topk(1, 5, 'bpr') b USING (item, score, rank)),
    5::bigint,
    'serves');
SELECT is(recadv_rollback('amf'), 2, 'and can be undone');
SELECT works(
    $$SELECT recadv_save('"Quoted ""name"""', image) FROM images WHERE name = 'bpr'$$,
    'a quoted name');
SELECT fails(
    $$SELECT recadv_save('orders', image) FROM images WHERE name = 'bpr'$$,
    '42809',
    '"orders" is not a model%',
    'a table that is no model');
SELECT is(recadv_info('bpr') ->> 'source', 'recadv_fit()', 'the header tells where it comes from');
SELECT is(
    (SELECT string_agg(stage || ' ' || n, ', ' ORDER BY stage)
     FROM (SELECT stage, count(*) AS n FROM recadv_history('bpr') GROUP BY stage) s),
    'bpr 5, bpr all 5',
    'the history is there');
SELECT works($$SELECT * FROM recadv_robustness('bpr', '{0.5}')$$, 'and the held-out interactions');

-- what is no image
SELECT fails(
    format('SELECT recadv_image_topk(%L::bytea, 1::bigint)', b),
    'XX001',
    'model image is damaged: %',
    'topk of ' || left(b::text, 40))
FROM unnest(ARRAY['', '\x00', 'RADVIMG', 'RADVIMG\001',
                  'RADVIMG\001\001\000\000\000', 'RADVIMG\001\377\377\377\377',
                  'RADVIMG\001\001\000\000\000\377\377\377\377aaaaaaaa',
                  repeat('x', 100)]::bytea[]) b;
SELECT fails(
    $$SELECT recadv_image_topk(decode('52414456494d470100000000', 'hex'), 1::bigint)$$,
    'XX001',
    '%part "header"%missing%',
    'an image without blocks');
SELECT fails(
    $$SELECT recadv_save('new', decode('52414456494d470100000000', 'hex'))$$,
    'XX001',
    '%part "header"%missing%',
    'is not saved');

-- truncated anywhere: an error, from all that takes an image
CREATE FUNCTION outcomes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE query INTO result;
    RETURN coalesce(result, 'null');
EXCEPTION WHEN data_corrupted THEN
    RETURN 'XX001';
END $$;
CREATE FUNCTION truncated(model text, query text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT outcomes(format(query, substring(image FOR n))), ' ')
        || ' ' || count(*)
    FROM images,
         LATERAL (SELECT CASE name WHEN 'popularity' THEN 7 ELSE length(image) / 150 END) p(step),
         LATERAL (SELECT generate_series(0, length(image) - 1, step)
                  UNION SELECT length(image) - 1) s(n)
    WHERE name = model
$$;
SELECT matches(truncated(n, q), '^XX001 \d{3,}$', n || ' truncated: ' || q)
FROM unnest('{popularity,bpr,text}'::text[]) n,
     unnest(ARRAY['SELECT item FROM recadv_image_topk(%L::bytea, 1::bigint, 1)',
                  'SELECT recadv_image_score(%L::bytea, 1::bigint, 1::bigint)',
                  'SELECT recadv_save(''cut'', %L)']) q;

-- flipped bits (but for byte 7, the format: see newer.sql): an error or, where the flip is in what
-- the question does not need, the answer of the sound image
CREATE FUNCTION flipped(model text, query text, step int)
RETURNS TABLE (outcome text, n bigint) LANGUAGE sql AS $$
    SELECT outcomes(format(
               query,
               set_bit(image, at * 8 + (at * 3 + 1) % 8,
                   1 - get_bit(image, at * 8 + (at * 3 + 1) % 8)))),
           count(*)
    FROM images, generate_series(0, length(image) - 1, step) at
    WHERE name = model AND at <> 7 GROUP BY 1
$$;
SELECT is(
    (SELECT count(*) FROM flipped(m, q, s)
     WHERE outcome NOT IN ('XX001', outcomes(format(q, image)))),
    0::bigint,
    m || ' with flipped bits: ' || q)
FROM (VALUES ('popularity', 2), ('bpr', 5), ('amf', 7), ('text', 7)) v(m, s)
JOIN images ON name = m,
     unnest(ARRAY[
         'SELECT string_agg(t::text, '' '') FROM recadv_image_topk(%L::bytea, ''1''::text, 5) t',
         'SELECT string_agg(t::text, '' '') FROM recadv_image_topk(%L::bytea, ''u1''::text, 5) t',
         'SELECT recadv_image_score(%L::bytea, ''1''::text, ''1''::text)']) q;
SELECT is(
    (SELECT string_agg(DISTINCT outcome, ' ')
     FROM flipped(m, 'SELECT recadv_save(''flipped'', %L)', s)),
    'XX001',
    m || ' with any flipped bit is not saved')
FROM (VALUES ('popularity', 9), ('bpr', 131), ('amf', 31), ('text', 31)) v(m, s);
SELECT is(to_regclass('flipped'), NULL, 'no table was made of them');
-- each bit of the directory
SELECT is(
    (SELECT string_agg(DISTINCT outcomes(format('SELECT recadv_save(''flipped'', %L)', other)), ' ')
     FROM images,
          generate_series(0, 8 * 64 - 1) b,
          set_bit(image, b, 1 - get_bit(image, b)) other
     WHERE name = 'bpr' AND b / 8 <> 7),
    'XX001',
    'each bit of the first 64 bytes');
SELECT fails(
    $$SELECT recadv_save('longer', image || '\x00'::bytea) FROM images WHERE name = 'bpr'$$,
    'XX001',
    '%',
    'bytes behind the end');
SELECT fails(
    $$SELECT recadv_save('twice', image || image) FROM images WHERE name = 'bpr'$$,
    'XX001',
    '%',
    'an image behind an image');
SELECT is(
    (SELECT count(*) FROM recadv_topk(1, 5, 'bpr')),
    5::bigint,
    'the saved model still serves');

SELECT * FROM finish();
ROLLBACK;
