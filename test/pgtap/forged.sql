-- Blocks with a right checksum and wrong content, as only a forger makes them: an error or a sound
-- answer, never a crash.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

SELECT is(crc32c('123456789'), x'E3069283'::bigint, 'the check value of CRC-32C');

SELECT recadv_train(
    'good',
    'orders',
    algorithm => 'bpr',
    options => '{"factors":4,"epochs":2,"learning_rate":0.1,"holdout":"random","seed":7}')
\g /dev/null
SELECT recadv_train(
    'words',
    '(SELECT ''u'' || user_id AS user_id, ''i'' || item_id AS item_id FROM orders)',
    algorithm => 'bpr',
    options => '{"factors":4,"epochs":2,"learning_rate":0.1,"holdout":"none","seed":7}')
\g /dev/null
SELECT is(
    (SELECT count(*) FROM (TABLE good UNION ALL TABLE words) b WHERE seal(part, data) <> data),
    0::bigint,
    'sealed by hand, every block is what it was');

-- the error and where it was raised
CREATE FUNCTION error_and_context(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    context text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', SQLSTATE, message,
        coalesce(substring(context FROM 'header of version[^\n]*'), ''));
END $$;
-- everything that reads a model, with the item side in memory and without: the first error, or null
CREATE FUNCTION first_error(change text, source text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    size text;
    probe text;
    answer text;
    other text;
BEGIN
    FOREACH size IN ARRAY '{100MB,0}'::text[] LOOP
        BEGIN
            PERFORM copy_model(source, 'bad');
            EXECUTE change;
            PERFORM set_config('recadv.cache_size', size, true);
            FOREACH probe IN ARRAY ARRAY[
                'SELECT recadv_topk(i::text, 5, ''bad'') FROM generate_series(0, 61) i',
                'SELECT recadv_topk(''u'' || i, 50, ''bad'', false) FROM generate_series(0, 61) i',
                'SELECT recadv_score(i::text, i::text, ''bad'') FROM generate_series(0, 61) i',
                $q$SELECT recadv_score('u' || i, 'i' || i, 'bad') FROM generate_series(0, 61) i$q$,
                'SELECT recadv_info(''bad'')', 'SELECT * FROM recadv_history(''bad'')',
                'SELECT * FROM recadv_runs(''bad'')',
                $q$SELECT *
                   FROM recadv_evaluate(
                       'bad',
                       $r$(SELECT u::text AS user_id, i::text AS item_id
                           FROM generate_series(1, 60) u, generate_series(1, 40) i)$r$,
                       k => '{5}')$q$,
                $q$SELECT *
                   FROM recadv_evaluate(
                       'bad',
                       $r$(SELECT 'u' || u AS user_id, 'i' || i AS item_id
                           FROM generate_series(1, 60) u, generate_series(1, 40) i)$r$,
                       k => '{5}')$q$,
                'SELECT * FROM recadv_robustness(''bad'', ''{1}'')'] LOOP
                answer := error_and_context(probe);
                -- what a sound model of one of the kinds of ids says to the questions for the other
                EXIT WHEN answer IS NOT NULL
                    AND answer !~ 'no row of the test source|holds no interactions out';
            END LOOP;
            -- the other questions, whatever the first error was: no crash, and no error of
            -- another kind
            FOREACH probe IN ARRAY ARRAY[
                'SELECT recadv_similar_items(i::text, 5, ''bad'') FROM generate_series(0, 41) i',
                'SELECT recadv_similar_users(''u'' || i, 5, ''bad'') FROM generate_series(0, 61) i',
                $q$SELECT recadv_topk_for(ARRAY[i::text, 'i' || i, '3', 'i4'], 5, 'bad')
                   FROM generate_series(0, 41) i$q$,
                'SELECT recadv_explain(i::text, i::text, 5, ''bad'') FROM generate_series(0, 41) i',
                $q$SELECT recadv_topk(i::text, 5, 'bad', candidates => '{1,2,3,i7,i8}',
                       exclude => '{3,i8}')
                   FROM generate_series(0, 61) i$q$,
                'SELECT * FROM recadv_embeddings(''bad'', ''user'')',
                'SELECT * FROM recadv_embeddings(''bad'', ''item'', ''{1,i2,40}''::text[])'] LOOP
                other := substring(error_and_context(probe)
                                   FROM '^(?!XX001|54000|22003|22023|22P02|0A000).*');
                answer := coalesce(nullif(other, ''), answer);
            END LOOP;
            IF answer IS NULL OR answer ~ 'no row of the test source|holds no interactions out' THEN
                RAISE 'undo';
            END IF;
            RAISE 'undo' USING DETAIL = answer;
        EXCEPTION WHEN raise_exception THEN
            GET STACKED DIAGNOSTICS answer = PG_EXCEPTION_DETAIL;
            RETURN NEXT answer;
        END;
    END LOOP;
END $$;
SELECT is(string_agg(e, ''), '', 'what was only copied has no errors: ' || m)
FROM unnest('{good,words}'::text[]) m, first_error('SELECT 1', m) e GROUP BY m;

-- with this content the model is damaged, and the error says where
CREATE FUNCTION refused(wanted text, content bytea, description text, source text DEFAULT 'good',
    problem text DEFAULT '')
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    change text := format(
        $q$UPDATE bad SET data = %L
           WHERE part = %L AND version = (SELECT max(version) FROM bad WHERE part = %2$L)$q$,
        content,
        wanted);
    pattern text := format(
        'XX001 | model "bad" is damaged: part "%s", block 0 of version _: %%',
        wanted);
    errors text[] := ARRAY(SELECT first_error(change, source));
    good boolean := (SELECT bool_and(e LIKE pattern
                                     OR (wanted = 'header'
                                         AND e LIKE '% | %header of version _ of model "bad"%'))
                     FROM unnest(errors) e);
BEGIN
    RETURN NEXT ok(good, wanted || ': ' || description);
    IF NOT good THEN
        RETURN NEXT diag('  have: ' || array_to_string(errors, E'\n        '));
    END IF;
END $$;
CREATE FUNCTION data(part text, source text DEFAULT 'good') RETURNS bytea LANGUAGE sql AS $$
    SELECT value_of(format('SELECT data FROM %I WHERE part = %L ORDER BY version DESC LIMIT 1',
        source, part))::bytea
$$;
CREATE FUNCTION header(change jsonb) RETURNS bytea LANGUAGE sql AS $$
    SELECT json_block('header',
        (convert_from(substring(data('header') FROM 33), 'UTF8')::jsonb || change)::text)
$$;
CREATE FUNCTION payload(part text, source text DEFAULT 'good') RETURNS bytea LANGUAGE sql AS $$
    SELECT substring(data(part, source) FROM 33)
$$;
-- the block with some bytes of its payload overwritten
CREATE FUNCTION patched(part text, at int, bytes bytea, source text DEFAULT 'good')
RETURNS bytea LANGUAGE sql AS $$
    SELECT seal(part, overlay(data(part, source) PLACING bytes FROM 33 + at))
$$;

-- the header
SELECT refused('header', header(change), change::text)
FROM unnest(ARRAY['{"users":0}', '{"users":-1}', '{"users":59}', '{"users":61}', '{"users":100000}',
                  '{"users":2147483646}', '{"users":4294967356}', '{"users":1e300}',
                  '{"users":60.5}', '{"users":"60"}', '{"users":null}', '{"items":0}',
                  '{"items":39}', '{"items":41}', '{"items":2147483646}', '{"items":[40]}',
                  '{"held_out":-1}', '{"format":0}', '{"format":"1"}',
                  '{"algorithm":null}', '{"algorithm":7}',
                  '{"user_kind":"text"}',
                  '{"item_kind":null}']::jsonb[]) change
WHERE NOT change ?| '{users,items,user_kind}'::text[]
  OR change ->> 'users' !~ '^(0|59|61|100000|2147483646)$';
-- a number that is in range but not that of the model: some other part no longer fits
CREATE FUNCTION misfit(change jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    forgery text := format('UPDATE bad SET data = %L WHERE part = ''header''', header(change));
    errors text[] := ARRAY(SELECT first_error(forgery, 'good'));
    damage text := 'XX001 | model "bad" is damaged: part "%", block % of version _: %';
    good boolean := (SELECT bool_and(e LIKE damage OR e LIKE '54000 | %recadv.max_memory%')
                     FROM unnest(errors) e);
BEGIN
    RETURN NEXT ok(good, 'a header that does not fit: ' || change::text);
    IF NOT good THEN
        RETURN NEXT diag('  have: ' || array_to_string(errors, E'\n        '));
    END IF;
END $$;
SELECT misfit(change)
FROM unnest(ARRAY['{"users":59}', '{"users":61}', '{"users":64}', '{"users":100000}',
                  '{"users":2147483646}', '{"items":39}', '{"items":41}', '{"items":2147483646}',
                  '{"users":2147483646,"items":2147483646}', '{"held_out":2147483646}',
                  '{"user_kind":"text"}', '{"item_kind":"text"}']::jsonb[]) change;
SELECT misfit(jsonb_build_object('held_out', (recadv_info('good') ->> 'held_out')::int + n))
FROM unnest('{-1,1}'::int[]) n;
SELECT misfit(jsonb_build_object('options', recadv_info('good') -> 'options' || change))
FROM unnest('{"{\"factors\":0}","{\"factors\":3}","{\"factors\":8}","{\"factors\":4096}"}'::jsonb[]) change;
SELECT refused('header', header(jsonb_build_object('options', o)), 'options ' || o::text)
FROM unnest(ARRAY['{"factors":-1}', '[]', '{"factors":"4"}']::jsonb[]) o;
SELECT refused('header', json_block('header', j), 'JSON ' || left(j, 20))
FROM unnest(ARRAY['', '{', 'null', '[]', '7', '"header"', '{}', '{"format":1}', repeat('[', 100000),
                  repeat('{"a":', 5000)]) j;
SELECT refused('header', block('header', 6, 0, 1, 4, '\x22ff0022'), 'not UTF-8');
SELECT refused('header', block('header', 6, 0, 1, 6, '\x7b7d00007b7d'), 'zero bytes');
SELECT refused('header', block('header', 6, 0, 2, 2, '\x7b7d'), 'two rows');
SELECT refused('header', block('header', 1, 0, 1, 1, '\x00000000'), 'a block of floats');
SELECT refused(
    'header',
    overlay(data('header') PLACING '\x02' FROM 5),
    'a format of blocks from the future');

-- a source that is none, or more than one, runs nothing
CREATE FUNCTION live_error(change jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM copy_model('good', 'bad');
    UPDATE bad SET data = header(change) WHERE part = 'header';
    answer := error_and_context('SELECT recadv_topk(1, 5, ''bad'', seen => ''live'')');
    DROP TABLE bad;
    RETURN answer;
END $$;
SELECT is(live_error('{}'), NULL, 'an unchanged source can be asked');
SELECT matches(live_error(change), '^(' || states || ') ', 'source ' || change::text)
FROM (VALUES
    ('{"source_relation":"orders; DROP TABLE orders"}'::jsonb, '42P01|42601|42602'),
    ('{"source_relation":""}', '42602|42P01'),
    ('{"source_relation":"a.b.c.d"}', '42601'),
    ('{"source_relation":"good"}', '42703'),
    ('{"source_relation":null}', '55000'),
    ('{"source_relation":7}', '55000'),
    ('{"user_column":null}', '55000'),
    ('{"item_column":["item_id"]}', '55000'),
    ('{"user_column":"user_id\" = 1 OR \"user_id"}', '42703'),
    ('{"item_column":"item_id, pg_sleep(9)"}', '42703'),
    ('{"user_column":"at"}', '22007|22008'),
    ('{"source_relation":null,"source":"(SELECT 1 AS user_id, 2 AS item_id) x; DROP TABLE orders; '
     '--"}',
     '42601'),
    ('{"source_relation":null,"source":"(SELECT 1 AS user_id, 2 AS item_id) x; SELECT 1 FROM '
     '(SELECT 1"}',
     '42601'),
    ('{"source_relation":null,"source":"(WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM '
     'd)"}',
     '0A000'),
    ('{"source_relation":null,"source":"()"}', '42601'),
    ('{"source_relation":null,"source":"("}', '42601')) v(change, states);
SELECT isnt((SELECT count(*) FROM orders), 0::bigint, 'and nothing was deleted');

-- the history
SELECT refused('history', json_block('history', j), 'JSON ' || left(j, 20))
FROM unnest(ARRAY['', '[', '{]']) j;

-- floats that are not finite, and other shapes
SELECT refused(part, patched(part, 4, v), 'holds ' || n)
FROM unnest('{user,item,popularity}'::text[]) part,
     (VALUES ('\x0000c07f'::bytea, 'NaN'), ('\x0000807f', 'Infinity'), ('\x000080ff', '-Infinity'),
             ('\x010080ff', 'a signalling NaN')) v(v, n);
SELECT refused(
    'user',
    block('user', 1, 0, 60, 5, payload('user') || payload('user')),
    'a length that does not fit');
SELECT refused('user', block('user', 1, 0, 30, 8, payload('user')), 'other dimensions');
SELECT refused('user', block('user', 2, 0, 60, 4, payload('user')), 'another type');
SELECT refused(
    'user',
    block('user', 1, 0, 4294967295, 4294967295, payload('user')),
    'dimensions that overflow');
SELECT refused(
    'user',
    block('user', 1, 0, 1073741825, 4, payload('user')),
    'a size that wraps around');
SELECT refused('item', block('item', 1, 0, 0, 0, ''), 'nothing');

-- huge but finite values: scores overflow, and neither an infinite one nor a NaN is served
CREATE FUNCTION overflow() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    huge bytea := decode(repeat('ffff7f7f', 4), 'hex');
BEGIN
    PERFORM copy_model('good', 'bad');
    UPDATE bad
    SET data = block('user', 1, 0, 60, 4, decode(repeat(encode(huge, 'hex'), 60), 'hex'))
    WHERE part = 'user';
    -- 1: minus infinity, 2: no number, 3: infinity
    UPDATE bad
    SET data = block('item', 1, 0, 40, 4,
        overlay(payload('item') PLACING decode(repeat('ffff7fff', 4) || repeat('ffff7f7fffff7fff', 2)
            || repeat('ffff7f7f', 4), 'hex') FROM 1))
    WHERE part = 'item';
END $$;
SELECT fails(
    'SELECT overflow(); ' || question,
    '22003',
    'model "bad" gives scores that are not finite | Train it again%',
    'scores that overflow: ' || question)
FROM unnest(ARRAY[
    $$SELECT recadv_topk(1, 1, 'bad', false)$$,
    $$SELECT recadv_topk(1, 40, 'bad', false)$$,
    $$SELECT recadv_topk(1, 5, 'bad', false, candidates => '{1}')$$,
    $$SELECT recadv_topk(1, 5, 'bad', false, candidates => '{2,4}')$$,
    $$SELECT recadv_topk_all('bad', 40)$$,
    $$SELECT recadv_score(1, 1, 'bad')$$,
    $$SELECT recadv_score(1, 2, 'bad')$$,
    $$SELECT recadv_score(1, 3, 'bad')$$]) question;
SELECT fails(
    $$SELECT overflow();
      SELECT *
      FROM recadv_evaluate('bad',
          '(SELECT 1 AS user_id, i AS item_id FROM generate_series(1, 40) i)')$$,
    '22003',
    '%',
    'nor evaluated');
DROP TABLE IF EXISTS bad;

-- ids: order, offsets, roots
SELECT refused(part, patched(part, 0, '\x0500000000000000'), 'out of order')
FROM unnest('{user_ids,item_ids}'::text[]) part;
SELECT refused(part, patched(part, 8, substring(payload(part) FOR 8)), 'an id twice')
FROM unnest('{user_ids,item_ids}'::text[]) part;
SELECT refused(part, block(part, 3, 0, 2, 1, '\x01000000000000000200000000000000'), 'too few')
FROM unnest('{user_ids,item_ids,user_ids_root,item_ids_root}'::text[]) part;
SELECT refused(part, block(part, 3, 0, 1, 0, ''), 'no columns')
FROM unnest('{user_ids,item_ids_root}'::text[]) part;
SELECT refused(part, block(part, 4, 0, 1, 1, '\x000000000100000041'), 'a text among integers')
FROM unnest('{user_ids,item_ids,user_ids_root,item_ids_root}'::text[]) part;
SELECT refused(part, patched(part, 4, '\xffffffff', 'words'), 'an offset beyond the end', 'words')
FROM unnest('{user_ids,item_ids,user_ids_root,item_ids_root}'::text[]) part;
SELECT refused(
    part,
    patched(part, 0, '\x01000000', 'words'),
    'a first offset that is not 0',
    'words')
FROM unnest('{user_ids,item_ids}'::text[]) part;
SELECT refused(part, patched(part, 8, '\x00000000', 'words'), 'offsets that fall', 'words')
FROM unnest('{user_ids,item_ids}'::text[]) part;
SELECT is(
    (SELECT count(*)
     FROM first_error(
         format('UPDATE bad SET data = %L WHERE part = ''user_ids_root''',
             patched('user_ids_root', 0, '\xfbffffffffffffff')),
         'good') e
     WHERE e LIKE 'XX001 | model "bad" is damaged: part "user_ids%'),
    2::bigint,
    'user_ids_root: a first id that is not the first');

-- seen items
SELECT refused('seen', patched('seen', 61 * 4, '\x28000000'), 'an item that does not exist');
SELECT refused('seen', patched('seen', 61 * 4, '\xffffffff'), 'item 4294967295');
SELECT refused(
    'seen',
    patched('seen', 61 * 4, substring(payload('seen') FROM 61 * 4 + 5 FOR 4)),
    'an item twice');
SELECT refused('seen', patched('seen', 4, '\xffffff7f'), 'an offset beyond the end');
SELECT refused('seen', patched('seen', 8, '\x00000000'), 'offsets that fall');
SELECT refused('seen', block('seen', 5, 0, 1, 1, '\x000000000100000000000000'), 'too few users');
SELECT refused(
    'seen',
    block('seen', 2, 0, 61, 1, substring(payload('seen') FOR 244)),
    'another type');

-- held-out interactions
SELECT refused('held', patched('held', 0, '\x3c000000'), 'a user that does not exist');
SELECT refused('held', patched('held', 0, '\xffffffff'), 'user 4294967295');
SELECT refused('held', patched('held', 4, '\xffffffff'), 'item 4294967295');
SELECT refused(
    'held',
    patched(
        'held',
        4,
        little((SELECT min(i) - 1 FROM generate_series(1, 40) i
                WHERE NOT EXISTS (SELECT FROM orders WHERE user_id = 1 AND item_id = i)))),
    'an interaction that does not exist');

-- the current version
SELECT refused(
    'current',
    block('current', 2, 0, 1, 5, '\x0100000000000000000000000000000000000000'),
    'too short');
SELECT refused('current', block('current', 1, 0, 1, 7, payload('current')), 'another type');
SELECT is(
    (SELECT count(*)
     FROM unnest('{0,-1,77,2147483647,-2147483648}'::int[]) v,
          first_error(
              format('UPDATE bad SET data = %L WHERE part = ''current''',
                  block('current', 2, 0, 1, 7, little(v) || substring(payload('current') FROM 5))),
              'good') e
     WHERE e ~ '^XX001 \| model "bad" is damaged: part "header", block 0 of version .*: it is '
               'missing'
       OR e ~ '^55000 \| model "bad" has not been trained yet'),
    10::bigint,
    'a current version that is not there');

-- the log
SELECT is(
    (SELECT count(*)
     FROM unnest(ARRAY['{', '', '[]x']) j,
          first_error(
              format('UPDATE bad SET data = %L WHERE part = ''run''',
                  block('run', 6, 1, 1, length(j), j::bytea)),
              'good') e
     WHERE e LIKE '%"run"%'),
    0::bigint,
    'run: text that is not JSON is left out');

-- an image whose header names a source, which would be read with the rights of whoever uses the
-- model
SELECT recadv_fit(user_id, item_id,
    '{"algorithm":"bpr","factors":4,"epochs":1,"holdout":"none"}') AS image
FROM orders \gset
SELECT works(
    format('SELECT recadv_save(''of_image'', %L)', with_header(:'image', '{"seed":1}')),
    'an image with a header sealed anew');
SELECT fails(
    format('SELECT recadv_save(''of_image'', %L)', with_header(:'image', more)),
    'XX001',
    'model image is damaged: it names a source%',
    'an image that names a source: ' || more::text)
FROM unnest(ARRAY['{"user_column":"u","item_column":"i"}',
    '{"source":"(SELECT 1 AS u, 2 AS i)","user_column":"u","item_column":"i"}',
    '{"source_relation":"orders","user_column":"user_id","item_column":"item_id"}']::jsonb[]) more;

SELECT is(answers('good') IS NOT NULL, true, 'the sound model still serves');
SELECT * FROM finish();
ROLLBACK;
