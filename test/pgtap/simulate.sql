-- recadv_simulate: sessions of simulated visitors, as rows of a log.
BEGIN;
\ir setup.psql
\ir slates.psql
\ir forge.psql
SELECT * FROM no_plan();

SELECT recadv_train_policy('visitors', 'slates', algorithm => 'user_response',
    options => short('user_response')) \g /dev/null
SELECT recadv_train_policy('judge', '(SELECT * FROM slates WHERE session_id > 40)',
    algorithm => 'user_response', options => short('user_response', '{"seed": 5}')) \g /dev/null
SELECT recadv_train_policy('front', 'slates', simulator => 'visitors',
    options => short('hac')) \g /dev/null
SELECT recadv_train_policy('textual',
    '(SELECT session_id, step, shown::text[], clicked::text[] FROM slates)',
    algorithm => 'user_response', options => short('user_response')) \g /dev/null
SELECT recadv_train_policy('numeric',
    '(SELECT session_id, step, shown::numeric[], clicked::numeric[] FROM slates)',
    algorithm => 'user_response', options => short('user_response')) \g /dev/null
-- items 1 to 40 where the simulator has 1 to 30
SELECT recadv_train(a, 'orders', time_column => 'at', algorithm => a,
    options => options_of(a, '{"factors":8,"epochs":3,"seed":7}'))
FROM unnest('{popularity,itemknn,als,bpr,amf,softmax,nmrn}'::text[]) a \g /dev/null
SELECT recadv_train('named', '(SELECT user_id, item_id::text FROM orders)', algorithm => 'itemknn')
\g /dev/null
CREATE FUNCTION played(policy text, seed bigint DEFAULT 1, options jsonb DEFAULT '{}')
RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(s::text, ' '))
    FROM recadv_simulate('visitors', policy, 60, 4, 0.2, seed, options) s
$$;

-- ---- rows ----
CREATE TABLE played AS
SELECT 'random' AS policy, row_number() OVER () AS n, s.*
FROM recadv_simulate('visitors', NULL, 300, 5) s
UNION ALL
SELECT 'bpr', row_number() OVER (), s.* FROM recadv_simulate('visitors', 'bpr', 300, 5, 0.3) s
UNION ALL
SELECT 'front', row_number() OVER (), s.* FROM recadv_simulate('visitors', 'front', 300, 5) s;
SELECT is(
    (SELECT count(*) FROM played WHERE NOT clicked <@ shown OR cardinality(shown) <> 5
        OR cardinality(propensity) <> 5 OR cardinality(ARRAY(SELECT DISTINCT unnest(shown))) <> 5),
    0::bigint,
    'five different items a step, a propensity for each, and clicks are of them');
SELECT is(
    (SELECT count(*) FROM played
     WHERE abs(reward - (1.1 * cardinality(clicked) / 5 - 0.1)) > 1e-6),
    0::bigint,
    'the reward is 1 for a click and -0.1 for none, by item');
SELECT is(
    (SELECT count(*) FROM played WHERE ARRAY(SELECT unnest(shown)) && ARRAY(SELECT generate_series(31, 40)::bigint)),
    0::bigint,
    'items that the simulator does not know are not shown');
SELECT is(
    (SELECT string_agg(policy || ' ' || sessions || ' ' || good, ', ' ORDER BY policy)
     FROM (SELECT policy, count(DISTINCT session_id) AS sessions,
                  bool_and(ended = (last = step) AND step = place
                      AND (before IS NULL OR before = (session_id, step - 1))) AS good
           FROM (SELECT *, max(step) OVER w AS last, row_number() OVER (PARTITION BY policy, session_id ORDER BY n) AS place,
                        CASE WHEN step > 1 THEN lag((session_id, step)) OVER (PARTITION BY policy ORDER BY n) END AS before
                 FROM played WINDOW w AS (PARTITION BY policy, session_id)) x
           GROUP BY policy) y),
    'bpr 300 true, front 300 true, random 300 true',
    'rows come by session and step, and the last step ends the session');
SELECT is(
    (SELECT count(*) FROM (SELECT count(*) AS t, sum(reward) AS r FROM played
                           GROUP BY policy, session_id) x
     WHERE 5 * (t - r) + t NOT BETWEEN 19 - 1e-4 AND 19 + 1.1 * 5 + 1 + 1e-4),
    0::bigint,
    'depth and reward of each session are bound by its patience');
