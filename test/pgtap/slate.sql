-- recadv_slate: the best items, some places given to others, with exact propensities.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

SELECT recadv_train(a, 'orders', time_column => 'at', algorithm => a,
    options => options_of(a, '{"factors":8,"epochs":3,"seed":7}'))
FROM algorithms() a \g /dev/null
SELECT recadv_train(
    'texts',
    $$(SELECT 'u' || n % 50 AS user_id, 'i' || n * 7919 % 300 AS item_id
       FROM generate_series(1, 3000) n)$$,
    algorithm => 'bpr',
    options => '{"factors":4,"epochs":2,"holdout":"none","seed":7}') \g /dev/null
-- item side of several blocks; gaps between the ids
SELECT recadv_train(
    'wide',
    '(SELECT n % 50 AS user_id, 3 * (n * 7919 % 9000) AS item_id FROM generate_series(1, 20000) n)',
    algorithm => 'bpr',
    options => '{"factors":33,"epochs":1,"holdout":"none","seed":7}') \g /dev/null

-- all items with their scores, best first, as recadv_topk_for has them; popularity scores all alike
CREATE FUNCTION ranked(model text, history bigint[], k int DEFAULT 100000)
RETURNS TABLE (item bigint, score real, rank int) LANGUAGE plpgsql AS $$
BEGIN
    IF model = 'popularity' THEN
        RETURN QUERY SELECT t.item, t.score, t.rank FROM recadv_topk(999, k, ranked.model, exclude_seen => false) t;
    ELSE
        RETURN QUERY SELECT t.item, t.score, t.rank FROM recadv_topk_for(history, k, ranked.model, exclude_seen => false) t;
    END IF;
END $$;

-- ---- without exploration ----
SELECT results_eq(
    format('SELECT * FROM recadv_slate(%L::bigint[], 7, %L, 0)', h, a),
    format('SELECT *, 1::real FROM ranked(%L, %L, 7)', a, h),
    a || ', history ' || h || ': without exploration what recadv_topk_for gives')
FROM algorithms() a, unnest('{"{1,5,9}","{}","{999}"}'::text[]) h;
SELECT results_eq(
    $$SELECT * FROM recadv_slate('{1,5,9}'::bigint[], 7, 'bpr', 0, exclude_seen => true)$$,
    $$SELECT item, score, rank, 1::real FROM recadv_topk_for('{1,5,9}'::bigint[], 7, 'bpr')$$,
    'exclude_seen leaves out the history');
SELECT results_eq(
    $$SELECT * FROM recadv_slate(NULL::bigint[], 5, 'bpr', 0)$$,
    $$SELECT item, score, rank, 1::real FROM recadv_topk(999, 5, 'bpr')$$,
    'a history that is NULL gets what is popular');

-- ---- with exploration ----
-- scores are those of the items; propensities 1 - explore and k * explore / (eligible - k)
CREATE FUNCTION wrong_rows(model text, k int, explore real, seed bigint, filters text DEFAULT '')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    EXECUTE format(
        $q$WITH eligible AS (
               SELECT item, score, row_number() OVER (ORDER BY rank) AS place, count(*) OVER () AS n
               FROM ranked(%1$L, '{1,5,9}') r WHERE %5$s)
           SELECT count(*)
           FROM recadv_slate('{1,5,9}'::bigint[], %2$s, %1$L, %3$L, %4$s%6$s) s
           LEFT JOIN eligible e USING (item)
           WHERE (s.score = e.score AND abs(s.propensity - CASE WHEN place <= %2$s THEN 1 - %3$L::real
                      ELSE %2$s * %3$L::real / (n - %2$s) END) < 1e-6) IS NOT TRUE$q$,
        model, k, explore, seed,
        CASE filters
            WHEN '' THEN 'true'
            WHEN 'candidates' THEN 'item % 2 = 0'
            WHEN 'exclude' THEN 'item % 2 = 1'
            WHEN 'seen' THEN 'item NOT IN (1, 5, 9)' END,
        CASE filters
            WHEN '' THEN ''
            WHEN 'seen' THEN ', exclude_seen => true'
            ELSE format(', %s => ARRAY(SELECT generate_series(-2, 100, 2)::bigint)', filters) END)
    INTO wrong;
    RETURN wrong;
END $$;
SELECT is(
    (SELECT sum(wrong_rows(a, 6, 0.4, s)) FROM generate_series(1, 20) s),
    0::numeric,
    a || ': scores and propensities of each place')
FROM algorithms() a;
SELECT is(
    (SELECT sum(wrong_rows('bpr', 6, 0.4, s, f)) FROM generate_series(1, 20) s),
    0::numeric,
    'scores and propensities with ' || f)
FROM unnest('{candidates,exclude,seen}'::text[]) f;
SET recadv.cache_size = 0;
SELECT is(
    (SELECT sum(wrong_rows('bpr', 6, 0.4, s, f)) FROM generate_series(1, 3) s),
    0::numeric,
    'the same without a cache, with ' || f)
