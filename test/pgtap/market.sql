-- recadv_play_acts: sessions of a market in which one scenario sees what the other needs to know.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE acts AS
SELECT p AS policy, s.*
FROM unnest('{random,popular,brand,told,knows}'::text[]) p, LATERAL recadv_play_acts('market', p, 3000) s;

-- ---- rows ----
SELECT is(
    (SELECT count(*) FROM acts
     WHERE cardinality(observation) <> 4 OR cardinality(action) <> 2 OR abs(action[1] + action[2] - 1) > 1e-6
        OR observation[1] <> (scenario = 'main')::int OR observation[2] <> (scenario = 'shop')::int
        OR scenario = 'shop' AND observation[3] <> 0 OR abs(observation[4] - (step - 1) / 8.0) > 1e-6
        OR kind NOT IN (1, 2) OR step NOT BETWEEN 1 AND 8
        OR (reward IN (10, -5)) <> ended OR scenario = 'main' AND reward = 10
        OR NOT ended AND reward NOT IN (1, -1) OR scenario = 'shop' AND reward = 1),
    0::bigint,
    'observations, actions and rewards of both scenarios');
SELECT is(
    (SELECT count(*) FROM (SELECT count(*) AS steps, max(step) AS last, count(*) FILTER (WHERE ended) AS ends, count(DISTINCT kind) AS kinds,
                                  bool_and(scenario = 'main') FILTER (WHERE step = 1) AS begins, max(step) FILTER (WHERE ended) AS ended_at
                           FROM acts GROUP BY policy, session_id) x
     WHERE (steps, ends, kinds, begins, ended_at) IS DISTINCT FROM (last::bigint, 1::bigint, 1::bigint, true, last)),
    0::bigint,
    'sessions begin in main search, and their last step ends them');
SELECT is(
    (SELECT count(DISTINCT (session_id, kind)) FROM acts), 3000::bigint,
    'whatever the policy, the same visitors come');
SELECT ok(
    (SELECT abs(avg(kind) - 1.5) < 4.5 * 0.5 / sqrt(3000) FROM acts WHERE step = 1 AND policy = 'told'),
    'both types as often');
SELECT ok(
    (SELECT abs(avg(z)) < 4.5 * 0.5 / sqrt(count(*)) AND abs(stddev(z) - 0.5) < 0.02
     FROM (SELECT observation[3] - (2 * kind - 3) AS z FROM acts WHERE scenario = 'main') x),
    'main search sees the type with noise of 0.5');
SELECT is(
    (SELECT string_agg(DISTINCT concat_ws(' ', policy, scenario, action, state IS NOT NULL, propensity), ', '
                       ORDER BY concat_ws(' ', policy, scenario, action, state IS NOT NULL, propensity))
     FROM acts WHERE policy IN ('popular', 'brand', 'told')),
    'brand main {0,1} f, brand shop {0.5,0.5} f, popular main {1,0} f, popular shop {0.5,0.5} f, '
        'told main {0,1} t, told shop {0,1} t, told shop {1,0} t',
    'players show what they are there for');
SELECT is(
    (SELECT count(*) FROM (SELECT *, sum(observation[3]) OVER (PARTITION BY session_id ORDER BY step) AS seen
                           FROM acts WHERE policy = 'told') x
     WHERE abs(state[1] - seen) > 1e-4 OR scenario = 'shop' AND action[2] <> (seen > 0)::int),
    0::bigint,
    'told carries the signs that it has seen');
SELECT is((SELECT count(*) FROM acts WHERE policy = 'knows' AND scenario = 'shop' AND action[kind] <> 1), 0::bigint,
    'knows shows the right type');
-- log ratios are normal, of variance 2 x 4; centred, so is their distance from 0, of variance 4
SELECT ok(
    (SELECT abs(avg(r)) < 4.5 * sqrt(8.0 / count(*)) AND abs(variance(r) / 8 - 1) < 4.5 * sqrt(2.0 / count(*))
     FROM (SELECT ln(action[1]::float8 / action[2]) AS r FROM acts WHERE policy = 'random' AND least(action[1], action[2]) > 0) x),
    'by chance: log ratios');
