-- recadv_play_clicks: sessions in made-up worlds, of which everything is known.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION played(world text, policy text, seed bigint DEFAULT 1, world_seed bigint DEFAULT 1, k int DEFAULT 10)
RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(s::text, ' '))
    FROM recadv_play_clicks(world, policy, 300, k, 10, seed, world_seed) s
$$;
-- is a mean of 0 and 1 within 4.5 standard errors of what is expected of each?
CREATE FUNCTION agrees(seen float8, expected float8, rows bigint) RETURNS boolean LANGUAGE sql
RETURN abs(seen - expected) <= 4.5 * sqrt(expected * (1 - expected) / rows);

CREATE TABLE played AS
SELECT w AS world, p AS policy, row_number() OVER () AS n, s.*
FROM unnest('{success,click_bait}'::text[]) w, unnest('{random,max,mix}'::text[]) p,
     LATERAL recadv_play_clicks(w, p, 1500) s;

-- ---- rows ----
SELECT is(
    (SELECT count(*) FROM played
     WHERE NOT clicked <@ shown OR cardinality(clicked) > 1 OR cardinality(shown) <> 10
        OR cardinality(propensity) <> 10 OR cardinality(ARRAY(SELECT DISTINCT unnest(shown))) <> 10
        OR NOT shown <@ ARRAY(SELECT generate_series(1, 50)::bigint) OR state NOT BETWEEN 1 AND 10
        OR reward <> cardinality(clicked) OR cardinality(clicked) = 0 AND NOT ended),
    0::bigint,
    'ten different items of 1 to 50, at most one of them clicked, for a reward of 1');
SELECT is(
    (SELECT string_agg(DISTINCT cardinality(clicked) || ' ' || ended, ', ' ORDER BY cardinality(clicked) || ' ' || ended)
     FROM played WHERE world = w),
    want,
    w || ': clicks and ends of sessions')
FROM (VALUES ('success', '0 true, 1 false'), ('click_bait', '1 false, 1 true')) v(w, want);
SELECT is(
    (SELECT count(*) FROM (SELECT session_id, bool_and(step = place) AND count(*) <= 10
                               AND bool_and(ended = (step = last) OR step = 10) AND min(state) FILTER (WHERE step = 1) = 1
                               AND bool_and(before IS NULL OR history = before) AS good
                           FROM (SELECT *, row_number() OVER s AS place, count(*) OVER (PARTITION BY world, policy, session_id) AS last,
                                        lag(history || clicked) OVER s AS before
                                 FROM played WINDOW s AS (PARTITION BY world, policy, session_id ORDER BY n)) x
                           GROUP BY world, policy, session_id) y
     WHERE NOT good),
    0::bigint,
    'sessions begin in state 1, the history grows by what was clicked, ten clicks are the most');
SELECT is((SELECT count(*) FROM played WHERE step = 1 AND history <> '{}'), 0::bigint, 'with nothing clicked before');
SELECT is(
    (SELECT string_agg(DISTINCT p::text, ' ' ORDER BY p::text) FROM played, unnest(propensity) p WHERE policy = q),
    want,
    q || ': propensities')
FROM (VALUES ('random', '0.2'), ('max', '1'), ('mix', '0.33333334 0.5')) v(q, want);
SELECT ok(
    (SELECT bool_and(agrees(seen, expected, rows))
     FROM (SELECT avg((state + 0 = s)::int) AS seen, 0.1 AS expected, count(*) / 4 AS rows
           FROM played, generate_series(1, 10) s WHERE step > 1 GROUP BY s) x),
    'all states are about as likely as each other');

-- ---- what is expected ----
-- a slate of one item stays with the probability that the item satisfies
CREATE TABLE world AS
SELECT w AS world, state, shown[1] AS item, min(stays)::float8 AS satisfaction, max(stays)::float8 AS again,
       row_number() OVER (PARTITION BY w, state ORDER BY min(stays) DESC) AS rank
