-- Models that stream with damaged and with forged rows: an error that names part and block, never a
-- crash, and a refresh that fails leaves all as it was.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

CREATE TABLE clicks AS
SELECT 'u' || u AS user_id, 'i' || i AS item_id, timestamptz '2020-01-01' + noise(u || '-' || i) % 2000 * interval '1 second' AS at
FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE noise('c' || u || '/' || i) % 4 = 0;
SELECT recadv_train('good', 'clicks', time_column => 'at', algorithm => 'nmrn',
                    options => '{"factors":8,"epochs":1,"holdout":"none","seed":7,"slots":2,"addressing":"ntm"}') \g /dev/null
INSERT INTO clicks VALUES ('new', 'i1', '2020-01-01 00:40'), ('newer', 'another', '2020-01-01 00:41'), ('u1', 'other', '2020-01-01 00:42');
SELECT events FROM recadv_refresh('good') \g /dev/null
-- pending, and new in the source
SELECT recadv_observe('good', 'u1', 'i2'), recadv_observe('good', 'came', 'thing'), recadv_observe('good', 'new', 'another') \g /dev/null
INSERT INTO clicks VALUES ('u2', 'i3', '2020-01-01 00:43'), ('new', 'other', '2020-01-01 00:44'), ('last', 'i4', '2020-01-01 00:45');

CREATE TABLE bad OF recadv_model (PRIMARY KEY (version, part, block));
CREATE FUNCTION copy() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS bad;
    CREATE TABLE bad OF recadv_model (PRIMARY KEY (version, part, block));
    INSERT INTO bad TABLE good;
END $$;
CREATE FUNCTION served(u text) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(concat_ws(' ', item, score), ',' ORDER BY rank)) FROM recadv_topk(u, 1000, 'bad')
$$;
-- the error of a statement on a copy of the model that was changed, or what it says; all is undone
CREATE FUNCTION after(change text, probe text, cache text DEFAULT '0') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    before text;
BEGIN
    BEGIN
        PERFORM copy();
        EXECUTE change;
        PERFORM set_config('recadv.cache_size', cache, true);
        before := value_of('SELECT md5(string_agg(md5(b::text) || ctid, '' '' ORDER BY version, part, block)) FROM bad b');
        BEGIN
            answer := value_of(probe);
        EXCEPTION WHEN OTHERS THEN
            answer := SQLSTATE || ' | ' || SQLERRM;
            IF before <> value_of('SELECT md5(string_agg(md5(b::text) || ctid, '' '' ORDER BY version, part, block)) FROM bad b') THEN
                answer := 'something was written before: ' || answer;
            END IF;
        END;
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN
        IF SQLERRM <> 'undo' THEN
            RAISE;
        END IF;
    END;
    RETURN answer;
END $$;
CREATE TABLE probes (probe text PRIMARY KEY, sound text, finds text);
INSERT INTO probes VALUES
    -- a regular expression for the parts that a damage must be found in
    ('SELECT row(events, observed, new_users, new_items)::text FROM recadv_refresh(''bad'')', NULL,
     '^(current|header|event:.*|item|item_bias|item_bias_state|item_ids|item_ids_added|item_ids_added_order|item_ids_root|item_state|attention|memory|popularity|seen|slot|user|user_ids|user_ids_added|user_ids_added_order|user_state|weight|weight_state|window)$'),
    ('SELECT served(''u1'')', NULL, '^(current|header|event:u1|item|item_bias|item_ids_added|item_ids_added_order|memory|seen|user|user_ids|user_ids_added|user_ids_added_order|weight)$'),
    ('SELECT served(''came'')', NULL, '^(current|header|event:came|item|item_bias|weight|item_ids_added_order|user_ids_added)$'),
    ('SELECT recadv_score(''new'', ''another'', ''bad'')::text', NULL, '^(current|header|event:new|item|item_bias|memory|user|weight)$'),
    ('SELECT recadv_has_user(''came'', ''bad'')::text', NULL, '^(current|header|event:came|user_ids_added|user_ids_added_order)$'),
    ('SELECT recadv_observe(''bad'', ''u3'', ''new thing'')::text', NULL, '^(current|header|item_ids_added|item_ids_added_order|item_ids_root)$'),
    ('SELECT recadv_attach(''bad'', ''clicks'')::text', NULL, '^(current|header)$');
UPDATE probes SET sound = after('SELECT', probe);
SELECT is(sound, CASE WHEN probe ~ 'refresh' THEN '(6,3,2,1)' WHEN probe ~ 'has_user|observe' THEN 'true' WHEN probe ~ 'attach' THEN '' ELSE sound END, 'undamaged: ' || probe) FROM probes;
SELECT isnt(sound, NULL, 'undamaged: ' || probe) FROM probes;

