-- Names of models: schemas, search_path, quotes; a model that is not named.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(model text, seed int DEFAULT 7, source text DEFAULT 'recadv_test.orders')
RETURNS text LANGUAGE sql AS $$
    SELECT t.model
    FROM recadv_train(
        train.model,
        source,
        algorithm => 'bpr',
        options => jsonb_build_object('factors', 4, 'epochs', 2, 'learning_rate', 0.1, 'holdout',
            'none', 'seed', seed)) t
$$;
CREATE FUNCTION tables(wanted text DEFAULT 'recadv_test') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C")
    FROM pg_class
    WHERE relnamespace = wanted::regnamespace AND reloftype = 'public.recadv_model'::regtype
$$;

-- nothing there yet
SELECT fails(
    'SELECT recadv_topk(1)',
    '42P01',
    'there is no model that you may read | Train one with recadv_train().',
    'no model at all');
SELECT fails(
    'SELECT recadv_info()',
    '42P01',
    'there is no model that you may read%',
    'none to show either');

-- exactly one
SELECT train('shop') \g /dev/null
SELECT bag_eq(
    'SELECT * FROM recadv_topk(1)',
    'SELECT * FROM recadv_topk(1, model => ''shop'')',
    'the only model needs no name');
SELECT is(recadv_score(1, 1), recadv_score(1, 1, 'shop'), 'recadv_score as well');
SELECT ok(
    recadv_has_user(1)
        AND recadv_info() = recadv_info('shop')
        AND (SELECT count(*) FROM recadv_history()) = 2
        AND (SELECT count(*) FROM recadv_runs()) = 1,
    'and what tells about it');
SAVEPOINT a;
DROP TABLE shop;
SELECT error_of('SELECT recadv_topk(1)') AS dropped \gset
ROLLBACK TO a;
SELECT ok(:'dropped' LIKE '42P01 | there is no model%', 'a dropped model is forgotten');
SELECT works('SELECT recadv_topk(1)', 'and found again when that is undone');

-- quotes, capitals, dots, letters of other scripts
CREATE TABLE names (written text, stored text);
INSERT INTO names VALUES
    ('plain', 'plain'), ('FOLDED', 'folded'), ('"Capitals"', 'Capitals'),
    ('"with space"', 'with space'), ('"a.b"', 'a.b'), ('"say ""hi"""', 'say "hi"'),
    ('"sem;icolon"', 'sem;icolon'), ('"select"', 'select'), ('"it''s"', 'it''s'),
    ('"-- no comment"', '-- no comment'), ('"Ünïcode 日本"', 'Ünïcode 日本'),
    ('recadv_test.qualified', 'qualified'), ('"recadv_test"."Both"', 'Both'),
    (' spaces_around ', 'spaces_around'), ('"%s %d %n"', '%s %d %n'),
    ('"back\slash"', 'back\slash'), (repeat('x', 63), repeat('x', 63));
SELECT is(
    error_of(format('SELECT train(%L, %s)', written, row_number() OVER ())),
    NULL,
    'train ' || written)
FROM names;
SELECT is(
    tables(),
    (SELECT string_agg(stored, ' ' ORDER BY stored COLLATE "C")
     FROM (SELECT stored FROM names UNION SELECT 'shop') s),
    'the tables have these names');
SELECT is(
    (SELECT count(*) FROM names, recadv_topk(1, 3, written)),
    3 * (SELECT count(*) FROM names),
    'all of them serve');
SELECT is(
    (SELECT count(DISTINCT answers(written)) FROM names),
    (SELECT count(*) FROM names),
    'each its own answers');
SELECT is(error_of(format('SELECT train(%L)', written)), NULL, 'train again ' || written)
FROM names;
SELECT is(recadv_rollback(written), 1, 'roll back ' || written) FROM names;
SELECT is(
    (SELECT count(*) FROM recadv_models m
     JOIN names ON m.name = stored
     WHERE status = 'ok' AND recadv_info(m.model::text) = recadv_info(written)),
    (SELECT count(*) FROM names),
    'recadv_models shows them in a form that can be used');
SELECT fails(format('SELECT train(%L)', n), s, '%', 'not a name: ' || n)
FROM (VALUES ('', '42602'), ('a b', '42602'), ('"open', '42602'), ('a.', '42602'), ('.a', '42602'),
             ('a.b.c', '0A000'), ('a.b.c.d', '42601'), ('""', '42601'), ('nowhere.m', '3F000'),
             ('pg_catalog.m', '42501')) v(n, s);
SELECT fails(format('SELECT recadv_topk(1, 1, %L)', n), s, '%', 'not a model: ' || n)
FROM (VALUES ('', '22023'), ('a b', '42602'), ('"open', '42602'), ('shop.', '42602'),
             ('nowhere.shop', '42P01'), ('Shop2', '42P01'), ('"SHOP"', '42P01'),
             ('shop; DROP TABLE shop', '42602')) v(n, s);

-- what is not a model
CREATE VIEW a_view AS TABLE shop;
CREATE MATERIALIZED VIEW a_stored_view AS TABLE shop;
CREATE SEQUENCE a_sequence;
CREATE TABLE a_table (version int, part text, block int, data bytea,
                      PRIMARY KEY (version, part, block));
INSERT INTO a_table TABLE shop;
CREATE TABLE a_parted_table (version int, part text, block int, data bytea,
                             PRIMARY KEY (version, part, block)) PARTITION BY LIST (version);
