-- Model tables with missing, truncated, shortened, exchanged and bit-flipped rows, part by part:
-- an error that names part and block, never a crash or a wrong answer, and what is sound serves on.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

SELECT recadv_train(
    'good',
    'orders',
    time_column => 'at',
    algorithm => 'bpr',
    options => jsonb_build_object('factors', 8, 'epochs', 5, 'learning_rate', 0.1, 'seed', s,
        'keep_versions', 3))
FROM generate_series(1, 2) s \g /dev/null
SELECT answers('good') AS v2 \gset
SELECT recadv_rollback('good') \g /dev/null
SELECT answers('good') AS v1 \gset
SELECT recadv_rollback('good', 2) \g /dev/null
SELECT is(answers('good'), :'v2', 'the sound model');
SELECT recadv_train('other', 'orders', algorithm => 'popularity',
    options => '{"holdout":"none"}') \g /dev/null
SELECT answers('other') AS other \gset

-- what is damaged is a copy
CREATE FUNCTION copy() RETURNS void LANGUAGE sql AS $$ SELECT copy_model('good', 'bad') $$;
-- what reads a part: with the item side in memory and without, for a known user and an unknown one
CREATE TABLE probes (part text, probe text);
INSERT INTO probes VALUES
    ('current', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('current', 'SELECT recadv_info(''bad'')'),
    ('current', 'SELECT recadv_history(''bad'')'),
    ('current', 'SELECT recadv_score(1, 1, ''bad'')'),
    ('current', 'SELECT * FROM recadv_evaluate(''bad'', ''orders'')'),
    ('current', 'SELECT recadv_rollback(''bad'')'),
    ('header', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('header', 'SELECT recadv_topk(999, 5, ''bad'')'),
    ('header', 'SELECT recadv_score(1, 1, ''bad'')'),
    ('header', 'SELECT recadv_has_user(1, ''bad'')'),
    ('header', 'SELECT recadv_info(''bad'')'),
    ('header', 'SELECT * FROM recadv_robustness(''bad'')'),
    ('history', 'SELECT * FROM recadv_history(''bad'')'),
    ('user_ids', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('user_ids', 'SELECT recadv_score(1, 1, ''bad'')'),
    ('user_ids', 'SELECT recadv_has_user(1, ''bad'')'),
    ('user_ids', 'SELECT * FROM recadv_robustness(''bad'')'),
    ('user_ids_root', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('user_ids_root', 'SELECT recadv_score(1, 1, ''bad'')'),
    ('user_ids_root', 'SELECT recadv_has_user(1, ''bad'')'),
    ('item_ids', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('item_ids', 'SELECT recadv_topk(999, 5, ''bad'')'),
    ('item_ids', 'SELECT recadv_score(1, 1, ''bad'')'),
    ('item_ids', 'SELECT * FROM recadv_robustness(''bad'')'),
    ('item_ids_root', 'SELECT recadv_score(1, 1, ''bad'')'),
    ('item_ids_root', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('seen', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('seen', 'SELECT * FROM recadv_robustness(''bad'')'),
    ('seen', 'SELECT * FROM recadv_evaluate(''bad'', ''orders'')'),
    ('held', 'SELECT * FROM recadv_robustness(''bad'')'),
    ('popularity', 'SELECT recadv_topk(999, 5, ''bad'')'),
    ('popularity', 'SELECT * FROM recadv_robustness(''bad'')'),
    ('regularization', 'SELECT recadv_topk_for(ARRAY[1, 2], 5, ''bad'')'),
    ('negatives', 'SELECT recadv_topk_for(ARRAY[1, 2], 5, ''bad'')'),
    ('user', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('user', 'SELECT recadv_score(1, 1, ''bad'')'),
    ('user', 'SELECT * FROM recadv_robustness(''bad'')'),
    ('item', 'SELECT recadv_topk(1, 5, ''bad'')'),
    ('item', 'SELECT recadv_score(1, 1, ''bad'')'),
    ('item', 'SELECT * FROM recadv_robustness(''bad'')');
SELECT set_eq(
    'SELECT DISTINCT part FROM probes',
    'SELECT part FROM good WHERE part NOT IN (''run'', ''last_run'', ''versions'', ''unpromoted'',
                                            ''trainings'', ''refreshes'')',
    'every part is probed');

SELECT copy() \g /dev/null
-- What a probe says once `change` was applied to the row of a part; distinct answers over the
-- states of the cache.  All is undone by an exception.  Going to version 2 again makes the session
-- forget what it cached.
CREATE FUNCTION after(change text, part text, probe text, cache text[] DEFAULT '{100MB,0}')
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    size text;
    seen text[] := '{}';
    answer text;
BEGIN
    FOREACH size IN ARRAY cache LOOP
        BEGIN
            EXECUTE format(
                change,
                format('part = %L AND version = %s', part,
                    CASE part WHEN 'current' THEN 0 ELSE 2 END));
            IF part <> 'current'
                AND EXISTS (SELECT FROM bad b WHERE b.part = 'header' AND b.version = 2) THEN
                PERFORM recadv_rollback('bad', 2);
            END IF;
            PERFORM set_config('recadv.cache_size', size, true);
            answer := coalesce(error_of(probe), 'no error');
            RAISE 'undo';
        EXCEPTION WHEN raise_exception THEN
            IF NOT answer = ANY (seen) THEN
                seen := seen || answer;
            END IF;
        END;
    END LOOP;
    RETURN seen;
END $$;
SELECT is(
    after('SELECT FROM bad WHERE %s', part, probe),
    '{no error}',
    'undamaged ' || part || ': ' || probe)
FROM probes WHERE probe !~ 'rollback|evaluate';

CREATE TABLE changes (name text, change text, message text);
INSERT INTO changes VALUES
    ('missing', 'DELETE FROM bad WHERE %s', 'it is missing'),
    ('empty', 'UPDATE bad SET data = '''' WHERE %s', '%'),
    ('truncated in its header', 'UPDATE bad SET data = substring(data FOR 31) WHERE %s', '%'),
    ('truncated behind its header', 'UPDATE bad SET data = substring(data FOR 32) WHERE %s', '%'),
    ('shortened by a byte', 'UPDATE bad SET data = substring(data FOR length(data) - 1) WHERE %s',
     '%'),
    ('shortened by four bytes',
     'UPDATE bad SET data = substring(data FOR length(data) - 4) WHERE %s', '%'),
    ('lengthened by a byte', 'UPDATE bad SET data = data || ''\x00'' WHERE %s', '%'),
    ('shifted', 'UPDATE bad SET data = substring(data FROM 2) || ''\x00'' WHERE %s', '%'),
    ('a bit flipped in the last byte',
     $$UPDATE bad
       SET data = set_byte(data, length(data) - 1, get_byte(data, length(data) - 1) # 1)
       WHERE %s$$,
     'its checksum is wrong'),
    ('all bytes zero',
     'UPDATE bad SET data = decode(repeat(''00'', length(data)), ''hex'') WHERE %s', '%'),
    ('moved to another block', 'UPDATE bad SET data = (SELECT set_byte(data, 12, 1)) WHERE %s',
     '%'),
    ('of another part',
     'UPDATE bad SET data = (SELECT data FROM good WHERE part = ''run'' LIMIT 1) WHERE %s', '%');

CREATE FUNCTION damaged(change changes, probe probes) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    errors text[] := after(change.change, probe.part, probe.probe);
    wanted text := CASE WHEN probe.part = 'current' AND change.name = 'missing' THEN
            '55000 | model "bad" has not been trained yet%'
        ELSE
            format('XX001 | model "bad" is damaged: part "%s", block 0 of version _: %s | %%',
                probe.part, change.message)
        END;
    good boolean := (SELECT bool_and(e LIKE wanted) FROM unnest(errors) e);
BEGIN
    RETURN NEXT ok(good, format('%s %s: %s', probe.part, change.name, probe.probe));
    IF NOT good THEN
        RETURN NEXT diag('  wanted: ' || wanted || E'\n  have:   '
            || array_to_string(errors, E'\n          '));
    END IF;
END $$;
SELECT damaged(c, p) FROM changes c, probes p;

-- each bit: flips spread over every byte of the header and over the payload, all of them found
CREATE FUNCTION unnoticed_flips(wanted text, probe text, step int)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    size int := (SELECT length(data) FROM good WHERE part = wanted ORDER BY version DESC LIMIT 1);
    pattern text := format(
        'XX001 | model "bad" is damaged: part "%s", block 0 of version _: %%',
        wanted);
    position int := 0;
    flips int := 0;
    answer text[];
BEGIN
    WHILE position < size LOOP
        answer := after(
            format('UPDATE bad SET data = set_bit(data, %s, 1 - get_bit(data, %1$s)) WHERE %%s',
                position * 8 + (position * 5 + 3) % 8),
            wanted,
            probe,
            '{0}');
        IF NOT answer[1] LIKE pattern THEN
            RETURN format('byte %s of %s: %s', position, size, answer[1]);
        END IF;
        flips := flips + 1;
        position := position + CASE WHEN position < 32 THEN 1 ELSE greatest(step, size / 40) END;
    END LOOP;
    RETURN CASE WHEN flips > 32 THEN 'none' ELSE 'only ' || flips || ' flips were tried' END;
END $$;
SELECT is(unnoticed_flips(part, min(probe), 3), 'none', 'flipped bits in ' || part)
FROM probes WHERE part <> 'current' GROUP BY part;
SELECT is(
    unnoticed_flips('current', 'SELECT recadv_topk(1, 5, ''bad'')', 1),
    'none',
    'flipped bits in current');

-- a row where another belongs: of the same part of another version, of another block, of another
-- part of the same shape
SELECT fails(
    format(
        $$SELECT copy();
          UPDATE bad SET data = (SELECT data FROM good WHERE version = 1 AND part = %L)
          WHERE version = 2 AND part = %1$L;
          SELECT recadv_topk(1, 5, 'bad')$$,
        part),
    'XX001',
    format('model "bad" is damaged: part "%s", block 0 of version 2%%', part),
    part || ' of version 1 in version 2')
FROM unnest('{user,item}'::text[]) part;
SELECT fails(
    $$SELECT copy();
      UPDATE bad SET data = (SELECT data FROM good WHERE version = 2 AND part = 'user_ids')
      WHERE version = 2 AND part = 'item_ids';
      SELECT recadv_topk(1, 5, 'bad')$$,
    'XX001',
    'model "bad" is damaged: part "item_ids", block 0 of version 2%',
    'users where items belong');
SELECT fails(
    $$SELECT copy();
      DELETE FROM bad WHERE version = 2 AND part = 'item';
      UPDATE bad SET part = 'item' WHERE version = 2 AND part = 'user';
      SELECT recadv_topk(1, 5, 'bad')$$,
    'XX001',
    'model "bad" is damaged: part "%", block 0 of version 2%',
    'the user part moved to item');
SELECT recadv_train(
    'blocks',
    '(SELECT n % 500 AS user_id, n * 7919 % 9000 AS item_id FROM generate_series(1, 20000) n)',
    algorithm => 'bpr',
    options => '{"factors":32,"epochs":1,"holdout":"none","seed":7}') \g /dev/null
CREATE FUNCTION exchange_blocks(wanted text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM copy_model('blocks', 'bad_blocks');
    UPDATE bad_blocks b
    SET data = (SELECT data FROM blocks g
                WHERE g.version = b.version AND g.part = b.part AND g.block = 1 - b.block)
    WHERE part = wanted AND block < 2;
    IF NOT FOUND THEN RAISE 'no blocks of %', wanted; END IF;
    PERFORM count(*) FROM generate_series(0, 499) u, recadv_topk(u, 5, 'bad_blocks');
END $$;
SELECT fails(
    format('SELECT exchange_blocks(%L)', part),
    'XX001',
    format(
        'model "bad_blocks" is damaged: part "%s", block _ of version 1: '
        'it belongs to another position%%',
        part),
    'exchanged blocks of ' || part)
FROM unnest('{user,item,seen,item_ids}'::text[]) part;
CREATE FUNCTION lose_block(wanted text, number int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM copy_model('blocks', 'bad_blocks');
    DELETE FROM bad_blocks WHERE part = wanted AND block = number;
    PERFORM count(*) FROM generate_series(0, 499) u, recadv_topk(u, 5, 'bad_blocks');
END $$;
SELECT fails(
    format('SELECT lose_block(%L, 1)', part),
    'XX001',
    format('model "bad_blocks" is damaged: part "%s", block 1 of version 1: it is missing%%', part),
    'a missing second block of ' || part)
FROM unnest('{user,item,seen,item_ids}'::text[]) part;

-- damage to one version leaves the others
CREATE FUNCTION rescued(wanted text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM copy();
    UPDATE bad
    SET data = set_byte(data, length(data) - 3, get_byte(data, length(data) - 3) # 255)
    WHERE version = 2 AND part = wanted;
    IF NOT FOUND THEN RAISE 'no part %', wanted; END IF;
    PERFORM recadv_rollback('bad', 1);
    RETURN answers('bad');
END $$;
SELECT is(rescued(part), :'v1', 'damaged ' || part || ': rollback serves the version before')
FROM good WHERE version = 2 ORDER BY part;
-- "current" is lost or damaged: naming a version, or training, mends it, as the hint says
CREATE FUNCTION mended(damage text, mend text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM copy();
    EXECUTE damage;
    EXECUTE mend;
    RETURN answers('bad');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(
    mended(damage, 'SELECT recadv_rollback(''bad'', 1)'),
    :'v1',
    'rollback to version 1 after ' || damage)
FROM unnest(ARRAY['DELETE FROM bad WHERE part = ''current''',
                  'UPDATE bad SET data = ''\x00'' WHERE part = ''current''']) damage;
SELECT is(
    mended(
        damage,
        $$SELECT recadv_train('bad', 'orders', algorithm => 'popularity',
              options => '{"holdout":"none"}')$$),
    :'other',
    'training after ' || damage)
FROM unnest(ARRAY['DELETE FROM bad WHERE part = ''current''',
                  'UPDATE bad SET data = ''\x00'' WHERE part = ''current''']) damage;
SELECT copy() \g /dev/null
UPDATE bad SET data = '\x00' WHERE version = 2 AND part = 'user';
SELECT is(recadv_rollback('bad', 2), 2, 'a rollback to a damaged version');
SELECT fails('SELECT recadv_topk(1, 5, ''bad'')', 'XX001', '%part "user"%', 'does not serve it');
SELECT is(
    (SELECT version
     FROM recadv_train('bad', 'orders', algorithm => 'popularity',
         options => '{"holdout":"none"}')),
    3,
    'training again');
SELECT is(answers('bad'), :'other', 'mends a damaged model');
SELECT copy() \g /dev/null
UPDATE bad SET data = '\x00' WHERE part = 'run';
SELECT is((SELECT count(*) FROM recadv_runs('bad')), 0::bigint, 'a damaged log shows nothing');
SELECT is(answers('bad'), :'v2', 'does not keep it from serving');
DELETE FROM bad WHERE version = 2;
SELECT fails(
    'SELECT recadv_topk(1, 5, ''bad'')',
    'XX001',
    'model "bad" is damaged: part "%", block 0 of version 2: it is missing%',
    'a version that is gone though it is current');
SELECT is(recadv_rollback('bad'), 1, 'one goes back from it');
SELECT is(answers('bad'), :'v1', 'to one that serves');

-- the view lists all models, the damaged ones with their error
SELECT copy() \g /dev/null
UPDATE bad SET data = set_byte(data, 40, get_byte(data, 40) # 255)
WHERE version = 2 AND part = 'header';
CREATE TABLE worse OF recadv_model (PRIMARY KEY (version, part, block));
INSERT INTO worse SELECT version, part, block, '\xff' FROM good;
CREATE TABLE empty_model OF recadv_model (PRIMARY KEY (version, part, block));
CREATE TABLE keyless OF recadv_model;
SELECT is(
    (SELECT string_agg(concat_ws(' ', name, version, status), E'\n' ORDER BY name COLLATE "C")
     FROM recadv_models WHERE schema = 'recadv_test' AND name <> 'blocks'),
    E'bad 2 model "bad" is damaged: part "header", block 0 of version 2: its checksum is wrong\n'
    'empty_model not trained yet\n'
    'good 2 ok\n'
    'keyless "keyless" is not a model\n'
    'other 1 ok\n'
    'worse model "worse" is damaged: part "current", block 0 of version 0: '
    'it is shorter than a block header',
    'recadv_models lists all of them');
SELECT is(answers('good'), :'v2', 'the sound model after all this');
SELECT is(answers('other'), :'other', 'and the other one');

SELECT * FROM finish();
ROLLBACK;
