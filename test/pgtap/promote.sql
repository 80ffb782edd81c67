-- The option promote: a version that is not good enough is kept, and does not serve.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

-- 200 users, 40 items, four tastes; `early` lacks the last order of each user
CREATE TABLE shop AS
SELECT u AS user_id, i AS item_id,
       timestamp '2026-01-01' + noise('time' || u || '/' || i) % 1000000 * interval '1 minute' AS at
FROM generate_series(1, 200) u, generate_series(1, 40) i
WHERE noise(u || '/' || i) % 100 < CASE WHEN u % 4 = i % 4 THEN 80 ELSE 8 END;
CREATE VIEW early AS
SELECT user_id, item_id, at
FROM (SELECT s.*, row_number() OVER (PARTITION BY user_id ORDER BY at DESC, item_id DESC) AS back
      FROM shop s) s
WHERE back > 1;

CREATE FUNCTION train(model text, source text, extra jsonb DEFAULT '{}',
                      algorithm text DEFAULT 'bpr')
RETURNS recadv_training LANGUAGE sql AS $$
    SELECT t
    FROM recadv_train(
        model,
        source,
        time_column => 'at',
        algorithm => algorithm,
        options => options_of(algorithm,
            '{"factors": 8, "epochs": 20, "learning_rate": 0.1, "seed": 7, "threads": 1, '
            '"keep_versions": 9}'::jsonb || extra)) t
$$;
CREATE FUNCTION serving(model text DEFAULT 'm') RETURNS int LANGUAGE sql AS $$
    SELECT (recadv_model_status(model::regclass)).version
$$;
CREATE FUNCTION promotion(version int, key text, model text DEFAULT 'm')
RETURNS text LANGUAGE sql AS $$
    SELECT recadv_info(model, version) -> 'promotion' ->> key
$$;
CREATE FUNCTION versions(model text DEFAULT 'm') RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format(
        $q$SELECT string_agg(DISTINCT version::text, ' ' ORDER BY version::text)
           FROM %s WHERE version > 0$q$,
        model))
