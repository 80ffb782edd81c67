-- What can be trained from: every kind of relation and query; what is read and what is counted.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(source text, model text DEFAULT 'made', extra text DEFAULT '')
RETURNS recadv_training LANGUAGE plpgsql AS $$
DECLARE
    result recadv_training;
BEGIN
    EXECUTE format(
        $q$SELECT *
           FROM recadv_train(%L, %L, algorithm => 'bpr', %s
               options => '{"factors":4,"epochs":2,"learning_rate":0.1,"holdout":"none","seed":7}')
        $q$,
        model,
        source,
        extra) INTO result;
    RETURN result;
END $$;

-- the same rows give the same model, whatever they come from
SELECT train('orders', 'reference') IS NOT NULL \g /dev/null
CREATE FUNCTION same_model(source text, description text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    error text;
BEGIN
    DROP TABLE IF EXISTS made;
    error := error_of(format('SELECT train(%L)', source));
    IF error IS NOT NULL THEN
        RETURN NEXT fail(description);
        RETURN NEXT diag('  have: ' || error);
    ELSE
        RETURN NEXT is(digest('made'), digest('reference'), description);
    END IF;
END $$;

CREATE VIEW orders_view AS SELECT * FROM orders;
CREATE MATERIALIZED VIEW orders_stored AS TABLE orders;
CREATE TABLE orders_parts (LIKE orders) PARTITION BY HASH (user_id);
CREATE TABLE orders_0 PARTITION OF orders_parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE orders_1 PARTITION OF orders_parts FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE orders_2 PARTITION OF orders_parts FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO orders_parts TABLE orders;
CREATE TEMP TABLE orders_temp AS TABLE orders;
CREATE UNLOGGED TABLE orders_unlogged AS TABLE orders;
CREATE TABLE parent (LIKE orders);
INSERT INTO parent SELECT * FROM orders WHERE item_id <= 20;
CREATE TABLE child () INHERITS (parent);
INSERT INTO child SELECT * FROM orders WHERE item_id > 20;
CREATE TABLE generated (u int, user_id int GENERATED ALWAYS AS (u + 1) STORED, item_id int);
INSERT INTO generated (u, item_id) SELECT user_id - 1, item_id FROM orders;
CREATE TABLE dropped (a int, user_id int, b int, item_id int);
INSERT INTO dropped SELECT 0, user_id, 1, item_id FROM orders;
ALTER TABLE dropped DROP COLUMN a, DROP COLUMN b;
CREATE FUNCTION orders_of_function()
RETURNS SETOF orders STABLE LANGUAGE sql AS 'TABLE recadv_test.orders';

SELECT same_model('orders_view', 'a view');
SELECT same_model('orders_stored', 'a materialised view');
SELECT same_model('orders_parts', 'a partitioned table');
SELECT same_model('orders_temp', 'a temporary table');
SELECT same_model('pg_temp.orders_temp', 'a temporary table, qualified');
SELECT same_model('orders_unlogged', 'an unlogged table');
SELECT same_model('parent', 'a table with children');
SELECT same_model('generated', 'a table with a generated column');
SELECT same_model('dropped', 'a table with dropped columns');
SELECT same_model('recadv_test.orders', 'a qualified table');
SELECT same_model('RECADV_Test.Orders', 'a name is folded to lower case as everywhere');

-- queries
SELECT same_model('(SELECT * FROM orders)', 'a query');
SELECT same_model(E'  \n\t(SELECT * FROM orders)\n ', 'white space around the query');
SELECT same_model('(TABLE orders)', 'TABLE');
SELECT same_model('(SELECT item_id, 1 AS other, user_id FROM orders)', 'columns in another order');
SELECT same_model('(WITH o AS (SELECT * FROM orders) SELECT * FROM o)',
    'a common table expression');
SELECT same_model(
    $$(WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 60)
       SELECT o.* FROM r
       JOIN orders o ON o.user_id = r.n)$$,
    'a recursive one');
SELECT same_model(
    $$(SELECT user_id, item_id FROM orders
       JOIN generate_series(1, 40) i ON i = item_id
       LEFT JOIN generate_series(1, 3) n ON n = user_id)$$,
    'joins');
SELECT same_model('(SELECT * FROM orders ORDER BY random())', 'ORDER BY');
SELECT same_model('(SELECT * FROM orders UNION ALL SELECT * FROM orders WHERE item_id < 5)',
    'UNION ALL');
SELECT same_model('((SELECT * FROM orders))', 'parentheses in parentheses');
SELECT same_model('(SELECT * FROM orders_of_function())', 'a function in FROM');
SELECT same_model(E'(SELECT * /* a comment ) */ FROM orders -- another )\n)',
    'comments in the query');
SELECT same_model('(SELECT * FROM orders) -- the orders', 'a comment behind the query');
SELECT same_model('(SELECT user_id, item_id, ''a) AS b; DROP TABLE orders'' AS "c)" FROM orders)',
    'parentheses and semicolons in texts and names');

