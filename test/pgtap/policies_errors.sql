-- recadv_train_policy: what it refuses, rights, damaged and forged models.
BEGIN;
\ir setup.psql
\ir slates.psql
\ir forge.psql
SELECT * FROM no_plan();

SELECT recadv_train_policy('visitors', 'slates', algorithm => 'user_response',
    options => short('user_response')) \g /dev/null
SELECT recadv_train_policy('front', 'slates', simulator => 'visitors',
    options => short('hac')) \g /dev/null
SELECT recadv_train('pairs', 'orders', algorithm => 'popularity') \g /dev/null

-- --- arguments

SELECT fails(format('SELECT recadv_train_policy(%s)', arguments || CASE
        WHEN arguments ~ 'simulator|algorithm|, ''slates''$' THEN '' ELSE ', algorithm => ''sl''' END),
    state, pattern, arguments)
FROM (VALUES
    ('NULL, ''slates''', '22004', 'argument "model" must not be NULL'),
    ('''m'', NULL', '22004', 'argument "source" must not be NULL'),
    ('''m'', ''slates'', session_column => NULL', '22004',
        'argument "session_column" must not be NULL'),
    ('''m'', ''slates'', step_column => NULL', '22004', 'argument "step_column" must not be NULL'),
    ('''m'', ''slates'', shown_column => NULL', '22004', 'argument "shown_column" must not be NULL'),
    ('''m'', ''slates'', clicked_column => NULL', '22004',
        'argument "clicked_column" must not be NULL'),
    ('''m'', ''slates'', algorithm => NULL', '22004', 'argument "algorithm" must not be NULL'),
    ('''m'', ''slates'', session_column => ''visit''', '42703',
        'column "visit" of source "slates" does not exist | Name the column with session_column =>%'),
    ('''m'', ''slates'', step_column => ''at''', '42703', '%"at"%step_column =>%'),
    ('''m'', ''slates'', shown_column => ''Shown''', '42703',
        '%"Shown"%Columns are taken as they are written: shown_column => ''shown''.'),
    ('''m'', ''slates'', clicked_column => ''liked''', '42703', '%"liked"%clicked_column =>%'),
    ('''m'', ''slates'', reward_column => ''worth''', '42703', '%"worth"%reward_column =>%'),
    ('''m'', ''slates'', propensity_column => ''chance''', '42703',
        '%"chance"%propensity_column =>%'),
    ('''m'', ''(SELECT 1 AS session_id)''', '42703', 'column "step" does not exist%'),
    ('''m'', ''slates'', reward_column => ''propensity'', propensity_column => ''propensity''',
        '22023', 'column "propensity" is given for two things%'),
    ('''m'', ''slates'', clicked_column => ''shown''', '22023',
        'column "shown" is given for two things%'),
    ('''m'', ''nothing''', '42P01', 'source "nothing" does not exist%'),
    ('''m'', ''SELECT 1''', '42601', 'a source that is a query must be in parentheses'),
    ('''m'', ''(SELECT 1) x; DROP TABLE slates; (SELECT 2)''', '42601', '%'),
    ('''m'', ''slates'', algorithm => ''hack''', '22023',
        'unknown algorithm "hack" | Known algorithms: %user_response%hac%'),
    ('''m'', ''slates'', algorithm => ''bpr''', '22023',
        'algorithm "bpr" learns from interactions, not from a log of slates | '
        'Train it with recadv_train()%'),
    ('''m'', ''slates'', algorithm => ''auto''', '22023', 'algorithm "auto" is chosen by %'),
    ('''m'', ''slates'', options => ''{"holdout": "last"}''', '22023',
        'unknown option "holdout" for algorithm "sl"%'),
    ('''m'', ''slates'', options => ''{"warm_start": true}''', '22023', 'unknown option%'),
    ('''m'', ''slates'', options => ''{"threads": 99}''', '22023', '%threads%'),
    ('''m'', ''slates'', options => ''{"promote": 2}''', '22023', 'option "promote" must be %'),
    ('''m'', ''slates'', options => ''[1]''', '22023', 'options must be a JSON object%'),
    ('''m'', ''slates''', '22023',
        'algorithm "hac" learns from simulated visitors, and no simulator is named | Train one from '
        'the log (algorithm user_response, irecgan) and name it %; from a log alone learns: sl, irecgan.'),
    ('''m'', ''slates'', simulator => ''nobody''', '42P01',
        'simulator "nobody" does not exist | recadv_train_policy() trains one, with the algorithm '
        'user_response, irecgan.'),
    ('''m'', ''slates'', simulator => ''pairs''', '42809',
        'model "pairs" is no simulator: its algorithm is "popularity" | %user_response, irecgan.'),
    ('''m'', ''slates'', simulator => ''front''', '42809',
        'model "front" is no simulator: its algorithm is "hac"%'),
    ('''m'', ''slates'', simulator => ''slates''', '42809', '"slates" is not a model%'),
    ('''visitors'', ''slates'', simulator => ''visitors''', '22023',
        'model "visitors" cannot be its own simulator%'),
    ('''visitors'', ''slates'', simulator => ''recadv_test.visitors''', '22023',
        'model "visitors" cannot be its own simulator%'),
    ('''m'', ''slates'', simulator => ''visitors'', algorithm => ''user_response''', '22023',
        'algorithm "user_response" makes simulators, and learns from the log alone%')
) x(arguments, state, pattern);
SELECT fails('SELECT recadv_train(''m'', ''orders'', algorithm => ''hac'')', '22023',
    'algorithm "hac" learns from a log of slates, not from interactions | '
    'Train it with recadv_train_policy()%', 'recadv_train of a policy');
SELECT fails('SELECT recadv_train(''m'', ''orders'', options => ''{"candidates": "hac"}'')', '22023',
    '%candidates%', 'auto does not take it');
SELECT fails('SELECT * FROM recadv_tune(''m'', ''orders'', algorithms => ARRAY[''hac''])', '22023',
    'algorithm "hac" learns from a log of slates%', 'nor does recadv_tune');
SELECT fails('SELECT recadv_fit(user_id, item_id, ''{"algorithm": "hac"}'') FROM orders', '22023',
    'algorithm "hac" learns from a log of slates%', 'nor recadv_fit');
SELECT fails('SELECT recadv_estimate_memory(10, 10, 10, ''hac'')', '22023',
    'algorithm "hac" learns from a log of slates%', 'nor recadv_estimate_memory');
SELECT fails('SELECT * FROM recadv_evaluate_stream(''orders'', ''at'', algorithm => ''hac'')', '%',
    '%', 'nor recadv_evaluate_stream');
SELECT fails('CALL recadv_train_policy_job(''m'', ''slates'')', '2D000',
    'recadv_train_policy_job() commits and cannot run inside a transaction | %SELECT '
    'recadv_train_policy() here.', 'the job commits');
SELECT is((SELECT count(*) FROM recadv_options('hac') WHERE option IN
        ('seed', 'threads', 'keep_versions', 'promote')), 4::bigint, 'options of all policies');
SELECT is((SELECT count(*) FROM recadv_options('hac') WHERE option IN
        ('holdout', 'warm_start', 'lateness', 'validation_users')), 0::bigint,
    'and what would mean nothing');

-- --- types of columns

-- A log with one column replaced.
CREATE FUNCTION with_column(name text, expression text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT recadv_train_policy(''m'', ''(SELECT %s FROM recadv_test.slates)'',
        reward_column => ''reward'', propensity_column => ''propensity'', algorithm => ''sl'',
        options => short(''sl''))',
        (SELECT string_agg(replace(CASE WHEN c = name THEN expression || ' AS ' || c ELSE c END,
                    '''', ''''''), ', ')
         FROM unnest(ARRAY['session_id', 'step', 'shown', 'clicked', 'reward', 'propensity']) c))
$$;
SELECT fails(with_column(name, expression), '42804', pattern, name || ' as ' || expression)
FROM (VALUES
    ('step', 'step::text', 'column "step" must be a number or a time, not text%'),
    ('step', 'true', 'column "step" must be a number or a time, not boolean%'),
    ('shown', '1', 'column "shown" must be an array of items, not integer%'),
    ('shown', '''{1}''', 'column "shown" must be an array of items, not text%'),
    ('shown', 'to_jsonb(shown)', 'column "shown" must be an array of items, not jsonb%'),
    ('clicked', '1', 'column "clicked" must be an array of items, not integer%'),
    ('clicked', 'clicked::text[]',
        'column "shown" has items of type integer, column "clicked" of type text%'),
    ('reward', '''x''::text', 'column "reward" must be a number, not text%'),
    ('reward', 'shown', 'column "reward" must be a number, not integer[]%'),
    ('propensity', '0.5', 'column "propensity" must be an array of numbers, not numeric%'),
    ('propensity', 'shown::text[]', 'column "propensity" must be an array of numbers, not text[]%')
) x(name, expression, pattern);
CREATE DOMAIN ids AS int[] CHECK (cardinality(VALUE) < 9);
CREATE DOMAIN place AS int;
SELECT works(with_column('shown', 'shown::recadv_test.ids'), 'a domain over an array');
SELECT works(with_column('step', 'step::recadv_test.place'), 'a domain over a number');
SELECT works(with_column('clicked', 'clicked::smallint[]'), 'clicks of a smaller integer');

-- --- sources with nothing in them

CREATE TABLE empty (LIKE slates);
SELECT fails('SELECT recadv_train_policy(''m'', ''empty'', algorithm => ''sl'')', '22023',
    'source "empty" has no slates', 'an empty table');
SELECT fails($$SELECT recadv_train_policy('m',
        '(SELECT NULL::int AS session_id, step, shown, clicked FROM recadv_test.slates)', algorithm => 'sl')$$, '22023',
    'source % has no slates | All % rows have a NULL session or step.', 'sessions that are NULL');
SELECT fails($$SELECT recadv_train_policy('m',
        '(SELECT session_id, step, shown, ARRAY[99] AS clicked FROM recadv_test.slates)', algorithm => 'sl')$$, '22023',
    'source % has no slates | Of its rows, % are broken; the first is step % of session %: an item '
    'was clicked that was not shown.', 'rows that are all broken');
SELECT fails($$SELECT recadv_train_policy('m', '(SELECT 1 AS session_id, 1 AS step,
        ARRAY[1, 2] AS shown, ARRAY[1] AS clicked FROM generate_series(1, 3))', algorithm => 'sl')$$, '22023',
    'source % has no slates | Of its rows, 3 are broken; the first is step 1 of session 1: there are '
    '3 rows of it.', 'one step, three times');
SELECT ok(error_of(format($$SELECT recadv_train_policy('tiny_%s', '(SELECT 1 AS session_id, 1 AS step,
        ARRAY[7] AS shown, ARRAY[7] AS clicked)', algorithm => %1$L, options => short(%1$L))$$, a))
    IS NULL OR error_of(format($$SELECT recadv_train_policy('tiny_%s', '(SELECT 1 AS session_id, 1 AS
        step, ARRAY[7] AS shown, ARRAY[7] AS clicked)', algorithm => %1$L, options => short(%1$L))$$,
        a)) ~ '^(22023|22003)', a || ': one session of one step of one item') FROM policies() a;

-- --- simulators that do not suit

SELECT recadv_train_policy('text_visitors', '(SELECT session_id, step, shown::text[], clicked::text[]
    FROM recadv_test.slates)', algorithm => 'user_response',
    options => short('user_response')) \g /dev/null
SELECT fails('SELECT recadv_train_policy(''m'', ''slates'', simulator => ''text_visitors'')', '42804',
    'simulator "text_visitors" has items whose ids are of the kind text, the source bigint%',
    'a simulator of ids of another kind');
SELECT fails($$SELECT recadv_train_policy('m', '(SELECT session_id, step,
        array(SELECT i + 1000 FROM unnest(shown) i) AS shown, NULL::int[] AS clicked
        FROM recadv_test.slates)', simulator => 'visitors', options => short('hac'))$$, '22023',
    'simulator "visitors" knows none of the items of the source%', 'a simulator of other items');
SELECT works($$SELECT recadv_train_policy('m', '(SELECT session_id, step,
        array(SELECT i + 10 FROM unnest(shown) i) AS shown, NULL::int[] AS clicked
        FROM recadv_test.slates)', simulator => 'visitors', options => short('hac'))$$,
    'some items are enough');
CREATE TABLE untrained OF recadv_model (PRIMARY KEY (version, part, block));
SELECT fails('SELECT recadv_train_policy(''m'', ''slates'', simulator => ''untrained'')', '%', '%',
    'a simulator that was never trained');

-- --- memory

SET LOCAL recadv.max_memory = '1MB';
SELECT fails($$SELECT recadv_train_policy('m', '(SELECT s AS session_id, 1 AS step,
        array(SELECT generate_series(1, 1000)) AS shown, NULL::int[] AS clicked
        FROM generate_series(1, 1000) s)', algorithm => 'sl', options => short('sl'))$$, '54000',
    'reading the slates needs %recadv.max_memory%or a shorter log of slates.', 'a log too large');
SELECT fails($$SELECT recadv_train_policy('m', 'slates', algorithm => 'sl', options => '{"factors": 512}')$$, '54000',
    'training needs %recadv.max_memory%or a shorter log of slates.', 'a model too large');
RESET recadv.max_memory;

-- --- rights

CREATE ROLE recadv_test_reader;
CREATE ROLE recadv_test_owner;
GRANT CREATE ON SCHEMA recadv_test TO recadv_test_owner;
GRANT SELECT ON visitors TO recadv_test_owner;
SELECT fails('SELECT recadv_train_policy(''own'', ''slates'', simulator => ''visitors'')', '42501',
    'permission denied for table slates%', 'without SELECT on the source', 'recadv_test_owner');
GRANT SELECT ON slates TO recadv_test_owner;
SELECT works('SELECT recadv_train_policy(''own'', ''slates'', simulator => ''visitors'',
    options => short(''hac''))', 'with it', 'recadv_test_owner');
SELECT fails('SELECT recadv_train_policy(''front'', ''slates'', algorithm => ''sl'', options => short(''sl''))', '42501',
    'must be owner of table front%', 'a model of somebody else', 'recadv_test_owner');
REVOKE SELECT ON visitors FROM recadv_test_owner;
SELECT fails('SELECT recadv_train_policy(''own'', ''slates'', simulator => ''visitors'',
    options => short(''hac''))', '42501', 'permission denied for table visitors%',
    'without SELECT on the simulator', 'recadv_test_owner');
SELECT fails('SELECT * FROM recadv_topk_for(''{1}''::bigint[], 5, ''front'')', '42501',
    'permission denied for table front%', 'without SELECT on the policy', 'recadv_test_reader');
GRANT SELECT ON front TO recadv_test_reader;
SELECT works('SELECT * FROM recadv_topk_for(''{1}''::bigint[], 5, ''front'')', 'with it',
    'recadv_test_reader');

-- --- damage

-- each part of a policy and of a simulator, one after the other: missing, too short, of another
-- shape; what reads it says which part it is
CREATE FUNCTION ask(model text) RETURNS text LANGUAGE sql AS $$
    SELECT error_of(CASE recadv_info(model) ->> 'algorithm'
        WHEN 'user_response' THEN format('SELECT recadv_train_policy(''m'', ''slates'',
            simulator => %L, options => short(''hac'', ''{"promote": 0}''))', model)
        ELSE format('SELECT recadv_train_policy(%L, ''slates'', simulator => ''visitors'',
            options => short(''hac''))', model) END)
$$;
CREATE TABLE parts AS
SELECT 'visitors' AS model, part FROM visitors WHERE version = 1 AND block = 0
    AND part NOT IN ('header', 'history') GROUP BY 2
UNION ALL
SELECT 'front', part FROM front WHERE version = 1 AND block = 0
    AND part NOT IN ('header', 'history') GROUP BY 2;
CREATE FUNCTION damaged(of text, damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p text;
    answer text;
    wrong text := '';
BEGIN
    FOR p IN SELECT part FROM parts WHERE model = of ORDER BY part LOOP
        PERFORM copy_model(of, 'bad');
        EXECUTE format(damage, 'bad') USING p;
        IF of = 'visitors' THEN
            answer := error_of('SELECT recadv_train_policy(''m'', ''slates'', simulator => ''bad'',
                options => short(''hac'', ''{"promote": 0}''))');
            IF answer IS NULL OR answer !~ ('^(XX001|0A000)') OR strpos(answer, p) = 0 THEN
                wrong := wrong || p || ': ' || coalesce(answer, 'no error') || E'\n';
            END IF;
        ELSE
            -- a damaged version does not stop the training that replaces it
            answer := error_of('SELECT recadv_train_policy(''bad'', ''slates'',
                simulator => ''visitors'', options => short(''hac''))');
            IF answer IS NOT NULL THEN
                wrong := wrong || p || ': ' || answer || E'\n';
            END IF;
        END IF;
    END LOOP;
    RETURN nullif(wrong, '');
END $$;
SELECT is(damaged(m, 'DELETE FROM %I WHERE part = $1 AND version = 1'), NULL, m || ': a part is missing')
FROM unnest(ARRAY['visitors', 'front']) m;
SELECT is(damaged(m, 'UPDATE %I SET data = substr(data, 1, length(data) - 4)
    WHERE part = $1 AND version = 1'), NULL, m || ': a part is too short')
FROM unnest(ARRAY['visitors', 'front']) m;
SELECT is(damaged(m, 'UPDATE %I SET data = set_byte(data, length(data) - 1,
    get_byte(data, length(data) - 1) # 1) WHERE part = $1 AND version = 1'), NULL,
    m || ': a part whose checksum is wrong')
FROM unnest(ARRAY['visitors', 'front']) m;
-- networks of another shape, with a right checksum
SELECT is(damaged(m, 'UPDATE %I SET data = recadv_test.block(part,
        get_byte(data, 8), recadv_test.uint(data, 12), recadv_test.uint(data, 16) + 1,
        recadv_test.uint(data, 20), substr(data, 33))
    WHERE part = $1 AND version = 1'), NULL, m || ': a part with a row more')
FROM unnest(ARRAY['visitors', 'front']) m;

-- headers that lie
CREATE FUNCTION lying(of text, key text, value jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM copy_model(of, 'bad');
    UPDATE bad SET data = recadv_test.json_block('header',
        (recadv_info(of) || jsonb_build_object(key, value))::text)
    WHERE part = 'header' AND version = 1;
    RETURN coalesce(error_of('SELECT * FROM recadv_topk_for(''{1}''::bigint[], 5, ''bad'')'), 'serves');
END $$;
SELECT matches(lying('front', key, value), pattern, key || ' ' || value)
FROM (VALUES
    ('users', '5'::jsonb, '^XX001.*users'),
    ('items', '31', '^XX001'),
    ('items', '0', '^XX001|^serves'),
    ('simulator_version', '0', '^XX001.*simulator_version'),
    ('simulator_version', '99999999999', '^XX001.*simulator_version'),
    ('algorithm', '"popularity"', '^(XX001|0A000)'),
    ('algorithm', '"unheard"', '^0A000'),
    ('options', '{"factors": 100000000}', '^XX001'),
    ('item_kind', '"text"', '^XX001|^42804')) x(key, value, pattern);

-- --- reading

SET LOCAL transaction_read_only = on;
SELECT works('SELECT * FROM recadv_topk_for(''{1}''::bigint[], 5, ''front'')',
    'a policy serves in a read-only transaction');
SELECT fails('SELECT recadv_train_policy(''m'', ''slates'')', '25006', '%recadv_train_policy()%',
    'and is not trained there');

SELECT * FROM finish();
ROLLBACK;