$$;
-- random numbers: what a training comes to that has gone wrong
CREATE FUNCTION bad(extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{"learning_rate": 0, "epochs": 1}'::jsonb || extra;

-- a bad version
SELECT is((train('m', 'early')).promotion, 'promoted', 'a first version serves');
SELECT is(recadv_info('m') -> 'promotion', NULL, 'without having been compared');
CREATE TABLE before AS SELECT answers('m') AS answers;
CREATE TABLE result AS SELECT t.* FROM train('m', 'shop', bad()) t;
SELECT is(version, 2, 'a bad version has a number') FROM result;
SELECT alike(
    promotion,
    'its NDCG@100 of 0.____ is less than 0.9 of the 0.____ of version 1, which serves, '
    'on 200 held-out interactions',
    'and a reason why it does not serve')
FROM result;
SELECT is(serving(), 1, 'the one before serves on');
SELECT is(answers('m'), answers, 'and answers as before') FROM before;
SELECT is(
    (SELECT concat_ws('|', version, versions, unpromoted) FROM recadv_models WHERE name = 'm'),
    '1|{2,1}|{2}',
    'which recadv_models shows, with the one that is kept');
SELECT fails(
    $$SELECT recadv_rollback('m')$$,
    '42704',
    'model "m" has no version to return to | Version 2 is kept but has never served: %',
    'a rollback without a number does not go to it');
SELECT is(
    (SELECT concat_ws('|', r.status, r.version, r.message = t.promotion, r.phases ? 'compare')
     FROM recadv_runs('m') r, result t WHERE r.run = 2),
    'kept|2|t|t',
    'the log has it all');
SELECT is(
    (SELECT concat_ws('|', status, version, phases ? 'compare') FROM recadv_runs('m')
     WHERE run = 1),
    'succeeded|1|f',
    'a run that had nothing to compare with is as before');
SELECT is(promotion(2, 'promoted'), 'false', 'so has the header of the version');
SELECT is(promotion(2, 'reason'), promotion, 'the reason') FROM result;
SELECT is(promotion(2, 'serving_version'), '1', 'what it was compared with');
SELECT is(promotion(2, 'compared'), '200', 'and on how many');
SELECT ok(
    promotion(2, 'ndcg')::float8 > 0
    AND promotion(2, 'ndcg')::float8 < 0.9 * promotion(2, 'serving_ndcg')::float8,
    'with both numbers');
SELECT ok(
    abs(promotion(2, 'ndcg')::float8 - ndcg) < 1e-9,
    'where all can be compared, the number is that of the training')
FROM result;

-- going there and back
SELECT is(recadv_rollback('m', 2), 2, 'it can be served by its number');
SELECT isnt(answers('m'), answers, 'and does') FROM before;
SELECT is(
    (SELECT concat_ws('|', version, versions, unpromoted) FROM recadv_models WHERE name = 'm'),
    '2|{2,1}|{}',
    'which makes it one that has served');
SELECT is(recadv_rollback('m'), 1, 'and there is a way back');
SELECT is(answers('m'), answers, 'to what was good') FROM before;

-- each setting
SELECT is(
    (train('m', 'shop', bad('{"promote": "always"}'))).promotion,
    'promoted',
    'always: anything serves');
SELECT is(serving(), 3, 'the new version');
SELECT is(recadv_info('m') -> 'promotion', NULL, 'and nothing is compared');
SELECT is(recadv_info('m') #>> '{options,promote}', '0', 'always is zero');
SELECT is(recadv_rollback('m', 1), 1, 'back');
SELECT is((train('m', 'shop', bad('{"promote": 0.01}'))).promotion, 'promoted', 'a low share');
SELECT is(serving(), 4, 'lets a bad version serve');
SELECT is(promotion(4, 'promoted'), 'true', 'though it is compared');
SELECT is(recadv_rollback('m', 1), 1, 'back');
CREATE TABLE weaker AS SELECT '{"epochs": 2, "factors": 2}'::jsonb AS o;
SELECT train('m', 'shop', o || '{"promote": "better"}') FROM weaker \g /dev/null
SELECT is(promotion(5, 'promoted'), 'false', 'better: a weaker one does not serve');
SELECT is(serving(), 1, 'the one before does');
CREATE TABLE share AS
SELECT promotion(5, 'ndcg')::float8 / promotion(5, 'serving_ndcg')::float8 AS share;
SELECT ok(share < 1, format('it has %s of its quality', round(share::numeric, 3))) FROM share;
SELECT alike(
    (train('m', 'shop', o || jsonb_build_object('promote', 1.01 * share))).promotion,
    'its NDCG@100 of%',
    'a share a little above does not let it serve')
FROM weaker, share;
SELECT is(serving(), 1, 'so it does not');
SELECT is(
    (train('m', 'shop', o || jsonb_build_object('promote', 0.99 * share))).promotion,
    'promoted',
    'one a little below does')
FROM weaker, share;
SELECT is(serving(), 7, 'so it serves');
SELECT is(recadv_rollback('m', 1), 1, 'back');
SELECT is(
    (train('m', 'shop',
        '{"warm_start": true, "learning_rate": 0, "epochs": 1, "promote": "better"}')).promotion,
    'promoted',
    'a warm start that learns nothing is as good as what it starts from');
SELECT is(
    promotion(8, 'ndcg')::numeric(12, 9),
    promotion(8, 'serving_ndcg')::numeric(12, 9),
    'both are measured alike');
SELECT is(promotion(8, 'compared'), '200', 'by all users');

-- the source
SELECT recadv_rollback('m', 1) \g /dev/null
SELECT alike(
    (train('m', '(SELECT * FROM shop WHERE user_id <= 80)')).promotion,
    'the source has % interactions, less than half of the % of version 1, which serves',
    'a source that shrank');
SELECT is(
    (train('m', '(SELECT user_id + 1000 AS user_id, item_id, at FROM shop)')).promotion,
    'the source has no user of version 1, which serves',
    'a source of other users');
SELECT is(
    (train('m', '(SELECT user_id, item_id + 1000 AS item_id, at FROM shop)')).promotion,
    'the source has no item of version 1, which serves',
    'a source of other items');
SELECT is(
    (train('m', '(SELECT ''u'' || user_id AS user_id, item_id, at FROM shop)')).promotion,
    'the source has no user of version 1, which serves',
    'a source of ids of another kind');
SELECT is(serving(), 1, 'none of them serves');
SELECT is(
    (train('m', '(SELECT * FROM shop WHERE user_id <= 80)', '{"promote": "always"}')).promotion,
    'promoted',
    'but with always');
SELECT is(serving(), 13, 'any of them does');

-- a model that has nothing to say
SELECT train('c', '(SELECT u AS user_id, 1 + u % 40 AS item_id, now() AS at
                    FROM generate_series(1, 80) u)', '{}', 'popularity') \g /dev/null
SELECT is(
    (train('c', '(SELECT u AS user_id, 1 + u % 40 AS item_id, now() AS at
                  FROM generate_series(1, 80) u)', '{}', 'itemknn')).promotion,
    'it scores all items alike',
    'a model that scores all items alike');
SELECT is(serving('c'), 1, 'does not serve');

-- what the version that serves has learnt
SELECT train('r', 'shop') \g /dev/null
SELECT alike(
    (train('r', 'shop', bad())).promotion,
    'its NDCG@100 of % is less than 0.9 of the % that version 1, which serves, had in its own '
    'training',
    'the same source again: what both trainings measured is compared');
SELECT is(promotion(2, 'compared', 'r'), '0', 'as nothing is new to both');
SELECT is((train('r', 'shop')).promotion, 'promoted', 'the same training again serves');
SELECT is((train('r', 'shop', bad('{"holdout": "none"}'))).promotion, 'promoted',
    'without a holdout there is nothing to compare');
SELECT is((train('r', 'shop', bad('{"holdout": "random"}'))).promotion, 'promoted',
    'nor with another one');

SELECT train('h', 'shop', '{"validation_users": 49}') \g /dev/null
SELECT is(
    (train('h', 'shop', bad())).promotion,
    'promoted',
    'nor with what 49 users have measured');
SELECT train('h', 'shop', '{"validation_users": 50}') \g /dev/null
SELECT alike(
    (train('h', 'shop', bad())).promotion,
    'its NDCG@100 of % had in its own training',
    '50 are enough');

-- what a warm start measures flatters: it has learnt most of what it holds out
CREATE TABLE chance AS
SELECT u AS user_id, noise(u || '/' || i) % 200 AS item_id, now() + i * interval '1 day' AS at
FROM generate_series(1, 300) u, generate_series(1, 10) i;
CREATE FUNCTION wide() RETURNS jsonb LANGUAGE sql RETURN '{"factors": 64}'::jsonb;
SELECT train('w', 'chance', wide()) \g /dev/null
SELECT train('w', 'chance', wide() || '{"warm_start": true}') \g /dev/null
SELECT train('w', 'chance', wide() || '{"warm_start": true, "seed": 8}') \g /dev/null
CREATE FUNCTION measured(version int) RETURNS float8 LANGUAGE sql AS $$
    SELECT (recadv_info('w', version) #>> '{training,ndcg}')::float8
$$;
CREATE FUNCTION unlearnt(version int, model text DEFAULT 'w') RETURNS float8 LANGUAGE sql AS $$
    SELECT (recadv_info(model, version) #>> '{training,unlearnt,ndcg}')::float8
$$;
SELECT is(serving('w'), 3, 'two warm starts serve');
SELECT ok(measured(3) > 1.2 * measured(1), 'and say that they are far better');
SELECT is(unlearnt(2), measured(1), 'the first keeps what was measured before it');
SELECT is(unlearnt(3), measured(1), 'the second hands it on');
SELECT is(recadv_info('w', 3) #>> '{training,unlearnt,held_out_users}', '300', 'and of how many users it was');
SELECT is((train('w', 'chance', wide() || '{"seed": 9}')).promotion, 'promoted',
    'a training afresh is compared with that, and not with what flatters');
SELECT train('v', 'shop') \g /dev/null
SELECT train('v', 'shop', '{"warm_start": true}') \g /dev/null
SELECT alike(
    (train('v', 'shop', bad())).promotion,
    'its NDCG@100 of % is less than 0.9 of the % that version 2, which serves, had on what '
    'it had not learnt',
    'a bad one does not serve after a warm start, either');
SELECT alike(
    (train('v', 'shop', '{"warm_start": true, "learning_rate": 1000, "epochs": 1}')).promotion,
    'its NDCG@100 of % is less than 0.9 of the % that version 2, which serves, had in its own training',
    'nor does a warm start that went wrong, compared with what flatters alike');
SELECT train('v', 'shop', '{"warm_start": true, "promote": "always"}') \g /dev/null
SELECT is(unlearnt(5, 'v'), unlearnt(2, 'v'), 'it is handed on without a comparison, too');
SELECT train('v', 'shop', '{"warm_start": true, "promote": "always", "holdout": "random"}') \g /dev/null
SELECT is(unlearnt(6, 'v'), NULL, 'but not to another way to hold out');
SELECT train('v', 'shop', bad('{"holdout": "random"}')) \g /dev/null
SELECT is(
    promotion(7, 'problem', 'v'),
    'it is a warm start, of which nothing is known that it had not learnt',
    'nothing is compared with what flatters');
SELECT train('n', 'early') \g /dev/null
SELECT train('n', 'shop', '{"warm_start": true}') \g /dev/null
SELECT ok(unlearnt(2, 'n') > 0, 'a warm start on new interactions records something');
SELECT is(unlearnt(2, 'n'), promotion(2, 'ndcg', 'n')::float8, 'what was ranked beside the version before is honest');

-- an image that was saved has no time column, and held out the latest all the same
CREATE TABLE fitted AS
SELECT recadv_fit(user_id, item_id, at, '{"algorithm": "bpr", "factors": 8, "epochs": 20, "learning_rate": 0.1}') AS image FROM shop;
SELECT recadv_save('i', image) FROM fitted \g /dev/null
SELECT alike((train('i', 'shop', bad())).promotion, 'its NDCG@100 of % that version 1, which serves, had in its own training',
    'a saved image is compared by what it measured');
SELECT recadv_save('e', with_header(image, jsonb_build_object('training',
    (recadv_info('i', 1) -> 'training') - 'holdout')))
FROM fitted \g /dev/null
SELECT is((train('e', 'shop', bad())).promotion, 'promoted',
    'not one of 0.1.0, which held out of other users');
SELECT is(promotion(2, 'problem', 'e'), 'its training held out in another way', 'which is told');

-- a rollback passes over versions that have never served
SELECT train('p', 'early') \g /dev/null
SELECT train('p', 'shop', bad()) \g /dev/null
SELECT is((train('p', 'shop')).promotion, 'promoted', 'the third serves, the second has not');
SELECT train('p', 'shop', bad()) \g /dev/null
SELECT is(
    (SELECT concat_ws('|', version, versions, unpromoted) FROM recadv_models WHERE name = 'p'),
    '3|{4,3,2,1}|{4,2}',
    'nor has the fourth');
SELECT is(recadv_rollback('p', 3), 3, 'the third again, so that what served before is not known');
SELECT is(recadv_rollback('p'), 1, 'and still not the second');
SELECT fails(
    $$SELECT recadv_rollback('p')$$,
    '42704',
    '% | Version 4 is kept but has never served: recadv_rollback(''recadv_test.p'', 4) lets it.',
    'nothing else has served');
SELECT is(serving('p'), 1, 'so nothing changes');

-- a version that is too large to be compared with does not stop the training that would replace it
SELECT train('large', 'early', '{"factors": 2048, "epochs": 1}') \g /dev/null
SET LOCAL recadv.max_memory = '3MB';
SELECT alike(
    (train('large', 'shop', bad())).promotion,
    'its NDCG@100 of % had in its own training',
    'what it measured itself is left to compare by');
SELECT alike((train('large', '(SELECT * FROM early WHERE user_id <= 20)', '{"factors": 4, "epochs": 1}')).promotion,
    'the source has % interactions, less than half of the % of version 1, which serves', 'a source that shrank is seen all the same');
SELECT is((train('large', 'shop', '{"promote": "better", "holdout": "random"}')).promotion, 'promoted', 'or nothing is');
SELECT is(promotion(4, 'compared', 'large'), '0', 'without having been compared');
SELECT alike(promotion(4, 'problem', 'large'), 'comparing with it needs more memory %', 'why, is in the header');
SELECT alike((SELECT message FROM recadv_runs('large') ORDER BY run DESC LIMIT 1),
    '%; not compared with version 1: comparing with it needs more memory %', 'and in the log');
RESET recadv.max_memory;

-- versions that are kept
SELECT train('k', 'early', '{"keep_versions": 1}') \g /dev/null
SELECT train('k', 'shop', bad('{"keep_versions": 1}')) \g /dev/null
SELECT is(versions('k'), '1 2', 'one that is kept comes on top of keep_versions');
SELECT train('k', 'shop', bad('{"keep_versions": 1}')) \g /dev/null
SELECT is(versions('k'), '1 3', 'the next takes its place, not that of the one that serves');
SELECT is(serving('k'), 1, 'which serves on');
SELECT train('k', 'shop', '{"keep_versions": 1}') \g /dev/null
SELECT is(versions('k'), '4', 'one that serves ends it');

-- all algorithms, one against another
SELECT train('a_' || a, 'early', '{"epochs": 3, "adv_epochs": 1}', a) FROM algorithms() a
    \g /dev/null
SELECT train('a_' || a, 'shop', '{"epochs": 3, "adv_epochs": 1, "promote": 0.5}', a)
FROM algorithms() a \g /dev/null
SELECT is(
    concat_ws('|', promotion(2, 'compared', 'a_' || a), promotion(2, 'ndcg', 'a_' || a) IS NOT NULL,
        promotion(2, 'serving_ndcg', 'a_' || a) IS NOT NULL),
    '200|t|t',
    format('%s is compared with %s', a, a))
FROM algorithms() a;
SELECT train('x', 'early') \g /dev/null
SELECT alike(
    (train('x', 'shop', '{}', 'popularity')).promotion,
    'its NDCG@100 of%version 1, which serves, on 200 held-out interactions',
    'popularity does not replace what knows tastes');
SELECT train('y', 'early', '{}', 'popularity') \g /dev/null
SELECT is((train('y', 'shop', '{"promote": "better"}')).promotion, 'promoted', 'the other way does');
SELECT is(promotion(2, 'compared', 'y'), '200', 'by the same measure');

-- a damaged version does not stay
UPDATE y SET data = '\x00' WHERE part = 'item' AND version = 2;
SELECT is((train('y', 'shop', bad())).promotion, 'promoted', 'a damaged version is replaced');
SELECT is(serving('y'), 3, 'by anything');

-- rights and values
CREATE ROLE recadv_promote_reader;
GRANT USAGE ON SCHEMA recadv_test TO recadv_promote_reader;
GRANT SELECT ON shop, m TO recadv_promote_reader;
SELECT alike(
    error_of($$SELECT recadv_train('m', 'shop')$$, 'recadv_promote_reader'),
    '42501%',
    'who does not own the model does not train it');
SELECT fails(
    format($$SELECT recadv_train('m', 'shop', options => '{"promote": %s}')$$, v),
    '22023',
    '%option "promote" must be always, better or a number from 0 to 1%',
    format('promote %s', v))
FROM unnest('{-0.1,1.1,"\"never\"","\"0.9\"",true,null,"[]"}'::text[]) v WHERE v IS NOT NULL;

SELECT * FROM finish();
ROLLBACK;