CREATE TABLE no_key OF recadv_model;
CREATE TABLE other_key OF recadv_model (PRIMARY KEY (version, block, part));
CREATE TABLE short_key OF recadv_model (PRIMARY KEY (version, part));
CREATE TABLE wide_key OF recadv_model (PRIMARY KEY (version, part, block, data));
CREATE TABLE only_unique OF recadv_model (UNIQUE (version, part, block));
CREATE TYPE recadv_test.recadv_model AS (version int, part text, block int, data bytea);
CREATE TABLE other_type OF recadv_test.recadv_model (PRIMARY KEY (version, part, block));
INSERT INTO other_type TABLE shop;
SELECT fails(
    format(statement, n),
    '42809',
    format('"%s" is not a model | It%%recadv_models%%', n),
    format(statement, n))
FROM unnest('{orders,a_view,a_stored_view,a_sequence,a_table,a_parted_table,no_key,other_key,'
            'short_key,wide_key,only_unique,other_type,shop_pkey}'::text[]) n,
     unnest(ARRAY['SELECT recadv_topk(1, 1, %L)', 'SELECT train(%L)', 'SELECT recadv_rollback(%L)',
                  'SELECT recadv_info(%L)']) statement;
DROP TABLE no_key, other_key, short_key, wide_key, only_unique;
CREATE TABLE by_hand OF public.recadv_model (PRIMARY KEY (version, part, block) INCLUDE (data));
INSERT INTO by_hand TABLE shop;
SELECT is(answers('by_hand'), answers('shop'), 'a copy made by hand is a model');
DROP TABLE by_hand;

-- a copy in a temporary table, renamed and moved models
SELECT train('pg_temp.for_now') \g /dev/null
SELECT is(answers('for_now'), answers('shop'), 'a temporary model');
DROP TABLE for_now;
ALTER TABLE "Capitals" RENAME TO lower_case;
CREATE SCHEMA elsewhere;
ALTER TABLE "a.b" SET SCHEMA elsewhere;
SELECT works(
    'SELECT recadv_topk(1, 1, ''lower_case''), recadv_topk(1, 1, ''elsewhere."a.b"'')',
    'renamed and moved models serve');
SELECT fails(
    'SELECT recadv_topk(1, 1, ''"Capitals"'')',
    '42P01',
    'model ""Capitals"" does not exist%',
    'not under the old name');

-- search_path
SELECT train('elsewhere.shop', 99) \g /dev/null
SELECT isnt(answers('elsewhere.shop'), answers('recadv_test.shop'), 'two models of one name');
SELECT is(answers('shop'), answers('recadv_test.shop'), 'the first of search_path is meant');
SET LOCAL search_path = elsewhere, recadv_test, public;
SELECT is(answers('shop'), answers('elsewhere.shop'), 'also when it changes');
SELECT is(train('shop', 98), 'shop', 'and for training');
SELECT isnt(recadv_info('elsewhere.shop', 2), NULL, 'which goes to that model');
SELECT is(
    (SELECT count(*) FROM recadv_runs('recadv_test.shop')),
    1::bigint,
    'and not to the other');
SELECT train('fresh', source => 'orders') \g /dev/null
SELECT is(tables('elsewhere'), 'a.b fresh shop', 'a new model goes to the first schema');
SET LOCAL search_path = recadv_test, public;

-- no name: the setting, else the only one, else an error that lists them
SELECT fails(
    'SELECT recadv_topk(1)',
    '42P08',
    'there are __ models: name one | Models: %, % and 15 more. | %recadv.model%',
    'many models: the error lists them');
SET recadv.model = 'elsewhere.shop';
SELECT bag_eq(
    'SELECT * FROM recadv_topk(1)',
    'SELECT * FROM recadv_topk(1, model => ''elsewhere.shop'')',
    'the setting recadv.model');
SELECT is(
    recadv_info() -> 'options',
    recadv_info('elsewhere.shop') -> 'options',
    'for the other functions too');
SELECT bag_eq(
    'SELECT * FROM recadv_topk(1, model => ''recadv_test.shop'')',
    'SELECT * FROM recadv_topk(1, 10, ''shop'')',
    'a name goes before it');
SET recadv.model = '"say ""hi"""';
SELECT bag_eq(
    'SELECT * FROM recadv_topk(1)',
    'SELECT * FROM recadv_topk(1, model => ''"say ""hi"""'')',
    'with quotes');
SET recadv.model = 'gone';
SELECT fails(
    'SELECT recadv_topk(1)',
    '42P01',
    'model "gone" does not exist%',
    'a setting that names no model');
SET recadv.model = 'orders';
SELECT fails('SELECT recadv_topk(1)', '42809', '"orders" is not a model%', 'or another table');
SET recadv.model = '';
SELECT fails('SELECT recadv_topk(1)', '42P08', '%', 'an empty setting is none');
RESET recadv.model;
CREATE FUNCTION of_shop(bigint) RETURNS SETOF bigint
LANGUAGE sql SET recadv.model = 'elsewhere.shop' AS 'SELECT item FROM recadv_topk($1)';
SELECT bag_eq(
    'SELECT of_shop(1)',
    'SELECT item FROM recadv_topk(1, model => ''elsewhere.shop'')',
    'a function with a setting of its own');
SELECT fails('SELECT recadv_topk(1)', '42P08', '%', 'which ends with it');

-- documents of a model
SELECT fails(
    'SELECT recadv_document(''shop'', ''user'')',
    '22023',
    '%',
    'a part that is no document is an error of the caller, not of the model');
SELECT fails(
    $$SELECT recadv_document('shop', 'nothing')$$,
    '22023',
    'part "nothing" is not a document%',
    'no such part');
SELECT is(recadv_document('shop', 'header', -1), NULL, 'no such block');
SELECT is(recadv_document('shop', 'header', 0, 77), NULL, 'no such version');

SELECT * FROM finish();
ROLLBACK;
