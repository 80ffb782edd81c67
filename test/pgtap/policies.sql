-- recadv_train_policy: what is read of a log of slates, what is stored, served and compared.
BEGIN;
\ir setup.psql
\ir slates.psql
SELECT * FROM no_plan();

-- --- a simulator, and policies with it and without

SELECT to_jsonb(r) AS v FROM recadv_train_policy('visitors', 'slates',
    algorithm => 'user_response', options => short('user_response')) r \gset
SELECT is(:'v'::jsonb - 'epochs' - 'best_epoch' - 'logged_reward' - 'seconds' - 'stop_reason'
        - 'metrics',
    (SELECT jsonb_build_object('model', 'visitors', 'version', 1, 'algorithm', 'user_response',
        'sessions', count(DISTINCT session_id), 'steps', count(*), 'items', 30, 'null_rows', 0,
        'broken_rows', 0, 'reward', NULL, 'depth', NULL, 'random_reward', NULL,
        'promotion', 'promoted')
     FROM slates), 'the row of a simulator says what was read; it earns nothing');
SELECT cmp_ok((:'v'::jsonb #>> '{metrics,auc}')::float8, '>', 0.6::float8,
    'it tells clicks from others');
SELECT is(jsonb_array_length(:'v'::jsonb #> '{metrics,calibration}'), 10,
    'its calibration has ten bins');
SELECT cmp_ok((SELECT sum((b ->> 'answers')::bigint)
               FROM jsonb_array_elements(recadv_info('visitors') #> '{training,calibration}') b),
    '>', 0::numeric, 'recadv_info has it, too');
SELECT is(recadv_info('visitors') #> '{training,calibration}', :'v'::jsonb #> '{metrics,calibration}',
    'the same');

SELECT to_jsonb(r) AS p FROM recadv_train_policy('front', 'slates', simulator => 'visitors',
    options => short('hac')) r \gset
SELECT is(p ->> 'algorithm', 'hac', 'the algorithm where none is named')
FROM (SELECT :'p'::jsonb) x(p);
SELECT ok(depth >= 1 AND best_epoch <= epochs AND epochs > 0 AND reward > random_reward,
    'a policy is rolled out in its simulator, and earns more than slates by chance')
FROM jsonb_to_record(:'p') AS p(depth float8, best_epoch int, epochs int, reward float8,
    random_reward float8);
SELECT is(round((:'p'::jsonb ->> 'logged_reward')::numeric, 5), round(avg(r), 5),
    'beside it the mean reward of a session of the log')
FROM (SELECT sum((cardinality(clicked) - 0.1 * (5 - cardinality(clicked))) / 5) AS r
      FROM slates GROUP BY session_id) s;
SELECT is(:'p'::jsonb #> '{metrics,simulated,sessions}', '400', 'with so many visitors');

SELECT to_jsonb(r) AS a FROM recadv_train_policy('alone', 'slates',
    algorithm => 'sl', options => short('sl')) r \gset
SELECT is(jsonb_build_object('r', a -> 'reward', 'd', a -> 'depth', 'n', a -> 'random_reward'),
    '{"r": null, "d": null, "n": null}', 'without a simulator nothing is simulated')
FROM (SELECT :'a'::jsonb) x(a);
SELECT is(:'a'::jsonb -> 'logged_reward', :'p'::jsonb -> 'logged_reward', 'but the log has a reward');

SELECT is(jsonb_build_object('users', i -> 'users', 'session', i -> 'session_column', 'step',
        i -> 'step_column', 'shown', i -> 'shown_column', 'clicked', i -> 'clicked_column',
        'user', i -> 'user_column', 'simulator', i ->> 'simulator', 'v', i -> 'simulator_version',
        'sessions', i -> 'sessions', 'steps', i -> 'steps'),
    jsonb_build_object('users', 0, 'session', 'session_id', 'step', 'step', 'shown', 'shown',
        'clicked', 'clicked', 'user', NULL, 'simulator', 'recadv_test.visitors', 'v', 1,
        'sessions', :'p'::jsonb -> 'sessions', 'steps', :'p'::jsonb -> 'steps'),
    'the header says what a policy learnt from')
FROM recadv_info('front') i;
SELECT is((SELECT string_agg(DISTINCT part, ' ' ORDER BY part) FROM front
           WHERE part LIKE '%user%' AND part NOT LIKE 'user_ids%'), NULL, 'it has no users');

-- --- every policy: trained alone and against a simulator, served, the same for 1 and 2 threads

SELECT is(count(*) FILTER (WHERE r.reward IS NULL), 0::bigint, a || ': is rolled out')
FROM policies() a, LATERAL recadv_train_policy(a || '_1', 'slates', algorithm => a,
    simulator => CASE WHEN a <> 'user_response' THEN 'visitors' END,
    options => short(a, '{"threads": 1}')) r
WHERE a <> 'user_response' GROUP BY a;
SELECT recadv_train_policy('user_response_1', 'slates', algorithm => 'user_response',
    options => short('user_response', '{"threads": 1}')) \g /dev/null
SELECT recadv_train_policy(a || '_2', '(SELECT * FROM slates ORDER BY noise(session_id || ''+'' || step))',
    algorithm => a, simulator => CASE WHEN a <> 'user_response' THEN 'visitors' END,
    options => short(a, '{"threads": 2}'))
FROM policies() a \g /dev/null
SELECT is(digest(a || '_1'), digest(a || '_2'),
    a || ': the same bytes for one thread and two, and for rows in another order')
FROM policies() a;
SELECT is((SELECT count(*) FROM recadv_topk_for('{3,6}'::bigint[], 10, a || '_1')), 10::bigint,
    a || ': recadv_topk_for')
FROM policies() a;
SELECT is((SELECT count(*) FROM recadv_topk_for('{}'::bigint[], 10, a || '_1')), 10::bigint,
    a || ': for one who has clicked nothing')
FROM policies() a;
SELECT is((SELECT array_agg(item ORDER BY item)
           FROM recadv_topk_for('{3,6}'::bigint[], 10, a || '_1', candidates => '{1,2,3,4}',
               exclude => '{2}')), '{1,4}', a || ': candidates, exclude, and what was clicked')
FROM policies() a;
SELECT is((SELECT count(*) FROM recadv_topk_for('{3,6,999999}'::bigint[], 30, a || '_1')),
    28::bigint, a || ': an item that nobody knows')
FROM policies() a;

-- --- what a row may be

-- Trains on the log and one more row; what came of it.
CREATE FUNCTION with_row(session text, step text, shown text, clicked text, reward text DEFAULT NULL,
    propensity text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result record;
BEGIN
    SELECT * INTO result FROM recadv_train_policy('row', format(
        '(SELECT session_id, step::float8 AS step, shown, clicked, reward::float8 AS reward,
                 propensity::float8[] AS propensity
          FROM recadv_test.slates UNION ALL SELECT %L::int, %L::float8, %L::int[], %L::int[],
                 %L::float8, %L::float8[])', session, step, shown, clicked, reward, propensity),
        reward_column => 'reward', propensity_column => 'propensity', algorithm => 'user_response',
        options => short('user_response', '{"epochs": 1, "promote": 0}'));
    RETURN concat_ws(' ', result.sessions - 150, 'sessions', result.steps - (SELECT count(*) FROM recadv_test.slates),
        'steps', result.items - 30, 'items', result.null_rows, 'null', result.broken_rows, 'broken',
        recadv_info('row') ->> 'first_broken');
END $$;
SELECT is(with_row(session, step, shown, clicked, reward, propensity), result, what)
FROM (VALUES
    ('901', '1', '{1,2}', '{2}', NULL, '{0.5,1}', '1 sessions 1 steps 0 items 0 null 0 broken',
        'a session of one step counts'),
    ('1', '99', '{1,2,77}', NULL, '-3', NULL, '0 sessions 1 steps 1 items 0 null 0 broken',
        'NULL for what was clicked is nothing; a reward may be negative; no propensities'),
    ('901', '-1.5', '{1}', '{1,1}', NULL, NULL, '1 sessions 1 steps 0 items 0 null 0 broken',
        'what was clicked twice was clicked'),
    ('901', '1', '[5:6]={1,2}', '[7:7]={2}', NULL, NULL, '1 sessions 1 steps 0 items 0 null 0 broken',
        'arrays may begin anywhere'),
    (NULL, '1', '{1}', '{}', NULL, NULL, '0 sessions 0 steps 0 items 1 null 0 broken',
        'a NULL session'),
    ('901', NULL, '{1}', '{}', NULL, NULL, '0 sessions 0 steps 0 items 1 null 0 broken',
        'a NULL step'),
    ('901', '1', '{77,78}', '{79}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: an item was clicked that was not shown',
        'an item that was clicked and not shown: neither row nor items count'),
    ('901', '1', '{77,2,77}', '{2}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: an item was shown twice',
        'an item that was shown twice'),
    ('901', '1', NULL, '{}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: nothing was shown',
        'NULL shown'),
    ('901', '1', '{}', '{}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: nothing was shown',
        'nothing shown'),
    ('901', '1', '{{1,2},{3,4}}', '{}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: an array has several dimensions',
        'several dimensions'),
    ('901', '1', '{1,2}', '{{1},{2}}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: an array has several dimensions',
        'several dimensions of what was clicked'),
    ('901', '1', '{1,NULL}', '{1}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: an array has a NULL',
        'a NULL item'),
    ('901', '1', '{1,2}', '{NULL}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: an array has a NULL',
        'a NULL click'),
    ('901', '1', '{1,2}', '{1}', 'NaN', NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: its reward is not finite',
        'a reward that is NaN'),
    ('901', '1', '{1,2}', '{1}', '1e300', NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: its reward is not finite',
        'a reward beyond single precision'),
    ('901', '1', '{1,2}', '{1}', NULL, '{0.5}',
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: it has 1 propensities for 2 items',
        'too few propensities'),
    ('901', '1', '{1,2}', '{1}', NULL, '{}',
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: it has 0 propensities for 2 items',
        'no propensities in an array'),
    ('901', '1', '{1,2}', '{1}', NULL, '{0.5,0}',
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: a propensity is not above 0 and at most 1',
        'a propensity of 0'),
    ('901', '1', '{1,2}', '{1}', NULL, '{0.5,1.01}',
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: a propensity is not above 0 and at most 1',
        'a propensity above 1'),
    ('901', '1', '{1,2}', '{1}', NULL, '{NaN,1}',
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: a propensity is not above 0 and at most 1',
        'a propensity that is NaN'),
    ('901', '1', '{1,2}', '{1}', NULL, '{0.5,NULL}',
        '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: an array has a NULL',
        'a NULL propensity'),
    ('901', 'NaN', '{1}', '{1}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step NaN of session 901: its step is not finite',
        'a step that is NaN'),
    ('901', 'Infinity', '{1}', '{1}', NULL, NULL,
        '0 sessions 0 steps 0 items 0 null 1 broken step Infinity of session 901: its step is not finite',
        'a step that is infinite'),
    ('7', '1', '{1,2}', '{1}', NULL, NULL,
        '0 sessions -1 steps 0 items 0 null 2 broken step 1 of session 7: there are 2 rows of it',
        'a step that is there twice: both rows are broken')
) AS v(session, step, shown, clicked, reward, propensity, result, what);
SELECT is(with_row('901', '1', array(SELECT generate_series(1, 10000))::text, '{}'),
    '1 sessions 1 steps 9970 items 0 null 0 broken', 'ten thousand items are a slate');
SELECT is(with_row('901', '1', array(SELECT generate_series(1, 10001))::text, '{}'),
    '0 sessions 0 steps 0 items 0 null 1 broken step 1 of session 901: an array has more than 10000 elements',
    'more are not');
SELECT is((SELECT broken_rows FROM recadv_train_policy('row',
        '(TABLE recadv_test.slates UNION ALL (TABLE recadv_test.slates LIMIT 10))',
        algorithm => 'user_response', options => short('user_response', '{"epochs": 1, "promote": 0}'))),
    20::bigint, 'steps that are there twice');

-- the numbers of sessions and the order of steps are those of their values
SELECT recadv_train_policy('typed', $$(
    SELECT 's' || session_id AS visit, timestamptz '2026-01-01' + step * interval '1 minute' AS at,
           array(SELECT 'item ' || i FROM unnest(shown) i)::varchar[] AS seen,
           array(SELECT 'item ' || i FROM unnest(clicked) i) AS liked,
           (cardinality(clicked) / 5.0)::numeric AS worth, propensity::numeric[] AS chance
    FROM recadv_test.slates)$$,
    session_column => 'visit', step_column => 'at', shown_column => 'seen', clicked_column => 'liked',
    reward_column => 'worth', propensity_column => 'chance',
    algorithm => 'user_response', options => short('user_response')) \g /dev/null
SELECT is((SELECT count(*) FROM recadv_topk_for('{item 3,item 6}'::text[], 5, 'typed')), 5::bigint,
    'sessions of texts, steps of times, items of texts of two types, rewards and propensities numeric');
SELECT is(recadv_info('typed') ->> 'item_kind', 'text', 'items are texts');
SELECT recadv_train_policy('typed', $$(
    SELECT md5(session_id::text)::uuid AS session_id, date '2026-01-01' + step AS step,
           array(SELECT md5(i::text)::uuid FROM unnest(shown) i) AS shown,
           array(SELECT md5(i::text)::uuid FROM unnest(clicked) i) AS clicked
    FROM recadv_test.slates)$$, algorithm => 'user_response',
    options => short('user_response', '{"promote": 0}')) \g /dev/null
SELECT is((SELECT count(*) FROM recadv_topk_for(
        ARRAY[md5('3')::uuid::text], 5, 'typed')), 5::bigint, 'and uuids, dates');
SELECT recadv_train_policy('mixed', $$(SELECT session_id::smallint, step::bigint, shown::bigint[],
    clicked FROM recadv_test.slates)$$, algorithm => 'user_response',
    options => short('user_response')) \g /dev/null
SELECT is(digest('mixed'), digest('visitors'), 'integers of other widths are the same');

-- --- functions that ask for users

SELECT fails(format(query, 'front'), '0A000',
    'model "front" is a policy and knows no users | recadv_topk_for() asks it%', query)
FROM unnest(ARRAY[
    'SELECT * FROM recadv_topk(1, 5, %L)',
    'SELECT * FROM recadv_topk(1, 5, %L, seen => ''live'')',
    'SELECT * FROM recadv_topk(''a'', 5, %L)',
    'SELECT * FROM recadv_topk_all(%L)',
    'SELECT * FROM recadv_topk_all(%L, users => ''{1}''::bigint[])',
    'SELECT recadv_score(1, 1, %L)',
    'SELECT recadv_has_user(1, %L)',
    'SELECT * FROM recadv_evaluate(%L, ''orders'')',
    'SELECT * FROM recadv_robustness(%L)']) query;
SELECT fails('SELECT * FROM recadv_topk(1, 5, ''visitors'')', '0A000',
    'model "visitors" is a simulator of visitors and knows no users%', 'a simulator');
SELECT fails(query, '42809', 'model "front" cannot learn from a stream%', query)
FROM unnest(ARRAY[
    'SELECT recadv_refresh(''front'')',
    'SELECT recadv_attach(''front'', ''orders'')',
    'SELECT recadv_observe(''front'', 1::bigint, 2::bigint, ''now'')']) query;

-- --- versions

SELECT is((SELECT count(*) FROM recadv_history('front')) > 0, true, 'a learning curve');
SELECT is((SELECT ROW(status, version, algorithm, kind)::text FROM recadv_runs('front')),
    '(succeeded,1,hac,train)', 'the log of runs');
SELECT ok((SELECT metrics ? 'simulated' AND metrics #> '{log,reward}' IS NOT NULL FROM recadv_runs('front')),
    'has what was measured');
SELECT is((SELECT ROW(users, items, status, versions)::text FROM recadv_models WHERE model = 'front'),
    '(0,30,ok,{1})', 'recadv_models');
SELECT is((SELECT metric FROM recadv_models WHERE model = 'visitors'), 'AUC',
    'recadv_models: what decides');
CREATE TABLE before AS SELECT * FROM recadv_topk_for('{3,6}'::bigint[], 10, 'front');
SELECT recadv_train_policy('front', 'slates', simulator => 'visitors',
    options => short('hac', '{"seed": 2, "promote": 0}')) \g /dev/null
SELECT is(recadv_rollback('front'), 1, 'a policy is rolled back');
SELECT is((SELECT count(*) FROM (TABLE before EXCEPT
        SELECT * FROM recadv_topk_for('{3,6}'::bigint[], 10, 'front')) x), 0::bigint,
    'and serves as before');
SELECT recadv_train_policy('front', 'slates', simulator => 'visitors',
    options => short('hac', jsonb_build_object('seed', s, 'promote', 0, 'keep_versions', 2)))
FROM generate_series(3, 5) s \g /dev/null
SELECT is((SELECT versions FROM recadv_models WHERE model = 'front'), '{5,4}', 'keep_versions');
SELECT is((SELECT count(*) FROM recadv_forget('front', 1)), 1::bigint,
    'recadv_forget finds nobody');

-- --- what is compared

CREATE TABLE liars AS
SELECT session_id, step, shown, array(SELECT unnest(shown) EXCEPT SELECT unnest(clicked)) AS clicked
FROM slates;
-- learnt from a log that says the contrary, without a simulator: judged by the visitors of the next
SELECT recadv_train_policy('judged', 'liars', algorithm => 'sl',
    options => short('sl')) \g /dev/null
SELECT is((SELECT promotion FROM recadv_train_policy('judged', 'slates', simulator => 'visitors',
        options => short('hac', '{"promote": 1}'))), 'promoted', 'a policy that earns more serves');
SELECT matches((SELECT promotion FROM recadv_train_policy('judged', 'liars', algorithm => 'sl',
        simulator => 'visitors', options => short('sl', '{"promote": 1, "iterations": 1,
            "supervision_rate": 0}'))),
    '^its reward of -?[0-9.]+ is less than 1 of the [0-9.]+ of version 2, which serves, with the same 400 simulated visitors$',
    'one that earns less does not');
SELECT is((SELECT ROW(version, versions, unpromoted)::text FROM recadv_models WHERE model = 'judged'),
    '(2,"{3,2,1}",{3})', 'and is kept');
SELECT is((SELECT status FROM recadv_runs('judged') ORDER BY run DESC LIMIT 1), 'kept',
    'which the log of runs says');
SELECT ok((SELECT i #> '{promotion,serving_reward}' IS NOT NULL
              AND i #>> '{promotion,promoted}' = 'false'
           FROM recadv_document('judged', 'header', 0, 3) i), 'and the header');
SELECT matches((SELECT promotion FROM recadv_train_policy('judged',
        '(SELECT * FROM recadv_test.slates WHERE session_id < 50)', simulator => 'visitors',
        options => short('hac'))),
    '^the source has [0-9]+ steps, less than half of the [0-9]+ of version 2, which serves$',
    'a log that has shrunk');
SELECT matches((SELECT promotion FROM recadv_train_policy('judged',
        '(SELECT session_id, step, array(SELECT i + 1000 FROM unnest(shown) i) AS shown,
                 array(SELECT i + 1000 FROM unnest(clicked) i) AS clicked FROM recadv_test.slates)',
        algorithm => 'sl', options => short('sl'))),
    '^the source has no item of version 2, which serves$', 'a log of other items');
SELECT matches((SELECT promotion FROM recadv_train_policy('visitors', 'slates',
        algorithm => 'user_response', options => short('user_response',
            '{"promote": 1, "learning_rate": 1e-9}'))),
    '^its AUC of [0-9.]+ is less than 1 of the [0-9.]+ that version 1, which serves, had in its own training$',
    'a simulator is judged by its AUC');
SELECT is((SELECT promotion FROM recadv_train('judged', 'orders', algorithm => 'popularity')),
    'promoted', 'a model of interactions is not compared with a policy');
SELECT is((SELECT promotion FROM recadv_train_policy('judged', 'slates', algorithm => 'sl',
        options => short('sl'))),
    'promoted', 'nor the other way round');
SELECT is((SELECT promotion FROM recadv_train_policy('judged', 'slates', algorithm => 'user_response',
    options => short('user_response'))), 'promoted', 'nor a simulator with a policy');

-- --- visitors of much patience who hardly click: every session earns less than nothing

SELECT recadv_train_policy('patient', '(SELECT session_id, step, shown,
        ARRAY(SELECT i FROM unnest(clicked) i WHERE noise(session_id || '' '' || i) % 20 = 0) AS clicked
    FROM recadv_test.slates)', algorithm => 'user_response', options => short('user_response', '{"patience": 500}'))
\g /dev/null
SELECT recadv_train_policy('cold', 'slates', simulator => 'patient', options => short('hac',
    '{"iterations": 200, "check_every": 20, "pretrain": false, "actor_rate": 0.1, "supervision_rate": 0.1}')) \g /dev/null
SELECT ok(max((metrics ->> 'reward')::float8) < -1, 'rewards below -1') FROM recadv_history('cold');
SELECT is((recadv_info('cold') #>> '{training,reward}')::float8,
    (SELECT max((metrics ->> 'reward')::float8) FROM recadv_history('cold')), 'the best check is kept there, too');

SELECT * FROM finish();
ROLLBACK;