SELECT is(
    (SELECT count(*) FROM (SELECT *, lag(history) OVER w AS h, lag(clicked) OVER w AS c
                           FROM played WINDOW w AS (PARTITION BY policy, session_id ORDER BY step)) x
     WHERE step > 1 AND cardinality(h) + cardinality(c) <= 50
       AND (history[:cardinality(h)] <> h OR NOT (history[cardinality(h) + 1:] <@ c
           AND c <@ history[cardinality(h) + 1:]))),
    0::bigint,
    'the history grows by what was clicked');
SELECT is(
    (SELECT count(*) FROM (SELECT session_id, count(DISTINCT history) AS n FROM played
                           WHERE step = 1 GROUP BY 1) x WHERE n <> 1),
    0::bigint,
    'whatever the policy, the same visitors come');
SELECT is(
    (SELECT array_agg(DISTINCT p ORDER BY p) FROM played, unnest(propensity) p WHERE policy = 'random'),
    ARRAY[(5 / 30.0)::real],
    'by chance: each item is as likely as any other');
SELECT is(
    (SELECT count(*) FROM played p
     WHERE policy = 'bpr' AND step = 1 AND cardinality(history) > 0
       AND EXISTS (SELECT FROM unnest(shown, propensity) x(i, q)
                   WHERE abs(q - CASE WHEN i IN (SELECT item FROM recadv_topk_for(p.history, 5, 'bpr', false,
                                                     ARRAY(SELECT generate_series(1, 30)::bigint)))
                                 THEN 0.7 ELSE 5 * 0.3 / 25 END) > 1e-6)),
    0::bigint,
    'propensities are those of recadv_slate for the history');
SELECT is(
    (SELECT count(*) FROM played p WHERE policy = 'front' AND cardinality(history) < 50
        AND shown <> (SELECT array_agg(item ORDER BY rank) FROM recadv_topk_for(history, 5, 'front', false))),
    0::bigint,
    'a policy shows what recadv_topk_for gives for the history, also for none');
SELECT ok(count(*) > 0, 'some visitors bring none') FROM played WHERE policy = 'front' AND history = '{}';
SELECT ok(
    (SELECT avg(reward) FILTER (WHERE policy = 'front') > avg(reward) FILTER (WHERE policy = 'random') + 0.02 FROM played),
    'a policy earns more than chance');
SELECT is(
    (SELECT count(DISTINCT session_id) FROM recadv_simulate('visitors', a, 20, 3)),
    20::bigint,
    a || ' is rolled out')
FROM unnest('{popularity,itemknn,als,bpr,amf,softmax,nmrn,front}'::text[]) a;

-- ---- seeds and threads ----
SELECT is(played('bpr'), played('bpr'), 'a seed repeats');
SELECT isnt(played('bpr'), played('bpr', 2), 'another one does not');
SELECT isnt(played('bpr', NULL), played('bpr', NULL), 'NULL draws');
SELECT played('bpr') AS two_threads, played(NULL) AS two_threads_random \gset
SET recadv.max_threads = 1;
SELECT is(played('bpr'), :'two_threads', 'one thread: the same rows');
SELECT is(played(NULL), :'two_threads_random', 'by chance, too');
RESET recadv.max_threads;

-- the policy is the same, so the rewards of its first check are those of 1 and of 11 sessions
SELECT recadv_train_policy('check_' || n, 'slates', simulator => 'visitors', options => short('hac', jsonb_build_object(
    'pretrain', false, 'iterations', 1, 'check_every', 1, 'learning_starts', 1, 'check_sessions', n)))
FROM unnest('{1,11}'::int[]) n \g /dev/null
SELECT is(
    (SELECT a.data = b.data FROM check_1 a JOIN check_11 b USING (version, part) WHERE part = 'item'),
    true,
    'checks do not change a policy');
