-- Items that were observed are read once by a statement: what is kept is never older than what the
-- statement may see, nor newer.
BEGIN;
\ir setup.psql
\ir clicks.psql
SELECT * FROM no_plan();
SELECT recadv_train(m, 'clicks', time_column => 'at', algorithm => 'nmrn',
    options => '{"factors":8,"epochs":1,"holdout":"none","seed":7}')
FROM unnest('{m,other}'::text[]) m \g /dev/null
-- items beyond those of the training that a model knows
CREATE FUNCTION known(model text DEFAULT 'm') RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT string_agg(i::text, ',' ORDER BY i)
            FROM generate_series(901, 909) i
            WHERE recadv_score(1, i, known.model) IS NOT NULL);
END $$;
CREATE FUNCTION observe(item int, model text DEFAULT 'm') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_observe(model, 1, item);
END $$;

SELECT is(known(), NULL, 'none');
SELECT observe(901) \g /dev/null
SELECT is(known(), '901', 'one');
SELECT is(
    (SELECT array_agg(item ORDER BY rank) FROM recadv_similar_items(1, 99, 'm')),
    (SELECT array_agg(item ORDER BY rank)
     FROM recadv_similar_items(1, 99, 'm', candidates => ARRAY(SELECT generate_series(1, 999)))),
    'similar items have it, whether candidates name all or none');
SELECT ok(901 = ANY (ARRAY(SELECT item FROM recadv_similar_items(1, 99, 'm'))), 'it is among them');
SELECT is(count(*), 0::bigint, 'but it has no embedding yet') FROM recadv_embeddings('m', 'item', ARRAY[901]);
SELECT is(count(*), 1::bigint, 'as others have') FROM recadv_embeddings('m', 'item', ARRAY[901, 1]);
SAVEPOINT s;
SELECT observe(902) \g /dev/null
SELECT is(known(), '901,902', 'in a savepoint');
ROLLBACK TO s;
SELECT is(known(), '901', 'rolled back to it');
SELECT observe(903) \g /dev/null
SELECT is(known(), '901,903', 'another item, in a command of the same number');
RELEASE s;
SELECT is(known(), '901,903', 'released');
DELETE FROM m WHERE part = 'item:903';
SELECT is(known(), '901', 'deleted');

-- within one function; a block with EXCEPTION is a subtransaction
CREATE FUNCTION steps() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    seen text[];
BEGIN
    seen := seen || known();
    PERFORM observe(904);
    seen := seen || known();
    BEGIN
        seen := seen || known();
        PERFORM observe(905);
        seen := seen || known();
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN
        seen := seen || known();
    END;
    BEGIN
        PERFORM observe(906);
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END;
    seen := seen || known();
    BEGIN
        PERFORM observe(907);
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END;
    RETURN array_to_string(seen || known(), ' ');
END $$;
SELECT is(steps(), '901 901,904 901,904 901,904,905 901,904 901,904 901,904,907', 'step by step');
SELECT is(known(), '901,904,907', 'after');

