-- recadv_evaluate_policy: what a model would have earned on the log of another.
BEGIN;
\ir setup.psql
\ir slates.psql
SELECT * FROM no_plan();

SELECT recadv_train_policy('visitors', 'slates', algorithm => 'user_response',
    options => short('user_response')) \g /dev/null
SELECT recadv_train_policy('front', 'slates', algorithm => 'sl', options => short('sl')) \g /dev/null
SELECT recadv_train(a, '(SELECT * FROM orders WHERE item_id <= 30)', time_column => 'at', algorithm => a,
    options => options_of(a, '{"factors":8,"epochs":3,"seed":7}'))
FROM unnest('{popularity,itemknn,bpr}'::text[]) a \g /dev/null
SELECT recadv_train('named', '(SELECT user_id, item_id::text FROM orders)', algorithm => 'itemknn') \g /dev/null
CREATE TABLE log AS SELECT * FROM recadv_simulate('visitors', 'itemknn', 1500, 5, 0.3);
CREATE TABLE sparse AS SELECT * FROM log WHERE session_id <= 30;
CREATE TABLE plain AS SELECT session_id, step, shown, clicked FROM sparse;
-- everything that an evaluation says
CREATE FUNCTION said(model text, source text, arguments text DEFAULT 'seed => 1') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN value_of(format(
        'SELECT string_agg(e::text, '' '') FROM recadv_evaluate_policy(%L, %L, %s) e', model, source, arguments));
END $$;

-- ---- a log by hand: one session, items of popularity ----
-- popularity shows the items that were ordered most: of candidates there are none, so all of 1 .. 30
CREATE TABLE best AS SELECT item, rank FROM recadv_topk(999, 30, 'popularity');
SELECT item AS first FROM best WHERE rank = 1 \gset
SELECT item AS last FROM best WHERE rank = 30 \gset
CREATE TABLE hand AS
SELECT 1 AS session_id, 1 AS step, ARRAY[:first] AS shown, ARRAY[:first] AS clicked, ARRAY[0.5] AS propensity
UNION ALL SELECT 2, 1, ARRAY[:last], NULL, ARRAY[0.25];
SELECT results_eq(
    $$SELECT estimator, round(value::numeric, 6), sessions, effective, max_weight, supported, clipped
      FROM recadv_evaluate_policy('popularity', 'hand', explore => 0) WHERE estimator IN ('logged', 'ips', 'snips')$$,
    $$VALUES ('logged', 0.45, 2::bigint, 2::float8, 1::float8, NULL::float8, 0::bigint),
             ('ips', 1, 2, 1, 2, 1, 0), ('snips', 1, 2, 1, 2, 1, 0)$$,
    'two sessions by hand: 1 and -0.1; 2 x 1 and 0 x -0.1');
SELECT results_eq(
    $$SELECT estimator, round(value::numeric, 6), max_weight, clipped
      FROM recadv_evaluate_policy('popularity', 'hand', explore => 0, clip => 1.5) WHERE estimator = 'ips'$$,
    $$VALUES ('ips', 0.75, 1.5::float8, 1::bigint)$$,
    'a clipped weight counts less, and is counted');
SELECT is(
    (SELECT round(value::numeric, 6) FROM recadv_evaluate_policy('popularity', 'hand', explore => 0.5) WHERE estimator = 'ips'),
    round(((0.5 / 0.5) * 1 + (0.5 / 29 / 0.25) * -0.1) / 2, 6),
    'exploration shares out what is left: explore / (30 - 1) for the last');

-- ---- the model that has logged ----
SELECT is(
    (SELECT count(*) FROM recadv_evaluate_policy('itemknn', 'log', explore => 0.3, history_column => 'history') e,
         (SELECT avg(reward) AS r FROM log) l
     WHERE estimator IN ('logged', 'ips', 'snips') AND abs(value - r) < 1e-5 AND lower < value AND value < upper
       AND effective > 0.999 * 5 * (SELECT count(*) FROM log) AND sessions = 1500),
    3::bigint,
    'asked with the same histories, the model that has logged would have shown what it did');
SELECT cmp_ok(
    (SELECT max_weight FROM recadv_evaluate_policy('itemknn', 'log', explore => 0.3) WHERE estimator = 'ips'),
    '>',
    1.5::float8,
    'without them, it would not');