SELECT isnt(
    (SELECT round(sum(reward)::numeric, 4) FROM recadv_simulate('visitors', 'check_1', 10, 5)),
    (SELECT round((11 * (recadv_info('check_11') #>> '{training,reward}')::float8
                   - (recadv_info('check_1') #>> '{training,reward}')::float8)::numeric, 4)),
    'sessions are not those by which the training has chosen its best epoch');

-- ---- visitors' options, candidates ----
SELECT is(
    (SELECT count(*) FROM (SELECT session_id FROM recadv_simulate('visitors', 'bpr', 50, 5,
                                                   options => '{"no_repeat": true}'), unnest(shown) i
                           GROUP BY session_id, i HAVING count(*) > 1) x),
    0::bigint,
    'no_repeat: nobody is shown an item twice');
SELECT is(
    (SELECT max(step) FROM recadv_simulate('visitors', 'bpr', 50, 5, options => '{"patience": 1}')),
    1,
    'patience 1: one slate');
SELECT isnt(played('bpr', 1, '{"boredom": 5}'), played('bpr'), 'boredom changes sessions');
SELECT isnt(played('bpr', 1, '{"bait": 2}'), played('bpr'), 'and so does bait');
SELECT is(
    (SELECT array_agg(DISTINCT i ORDER BY i) FROM recadv_simulate('visitors', p, 50, 2, 0.5,
         candidates => '{1,2,3,4,NULL,35,999}'), unnest(shown) i),
    '{1,2,3,4}',
    'candidates alone are shown: ' || coalesce(p, 'random'))
FROM unnest('{bpr,NULL}'::text[]) p;
SELECT is_empty(
    $$SELECT * FROM recadv_simulate('visitors', 'bpr', 5, 2, candidates => '{}')$$,
    'without candidates nothing is shown, and visitors leave');
SELECT is(
    (SELECT max(cardinality(shown)) FROM recadv_simulate('visitors', 'bpr', 5, 2147483647)),
    30,
    'k beyond all items: all of them');

-- ---- ids as text ----
SELECT is(
    (SELECT string_agg(concat(session_id, step, shown, clicked, propensity, history), ' ')
     FROM recadv_simulate('visitors', 'bpr', NULL::text[], 30, 4)),
    (SELECT string_agg(concat(session_id, step, shown, clicked, propensity, history), ' ')
     FROM recadv_simulate('visitors', 'bpr', 30, 4)),
    'text: the same rows');
SELECT is(
    (SELECT count(DISTINCT session_id) FROM recadv_simulate('textual', 'named', candidates => NULL::text[], sessions => 20)),
    20::bigint,
    'models of text ids');
SELECT is(
    (SELECT array_agg(DISTINCT item::numeric ORDER BY item::numeric)
     FROM recadv_simulate('numeric', NULL, '{1,2.0,03.00,4e0,x}'::text[], 20, 4) s, unnest(s.shown) item),
    '{1,2,3,4}'::numeric[],
    'candidates in any text of their type, as recadv_topk takes them');
SELECT fails(
    $$SELECT recadv_simulate('textual')$$,
    '42804',
    'items of simulator "%textual" are not integers%candidates => NULL::text[]%',
    'as bigint they are refused');
SELECT fails(
    $$SELECT recadv_simulate('textual', 'bpr', NULL::text[])$$,
    '42804',
    'model "bpr" has items whose ids are of the kind bigint, simulator "%textual" text%',
    'models of different kinds of ids');

-- ---- what is refused ----
SELECT fails(
    'SELECT * FROM recadv_simulate(' || a || ')',
    state,
    pattern,
    a)
FROM (VALUES
    ('NULL', '22004', 'argument "simulator" must not be NULL%'),
    ('''nobody''', '42P01', 'simulator "nobody" does not exist%'),
    ('''bpr''', '42809', 'model "bpr" is no simulator: its algorithm is "bpr"%user_response%'),
    ('''slates''', '42809', '%slates%'),
    ('''visitors'', ''nobody''', '42P01', '%nobody%'),
    ('''visitors'', ''slates''', '42809', '%slates%'),
    ('''visitors'', sessions => 0', '22023', 'sessions must be at least 1, not 0'),
    ('''visitors'', sessions => -5', '22023', 'sessions must be at least 1, not -5'),
    ('''visitors'', k => 0', '22023', 'k must be at least 1, not 0'),
    ('''visitors'', explore => 0.6', '22023', 'explore must be from 0 to 0.5, not 0.6%'),
    ('''visitors'', explore => ''NaN''', '22023', 'explore must be from 0 to 0.5, not NaN%'),
    ('''visitors'', options => ''[]''', '22023', 'options must be a JSON object%'),
    ('''visitors'', options => ''{"bored": 1}''', '22023',
        'unknown option "bored" for visitors | Options of visitors are: no_repeat, boredom,%'),
    ('''visitors'', options => ''{"bait": "much"}''', '22023', 'option "bait" must be %'),
    ('''visitors'', options => ''{"bait": {"a": 1}}''', '22023', 'option "bait" must be %'),
    ('''visitors'', options => ''{"patience": 0}''', '22023', 'option "patience" must be %')) v(a, state, pattern);
SELECT is_empty('SELECT * FROM recadv_simulate(''visitors'', ' || a || ')', 'no rows for ' || a)
FROM unnest('{sessions => NULL,k => NULL,explore => NULL}'::text[]) a;
SELECT recadv_train('elsewhere', '(SELECT user_id, item_id + 1000 AS item_id FROM orders)', algorithm => 'popularity')
\g /dev/null
SELECT fails(
    $$SELECT recadv_simulate('visitors', 'elsewhere')$$,
    '22023',
    'simulator "%visitors" knows none of the items of model "elsewhere"',
    'nothing in common');
SET recadv.max_memory = '1MB';
SELECT fails(
    $$SELECT recadv_simulate('visitors', 'bpr', 100000, 30, options => '{"patience": 10000}')$$,
    '54000',
    'simulating needs % MB%',
    'memory is computed before it is taken');
RESET recadv.max_memory;
-- a model that would fit alone
SELECT recadv_train('wide', 'orders', algorithm => 'bpr',
    options => '{"factors": 2500, "epochs": 1, "holdout": "none"}') \g /dev/null
SET recadv.max_memory = '1MB';
SELECT fails(
    $$SELECT recadv_simulate('visitors', 'wide', 10)$$,
    '54000',
    'loading the model needs 2 MB%',
    'what is loaded already counts');
RESET recadv.max_memory;

-- ---- rights ----
CREATE ROLE recadv_test_reader;
GRANT SELECT ON visitors TO recadv_test_reader;
SELECT works($$SELECT recadv_simulate('visitors', NULL, 2)$$, 'the right to read the simulator', 'recadv_test_reader');
SELECT fails(
    $$SELECT recadv_simulate('visitors', 'bpr', 2)$$,
    '42501',
    'permission denied for table bpr%',
    'but not the policy',
    'recadv_test_reader');
REVOKE SELECT ON visitors FROM recadv_test_reader;
GRANT SELECT ON bpr TO recadv_test_reader;
SELECT fails(
    $$SELECT recadv_simulate('visitors', 'bpr', 2)$$,
    '42501',
    'permission denied for table visitors%',
    'the policy, but not the simulator',
    'recadv_test_reader');

-- ---- damage ----
SELECT copy_model('visitors', 'bad') \g /dev/null
UPDATE bad SET data = overlay(data PLACING '\xff' FROM length(data))
WHERE part = (SELECT min(part) FROM bad WHERE version = 1 AND part LIKE 'item%' AND part NOT LIKE 'item_ids%');
SELECT fails($$SELECT recadv_simulate('bad', NULL, 2)$$, 'XX001', '%"bad"%', 'a damaged simulator');
SELECT fails($$SELECT recadv_simulate('visitors', 'bad', 2)$$, 'XX001', '%"bad"%', 'as a policy, too');
-- a row of the greatest number that there is: its products are infinite
SELECT copy_model('front', 'huge') \g /dev/null
UPDATE huge SET data = seal('item', overlay(data PLACING decode(repeat('ffff7f7f', 8 * 30), 'hex') FROM 33))
WHERE version = 1 AND part = 'item';
SELECT fails(q, '22003', '%scores that are not finite%', q)
FROM unnest(ARRAY[$$SELECT recadv_simulate('visitors', 'huge', 2)$$,
                  $$SELECT recadv_evaluate_policy('huge', 'slates')$$]) q;

SET TRANSACTION READ ONLY;
SELECT is(
    (SELECT count(DISTINCT session_id) FROM recadv_simulate('visitors', 'bpr', 20, 3)),
    20::bigint,
    'in a transaction that only reads');
SELECT * FROM finish();
ROLLBACK;
