-- Who may train, serve and see: the caller's rights, and nothing else.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE ROLE recadv_test_owner;
CREATE ROLE recadv_test_reader;
CREATE ROLE recadv_test_member IN ROLE recadv_test_owner;
CREATE ROLE recadv_test_stranger;
CREATE SCHEMA models;
GRANT USAGE, CREATE ON SCHEMA models TO recadv_test_owner;
GRANT USAGE ON SCHEMA models TO recadv_test_reader, recadv_test_stranger;
GRANT SELECT ON orders
TO recadv_test_owner, recadv_test_reader, recadv_test_member, recadv_test_stranger;
SET LOCAL search_path = models, recadv_test, public;

CREATE FUNCTION recadv_test.train(model text, source text DEFAULT 'recadv_test.orders')
RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, source, algorithm => 'bpr',
        options => '{"factors":4,"epochs":2,"seed":7,"keep_versions":5}')
$$;

-- a model belongs to who trains it
SELECT works(
    $$SELECT train('shop')$$,
    'the owner of a schema may train there',
    'recadv_test_owner');
SELECT is(
    (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'models.shop'::regclass),
    'recadv_test_owner',
    'the model is the caller''s');
SELECT fails(
    $$SELECT train('models.mine')$$,
    '42501',
    'permission denied for schema models%',
    'without CREATE on a schema no model is made',
    'recadv_test_reader');

