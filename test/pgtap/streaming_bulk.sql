-- Bulk loads that are observed: few rows and statements, the same answers; what is pending of others
-- costs a question nothing.
BEGIN;
\ir setup.psql
\ir clicks.psql
\ir forge.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(model text, source text DEFAULT 'clicks') RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, source, time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":8,"epochs":1,"holdout":"none","seed":7,"promote":"always"}')
$$;
-- events and rows under parts that match
CREATE FUNCTION pending(model text, pattern text DEFAULT '^events?:', OUT events bigint, OUT number bigint)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT coalesce(sum(events_in(data)), 0), count(*) FROM %s WHERE version = 0 AND part ~ %L',
        model, pattern) INTO events, number;
END $$;
CREATE FUNCTION top(u bigint, model text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(item || ':' || score, ' ' ORDER BY rank) FROM recadv_topk(u, 1000, model)
$$;

-- what arrives in bulk is what arrives one by one
CREATE TABLE told (LIKE clicks);
SELECT train('bulk'), train('single') \g /dev/null
SELECT recadv_attach('bulk', 'told', on_error => 'error') \g /dev/null
CREATE TABLE load AS
SELECT 1 + n % 20 AS user_id, CASE WHEN n % 7 = 0 THEN 1000 + n % 5 ELSE 1 + n % 30 END AS item_id,
       timestamptz '2020-01-03' + n * 7919 % 3000 * interval '1 second' AS at
FROM generate_series(1, 3000) n;
INSERT INTO told TABLE load;
SELECT count(recadv_observe('single', user_id, item_id, at)) FROM load \g /dev/null
SELECT is(pending('bulk'), row(3000::bigint, 20::bigint), 'a row for each user');
SELECT is(pending('single'), row(3000::bigint, 3000::bigint), 'for each event, if they come alone');
SELECT is(number, 5::bigint, 'and for each new item of few') FROM pending('bulk', '^items?');
SELECT is(top(u, 'bulk'), top(u, 'single'), 'serves the same to user ' || u)
FROM unnest(ARRAY[1, 2, 20, 21]) u;
SELECT recadv_refresh('bulk', false), recadv_refresh('single', false) \g /dev/null
SELECT is(digest('bulk'), digest('single'), 'a refresh learns the same');
SELECT is(number, 0::bigint, 'and leaves nothing') FROM pending('bulk', '^(event|item)');

-- long texts, many events of one user, and two statements that meet in a transaction
INSERT INTO told SELECT 1, 1 + n % 30, timestamptz '2020-01-04' + n * interval '1 second' FROM generate_series(1, 2500) n;
SELECT is(pending('bulk'), row(2500::bigint, 3::bigint), 'a row has 1024 events at most');
INSERT INTO told SELECT 1, 1 + n % 30, timestamptz '2020-01-05' + n * interval '1 second' FROM generate_series(1, 2500) n;
SELECT is(pending('bulk'), row(5000::bigint, 6::bigint), 'more');
INSERT INTO told SELECT 1, 1 + n % 30, timestamptz '2020-01-06' + n * interval '1 second' FROM generate_series(1, 1000) n;
SELECT is(pending('bulk'), row(6000::bigint, 1006::bigint), 'a small statement has a row for each event');
SELECT is(recadv_forget('bulk', 1)::text, '(1,' || count(DISTINCT item_id) || ',6000,0)', 'all are forgotten')
FROM (SELECT item_id FROM clicks WHERE user_id = 1 UNION ALL SELECT item_id FROM load WHERE user_id = 1) l;
SELECT is(pending('bulk'), row(0::bigint, 0::bigint), 'with their rows');
CREATE TABLE words AS SELECT repeat('u', 1000) || user_id AS user_id, repeat('i', 1000) || item_id AS item_id, at FROM clicks;
SELECT train('of_words', 'words') \g /dev/null
SELECT recadv_attach('of_words', on_error => 'error') \g /dev/null
INSERT INTO words SELECT repeat('u', 1000) || n % 30, repeat('n', 1000) || n, timestamptz '2020-02-01' + n * interval '1 second'
FROM generate_series(1, 40000) n;
SELECT is(events, 40000::bigint, 'more text than a batch holds') FROM pending('of_words');
SELECT is((events, observed, new_items), (40000::bigint, 40000::bigint, 40000::bigint), 'is learnt') FROM recadv_refresh('of_words', false);

-- many new items
INSERT INTO told SELECT 2, 5000 + n, timestamptz '2020-01-07' + n * interval '1 second' FROM generate_series(1, 2000) n;
SELECT is(number, 2::bigint, 'items share rows, too') FROM pending('bulk', '^items?');
SELECT is(count(*), 2000::bigint, 'all are served') FROM recadv_topk(3, 10000, 'bulk') WHERE item BETWEEN 5001 AND 7000;
INSERT INTO told VALUES (3, 5001, '2020-01-08'), (3, 8000, '2020-01-08');
INSERT INTO told VALUES (4, 5001, '2020-01-08'), (4, 8000, '2020-01-08');
SELECT is(number, 4::bigint, 'one that comes again is noted once') FROM pending('bulk', '^items?');
SELECT is(count(*), 2001::bigint, 'one more in the same transaction') FROM recadv_topk(5, 10000, 'bulk') WHERE item > 5000;
SAVEPOINT s;
INSERT INTO told VALUES (4, 8001, '2020-01-08');
SELECT is(count(*), 2002::bigint, 'and another') FROM recadv_topk(5, 10000, 'bulk') WHERE item > 5000;
ROLLBACK TO s;
SELECT is(count(*), 2001::bigint, 'which is rolled back') FROM recadv_topk(5, 10000, 'bulk') WHERE item > 5000;

-- rows that whoever may insert can write
SAVEPOINT s;
CREATE FUNCTION event_sealed(part text, data bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT overlay(data PLACING little(crc32c(convert_to(part || '/0', 'UTF8')
                                              || overlay(data PLACING '\x00000000' FROM 25))) FROM 25)
$$;
SELECT is(count(*), 4::bigint, 'a seal by hand is that of recadv') FROM bulk
WHERE part ~ '^(events:2|items)$' AND event_sealed(part, data) = data;
CREATE TABLE good AS SELECT part, block, data FROM bulk WHERE part ~ '^(events:2|items)$';
UPDATE bulk SET data = event_sealed(part, overlay(data PLACING '\x02' FROM 5)) WHERE part ~ '^(events:2|items)$';
SELECT works('SELECT recadv_topk(2, 5, ''bulk'')', 'packs of a newer version stop nobody');
SELECT is(observed, 4::bigint, 'a refresh learns the others') FROM recadv_refresh('bulk');
SELECT is(number, 4::bigint, 'and keeps those') FROM pending('bulk', '^(events:|items$)');
SELECT works('SELECT train(''bulk'')', 'a training');
SELECT is(number, 4::bigint, 'keeps them, too') FROM pending('bulk', '^(events:|items$)');
UPDATE bulk SET data = good.data FROM good WHERE bulk.part = good.part AND bulk.block = good.block AND version = 0;
SELECT is((observed, new_items), (2000::bigint, 2000::bigint), 'who can read them learns them') FROM recadv_refresh('bulk');
SELECT is(number, 0::bigint, 'and removes them') FROM pending('bulk', '^(events?:|items?)');
ROLLBACK TO s;
CREATE FUNCTION tried(wrong bytea, description text, name text DEFAULT 'events:2') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    lines text[];
BEGIN
    BEGIN
        UPDATE bulk SET data = wrong WHERE part = name AND version = 0;
        lines[1] := error_of('SELECT recadv_topk(2, 5, ''bulk'')');
        lines[2] := error_of('SELECT recadv_refresh(''bulk'', false)');
        lines[3] := (SELECT count(*) FROM bulk WHERE version = 0 AND part = name);
        RAISE SQLSTATE 'RBACK';
    EXCEPTION WHEN SQLSTATE 'RBACK' THEN
        RETURN NEXT is(lines, ARRAY[NULL, NULL, '0'], description || ': passed over by a question, dropped by a refresh');
    END;
END $$;
SELECT tried('', 'nothing at all');
SELECT tried(block('events:2', 4, 7, 0, 0, little(0)), 'no events');
SELECT tried(block('events:2', 4, 7, 1, 1, little(0) || little(1) || '1'), 'half an event');
SELECT tried(block('events:2', 6, 7, 1, 2, '{}'), 'another type');
SELECT tried('', 'no items', 'items');
SELECT tried(block('items', 6, 7, 1, 2, '{}'), 'items of another type', 'items');
-- items that a question finds of a row with so many, of seven digits each
CREATE FUNCTION found_of(items int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    found int;
BEGIN
    BEGIN
        INSERT INTO bulk
        SELECT 0, 'items', 7, block('items', 4, 7, items, 7 * items, string_agg(little(7 * i), '' ORDER BY i)
            || convert_to(string_agg((1000000 + i)::text, '' ORDER BY i) FILTER (WHERE i > 0), 'UTF8'))
        FROM generate_series(0, items) i;
        found := (SELECT count(*) FROM recadv_topk(2, 5, 'bulk', candidates => '{1000001,1000002}'));
        RAISE SQLSTATE 'RBACK';
    EXCEPTION WHEN SQLSTATE 'RBACK' THEN
        RETURN found;
    END;
END $$;
SELECT is(found_of(1024), 2, 'a row has as many items as recadv writes');
SELECT is(found_of(1025), 0, 'one that has more, which could be millions, is passed over');

-- a training that has read some of the events of a row
SELECT recadv_refresh('bulk', false) \g /dev/null
DELETE FROM told;
INSERT INTO told SELECT 2 + n % 2, 1 + n % 30, timestamptz '2020-03-01' + n * interval '1 second' FROM generate_series(1, 2000) n;
INSERT INTO clicks SELECT user_id, item_id, at FROM told WHERE user_id = 2 OR at < '2020-03-01 00:10:00';
SELECT train('bulk') \g /dev/null
SELECT is(events, (SELECT count(*) FROM told WHERE NOT (user_id = 2 OR at < '2020-03-01 00:10:00')), 'the others stay')
FROM pending('bulk');
SELECT is(observed, (SELECT count(*) FROM told WHERE NOT (user_id = 2 OR at < '2020-03-01 00:10:00')), 'and are learnt')
FROM recadv_refresh('bulk', false);

-- transaction ids: none beside the INSERT's, or, with on_error savepoint, one for each statement, however many rows
CREATE FUNCTION writers() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(DISTINCT xmin::text) FROM bulk WHERE version = 0 AND part ~ '^events?:'
$$;
INSERT INTO told VALUES (1, 1, '2020-04-01');
INSERT INTO told VALUES (1, 2, '2020-04-01');
INSERT INTO told SELECT n % 40, 1 + n % 30, timestamptz '2020-04-01' + n * interval '1 second' FROM generate_series(1, 5000) n;
SELECT is(writers(), 1::bigint, 'on_error error: those of the INSERT');
SELECT recadv_refresh('bulk', false), recadv_detach('bulk', 'told'), recadv_attach('bulk', 'told') \g /dev/null
INSERT INTO told SELECT n % 40, 1 + n % 30, timestamptz '2020-04-03' + n * interval '1 second' FROM generate_series(1, 5000) n;
INSERT INTO told VALUES (1, 1, '2020-04-05');
SELECT is(writers(), 1::bigint, 'on_error warning: those of the INSERT, too');
INSERT INTO told SELECT n % 40, 1 + n % 30, timestamptz '2020-04-06' + n * interval '1 second' FROM generate_series(1, 140000) n;
SELECT is(writers(), 2::bigint, 'but one for a statement of more rows than are prepared at once');
SELECT is(events, 145001::bigint, 'all are noted') FROM pending('bulk');
SELECT recadv_refresh('bulk', false), recadv_detach('bulk', 'told'), recadv_attach('bulk', 'told', on_error => 'savepoint') \g /dev/null
INSERT INTO told SELECT n % 40, 1 + n % 30, timestamptz '2020-04-09' + n * interval '1 second' FROM generate_series(1, 5000) n;
SELECT is(writers(), 1::bigint, 'on_error savepoint: one for 5000 rows');
INSERT INTO told VALUES (1, 1, '2020-04-11');
SELECT is(writers(), 2::bigint, 'and one for another statement');
SELECT recadv_refresh('bulk', false) \g /dev/null

-- a question reads nothing of what is pending of others
CREATE FUNCTION read_by(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    key oid := (SELECT indexrelid FROM pg_index WHERE indrelid = 'bulk'::regclass);
    before bigint := pg_stat_get_xact_tuples_returned(key);
BEGIN
    EXECUTE statement;
    RETURN pg_stat_get_xact_tuples_returned(key) - before;
END $$;
SELECT recadv_topk(39, 5, 'bulk') \g /dev/null
INSERT INTO load DEFAULT VALUES; -- the next question looks for new items again
SELECT read_by($$SELECT recadv_topk(39, 5, 'bulk')$$) AS nothing_pending \gset
SELECT ok(:nothing_pending > 0, 'a question reads the model''s table');
INSERT INTO told SELECT n % 30, 1 + n % 30, timestamptz '2020-05-01' + n * interval '1 second' FROM generate_series(1, 20000) n;
INSERT INTO told SELECT n % 30, 1 + n % 30, timestamptz '2020-05-02' + n * interval '1 second' FROM generate_series(1, 900) n;
SELECT is(read_by($$SELECT recadv_topk(39, 5, 'bulk')$$), :nothing_pending::bigint, 'no row of 20900 events of others');
INSERT INTO told SELECT n % 30, 10000 + n, timestamptz '2020-05-03' + n * interval '1 second' FROM generate_series(1, 20000) n;
SELECT is(read_by($$SELECT recadv_topk(39, 5, 'bulk')$$) >= :nothing_pending + 20, true, 'it reads the rows of new items');
INSERT INTO load DEFAULT VALUES;
SELECT ok(read_by($$SELECT recadv_topk(39, 5, 'bulk')$$) <= :nothing_pending + 20, 'no more than one for a thousand');

SELECT * FROM finish();
ROLLBACK;