-- ---- another model: against what it earns ----
CREATE TABLE truth AS
SELECT avg(reward) AS value FROM recadv_simulate('visitors', 'bpr', 6000, 5, 0.1, 77) WHERE step = 1;
SELECT ok(
    lower < truth.value AND truth.value < upper AND upper - lower < 0.3,
    e.estimator || ': an interval around what it earns: ' || round(lower::numeric, 3) || ' '
        || round(truth.value::numeric, 3) || ' ' || round(upper::numeric, 3))
FROM recadv_evaluate_policy('bpr', 'log', explore => 0.1, gamma => 0, history_column => 'history',
         confidence => 0.999) e, truth
WHERE estimator IN ('ips', 'snips', 'dr');
SELECT is(
    (SELECT string_agg(estimator, ' ') FROM recadv_evaluate_policy(m, 'log') WHERE value IS NOT NULL),
    'logged direct ips snips dr',
    m || ': all estimates')
FROM unnest('{front,popularity,itemknn,bpr}'::text[]) m;
SELECT is(
    (SELECT string_agg(estimator, ' ') FROM recadv_evaluate_policy('bpr', 'log') WHERE lower IS NULL OR upper IS NULL),
    'direct',
    'resampling says nothing of the direct estimate');
SELECT ok(
    (SELECT bool_and(n.upper - n.lower < w.upper - w.lower)
     FROM recadv_evaluate_policy('bpr', 'log', confidence => 0.5) n
     JOIN recadv_evaluate_policy('bpr', 'log', confidence => 0.99) w USING (estimator)),
    'less confidence, narrower intervals');

-- ---- too little, no propensities ----
SELECT is(
    (SELECT string_agg(estimator || ' ' || (lower IS NULL) || ' ' || (upper IS NULL), ', ')
     FROM recadv_evaluate_policy('bpr', 'sparse') WHERE estimator NOT IN ('logged', 'direct')),
    'ips true true, snips true true, dr true true',
    'below 200 effective items no interval');
SELECT is(
    (SELECT string_agg(estimator, ' ') FROM recadv_evaluate_policy('bpr', 'plain', propensity_column => NULL)),
    'logged direct',
    'no propensities: what was logged, and the direct estimate');
SELECT is(
    (SELECT string_agg(estimator, ' ') FROM recadv_evaluate_policy('bpr',
         '(SELECT session_id, step, shown, clicked, NULL::real[] AS propensity FROM log)')),
    'logged direct',
    'the same where all are NULL');
SELECT is(
    (SELECT array_agg(DISTINCT sessions ORDER BY sessions) FROM recadv_evaluate_policy('bpr',
         '(SELECT session_id, step, shown, clicked, CASE WHEN session_id > 500 THEN propensity END AS propensity FROM log)')),
    '{1000,1500}'::bigint[],
    'rows without propensities count for logged and direct alone');
