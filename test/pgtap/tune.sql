-- Searching for options: trials and their rows, spaces, budgets, what is stored, errors.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE tastes AS
SELECT u AS user_id, i AS item_id,
       timestamp '2026-01-01' + noise('time' || u || '/' || i) % 1000000 * interval '1 minute' AS at,
       1 + noise('weight' || u || '/' || i) % 3 AS weight
FROM generate_series(1, 150) u, generate_series(1, 60) i
WHERE noise(u || '/' || i) % 100 < CASE WHEN u % 6 = i % 6 THEN 70 ELSE 6 END;

-- trials of named algorithms in a named space
CREATE TABLE found AS
SELECT * FROM recadv_tune('m', 'tastes', algorithms => '{bpr,als}', trials => 8, space => '{
    "factors": [4, 8],
    "regularization": {"min": 0.001, "max": 0.1, "log": true},
    "adaptive_negatives": {"min": 1, "max": 5}}');
SELECT is(count(*), 8::bigint, 'as many trials as were asked for') FROM found WHERE round = 1;
SELECT is(count(*), 2::bigint, 'a quarter of them goes on') FROM found WHERE round = 2;
SELECT is(array_agg(trial), array_agg(n::int), 'trials are numbered in order')
FROM (SELECT trial, row_number() OVER () AS n FROM found) t;
SELECT bag_eq(
    $$SELECT algorithm, count(*) FROM found WHERE round = 1 GROUP BY 1$$,
    $$VALUES ('als', 4::bigint), ('bpr', 4)$$,
    'algorithms take turns');
SELECT ok(bool_and((settings ->> 'factors')::int IN (4, 8)
        AND (settings ->> 'regularization')::float8 BETWEEN 0.001 AND 0.1),
    'options are drawn from the space') FROM found;
SELECT ok(bool_and((settings ->> 'adaptive_negatives')::int BETWEEN 1 AND 5
        OR settings ->> 'adaptive_negatives' IS NULL), 'integers are whole')
FROM found WHERE algorithm = 'bpr';
SELECT ok(bool_and(NOT settings ? 'adaptive_negatives'), 'each algorithm has its own options')
FROM found WHERE algorithm = 'als';
SELECT is(count(DISTINCT settings), 8::bigint, 'draws differ') FROM found WHERE round = 1;
SELECT ok(bool_and(ndcg BETWEEN 0 AND 1 AND epochs > 0 AND seconds >= 0 AND problem IS NULL),
    'each has its figures') FROM found;
SELECT ok(min(b.epochs) FILTER (WHERE b.round = 2) > max(b.epochs) FILTER (WHERE b.round = 1),
    'the last are trained for longer')
FROM found b WHERE algorithm = (SELECT algorithm FROM found WHERE chosen);
SELECT is((SELECT count(*) FROM found WHERE chosen), 1::bigint, 'one is chosen');
SELECT is((SELECT ndcg FROM found WHERE chosen), (SELECT max(ndcg) FROM found WHERE round = 2),
    'the best of the last');
SELECT is(recadv_info('m') ->> 'algorithm', (SELECT algorithm FROM found WHERE chosen),
    'and trained');
SELECT ok(recadv_info('m') -> 'options' @> (SELECT settings FROM found WHERE chosen),
    'with its options');
