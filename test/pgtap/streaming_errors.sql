-- What can go wrong with the source of a refresh and with what is observed: a clear error, and a
-- model that is as it was.  Who may do what.
BEGIN;
\ir setup.psql
\ir clicks.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(model text, source text, algorithm text DEFAULT 'nmrn')
RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, source, time_column => 'at', algorithm => algorithm,
        options => '{"factors":8,"epochs":1,"holdout":"none","seed":7}')
$$;
CREATE FUNCTION learn(model text) RETURNS bigint LANGUAGE sql AS $$
    SELECT events FROM recadv_refresh(model, false)
$$;
CREATE FUNCTION rows_of(model text) RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format(
        $q$SELECT count(*) || ' ' || md5(string_agg(
               concat_ws(' ', version, part, block, md5(data), ctid, cmin),
               ',' ORDER BY version, part, block))
           FROM %s$q$,
        model))
$$;

-- the source has changed: after `change`, a refresh fails so; undone, it learns what is new
CREATE FUNCTION changed(change text, state text, pattern text, model text DEFAULT 'm')
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    rows text := rows_of(model);
    error text;
    after text;
    answers_after text;
    answers_before text := answers(model);
BEGIN
    BEGIN
        EXECUTE change;
        error := error_of(format('SELECT recadv_refresh(%L)', model));
        after := rows_of(model);
        answers_after := answers(model);
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN
        RETURN NEXT ok(error LIKE state || ' | ' || pattern, change);
        IF NOT error LIKE state || ' | ' || pattern OR error IS NULL THEN
            RETURN NEXT diag('  wanted: ' || state || ' | ' || pattern || E'\n  have:   '
                || coalesce(error, 'no error'));
        END IF;
        RETURN NEXT is(after, rows, 'the model''s table is as it was');
        RETURN NEXT is(answers_after, answers_before, 'and serves as it did');
    END;
END $$;
SELECT train('m', 'clicks') \g /dev/null
INSERT INTO clicks VALUES (1, 1, '2021-01-01'), (77, 78, '2021-01-02');
SELECT recadv_observe('m', 1, 2, timestamptz '2021-01-01') \g /dev/null
SELECT changed('DROP TABLE clicks', '42P01', 'source "recadv_test.clicks" of model "m" does not exist | %');
SELECT changed('ALTER TABLE clicks RENAME TO gone', '42P01',
    'source "recadv_test.clicks" of model "m" does not exist | %');
SELECT changed('ALTER TABLE clicks RENAME at TO "when"', '42703',
    'column "at" of source "recadv_test.clicks" of model "m" does not exist | %');
SELECT changed('ALTER TABLE clicks DROP user_id', '42703',
    'column "user_id" of source "recadv_test.clicks" of model "m" does not exist | %');
SELECT changed('ALTER TABLE clicks DROP item_id', '42703',
    'column "item_id" of source "recadv_test.clicks" of model "m" does not exist | %');
SELECT 'the columns of source "recadv_test.clicks" have other types than when model "m" was trained'
       ' | Train the model again.' AS other_types \gset
SELECT changed('ALTER TABLE clicks ALTER item_id TYPE text', '42804', :'other_types');
SELECT changed('ALTER TABLE clicks ALTER user_id TYPE varchar(20)', '42804', :'other_types');
SELECT changed('ALTER TABLE clicks ALTER at TYPE timestamp', '42804', :'other_types');
SELECT changed('ALTER TABLE clicks ALTER at TYPE bigint USING extract(epoch FROM at)',
    '42883', '%');
SELECT changed('ALTER TABLE clicks ALTER at TYPE text', '42883', '%');
SELECT is(
    (SELECT row(events, observed, new_users, new_items) FROM recadv_refresh('m')),
    row(3::bigint, 1::bigint, 1::bigint, 1::bigint),
    'the right source again: all is learnt');
