-- The trigger of recadv_attach: every kind of INSERT, and what happens when the model cannot be
-- told.
BEGIN;
\ir setup.psql
\ir clicks.psql
SELECT * FROM no_plan();

ALTER TABLE clicks ADD id int, ADD UNIQUE (id);
CREATE FUNCTION train(model text, source text) RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, source, time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":8,"epochs":1,"holdout":"none","seed":7}')
$$;
-- what a refresh would take up
CREATE FUNCTION pending(model text) RETURNS bigint LANGUAGE sql AS $$
    SELECT value_of(format(
        'SELECT coalesce(sum(events_in(data)), 0) FROM %s WHERE version = 0 AND part ~ ''^events?:''',
        model))::bigint
$$;
CREATE FUNCTION learn(model text) RETURNS text LANGUAGE sql AS $$
    SELECT events || ' events, ' || observed || ' observed' FROM recadv_refresh(model, false)
$$;

SELECT train('m', 'clicks') \g /dev/null

-- wrong arguments
SELECT fails(
    'SELECT recadv_attach(''m'', user_column => ''nobody'')',
    '42703',
    'column "nobody" of table "clicks" does not exist | '
    'Name the column with user_column => ''...''.',
    'no such user column');
SELECT fails(
    'SELECT recadv_attach(''m'', item_column => ''nobody'')',
    '42703',
    '% | Name the column with item_column => ''...''.',
    'no such item column');
SELECT fails(
    'SELECT recadv_attach(''m'', time_column => ''nobody'')',
    '42703',
    '% | Name the column with time_column => ''...''.',
    'no such time column');
CREATE TABLE days (user_id int, item_id int, at date);
SELECT fails(
    'SELECT recadv_attach(''m'', ''days'')',
    '42804',
    'column "at" of table "days" is of type date, but the times of model "m" are of type %',
    'times of another type');
SELECT fails(
    'SELECT recadv_attach(''m'', on_error => ''shrug'')',
    '22023',
    'on_error must be "warning", "savepoint" or "error", not "shrug"',
    'on_error');
SELECT fails(
    'SELECT recadv_attach(''m'', on_error => NULL)',
    '22023',
    'on_error must be "warning", "savepoint" or "error", not ""',
    'on_error NULL');
SELECT fails(
    'SELECT recadv_attach(''m'', 0::regclass)',
    '42P01',
    'the table does not exist',
    'no table');
SELECT fails(
    'SELECT recadv_detach(''m'')',
    '42704',
    'model "m" does not observe table "clicks" | Name the table: %',
    'detach what is not attached');
CREATE VIEW seen_as AS TABLE clicks;
SELECT fails('SELECT recadv_attach(''m'', ''seen_as'')', '42809', '%', 'a view');
DROP VIEW seen_as;
SELECT train('of_query', '(TABLE clicks)') \g /dev/null
SELECT fails(
    'SELECT recadv_attach(''of_query'')',
    '22023',
    'the source of model "of_query" is not a table | Name the table: recadv_attach(model, relation).',
    'a source that is a query');
SELECT works('SELECT recadv_attach(''of_query'', ''clicks'')', 'the table that it reads');
SELECT works('SELECT recadv_detach(''of_query'', ''clicks'')', 'and away');
SELECT fails(
    $$CREATE TRIGGER by_hand AFTER INSERT ON clicks
      FOR EACH ROW EXECUTE FUNCTION recadv_observe_trigger('m');
      INSERT INTO clicks VALUES (1, 1, now())$$,
    '39P01',
    'recadv_observe_trigger() is a trigger that recadv_attach() makes',
    'a trigger made by hand');
SELECT fails(
    'SELECT recadv_observe_trigger()',
    '39P01',
    'recadv_observe_trigger() is a trigger that recadv_attach() makes',
    'called as a function');

-- every way to insert
SELECT is((SELECT recadv_attach('m')::text), '', 'attached');
SELECT fails(
    'SELECT recadv_attach(''m'')',
    '42710',
    'model "m" observes table "clicks" already | Call recadv_detach() first.',
    'twice');