FROM unnest('{success,click_bait}'::text[]) w, LATERAL recadv_play_clicks(w, 'random', 25000, 1, seed => 5)
GROUP BY w, state, shown[1];
ALTER TABLE world ADD PRIMARY KEY (world, state, item);
CREATE TABLE best AS
SELECT world, state, array_agg(item ORDER BY rank) FILTER (WHERE rank <= 10) AS items FROM world GROUP BY 1, 2;
ANALYZE world, best, played;
SELECT is((SELECT count(*) FROM world), 1000::bigint, 'ten states of fifty items, in two worlds');
SELECT is(
    (SELECT count(*) FROM world WHERE satisfaction <> again OR satisfaction NOT BETWEEN 0 AND 1),
    0::bigint,
    'an item in a state satisfies with one probability');
SELECT is(
    (SELECT count(*) FROM world a JOIN world b USING (state, item, satisfaction)
     WHERE a.world = 'success' AND b.world = 'click_bait'),
    500::bigint,
    'which is the same in both worlds');
SELECT ok((SELECT avg(satisfaction) BETWEEN 0.45 AND 0.55 AND stddev(satisfaction) BETWEEN 0.26 AND 0.32 FROM world),
    'uniform between 0 and 1');
SELECT is(
    (SELECT count(*) FROM played JOIN best USING (world, state) WHERE policy = 'max' AND shown <> items),
    0::bigint,
    'max shows the ten best, the best first');
SELECT is(
    (SELECT count(*) FROM played p
     WHERE policy = 'mix' AND session_id <= 200 AND (SELECT min(rank) || '-' || max(rank) || ' '
                               FROM world w, unnest(p.shown) i
                               WHERE w.world = p.world AND w.state = p.state AND w.item = i)
               !~ CASE WHEN propensity[1] = 0.5::real THEN '^1-10 ' ELSE '^1[1-6]-2[0-5] ' END),
    0::bigint,
    'mix shows them, or ten of the ranks 11 to 25');
SELECT is(
    (SELECT count(*)
     FROM (SELECT p.n, min(p.stays) AS stays, min(p.coverage) AS coverage,
                  sum(satisfaction ^ 2) / sum(satisfaction) AS expected,
                  count(*) FILTER (WHERE rank <= 10) / 10.0 AS best
           FROM played p, unnest(shown) i, world w
           WHERE p.world = 'success' AND session_id <= 200 AND w.world = p.world AND w.state = p.state AND w.item = i
           GROUP BY p.n) x
     WHERE abs(stays - expected) > 1e-6 OR abs(coverage - best) > 1e-6),
    0::bigint,
    'success: stays is the sum of squares by the sum, coverage the share of the ten best');
SELECT ok(
    (SELECT agrees(avg((NOT ended)::int), avg(stays), count(*)) FROM played WHERE world = w AND policy = p),
    w || ', ' || p || ': so many stay')
FROM unnest('{success,click_bait}'::text[]) w, unnest('{random,max,mix}'::text[]) p;
SELECT ok(
    (SELECT bool_and(agrees(seen, 0.2, 1500)) FROM (SELECT count(*) / 1500.0 AS seen FROM played, unnest(shown) i
                                                    WHERE policy = 'random' AND step = 1 AND world = 'success' GROUP BY i) x),
    'by chance each item is in one of five slates');
SELECT ok(
    (SELECT sum(reward) FILTER (WHERE policy = 'max') > 2 * sum(reward) FILTER (WHERE policy = 'random')
            AND sum(reward) FILTER (WHERE policy = 'mix') > 1.3 * sum(reward) FILTER (WHERE policy = 'random')
     FROM played WHERE world = w),
    w || ': who knows what is best keeps visitors')
FROM unnest('{success,click_bait}'::text[]) w;

-- ---- seeds and threads ----
SELECT is(played('success', p), played('success', p), p || ': a seed repeats')
FROM unnest('{random,mix}'::text[]) p;
SELECT isnt(played('success', 'max', 2), played('success', 'max'), 'another seed has others');
SELECT isnt(played('success', 'max', NULL), played('success', 'max', NULL), 'NULL draws');
SELECT isnt(played('success', 'max', 1, 2), played('success', 'max'), 'another world');
SELECT is(
    (SELECT array_agg(DISTINCT clicked ORDER BY clicked) FROM recadv_play_clicks('click_bait', 'random', 1, 50)),
    (SELECT array_agg(DISTINCT clicked ORDER BY clicked) FROM recadv_play_clicks('click_bait', 'max', 1, 50)),
    'the same visitors with the same luck, whatever the policy');