SELECT is(learn('m'), 0::bigint, 'once');
ALTER TABLE clicks ALTER user_id TYPE bigint, ALTER item_id TYPE smallint;
INSERT INTO clicks VALUES (2, 2, '2021-01-03');
SELECT is(learn('m'), 1::bigint, 'other integers are the same');

-- a source that fails on the way
CREATE VIEW bad_view AS SELECT user_id, item_id, at FROM clicks;
SELECT train('of_view', 'bad_view') \g /dev/null
INSERT INTO clicks
SELECT 1 + n % 40, 1 + n % 30, '2021-01-04'::timestamptz + n * interval '1 second'
FROM generate_series(1, 30000) n;
SELECT changed(
    'CREATE OR REPLACE VIEW bad_view AS SELECT user_id, '
    '(item_id + 0 * (1 / (CASE WHEN at = ''2021-01-04 00:49:00'' THEN 0 ELSE 1 END)))::smallint '
    'AS item_id, at FROM clicks',
    '22012',
    'division by zero',
    'of_view');
SELECT changed('SET LOCAL recadv.max_memory = ''1MB''', '54000',
    'reading what is new needs % MB of memory, but recadv.max_memory allows 1 MB | %', 'of_view');
SELECT is(learn('of_view'), 30000::bigint, 'a view: then it does not');
SELECT is(learn('of_view'), 0::bigint, 'once');
SELECT is(learn('m'), 30000::bigint, 'the table has the same');
-- a query, a partitioned table
SELECT train('of_query',
    '(SELECT user_id, item_id, at FROM clicks WHERE item_id < 1000 -- all' || E'\n)') \g /dev/null