INSERT INTO clicks VALUES (1, 1, '2021-01-01');
SELECT is(pending('m'), 1::bigint, 'a row');
INSERT INTO clicks
SELECT 1 + n % 40, 1 + n % 30, '2021-01-02'::timestamptz + n * interval '1 s'
FROM generate_series(1, 100) n;
SELECT is(pending('m'), 101::bigint, 'a hundred');
INSERT INTO clicks SELECT 1, 1, now() WHERE false;
SELECT is(pending('m'), 101::bigint, 'none');
-- rows that go to disk on their way to the trigger
SAVEPOINT s;
SET LOCAL work_mem = '64kB';
INSERT INTO clicks
SELECT 1 + n % 40, 1 + n % 30, '2021-01-02'::timestamptz + n * interval '1 s'
FROM generate_series(1, 20000) n;
SELECT is(pending('m'), 20101::bigint, 'twenty thousand, with little memory');
SELECT is(learn('m'), '20101 events, 20101 observed', 'are learnt');
ROLLBACK TO s;
COPY clicks (user_id, item_id, at) FROM stdin;
2001	1	2021-01-03
2001	2001	2021-01-03
\.
SELECT is(pending('m'), 103::bigint, 'COPY');
SELECT ok(
    recadv_has_user(2001, 'm') AND 2001 = ANY (SELECT item FROM recadv_topk(1, 1000, 'm')),
    'of a new user and item, who are served');
INSERT INTO clicks VALUES (1, 2, '2021-01-03', 1), (1, 3, '2021-01-03', 2);
INSERT INTO clicks VALUES (1, 4, '2021-01-03', 1), (1, 5, '2021-01-03', 3) ON CONFLICT DO NOTHING;
SELECT is(pending('m'), 106::bigint, 'ON CONFLICT DO NOTHING: what is inserted');
INSERT INTO clicks VALUES
    (1, 6, '2021-01-03', 1), (1, 7, '2021-01-03', 4)
