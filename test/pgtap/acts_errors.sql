-- Acts: what recadv_train_policy, recadv_act and recadv_evaluate_policy refuse, rights, damaged and
-- forged models.
BEGIN;
\ir setup.psql
\ir acts.psql
\ir forge.psql
SELECT * FROM no_plan();

SELECT recadv_train_policy('market', 'acts', algorithm => 'ma_rdpg', reward_column => 'reward',
    options => brief('ma_rdpg')) \g /dev/null

-- --- arguments of a training

SELECT fails(format('SELECT recadv_train_policy(%s, algorithm => ''ma_rdpg'')', arguments), state, pattern, arguments)
FROM (VALUES
    ('''m'', NULL', '22004', 'argument "source" must not be NULL'),
    ('''m'', ''acts''', '22023', 'acts are learnt from their rewards, and no column has them | Name it with reward_column => ''...''.'),
    ('''m'', ''acts'', scenario_column => NULL', '22004', 'argument "scenario_column" must not be NULL'),
    ('''m'', ''acts'', observation_column => NULL', '22004', 'argument "observation_column" must not be NULL'),
    ('''m'', ''acts'', action_column => NULL', '22004', 'argument "action_column" must not be NULL'),
    ('''m'', ''acts'', reward_column => ''reward'', scenario_column => ''place''', '42703',
        'column "place" of source "acts" does not exist | Name the column with scenario_column =>%'),
    ('''m'', ''acts'', reward_column => ''reward'', observation_column => ''Observation''', '42703',
        '%"Observation"%Columns are taken as they are written: observation_column => ''observation''.'),
    ('''m'', ''acts'', reward_column => ''reward'', action_column => ''weights''', '42703', '%"weights"%action_column =>%'),
    ('''m'', ''acts'', reward_column => ''price''', '42703', '%"price"%reward_column =>%'),
    ('''m'', ''acts'', reward_column => ''reward'', propensity_column => ''density''', '42703',
        '%"density"%propensity_column =>%'),
    ('''m'', ''(SELECT 1 AS session_id, 1 AS step, 1 AS reward)'', reward_column => ''reward''', '42703', 'column "scenario" does not exist%'),
    ('''m'', ''acts'', reward_column => ''reward'', action_column => ''observation''', '22023',
        'column "observation" is given for two things | Session, step, scenario, observation, action, reward and propensity are %'),
    ('''m'', ''nothing'', reward_column => ''reward''', '42P01', 'source "nothing" does not exist%'),
    ('''m'', ''acts'', reward_column => ''reward'', simulator => ''market''', '22023',
        'algorithm "ma_rdpg" acts in scenarios, and a simulator''s visitors answer slates | Leave the argument simulator out.'),
    ('''m'', ''acts'', options => ''{"environment": "market"}''', '22023',
        'option "environment" is "market": it learns there, and no source is read | Pass NULL as the source, or leave the option out.'),
    ('''m'', NULL, options => ''{"environment": "mars"}''', '22023', 'option "environment" must be one of: none, market%'),
    ('''m'', ''acts'', reward_column => ''reward'', options => ''{"holdout": "last"}''', '22023',
        'unknown option "holdout" for algorithm "ma_rdpg"%'),
    ('''m'', ''acts'', reward_column => ''reward'', options => ''{"mesage": 4}''', '22023', 'unknown option "mesage"%nearest option is "message"%')
) x(arguments, state, pattern);
SELECT works('SELECT recadv_train_policy(''m'', ''(SELECT session_id, step, scenario, observation, action AS clicked, reward AS shown FROM acts)'',
    action_column => ''clicked'', reward_column => ''shown'', algorithm => ''ma_rdpg'', options => brief(''ma_rdpg''))',
    'columns may be called as those of slates are by default');
SELECT fails(query, '22023', 'algorithm "ma_rdpg" learns from a log of acts, not from interactions | Train it with recadv_train_policy()%', query)
FROM unnest(ARRAY['SELECT recadv_train(''m'', ''orders'', algorithm => ''ma_rdpg'')',
    'SELECT * FROM recadv_tune(''m'', ''orders'', algorithms => ARRAY[''ma_rdpg''])',
    'SELECT recadv_fit(user_id, item_id, ''{"algorithm": "ma_rdpg"}'') FROM orders',
    'SELECT recadv_estimate_memory(10, 10, 10, ''ma_rdpg'')']) query;
SELECT fails('CALL recadv_train_policy_job(''m'', ''acts'', reward_column => ''reward'', algorithm => ''ma_rdpg'')', '2D000',
    'recadv_train_policy_job() commits and cannot run inside a transaction%', 'the job commits');

-- --- types of columns

-- A log with one column replaced.
CREATE FUNCTION with_column(name text, expression text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT recadv_train_policy(''m'', ''(SELECT %s FROM recadv_test.acts)'',
        reward_column => ''reward'', propensity_column => ''propensity'', algorithm => ''ma_rdpg'', options => brief(''ma_rdpg''))',
        (SELECT string_agg(replace(CASE WHEN c = name THEN expression || ' AS ' || c ELSE c END, '''', ''''''), ', ')
         FROM unnest(ARRAY['session_id', 'step', 'scenario', 'observation', 'action', 'reward', 'propensity']) c))
$$;
SELECT fails(with_column(name, expression), '42804', pattern, name || ' as ' || expression)
FROM (VALUES
    ('step', 'step::text', 'column "step" must be a number or a time, not text%'),
    ('observation', '1', 'column "observation" must be an array of numbers, not integer%'),
    ('observation', 'observation::text[]', 'column "observation" must be an array of numbers, not text[]%'),
    ('observation', 'to_jsonb(observation)', 'column "observation" must be an array of numbers, not jsonb%'),
    ('action', '0.5', 'column "action" must be an array of numbers, not numeric%'),
    ('action', 'action::text[]', 'column "action" must be an array of numbers, not text[]%'),
    ('reward', '''x''::text', 'column "reward" must be a number, not text%'),
    ('propensity', 'action', 'column "propensity" must be a number, not real[]%')
) x(name, expression, pattern);
CREATE DOMAIN weights AS real[] CHECK (cardinality(VALUE) < 9);
CREATE DOMAIN place AS text;
SELECT works(with_column(name, expression), name || ' as ' || expression)
FROM (VALUES
    ('action', 'action::recadv_test.weights'),
    ('action', 'action::numeric[]'),
    ('scenario', 'scenario::recadv_test.place'),
    ('scenario', 'length(scenario)'),
    ('scenario', 'scenario::name'),
    ('observation', 'observation::float8[]'),
    ('observation', 'array(SELECT round(o)::int FROM unnest(observation) o)'),
    ('propensity', '1::int'),
    ('reward', 'reward::int'),
    ('step', 'now() + step * interval ''1 day''')) x(name, expression);

-- --- sources with nothing in them, or too much

CREATE TABLE empty (LIKE acts);
SELECT fails('SELECT recadv_train_policy(''m'', ''empty'', algorithm => ''ma_rdpg'', reward_column => ''reward'')', '22023',
    'source "empty" has no acts', 'an empty table');
SELECT fails($$SELECT recadv_train_policy('m', '(SELECT NULL::int AS session_id, step, scenario, observation, action, reward
        FROM recadv_test.acts)', algorithm => 'ma_rdpg', reward_column => 'reward')$$, '22023',
    'source % has no acts | All 700 rows have a NULL session or step.', 'sessions that are NULL');
SELECT fails($$SELECT recadv_train_policy('m', '(SELECT session_id, step, scenario, observation, ARRAY[2.5] AS action, reward
        FROM recadv_test.acts)', algorithm => 'ma_rdpg', reward_column => 'reward')$$, '22023',
    'source % has no acts | Of its rows, 700 are broken; the first is step % of session %: the weights of its action have the sum 2.5, not 1.',
    'rows that are all broken');
SELECT fails($$SELECT recadv_train_policy('m', '(SELECT session_id, step, session_id AS scenario, observation, action, reward
        FROM recadv_test.acts)', algorithm => 'ma_rdpg', reward_column => 'reward')$$, '22023',
    'column "scenario" has 300 scenarios, and there can be % | A scenario is a place that ranks%', 'scenarios that are none');
SELECT fails($$SELECT recadv_train_policy('m', '(SELECT s AS session_id, 1 AS step, s AS scenario, ARRAY[1] AS observation,
        array_fill(1 / 256.0, ARRAY[256]) AS action, 1 AS reward FROM generate_series(1, 5) s)',
        algorithm => 'ma_rdpg', reward_column => 'reward')$$, '22023',
    'the actions of all scenarios have 1280 weights together, and there can be 1024', 'too many weights');
SELECT works($$SELECT recadv_train_policy('tiny', '(SELECT 1 AS session_id, 1 AS step, ''only'' AS scenario, ARRAY[0] AS observation,
        ARRAY[1] AS action, 0 AS reward)', algorithm => 'ma_rdpg', reward_column => 'reward', options => brief('ma_rdpg'))$$,
    'one act that earns nothing');
SELECT works($$SELECT recadv_train_policy('one', '(SELECT * FROM acts WHERE scenario = ''search'')',
    algorithm => 'ma_rdpg', reward_column => 'reward', options => brief('ma_rdpg'))$$, 'sessions with one scenario only');
SELECT works($$SELECT recadv_train_policy('rich', '(SELECT session_id, step, scenario, observation, action,
        CASE WHEN session_id = 7 THEN 1e30 ELSE reward END AS reward FROM acts)',
    algorithm => 'ma_rdpg', reward_column => 'reward', options => brief('ma_rdpg'))$$, 'a reward of 1e30 makes a model');
SELECT ok((SELECT bool_and(w BETWEEN 0 AND 1) FROM recadv_act('rich', 'shop', '{0.5}'), unnest(action) w), 'that acts');

-- --- arguments of an act

SELECT fails('SELECT * FROM recadv_act(' || arguments || ')', state, pattern, arguments)
FROM (VALUES
    ('''market'', NULL::text, ''{1,1}''', '22004', 'argument "scenario" must not be NULL'),
    ('''market'', ''search'', NULL', '22004', 'argument "observation" must not be NULL'),
    ('''market'', ''search'', ''{1,1}'', explore => NULL', '22004', 'argument "explore" must not be NULL'),
    ('''market'', ''search'', ''{1,1}'', explore => -1', '22023', 'explore must be from 0 to 10, not -1%'),
    ('''market'', ''search'', ''{1,1}'', explore => 11', '22023', 'explore must be from 0 to 10, not 11%'),
    ('''market'', ''search'', ''{1,1}'', explore => ''NaN''', '22023', 'explore must be from 0 to 10, not NaN%'),
    ('''market'', ''serch'', ''{1,1}''', '42704',
        'model "market" has no scenario "serch" | The nearest is "search"; it has: "search", "shop".'),
    ('''market'', ''a cart of quite another name'', ''{1,1}''', '42704', '% | It has: "search", "shop".'),
    ('''market'', '''', ''{1,1}''', '42704', '%has no scenario ""%'),
    ('''market'', repeat(''x'', 5000), ''{1,1}''', '42704', '%has no scenario%'),
    ('''market'', 7, ''{1,1}''', '42704', 'model "market" has no scenario "7"%'),
    ('''market'', ''search'', ''{1}''', '22023', 'observation has 1 numbers, those of scenario "search" have 2 | Observe what the log %'),
    ('''market'', ''search'', ''{1,1,1}''', '22023', 'observation has 3 numbers, those of scenario "search" have 2%'),
    ('''market'', ''search'', ''{}''', '22023', 'observation has 0 numbers%'),
    ('''market'', ''search'', ''{{1},{1}}''', '2202E', 'observation must have one dimension, not 2'),
    ('''market'', ''search'', ''{1,NULL}''', '22004', 'observation must not have a NULL in it'),
    ('''market'', ''search'', ''{1,NaN}''', '22003', 'observation has a number that is not finite: NaN'),
    ('''market'', ''search'', ''{1,1e300}''', '22003', 'observation has a number that is not finite: 1e+300'),
    ('''market'', ''search'', ''{a,b}''', '22P02', 'invalid input syntax for type double precision%'),
    ('''market'', ''search'', ''{1,1}'', ''{1,NULL}''', '22004', 'state must not have a NULL in it'),
    ('''market'', ''search'', ''{1,1}'', ''{{1}}''', '2202E', 'state must have one dimension, not 2'),
    ('''market'', ''search'', ''{1,1}'', ''{1}''', '22023',
        'state is none that recadv_act() has given | Pass state_after of the session''s act before this one, as it is, or NULL %'),
    ('''market'', ''search'', ''{1,1}'', ''{0,0,0,0,0,0,0,0,0,0,0,0,0,0}''', '22023', 'state is none that recadv_act() has given%'),
    ('''market'', ''search'', ''{1,1}'', (SELECT state_after FROM recadv_act(''one'', ''search'', ''{1,1}''))', '22023',
        'state is of another model than "market" | A model that was dropped and trained anew is another one, too.%'),
    ('''market'', ''search'', ''{1,1}'', (SELECT state_after || 0::real FROM recadv_act(''market'', ''search'', ''{1,1}''))', '22023',
        'state is none that recadv_act() has given | It has 15 numbers, not 14.%'),
    ('''market'', ''search'', ''{1,1}'', (SELECT state_after[:13] || ''NaN''::real FROM recadv_act(''market'', ''search'', ''{1,1}''))', '22023',
        'state is none that recadv_act() has given | It has a number that is not finite.%'),
    ('''market'', ''search'', ''{1,1}'', (SELECT array_agg(round(s::numeric, -3)) FROM recadv_act(''market'', ''search'', ''{1,1}''), unnest(state_after) s)',
        '22023', 'state is %'),
    ('''market'', ''search'', ''{1,1}'', ''{1e300,NaN,Infinity,-1e300,1,2,3}''', '22023', 'state is none that recadv_act() has given%'),
    ('''nowhere'', ''search'', ''{1,1}''', '42P01', 'model "nowhere" does not exist%'),
    ('''acts'', ''search'', ''{1,1}''', '42809', '"acts" is not a model%')
) x(arguments, state, pattern);
SELECT is((SELECT count(*) FROM unnest(ARRAY[0, 3.4e38, -3.4e38]) o WHERE error_of(format(
    'SELECT * FROM recadv_act(''market'', ''search'', ARRAY[%s, 1])', o)) !~ '^22003'), 0::bigint, 'observations at the ends of what there is');

-- --- arguments of an evaluation

SELECT fails('SELECT * FROM recadv_evaluate_policy(' || arguments || ')', state, pattern, arguments)
FROM (VALUES
    ('''market'', ''acts'', propensity_column => NULL', '22023', 'acts are learnt from their rewards%'),
    ('''market'', ''acts'', reward_column => ''reward'', propensity_column => ''density''', '42703', '%with NULL there is none.'),
    ('''market'', ''(SELECT session_id, step, ''''cart'''' AS scenario, observation, action, reward FROM acts)'', reward_column => ''reward'', propensity_column => NULL',
        '42704', 'model "market" has no scenario "cart" | Leave its sessions out by a query as the source.'),
    ('''market'', ''(SELECT session_id, step, scenario, ARRAY[1,2,3] AS observation, action, reward FROM acts)'', reward_column => ''reward'', propensity_column => NULL',
        '22023', 'observations and actions of scenario "search" have 3 and 2 numbers in the source, 2 and 2 in model "market"'),
    ('''market'', ''empty'', reward_column => ''reward'', propensity_column => NULL', '22023', 'source "empty" has no acts'),
    ('''market'', ''acts'', reward_column => ''reward'', confidence => 1', '22023', 'confidence must be above 0 and below 1, not 1')
) x(arguments, state, pattern);

-- --- memory

SET LOCAL recadv.max_memory = '1MB';
SELECT fails($$SELECT recadv_train_policy('m', '(SELECT s AS session_id, 1 AS step, ''a'' AS scenario,
        array_fill(0.5::real, ARRAY[100]) AS observation, ARRAY[1] AS action, 1 AS reward FROM generate_series(1, 10000) s)',
        algorithm => 'ma_rdpg', reward_column => 'reward')$$, '54000',
    'reading the acts needs %recadv.max_memory%smaller networks or a shorter log of acts.', 'a log too large');
SELECT fails($$SELECT recadv_train_policy('m', 'acts', algorithm => 'ma_rdpg', reward_column => 'reward', options => '{"hidden": 256}')$$, '54000',
    'training needs %recadv.max_memory%smaller networks or a shorter log of acts.', 'networks too large');
RESET recadv.max_memory;
SET LOCAL recadv.cache_size = 0;
SELECT is((SELECT r::text FROM recadv_act('market', 'search', '{1,1}') r), (SELECT r::text FROM recadv_act('market', 'search', '{1,1}') r),
    'without a cache it acts, too');
RESET recadv.cache_size;

-- --- rights

CREATE ROLE recadv_test_reader;
CREATE ROLE recadv_test_owner;
GRANT CREATE ON SCHEMA recadv_test TO recadv_test_owner;
SELECT fails('SELECT recadv_train_policy(''own'', ''acts'', algorithm => ''ma_rdpg'', reward_column => ''reward'')', '42501',
    'permission denied for table acts%', 'without SELECT on the source', 'recadv_test_owner');
GRANT SELECT ON acts TO recadv_test_owner;
SELECT works('SELECT recadv_train_policy(''own'', ''acts'', algorithm => ''ma_rdpg'', reward_column => ''reward'',
    options => brief(''ma_rdpg''))', 'with it', 'recadv_test_owner');
SELECT fails('SELECT recadv_train_policy(''market'', ''acts'', algorithm => ''ma_rdpg'', reward_column => ''reward'')', '42501',
    'must be owner of table market%', 'a model of somebody else', 'recadv_test_owner');
SELECT fails('SELECT * FROM recadv_act(''market'', ''search'', ''{1,1}'')', '42501',
    'permission denied for table market%', 'without SELECT on the model', 'recadv_test_reader');
GRANT SELECT ON market TO recadv_test_reader;
SELECT works('SELECT * FROM recadv_act(''market'', ''search'', ''{1,1}'')', 'with it', 'recadv_test_reader');

-- --- damage

CREATE TABLE parts AS SELECT DISTINCT part FROM market WHERE version = 1 AND part NOT IN ('header', 'history');
CREATE FUNCTION damaged(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p text;
    answer text;
    wrong text := '';
BEGIN
    FOR p IN SELECT part FROM parts WHERE part IN ('actors', 'critics', 'norm', 'messages') ORDER BY part LOOP
        PERFORM copy_model('market', 'bad');
        EXECUTE format(damage, 'bad') USING p;
        answer := error_of('SELECT * FROM recadv_act(''bad'', ''search'', ''{1,1}'')');
        IF answer IS NULL OR answer !~ '^XX001' OR strpos(answer, p) = 0 THEN
            wrong := wrong || p || ': ' || coalesce(answer, 'no error') || E'\n';
        END IF;
        answer := error_of('SELECT recadv_train_policy(''bad'', ''acts'', algorithm => ''ma_rdpg'',
            reward_column => ''reward'', options => brief(''ma_rdpg''))');
        IF answer IS NOT NULL THEN
            wrong := wrong || p || ': a training: ' || answer || E'\n';
        END IF;
    END LOOP;
    RETURN nullif(wrong, '');
END $$;
SELECT is((SELECT count(*) FROM parts WHERE part IN ('actors', 'critics', 'norm', 'messages')), 4::bigint, 'the parts of a model');
SELECT is(damaged('DELETE FROM %I WHERE part = $1 AND version = 1'), NULL, 'a part is missing');
SELECT is(damaged('UPDATE %I SET data = substr(data, 1, length(data) - 4) WHERE part = $1 AND version = 1'), NULL, 'a part is too short');
SELECT is(damaged('UPDATE %I SET data = set_byte(data, length(data) - 1, get_byte(data, length(data) - 1) # 1)
    WHERE part = $1 AND version = 1'), NULL, 'a part whose checksum is wrong');
SELECT is(damaged('UPDATE %I SET data = recadv_test.block(part, get_byte(data, 8), recadv_test.uint(data, 12),
    recadv_test.uint(data, 16) + 1, recadv_test.uint(data, 20), substr(data, 33)) WHERE part = $1 AND version = 1'), NULL,
    'a part with a row more');
SELECT is(damaged('UPDATE %I SET data = recadv_test.seal(part, overlay(data PLACING ''\x0000c07f'' FROM 37)) WHERE part = $1 AND version = 1'),
    NULL, 'a part with NaN in it');
SELECT copy_model('market', 'bad');
UPDATE bad SET data = seal(part, overlay(data PLACING decode(repeat('ffff7f7f', 8), 'hex') FROM 33)) WHERE part = 'actors' AND version = 1;
SELECT ok(error_of('SELECT * FROM recadv_act(''bad'', ''search'', ''{1e30,-1e30}'')') ~ '^22003.*weights that are not finite|^$'
    OR (SELECT bool_and(w BETWEEN 0 AND 1) FROM recadv_act('bad', 'search', '{1e30,-1e30}'), unnest(action) w),
    'weights that are huge give weights of a ranking, or an error');

-- headers that lie
CREATE FUNCTION lying(key text, value jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM copy_model('market', 'bad');
    UPDATE bad SET data = recadv_test.json_block('header', (recadv_info('market') || jsonb_build_object(key, value))::text)
    WHERE part = 'header' AND version = 1;
    RETURN coalesce(error_of('SELECT * FROM recadv_act(''bad'', ''search'', ''{1,1}'')'), 'serves');
END $$;
SELECT matches(lying(key, value), pattern, key || ' ' || left(value::text, 100))
FROM (VALUES
    ('users', '5'::jsonb, '^XX001.*users'),
    ('items', '5', '^XX001.*items'),
    ('lineage', 'null', '^XX001.*lineage'),
    ('lineage', '-1', '^XX001.*lineage'),
    ('lineage', '281474976710656', '^XX001.*lineage'),
    ('lineage', '281474976710655', '^serves'),
    ('scenarios', 'null', '^XX001.*scenarios'),
    ('scenarios', '{}', '^XX001.*scenarios'),
    ('scenarios', '[]', '^XX001.*scenarios'),
    ('scenarios', '[1, 2]', '^XX001.*scenarios'),
    ('scenarios', '[[], []]', '^XX001.*scenarios'),
    ('scenarios', '"search"', '^XX001.*scenarios'),
    ('scenarios', '[{"name": "search", "observation": 2}]', '^XX001.*scenarios'),
    ('scenarios', '[{"name": 5, "observation": 2, "action": 2}]', '^XX001.*scenarios'),
    ('scenarios', '[{"name": "search", "observation": 0, "action": 2}]', '^XX001.*scenarios'),
    ('scenarios', '[{"name": "search", "observation": 1025, "action": 2}]', '^XX001.*scenarios'),
    ('scenarios', '[{"name": "search", "observation": 2, "action": 257}]', '^XX001.*scenarios'),
    ('scenarios', '[{"name": "search", "observation": 99999999999, "action": 2}]', '^XX001.*scenarios'),
    ('scenarios', '[{"name": "search", "observation": 2, "action": 2}, {"name": "search", "observation": 1, "action": 3}]', '^XX001.*scenarios'),
    ('scenarios', (SELECT jsonb_agg(jsonb_build_object('name', 's' || i, 'observation', 1, 'action', 1)) FROM generate_series(1, 100) i),
        '^XX001.*scenarios'),
    ('scenarios', (SELECT jsonb_agg(jsonb_build_object('name', 's' || i, 'observation', 1, 'action', 256)) FROM generate_series(1, 5) i),
        '^XX001.*scenarios'),
    ('scenarios', '[{"name": "search", "observation": 2, "action": 2}]', '^XX001'),
    ('scenarios', '[{"name": "search", "observation": 2, "action": 2}, {"name": "shop", "observation": 1, "action": 4}]', '^XX001'),
    ('algorithm', '"popularity"', '^(XX001|0A000)'),
    ('algorithm', '"hac"', '^(XX001|0A000)'),
    ('algorithm', '"unheard"', '^0A000'),
    ('options', '{"message": 10000000}', '^XX001'),
    ('options', '{"message": 5}', '^XX001'),
    ('options', '{"communication": "shared"}', '^XX001|^serves'),
    ('item_kind', '"bigint"', '^XX001')) x(key, value, pattern);
-- a model of interactions that says that it acts
SELECT recadv_train('pairs', 'orders', algorithm => 'popularity') \g /dev/null
CREATE FUNCTION pretending() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM copy_model('pairs', 'bad');
    UPDATE bad SET data = recadv_test.json_block('header', (recadv_info('pairs') || '{"algorithm": "ma_rdpg", "options": {}, "users": 0,
        "items": 0, "lineage": 1, "scenarios": [{"name": "search", "observation": 2, "action": 2}]}')::text)
    WHERE part = 'header' AND version = 1;
    RETURN error_of('SELECT * FROM recadv_act(''bad'', ''search'', ''{1,1}'')');
END $$;
SELECT matches(pretending(), '^XX001', 'a header over the parts of another algorithm');
-- an image that says so
SELECT fails(format('SELECT * FROM recadv_image_topk(%L, 1)', with_header(image, '{"algorithm": "ma_rdpg", "options": {}, "users": 0,
        "items": 0, "lineage": 1, "scenarios": [{"name": "search", "observation": 2, "action": 2}]}')), '%', '%', 'an image that says so')
FROM (SELECT recadv_fit(user_id, item_id, '{"algorithm": "popularity"}') FROM orders) x(image);

-- --- reading

SET LOCAL transaction_read_only = on;
SELECT fails('SELECT recadv_train_policy(''m'', ''acts'', algorithm => ''ma_rdpg'', reward_column => ''reward'')', '25006',
    '%recadv_train_policy()%', 'a transaction that only reads trains nothing');

SELECT * FROM finish();
ROLLBACK;