FROM unnest('{candidates,exclude,seen}'::text[]) f;
RESET recadv.cache_size;

CREATE TABLE slates AS
SELECT seed, s.*
FROM generate_series(1, 3000) seed,
     LATERAL recadv_slate('{1,5,9}'::bigint[], 5, 'itemknn', 0.3, seed) s;
SELECT is(
    (SELECT count(*) FROM (SELECT seed FROM slates
                           GROUP BY seed HAVING count(DISTINCT item) = 5 AND min(rank) = 1
                               AND max(rank) = 5) x),
    3000::bigint,
    'every slate has five different items at places 1 to 5');
SELECT ok(
    max(abs(z)) < 4.5,
    'each item is in as many of 3,000 slates as its propensity says: ' || round(max(abs(z))::numeric, 2))
FROM (SELECT (coalesce(count(s), 0) - 3000 * p) / sqrt(3000 * p * (1 - p)) AS z
      FROM (SELECT item, CASE WHEN rank <= 5 THEN 0.7 ELSE 5 * 0.3 / 35 END AS p
            FROM ranked('itemknn', '{1,5,9}')) e
      LEFT JOIN slates s USING (item)
      GROUP BY item, p) y;
SELECT is(
    (SELECT count(DISTINCT item) FROM ranked('itemknn', '{1,5,9}')),
    40::bigint,
    'those were all items');

-- ---- fewer than 2k eligible items ----
SELECT results_eq(
    $$SELECT item, rank, propensity
      FROM recadv_slate('{1}'::bigint[], 5, 'bpr', 0.5, candidates => '{2,3}') ORDER BY rank$$,
    $$SELECT item, rank, 1::real
      FROM recadv_topk_for('{1}'::bigint[], 5, 'bpr', candidates => '{2,3}') ORDER BY rank$$,
    'fewer eligible items than places: all of them');
SELECT is(
    (SELECT bool_and(propensity = CASE
                WHEN item IN (SELECT item FROM recadv_topk_for('{1}'::bigint[], 5, 'bpr',
                                  candidates => '{2,3,4,5,6,7}')) THEN 0.9::real ELSE 0.5 END)
     FROM generate_series(1, 30) s,
          LATERAL recadv_slate('{1}'::bigint[], 5, 'bpr', 0.5, s, candidates => '{2,3,4,5,6,7}')),
    true,
    'one item beside five places: one place explores');
SELECT ok(
    count(*) FILTER (WHERE propensity = 0.5) BETWEEN 420 AND 580,
    'and does so half of the time')
FROM generate_series(1, 1000) s,
     LATERAL recadv_slate('{1}'::bigint[], 5, 'bpr', 0.5, s, candidates => '{2,3,4,5,6,7}');
SELECT is_empty(
    format($$SELECT * FROM recadv_slate('{1}'::bigint[], 5, 'bpr', 0.5, candidates => %L)$$, c),
    'candidates ' || c || ': no rows')
FROM unnest('{"{}","{NULL}","{-1,999}"}'::text[]) c;
SELECT is_empty(
    $$SELECT * FROM recadv_slate('{1}'::bigint[], 5, 'bpr', 0.5, candidates => '{4}', exclude => '{4}')$$,
    'no candidate that is left, no rows');
SELECT is(
    (SELECT count(*) FROM recadv_slate('{1}'::bigint[], 2147483647, 'wide', 0.5)),
    9000::bigint,
    'more places than items: all items');

-- ---- items that are not in memory ----
CREATE TABLE wide_slate AS SELECT * FROM recadv_slate('{3,15}'::bigint[], 500, 'wide', 0.5, 11);
SELECT set_config('recadv.cache_size', '0', true) \g /dev/null
SELECT results_eq(
    $$SELECT * FROM recadv_slate('{3,15}'::bigint[], 500, 'wide', 0.5, 11)$$,
    'TABLE wide_slate',
    'without a cache the same slate');
RESET recadv.cache_size;

-- ---- seeds ----
SELECT results_eq(
    $$SELECT * FROM recadv_slate('{1,5}'::bigint[], 20, 'bpr', 0.5, -1)$$,
    $$SELECT * FROM recadv_slate('{1,5}'::bigint[], 20, 'bpr', 0.5, -1)$$,
    'a seed repeats the slate');
SELECT ok(
    (SELECT count(DISTINCT slate) FROM (
         SELECT string_agg(item::text, ',' ORDER BY rank) AS slate
         FROM generate_series(1, 50) n, LATERAL recadv_slate('{1,5}'::bigint[], 20, 'bpr', 0.5, exclude => ARRAY[1000 + n]) s
         GROUP BY n) x) > 40,
    'without one each call draws anew');
