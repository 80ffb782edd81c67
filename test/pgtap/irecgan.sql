-- irecgan: a policy by the returns of logged clicks, and the visitors of the log as a simulator.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

-- 400 sessions of at most 6 slates of 5 of 20 items; even ones are bait: clicked three times as readily,
-- but whoever clicks one leaves in four of five cases, where odd ones keep as many; items that 5 divides are bought
CREATE FUNCTION luck(text) RETURNS float8 IMMUTABLE LANGUAGE sql
RETURN (noise($1) + 0.5) / 268435456;
CREATE TABLE bait AS
SELECT session_id, step, shown, ARRAY[picked] AS clicked,
       CASE WHEN picked % 5 = 0 THEN 20 ELSE 0 END::real AS price
FROM (SELECT s AS session_id, t AS step, shown, picked,
             bool_and(luck('stays' || s || '/' || t) < CASE WHEN picked % 2 = 0 THEN 0.2 ELSE 0.8 END)
                 OVER (PARTITION BY s ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS is_there
      FROM generate_series(1, 400) s, generate_series(1, 6) t,
           LATERAL (SELECT array_agg(i) AS shown,
                           (array_agg(i ORDER BY -ln(luck('pick' || s || '/' || t || '/' || i))
                                                 / CASE WHEN i % 2 = 0 THEN 3 ELSE 1 END))[1] AS picked
                    FROM (SELECT i FROM generate_series(1, 20) i
                          ORDER BY noise('shown' || s || '/' || t || '/' || i) LIMIT 5) x) y) z
WHERE coalesce(is_there, true);
CREATE FUNCTION little_of(options jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"factors": 8, "hidden": 12, "epochs": 8, "user_epochs": 15, "rounds": 2, "sessions": 60}'
        || options
$$;
-- how many of the best five are bait
CREATE FUNCTION baits(model text, history bigint[] DEFAULT '{}') RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM recadv_topk_for(history, 5, model, false) WHERE item % 2 = 0
$$;
CREATE FUNCTION played(simulator text, policy text, sessions int DEFAULT 400, seed bigint DEFAULT 1,
    options jsonb DEFAULT '{}') RETURNS numeric LANGUAGE sql AS $$
    SELECT round(count(*)::numeric / count(DISTINCT session_id), 4)
    FROM recadv_simulate(simulator, policy, sessions, 5, 0, seed, options)
$$;

-- --- training, and what it tells

SELECT to_jsonb(r) AS r FROM recadv_train_policy('returns', 'bait', algorithm => 'irecgan',
    options => little_of('{"baseline": 1}')) r \gset
SELECT is((SELECT string_agg(k, ',' ORDER BY k) FROM jsonb_object_keys(:'r'::jsonb -> 'metrics') k),
    'depth,held_likelihood,held_return,held_user_loss,log,logged_length,reward,simulated_length',
    'what is measured');
SELECT ok((m ->> 'held_user_loss')::float8 > 0 AND (m ->> 'held_return')::float8 > 0
    AND (m ->> 'held_likelihood')::float8 BETWEEN 0 AND 1, 'what is held out is measured')
FROM (SELECT :'r'::jsonb -> 'metrics' AS m) x;
SELECT cmp_ok(abs((:'r'::jsonb #>> '{metrics,simulated_length}')::float8
        / (:'r'::jsonb #>> '{metrics,logged_length}')::float8 - 1), '<=', 0.15::float8,
    'the visitors stay as long as those of the log');
SELECT is((SELECT round(count(*)::numeric / count(DISTINCT session_id), 6) FROM bait),
    round((:'r'::jsonb #>> '{metrics,logged_length}')::numeric, 6), 'whose length is counted');
SELECT is((SELECT string_agg(DISTINCT stage, ',' ORDER BY stage) FROM recadv_history('returns')),
    'agent,agent search,round,user,user search', 'the stages of the curve');
SELECT recadv_train_policy('likely', 'bait', algorithm => 'irecgan',
    options => little_of('{"gamma": 0, "baseline": 0, "rounds": 0}')) \g /dev/null
SELECT recadv_train_policy('full', 'bait', algorithm => 'irecgan',
    options => little_of('{"baseline": 1, "discriminator": true}')) \g /dev/null
SELECT cmp_ok((recadv_info('full') #>> '{training,discriminator_accuracy}')::float8, '>', 0::float8,
    'how well the discriminator told sessions apart');

-- --- serving

SELECT is(baits('likely'), 5::bigint, 'by likelihood: what is clicked');
SELECT is(baits('likely', '{3,4}'), 5::bigint, 'whatever was clicked before');
SELECT is(baits(m), 0::bigint, m || ': by returns what keeps visitors')
FROM unnest('{returns,full}'::text[]) m;
SELECT cmp_ok(baits('returns', '{3,4,5}'), '<=', 1::bigint, 'whatever was clicked before');
SELECT is((SELECT array_agg(item ORDER BY rank) FROM recadv_slate('{3,4}'::bigint[], 5, 'returns', explore => 0)),
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk_for('{3,4}'::bigint[], 5, 'returns', false)),
    'recadv_slate shows the same');
SELECT is((SELECT round(sum(propensity)::numeric, 3) FROM recadv_slate('{3}'::bigint[], 5, 'returns', explore => 0.2, seed => 1)
           WHERE propensity > 0.5),
    (SELECT round((0.8 * count(*))::numeric, 3) FROM recadv_slate('{3}'::bigint[], 5, 'returns', explore => 0.2, seed => 1)
     WHERE propensity > 0.5), 'with its propensities');
SELECT isnt((SELECT score FROM recadv_topk_for('{3,4}'::bigint[], 1, 'returns')),
    (SELECT score FROM recadv_topk_for('{4,3}'::bigint[], 1, 'returns')), 'the order of clicks counts');
SELECT is((SELECT count(*) FROM recadv_similar_items(3, 5, 'returns')), 5::bigint, 'items are alike or not');

-- --- the visitors

SELECT is((SELECT max(cardinality(clicked)) FROM recadv_simulate('returns', NULL, 400, 5)), 1,
    'visitors choose one item of a slate at most');
SELECT is((SELECT count(*) FROM recadv_simulate('returns', NULL, 400, 5)
           WHERE NOT clicked <@ shown OR cardinality(shown) <> 5), 0::bigint, 'of those that are shown');
SELECT cmp_ok(abs(played('returns', NULL) - (SELECT count(*)::numeric / 400 FROM bait)), '<', 0.35,
    'as many slates as in the log');
SELECT cmp_ok((SELECT avg((clicked[1] % 2 = 0)::int) FROM recadv_simulate('returns', NULL, 400, 5)
               WHERE clicked <> '{}'), '>', 0.6, 'they take bait');
SELECT cmp_ok(played('returns', 'full'), '>', played('returns', 'likely') + 0.5,
    'they tell who keeps them');
SELECT is((SELECT count(DISTINCT history) FROM recadv_simulate('returns', NULL, 50, 5) WHERE step = 1),
    1::bigint, 'nobody has a past');
SELECT is((SELECT max(step) FROM recadv_simulate('returns', NULL, 100, 5, 0, 1, '{"patience": 2}')), 2,
    'a slate costs one of their patience: who has 2 leaves after the second');
SELECT cmp_ok(played('returns', NULL, 400, 1, '{"bait": 5, "patience": 3, "bait_clusters": 2}'), '<=',
    played('returns', NULL, 400, 1, '{"patience": 3}'), 'bait costs patience');
SELECT is(played('returns', 'likely', 100, 7), played('returns', 'likely', 100, 7), 'a seed repeats');
SELECT played('returns', 'likely', 100, 7) AS two \gset
SET recadv.max_threads = 1;
SELECT is(played('returns', 'likely', 100, 7), :two, 'on one thread, too');
RESET recadv.max_threads;
SELECT is((SELECT count(*) FROM recadv_simulate('returns', 'returns', 5, 5) WHERE ended), 5::bigint,
    'a model meets its own visitors');

-- other policies learn from them
SELECT cmp_ok(reward, '>', random_reward, 'sl, with its visitors as the simulator')
FROM recadv_train_policy('other', 'bait', algorithm => 'sl', simulator => 'returns',
    options => '{"factors": 8, "iterations": 200, "pretrain_iterations": 100, "check_every": 50, "check_sessions": 50}');
SELECT ok(reward IS NOT NULL AND random_reward IS NOT NULL, 'irecgan itself, with those of another model')
FROM recadv_train_policy('judged', 'bait', algorithm => 'irecgan', simulator => 'returns',
    options => little_of('{"check_sessions": 50}'));
SELECT is(recadv_info('judged') ->> 'simulator', 'recadv_test.returns', 'the header names them');

-- --- purchases

SELECT recadv_train_policy('shop', 'bait', algorithm => 'irecgan', reward_column => 'price',
    options => little_of('{"click_weight": 0, "baseline": 1, "gamma": 0}')) \g /dev/null
SELECT cmp_ok((SELECT count(*) FROM recadv_topk_for('{}'::bigint[], 4, 'shop') WHERE item % 5 = 0), '>=', 3::bigint,
    'what is bought, where clicks are worth nothing by themselves');
SELECT recadv_train_policy('price', '(SELECT session_id, step, shown, clicked, price * 1e6 AS price FROM recadv_test.bait)',
    algorithm => 'irecgan', reward_column => 'price',
    options => little_of('{"click_weight": 0, "baseline": 1, "gamma": 0}')) \g /dev/null
SELECT is((SELECT array_agg(item ORDER BY rank) FROM recadv_topk_for('{}'::bigint[], 4, 'price')),
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk_for('{}'::bigint[], 4, 'shop')),
    'in whatever unit');

-- --- visitors who are not like those of the log

SELECT recadv_train_policy('alone', 'bait', algorithm => 'irecgan',
    options => little_of('{"user_rate": 0, "user_epochs": 1, "rounds": 0}')) \g /dev/null
SELECT recadv_train_policy('off', 'bait', algorithm => 'irecgan',
    options => little_of('{"user_rate": 0, "user_epochs": 1}')) \g /dev/null
SELECT matches(recadv_info('off') #>> '{training,warning}',
    '^simulated sessions have [0-9.]+ answers, those of the log [0-9.]+: nothing is learnt from them', 'are told');
SELECT is((SELECT array_agg(score ORDER BY item) FROM recadv_topk_for('{3}'::bigint[], 20, 'off')),
    (SELECT array_agg(score ORDER BY item) FROM recadv_topk_for('{3}'::bigint[], 20, 'alone')),
    'and not learnt from');

-- --- options

SELECT fails(format('SELECT recadv_train_policy(''bad'', ''bait'', algorithm => ''irecgan'', options => %L)', o),
    '22023', message, o)
FROM (VALUES
    ('{"baseline": 1.5}', 'option "baseline" must be a number from 0 to 1%'),
    ('{"layers": 3}', 'option "layers" must be an integer from 1 to 2%'),
    ('{"history": 51}', 'option "history" must be an integer from 1 to 50%'),
    ('{"hidden": 0}', 'option "hidden" must be %'),
    ('{"rounds": -1}', 'option "rounds" must be %'),
    ('{"discriminator": 2}', 'option "discriminator" must be true or false%'),
    ('{"rollout": 2}', 'unknown option "rollout" for algorithm "irecgan" | %rollouts%'),
    ('{"iterations": 2}', 'unknown option "iterations" for algorithm "irecgan"%'),
    ('{"preset": "papers"}', '%paper%'),
    ('{"rounds": 0, "discriminator": true}', 'a discriminator judges simulated sessions, and rounds = 0 makes none%')
) v(o, message);
SELECT fails('SELECT recadv_train_policy(''bad'', ''(SELECT session_id, step, shown, NULL::int[] AS clicked FROM recadv_test.bait)'', algorithm => ''irecgan'')',
    '22023', 'nothing was clicked in the log: there are no returns to learn from%', 'a log without a click');
SELECT is((SELECT count(*) FROM recadv_options('irecgan') WHERE option IN
        ('discriminator', 'baseline', 'rounds', 'rollouts') AND default_value IN ('false', '0.5', '8', '2')),
    4::bigint, 'defaults');
SET recadv.max_memory = '4MB';
SELECT fails($$SELECT recadv_train_policy('bad', 'bait', algorithm => 'irecgan', options => '{"hidden": 512}')$$,
    '54000', '%training needs%', 'memory is counted before it is taken');
RESET recadv.max_memory;

-- --- damage

-- the part with every float of its first block as it says; what asking and simulating say
CREATE FUNCTION with_floats(damaged text, four bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    b record;
    result text := '';
    probe text;
BEGIN
    PERFORM copy_model('returns', 'bad');
    SELECT * INTO b FROM bad WHERE part = damaged ORDER BY block LIMIT 1;
    UPDATE bad SET data = block(damaged, get_byte(b.data, 8), uint(b.data, 12), uint(b.data, 16), uint(b.data, 20),
        (SELECT string_agg(four, '') FROM generate_series(1, (length(b.data) - 32) / 4)))
    WHERE part = damaged AND block = b.block AND version = b.version;
    FOREACH probe IN ARRAY ARRAY['SELECT * FROM recadv_topk_for(''{3}''::bigint[], 5, ''bad'')',
        'SELECT * FROM recadv_simulate(''bad'', NULL, 20, 5)'] LOOP
        result := result || CASE WHEN error_of(probe) IS NULL THEN 'answers ' ELSE 'refuses ' END;
    END LOOP;
    DROP TABLE bad;
    RETURN result;
END $$;
SELECT is(with_floats(part, '\x0000c07f'), wanted, part || ': not a number')
FROM (VALUES ('item', 'refuses refuses '), ('click', 'refuses refuses '), ('network', 'refuses refuses '),
    ('user_item', 'answers refuses '), ('user_network', 'answers refuses ')) v(part, wanted);
SELECT ok(with_floats(part, '\x0000007f') ~ '^(answers|refuses) (answers|refuses) $', part || ': huge numbers')
FROM unnest('{item,click,network,user_item,user_network}'::text[]) part;

SELECT * FROM finish();
ROLLBACK;