SELECT is(
    (SELECT count(*) FROM recadv_play_clicks('success', NULL, 20)),
    (SELECT count(*) FROM recadv_play_clicks('success', 'random', 20)),
    'without a policy: random');

-- ---- models ----
CREATE VIEW clicks AS
SELECT session_id AS user_id, i AS item_id, session_id * 100 + step AS at
FROM recadv_play_clicks('success', 'random', 1000), unnest(clicked) i;
SELECT recadv_train(a, 'clicks', time_column => 'at', algorithm => a,
    options => options_of(a, '{"factors":8,"epochs":3,"seed":7}'))
FROM unnest('{popularity,itemknn,bpr,sasrec}'::text[]) a \g /dev/null
SELECT recadv_train_policy('front', '(SELECT * FROM recadv_play_clicks(sessions => 300))', algorithm => 'sl',
    options => '{"iterations": 60, "pretrain_iterations": 60}') \g /dev/null
SELECT recadv_train('named', '(SELECT user_id, item_id::text AS item_id FROM clicks)', algorithm => 'popularity')
\g /dev/null
SELECT recadv_train('few', '(SELECT * FROM clicks WHERE item_id <= 4)', algorithm => 'popularity') \g /dev/null
SELECT is(
    (SELECT count(DISTINCT session_id) FROM recadv_play_clicks('click_bait', a, 40, 7)),
    40::bigint,
    a || ' is played')
FROM unnest('{popularity,itemknn,bpr,sasrec,front,recadv_test.popularity}'::text[]) a;
SELECT is(
    (SELECT count(*) FROM recadv_play_clicks('success', 'front', 40, 7) p
     WHERE shown <> (SELECT array_agg(item ORDER BY rank) FROM recadv_topk_for(p.history, 7, 'front', false))),
    0::bigint,
    'a model shows what recadv_topk_for gives for the history');
SELECT is(
    (SELECT count(*) FROM recadv_play_clicks('success', 'bpr', 40, 7) p
     WHERE cardinality(history) > 0
       AND ARRAY(SELECT unnest(shown) ORDER BY 1)
           <> (SELECT array_agg(item ORDER BY item) FROM recadv_topk_for(p.history, 7, 'bpr', false))),
    0::bigint,
    'bpr, too');
SELECT ok(
    (SELECT sum(reward) FROM recadv_play_clicks('success', 'popularity', 1000, seed => 2))
    > 1.15 * (SELECT sum(reward) FROM recadv_play_clicks('success', 'random', 1000, seed => 2)),
    'what was clicked most is worth more than chance');
SELECT recadv_train_policy('lasting', '(SELECT * FROM recadv_play_clicks(''click_bait'', ''random'', 1000))',
    algorithm => 'irecgan', options => '{"baseline": 1, "rounds": 0}') \g /dev/null
SELECT ok(
    (SELECT sum(reward) FROM recadv_play_clicks('click_bait', 'lasting', 1000, seed => 2))
    > 1.15 * (SELECT sum(reward) FROM recadv_play_clicks('click_bait', 'random', 1000, seed => 2)),
    'an agent that learnt from what came after clicks keeps visitors longer, where clicks mislead');
SELECT is(
    (SELECT string_agg(s::text, ' ') FROM recadv_play_clicks('success', 'named', 50) s),
    (SELECT string_agg(s::text, ' ') FROM recadv_play_clicks('success', 'popularity', 50) s),
    'ids as text: the same rows');
SELECT is(
    (SELECT string_agg(DISTINCT cardinality(shown) || ' ' || (coverage <= 0.4), ',') FROM recadv_play_clicks('success', 'few', 50)),
    '4 true',
    'a model with four of the items shows four, and covers at most four of ten');
