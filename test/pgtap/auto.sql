-- Choosing an algorithm by validation: what is chosen, what is told, warm starts, errors.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE tastes AS
SELECT u AS user_id, i AS item_id,
       timestamp '2026-01-01' + noise('time' || u || '/' || i) % 1000000 * interval '1 minute' AS at
FROM generate_series(1, 150) u, generate_series(1, 60) i
WHERE noise(u || '/' || i) % 100 < CASE WHEN u % 6 = i % 6 THEN 70 ELSE 6 END;

CREATE FUNCTION train(model text, options jsonb DEFAULT '{}', source text DEFAULT 'tastes',
    time_column name DEFAULT NULL)
RETURNS recadv_training LANGUAGE sql AS $$
    SELECT t FROM recadv_train(model, source, time_column => time_column, algorithm => 'auto',
                               options => options) t
$$;
CREATE FUNCTION trials(model text)
RETURNS TABLE (algorithm text, round int, ndcg float8, seconds float8) LANGUAGE sql AS $$
    SELECT t.* FROM jsonb_to_recordset(recadv_info(model) #> '{choice,trials}')
        AS t (algorithm text, round int, ndcg float8, seconds float8)
$$;

-- the choice
CREATE TABLE result AS SELECT * FROM train('m');
SELECT bag_eq(
    $$SELECT algorithm FROM trials('m') WHERE round = 1$$,
    $$VALUES ('popularity'), ('itemknn'), ('als'), ('bpr'), ('amf'), ('softmax')$$,
    'all are tried that need no times');
SELECT is(count(*), 3::bigint, 'half of them go on') FROM trials('m') WHERE round = 2;
SELECT bag_eq(
    $$SELECT algorithm FROM trials('m') WHERE round = 2$$,
    $$SELECT algorithm FROM trials('m') WHERE round = 1 ORDER BY ndcg DESC LIMIT 3$$,
    'the better ones');
SELECT is(
    algorithm,
    (SELECT t.algorithm FROM trials('m') t WHERE round = 2 ORDER BY ndcg DESC LIMIT 1),
    'the best is trained, and the result row names it')
FROM result;
SELECT is(recadv_info('m') ->> 'algorithm', algorithm, 'the model is of that algorithm')
FROM result;
SELECT is(recadv_info('m') #>> '{choice,algorithm}', algorithm, 'and the header says so')
FROM result;
SELECT ok(bool_and(seconds >= 0) AND bool_and(ndcg BETWEEN 0 AND 1), 'with numbers of each trial')
FROM trials('m');
SELECT ok((recadv_info('m') #>> '{training,phases,choose}')::float8 > 0, 'and the time of it all');
SELECT is(r.algorithm, result.algorithm, 'so does the log of runs')
FROM recadv_runs('m') r, result;
SELECT t.version FROM result, recadv_train('named', 'tastes', algorithm => result.algorithm,
    options => recadv_info('m') -> 'options') t \g /dev/null
SELECT is(recadv_info('m') -> 'options', recadv_info('named') -> 'options', 'by its name and with its options');
SELECT is(
    (SELECT array_agg(s.score) FROM recadv_topk(7, 5, 'm') s),
    (SELECT array_agg(s.score) FROM recadv_topk(7, 5, 'named') s),
    'it is the same model');
SELECT is(recadv_info('named') -> 'choice', NULL, 'which was not chosen');

-- the same again, on one thread
SELECT train('one', '{"threads": 1}') IS NOT NULL \g /dev/null
SELECT bag_eq(
    $$SELECT algorithm, round, ndcg FROM trials('one')$$,
    $$SELECT algorithm, round, ndcg FROM trials('m')$$,
    'trials are the same for any number of threads');

-- the order of random times says nothing, that of habits does
CREATE TABLE visits AS
SELECT u AS user_id, (s * 7 + u % 5 * 3) % 60 AS item_id, u * 100 + n AS at
FROM generate_series(1, 150) u, generate_series(1, 12) n, LATERAL (SELECT u % 9 + n AS s) o;
SELECT train('order', time_column => 'at') IS NOT NULL \g /dev/null
SELECT results_eq(
    $$SELECT problem FROM jsonb_to_recordset(recadv_info('order') #> '{choice,trials}') AS t (algorithm text, problem text)
      WHERE algorithm = 'nmrn'$$,
    ARRAY['the order of interactions says nothing'],
    'nmrn is left out of random times');
SELECT train('habits', source => 'visits', time_column => 'at') IS NOT NULL \g /dev/null
SELECT results_eq(
    $$SELECT ndcg > 0 FROM trials('habits') WHERE algorithm = 'nmrn' AND round = 1$$,
    ARRAY[true],
    'it is tried where order says something');

-- what needs more memory than is allowed is left out
SET LOCAL recadv.max_memory = '2MB';
SELECT train('narrow') IS NOT NULL \g /dev/null
SELECT ok(count(*) BETWEEN 1 AND 5, 'some need too much memory')
FROM jsonb_to_recordset(recadv_info('narrow') #> '{choice,trials}') AS t (problem text)
WHERE problem LIKE '%memory than is allowed';
SELECT is((SELECT count(*) FROM recadv_topk(7, 5, 'narrow')), 5::bigint, 'another is trained');
RESET recadv.max_memory;

-- where there are times, what learns in order of time is tried as well
SELECT train('times', '{"candidates": "popularity, nmrn", "seed": 5}', time_column => 'at')
    IS NOT NULL \g /dev/null
SELECT bag_eq(
    $$SELECT algorithm, round FROM trials('times')$$,
    $$VALUES ('popularity', 1), ('nmrn', 1), ('nmrn', 2), ('nmrn', 2)$$,
    'candidates by name, and what is tried of the best');
SELECT is(recadv_info('times') ->> 'algorithm', 'nmrn', 'tastes are learnt from a stream, too');
SELECT is(recadv_info('times') #>> '{options,seed}', '5', 'options of all algorithms are kept');
SELECT is((SELECT count(*) FROM recadv_topk(7, 5, 'times')), 5::bigint, 'and it serves');
SELECT train('both', '{"candidates": "itemknn, popularity, nmrn"}', time_column => 'at')
    IS NOT NULL \g /dev/null
SELECT is((SELECT count(*) FROM recadv_topk(7, 5, 'both')), 5::bigint, 'any of them serves');

-- what was chosen is kept, as long as the data are about the same and nobody asks again
SELECT is((train('m')).choice, 'chosen for an earlier version', 'the next training keeps it');
SELECT is(recadv_info('m') #> '{choice,trials}', recadv_info('m', 1) #> '{choice,trials}',
    'with the trials that it was chosen by');
SELECT is(recadv_info('m') -> 'options', recadv_info('m', 1) -> 'options', 'and its options');
SELECT is(recadv_info('m') #> '{training,phases,choose}', NULL, 'without a search');
SELECT isnt((train('m', '{"search": true}')).choice, 'chosen for an earlier version',
    'which option search asks for');
SELECT isnt((train('m', '{"preset": "fast"}')).choice, 'chosen for an earlier version',
    'another preset chooses again');
SELECT isnt(
    (train('m', '{"preset": "fast"}', '(SELECT * FROM tastes WHERE user_id <= 90)')).choice,
    'chosen for an earlier version', 'so do data that have changed much');

-- not beyond what it was made by
SELECT is((train('bound', '{"candidates": "popularity"}')).algorithm, 'popularity',
    'an only candidate');
SELECT is((train('bound', '{"candidates": "popularity"}')).choice,
    'chosen for an earlier version', 'is kept while it is the only one');
SELECT isnt((train('bound')).algorithm, 'popularity', 'but not by a call that has others');
SELECT is((train('bound')).choice, 'chosen for an earlier version', 'which keeps what it finds');
SELECT isnt((train('bound', '{"candidates": "itemknn, als"}')).choice,
    'chosen for an earlier version', 'other candidates choose again');
SELECT is((train('bound', '{"candidates": "itemknn, als", "budget": 2}')).choice,
    'chosen for an earlier version', 'a smaller budget keeps');
SELECT isnt((train('bound', '{"candidates": "itemknn, als", "budget": 4}')).choice,
    'chosen for an earlier version', 'a larger one chooses again');
SELECT is((recadv_info('bound') #>> '{choice,budget}')::float8, 4::float8, 'and is stored');
SELECT is(recadv_info('bound') #>> '{choice,candidates}', 'itemknn, als', 'with the candidates');
SELECT isnt((train('bound', '{"budget": 1}')).choice, 'chosen for an earlier version',
    'what was found among some is not kept where all are candidates');

-- a warm start keeps what was chosen
SELECT train('kept', '{"candidates": "als"}') IS NOT NULL \g /dev/null
SELECT is(recadv_info('kept') #> '{choice,trials}', '[]', 'an only candidate is not tried');
SELECT is((train('kept', '{"warm_start": true, "candidates": "als"}')).algorithm, 'als',
    'a warm start keeps als');
SELECT is(recadv_info('kept') #>> '{training,warm_start}', 'true', 'and goes on from it');
SELECT is(recadv_info('kept') #> '{choice,trials}', '[]', 'without a search');
SELECT is((train('kept', '{"warm_start": true, "candidates": "als"}')).algorithm, 'als',
    'and once more');
SELECT is(
    (train('kept', '{"warm_start": true, "candidates": "popularity, itemknn"}')).algorithm,
    'itemknn', 'other candidates are tried');
SELECT train('kept', '{"warm_start": true, "search": true}') IS NOT NULL \g /dev/null
SELECT is(count(*), 9::bigint, 'and all of them when asked to') FROM trials('kept') WHERE round <= 2;
SELECT recadv_train('own', 'tastes', algorithm => 'bpr', options => '{"epochs": 5}')
    IS NOT NULL \g /dev/null
SELECT train('own', '{"warm_start": true}') IS NOT NULL \g /dev/null
SELECT is(count(*), 9::bigint, 'an algorithm that was named is not kept') FROM trials('own')
WHERE round <= 2;

-- too little to choose by
SELECT is(
    (train('few', source => '(SELECT * FROM tastes WHERE user_id <= 20)')).algorithm,
    'itemknn', 'with few users the simplest that tells them apart');
SELECT isnt(
    (train('few', source => '(SELECT * FROM tastes WHERE user_id <= 20)')).choice,
    'chosen for an earlier version', 'which is not kept: nothing was compared');
SELECT is(
    (train('idle', source => '(SELECT * FROM tastes WHERE user_id <= 20)', time_column => 'at')).algorithm,
    'itemknn', 'likewise where one is left out beforehand');
SELECT isnt(
    (train('idle', source => '(SELECT * FROM tastes WHERE user_id <= 20)', time_column => 'at')).choice,
    'chosen for an earlier version', 'which compares nothing, either');
SELECT is(
    (train('full', source => '(SELECT 1 AS user_id, 2 AS item_id)')).algorithm,
    'popularity', 'with one row what takes any');

-- errors
CREATE FUNCTION wrong(options jsonb, pattern text, description text) RETURNS text LANGUAGE sql AS $$
    SELECT fails(format($f$SELECT train('wrong', %L)$f$, options), '22023', pattern, description)
$$;
SELECT wrong('{"candidates": "bpr, bprr"}', '%option "candidates" must be%bpr%', 'unknown names');
SELECT wrong('{"candidates": ""}', '%option "candidates" must be%', 'an empty list');
SELECT wrong('{"candidates": ["bpr"]}', '%option "candidates" must be%', 'no text');
SELECT wrong('{"candidates": "bpr, nmrn"}', '%candidate "nmrn" needs times%time_column%',
    'a candidate that needs times');
SELECT wrong('{"holdout": "none"}', '%chooses by interactions that are held out%', 'nothing held out');
SELECT wrong('{"factors": 8}', '%unknown option "factors" for algorithm "auto"%als, bpr, amf, softmax, nmrn%name the algorithm%',
    'options of an algorithm');
SELECT wrong('{"serch": true}', '%nearest option is "search"%', 'a mistake in a name');
SELECT fails(
    $$SELECT recadv_fit(user_id, item_id, '{"algorithm": "auto"}') FROM tastes$$,
    '22023', '%is chosen by recadv_train()%', 'an image is of an algorithm that is named');

SELECT wrong('{"effort": "great"}', '%must be one of: fast, balanced, best%', 'unknown efforts');
SELECT wrong('{"preset": "great"}', '%must be one of: default, fast, balanced, best%', 'and presets');
SELECT wrong('{"budget": -1}', '%"budget" must be a number from 0%', 'a negative budget');

-- what is told of it
SELECT bag_eq(
    $$SELECT option, default_value FROM recadv_options('auto')
      WHERE option IN ('candidates', 'search', 'seed')$$,
    $$VALUES ('candidates', 'all'), ('search', 'false'), ('seed', '1')$$,
    'its options are listed');
SELECT is(count(*), 0::bigint, 'though not among those of algorithms')
FROM recadv_options() o WHERE o.algorithm_name = 'auto';
SELECT ok(
    recadv_estimate_memory(10000, 1000, 1000000, 'auto')
        >= (SELECT max(recadv_estimate_memory(10000, 1000, 1000000, a))
            FROM algorithms() a WHERE a NOT LIKE 'nmrn%' AND a NOT IN ('sasrec', 'neumf', 'cdae', 'irgan')),
    'its memory is that of the greatest candidate');
SELECT ok(
    recadv_estimate_memory(1000000, 100000, 1000000, 'auto', jsonb_build_object('preset', p))
        >= (SELECT max(recadv_estimate_memory(1000000, 100000, 1000000, a, jsonb_build_object('preset', p)))
            FROM unnest('{als,bpr,amf,softmax}'::text[]) a),
    'with preset ' || p)
FROM unnest('{fast,balanced,best}'::text[]) p;
SELECT ok(
    recadv_estimate_memory(10000, 1000, 1000000, 'auto', '{"candidates": "als"}')
        >= recadv_estimate_memory(10000, 1000, 1000000, 'als', '{"factors": 256}'),
    'also of the width that is tried for als');
SELECT ok(
    recadv_estimate_memory(10000, 1000, 1000000, 'auto', '{"candidates": "als", "preset": "fast"}')
        < recadv_estimate_memory(10000, 1000, 1000000, 'als', '{"factors": 256}'),
    'but not where that would be several times dearer');
SELECT ok(
    recadv_estimate_memory(1000000, 100000, 1000000, 'auto', '{"preset": "fast"}')
        < recadv_estimate_memory(1000000, 100000, 1000000, 'auto'),
    'which matters');
-- a width that is tried for the best is not tried where the number of items asks for it already
CREATE TABLE shelf AS
SELECT u AS user_id, 1 + (u * 7 + i * i * 13) % 5000 AS item_id
FROM generate_series(1, 1000) u, generate_series(1, 20) i;
INSERT INTO shelf SELECT 1 + i % 1000, i FROM generate_series(1, 5000) i;
CREATE FUNCTION shelf_trials() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_train('shelf_model', 'shelf',
        options => '{"candidates": "als, popularity", "promote": "always", "search": true}');
    RETURN concat_ws(', ', recadv_info('shelf_model') ->> 'algorithm', recadv_info('shelf_model') #>> '{options,factors}',
        recadv_info('shelf_model') #>> '{choice,measured}');
END $$;
SELECT is(shelf_trials(), 'als, 128, 3', '5,000 items: 256 factors are tried, too');
INSERT INTO shelf VALUES (1, 5001);
SELECT is(shelf_trials(), 'als, 256, 2', 'one more: they are what als has');

SELECT * FROM finish();
ROLLBACK;
