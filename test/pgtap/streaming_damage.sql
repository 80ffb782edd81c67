-- Models that stream with damaged and with forged rows: an error that names part and block, never a
-- crash, and a refresh that fails leaves all as it was.  But a damaged event, which who may insert
-- can write, is passed over by a refresh, which deletes it.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

CREATE TABLE clicks AS
SELECT 'u' || u AS user_id, 'i' || i AS item_id,
       timestamptz '2020-01-01' + noise(u || '-' || i) % 2000 * interval '1 second' AS at
FROM generate_series(1, 40) u, generate_series(1, 30) i
WHERE noise('c' || u || '/' || i) % 4 = 0;
SELECT recadv_train(
    'good',
    'clicks',
    time_column => 'at',
    algorithm => 'nmrn',
    options => '{"factors":8,"epochs":1,"holdout":"none","seed":7,"slots":2,"addressing":"ntm"}')
\g /dev/null
INSERT INTO clicks VALUES
    ('new', 'i1', '2020-01-01 00:40'), ('newer', 'another', '2020-01-01 00:41'),
    ('u1', 'other', '2020-01-01 00:42');
SELECT events FROM recadv_refresh('good') \g /dev/null
-- pending, and new in the source
SELECT recadv_observe('good', 'u1', 'i2'), recadv_observe('good', 'came', 'thing'),
       recadv_observe('good', 'new', 'another') \g /dev/null
INSERT INTO clicks VALUES
    ('u2', 'i3', '2020-01-01 00:43'), ('new', 'other', '2020-01-01 00:44'),
    ('last', 'i4', '2020-01-01 00:45');

CREATE FUNCTION served(u text) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(concat_ws(' ', item, score), ',' ORDER BY rank))
    FROM recadv_topk(u, 1000, 'bad')
$$;
-- every row of the copy, and where it is
CREATE FUNCTION rows_of_bad() RETURNS text LANGUAGE sql AS $$
    SELECT value_of('SELECT md5(string_agg(md5(b::text) || ctid, '' '' '
                    'ORDER BY version, part, block)) FROM bad b')
$$;
-- the error of a statement on a copy of the model that was changed, or what it says; all is undone
CREATE FUNCTION after(change text, probe text, cache text DEFAULT '0')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    before text;
BEGIN
    BEGIN
        PERFORM copy_model('good', 'bad');
        EXECUTE change;
        PERFORM set_config('recadv.cache_size', cache, true);
        before := rows_of_bad();
        BEGIN
            answer := value_of(probe);
        EXCEPTION WHEN OTHERS THEN
            answer := SQLSTATE || ' | ' || SQLERRM;
            IF before <> rows_of_bad() THEN
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
-- what reads a model, what it says of a sound one, and the parts that a damage must be found in
CREATE TABLE probes (probe text PRIMARY KEY, sound text, finds text[]);
INSERT INTO probes VALUES
    ('SELECT row(events, observed, new_users, new_items)::text FROM recadv_refresh(''bad'')', NULL,
     '{current,header,item,item_bias,item_bias_state,item_ids,item_ids_added,item_ids_added_order,'
     'item_ids_root,item_state,attention,learnt,memory,popularity,seen,slot,user,user_ids,'
     'user_ids_added,user_ids_added_order,user_state,temperature,weight,weight_state,window}'),
    ('SELECT served(''u1'')', NULL,
     '{current,header,item,item_bias,item_ids_added,item_ids_added_order,memory,seen,'
     'user,user_ids,user_ids_added,user_ids_added_order,weight}'),
    ('SELECT served(''came'')', NULL,
     '{current,header,item,item_bias,weight,item_ids_added_order,user_ids_added}'),
    ('SELECT recadv_score(''new'', ''another'', ''bad'')::text', NULL,
     '{current,header,item,item_bias,memory,user,weight}'),
    ('SELECT recadv_has_user(''came'', ''bad'')::text', NULL,
     '{current,header,user_ids_added,user_ids_added_order}'),
    ('SELECT recadv_observe(''bad'', ''u3'', ''new thing'')::text', NULL,
     '{current,header,item_ids_added,item_ids_added_order,item_ids_root}'),
    ('SELECT recadv_attach(''bad'', ''clicks'')::text', NULL, '{current,header}');
