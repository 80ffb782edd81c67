-- recadv_train_policy of acts, recadv_act: what is read of a log of acts, what is stored, served,
-- compared and evaluated.
BEGIN;
\ir setup.psql
\ir acts.psql
SELECT * FROM no_plan();

-- --- every algorithm that acts: trained from a log, the same for 1 and 2 threads

SELECT cmp_ok(count(*), '>=', 1::bigint, 'there is one') FROM actors();
SELECT recadv_train_policy(a || '_1', 'acts', algorithm => a, reward_column => 'reward',
    options => brief(a, '{"threads": 1}')) FROM actors() a \g /dev/null
SELECT recadv_train_policy(a || '_2', '(SELECT * FROM acts ORDER BY noise(session_id || ''+'' || step))',
    algorithm => a, reward_column => 'reward', options => brief(a, '{"threads": 2}'))
FROM actors() a \g /dev/null
SELECT is(digest(a || '_1'), digest(a || '_2'),
    a || ': the same bytes for one thread and two, and for rows in another order') FROM actors() a;
SELECT ok(abs(sum(w) - 1) < 1e-5 AND min(w) >= 0 AND count(*) = CASE scenario WHEN 'shop' THEN 3 ELSE 2 END,
    a || ', ' || scenario || ': weights of a ranking')
FROM actors() a, (VALUES ('search', '{1,1}'::real[]), ('shop', '{0.5}')) s(scenario, observation),
     recadv_act(a || '_1', scenario, observation) r, unnest(r.action) w
GROUP BY a, scenario;

-- --- what the training says

SELECT to_jsonb(r) AS m FROM recadv_train_policy('market', 'acts', algorithm => 'ma_rdpg',
    reward_column => 'reward', options => '{"iterations": 400, "actor_start": 50, "message": 4}') r \gset
SELECT is(:'m'::jsonb - 'epochs' - 'best_epoch' - 'seconds' - 'stop_reason' - 'metrics' - 'logged_reward',
    jsonb_build_object('model', 'market', 'version', 1, 'algorithm', 'ma_rdpg', 'sessions', 300,
        'steps', 700, 'items', 0, 'null_rows', 0, 'broken_rows', 0, 'reward', NULL, 'depth', NULL,
        'random_reward', NULL, 'promotion', 'promoted'),
    'the row says what was read; from a log alone nothing is played');
SELECT is(round((:'m'::jsonb ->> 'logged_reward')::numeric, 4),
    (SELECT round((sum(reward) / 300)::numeric, 4) FROM acts), 'the mean reward of a session of the log');