SELECT is((SELECT count(*) FROM recadv_topk(7, 5, 'm')), 5::bigint, 'it serves');
SELECT is(jsonb_array_length(recadv_info('m') #> '{choice,trials}'), 10,
    'the header keeps the trials');
SELECT results_eq(
    $$SELECT algorithm, status, version FROM recadv_runs('m')$$,
    $$SELECT algorithm, 'succeeded', 1 FROM found WHERE chosen$$,
    'the log has a row');

-- the same again: the same trials; a training keeps what was found
SELECT bag_eq(
    $$SELECT trial, algorithm, settings, ndcg FROM recadv_tune('again', 'tastes',
          algorithms => '{bpr,als}', trials => 8, options => '{"threads": 1}', space => '{
          "factors": [4, 8], "regularization": {"min": 0.001, "max": 0.1, "log": true},
          "adaptive_negatives": {"min": 1, "max": 5}}')$$,
    $$SELECT trial, algorithm, settings, ndcg FROM found$$,
    'the same trials for any number of threads');
SELECT isnt(
    (SELECT array_agg(settings) FROM recadv_tune('again', 'tastes', algorithms => '{bpr}',
         trials => 2, options => '{"seed": 1}', space => '{"factors": {"min": 2, "max": 99}}')),
    (SELECT array_agg(settings) FROM recadv_tune('again', 'tastes', algorithms => '{bpr}',
         trials => 2, options => '{"seed": 2}', space => '{"factors": {"min": 2, "max": 99}}')),
    'others with another seed');
SELECT is((recadv_train('m', 'tastes')).algorithm, (SELECT algorithm FROM found WHERE chosen),
    'a training afterwards');
SELECT ok(recadv_info('m') -> 'options' @> (SELECT settings FROM found WHERE chosen),
    'keeps the options, too');

-- what needs times is not kept for a training without them
SELECT count(*) FROM recadv_tune('timed', 'tastes', time_column => 'at', algorithms => '{itemknn}',
    trials => 1, space => '{"recent": [3]}') \g /dev/null
SELECT is(recadv_info('timed') #>> '{options,recent}', '3', 'options that need times');
SELECT is((recadv_train('timed', 'tastes', time_column => 'at')).choice,
    'chosen for an earlier version', 'are kept where there are times');
SELECT isnt((recadv_train('timed', 'tastes')).choice, 'chosen for an earlier version',
    'and searched anew where there are none');

-- lists are gone through once; single values are fixed
SELECT bag_eq(
    $$SELECT settings FROM recadv_tune('grid', 'tastes', algorithms => '{itemknn}', trials => 50,
          space => '{"neighbors": [5, 10], "weighting": ["tfidf", "bm25"], "shrink": 3}')
      WHERE round = 1$$,
    $$VALUES (jsonb '{"neighbors": 5, "shrink": 3, "weighting": "tfidf"}'),
             ('{"neighbors": 10, "shrink": 3, "weighting": "tfidf"}'),
             ('{"neighbors": 5, "shrink": 3, "weighting": "bm25"}'),
             ('{"neighbors": 10, "shrink": 3, "weighting": "bm25"}')$$,
    'each combination of lists once');
SELECT is(count(*), 1::bigint, 'one trial alone is a whole one')
FROM recadv_tune('one', 'tastes', algorithms => '{bpr}', trials => 1);

-- without a space: declared ranges, defaults first; times and weights
SELECT ok(bool_and(settings = '{}'), 'the first trials have the defaults')
FROM (SELECT * FROM recadv_tune('all', 'tastes', time_column => 'at', trials => 9,
          weight_column => 'weight', algorithms => '{popularity,itemknn,bpr,nmrn}')) t
WHERE trial <= 4;
SELECT is(recadv_info('all') ->> 'weight_column', 'weight', 'the source is stored as it is named');

-- a budget: what is not begun is told
CREATE TABLE spent AS
SELECT * FROM recadv_tune('short', 'tastes', budget => interval '1 microsecond', trials => 6);
SELECT is(count(*) FILTER (WHERE round = 1), 1::bigint, 'one trial at least') FROM spent;
SELECT is(count(*) FILTER (WHERE problem = 'the time was up' AND ndcg IS NULL AND round IS NULL),
    5::bigint, 'the others say why they were not') FROM spent;

-- a version that is not better is kept and does not serve
SELECT recadv_train('worse', 'tastes', algorithm => 'als') IS NOT NULL \g /dev/null
SELECT is(count(*), 1::bigint, 'popularity is tried')
FROM recadv_tune('worse', 'tastes', algorithms => '{popularity}', trials => 1);
SELECT is(recadv_info('worse') ->> 'algorithm', 'als', 'what is not better does not serve');
SELECT is(array_agg(status ORDER BY run), '{succeeded,kept}', 'and is kept')
FROM recadv_runs('worse');
SELECT count(*) FROM recadv_tune('worse', 'tastes', algorithms => '{popularity}', trials => 1,
    options => '{"promote": "always"}') \g /dev/null
SELECT is(recadv_info('worse') ->> 'algorithm', 'popularity', 'unless the caller says so');

-- a trial that fails is left out with its reason
SELECT results_eq(
    $$SELECT DISTINCT algorithm, problem LIKE 'training diverged%' FROM recadv_tune('diverges', 'tastes',
          algorithms => '{bpr}', trials => 4, space => '{"optimizer": "sgd",
          "learning_rate": [0.05, 1000], "regularization": [0.01, 1000]}')
      WHERE problem IS NOT NULL$$,
    $$VALUES ('bpr', true)$$,
    'a trial that diverges');
SELECT fails(
    $$SELECT recadv_tune('diverges', 'tastes', algorithms => '{bpr}', trials => 4,
          space => '{"optimizer": "sgd", "learning_rate": 1000, "regularization": 1000}')$$,
    '22023', '%none of the trials could be measured; bpr: training diverged%', 'all diverge');

-- too little to search by
SELECT is(count(*), 0::bigint, 'no trials where too little can be held out')
FROM recadv_tune('few', '(SELECT * FROM tastes WHERE user_id <= 20)', trials => 6);
SELECT is(recadv_info('few') ->> 'algorithm', 'itemknn', 'but a model');
SELECT isnt((recadv_train('few', '(SELECT * FROM tastes WHERE user_id <= 20)')).choice,
    'chosen for an earlier version', 'which is not kept: nothing was compared');
SELECT is(count(*), 0::bigint, 'of one row, too')
FROM recadv_tune('row', '(SELECT 1 AS user_id, 2 AS item_id)', trials => 6);

-- errors, argument by argument
CREATE FUNCTION wrong(arguments text, state text, pattern text, description text)
RETURNS text LANGUAGE sql AS $$
    SELECT fails('SELECT recadv_tune(' || arguments || ')', state, pattern, description)
$$;
SELECT wrong($$NULL, 'tastes'$$, '22004', '%"model" must not be NULL%', 'no model');
SELECT wrong($$'e', NULL$$, '22004', '%"source" must not be NULL%', 'no source');
SELECT wrong($$'e', 'tastes', user_column => NULL$$, '22004', '%user_column%', 'no users');
SELECT wrong($$'e', 'tastes', item_column => NULL$$, '22004', '%item_column%', 'no items');
SELECT wrong($$'e', 'tastes', space => NULL$$, '22004', '%"space" must not be NULL%', 'no space');
SELECT wrong($$'e', 'tastes', trials => NULL$$, '22004', '%"trials" must not be NULL%', 'no trials');
SELECT wrong($$'e', 'nowhere'$$, '42P01', '%nowhere%', 'no such source');
SELECT wrong($$'e', '(SELECT * FROM tastes WHERE false)'$$, '22023', '%has no interactions%',
    'an empty source');
SELECT wrong($$'e', 'tastes', time_column => 'when'$$, '42703', '%when%', 'no such column');
SELECT wrong($$'e', 'tastes', algorithms => '{}'$$, '22023', '%at least one%', 'no algorithms');
SELECT wrong($$'e', 'tastes', algorithms => '{bpr,NULL}'$$, '22004', '%NULL%', 'one is NULL');
SELECT wrong($$'e', 'tastes', algorithms => '{bprr}'$$, '22023', '%Known algorithms: %', 'unknown');
SELECT wrong($$'e', 'tastes', algorithms => '{als}', options => '{"holdout": "none"}'$$, '22023',
    'recadv_tune() chooses by interactions that are held out%Leave the option out.', 'nothing held out');
SELECT wrong($$'e', 'tastes', algorithms => '{nmrn}'$$, '22023', '%needs times%time_column%',
    'times are needed');
SELECT wrong($$'e', 'tastes', algorithms => '{bpr}', options => '{"factors": 8}'$$, '22023',
    '%"factors" is not one of all algorithms, but of als, bpr%argument space: ''{"factors": 8}''%',
    'an option of algorithms among those of all');
SELECT wrong($$'e', 'tastes', options => '{"seed": 2, "weighting": "bm25"}'$$, '22023',
    '%argument space: ''{"weighting": "bm25"}''%', 'likewise of text');
SELECT wrong($$'e', 'tastes', options => '{"wat": 2}'$$, '22023', '%unknown option "wat"%',
    'an option of none');
SELECT wrong($$'e', 'tastes', options => '{"budget": 8}'$$, '22023',
    '%not one of recadv_tune()%arguments%', 'options that are arguments here');
SELECT wrong($$'e', 'tastes', options => '[]'$$, '22023', '%options must be a JSON object%',
    'options that are no object');
SELECT wrong($$'e', 'tastes', options => '{"holdout": "none"}'$$, '22023', '%held out%',
    'nothing held out');
SELECT wrong($$'e', 'tastes', space => '[]'$$, '22023', '%space must be a JSON object%', 'an array');
SELECT wrong($$'e', 'tastes', space => '{"factor": 8}'$$, '22023',
    '%"factor" in space is no option%recadv_options()%', 'an unknown option');
SELECT wrong($$'e', 'tastes', space => '{"seed": [1, 2]}'$$, '22023', '%argument options%',
    'an option of all algorithms');
SELECT wrong($$'e', 'tastes', space => '{"factors": [8, 0]}'$$, '22023',
    '%values of "factors" in space must be an integer from 1%', 'a value out of range');
SELECT wrong($$'e', 'tastes', space => '{"factors": []}'$$, '22023', '%no values%', 'no values');
SELECT wrong($$'e', 'tastes', space => '{"factors": [[8]]}'$$, '22023', '%must be an integer%',
    'values in values');
SELECT wrong($$'e', 'tastes', space => '{"factors": null}'$$, '22023', '%must be an integer%', 'null');
SELECT wrong($$'e', 'tastes', space => '{"factors": {"min": 8}}'$$, '22023',
    '%numbers min and max%', 'a range without an end');
SELECT wrong($$'e', 'tastes', space => '{"factors": {"min": 8, "max": 4}}'$$, '22023',
    '%greater than its max%', 'a range the wrong way round');
SELECT wrong($$'e', 'tastes', space => '{"factors": {"min": 1, "max": 9999999}}'$$, '22023',
    '%must be an integer%', 'an end out of range');
SELECT wrong($$'e', 'tastes', space => '{"shrink": {"min": 0, "max": 9, "log": true}}'$$, '22023',
    '%no logarithm%', 'a logarithm of 0');
SELECT wrong($$'e', 'tastes', space => '{"shrink": {"min": 0, "max": 9, "log": 1}}'$$, '22023',
    '%neither true nor false%', 'a log that is a number');
SELECT wrong($$'e', 'tastes', space => '{"shrink": {"min": 0, "max": 9, "step": 1}}'$$, '22023',
    '%other keys%', 'an unknown key');
SELECT wrong($$'e', 'tastes', space => '{"weighting": {"min": 0, "max": 1}}'$$, '22023',
    '%no number%', 'a range of choices');
SELECT wrong($$'e', 'tastes', trials => 0$$, '22023', '%trials must be from 1 to 1000%', 'no trial');
SELECT wrong($$'e', 'tastes', trials => 1001$$, '22023', '%trials must be from 1 to 1000%', 'too many');
SELECT wrong($$'e', 'tastes', budget => '0'$$, '22023', '%longer than no time%', 'no time');
SELECT wrong($$'e', 'tastes', budget => '-1 s'$$, '22023', '%longer than no time%', 'less than none');
SELECT * FROM finish();
ROLLBACK;