-- a query cannot leave its parentheses
CREATE TABLE victim AS TABLE orders;
SELECT fails($$SELECT train('(SELECT * FROM orders) s; DELETE FROM victim; SELECT 1, 2')$$, '42601',
             'source must be one table or one query in parentheses%', 'a second statement');
SELECT fails(
    $$SELECT train('(SELECT * FROM orders); DELETE FROM victim; --')$$,
    '42601',
    '%',
    'a second statement and a comment');
SELECT fails($$SELECT train('(SELECT * FROM orders) s; --')$$, '42601', '%', 'a semicolon');
SELECT fails($$SELECT train('(DELETE FROM victim RETURNING *)')$$, '42601', '%', 'a DELETE');
SELECT fails(
    $$SELECT train('(WITH d AS (DELETE FROM victim RETURNING *) SELECT * FROM d)')$$,
    '0A000',
    '%',
    'a DELETE in a common table expression');
SELECT fails(
    $$SELECT train('(SELECT * FROM orders) s FOR UPDATE --')$$,
    '42601',
    '%',
    'FOR UPDATE');
SELECT fails($$SELECT train('(SELECT * FROM orders')$$, '42601', '%', 'a parenthesis too few');
SELECT fails($$SELECT train('()')$$, '42601', '%', 'empty parentheses');
SELECT is((SELECT count(*) FROM victim), (SELECT count(*) FROM orders), 'nothing was deleted');
SELECT fails(
    $$SELECT train('SELECT * FROM orders')$$,
    '42%',
    '%parentheses%',
    'a query without parentheses: the error tells about them');
SELECT fails($$SELECT train('orders o')$$, '42602', '%', 'an alias');
SELECT fails(
    $$SELECT train('orders; DELETE FROM victim')$$,
    '42602',
    '%',
    'a statement behind a table');
SELECT fails($$SELECT train('')$$, '42602', '%', 'an empty name');
SELECT fails(
    $$SELECT train('orders', extra => 'user_column => ''user_id FROM victim; --'',')$$,
    '42703',
    'column "user_id FROM victim; --" of source "orders" does not exist%',
    'a column name is quoted');
SELECT fails(
    $$SELECT train('(SELECT * FROM orders)', extra => 'item_column => ''item_id", "at'',')$$,
    '42703',
    '%',
    'with quotes too');
SELECT fails($$SELECT train('pg_class_oid_index')$$, '42%', '%', 'an index');
CREATE SEQUENCE numbers;
SELECT fails($$SELECT train('numbers')$$, '42703', '%', 'a sequence');
SELECT fails(
    $$SELECT train('nowhere')$$,
    '42P01',
    'source "nowhere" does not exist%query in parentheses%',
    'a table that is not there');

-- a foreign table: two columns that a program prints
CREATE FUNCTION foreign_table() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw') THEN
        RETURN NEXT skip(1, 'file_fdw is not installed here');
        RETURN;
    END IF;
    CREATE EXTENSION file_fdw SCHEMA recadv_test;
    CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
    EXECUTE format(
        'CREATE FOREIGN TABLE orders_foreign (user_id int, item_id int) '
        'SERVER files OPTIONS (program %L)',
        'printf "' || (SELECT string_agg(user_id || '\\t' || item_id, '\\n') FROM orders)
            || '\\n"');
    RETURN QUERY SELECT * FROM same_model('orders_foreign', 'a foreign table');
END $$;
SELECT foreign_table();

-- other column names
CREATE TABLE "Sales ""2026""" ("Customer ID" int, "select" int, "at.time" timestamp);
INSERT INTO "Sales ""2026""" TABLE orders;
DROP TABLE made;
SELECT works(
    $$SELECT train('"Sales ""2026"""',
          extra => 'user_column => ''Customer ID'', item_column => ''select'',')$$,
    'quoted names of table and columns');
SELECT is(digest('made'), digest('reference'), 'give the same model');
DROP TABLE made;
SELECT works(
    $$SELECT recadv_train('made', '(SELECT item_id AS user_id, user_id AS item_id FROM orders)',
          'item_id', 'user_id', NULL, 'bpr',
          '{"factors":4,"epochs":2,"learning_rate":0.1,"holdout":"none","seed":7}')$$,
    'positional arguments');
SELECT is(digest('made'), digest('reference'), 'give the same model too');