ON CONFLICT (id) DO UPDATE
SET item_id = EXCLUDED.item_id;
SELECT is(pending('m'), 107::bigint, 'ON CONFLICT DO UPDATE: what is inserted');
UPDATE clicks SET item_id = 8 WHERE id = 4;
DELETE FROM clicks WHERE id = 3;
SELECT is(pending('m'), 107::bigint, 'UPDATE and DELETE tell nothing');
WITH one AS (INSERT INTO clicks VALUES (1, 9, '2021-01-03') RETURNING *)
INSERT INTO clicks SELECT user_id, 10, at FROM one;
SELECT is(pending('m'), 109::bigint, 'WITH');
INSERT INTO clicks VALUES (NULL, 1, now()), (1, NULL, now()), (1, 1, NULL);
SELECT is(pending('m'), 109::bigint, 'NULLs are left out, as a refresh leaves them out');
SAVEPOINT s;
INSERT INTO clicks VALUES (1, 1, '2021-01-04');
ROLLBACK TO s;
SELECT is(pending('m'), 109::bigint, 'an INSERT that is rolled back leaves nothing');
-- 109 observed, one of which was changed and one deleted since; what the change made is new to the
-- source
SELECT is(learn('m'), '111 events, 109 observed', 'learnt, with the row that an UPDATE made');
SELECT is(learn('m'), '0 events, 0 observed', 'once');
-- other triggers, and other models on the same table
SELECT train('"Other Model; x"', 'clicks') \g /dev/null
SELECT recadv_attach('"Other Model; x"') \g /dev/null
CREATE TABLE log (n bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log SELECT count(*) FROM inserted;
    RETURN NULL;
END $$;
CREATE TRIGGER a_note AFTER INSERT ON clicks
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE TRIGGER z_note AFTER INSERT ON clicks
REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION note();
INSERT INTO clicks VALUES (1, 11, '2021-01-05'), (1, 12, '2021-01-05'), (1, 13, '2021-01-05');
SELECT is(
    row(pending('m'), pending('"Other Model; x"'), (SELECT array_agg(n) FROM log)),
    row(3::bigint, 3::bigint, '{3,3}'::bigint[]),
    'two models and two other triggers see the same rows');
SELECT recadv_detach('"Other Model; x"') \g /dev/null
DROP TRIGGER a_note ON clicks;
DROP TRIGGER z_note ON clicks;
-- columns that moved
ALTER TABLE clicks DROP id, ADD note text DEFAULT 'x';
INSERT INTO clicks VALUES (1, 14, '2021-01-05');
SELECT is(pending('m'), 4::bigint, 'columns dropped and added');
SELECT is(learn('m'), '4 events, 4 observed', 'learnt');

-- a table that is not the source, of other columns and types
CREATE TABLE elsewhere (who bigint, what smallint, moment timestamptz DEFAULT now());
SELECT fails(
    'SELECT recadv_attach(''m'', ''elsewhere'')',
    '42703',
    'column "user_id" of table "elsewhere" does not exist | %',
    'another table has other columns');
SELECT recadv_attach('m', 'elsewhere', 'who', 'what', 'moment') \g /dev/null
INSERT INTO elsewhere VALUES (3001, 1);
SELECT ok(recadv_has_user(3001, 'm'), 'another table');
SELECT is(learn('m'), '1 events, 1 observed', 'is learnt by what was observed');
SELECT recadv_detach('m', 'elsewhere') \g /dev/null
INSERT INTO elsewhere VALUES (3002, 1);
SELECT ok(NOT recadv_has_user(3002, 'm'), 'detached');
-- a partitioned table
CREATE TABLE split (user_id int, item_id int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE split_2 (at timestamptz, item_id int, user_id int);
ALTER TABLE split ATTACH PARTITION split_2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
INSERT INTO split SELECT user_id, item_id, at FROM clicks WHERE at < '2020-02-01';
SELECT train('parts', 'split') \g /dev/null
SELECT recadv_attach('parts') \g /dev/null
INSERT INTO split VALUES (1, 501, '2020-12-01'), (2, 502, '2021-06-01');
SELECT is(pending('parts'), 2::bigint, 'a partitioned table, whatever the order of the columns');
INSERT INTO split_2 VALUES ('2021-07-01', 503, 3);
SELECT is(pending('parts'), 2::bigint, 'what goes to a partition directly is not observed');
SELECT is(learn('parts'), '3 events, 2 observed', 'but learnt');

-- the model cannot be told: the row is in, but with on_error => 'error'
CREATE FUNCTION cannot(change text, message text, model text DEFAULT 'm')
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    error text;
    rows bigint;
BEGIN
    BEGIN
        EXECUTE change;
        INSERT INTO clicks VALUES (1, 99, '2021-02-01');
        rows := (SELECT count(*) FROM clicks WHERE item_id = 99);
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN
        RETURN NEXT is(rows, 1::bigint, change || ': the row is in');
    END;
    BEGIN
        PERFORM recadv_detach('m'), recadv_attach('m', on_error => 'savepoint');
        EXECUTE change;
        INSERT INTO clicks VALUES (1, 99, '2021-02-01');
        rows := (SELECT count(*) FROM clicks WHERE item_id = 99);
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN
        RETURN NEXT is(rows, 1::bigint, change || ': on_error savepoint');
    END;
    BEGIN
        PERFORM recadv_detach('m'), recadv_attach('m', on_error => 'error');
        EXECUTE change;
        error := error_of('INSERT INTO clicks VALUES (1, 99, ''2021-02-01'')');
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN
        RETURN NEXT ok(error LIKE message, change || ': on_error error');
        IF error IS NULL OR NOT error LIKE message THEN
            RETURN NEXT diag('  wanted: ' || message || E'\n  have:   '
                || coalesce(error, 'no error'));
        END IF;
    END;
END $$;
SELECT cannot('DROP TABLE m', '42P01 | model "recadv_test.m" does not exist | %');
SELECT cannot('CREATE ROLE recadv_owner; GRANT USAGE ON SCHEMA recadv_test TO recadv_owner; ALTER TABLE m OWNER TO recadv_owner; REVOKE INSERT ON m FROM recadv_owner',
    '42501 | the owner of model "m" may not write it | %');
SELECT cannot('DELETE FROM m', '55000 | model "m" has not been trained yet | %');
SELECT cannot('DELETE FROM m WHERE part = ''header''',
    'XX001 | model "m" is damaged: part "header", block 0 of version 1: %');
SELECT cannot('UPDATE m SET data = substring(data FOR 40) WHERE part = ''current''',
    'XX001 | model "m" is damaged: part "current", block 0 of version 0: %');
SELECT cannot(
    'UPDATE m SET data = set_byte(data, 40, 255 - get_byte(data, 40)) WHERE part = ''item_ids'' ; '
    'UPDATE m SET data = data WHERE part = ''x''; '
    'SELECT recadv_rollback(''m'', 1)',
    'XX001 | model "m" is damaged: part "item_ids", block 0 of version 1: its checksum is wrong | '
    '%');
SELECT cannot('ALTER TABLE clicks RENAME at TO moment; ALTER TABLE clicks ADD at int', '42%');
SELECT cannot(
    'ALTER TABLE clicks ALTER at TYPE timestamp',
    '42804 | the times of model "m" are of type timestamp with time zone, '
    'not timestamp without time zone | Train the model again: %');
SELECT cannot(
    'ALTER TABLE m ENABLE ROW LEVEL SECURITY; '
    'ALTER TABLE m FORCE ROW LEVEL SECURITY; '
    'CREATE ROLE recadv_test_x; '
    'GRANT ALL ON SCHEMA recadv_test TO recadv_test_x; '
    'GRANT ALL ON ALL TABLES IN SCHEMA recadv_test TO recadv_test_x; '
    'SET LOCAL ROLE recadv_test_x',
    '0A000 | model "m" has row-level security%');
SELECT is(learn('m'), '0 events, 0 observed', 'all of that was undone');
INSERT INTO clicks VALUES (1, 15, '2021-03-01');
SELECT is(learn('m'), '1 events, 1 observed', 'and the trigger works as before');
-- a trigger goes with its model, whatever that is called
ALTER TABLE m RENAME TO n;
INSERT INTO clicks VALUES (1, 17, '2021-03-02');
SELECT is(learn('n'), '1 events, 1 observed', 'renamed: the trigger observes');
CREATE SCHEMA moved;
ALTER TABLE n SET SCHEMA moved;
INSERT INTO clicks VALUES (1, 18, '2021-03-03');
SELECT is(learn('moved.n'), '1 events, 1 observed', 'moved: the trigger observes');
SELECT train('n', 'clicks') \g /dev/null
SELECT fails(
    'SELECT recadv_detach(''n'')',
    '42704',
    'model "n" does not observe table "clicks" | %',
    'a model of that name in another schema does not have it');
SELECT works('SELECT recadv_attach(''n'')', 'but can have one of its own');
SELECT is(
    (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'clicks'::regclass AND tgname LIKE 'recadv%'),
    2::bigint,
    'two models of one name observe one table');
SELECT recadv_detach('moved.n') \g /dev/null
INSERT INTO clicks VALUES (1, 19, '2021-03-04');
SELECT is(learn('n'), '1 events, 1 observed', 'the other is left alone');
SELECT recadv_detach('n') \g /dev/null
DROP TABLE n;
ALTER TABLE moved.n SET SCHEMA recadv_test;
ALTER TABLE n RENAME TO m;
SELECT learn('m') \g /dev/null
INSERT INTO clicks VALUES (1, 16, now());
SELECT is(learn('m'), '1 events, 0 observed', 'detached: a refresh learns it alone');

-- more rows than work_mem holds
CREATE TABLE words AS
SELECT 'user ' || user_id AS user_id, 'item ' || item_id AS item_id, at
FROM clicks WHERE at < '2021-01-01';
SELECT train('of_words', 'words') \g /dev/null
SELECT recadv_attach('of_words', on_error => 'error') \g /dev/null
SET LOCAL work_mem = '64kB';
INSERT INTO words
SELECT 'user ' || n % 40, 'thing ' || n % 30, timestamptz '2021-01-01' + n * interval '1 second'
FROM generate_series(1, 5000) n;
RESET work_mem;
SELECT bag_eq(
    $$SELECT part, sum(events_in(data)) FROM of_words
      WHERE version = 0 AND part ~ '^events?:' GROUP BY part$$,
    'SELECT ''events:'' || user_id, count(*)::numeric FROM words WHERE at >= ''2021-01-01'' GROUP BY 1',
    'an INSERT that spills to disk');
SELECT is(
    (SELECT count(*) FROM of_words WHERE version = 0 AND starts_with(part, 'item:')),
    30::bigint,
    'a row per new item, however many events of it one statement brings');
SELECT is(
    (SELECT row(events, new_items) FROM recadv_refresh('of_words', false)),
    row(5000::bigint, 30::bigint),
    'and is learnt');

-- rows whose weight does not count are no events
CREATE DOMAIN strength AS real;
CREATE TABLE weighed AS SELECT user_id, item_id, at, 2::strength AS w FROM clicks;
SELECT recadv_train('weighed_model', 'weighed', time_column => 'at', weight_column => 'w', algorithm => 'nmrn',
    options => '{"factors":8,"epochs":1,"holdout":"none","seed":7}') IS NOT NULL \g /dev/null
SELECT recadv_attach('weighed_model');
INSERT INTO weighed SELECT 9000 + n, 1, max(at) + interval '1 hour', w FROM clicks, (VALUES (0, 0::real), (1, -1), (2, 'NaN'), (3, NULL), (4, 3)) v(n, w)
GROUP BY n, w;
SELECT is(pending('weighed_model'), 2::bigint, 'of rows that do not count none is observed');
SELECT is(
    (SELECT array_agg(recadv_has_user(u, 'weighed_model') ORDER BY u) FROM generate_series(9000, 9004) u),
    '{f,f,f,t,t}',
    'nor is their user known');
SELECT is(learn('weighed_model'), '2 events, 2 observed', 'a refresh learns the others, one without a weight too');

SELECT * FROM finish();
ROLLBACK;