SELECT is(
    (SELECT count(*) FROM (SELECT propensity, exp(-(ln(action[1]::float8 / action[2]) ^ 2) / 16) / sqrt(2 * pi() * 4) AS density
                           FROM acts WHERE policy = 'random' AND least(action[1], action[2]) > 1e-4) x
     WHERE abs(propensity / density - 1) > 1e-2),
    0::bigint,
    'with their density');

-- ---- what is expected: from the last step on ----
CREATE FUNCTION expected(popularity float8, brand float8, of_type float8) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    main float8 := 0; shop float8 := 0; later float8; sold float8 := 0.15 + 0.45 * of_type;
BEGIN
    FOR step IN REVERSE 7 .. 0 LOOP
        later := CASE WHEN step = 7 THEN -5
            ELSE 2 * (0.2 + 0.6 * popularity) - 1 + (0.1 + 0.8 * brand) * shop + (0.9 - 0.8 * brand) * main END;
        shop := sold * 10 + (1 - sold) * (0.3 * -5 + 0.7 * CASE WHEN step = 7 THEN -5 ELSE -1 + 0.85 * shop + 0.15 * main END);
        main := 0.1 * -5 + 0.9 * later;
    END LOOP;
    RETURN main;
END $$;
SELECT ok(
    (SELECT abs(avg(r) - expected(popularity, brand, of_type)) < 4.5 * stddev(r) / sqrt(count(*))
     FROM (SELECT sum(reward) AS r FROM acts WHERE policy = p GROUP BY session_id) x),
    format('%s earns what the rules say: %s', p, round(expected(popularity, brand, of_type)::numeric, 2)))
FROM (VALUES ('popular', 1, 0, 0.5), ('brand', 0, 1, 0.5), ('knows', 0, 1, 1)) v(p, popularity, brand, of_type);
SELECT ok(
    (SELECT avg(r) FILTER (WHERE policy = 'told') BETWEEN avg(r) FILTER (WHERE policy = 'brand') + 2
                AND avg(r) FILTER (WHERE policy = 'knows')
     FROM (SELECT policy, sum(reward) AS r FROM acts GROUP BY policy, session_id) x),
    'who is told earns nearly what who knows does');

-- ---- models ----
SELECT recadv_train_policy('market', NULL, algorithm => 'ma_rdpg',
    options => '{"environment": "market", "iterations": 40, "check_every": 20, "check_sessions": 50}') \g /dev/null
SELECT recadv_train_policy('logged', '(SELECT * FROM recadv_play_acts(''market'', ''random'', 200))', algorithm => 'ma_rdpg',
    reward_column => 'reward', options => '{"iterations": 20}') \g /dev/null
SELECT recadv_train_policy('narrow', '(SELECT session_id, step, scenario, observation[1:3] AS observation, action, reward
    FROM recadv_play_acts(''market'', ''random'', 50))', algorithm => 'ma_rdpg', reward_column => 'reward',
    options => '{"iterations": 2}') \g /dev/null
CREATE TABLE played AS
SELECT m AS model, s.* FROM unnest('{market,logged,recadv_test.market}'::text[]) m, LATERAL recadv_play_acts('market', m, 60) s;
SELECT is(
    (SELECT string_agg(DISTINCT concat_ws(' ', model, cardinality(state), propensity), ', '
                       ORDER BY concat_ws(' ', model, cardinality(state), propensity)) FROM played),
    'logged 16, market 16, recadv_test.market 16',
    'models are played, with what they carry');
-- the same sessions, asked step by step
CREATE TABLE asked AS
WITH RECURSIVE asked AS (
    SELECT p.model, p.session_id, p.step, a.action, a.state_after
    FROM played p, LATERAL recadv_act(p.model, p.scenario, p.observation::float8[]) a WHERE step = 1
    UNION ALL
    SELECT p.model, p.session_id, p.step, a.action, a.state_after
    FROM asked q JOIN played p ON (p.model, p.session_id, p.step) = (q.model, q.session_id, q.step + 1),
         LATERAL recadv_act(p.model, p.scenario, p.observation::float8[], q.state_after::float8[]) a)