CREATE TABLE changes (name text, change text);
INSERT INTO changes VALUES
    ('missing', 'DELETE FROM bad WHERE %s'),
    ('truncated', 'UPDATE bad SET data = substring(data FOR length(data) - 1) WHERE %s'),
    ('with a bit flipped', 'UPDATE bad SET data = set_byte(data, length(data) - 1, get_byte(data, length(data) - 1) # 1) WHERE %s');
-- damage of this row is found, or what the probe says is as it was
CREATE FUNCTION damaged(wanted text, number int, c changes, p probes) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    place text := format('part = %L AND block = %s', wanted, number);
    answer text := after(format(c.change, place), p.probe);
    must boolean := wanted ~ p.finds AND NOT (wanted ~ ':' AND c.name = 'missing') AND NOT (wanted ~ '^item:')
        AND NOT (p.probe ~ '''u1''' AND wanted = 'seen' AND number > 0); -- other users'
    good boolean := coalesce(CASE WHEN wanted = 'current' AND c.name = 'missing' THEN answer LIKE '55000 | model "bad" has not been trained yet'
                         ELSE answer LIKE format('XX001 | model "bad" is damaged: part "%s", block %s of version _: %%', wanted, number)
                              OR (NOT must AND (answer = p.sound OR (wanted ~ ':' AND c.name = 'missing' AND answer !~ '^XX'))) END, wanted ~ ':' AND c.name = 'missing');
BEGIN
    RETURN NEXT ok(good, format('%s/%s %s: %s', wanted, number, c.name, p.probe));
    IF NOT good THEN
        RETURN NEXT diag('  have: ' || coalesce(answer, 'NULL'));
    END IF;
END $$;
SELECT damaged(g.part, g.block, c, p) FROM good g, changes c, probes p WHERE g.part NOT IN ('run', 'history');
SELECT ok(bool_or(part ~ finds), part || ' is read by a probe') FROM good, probes WHERE part NOT IN ('run', 'history', 'item:thing', 'user_ids_root') GROUP BY part;