CREATE TABLE split (user_id int, item_id int, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE split_old PARTITION OF split DEFAULT;
INSERT INTO split TABLE clicks;
SELECT train('of_split', 'split') \g /dev/null
INSERT INTO clicks VALUES (1, 5, '2021-02-01'), (1, 1005, '2021-02-01');
CREATE TABLE split_new PARTITION OF split FOR VALUES FROM ('2021-02-01') TO ('2021-03-01');
INSERT INTO split VALUES (1, 5, '2021-02-01'), (1, 1005, '2021-02-01');
SELECT is(learn('of_query'), 1::bigint, 'a query in parentheses');
SELECT is(learn('of_split'), 2::bigint, 'a partitioned table, a new partition');
SELECT is(learn('of_query') + learn('of_split'), 0::bigint, 'once');

-- models that do not stream, and none
SELECT train('still', 'clicks', 'amf') \g /dev/null
SELECT fails(
    s,
    '42809',
    'model "still" cannot learn from a stream'
    ' | Its algorithm, "amf", learns by training alone.'
    ' | Train it with one of these: %nmrn%.',
    s)
FROM unnest(ARRAY['SELECT recadv_refresh(''still'')', 'SELECT recadv_observe(''still'', 1, 1)',
                  'SELECT recadv_observe(''still'', ''1'', ''1'')',
                  'SELECT recadv_observe(''still'', 1, 1, 5::bigint)',
                  'SELECT recadv_attach(''still'')', 'SELECT recadv_attach(''still'', ''clicks'')',
                  'SELECT recadv_detach(''still'', ''clicks'')']) s;
SELECT fails(s, '42P01', 'model "nobody" does not exist | %', s)
FROM unnest(ARRAY['SELECT recadv_refresh(''nobody'')', 'SELECT recadv_observe(''nobody'', 1, 1)',
                  'SELECT recadv_observe(''nobody'', ''1'', ''1'', 5::bigint)',
                  'SELECT recadv_attach(''nobody'')', 'SELECT recadv_detach(''nobody'')']) s;
SELECT fails(s, '42809', '"clicks" is not a model | %', s)
FROM unnest(ARRAY['SELECT recadv_refresh(''clicks'')', 'SELECT recadv_observe(''clicks'', 1, 1)',
                  'SELECT recadv_attach(''clicks'')']) s;
SELECT fails(s, '42P08', 'there are % models: name one | %', s)
FROM unnest(ARRAY['SELECT recadv_refresh()', 'SELECT recadv_refresh(NULL)',
                  'SELECT recadv_observe(NULL, 1, 1)', 'SELECT recadv_attach(NULL)',
                  'SELECT recadv_detach(NULL)']) s;
SELECT fails('SELECT recadv_refresh('''')', '22023', 'the model''s name is empty%', 'no name');
CREATE TABLE untrained OF recadv_model (PRIMARY KEY (version, part, block));
SELECT fails(s, '55000', 'model "untrained" has not been trained yet | %', s)
FROM unnest(ARRAY['SELECT recadv_refresh(''untrained'')',
                  'SELECT recadv_observe(''untrained'', 1, 1)',
                  'SELECT recadv_attach(''untrained'', ''clicks'')']) s;
SET LOCAL recadv.model = 'm';
SELECT works(s, s || ', with recadv.model')
FROM unnest(ARRAY['SELECT recadv_refresh()', 'SELECT recadv_observe(NULL, 1, 1)']) s;
SET LOCAL recadv.model = '';
SELECT fails(s, '22023', '%time_column%', s)
FROM unnest(ARRAY['SELECT recadv_train(''timeless'', ''clicks'', algorithm => ''nmrn'')']) s;

-- ids of the wrong kind
CREATE TABLE words AS SELECT 'u' || user_id AS user_id, 'i' || item_id AS item_id, at FROM clicks;
SELECT train('by_word', 'words') \g /dev/null
SELECT fails(
    'SELECT recadv_observe(''m'', ''nobody'', ''1'')',
    '42804',
    'the user "nobody" is no integer, as those of model "m" are',
    'a user that is no integer');
SELECT fails(
    'SELECT recadv_observe(''m'', ''1'', ''1.5'')',
    '42804',
    'the item "1.5" is no integer, as those of model "m" are',
    'an item that is no integer');
SELECT fails(
    'SELECT recadv_observe(''m'', ''9223372036854775808'', ''1'')',
    '42804',
    'the user "9223372036854775808" is no integer%',
    'an integer that is too large');
SELECT fails(
    'SELECT recadv_observe(''by_word'', repeat(''x'', 100000), ''1'')',
    '22001',
    'the user is longer than % bytes',
    'a user that is too long');
SELECT fails(
    'SELECT recadv_observe(''by_word'', ''1'', repeat(''x'', 100000))',
    '22001',
    'the item is longer than % bytes',
    'an item that is too long');
SELECT is(learn('m'), 1::bigint, 'nothing of this was observed, but for the event above');

-- another search path does not lead to another source
CREATE SCHEMA recadv_test_other;
CREATE TABLE recadv_test_other.clicks AS
SELECT 1000 AS user_id, 1 AS item_id, timestamptz '2030-01-01' AS at;
SET LOCAL search_path = recadv_test_other, recadv_test, public;
SELECT is(learn('recadv_test.m'), 0::bigint, 'the source is the table that was trained on');
SELECT recadv_attach('recadv_test.m') \g /dev/null
SELECT is(
    (SELECT tgrelid FROM pg_trigger WHERE tgname = 'recadv_observe_m'),
    'recadv_test.clicks'::regclass::oid,
    'so is the table that is attached');
SELECT recadv_detach('recadv_test.m') \g /dev/null
SET LOCAL search_path = recadv_test, public;

-- read-only
SET LOCAL transaction_read_only = on;
SELECT fails(s, '25006', 'cannot execute %() in a read-only transaction', s)
FROM unnest(ARRAY['SELECT recadv_refresh(''m'')', 'SELECT recadv_observe(''m'', 1, 1)',
                  'SELECT recadv_observe(''m'', 1, 1, 1::bigint)',
                  'SELECT recadv_observe(''m'', ''1'', ''1'')']) s;
SELECT ok((SELECT count(*) FROM recadv_topk(1, 5, 'm')) > 0, 'serving is allowed');

SELECT * FROM finish();
ROLLBACK;