-- a statement sees what was there when it began, but for what its volatile functions look at
CREATE FUNCTION observe_and_look(item int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_observe('m', 1, item);
    RETURN known();
END $$;
SELECT is(
    array_agg(concat_ws(' ', n, recadv_score(1, 908, 'm') IS NULL,
        CASE WHEN n = 2 THEN observe_and_look(908) END, recadv_score(1, 908, 'm') IS NULL)
        ORDER BY n),
    '{"1 t t","2 t 901,904,907,908 t","3 t t"}',
    'an event that is observed amid a statement is there for the next')
FROM generate_series(1, 3) n;
SELECT is(known(), '901,904,907,908', 'which is here');

-- two models by turns
SELECT observe(909, 'other') \g /dev/null
SELECT is(
    string_agg(known(m), ' ' ORDER BY n),
    '901,904,907,908 909 901,904,907,908 909',
    'each has its own')
FROM generate_series(1, 2) n, unnest('{m,other}'::text[]) m;
SELECT is(
    array_agg(recadv_score(1, 909, m) IS NULL ORDER BY n, m),
    '{t,f,t,f}',
    'within one statement, too')
FROM generate_series(1, 2) n, unnest('{m,other}'::text[]) m;

-- scores are those of a model that reads them anew each time
SELECT md5(string_agg(t::text, ',' ORDER BY u, rank)) AS kept
FROM generate_series(1, 5) u, recadv_topk(u, 1000, 'm') t \gset
SELECT is(md5(string_agg(t::text, ',' ORDER BY u, rank)), :'kept', 'the same again')
FROM generate_series(1, 5) u, recadv_topk(u, 1000, 'm') t;
SET LOCAL recadv.cache_size = 0;
SELECT is(md5(string_agg(t::text, ',' ORDER BY u, rank)), :'kept', 'and with nothing kept')
FROM generate_series(1, 5) u, recadv_topk(u, 1000, 'm') t;
SET LOCAL recadv.cache_size = '64kB';
SELECT is(md5(string_agg(t::text, ',' ORDER BY u, rank)), :'kept', 'and with the model read anew')
FROM generate_series(1, 5) u, recadv_topk(u, 1000, 'm') t;
SET LOCAL recadv.cache_size = '100MB';
-- a refresh makes items of them
SELECT known() \g /dev/null
SELECT recadv_refresh('m') \g /dev/null
SELECT is(known(), '901,903,904,907,908', 'learnt, also 903, of which the event was left');
SELECT observe(902) \g /dev/null
SELECT is(known(), '901,902,903,904,907,908', 'and one more');
SAVEPOINT s;
SELECT recadv_refresh('m') \g /dev/null
SELECT is(known(), '901,902,903,904,907,908', 'refreshed in a savepoint');
ROLLBACK TO s;
SELECT is(known(), '901,902,903,904,907,908', 'rolled back: pending again');

-- ids that are texts, kept or not
SELECT recadv_train(
    'words',
    '(SELECT ''u'' || user_id AS user_id, ''i'' || item_id AS item_id, at FROM clicks)',
    time_column => 'at',
    algorithm => 'nmrn',
    options => '{"factors":8,"epochs":1,"holdout":"none"}') \g /dev/null
SELECT recadv_observe('words', 'u1', 'new ' || n || repeat('.', n))
FROM generate_series(1, 300) n \g /dev/null
CREATE FUNCTION offered(u text, size text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('recadv.cache_size', size, true);
    RETURN QUERY
        SELECT t.item FROM generate_series(1, 3), recadv_topk(u, 1000, 'words') t
        WHERE t.item LIKE 'new%';
    PERFORM set_config('recadv.cache_size', '100MB', true);
END $$;
SELECT set_eq(
    format('SELECT offered(''u2'', %L)', size),
    'SELECT ''new '' || n || repeat(''.'', n) FROM generate_series(1, 300) n',
    'texts, recadv.cache_size ' || size)
FROM unnest('{100MB,64kB,0}'::text[]) size;
SELECT is(
    count(recadv_score('u2', 'new ' || n || repeat('.', n), 'words')),
    300::bigint,
    'each has a score')
FROM generate_series(1, 300) n;

-- a statement with many questions reads them once
SELECT recadv_observe('m', 2, 10000 + n) FROM generate_series(1, 2000) n \g /dev/null
CREATE FUNCTION blocks() RETURNS bigint LANGUAGE sql AS $$
    SELECT pg_stat_get_xact_blocks_fetched('m'::regclass)
        + pg_stat_get_xact_blocks_fetched('m_pkey'::regclass)
$$;
SELECT blocks() AS before \gset
SELECT recadv_score(1, 1, 'm') \g /dev/null
SELECT blocks() - :before AS one, blocks() AS before \gset
SELECT count(recadv_score(1, 1, 'm')) FROM generate_series(1, 50) \g /dev/null
SELECT cmp_ok(
    blocks() - :before,
    '<',
    20::bigint * :one,
    'fifty questions read less than twenty times as much as one');

-- they count against the limit of memory; a refresh makes them items of the model
SELECT recadv_observe('m', 3, 20000 + n) FROM generate_series(1, 20000) n \g /dev/null
SET LOCAL recadv.max_memory = '1MB';
SELECT fails(
    'SELECT recadv_topk(1, 10, ''m'')',
    '54000',
    'serving the items observed since the last refresh needs _ MB of memory, but '
    'recadv.max_memory allows 1 MB%',
    'too many pending items');
SET LOCAL recadv.max_memory = '100MB';
SELECT is(count(*), 10::bigint, 'with more memory it answers') FROM recadv_topk(1, 10, 'm');
SELECT recadv_refresh('m') \g /dev/null
SET LOCAL recadv.max_memory = '1MB';
SELECT is(count(*), 10::bigint, 'and refreshed without') FROM recadv_topk(1, 10, 'm');

SELECT * FROM finish();
ROLLBACK;