-- forged: the checksum is right
CREATE FUNCTION forged(part text, change text, probe text, message text, description text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    answer text := after(change, probe);
BEGIN
    RETURN NEXT ok(coalesce(answer LIKE 'XX001 | model "bad" is damaged: part "' || part || '", block %: ' || message, false), description || ': ' || probe);
    IF NOT coalesce(answer LIKE 'XX001 | model "bad" is damaged: part "' || part || '", block %: ' || message, false) THEN
        RETURN NEXT diag('  have: ' || coalesce(answer, 'NULL'));
    END IF;
END $$;
CREATE FUNCTION header_with(path text[], value jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT format('UPDATE bad SET data = json_block(''header'', %L) WHERE part = ''header''',
                  CASE WHEN value IS NULL THEN recadv_info('good') #- path ELSE jsonb_set(recadv_info('good'), path, value) END)
$$;
SELECT forged('header', header_with(path::text[], value::jsonb), probe, message, format('%s: %s', path, value))
FROM (VALUES
    ('{stream,time_type}', NULL, '%"time_type"%'), ('{stream,time_type}', '"money"', '%"time_type"%'), ('{stream,time_type}', '5', '%"time_type"%'),
    ('{stream,watermark}', '"soon"', '%"watermark"%'), ('{stream,watermark}', '1.5', '%"watermark"%'), ('{stream,watermark}', '99999999999999999999', '%"watermark"%'),
    ('{stream,events}', NULL, '%"events"%'), ('{stream,events}', '-1', '%"events"%'), ('{stream,events}', '"many"', '%"events"%'), ('{stream,events}', '1e300', '%"events"%'),
    ('{stream,window}', NULL, '%"window"%'), ('{stream,window}', '-1', '%"window"%'), ('{stream,window}', '1e12', '%"window"%'),
    ('{added_users}', '-1', '%"added_users"%'), ('{added_users}', '1000', '%"added_users"%'), ('{added_items}', '1e9', '%"added_items"%'), ('{added_items}', '"x"', '%"added_items"%')
    ) v(path, value, message), (SELECT probe FROM probes WHERE probe ~ 'refresh|observe|u1') p;
-- what is wrong is found where the header is no longer true
SELECT forged('window', header_with('{stream,window}', w::jsonb), 'SELECT recadv_refresh(''bad'')', '%', 'window: ' || w) FROM unnest('{1,299,2000000000}'::text[]) w;
SELECT forged('%_ids%', header_with(path, n::jsonb), 'SELECT recadv_refresh(''bad'')', '%', path::text || n)
FROM (VALUES ('{added_users}'::text[], '1'), ('{added_users}', '3'), ('{added_items}', '0'), ('{added_items}', '20')) v(path, n);
SELECT is(after(header_with('{stream}', NULL), 'SELECT recadv_refresh(''bad'')'), 'XX001 | model "bad" is damaged: part "header", block 0 of version 1: its "stream" is missing', 'no stream');

CREATE FUNCTION payload(wanted text, bytes bytea) RETURNS text LANGUAGE sql AS $$
    SELECT format('UPDATE bad SET data = block(part, get_byte(data, 8), block, uint(data, 16), uint(data, 20), %L) WHERE part = %L AND block = 0', bytes, wanted)
$$;
CREATE FUNCTION content(wanted text) RETURNS bytea LANGUAGE sql AS $$ SELECT substring(data FROM 33) FROM good WHERE part = wanted AND block = 0 $$;
SELECT forged(part, payload(part, bytes), probe, message, description)
FROM (VALUES
    ('user_ids_added_order', '\x0000000000000000'::bytea, '%ascending order%', 'a position twice'),
    ('user_ids_added_order', '\x01000000ffffffff', '%ascending order%', 'a position out of range'),
    ('user_ids_added_order', '\x0100000000000000', '%ascending order%', 'positions in another order'),
    ('item_ids_added_order', '\x0100000001000000', '%ascending order%', 'items'),
    ('window', substring(content('window') FROM 17 FOR 16) || substring(content('window') FOR 16) || substring(content('window') FROM 33), '%ascending order%', 'fingerprints exchanged')
    ) v(part, bytes, message, description), (SELECT probe FROM probes WHERE probe ~ 'refresh') p;
SELECT is(after(payload(part, overlay(content(part) PLACING '\x0000c07f' FROM 1 FOR 4)), 'SELECT recadv_refresh(''bad'')') ~ '^(XX001|22003) \| .*(damaged|not finite)', true, 'NaN in ' || part)
FROM unnest('{item,user,memory,weight,user_state,item_state,weight_state,popularity}'::text[]) part;

-- forged events
CREATE FUNCTION event_with(wanted text, type int, rows int, columns int, bytes bytea) RETURNS text LANGUAGE sql AS $$
    SELECT format('UPDATE bad SET data = block(part, %s, block, %s, %s, %L) WHERE part = %L', type, rows, columns, bytes, wanted)
$$;
SELECT forged('event:u1', event_with('event:u1', type, rows, columns, bytes), probe, message, description)
FROM (VALUES
    (4, 1, 2, '\x00000000020000003132'::bytea, 'one text', 'it is not an event'),
    (4, 3, 3, '\x00000000010000000200000003000000313233', 'three texts', 'it is not an event'),
    (4, 2, 2, '\x00000000ffffffff020000003132', 'offsets out of range', '%'),
    (4, 2, 2, '\x0000000002000000010000003132', 'offsets that fall', '%'),
    (4, 2, 3, '\x000000000100000003000000316900', 'a zero byte', 'its ids are not of%'),
    (4, 2, 3, '\x00000000010000000300000031ffff', 'no UTF-8', 'its ids are not of%'),
    (4, 2, 3, '\x000000000100000003000000786931', 'a time that is no number', 'its time is no number'),
    (4, 2, 3, '\x000000000000000003000000316931', 'a time of no digits', 'its time is no number'),
    (4, 2, 24, '\x000000001600000018000000'::bytea || (repeat('9', 22) || 'i1')::bytea, 'a time of too many digits', 'its time is no number'),
    (2, 2, 1, '\x0000000000000000'::bytea, 'numbers', 'it is not an event'),
    (6, 1, 2, '{}'::bytea, 'JSON', 'it is not an event')) v(type, rows, columns, bytes, description, message), (SELECT probe FROM probes WHERE probe ~ 'refresh|u1') p;
SELECT is(after('UPDATE bad SET part = ''event:'' || repeat(''x'', 5000), data = block(''event:'' || repeat(''x'', 5000), 4, block, 2, 3, ''\x000000000100000003000000316931'') WHERE part = ''event:u1''', 'SELECT recadv_refresh(''bad'')') ~ '^XX001 \| model "bad" is damaged: part "event:xxx',
    true, 'a user that is too long');
SELECT is(after('UPDATE bad SET part = ''item:'' || repeat(''x'', 5000) WHERE part = ''item:thing''', 'SELECT served(''u1'')'), after('DELETE FROM bad WHERE part = ''item:thing''', 'SELECT served(''u1'')'), 'an item that is too long is none');
SELECT is(after(event_with('event:u1', 4, 2, 3, '\x000000000100000003000000316931'), 'SELECT row(events, observed)::text FROM recadv_refresh(''bad'')'), '(6,3)', 'a sound event');
-- it can be mended as the hint says
SELECT is(after('UPDATE bad SET data = '''' WHERE part = ''event:u1''; DELETE FROM bad WHERE part = ''event:u1''', 'SELECT row(events, observed)::text FROM recadv_refresh(''bad'')'), '(5,2)', 'without the damaged row the rest is learnt');
SELECT is(after('UPDATE bad SET data = '''' WHERE part IN (''event:u1'', ''window'', ''item'')', 'SELECT algorithm || version FROM recadv_train(''bad'', ''clicks'', time_column => ''at'', algorithm => ''nmrn'', options => ''{"factors":8,"epochs":1,"holdout":"none"}'')'), 'nmrn2', 'a training mends all');

SELECT * FROM finish();
ROLLBACK;