-- rows with a NULL id are skipped and counted, duplicates counted
CREATE TABLE dirty AS SELECT user_id, item_id, at FROM orders;
INSERT INTO dirty SELECT NULL, item_id, at FROM orders LIMIT 5;
INSERT INTO dirty SELECT user_id, NULL, at FROM orders LIMIT 3;
INSERT INTO dirty VALUES (NULL, NULL, NULL);
INSERT INTO dirty SELECT user_id, item_id, at + interval '9 years' FROM orders LIMIT 7;
INSERT INTO dirty SELECT user_id, item_id, at + interval '9 years' FROM orders LIMIT 2;
DROP TABLE made;
SELECT results_eq(
    $$SELECT users, items, interactions, null_rows, duplicates FROM train('dirty')$$,
    $$SELECT count(DISTINCT user_id), count(DISTINCT item_id), count(*), 9::bigint, 9::bigint
      FROM orders$$,
    'NULL ids and duplicates are counted');
SELECT is(digest('made'), digest('reference'), 'and change nothing');

-- degenerate sources
CREATE TABLE empty (user_id int, item_id int);
CREATE TABLE nulls AS SELECT i AS user_id, NULL::int AS item_id FROM generate_series(1, 4) i;
CREATE TABLE one_row AS SELECT 5 AS user_id, 6 AS item_id;
CREATE TABLE one_user AS SELECT 5 AS user_id, i AS item_id FROM generate_series(1, 9) i;
CREATE TABLE one_item AS SELECT i AS user_id, 5 AS item_id FROM generate_series(1, 9) i;
CREATE TABLE all_have_all AS
SELECT u AS user_id, i AS item_id
FROM generate_series(1, 4) u, generate_series(1, 5) i;
SELECT fails(
    $$SELECT train('empty', 'degenerate')$$,
    '22023',
    'source "empty" has no interactions',
    'no rows');
SELECT fails(
    $$SELECT train('nulls', 'degenerate')$$,
    '22023',
    'source "nulls" has no interactions | Skipped rows: 4 with a NULL id.',
    'only NULL ids');
SELECT fails(
    format('SELECT train(%L, ''degenerate'')', s),
    '22023',
    'no user lacks any of the % items%popularity%',
    s)
FROM unnest('{one_row,one_user,one_item,all_have_all}'::text[]) s;
SELECT is(to_regclass('degenerate'), NULL, 'no table is left behind');
CREATE FUNCTION popularity(source text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', users, items, interactions, stop_reason)
    FROM recadv_train('degenerate', source, algorithm => 'popularity',
        options => '{"holdout":"auto"}')
$$;
SELECT is(popularity('one_row'), '1 1 1 counted', 'popularity of one row');
SELECT is((SELECT count(*) FROM recadv_topk(5, 5, 'degenerate')), 0::bigint, 'its user has it');
SELECT results_eq(
    $$SELECT * FROM recadv_topk(6, 5, 'degenerate')$$,
    $$VALUES (6::bigint, 1::real, 1, true)$$,
    'another gets it');
SELECT is(popularity('one_user'), '1 9 9 counted', 'popularity of one user');
SELECT is((SELECT count(*) FROM recadv_topk(6, 5, 'degenerate')), 5::bigint, 'serves');
SELECT is(popularity('one_item'), '9 1 9 counted', 'popularity of one item');
SELECT is(popularity('all_have_all'), '4 5 20 counted', 'popularity where all have all');

-- a user who has everything does not stop the others, in any form of training
INSERT INTO orders SELECT 61, i FROM generate_series(1, 40) i;
SELECT works(
    format('SELECT recadv_train(''full'', ''orders'', algorithm => %L, options => %L)', a, o),
    a || ' with a user who has everything, ' || o)
FROM (VALUES
    ('popularity', '{"seed":7}'),
    ('bpr', '{"factors":4,"epochs":2,"seed":7}'),
    ('bpr', '{"factors":4,"epochs":2,"batch_size":16,"seed":7}'),
    ('amf', '{"factors":4,"epochs":2,"adv_epochs":2,"adaptive_negatives":3,"seed":7}'),
    ('amf', '{"factors":4,"epochs":2,"adv_epochs":2,"batch_size":1000,"holdout":"none","seed":7}')
) v(a, o);
SELECT is((SELECT count(*) FROM recadv_topk(61, 5, 'full')), 0::bigint, 'who gets nothing');
SELECT is(
    (SELECT count(*) FROM recadv_topk(61, 5, 'full', false)),
    5::bigint,
    'unless asked for seen items');
SELECT is(
    (SELECT count(*) FROM recadv_topk(1, 5, 'full')),
    5::bigint,
    'the others get what they lack');

-- one user lacks one item: there is exactly one thing to learn from
SELECT works(
    $$SELECT train(
          $q$(SELECT u AS user_id, i AS item_id
              FROM generate_series(1, 3) u, generate_series(1, 3) i WHERE u + i < 6)$q$,
          'nearly')$$,
    'one pair is missing');
SELECT results_eq(
    $$SELECT item, rank FROM recadv_topk(3, 5, 'nearly')$$,
    $$VALUES (3::bigint, 1)$$,
    'and is recommended');

SELECT * FROM finish();
ROLLBACK;