SELECT ok((:'m'::jsonb #>> '{metrics,outside}')::float8 BETWEEN 0 AND 1,
    'the share of steps beyond the log is told');
SELECT is(recadv_info('market') -> 'scenarios',
    '[{"name": "search", "observation": 2, "action": 2}, {"name": "shop", "observation": 1, "action": 3}]',
    'recadv_info: the scenarios and their widths');
SELECT is(jsonb_build_object('users', i -> 'users', 'items', i -> 'items', 'scenario', i -> 'scenario_column',
        'action', i -> 'action_column', 'observation', i -> 'observation_column', 'shown', i -> 'shown_column',
        'reward', i -> 'reward_column', 'type', i -> 'scenario_type', 'source', i -> 'source_relation'),
    '{"users": 0, "items": 0, "scenario": "scenario", "action": "action", "observation": "observation",
      "shown": null, "reward": "reward", "type": "text", "source": "recadv_test.acts"}', 'and where it comes from')
FROM recadv_info('market') i;
SELECT is((SELECT ROW(users, items, status, versions, algorithm)::text FROM recadv_models WHERE model = 'market'),
    '(0,0,ok,{1},ma_rdpg)', 'recadv_models');
SELECT is((SELECT ROW(status, version, algorithm, kind, source)::text FROM recadv_runs('market')),
    '(succeeded,1,ma_rdpg,train,acts)', 'the log of runs');
SELECT is((SELECT count(*) FROM recadv_history('market')), (:'m'::jsonb ->> 'epochs')::bigint, 'a learning curve');
SELECT is((SELECT count(*) FROM recadv_cache WHERE model = 'market'::regclass), 0::bigint, 'nothing is loaded yet');

-- --- acts

SELECT is((SELECT r::text FROM recadv_act('market', 'search', '{1,1}') r),
    (SELECT r::text FROM recadv_act('market', 'search', '{1,1}') r), 'the same act for the same question');
SELECT is((SELECT ROW(hits)::text FROM recadv_cache WHERE model = 'market'::regclass), '(1)',
    'the second is answered from memory');
SELECT is((SELECT propensity FROM recadv_act('market', 'search', '{1,1}')), NULL,
    'without noise there is no density');
-- The shop sees nothing of the type: search has told it.
CREATE FUNCTION told(type float8, model text DEFAULT 'market') RETURNS real[] LANGUAGE sql AS $$
    SELECT b.action FROM recadv_act(model, 'search', ARRAY[type, 1]) a,
        recadv_act(model, 'shop', '{0.5}', a.state_after) b
$$;
SELECT ok((told(1))[1] > (told(1))[2] + 0.3 AND (told(-1))[2] > (told(-1))[1] + 0.3,
    'what one scenario saw decides what the other does');
SELECT ok((SELECT action FROM recadv_act('market', 'shop', '{0.5}')) <> told(1), 'and it comes by the state alone');
SELECT is((SELECT r::text FROM recadv_act('market', 'shop', '{0.5}', NULL) r),
    (SELECT r::text FROM recadv_act('market', 'shop', '{0.5}', '{}') r), 'an empty state starts a session, too');
SELECT is((SELECT b::text FROM recadv_act('market', 'search', '{1,1}') a,
              recadv_act('market', 'shop', '{0.5}', a.state_after) b),
    (SELECT b::text FROM recadv_act('market', 'search', '{1,1}') a,
              recadv_act('market', 'shop', '{0.5}', a.state_after::text::float8[]) b),
    'a state survives its text, and double precision');
SELECT is((SELECT b::text FROM recadv_act('market', 'search', '{1,1}') a,
              recadv_act('market', 'shop', '{0.5}', a.state_after) b),
    (SELECT b::text FROM recadv_act('market', 'search', '{1,1}') a,
              recadv_act('market', 'shop', '{0.5}', (SELECT array_agg(x::text::float8 ORDER BY n)
                  FROM jsonb_array_elements(to_jsonb(a.state_after)) WITH ORDINALITY AS j(x, n))) b),
    'and JSON');
SELECT is((SELECT action FROM recadv_act('market', 'shop', '[5:5]={0.5}')),
    (SELECT action FROM recadv_act('market', 'shop', '{0.5}')), 'arrays may begin anywhere');
SELECT is((SELECT action FROM recadv_act(model => 'market', scenario => 'search', observation => o)),
    (SELECT action FROM recadv_act('market', 'search', '{1,1}')), 'observations of ' || pg_typeof(o))
FROM (SELECT ARRAY[1.0, 1.0]) x(o);
SELECT is((SELECT action FROM recadv_act('market', 'search', ARRAY[1, 1])),
    (SELECT action FROM recadv_act('market', 'search', '{1,1}')), 'observations of integers');
SELECT is((SELECT action FROM recadv_act('market', 'search', ARRAY[1, 1]::real[])),
    (SELECT action FROM recadv_act('market', 'search', '{1,1}')), 'observations of reals');
PREPARE untyped AS SELECT action FROM recadv_act($1, $2, $3, $4, $5, $6);
SELECT is((SELECT array_agg(parameter_types::text) FROM pg_prepared_statements WHERE name = 'untyped'),
    ARRAY['{text,text,"double precision[]","double precision[]","double precision",bigint}'],
    'parameters without a type get one');

-- --- exploration

SELECT ok((SELECT count(DISTINCT action) FROM generate_series(1, 20) i,
        recadv_act('market', 'search', ARRAY[1, 1 + 0 * i], explore => 0.5)) = 20, 'noise is drawn anew');
SELECT is((SELECT count(DISTINCT action) FROM generate_series(1, 20) i,
        recadv_act('market', 'search', ARRAY[1, 1 + 0 * i], explore => 0.5, seed => 7)), 1::bigint, 'a seed repeats it');
SELECT is((SELECT r::text FROM recadv_act('market', 'shop', '{0.5}', explore => 0) r),
    (SELECT r::text FROM recadv_act('market', 'shop', '{0.5}', explore => 0, seed => 7) r), 'without noise a seed means nothing');
-- Density of the centred logarithms, in the plane where their sum is 0.
SELECT ok(bool_and(abs(ln(r.propensity) - (-squares / (2 * 0.3 ^ 2) - (k - 1) / 2.0 * ln(2 * pi() * 0.3 ^ 2))) < 0.01),
    'propensity is the density of what was drawn: ' || scenario)
FROM (VALUES ('search', '{1,1}'::real[]), ('shop', '{0.5}')) s(scenario, observation),
     generate_series(1, 20) seed,
     recadv_act('market', scenario, observation) plain,
     recadv_act('market', scenario, observation, explore => 0.3, seed => seed) r,
     LATERAL (SELECT var_pop(ln(d) - ln(p)) * count(*) AS squares, count(*) AS k
              FROM unnest(r.action, plain.action) x(d, p)) y
GROUP BY scenario;
SELECT is((SELECT propensity FROM recadv_act('market', 'shop', '{0.5}', explore => 1e-30, seed => 1)), NULL,
    'a density that single precision has not is NULL');

-- --- scenarios of other types

SELECT recadv_train_policy('numbered', '(SELECT session_id, step, (CASE scenario WHEN ''shop'' THEN 20 ELSE 3 END)::smallint AS scenario,
        observation::float8[], action::numeric[], reward::numeric FROM acts)', algorithm => 'ma_rdpg', reward_column => 'reward',
    options => brief('ma_rdpg')) \g /dev/null