SELECT played('success', 'bpr') AS bpr, played('click_bait', 'front') AS front, played('success', 'mix') AS mix \gset
SET recadv.max_threads = 1;
SELECT is(played('success', 'bpr'), :'bpr', 'one thread: the same rows');
SELECT is(played('click_bait', 'front'), :'front', 'of a policy, too');
SELECT is(played('success', 'mix'), :'mix', 'and of one that knows the world');
RESET recadv.max_threads;

-- ---- arguments ----
SELECT is((SELECT max(step) FROM recadv_play_clicks('click_bait', 'max', 300, max_clicks => 25)), 25, 'max_clicks');
SELECT is((SELECT max(cardinality(shown)) FROM recadv_play_clicks(k => 2147483647, sessions => 3)), 50,
    'k beyond all items: all of them');
SELECT is((SELECT min(cardinality(shown)) FROM recadv_play_clicks('success', 'mix', 50, 25)), 25, 'mix of 25');
SELECT fails('SELECT * FROM recadv_play_clicks(' || a || ')', state, pattern, a)
FROM (VALUES
    ('NULL', '22004', 'argument "world" must not be NULL%'),
    ('''succes''', '22023', 'unknown world "succes" | Worlds are: success, click_bait.'),
    ('''success'', ''maximum''', '42P01', 'model "maximum" does not exist | Policies are random, max, mix, and models:%'),
    ('''success'', ''clicks''', '42809', '%clicks%'),
    ('sessions => 0', '22023', 'sessions must be at least 1, not 0'),
    ('sessions => -5', '22023', 'sessions must be at least 1, not -5'),
    ('k => 0', '22023', 'k must be at least 1, not 0'),
    ('max_clicks => 0', '22023', 'max_clicks must be from 1 to 10000, not 0%'),
    ('max_clicks => 10001', '22023', 'max_clicks must be from 1 to 10000, not 10001%'),
    ('policy => ''mix'', k => 26', '22023', 'k must be at most 25 for policy "mix", not 26%')) v(a, state, pattern);
SELECT is_empty('SELECT * FROM recadv_play_clicks(' || a || ')', 'no rows for ' || a)
FROM unnest('{sessions => NULL,k => NULL,max_clicks => NULL,world_seed => NULL}'::text[]) a;
SELECT recadv_train('elsewhere', '(SELECT user_id, item_id + 1000 AS item_id FROM clicks)', algorithm => 'popularity')
\g /dev/null
SELECT fails(
    $$SELECT recadv_play_clicks('success', 'elsewhere')$$,
    '22023',
    'model "%elsewhere" has none of the items of the world | Those are 1 to 50:%',
    'nothing in common');

-- more sessions than anybody waits for
CREATE FUNCTION cancelled(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN false;
EXCEPTION WHEN query_canceled THEN
    RETURN true;
END $$;
SET statement_timeout = '200ms';
SELECT cancelled($$SELECT recadv_play_clicks('success', 'random', 2147483647)$$) AS scripted \gset
SELECT cancelled($$SELECT recadv_play_clicks('success', 'bpr', 2147483647)$$) AS of_model \gset
RESET statement_timeout;
SELECT ok(:'scripted' AND :'of_model', 'sessions without end can be cancelled');

-- ---- rights ----
CREATE ROLE recadv_test_reader;
SELECT works($$SELECT recadv_play_clicks(sessions => 2)$$, 'worlds are for all', 'recadv_test_reader');
SELECT fails(
    $$SELECT recadv_play_clicks('success', 'bpr', 2)$$,
    '42501',
    'permission denied for table bpr%',
    'models for those who may read them',
    'recadv_test_reader');
GRANT SELECT ON bpr TO recadv_test_reader;
SELECT works($$SELECT recadv_play_clicks('success', 'bpr', 2)$$, 'the right to read it', 'recadv_test_reader');

SET TRANSACTION READ ONLY;
SELECT is(
    (SELECT count(DISTINCT session_id) FROM recadv_play_clicks('success', 'bpr', 20, 3)),
    20::bigint,
    'in a transaction that only reads');
SELECT * FROM finish();
ROLLBACK;
