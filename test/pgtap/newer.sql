-- Models that a newer version of recadv made, as a standby with an older library, a downgrade or a
-- restored dump meets them: an unsupported feature with a hint to update, not damaged data.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

SELECT recadv_train('good', 'orders', time_column => 'at', algorithm => 'nmrn',
                    options => '{"factors":4,"epochs":1,"holdout":"random","seed":7}') \g /dev/null
SELECT answers('good') AS answers \gset

-- the bytes with a checksum that fits them, whatever they say; all blocks here are of version 0 or 1
CREATE FUNCTION sealed(part text, data bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT overlay(data PLACING little(crc32c(
               convert_to(part || CASE WHEN part IN ('current', 'last_run', 'versions', 'unpromoted', 'trainings', 'refreshes')
                                THEN '/0'
                                ELSE '/1' END, 'UTF8')
               || overlay(data PLACING '\x00000000' FROM 25))) FROM 25)
$$;
SELECT is(count(*), 0::bigint, 'a seal by hand is that of recadv')
FROM good WHERE part <> 'run' AND sealed(part, data) <> data;

-- what a probe says of a copy in which one block was exchanged; all is undone
CREATE FUNCTION answer_of(wanted text, content bytea, probe text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    CREATE TABLE bad OF recadv_model (PRIMARY KEY (version, part, block));
    INSERT INTO bad TABLE good;
    UPDATE bad SET data = content WHERE part = wanted AND block = 0;
    answer := coalesce(error_of(probe), 'no error');
    RAISE 'undo';
EXCEPTION WHEN raise_exception THEN
    RETURN answer;
END $$;
CREATE FUNCTION data(wanted text) RETURNS bytea LANGUAGE sql AS $$
    SELECT data FROM good WHERE part = wanted AND block = 0
$$;
CREATE FUNCTION header(path text[], value jsonb) RETURNS bytea LANGUAGE sql AS $$
    SELECT json_block('header', jsonb_set(convert_from(substring(data('header') FROM 33), 'UTF8')::jsonb,
                                          path, value)::text)
$$;
CREATE FUNCTION says(wanted text, content bytea, probe text, pattern text, description text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    answer text := answer_of(wanted, content, probe);
BEGIN
    RETURN NEXT ok(answer LIKE pattern, description || ': ' || probe);
    IF answer NOT LIKE pattern THEN
        RETURN NEXT diag('  have: ' || answer);
    END IF;
END $$;
CREATE FUNCTION newer(wanted text, content bytea, probe text, what text, description text)
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT says(wanted, content, probe,
                format('0A000 | model "bad" needs a newer version of recadv: part "%s", block 0 of version _: %s'
                       ' | Update recadv on this server, or train the model again %%', wanted, what), description)
$$;
CREATE FUNCTION damaged(wanted text, content bytea, probe text, description text)
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT says(wanted, content, probe,
                format('XX001 | model "bad" is damaged: part "%s", block 0 of version _: %%', wanted), description)
$$;

CREATE TABLE probes (probe text);
INSERT INTO probes VALUES
    ('SELECT recadv_topk(1, 5, ''bad'')'),
    ('SELECT recadv_score(1, 1, ''bad'')'),
    ('SELECT recadv_has_user(1, ''bad'')'),
    ('SELECT recadv_topk_for(ARRAY[1, 2], 5, ''bad'')'),
    ('SELECT * FROM recadv_topk_all(''bad'', 3)'),
    ('SELECT * FROM recadv_embeddings(''bad'', ''user'')'),
    ('SELECT * FROM recadv_evaluate(''bad'', ''(SELECT 1 AS user_id, i AS item_id FROM generate_series(1, 40) i)'')'),
    ('SELECT * FROM recadv_refresh(''bad'')'),
    ('SELECT recadv_observe(''bad'', 1, 2)'),
    ('SELECT recadv_train(''bad'', ''orders'', time_column => ''at'', algorithm => ''nmrn'', '
     'options => ''{"factors":4,"warm_start":true}'')');
SELECT is(answer_of('none', '', probe), 'no error', 'the copy is sound: ' || probe) FROM probes;

-- names that the header may have one day
CREATE TABLE names (path text[], value jsonb, what text);
INSERT INTO names VALUES
    ('{format}', '2', 'its format is 2'),
    ('{format}', '4294967296', 'its format is 4294967296'),
    ('{algorithm}', '"svd"', 'its "algorithm" "svd" is not known to this version'),
    ('{user_kind}', '"uuid"', 'its "user_kind" "uuid" is not known to this version'),
    ('{item_kind}', '"int"', 'its "item_kind" "int" is not known to this version'),
    ('{stream,time_type}', '"money"', 'its "time_type" "money" is not known to this version'),
    ('{options,half_life}', '7', 'unknown option "half_life" for algorithm "nmrn"'),
    ('{options,addressing}', '"hashed"', 'option "addressing" must be %'),
    ('{options,holdout}', '"session"', 'option "holdout" must be %'),
    ('{algorithm}', '"popularity"', 'unknown option "%" for algorithm "popularity"');
SELECT newer('header', header(path, value), probe, what, path::text || ' ' || value) FROM names, probes;
-- values that no version writes
SELECT damaged('header', header(path, value), 'SELECT recadv_topk(1, 5, ''bad'')', path::text || ' ' || value)
FROM (VALUES
    ('{format}'::text[], '0'::jsonb), ('{format}', '-1'), ('{format}', '"2"'), ('{format}', '1.5'), ('{format}', 'null'),
    ('{algorithm}', '7'), ('{algorithm}', 'null'), ('{user_kind}', '[]'), ('{item_kind}', 'null'),
    ('{stream,time_type}', '5'), ('{options,factors}', '0'), ('{options,factors}', '"4"'),
    ('{options,addressing}', '3'), ('{options,holdout}', 'true')) v(path, value);

-- documents are for people, who may read what is newer; and the view lists the model with the reason
CREATE TABLE bad OF recadv_model (PRIMARY KEY (version, part, block));
INSERT INTO bad TABLE good;
UPDATE bad SET data = header('{algorithm}', '"svd"') WHERE part = 'header';
SELECT is(recadv_info('bad') ->> 'algorithm', 'svd', 'recadv_info tells');
SELECT is(status, 'model "bad" needs a newer version of recadv: part "header", block 0 of version 1: '
                  'its "algorithm" "svd" is not known to this version', 'recadv_models tells why')
FROM recadv_models WHERE schema = 'recadv_test' AND name = 'bad';
-- the version that is here trains a model of its own, and each goes back to what it can read
SELECT is(version, 2, 'training again')
FROM recadv_train('bad', 'orders', time_column => 'at', algorithm => 'nmrn',
                  options => '{"factors":4,"epochs":1,"holdout":"random","seed":7}');
SELECT is(answers('bad'), :'answers', 'serves again');
SELECT is(recadv_rollback('bad'), 1, 'the newer version is still there');
SELECT fails('SELECT recadv_topk(1, 5, ''bad'')', '0A000', '%its "algorithm" "svd"%', 'for a server that knows it');
SELECT is(recadv_rollback('bad', 2), 2, 'forth again');
SELECT is(answers('bad'), :'answers', 'and it serves');
DROP TABLE bad;

-- blocks: format, flags and type, with a checksum that fits and without
CREATE TABLE fields (name text, at int, bytes bytea);
INSERT INTO fields VALUES ('format 2', 5, '\x02'), ('format 513', 5, '\x0102'), ('a flag', 7, '\x01'),
    ('another flag', 8, '\x80'), ('type 7', 9, '\x07'), ('type 257', 9, '\x0101');
CREATE TABLE readers (part text, probe text);
INSERT INTO readers
SELECT part, 'SELECT recadv_topk(1, 5, ''bad'')'
FROM unnest('{current,header,user_ids,user_ids_root,item_ids,seen,user,item,memory,weight}'::text[]) part
UNION ALL VALUES ('history', 'SELECT * FROM recadv_history(''bad'')'),
                 ('window', 'SELECT * FROM recadv_refresh(''bad'')'),
                 ('window', $$SELECT * FROM recadv_evaluate('bad',
                     '(SELECT 1 AS user_id, i AS item_id FROM generate_series(1, 40) i)')$$),
                 ('current', 'SELECT recadv_info(''bad'')');
SELECT is(count(*), 0::bigint, 'the model has all these parts') FROM readers WHERE part NOT IN (SELECT part FROM good);
SELECT newer(part, sealed(part, overlay(data(part) PLACING bytes FROM at)), probe,
             'its format is not known to this version of recadv', name || ' of ' || part)
FROM fields, readers;
SELECT damaged(part, overlay(data(part) PLACING bytes FROM at), probe, name || ' of ' || part || ', not sealed')
FROM fields, readers;
SELECT damaged('user', sealed('user', overlay(data('user') PLACING bytes FROM 9)), 'SELECT recadv_topk(1, 5, ''bad'')',
               'a known type where another belongs')
FROM (VALUES ('\x02'::bytea), ('\x06')) v(bytes);

-- observed events: nobody is stopped, and they stay for the version that knows them
CREATE TABLE bad OF recadv_model (PRIMARY KEY (version, part, block));
INSERT INTO bad TABLE good;
SELECT recadv_observe('bad', 1, 2, '2026-12-01'), recadv_observe('bad', 1, 777, '2026-12-02'),
       recadv_observe('bad', 2, 3, '2026-12-03') \g /dev/null
CREATE TABLE kept AS SELECT part, block, data FROM bad WHERE part = 'event:1';
CREATE FUNCTION event_sealed(part text, data bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT overlay(data PLACING little(crc32c(convert_to(part || '/0', 'UTF8')
                                              || overlay(data PLACING '\x00000000' FROM 25))) FROM 25)
$$;
SELECT is(count(*), 2::bigint, 'an event sealed by hand') FROM kept WHERE event_sealed(part, data) = data;
UPDATE bad SET data = event_sealed(part, overlay(data PLACING '\x02' FROM 5)) WHERE part = 'event:1';
SELECT is(error_of(probe), NULL, probe || ' passes over the events, with a warning')
FROM (VALUES ('SELECT recadv_topk(1, 5, ''bad'')'), ('SELECT recadv_score(1, 1, ''bad'')')) v(probe);
SELECT is(error_of('SELECT recadv_topk(2, 5, ''bad'')'), NULL, 'others are served');
SELECT is((events, observed), (1::bigint, 1::bigint), 'a refresh learns the others') FROM recadv_refresh('bad');
SELECT is(string_agg(part, ' ' ORDER BY part), 'event:1 event:1 item:777', 'and keeps those')
FROM bad WHERE version = 0 AND part ~ '^(event|item):';
SELECT is((events, observed), (0::bigint, 0::bigint), 'also one that learns nothing') FROM recadv_refresh('bad');
SELECT is(error_of($$SELECT recadv_train('bad', 'orders', time_column => 'at', algorithm => 'nmrn',
                            options => '{"factors":4,"epochs":1,"holdout":"none"}')$$), NULL, 'a training');
SELECT is(count(*), 2::bigint, 'keeps them, too') FROM bad WHERE part = 'event:1';
UPDATE bad SET data = kept.data FROM kept WHERE bad.part = kept.part AND bad.block = kept.block AND version = 0;
SELECT is((events, observed, new_items), (2::bigint, 2::bigint, 1::bigint), 'who can read them learns them')
FROM recadv_refresh('bad');
SELECT is(count(*), 0::bigint, 'and removes them') FROM bad WHERE version = 0 AND part ~ '^(event|item):';
DROP TABLE bad;

-- images
SELECT recadv_fit(user_id, item_id, '{"algorithm":"bpr","factors":4,"epochs":1,"holdout":"none"}') AS image
FROM orders \gset
CREATE TABLE asked (question text);
INSERT INTO asked VALUES ('SELECT recadv_image_topk(%L::bytea, 1, 5)'), ('SELECT recadv_image_score(%L::bytea, 1, 1)'),
    ('SELECT recadv_save(''saved'', %L)');
SELECT fails(format(question, set_byte(:'image', 7, n)), '0A000',
             'model image needs a newer version of recadv: its format is ' || n || ' | Update recadv on this server, %',
             'an image of format ' || n)
FROM asked, unnest('{2,3,128,255}'::int[]) n;
SELECT fails(format(question, set_byte(:'image', at, n)), 'XX001', 'model image is damaged: it does not start as an image does%',
             'another start of an image')
FROM asked, (VALUES (7, 0), (0, 83), (6, 72)) v(at, n);
SELECT fails(format(question, with_header(:'image', '{"algorithm":"svd"}')), '0A000',
             'model "image" needs a newer version of recadv: part "header", block 0 of version 0: '
             'its "algorithm" "svd" is not known to this version | Update recadv %', 'an image of another algorithm')
FROM asked;
SELECT is(to_regclass('saved'), NULL, 'none of them was saved');
SELECT is(answers('good'), :'answers', 'the sound model still serves');

SELECT * FROM finish();
ROLLBACK;
