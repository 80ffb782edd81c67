-- Warm start: embeddings carry over by id, new ones start fresh, gone ones are dropped.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(model text, source text, extra jsonb, algorithm text DEFAULT 'bpr')
RETURNS recadv_training LANGUAGE sql AS $$
    SELECT t
    FROM recadv_train(
        model,
        source,
        algorithm => algorithm,
        options => '{"factors": 4, "epochs": 20, "learning_rate": 0.1, "holdout": "none", "seed": '
                   '7}'::jsonb || extra) t
$$;
-- scores of all pairs of known ids
CREATE FUNCTION scores(model text, users int, items int) RETURNS real[] LANGUAGE sql AS $$
    SELECT array_agg(recadv_score(u, i, model) ORDER BY u, i)
    FROM generate_series(1, users) u, generate_series(1, items) i
$$;

-- with a learning rate of 0 a warm start changes nothing
SELECT train('m', 'orders', '{}') IS NOT NULL \g /dev/null
CREATE TABLE before AS SELECT scores('m', 60, 40) AS cold;
SELECT train('m', 'orders',
    '{"warm_start": true, "learning_rate": 0, "epochs": 1, "seed": 8}') IS NOT NULL \g /dev/null
SELECT is(scores('m', 60, 40), cold, 'the embeddings are those of the version before') FROM before;
SELECT is(recadv_info('m') #>> '{training,warm_start}', 'true', 'the header says so');
SELECT train('cold', 'orders', '{"learning_rate": 0, "epochs": 1, "seed": 8}')
    IS NOT NULL \g /dev/null
SELECT isnt(scores('cold', 60, 40), cold, 'a cold start has others') FROM before;
SELECT is(recadv_info('cold') #>> '{training,warm_start}', 'false', 'and says so');

-- ids come and go: 1 to 10 are gone, 100 is new, and dense indexes have moved
CREATE TABLE later AS
SELECT user_id, item_id FROM orders WHERE user_id > 10 AND item_id > 4
UNION ALL SELECT 100, i FROM generate_series(5, 12) i
UNION ALL SELECT 11, 77;
SELECT train('m', 'later', '{"warm_start": true, "learning_rate": 0, "epochs": 1}')
    IS NOT NULL \g /dev/null
SELECT ok(NOT recadv_has_user(3, 'm'), 'a user that is gone is dropped');
SELECT ok(recadv_has_user(100, 'm'), 'a new one is there');
SELECT train('reference', 'orders', '{}') IS NOT NULL \g /dev/null
SELECT is(
    count(*) FILTER (WHERE recadv_score(u, i, 'm')
        IS DISTINCT FROM recadv_score(u, i, 'reference')),
    0::bigint,
    'all others keep theirs')
FROM generate_series(11, 60) u, generate_series(5, 40) i
WHERE recadv_score(u, i, 'm') IS NOT NULL;
SELECT ok(
    recadv_score(100, 5, 'm') <> 0 AND recadv_score(11, 77, 'm') <> 0,
    'new ones do not start at zero');
SELECT ok(abs(recadv_score(100, 5, 'm')) < 0.1, 'but near it');

-- quality: a warm start is at once where a cold one needs its epochs
SELECT train('m', 'orders', '{"epochs": 60}') IS NOT NULL \g /dev/null
SELECT ok(
    (train('m', 'orders', '{"warm_start": true, "epochs": 1}')).loss
        < 0.7 * (train('cold', 'orders', '{"epochs": 1}')).loss,
    'the first epoch starts where the last training ended');

-- where it cannot be
SELECT is(
    (train('m', 'orders', '{"warm_start": true, "warm_epochs": 2}')).epochs,
    2,
    'warm_epochs bounds it');
SELECT is((train('cold', 'orders', '{"warm_epochs": 2}')).epochs, 20, 'but not a training afresh');
SELECT is(
    (train('m', 'orders', '{"warm_start": true, "factors": 5}')).epochs,
    20,
    'another width starts afresh');
SELECT is(recadv_info('m') #>> '{training,warm_start}', 'false', 'and says so');
SELECT is(
    (train('new', 'orders', '{"warm_start": true}')).version,
    1,
    'so does a model without a version');
SELECT is(
    (train('m', 'orders', '{"warm_start": true, "factors": 5, "relative_epsilon": 0.1, "adv_epochs": 3}', 'amf')).epochs,
    23,
    'another algorithm too');
SELECT is(
    (train('m', 'orders', '{"warm_start": true, "factors": 5, "relative_epsilon": 0.1, "adv_epochs": 3}', 'amf')).epochs,
    3,
    'a warm amf skips its first stage');
SELECT is(
    (SELECT string_agg(DISTINCT stage, ' ') FROM recadv_history('m')),
    'apr',
    'as the history shows');
SELECT is(
    (train('m', '(SELECT ''u'' || user_id AS user_id, ''i'' || item_id AS item_id FROM orders)',
        '{"warm_start": true, "factors": 5, "relative_epsilon": 0.1, "adv_epochs": 3, "promote": "always"}', 'amf')).epochs,
    23,
    'ids that are all new start afresh, from the first stage on');
SELECT is(recadv_info('m') #>> '{training,warm_start}', 'false', 'and the header says so');
SELECT is(
    (train('m', 'orders', '{"factors": 5, "relative_epsilon": 0.1, "adv_epochs": 3, "promote": "always"}', 'amf')).epochs,
    23,
    'a full training again');
SELECT is(
    (train('m', 'orders', '{"warm_start": true, "factors": 5, "relative_epsilon": 0.1, "adv_epochs": 3}', 'amf')).epochs,
    3,
    'a warm one after it');
SELECT is(recadv_info('m') #>> '{training,warm_users}', '60', 'with the users that were known');

-- a width that is left to the number of items is kept while a model is warm, and stored as a number
CREATE TABLE many (user_id int, item_id int);
INSERT INTO many SELECT i % 60, i FROM generate_series(1, 5000) i;
CREATE FUNCTION grown(model text, extra jsonb DEFAULT '{}', algorithm text DEFAULT 'bpr')
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_train(model, 'many', algorithm => algorithm,
        options => '{"epochs": 1, "adv_epochs": 1, "holdout": "none"}'::jsonb
            - CASE WHEN algorithm = 'amf' THEN '' ELSE 'adv_epochs' END || extra);
    RETURN format('%s, warm: %s', recadv_info(model) #> '{options,factors}',
        recadv_info(model) #>> '{training,warm_start}');
END $$;
CREATE FUNCTION chosen(extra jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_train('chosen', 'many', options => '{"candidates": "bpr", "promote": "always"}' || extra);
    RETURN recadv_info('chosen') #>> '{options,factors}';
END $$;
SELECT is(grown('few'), '64, warm: false', '5,000 items: 64 factors');
SELECT is(chosen(), '64', 'chosen by auto, too');
INSERT INTO many SELECT user_id, 5001 FROM many WHERE item_id <= 10;
SELECT is(grown('more'), '128, warm: false', 'one more: 128');
SELECT is(chosen(), '64', 'auto keeps what it chose');
SELECT is(chosen('{"search": true}'), '128', 'until it searches again');
SELECT is(grown('more_amf', algorithm => 'amf'), '128, warm: false', 'with amf, too');
SELECT is(grown('more_als', algorithm => 'als'), '256, warm: false', 'with als, 256');
SELECT is(grown('more_als', '{"warm_start": true}', 'als'), '256, warm: true', 'and kept');
SELECT is(grown('paper', '{"preset": "paper"}', 'amf'), '64, warm: false', 'the width of the paper is named');
SELECT is(grown('named', '{"factors": 32}'), '32, warm: false', 'as is any other');
SELECT is(grown('few', '{"warm_start": true}'), '64, warm: true', 'a warm model keeps its width');
SELECT is(grown('named', '{"warm_start": true}'), '32, warm: true', 'that was named, too');
SELECT is(grown('few', '{"factors": 32, "warm_start": true}'), '32, warm: false', 'unless another is named');
SELECT is(grown('few', '{"warm_start": true}'), '32, warm: true', 'which is then kept');
SELECT is(grown('few', '{"warm_start": true}', 'amf'), '128, warm: false', 'but not by another algorithm');
SELECT is(grown('few', '{"warm_start": true}', 'amf'), '128, warm: true', 'which keeps its own');
SELECT is(grown('named'), '128, warm: false', 'nor by a training afresh');
SELECT is(grown('more_amf', '{"factors": 0, "warm_start": true}', 'amf'), '128, warm: true', '0 is as if unnamed');
SELECT is(grown('more_amf', '{"factors": 32, "promote": "always"}', 'amf'), '32, warm: false', 'a narrow one');
UPDATE many SET item_id = item_id + 100000 WHERE item_id > 100;
SELECT is(grown('more_amf', '{"warm_start": true, "promote": "always"}', 'amf'), '128, warm: false',
    'has the width that the items ask for where most of them are new: it starts afresh');
DELETE FROM many WHERE item_id % 2 = 0 AND item_id > 100;
SELECT is(grown('more', '{"warm_start": true, "promote": "always"}'), '64, warm: false',
    'with the width of as many items as there are');
SELECT is(
    recadv_estimate_memory(1000, items, 20000, a),
    recadv_estimate_memory(1000, items, 20000, a, jsonb_build_object('factors', width)),
    format('an estimate of %s for %s items knows the width', a, items))
FROM (VALUES ('als', 5000, 128), ('als', 5001, 256), ('bpr', 5000, 64), ('bpr', 5001, 128)) w(a, items, width);
SELECT fails(
    $$SELECT recadv_fit(user_id, item_id, '{"warm_start": true}') FROM orders$$,
    '22023',
    '%warm_start%',
    'the aggregate has nothing to start from');
SELECT works(
    $$SELECT recadv_train('pop', 'orders', algorithm => 'popularity',
          options => '{"warm_start": true}');
      SELECT recadv_train('pop', 'orders', algorithm => 'popularity',
          options => '{"warm_start": true}')$$,
    'popularity has nothing to carry over');

CREATE FUNCTION train_nmrn(model text, extra jsonb) RETURNS int LANGUAGE sql AS $$
    SELECT version FROM recadv_train(model, 'orders', algorithm => 'nmrn', time_column => 'at',
        options => '{"epochs": 1, "holdout": "none", "seed": 7}'::jsonb || extra)
$$;
-- one memory for all and one for each user: parts of one width, of other axes
SELECT train_nmrn('nmrn', '{"factors": 16, "slots": 1, "memory": "shared"}') \g /dev/null
SELECT train_nmrn('nmrn',
    '{"factors": 16, "slots": 1, "memory": "user", "warm_start": true}') \g /dev/null
SELECT is(
    recadv_info('nmrn') #>> '{training,warm_start}',
    'false',
    'nmrn with another memory starts afresh');
SELECT train_nmrn('nmrn',
    '{"factors": 16, "slots": 1, "memory": "user", "warm_start": true}') \g /dev/null
SELECT is(recadv_info('nmrn') #>> '{training,warm_start}', 'true', 'and with the same from there');
-- a width of one: accumulators per row and per element
SELECT train_nmrn('narrow', '{"factors": 1}') \g /dev/null
SELECT train_nmrn('narrow',
    '{"factors": 1, "optimizer": "adagrad", "warm_start": true}') \g /dev/null
SELECT is(
    recadv_info('narrow') #>> '{training,warm_start}',
    'false',
    'nmrn with other accumulators starts afresh');

-- a damaged version is no start
UPDATE m SET data = '\x00'
WHERE part = 'item' AND version = (recadv_model_status('m'::regclass)).version;
SELECT fails(
    $$SELECT train('m', 'orders', '{"warm_start": true, "factors": 5, "relative_epsilon": 0.1, "adv_epochs": 3}', 'amf')$$,
    'XX001',
    '%part "item"%',
    'a damaged version is an error');
SELECT works(
    $$SELECT train('m', 'orders', '{"factors": 5, "relative_epsilon": 0.1, "adv_epochs": 3}', 'amf')$$,
    'without a warm start it trains');

SELECT * FROM finish();
ROLLBACK;