SELECT is((SELECT action FROM recadv_act('numbered', 20, '{0.5}')), (SELECT action FROM recadv_act('numbered', '20', '{0.5}')),
    'scenarios are numbers, and their texts');
SELECT is(recadv_info('numbered') #> '{scenarios,0,name}', '"3"', 'in order of their numbers');
SELECT is((SELECT parameter_types::text FROM (SELECT 1) x, LATERAL (SELECT parameter_types FROM pg_prepared_statements
    WHERE name = 'untyped') y), '{text,text,"double precision[]","double precision[]","double precision",bigint}', 'a parameter is a text');
SELECT is((SELECT array_length(action, 1) FROM recadv_act('numbered', 3::smallint, '{1,1}')), 2, 'a smallint');
SELECT recadv_train_policy('typed', '(SELECT ''s'' || session_id AS visit, timestamptz ''2026-01-01'' + step * interval ''1 hour'' AS at,
        md5(scenario)::uuid AS place, observation::numeric[] AS seen, action AS done, (reward * 10)::int AS worth,
        1.5::float8 AS density FROM acts)', session_column => 'visit', step_column => 'at', scenario_column => 'place',
    observation_column => 'seen', action_column => 'done', reward_column => 'worth', propensity_column => 'density',
    algorithm => 'ma_rdpg', options => brief('ma_rdpg')) \g /dev/null
SELECT is((SELECT array_length(action, 1) FROM recadv_act('typed', upper(md5('shop')), '{0.5}')), 3,
    'columns of other types and names; a uuid in any of its texts');

-- --- worlds

SELECT to_jsonb(r) AS w FROM recadv_train_policy('world', NULL, algorithm => 'ma_rdpg',
    options => '{"environment": "market", "iterations": 300, "check_every": 100}') r \gset
SELECT is(:'w'::jsonb - 'epochs' - 'best_epoch' - 'seconds' - 'stop_reason' - 'metrics' - 'reward' - 'depth' - 'random_reward',
    '{"model": "world", "version": 1, "algorithm": "ma_rdpg", "sessions": null, "steps": null, "items": 0, "null_rows": null,
      "broken_rows": null, "logged_reward": null, "promotion": "promoted"}', 'a world has no log');
SELECT ok((:'w'::jsonb ->> 'reward')::float8 > (:'w'::jsonb ->> 'random_reward')::float8
    AND (:'w'::jsonb ->> 'depth')::float8 BETWEEN 1 AND 8, 'it plays there, better than chance');