-- everything that uses a model, by a role with and without SELECT
CREATE TABLE recadv_test.uses (statement text);
INSERT INTO uses VALUES
    ('SELECT recadv_topk(1, 3, ''shop'')'),
    ('SELECT recadv_topk(''1'', 3, ''models.shop'')'),
    ('SELECT recadv_topk(999, 3, ''shop'')'),
    ('SELECT recadv_topk_all(''shop'', 3)'),
    ('SELECT recadv_topk_all(''models.shop'', 3, ''{1,999}''::text[])'),
    ('SELECT recadv_score(1, 1, ''shop'')'),
    ('SELECT recadv_score(''1'', ''1'', ''shop'')'),
    ('SELECT recadv_has_user(1, ''shop'')'),
    ('SELECT recadv_has_user(''1'', ''shop'')'),
    ('SELECT recadv_info(''shop'')'),
    ('SELECT * FROM recadv_history(''shop'')'),
    ('SELECT * FROM recadv_runs(''shop'')'),
    ('SELECT * FROM recadv_run_numbers(''shop'')'),
    ('SELECT recadv_document(''shop'', ''header'')'),
    ('SELECT * FROM recadv_robustness(''shop'', ''{0.5}'')'),
    ('SELECT * FROM recadv_evaluate(''shop'', '
     '''(SELECT 1 AS user_id, generate_series(1, 40) AS item_id)'')');
GRANT SELECT ON uses TO PUBLIC;
SELECT fails(
    statement,
    '42501',
    'permission denied for table shop%',
    statement || ' needs SELECT',
    'recadv_test_reader')
FROM uses;
SELECT is(
    has_table_privilege('recadv_test_reader', 'shop', 'SELECT'),
    false,
    'which nobody has by default');
GRANT SELECT ON shop TO recadv_test_reader;
SELECT works(statement, statement || ' works with SELECT', 'recadv_test_reader') FROM uses;
SELECT works(statement, statement || ' works for a member of the owner', 'recadv_test_member')
FROM uses LIMIT 3;
SELECT fails(
    statement,
    '42501',
    'permission denied for table shop%',
    statement || ' does not for others',
    'recadv_test_stranger')
FROM uses LIMIT 3;

-- what the session has cached for one role is not for another
SELECT recadv_topk(1, 3, 'shop') \g /dev/null
SELECT fails(
    'SELECT recadv_topk(1, 3, ''shop'')',
    '42501',
    '%',
    'a cached model is checked at each call',
    'recadv_test_stranger');
REVOKE SELECT ON shop FROM recadv_test_reader;
SELECT fails(
    'SELECT recadv_topk(1, 3, ''shop'')',
    '42501',
    '%',
    'REVOKE works at once',
    'recadv_test_reader');
GRANT SELECT (version, part, block) ON shop TO recadv_test_reader;
SELECT fails(
    'SELECT recadv_topk(1, 3, ''shop'')',
    '42501',
    '%',
    'some of the columns are not enough',
    'recadv_test_reader');
GRANT SELECT ON shop TO recadv_test_reader;
REVOKE USAGE ON SCHEMA models FROM recadv_test_reader;
SELECT fails(
    'SELECT recadv_topk(1, 3, ''models.shop'')',
    '42501',
    'permission denied for schema models%',
    'nor is a schema without USAGE',
    'recadv_test_reader');
SELECT fails(
    'SELECT recadv_topk(1, 3)',
    '42P01',
    'there is no model that you may read%',
    'a model in such a schema is not found without a name either',
    'recadv_test_reader');
GRANT USAGE ON SCHEMA models TO recadv_test_reader;

-- changing a model is for its owner
SELECT answers('shop') AS answers \gset
GRANT ALL ON shop TO recadv_test_stranger;
SELECT fails(
    'SELECT train(''shop'')',
    '42501',
    'must be owner of table shop%',
    'training another''s model is refused, whatever was granted',
    'recadv_test_stranger');
SELECT fails(
    'SELECT recadv_rollback(''shop'')',
    '42501',
    'must be owner of table shop%',
    'rolling it back too',
    'recadv_test_stranger');
SELECT fails(
    $$SELECT recadv_save('shop', recadv_fit(user_id, item_id, '{"algorithm":"popularity"}'))
      FROM orders$$,
    '42501',
    'must be owner of table shop%',
    'and saving to it',
    'recadv_test_stranger');
SELECT is(answers('shop'), :'answers', 'it serves as before');
SELECT works('SELECT train(''shop'')', 'a member of the owner may train', 'recadv_test_member');
SELECT works('SELECT recadv_rollback(''shop'')', 'and roll back', 'recadv_test_member');
SELECT is(
    (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'models.shop'::regclass),
    'recadv_test_owner',
    'the owner stays');

-- sources are read with the caller's rights
CREATE TABLE recadv_test.secret AS TABLE orders;
CREATE VIEW recadv_test.secret_view AS TABLE orders;
CREATE VIEW recadv_test.open_view AS TABLE secret;
GRANT SELECT ON open_view TO recadv_test_owner;
SELECT fails(
    'SELECT train(''shop'', ''secret'')',
    '42501',
    'permission denied for table secret%',
    'a table that the caller may not read',
    'recadv_test_owner');
SELECT fails(
    'SELECT train(''shop'', ''secret_view'')',
    '42501',
    'permission denied for view secret_view%',
    'a view',
    'recadv_test_owner');
SELECT fails(
    'SELECT train(''shop'', ''(SELECT * FROM secret)'')',
    '42501',
    'permission denied for table secret%',
    'a query',
    'recadv_test_owner');
SELECT fails(
    'SELECT * FROM recadv_evaluate(''shop'', ''secret'')',
    '42501',
    'permission denied for table secret%',
    'a test source',
    'recadv_test_reader');
SELECT fails(
    'SELECT * FROM recadv_robustness(''shop'', ''{1}'', ''secret'')',
    '42501',
    'permission denied for table secret%',
    'also for robustness',
    'recadv_test_reader');
SELECT works(
    'SELECT train(''shop'', ''open_view'')',
    'a view over it that the caller may read',
    'recadv_test_owner');
GRANT SELECT (user_id, item_id) ON secret TO recadv_test_owner;
SELECT works(
    'SELECT train(''shop'', ''secret'')',
    'columns that the caller may read',
    'recadv_test_owner');
SELECT fails(
    $$SELECT recadv_train('shop', 'secret', time_column => 'at', algorithm => 'popularity',
          options => '{}')$$,
    '42501',
    'permission denied for table secret%',
    'not more of them',
    'recadv_test_owner');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON orders USING (user_id <= 30);
SELECT is(
    error_of(
        $q$DO $d$
           DECLARE
               found bigint := (SELECT users
                                FROM recadv_train('shop', 'recadv_test.orders',
                                    algorithm => 'popularity', options => '{}'));
           BEGIN
               IF found <> 30 THEN
                   RAISE 'all users';
               END IF;
           END $d$$q$,
        'recadv_test_owner'),
    NULL,
    'row-level security of a source holds');
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;

-- row-level security on a model would apply to blocks
SELECT is(
    (SELECT users
     FROM recadv_train('ours', 'recadv_test.orders', algorithm => 'popularity', options => '{}')),
    60::bigint,
    'another model');
GRANT SELECT ON ours TO recadv_test_reader;
SELECT works('SELECT recadv_topk(1, 3, ''ours'')', 'is served', 'recadv_test_reader');
ALTER TABLE ours ENABLE ROW LEVEL SECURITY;
SELECT fails(
    'SELECT recadv_topk(1, 3, ''ours'')',
    '0A000',
    'model "ours" has row-level security%GRANT SELECT%',
    'with row-level security it is refused',
    'recadv_test_reader');
CREATE POLICY all_rows ON ours USING (true);
SELECT fails(
    'SELECT recadv_topk(1, 3, ''ours'')',
    '0A000',
    '%row-level security%',
    'whatever the policy',
    'recadv_test_reader');
SELECT works('SELECT recadv_topk(1, 3, ''ours'')', 'but not for its owner');
ALTER TABLE ours OWNER TO recadv_test_owner;
ALTER TABLE ours FORCE ROW LEVEL SECURITY;
SELECT fails(
    'SELECT recadv_topk(1, 3, ''ours'')',
    '0A000',
    '%row-level security%',
    'unless it is forced',
    'recadv_test_owner');
ALTER TABLE ours DISABLE ROW LEVEL SECURITY;

-- the view and the choice of a model show only what may be read
CREATE FUNCTION recadv_test.visible() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(name || ' ' || status, ', ' ORDER BY name) FROM recadv_models
$$;
SELECT is(
    error_of($$DO 'BEGIN RAISE ''%'', coalesce(visible(), ''none''); END'$$, r),
    'P0001 | ' || v,
    'recadv_models for ' || r)
FROM (VALUES ('recadv_test_reader', 'ours ok, shop ok'), ('recadv_test_stranger', 'shop ok'),
             ('recadv_test_member', 'ours ok, shop ok')) v(r, v);
REVOKE ALL ON shop FROM recadv_test_stranger;
SELECT is(
    error_of($$DO 'BEGIN RAISE ''%'', coalesce(visible(), ''none''); END'$$,
        'recadv_test_stranger'),
    'P0001 | none',
    'recadv_models without any right');
SELECT fails(
    'SELECT recadv_topk(1)',
    '42P08',
    'there are 2 models: name one | Models: models.%, models.%',
    'a reader of two must choose',
    'recadv_test_reader');
SELECT fails(
    'SELECT recadv_topk(1)',
    '42P01',
    'there is no model that you may read%',
    'a reader of none has none',
    'recadv_test_stranger');
GRANT SELECT ON ours TO recadv_test_stranger;
SELECT works('SELECT recadv_topk(1)', 'a reader of one needs not choose', 'recadv_test_stranger');
SELECT fails(
    'SELECT recadv_topk(1)',
    '42P08',
    '%',
    'the other still must, in the same session',
    'recadv_test_reader');
GRANT SELECT ON shop TO recadv_test_stranger;
SELECT fails('SELECT recadv_topk(1)', '42P08', '%', 'a GRANT is noticed', 'recadv_test_stranger');
SELECT is(recadv_model_status(NULL::oid) IS NULL, true, 'no status of nothing');
REVOKE SELECT ON shop, ours FROM recadv_test_stranger;
SELECT is(
    error_of(
        $$DO 'BEGIN RAISE ''%'', (recadv_model_status(''models.shop''::regclass)).status; END'$$,
        'recadv_test_stranger'),
    'P0001 | permission denied for table shop',
    'the status of a model needs SELECT, too');

-- a function of its owner lends its rights
CREATE FUNCTION recadv_test.lend(bigint) RETURNS SETOF bigint
SECURITY DEFINER LANGUAGE sql SET search_path = models, public AS $$
    SELECT item FROM recadv_topk($1, 3, 'shop')
$$;
SELECT works('SELECT lend(1)', 'SECURITY DEFINER', 'recadv_test_stranger');

-- limits are not for everyone to raise
SELECT fails(
    format('SET recadv.%s = %s', s, v),
    '42501',
    'permission denied to set parameter "recadv.' || s || '"%',
    s || ' is not for all to set',
    'recadv_test_owner')
FROM (VALUES ('max_memory', '4194304'), ('max_threads', '64')) v(s, v);
SELECT works(format('SET recadv.%s = %L', s, v), s || ' is', 'recadv_test_owner')
FROM (VALUES ('model', 'x'), ('cache_size', '0'), ('progress', 'off')) v(s, v);

-- read-only transactions: pgTAP writes, so the statements run in a subtransaction that is made
-- read-only and then rolled back
CREATE FUNCTION recadv_test.read_only(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    error text;
BEGIN
    SET LOCAL transaction_read_only = on;
    error := error_of(statement);
    RAISE SQLSTATE 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
    RETURN error;
END $$;
SELECT is(
    read_only(format('SELECT %s', s)),
    format('25006 | cannot execute %s in a read-only transaction', n),
    n || ' is refused in a read-only transaction')
FROM (VALUES
    ('train(''shop'')', 'recadv_train()'),
    ('recadv_rollback(''shop'')', 'recadv_rollback()'),
    ('recadv_save(''new'', ''\x00'')', 'recadv_save()')) v(s, n);
SELECT is(read_only(statement), NULL, statement || ' works there')
FROM uses WHERE statement !~ 'robustness';

SELECT * FROM finish();
ROLLBACK;