SELECT results_eq(
    $$SELECT item::bigint, score, rank, propensity
      FROM recadv_slate('{1,5}'::text[], 20, 'bpr', 0.5, 4)$$,
    $$SELECT * FROM recadv_slate('{1,5}'::bigint[], 20, 'bpr', 0.5, 4)$$,
    'ids as text: the same');
SELECT is(
    (SELECT count(*) FROM recadv_slate('{i1,i2}'::text[], 8, 'texts', 0.2)),
    8::bigint,
    'a model of text ids');

-- ---- one statement serves and logs ----
CREATE TABLE served (session_id int, step int, shown bigint[], propensity real[]);
CREATE FUNCTION serve() RETURNS bigint[] LANGUAGE sql AS $$
    INSERT INTO served (session_id, step, shown, propensity)
    SELECT 17, 4, array_agg(item ORDER BY rank), array_agg(propensity ORDER BY rank)
    FROM recadv_slate('{1,5,9}'::bigint[], 10, 'bpr', explore => 0.1)
    RETURNING shown
$$;
SELECT serve() AS shown \gset
SELECT is((SELECT shown FROM served), :'shown'::bigint[], 'what was shown is what was logged');
SELECT is(
    (SELECT cardinality(shown) || ' ' || cardinality(propensity) FROM served),
    '10 10',
    'with a propensity for each');

-- ---- arguments ----
SELECT fails(
    format('SELECT recadv_slate(''{1}''::bigint[], 5, ''bpr'', %s)', e),
    '22023',
    'explore must be from 0 to 0.5, not ' || e || '%',
    'explore ' || e || ' is refused')
FROM unnest('{0.51,-0.1}'::text[]) e;
SELECT fails(
    format('SELECT recadv_slate(''{1}''::bigint[], 5, ''bpr'', %L)', e),
    '22023',
    'explore must be from 0 to 0.5, not ' || i || '%',
    'explore ' || e || ' is refused')
FROM (VALUES ('NaN', 'NaN'), ('infinity', 'Infinity')) v(e, i);
SELECT fails(
    format('SELECT recadv_slate(''{1}''::bigint[], %s, ''bpr'')', k),
    '22023',
    'k must be at least 1, not ' || k,
    'k ' || k || ' is refused')
FROM unnest('{0,-1,-2147483648}'::text[]) k;
SELECT is_empty(
    format('SELECT recadv_slate(''{1}''::bigint[], %s)', a),
    'no rows for ' || a)
FROM unnest('{"NULL, \u0027bpr\u0027","5, \u0027bpr\u0027, NULL","5, \u0027bpr\u0027, exclude_seen => NULL"}'::text[]) x,
     replace(x, 'u0027', '''') a;
SELECT fails(
    $$SELECT recadv_slate('{1}'::bigint[], 5, 'nothing')$$,
    '42P01',
    '%nothing%',
    'a model that is not there');
SELECT fails(
    $$SELECT recadv_slate('{1}'::bigint[], 5, 'orders')$$,
    '42809',
    '%orders%',
    'a table that is no model');
SELECT fails(
    $$SELECT recadv_slate('{1}'::bigint[], 5, 'texts')$$,
    '42804',
    'items of model "texts" are not integers%',
    'items that are no integers');
SELECT fails(
    $$SELECT recadv_slate('{1}'::bigint[], 5)$$,
    '42P08',
    'there are % models: name one%',
    'no model named where there are several');
SET recadv.model = 'bpr';
SELECT works($$SELECT recadv_slate('{1}'::bigint[], 5)$$, 'the model of the setting');
RESET recadv.model;

-- ---- rights, and transactions that only read ----
CREATE ROLE recadv_test_reader;
CREATE ROLE recadv_test_stranger;
GRANT SELECT ON bpr TO recadv_test_reader;
SELECT works($$SELECT recadv_slate('{1}'::bigint[], 5, 'bpr')$$, 'who may read', 'recadv_test_reader');
SELECT fails(
    $$SELECT recadv_slate('{1}'::bigint[], 5, 'bpr')$$,
    '42501',
    'permission denied for table bpr%',
    'who may not',
    'recadv_test_stranger');
SELECT is(provolatile::text || proparallel::text, 'vs', 'volatile, and safe in parallel: ' || proargnames::text)
FROM pg_proc WHERE proname = 'recadv_slate';

-- ---- a damaged model ----
SELECT copy_model('bpr', 'bad') \g /dev/null
UPDATE bad SET data = overlay(data PLACING '\xff' FROM length(data)) WHERE part = 'item';
SELECT fails(
    $$SELECT recadv_slate('{1}'::bigint[], 5, 'bad')$$,
    'XX001',
    '%"bad"%item%',
    'damage is told');

SET TRANSACTION READ ONLY;
SELECT is(
    (SELECT count(*) FROM recadv_slate('{1}'::bigint[], 5, 'bpr', 0.5)),
    5::bigint,
    'in a transaction that only reads');
SELECT * FROM finish();
ROLLBACK;