SELECT is((recadv_info('world') #> '{training,played,sessions}')::int, 400, 'so many sessions');
SELECT ok((SELECT epochs > 0 AND source IS NULL FROM recadv_runs('world')), 'the log of runs has it');
SELECT is((SELECT promotion FROM recadv_train_policy('world', NULL, algorithm => 'ma_rdpg',
        options => '{"environment": "market", "iterations": 300, "check_every": 100, "promote": 1}')),
    'promoted', 'the same earns the same');
SELECT matches((SELECT promotion FROM recadv_train_policy('world', NULL, algorithm => 'ma_rdpg',
        options => brief('ma_rdpg', '{"environment": "market", "iterations": 1, "promote": 1, "seed": 3}'))),
    '^its reward of -?[0-9.]+ is less than 1 of the [0-9.]+ of version 2, which serves, in the same 400 sessions$',
    'what has learnt nothing earns less, and does not serve');

-- --- versions, and states of other versions

CREATE TABLE session AS SELECT state_after AS state FROM recadv_act('market', 'search', '{1,1}');
CREATE TABLE before AS SELECT b.* FROM session, recadv_act('market', 'shop', '{0.5}', state) b;
SELECT recadv_train_policy('market', 'acts', algorithm => 'ma_rdpg', reward_column => 'reward',
    options => '{"iterations": 400, "actor_start": 50, "message": 4}') \g /dev/null
SELECT is((SELECT b.action FROM session, recadv_act('market', 'shop', '{0.5}', state) b), (SELECT action FROM before),
    'the same bytes of a later version go on with the state');
SELECT recadv_train_policy('market', 'acts', algorithm => 'ma_rdpg', reward_column => 'reward',
    options => '{"iterations": 400, "actor_start": 50, "message": 4, "seed": 2}') \g /dev/null
SELECT is((SELECT b::text FROM session, recadv_act('market', 'shop', '{0.5}', state) b),
    (SELECT b::text FROM recadv_act('market', 'shop', '{0.5}') b), 'those of another start the session anew');
SELECT recadv_train_policy('market', 'acts', algorithm => 'ma_rdpg', reward_column => 'reward',
    options => brief('ma_rdpg', '{"message": 7}')) \g /dev/null
SELECT is((SELECT b::text FROM session, recadv_act('market', 'shop', '{0.5}', state) b),
    (SELECT b::text FROM recadv_act('market', 'shop', '{0.5}') b), 'also where messages have another length');
SELECT is(recadv_rollback('market'), 3, 'a rollback');
SELECT is((SELECT versions FROM recadv_models WHERE model = 'market'), '{4,3}', 'keep_versions');
SELECT recadv_train_policy('market', 'acts', algorithm => 'ma_rdpg', reward_column => 'reward',
    options => '{"iterations": 400, "actor_start": 50, "message": 4, "promote": 0}') \g /dev/null
SELECT is((SELECT b.action FROM session, recadv_act('market', 'shop', '{0.5}', state) b), (SELECT action FROM before),
    'without a comparison a version is of the same model, too');
ALTER TABLE market RENAME TO bazaar;
SELECT is((SELECT b.action FROM session, recadv_act('bazaar', 'shop', '{0.5}', state) b), (SELECT action FROM before),
    'under another name');
SELECT copy_model('bazaar', 'market');
SELECT is((SELECT b.action FROM session, recadv_act('market', 'shop', '{0.5}', state) b), (SELECT action FROM before),
    'and in a copy');

-- --- what is compared

CREATE FUNCTION promotion(source text, options jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT promotion FROM recadv_train_policy('market', source, algorithm => 'ma_rdpg', reward_column => 'reward',
        options => brief('ma_rdpg', options))
$$;
SELECT is(promotion('acts'), 'promoted', 'nothing that a log tells compares two policies');
SELECT is(recadv_info('market') #>> '{promotion,problem}', 'nothing was measured that both could be compared by', 'which is said');
SELECT matches(promotion('(SELECT * FROM acts WHERE session_id < 100)'),
    '^the source has [0-9]+ steps, less than half of the 700 of version [0-9]+, which serves$', 'a log that has shrunk');
SELECT matches(promotion('(SELECT * FROM acts WHERE scenario = ''search'')'),
    '^it has no scenario "shop", which version [0-9]+, which serves, has$', 'a scenario that is gone');
SELECT matches(promotion('(SELECT session_id, step, scenario, observation || 0::real AS observation, action, reward FROM acts)'),
    '^scenario "search" has observations and actions of 3 and 2 numbers, of 2 and 2 in version [0-9]+, which serves$', 'other widths');
SELECT is(promotion('(SELECT session_id, step, scenario, observation || 0::real AS observation, action, reward FROM acts)', '{"promote": 0}'),
    'promoted', 'which serve where that is asked');
SELECT is(promotion('(SELECT session_id, step, scenario, observation || 0::real AS observation, action, reward FROM acts
        UNION ALL SELECT session_id, 9, ''cart'', ''{1}'', ''{1}'', 1 FROM acts WHERE step = 1)'), 'promoted', 'a scenario may come');
SELECT is((SELECT action FROM recadv_act('market', 'cart', '{1}')), '{1}', 'one weight is all of it');
SELECT matches((SELECT promotion FROM recadv_train_policy('market', NULL, algorithm => 'ma_rdpg',
    options => brief('ma_rdpg', '{"environment": "market"}'))),
    '^it has no scenario "cart", which version [0-9]+, which serves, has$', 'nor does a world serve without the scenarios of a log');
SELECT recadv_train_policy('played', '(SELECT * FROM recadv_play_acts(''market'', ''random'', 50))', algorithm => 'ma_rdpg',
    reward_column => 'reward', options => brief('ma_rdpg')) \g /dev/null
SELECT is((SELECT promotion FROM recadv_train_policy('played', NULL, algorithm => 'ma_rdpg',
    options => brief('ma_rdpg', '{"environment": "market"}'))), 'promoted', 'with them it is not compared with a log');
SELECT is((SELECT promotion FROM recadv_train('market', 'orders', algorithm => 'popularity')), 'promoted',
    'nor a model of interactions with what acts');
SELECT is(promotion('acts'), 'promoted', 'nor the other way round');

-- --- what a row may be

-- Trains on the log and one more row; what came of it.
CREATE FUNCTION with_row(session text, step text, scenario text, observation text, action text, reward text,
    propensity text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result record;
BEGIN
    SELECT * INTO result FROM recadv_train_policy('row', format(
        '(SELECT session_id, step::float8 AS step, scenario, observation::float8[], action::float8[], reward::float8,
                 propensity::float8
          FROM recadv_test.acts UNION ALL SELECT %L::int, %L::float8, %L, %L::float8[], %L::float8[], %L::float8, %L::float8)',
        session, step, scenario, observation, action, reward, propensity),
        reward_column => 'reward', propensity_column => 'propensity', algorithm => 'ma_rdpg',
        options => brief('ma_rdpg', '{"iterations": 1, "promote": 0}'));
    RETURN concat_ws(' ', result.sessions - 300, 'sessions', result.steps - 700, 'steps',
        jsonb_array_length(recadv_info('row') -> 'scenarios') - 2, 'scenarios', result.null_rows, 'null',
        result.broken_rows, 'broken', recadv_info('row') ->> 'first_broken');
END $$;
SELECT is(with_row(session, step, scenario, observation, action, reward, propensity), result, what)
FROM (VALUES
    ('901', '1', 'search', '{1,1}', '{0.5,0.5}', '1', '0.7', '1 sessions 1 steps 0 scenarios 0 null 0 broken',
        'a session of one step, and of one scenario, counts'),
    ('1', '-1.5', 'search', '{1,1}', '{1,0}', '-3', '5.5', '0 sessions 1 steps 0 scenarios 0 null 0 broken',
        'weights of 0 and 1; a reward may be negative, a density above 1'),
    ('901', '1', 'cart', '{1}', '{1}', '1', NULL, '1 sessions 1 steps 1 scenarios 0 null 0 broken',
        'a scenario of one row'),
    ('901', '1', 'search', '[5:6]={1,1}', '[7:8]={0.5,0.5}', '1', NULL, '1 sessions 1 steps 0 scenarios 0 null 0 broken',
        'arrays may begin anywhere'),
    ('901', '1', 'search', '{1,1}', '{0.3337,0.6658}', '1', NULL, '1 sessions 1 steps 0 scenarios 0 null 0 broken',
        'a sum of 1 but for rounding'),
    ('901', '1', 'search', '{1,1}', '{0.5,0.5}', '1e30', NULL, '1 sessions 1 steps 0 scenarios 0 null 0 broken',
        'a reward of 1e30 is a number; the training says that it is much'),
    ('901', '1', 'search', '{1e30,-1e30}', '{0.5,0.5}', '1', NULL, '1 sessions 1 steps 0 scenarios 0 null 0 broken',
        'so is an observation'),
    (NULL, '1', 'search', '{1,1}', '{0.5,0.5}', '1', NULL, '0 sessions 0 steps 0 scenarios 1 null 0 broken', 'a NULL session'),
    ('901', NULL, 'search', '{1,1}', '{0.5,0.5}', '1', NULL, '0 sessions 0 steps 0 scenarios 1 null 0 broken', 'a NULL step'),
    ('901', '1', NULL, '{1,1}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: it has no scenario', 'a NULL scenario'),
    ('901', '1', repeat('x', 1025), '{1,1}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its scenario has a name that is too long or no text',
        'a scenario that is no name'),
    ('901', '1', 'search', NULL, '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: nothing was observed', 'a NULL observation'),
    ('901', '1', 'search', '{}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: nothing was observed', 'an empty observation'),
    ('901', '1', 'search', '{1,NULL}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: an array has a NULL', 'a NULL in it'),
    ('901', '1', 'search', '{1,NaN}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its observation has a number that is not finite', 'NaN'),
    ('901', '1', 'search', '{1,1e300}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its observation has a number that is not finite',
        'a number beyond single precision'),
    ('901', '1', 'search', '{{1},{1}}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: an array has several dimensions', 'several dimensions'),
    ('901', '1', 'search', '{1,1,1}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its observation and action have 3 and 2 numbers, '
        'those of scenario "search" 2 and 2', 'a longer observation than the others of its scenario'),
    ('901', '1', 'search', '{1}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its observation and action have 1 and 2 numbers, '
        'those of scenario "search" 2 and 2', 'a shorter one'),
    ('901', '1', 'search', '{1,1}', '{0.5,0.25,0.25}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its observation and action have 2 and 3 numbers, '
        'those of scenario "search" 2 and 2', 'an action of another width'),
    ('901', '1', 'search', '{1,1}', NULL, '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: it has no action', 'a NULL action'),
    ('901', '1', 'search', '{1,1}', '{}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: it has no action', 'an empty action'),
    ('901', '1', 'search', '{1,1}', '{2,1}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: the weights of its action have the sum 3, not 1',
        'weights that are not scaled'),
    ('901', '1', 'search', '{1,1}', '{0,0}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: the weights of its action have the sum 0, not 1',
        'weights that cannot be'),
    ('901', '1', 'search', '{1,1}', '{1.5,-0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its action has a weight below 0', 'a weight below 0'),
    ('901', '1', 'search', '{1,1}', '{NaN,1}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its action has a weight that is not finite', 'NaN'),
    ('901', '1', 'search', '{1,1}', '{0.5,NULL}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: an array has a NULL', 'a NULL weight'),
    ('901', '1', 'search', '{1,1}', '{{0.5,0.5},{0.5,0.5}}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: an array has several dimensions', 'several dimensions'),
    ('901', '1', 'search', '{1,1}', '{0.5,0.5}', NULL, NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: it has no reward', 'a NULL reward'),
    ('901', '1', 'search', '{1,1}', '{0.5,0.5}', 'NaN', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its reward is not finite', 'a reward that is NaN'),
    ('901', '1', 'search', '{1,1}', '{0.5,0.5}', '1e300', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its reward is not finite', 'beyond single precision'),
    ('901', '1', 'search', '{1,1}', '{0.5,0.5}', '1', '0',
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its propensity is not above 0 and finite', 'a density of 0'),
    ('901', '1', 'search', '{1,1}', '{0.5,0.5}', '1', 'NaN',
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: its propensity is not above 0 and finite', 'NaN'),
    ('901', 'NaN', 'search', '{1,1}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step NaN of session 901: its step is not finite', 'a step that is NaN'),
    ('7', '1', 'search', '{1,1}', '{0.5,0.5}', '1', NULL,
        '0 sessions -1 steps 0 scenarios 0 null 2 broken step 1 of session 7: there are 2 rows of it',
        'a step that is there twice: both rows are broken'),
    ('7', '1', 'search', '{1}', '{0.5,0.5}', '1', NULL,
        '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 7: its observation and action have 1 and 2 numbers, '
        'those of scenario "search" 2 and 2', 'beside one that is broken a row stays')
) AS v(session, step, scenario, observation, action, reward, propensity, result, what);
SELECT is(with_row('901', '1', 'wide', array_fill(0.5, ARRAY[1024])::text, '{1}', '1'),
    '1 sessions 1 steps 1 scenarios 0 null 0 broken', 'observations of 1024 numbers');
SELECT is(with_row('901', '1', 'wide', array_fill(0.5, ARRAY[1025])::text, '{1}', '1'),
    '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: an array has more than 1024 elements', 'no more');
SELECT is(with_row('901', '1', 'wide', '{1}', array_fill(1 / 256.0, ARRAY[256])::text, '1'),
    '1 sessions 1 steps 1 scenarios 0 null 0 broken', 'actions of 256 weights');
SELECT is(with_row('901', '1', 'wide', '{1}', array_fill(1 / 257.0, ARRAY[257])::text, '1'),
    '0 sessions 0 steps 0 scenarios 0 null 1 broken step 1 of session 901: an array has more than 256 elements', 'no more');
-- Widths are those of most rows, whichever come first.
CREATE FUNCTION widths(source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    broken bigint := (SELECT broken_rows FROM recadv_train_policy('row', source, algorithm => 'ma_rdpg',
        reward_column => 'reward', options => brief('ma_rdpg', '{"iterations": 1, "promote": 0}')));
BEGIN
    RETURN (recadv_info('row') #>> '{scenarios,0,observation}') || ' ' || broken;
END $$;
SELECT is(widths(format('(SELECT session_id, step, ''one'' AS scenario,
            array_fill(0.5::real, ARRAY[CASE WHEN session_id <= %s THEN 2 ELSE 3 END]) AS observation, ''{1}''::real[] AS action, reward
        FROM acts ORDER BY session_id %s)', n, o)), width, 'widths of most rows: ' || n || ' ' || o)
FROM (VALUES (160, '', '2 327'), (160, 'DESC', '2 327'), (140, '', '3 326'), (140, 'DESC', '3 326')) v(n, o, width);
SELECT is(widths('(SELECT s AS session_id, 1 AS step, ''one'' AS scenario, array_fill(0.5::real, ARRAY[1 + s % 2]) AS observation,
        ''{1}''::real[] AS action, 1 AS reward FROM generate_series(1, 10) s)'), '2 5', 'of two that are as frequent the wider one');

-- --- what it would have earned

SELECT is(string_agg(estimator, ' '), 'logged direct', 'two estimates') FROM recadv_evaluate_policy('bazaar', 'acts',
    reward_column => 'reward', propensity_column => NULL);
SELECT is(round(value::numeric, 4), (SELECT round(avg(r)::numeric, 4) FROM (SELECT sum(reward * 0.9 ^ (step - 1)) AS r FROM acts
        GROUP BY session_id) x), 'logged is the mean of the sessions, discounted')
FROM recadv_evaluate_policy('bazaar', 'acts', reward_column => 'reward', propensity_column => NULL) WHERE estimator = 'logged';
SELECT ok(lower < value AND value < upper AND sessions = 300 AND effective = 700, 'with an interval')
FROM recadv_evaluate_policy('bazaar', 'acts', reward_column => 'reward', propensity_column => NULL) WHERE estimator = 'logged';
SELECT ok(value BETWEEN 4 AND 7 AND lower IS NULL AND supported BETWEEN 0 AND 1,
    'direct is what the critic expects (5.5 is possible in two steps)')
FROM recadv_evaluate_policy('bazaar', 'acts', reward_column => 'reward', propensity_column => NULL) WHERE estimator = 'direct';
SELECT is((SELECT r::text FROM recadv_evaluate_policy('bazaar', 'acts', reward_column => 'reward', propensity_column => NULL) r LIMIT 1),
    (SELECT r::text FROM recadv_evaluate_policy('bazaar', '(SELECT * FROM acts ORDER BY noise(session_id || ''*''))',
        reward_column => 'reward', propensity_column => NULL) r LIMIT 1), 'rows in another order');
SELECT recadv_train_policy('alone', 'acts', algorithm => 'ma_rdpg', reward_column => 'reward',
    options => brief('ma_rdpg', '{"communication": "independent"}')) \g /dev/null
SELECT is((SELECT value FROM recadv_evaluate_policy('alone', 'acts', reward_column => 'reward', propensity_column => NULL)
        WHERE estimator = 'direct'), NULL, 'scenarios on their own have no critic of whole sessions');
SELECT is((SELECT lower FROM recadv_evaluate_policy('bazaar', '(SELECT * FROM acts WHERE session_id < 20)', reward_column => 'reward',
    propensity_column => NULL) LIMIT 1), NULL, 'no interval of nineteen sessions');

-- --- functions that ask for items or users

SELECT fails(format(query, 'bazaar'), '0A000',
    'model "bazaar" acts in scenarios and knows neither users nor items | recadv_act() asks it %', query)
FROM unnest(ARRAY[
    'SELECT * FROM recadv_topk(1, 5, %L)',
    'SELECT * FROM recadv_topk(1, 5, %L, seen => ''live'')',
    'SELECT * FROM recadv_topk(''a'', 5, %L)',
    'SELECT * FROM recadv_topk_all(%L)',
    'SELECT * FROM recadv_topk_for(''{1}''::bigint[], 5, %L)',
    'SELECT * FROM recadv_slate(''{1}''::bigint[], 5, %L)',
    'SELECT * FROM recadv_similar_items(1, 5, %L)',
    'SELECT * FROM recadv_similar_users(1, 5, %L)',
    'SELECT recadv_score(1, 1, %L)',
    'SELECT recadv_has_user(1, %L)',
    'SELECT * FROM recadv_explain(1, 1, 5, %L)',
    'SELECT * FROM recadv_embeddings(%L, ''item'')',
    'SELECT * FROM recadv_seen(1, %L)',
    'SELECT * FROM recadv_memory(%L)',
    'SELECT * FROM recadv_evaluate(%L, ''orders'')',
    'SELECT * FROM recadv_robustness(%L)',
    'SELECT * FROM recadv_lists(%L)',
    'SELECT * FROM recadv_popularity(%L)',
    'SELECT * FROM recadv_coverage(%L)',
    'SELECT * FROM recadv_exposure(%L)',
    'SELECT * FROM recadv_item_exposure(%L)',
    'SELECT * FROM recadv_overlap(%L)']) query;
SELECT ok(page LIKE '%All options%Not for this model: model %acts in scenarios and knows neither users nor items%', 'recadv_report')
FROM recadv_report('bazaar') page;
SELECT recadv_train('pairs', 'orders', algorithm => 'popularity') \g /dev/null
SELECT fails('SELECT recadv_act(''pairs'', ''search'', ''{1,1}'')', '0A000',
    'model "pairs" is of algorithm "popularity" and does not act in scenarios | recadv_topk() asks it for items.  '
    'recadv_train_policy() trains one that acts, with the algorithm ma_rdpg.', 'recadv_act of a model of interactions');
SELECT fails(query, '42809', 'model "bazaar" cannot learn from a stream%', query)
FROM unnest(ARRAY[
    'SELECT recadv_refresh(''bazaar'')',
    'SELECT recadv_attach(''bazaar'', ''orders'')',
    'SELECT recadv_observe(''bazaar'', 1::bigint, 2::bigint, ''now'')']) query;
SELECT is((SELECT count(*) FROM recadv_forget('bazaar', 1)), 1::bigint, 'recadv_forget finds nobody');
SELECT is((SELECT action FROM recadv_act('bazaar', 'shop', '{0.5}')), (SELECT action FROM recadv_act('bazaar', 'shop', '{0.5}')),
    'and the model serves as before');

SET LOCAL transaction_read_only = on;
SELECT is((SELECT b.action FROM session, recadv_act('bazaar', 'shop', '{0.5}', state, 0.1, 1) b),
    (SELECT b.action FROM session, recadv_act('bazaar', 'shop', '{0.5}', state, 0.1, 1) b), 'in a transaction that only reads');

SELECT * FROM finish();
ROLLBACK;