UPDATE probes SET sound = after('SELECT', probe);
SELECT is(
    sound,
    CASE WHEN probe ~ 'refresh' THEN '(6,3,2,1)'
         WHEN probe ~ 'has_user|observe' THEN 'true'
         WHEN probe ~ 'attach' THEN ''
         ELSE sound END,
    'undamaged: ' || probe)
FROM probes;
SELECT isnt(sound, NULL, 'undamaged: ' || probe) FROM probes;

CREATE TABLE changes (name text, change text);
INSERT INTO changes VALUES
    ('missing', 'DELETE FROM bad WHERE %s'),
    ('truncated', 'UPDATE bad SET data = substring(data FOR length(data) - 1) WHERE %s'),
    ('with a bit flipped',
     $$UPDATE bad
       SET data = set_byte(data, length(data) - 1, get_byte(data, length(data) - 1) # 1)
       WHERE %s$$);
-- damage of this row is found, or what the probe says is as it was
CREATE FUNCTION damaged(wanted text, number int, c changes, p probes)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    place text := format('part = %L AND block = %s', wanted, number);
    answer text := after(format(c.change, place), p.probe);
    damage text := format(
        'XX001 | model "bad" is damaged: part "%s", block %s of version _: %%',
        wanted,
        number);
    -- nobody can tell that an event or a new item is missing
    forgotten boolean := wanted ~ ':' AND c.name = 'missing';
    -- u1 is the first of the users, new was added to them
    of_others boolean := wanted IN ('seen', 'user', 'memory') AND number <> CASE
        WHEN p.probe ~ '''u1''' THEN 0
        WHEN p.probe ~ '''new''' THEN (SELECT max(block) FROM good WHERE part = wanted)
        ELSE number END;
    must boolean := wanted = ANY (p.finds) AND NOT forgotten AND NOT of_others;
    good boolean;
BEGIN
    IF wanted ~ '^event:' THEN -- passed over
        good := answer = after(format('DELETE FROM bad WHERE %s', place), p.probe);
    ELSIF wanted = 'current' AND c.name = 'missing' THEN
        good := answer LIKE '55000 | model "bad" has not been trained yet';
    ELSIF must THEN
        good := answer LIKE damage;
    ELSE
        good := answer LIKE damage OR answer = p.sound OR (forgotten AND answer !~ '^XX');
    END IF;
    good := coalesce(good, forgotten);
    RETURN NEXT ok(good, format('%s/%s %s: %s', wanted, number, c.name, p.probe));
    IF NOT good THEN
        RETURN NEXT diag('  have: ' || coalesce(answer, 'NULL'));
    END IF;
END $$;
SELECT damaged(g.part, g.block, c, p)
FROM good g, changes c, probes p
WHERE g.part NOT IN ('run', 'history', 'last_run', 'versions', 'unpromoted', 'trainings', 'refreshes');
SELECT ok(bool_or(part = ANY (finds)), part || ' is read by a probe')
FROM good, probes
WHERE part !~ '^event:'
    AND part NOT IN ('run', 'history', 'item:thing', 'user_ids_root', 'last_run', 'versions',
                     'unpromoted', 'trainings', 'refreshes')
GROUP BY part;

-- forged: the checksum is right
CREATE FUNCTION forged(part text, change text, probe text, message text, description text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    answer text := after(change, probe);
    damage text := 'XX001 | model "bad" is damaged: part "' || part || '", block %: ' || message;
    good boolean := coalesce(answer LIKE damage, false);
BEGIN
    RETURN NEXT ok(good, description || ': ' || probe);
    IF NOT good THEN
        RETURN NEXT diag('  have: ' || coalesce(answer, 'NULL'));
    END IF;
END $$;
CREATE FUNCTION header_with(path text[], value jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT format(
        'UPDATE bad SET data = json_block(''header'', %L) WHERE part = ''header''',
        CASE WHEN value IS NULL THEN recadv_info('good') #- path
             ELSE jsonb_set(recadv_info('good'), path, value) END)
$$;
SELECT forged(
    'header',
    header_with(path::text[], value::jsonb),
    probe,
    message,
    format('%s: %s', path, value))
FROM (VALUES
         ('{stream,time_type}', NULL, '%"time_type"%'),
         ('{stream,time_type}', '5', '%"time_type"%'),
         ('{stream,watermark}', '"soon"', '%"watermark"%'),
         ('{stream,watermark}', '1.5', '%"watermark"%'),
         ('{stream,watermark}', '99999999999999999999', '%"watermark"%'),
         ('{stream,time_typmod}', '"x"', '%"time_typmod"%'),
         ('{stream,time_typmod}', '-2', '%"time_typmod"%'),
         ('{stream,time_typmod}', '2147483648', '%"time_typmod"%'),
         ('{stream,first}', '"soon"', '%"first"%'),
         ('{stream,first}', '0.5', '%"first"%'),
         ('{stream,events}', NULL, '%"events"%'),
         ('{stream,events}', '-1', '%"events"%'),
         ('{stream,events}', '"many"', '%"events"%'),
         ('{stream,events}', '1e300', '%"events"%'),
         ('{stream,window}', NULL, '%"window"%'),
         ('{stream,window}', '-1', '%"window"%'),
         ('{stream,window}', '1e12', '%"window"%'),
         ('{added_users}', '-1', '%"added_users"%'),
         ('{added_users}', '1000', '%"added_users"%'),
         ('{added_items}', '1e9', '%"added_items"%'),
         ('{added_items}', '"x"', '%"added_items"%')) v(path, value, message),
     (SELECT probe FROM probes WHERE probe ~ 'refresh|observe|u1') p;
-- what is wrong is found where the header is no longer true
SELECT forged(
    'window',
    header_with('{stream,window}', w::jsonb),
    'SELECT recadv_refresh(''bad'')',
    '%',
    'window: ' || w)
FROM unnest('{1,299,2000000000}'::text[]) w;
SELECT forged(
    '%_ids%',
    header_with(path, n::jsonb),
    'SELECT recadv_refresh(''bad'')',
    '%',
    path::text || n)
FROM (VALUES ('{added_users}'::text[], '1'), ('{added_users}', '3'), ('{added_items}', '0'),
             ('{added_items}', '20')) v(path, n);
SELECT is(
    after(header_with('{stream,time_typmod}', '7'),
        'SELECT recadv_observe(''bad'', ''u1'', ''i1'')::text'),
    '22023 | timestamp(7) precision must be between 0 and 6',
    'a precision that the type has not');
SELECT is(
    after(header_with('{stream}', NULL), 'SELECT recadv_refresh(''bad'')'),
    'XX001 | model "bad" is damaged: part "header", block 0 of version 1: its "stream" is missing',
    'no stream');

CREATE FUNCTION payload(wanted text, bytes bytea) RETURNS text LANGUAGE sql AS $$
    SELECT format(
        $q$UPDATE bad
           SET data = block(part, get_byte(data, 8), block, uint(data, 16), uint(data, 20), %L)
           WHERE part = %L AND block = 0$q$,
        bytes,
        wanted)
$$;
CREATE FUNCTION content(wanted text) RETURNS bytea LANGUAGE sql AS $$
    SELECT substring(data FROM 33) FROM good WHERE part = wanted AND block = 0
$$;
SELECT forged(part, payload(part, bytes), probe, message, description)
FROM (VALUES
         ('user_ids_added_order', '\x0000000000000000'::bytea, '%ascending order%',
          'a position twice'),
         ('user_ids_added_order', '\x01000000ffffffff', '%ascending order%',
          'a position out of range'),
         ('user_ids_added_order', '\x0100000000000000', '%ascending order%',
          'positions in another order'),
         ('item_ids_added_order', '\x0100000001000000', '%ascending order%', 'items'),
         ('window',
          substring(content('window') FROM 17 FOR 16) || substring(content('window') FOR 16)
              || substring(content('window') FROM 33),
          '%ascending order%', 'fingerprints exchanged')) v(part, bytes, message, description),
     (SELECT probe FROM probes WHERE probe ~ 'refresh') p;
SELECT is(
    after(payload(part, overlay(content(part) PLACING '\x0000c07f' FROM 1 FOR 4)),
        'SELECT recadv_refresh(''bad'')') ~ '^(XX001|22003) \| .*(damaged|not finite)',
    true,
    'NaN in ' || part)
FROM unnest('{item,user,memory,weight,user_state,item_state,weight_state,popularity}'::text[]) part;

-- forged events
CREATE FUNCTION event_with(wanted text, type int, rows int, columns int, bytes bytea)
RETURNS text LANGUAGE sql AS $$
    SELECT format('UPDATE bad SET data = block(part, %s, block, %s, %s, %L) WHERE part = %L', type,
        rows, columns, bytes, wanted)
$$;
-- its user is served without it, and so are the others; a refresh learns the rest
CREATE FUNCTION dropped(change text, description text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    gone text := 'DELETE FROM bad WHERE part ~ ''^event:(u1|xxx)''';
    refresh text := $q$SELECT row(events, observed, new_users, new_items)::text
                       FROM recadv_refresh('bad')$q$;
    and_refresh text := '; DO $d$ BEGIN PERFORM recadv_refresh(''bad''); END $d$';
    then_serves text := $q$SELECT r::text || served('u1')
                               || (SELECT count(*) FROM bad
                                   WHERE version = 0 AND part ~ '^(event|item):')
                           FROM (SELECT row(events) AS r FROM recadv_refresh('bad') OFFSET 0) r$q$;
BEGIN
    RETURN NEXT is(
        after(change, 'SELECT served(''u1'')'),
        after(gone, 'SELECT served(''u1'')'),
        description || ': the user is served');
    RETURN NEXT is(
        after(change, 'SELECT served(''u2'') || served(''came'')'),
        after('SELECT', 'SELECT served(''u2'') || served(''came'')'),
        description || ': others are served');
    RETURN NEXT is(
        after(change, refresh),
        after(gone, refresh),
        description || ': a refresh learns the rest');
    RETURN NEXT is(
        after(change || and_refresh, then_serves),
        after(gone || and_refresh, then_serves),
        description || ': all are served then, and the row is gone');
END $$;
SELECT dropped(event_with('event:u1', type, rows, columns, bytes), description)
FROM (VALUES
    (4, 1, 2, '\x00000000020000003132'::bytea, 'one text'),
    (4, 3, 3, '\x00000000010000000200000003000000313233', 'three texts'),
    (4, 2, 2, '\x00000000ffffffff020000003132', 'offsets out of range'),
    (4, 2, 2, '\x0000000002000000010000003132', 'offsets that fall'),
    (4, 2, 3, '\x000000000100000003000000316900', 'a zero byte'),
    (4, 2, 3, '\x00000000010000000300000031ffff', 'no UTF-8'),
    (4, 2, 3, '\x000000000100000003000000786931', 'a time that is no number'),
    (4, 2, 3, '\x000000000000000003000000316931', 'a time of no digits'),
    (4, 2, 24, '\x000000001600000018000000'::bytea || (repeat('9', 22) || 'i1')::bytea,
     'a time of too many digits'),
    (4, 2, 21, '\x000000001300000015000000'::bytea || (repeat('9', 18) || '0i1')::bytea,
     'a time that no timestamp has'),
    (2, 2, 1, '\x0000000000000000'::bytea, 'numbers'),
    (6, 1, 2, '{}'::bytea, 'JSON')
) v(type, rows, columns, bytes, description);
SELECT dropped(
    $$UPDATE bad
      SET part = 'event:' || repeat('x', 5000),
          data = block('event:' || repeat('x', 5000), 4, block, 2, 3,
              '\x000000000100000003000000316931')
      WHERE part = 'event:u1'$$,
    'a user that is too long');
SELECT dropped('UPDATE bad SET data = '''' WHERE part = ''event:u1''', 'nothing at all');
SELECT dropped(
    'UPDATE bad SET data = NULL WHERE part = ''event:u1''',
    'NULL, where the column may be');
SELECT is(
    after('UPDATE bad SET part = ''item:'' || repeat(''x'', 5000) WHERE part = ''item:thing''',
        'SELECT served(''u1'')'),
    after('DELETE FROM bad WHERE part = ''item:thing''', 'SELECT served(''u1'')'),
    'an item that is too long is none');
SELECT is(
    after(event_with('event:u1', 4, 2, 3, '\x000000000100000003000000316931'),
        'SELECT row(events, observed)::text FROM recadv_refresh(''bad'')'),
    '(6,3)',
    'a sound event');
SELECT is(
    after('UPDATE bad SET data = '''' WHERE part ~ ''^event:''',
        'SELECT row(events, observed)::text FROM recadv_refresh(''bad'')'),
    '(3,0)',
    'none that is sound: the source alone');
SELECT is(
    after(
        'UPDATE bad SET data = '''' WHERE part IN (''event:u1'', ''window'', ''item'')',
        $$SELECT algorithm || version
          FROM recadv_train('bad', 'clicks', time_column => 'at', algorithm => 'nmrn',
              options => '{"factors":8,"epochs":1,"holdout":"none"}')$$),
    'nmrn2',
    'a training mends all');

-- times that the model's type does not have; those of real numbers are their bits
CREATE FUNCTION senseless(type text, newest text, bad_time text, good_time text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    learnt text;
BEGIN
    EXECUTE format(
        $q$CREATE TABLE typed AS
           SELECT u AS user_id, i AS item_id, %L::%s AS at
           FROM generate_series(1, 9) u, generate_series(1, 5) i
           WHERE (u + i) %% 3 > 0$q$,
        newest,
        type);
    PERFORM recadv_train('typed_model', 'typed', time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":8,"epochs":1,"holdout":"none"}');
    INSERT INTO typed_model
    SELECT 0, 'event:1', n,
           block('event:1', 4, n, 2, length(t) + 1,
               little(0) || little(length(t)) || little(length(t) + 1) || (t || '2')::bytea)
    FROM (VALUES (1, bad_time), (2, good_time)) v(n, t);
    SELECT row(events, observed) INTO learnt FROM recadv_refresh('typed_model');
    RETURN NEXT is(learnt, '(1,1)', format('%s: %s is none, %s is one', type, bad_time, good_time));
    RETURN NEXT is(
        (SELECT count(*) FROM typed_model WHERE version = 0 AND part ~ '^event:'),
        0::bigint,
        'both are gone');
    DROP TABLE typed, typed_model;
END $$;
SELECT senseless(type, newest, bad, good)
FROM (VALUES
    ('smallint', '5', '32768', '32767'),
    ('smallint', '5', '-32769', '-32768'),
    ('integer', '5', '2147483648', '2147483647'),
    ('integer', '5', '-2147483649', '-2147483648'),
    ('bigint', '5', '9223372036854775808', '9223372036854775807'),
    ('date', '2020-01-01', '2147483648', '2147483647'),
    ('date', '2020-01-01', '2147483646', '7305'),
    ('date', '2020-01-01', '-2147483649', '-2147483648'),
    ('timestamptz', '2020-01-01', '9223372036854775806', '9223372036854775807'),
    ('timestamp', '2020-01-01', '-9223372036854775807', '-9223372036854775808'),
    -- NaN, infinity
    ('real', '5', '9221120237041090560', '9218868437227405312'),
    ('double precision', '5', '9218868437227405313', '9218868437227405312'),
    ('numeric', '5', '-9221120237041090560', '-9218868437227405312'),
    -- 0.1 is a double precision, 0.5 also a real
    ('real', '5', '4591870180066957722', '4602678819172646912')) v(type, newest, bad, good);

SELECT * FROM finish();
ROLLBACK;