SELECT is(
    (SELECT supported FROM recadv_evaluate_policy('popularity',
         format('(SELECT n AS session_id, 1 AS step, ARRAY[%s] AS shown, NULL::int[] AS clicked, ARRAY[1] AS propensity
                  FROM generate_series(1, 300) n)', :last), explore => 0) WHERE estimator = 'ips'),
    0::float8,
    'a log that never shows what the model would supports nothing');
SELECT is(
    (SELECT round(value::numeric, 5) FROM recadv_evaluate_policy('bpr',
         '(SELECT 1 AS session_id, 1 AS step, ''{1,2}''::int[] AS shown, ''{1}''::int[] AS clicked, 7 AS price, ''{1,1}''::real[] AS propensity)',
         reward_column => 'price') WHERE estimator = 'logged'),
    7::numeric,
    'rewards of one''s own');

-- ---- the same again, on any number of threads ----
SELECT is(said('bpr', 'log'), said('bpr', 'log'), 'a seed repeats');
SELECT isnt(said('bpr', 'log', 'seed => 2'), said('bpr', 'log'), 'another one does not');
SELECT isnt(said('bpr', 'log', 'seed => NULL'), said('bpr', 'log', 'seed => NULL'), 'NULL draws');
SELECT said('bpr', 'log') AS two_threads \gset
SET recadv.max_threads = 1;
SELECT is(said('bpr', 'log'), :'two_threads', 'one thread: the same');
RESET recadv.max_threads;
SELECT is(said('named', '(SELECT session_id, step, shown::text[], clicked::text[], propensity, history::text[] FROM log)', 'history_column => ''history''') IS NULL, false, 'ids as text');
SELECT is(
    said('bpr', '(SELECT * FROM log ORDER BY random())'),
    said('bpr', 'log'),
    'the order of the rows does not matter');

-- ---- what is refused ----
SELECT fails(
    'SELECT * FROM recadv_evaluate_policy(' || a || ')',
    state,
    pattern,
    a)
FROM (VALUES
    ('''bpr'', NULL', '22004', 'argument "test_source" must not be NULL%'),
    ('''nobody'', ''log''', '42P01', '%nobody%'),
    ('''log'', ''log''', '42809', '%log%'),
    ('''bpr'', ''nothing''', '42P01', 'source "nothing" does not exist%'),
    ('''bpr'', ''plain''', '42703', '%propensity%propensity_column =>%with NULL there is none%'),
    ('''bpr'', ''log'', session_column => ''visit''', '42703', '%visit%session_column =>%'),
    ('''bpr'', ''log'', history_column => ''past''', '42703', '%past%history_column =>%'),
    ('''bpr'', ''log'', history_column => ''shown''', '22023', 'column "shown" is given for two things%'),
    ('''bpr'', ''log'', history_column => ''ended''', '42804', 'column "ended" must be an array of items%'),
    ('''bpr'', ''log'', step_column => NULL', '22004', 'argument "step_column" must not be NULL%'),
    ('''bpr'', ''log'', shown_column => ''reward''', '42804', '%'),
    ('''bpr'', ''log'', explore => 0.7', '22023', 'explore must be from 0 to 0.5, not 0.7%'),
    ('''bpr'', ''log'', explore => NULL', '22004', 'argument "explore" must not be NULL%'),
    ('''bpr'', ''log'', explore => ''NaN''', '22023', 'explore must be from 0 to 0.5, not NaN%'),
    ('''bpr'', ''log'', gamma => -1', '22023', 'gamma must be from 0 to 1, not -1'),
    ('''bpr'', ''log'', gamma => ''NaN''', '22023', 'gamma must be from 0 to 1, not NaN'),
    ('''bpr'', ''log'', gamma => NULL', '22004', 'argument "gamma" must not be NULL%'),
    ('''bpr'', ''log'', confidence => 1', '22023', 'confidence must be above 0 and below 1, not 1'),
    ('''bpr'', ''log'', confidence => 0', '22023', 'confidence must be above 0 and below 1, not 0'),
    ('''bpr'', ''log'', clip => 0', '22023', 'clip must be above 0, not 0%'),
    ('''bpr'', ''log'', clip => ''NaN''', '22023', 'clip must be above 0, not NaN%'),
    ('''bpr'', ''(SELECT * FROM log WHERE false)''', '22023', 'source % has no slates%'),
    ('''named'', ''log''', '42804', 'model "named" has items whose ids are of the kind text, the source bigint%'),
    ('''bpr'', ''(SELECT session_id, step, ARRAY[1000] AS shown, NULL::int[] AS clicked, ARRAY[1] AS propensity FROM sparse)''',
        '22023', 'model "bpr" knows none of the items of the source')) v(a, state, pattern);
SET recadv.max_memory = '1MB';
SELECT fails($$SELECT recadv_evaluate_policy('bpr', 'log')$$, '54000', '%needs % MB%or a shorter log of slates.', 'memory is computed before it is taken');
RESET recadv.max_memory;

-- ---- rights ----
CREATE ROLE recadv_test_reader;
GRANT SELECT ON bpr TO recadv_test_reader;
SELECT fails($$SELECT recadv_evaluate_policy('bpr', 'log')$$, '42501', 'permission denied for table log%',
    'the right to read the model does not do', 'recadv_test_reader');
GRANT SELECT ON sparse TO recadv_test_reader;
SELECT works($$SELECT recadv_evaluate_policy('bpr', 'sparse')$$, 'both rights do', 'recadv_test_reader');
SELECT fails($$SELECT recadv_evaluate_policy('itemknn', 'sparse')$$, '42501', 'permission denied for table itemknn%',
    'the log alone does not', 'recadv_test_reader');

-- ---- damage ----
SELECT copy_model('bpr', 'bad') \g /dev/null
UPDATE bad SET data = overlay(data PLACING '\xff' FROM length(data)) WHERE part = 'item';
SELECT fails($$SELECT recadv_evaluate_policy('bad', 'sparse')$$, 'XX001', '%"bad"%item%', 'damage is told');

SET TRANSACTION READ ONLY;
SELECT is((SELECT count(*) FROM recadv_evaluate_policy('bpr', 'sparse')), 5::bigint, 'in a transaction that only reads');
SELECT * FROM finish();
ROLLBACK;