SELECT * FROM asked;
SELECT is(
    (SELECT count(*) FROM played JOIN asked USING (model, session_id, step) WHERE played.action = asked.action),
    (SELECT count(*) FROM played),
    'a model does what recadv_act says');
SELECT ok(
    (SELECT bool_and(propensity > 0) FROM recadv_play_acts('market', 'market', 60, 0.5)),
    'with exploration there are densities');
SELECT is(
    (SELECT array_agg(kind ORDER BY session_id) FROM recadv_play_acts('market', 'market', 60, 0.5) WHERE step = 1),
    (SELECT array_agg(kind ORDER BY session_id) FROM acts WHERE policy = 'told' AND step = 1 AND session_id <= 60),
    'and the same visitors');

-- ---- seeds and arguments ----
CREATE FUNCTION played(policy text, seed bigint) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(s::text, ' ')) FROM recadv_play_acts('market', policy, 200, 0, seed) s
$$;
SELECT is(played('random', 3), played('random', 3), 'a seed repeats');
SELECT isnt(played('random', 4), played('random', 3), 'another one does not');
SELECT isnt(played('random', NULL), played('random', NULL), 'NULL draws');
SELECT recadv_train('popular_items', 'orders', algorithm => 'popularity') \g /dev/null
SELECT fails('SELECT * FROM recadv_play_acts(' || a || ')', state, pattern, a)
FROM (VALUES
    ('NULL', '22004', 'argument "world" must not be NULL%'),
    ('''bazaar''', '22023', 'unknown world "bazaar" | There is: market.'),
    ('''market'', NULL', '22004', 'argument "policy" must not be NULL%'),
    ('''market'', ''brands''', '42P01', 'model "brands" does not exist | Policies are random, popular, brand, told, knows, and models:%'),
    ('''market'', ''orders''', '42809', '%orders%'),
    ('''market'', ''popular_items''', '42809',
        'model "%popular_items" does not act in scenarios: its algorithm is "popularity" | %ma_rdpg.'),
    ('''market'', ''narrow''', '22023',
        'model "%narrow" has no scenario "main" with observations of 4 and actions of 2 numbers%'),
    ('sessions => 0', '22023', 'sessions must be at least 1, not 0'),
    ('explore => 0.5', '22023', 'policy "random" does not explore%'),
    ('explore => -1', '22023', 'explore must be from 0 to 10, not -1%'),
    ('explore => ''NaN''', '22023', 'explore must be from 0 to 10, not NaN%')) v(a, state, pattern);
SELECT is_empty('SELECT * FROM recadv_play_acts(' || a || ')', 'no rows for ' || a)
FROM unnest('{sessions => NULL,explore => NULL}'::text[]) a;
CREATE FUNCTION cancelled(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN false;
EXCEPTION WHEN query_canceled THEN
    RETURN true;
END $$;
SET statement_timeout = '200ms';
SELECT cancelled($$SELECT recadv_play_acts('market', 'told', 2147483647)$$) AS cancelled \gset
RESET statement_timeout;
SELECT ok(:'cancelled', 'sessions without end can be cancelled');
CREATE ROLE recadv_test_reader;
SELECT works($$SELECT recadv_play_acts(sessions => 2)$$, 'worlds are for all', 'recadv_test_reader');
SELECT fails(
    $$SELECT recadv_play_acts('market', 'market', 2)$$,
    '42501',
    'permission denied for table market%',
    'models for those who may read them',
    'recadv_test_reader');
SELECT fails(
    $$SELECT recadv_play_clicks('success', 'market', 2)$$,
    '0A000',
    'model "%market" acts in scenarios and knows neither users nor items%',
    'who acts shows no items');

SET TRANSACTION READ ONLY;
SELECT is(
    (SELECT count(DISTINCT session_id) FROM recadv_play_acts('market', 'market', 20)),
    20::bigint,
    'in a transaction that only reads');
SELECT * FROM finish();
ROLLBACK;
