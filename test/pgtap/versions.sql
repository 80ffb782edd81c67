-- Versions: retraining, keeping, rolling back, failures, transactions and the session's cache.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(seed int, keep int DEFAULT 2, model text DEFAULT 'm')
RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(
        model,
        'orders',
        algorithm => 'bpr',
        options => jsonb_build_object('factors', 4, 'epochs', 3, 'learning_rate', 0.1, 'holdout',
            'none', 'seed', seed, 'keep_versions', keep))
$$;
CREATE FUNCTION versions(model text DEFAULT 'm') RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format(
        $q$SELECT string_agg(DISTINCT version::text, ' ' ORDER BY version::text)
           FROM %s WHERE version > 0$q$,
        model))
$$;
CREATE FUNCTION parts(model text DEFAULT 'm') RETURNS text LANGUAGE sql AS $$
    SELECT value_of(format(
        $q$SELECT string_agg(DISTINCT n::text, ' ')
           FROM (SELECT count(*) AS n FROM %s WHERE version > 0 GROUP BY version) v$q$,
        model))
$$;
CREATE TABLE seeds AS SELECT s AS seed, NULL::text AS answers FROM generate_series(1, 9) s;
SELECT train(seed, 1, 'seed_' || seed) FROM seeds \g /dev/null
UPDATE seeds SET answers = answers('seed_' || seed);
CREATE FUNCTION serves(seed int, description text, model text DEFAULT 'm')
RETURNS text LANGUAGE sql AS $$
    SELECT is(answers(model), s.answers, description) FROM seeds s WHERE s.seed = serves.seed
$$;
SELECT is((SELECT count(DISTINCT answers) FROM seeds), 9::bigint, 'nine seeds give nine models');

-- keep_versions and rollback
SELECT is(train(1, 3), 1, 'the first version');
SELECT serves(1, 'serves');
SELECT is(train(2, 3), 2, 'the second');
SELECT serves(2, 'serves, though the session has the first in its cache');
SELECT is(train(3, 3), 3, 'the third');
SELECT is(train(4, 3), 4, 'the fourth');
SELECT is(versions(), '2 3 4', 'three versions are kept');
SELECT is(parts(), '13', 'each with all its rows');
SELECT is(recadv_rollback('m'), 3, 'back to the one that served before');
SELECT serves(3, 'which serves');
SELECT is((recadv_info('m') #>> '{options,seed}')::int, 3, 'and is the one shown');
SELECT is(recadv_rollback('m'), 2, 'further back');
SELECT serves(2, 'serves');
SELECT fails(
    $$SELECT recadv_rollback('m')$$,
    '42704',
    'model "m" has no version to return to%keep_versions%',
    'nothing is older');
SELECT serves(2, 'nothing changed');
SELECT is(recadv_rollback('m', 4), 4, 'forward by number');
SELECT serves(4, 'serves');
SELECT is(recadv_rollback('m', 4), 4, 'to where it is');
SELECT serves(4, 'is harmless');
SELECT fails(
    format('SELECT recadv_rollback(''m'', %s)', v),
    '42704',
    '%',
    format('there is no version %s', v))
FROM unnest('{1,5,0,-1,2147483647}'::int[]) v;
SELECT serves(4, 'still the same');
SELECT is(recadv_rollback('m', 2), 2, 'back again');
SELECT is(train(5, 2), 5, 'the number after a rollback is a new one');
SELECT serves(5, 'the new version serves');
SELECT is(
    versions(),
    '2 5',
    'fewer are kept from now on: the new one and the one that served before it');
SELECT is(recadv_rollback('m'), 2, 'so that a bad training can be undone');
SELECT serves(2, 'by what was good');
SELECT is(recadv_rollback('m', 5), 5, 'or done again');
SELECT is(train(6, 1), 6, 'only one');
SELECT is(versions(), '6', 'is kept');
SELECT fails($$SELECT recadv_rollback('m')$$, '42704', '%', 'there is no way back');
SELECT is(train(7, 1000), 7, 'as many as possible');
SELECT is(versions(), '6 7', 'what is gone is gone');
SELECT results_eq(
    $$SELECT run, version, status FROM recadv_runs('m')$$,
    $$SELECT n, n, 'succeeded' FROM generate_series(1, 7) n$$,
    'the log knows them all');

-- versions of different shape, algorithm and id type
SELECT train(1, 9, 'mixed') \g /dev/null
SELECT recadv_train(
    'mixed',
    $$(SELECT 'u' || user_id AS user_id, 'i' || item_id AS item_id
       FROM orders WHERE item_id < 20)$$,
    algorithm => 'amf',
    options => '{"factors":7,"epochs":2,"adv_epochs":2,"seed":1,"keep_versions":9,'
               '"promote":"always"}') \g /dev/null
SELECT ok(
    recadv_has_user('u1', 'mixed') AND NOT recadv_has_user('1', 'mixed'),
    'a version with text ids');
SELECT recadv_train('mixed', 'orders', algorithm => 'popularity',
    options => '{"holdout":"none","keep_versions":9,"promote":"always"}') \g /dev/null
SELECT ok(recadv_has_user(1, 'mixed'), 'one of popularity alone');
SELECT recadv_save(
    'mixed',
    recadv_fit(
        user_id,
        item_id,
        '{"algorithm":"bpr","factors":4,"epochs":3,"learning_rate":0.1,"holdout":"none","seed":9,'
        '"keep_versions":9}'))
FROM orders \g /dev/null
SELECT serves(9, 'one from an image', 'mixed');
SELECT is(recadv_rollback('mixed', 2), 2, 'back to text');
SELECT ok(
    recadv_has_user('u1', 'mixed') AND NOT recadv_has_user('1', 'mixed'),
    'has text ids again');
SELECT is(recadv_rollback('mixed', 1), 1, 'back to the first');
SELECT serves(1, 'gives what it gave', 'mixed');

-- a failed retrain changes nothing
SELECT train(1, 2, 'steady') \g /dev/null
CREATE TABLE before AS SELECT version, part, block, md5(data) AS data FROM steady;
SELECT fails(
    format('SELECT recadv_train(''steady'', %L, algorithm => ''bpr'', options => %L)', s, o),
    e,
    '%',
    d)
FROM (VALUES
    ('nowhere', '{"factors":4,"epochs":3}', '42P01', 'retraining without a source fails'),
    ('(SELECT user_id, item_id FROM orders WHERE false)', '{"factors":4,"epochs":3}', '22023',
     'retraining without rows fails'),
    ('(SELECT user_id / (user_id - 30) AS user_id, item_id FROM orders)',
     '{"factors":4,"epochs":3}', '22012', 'retraining from a query with an error fails'),
    ('orders',
     '{"factors":4,"epochs":30,"optimizer":"sgd","learning_rate":1000,"regularization":1000}',
     '22003', 'retraining with an exploding rate fails'),
    ('orders', '{"factors":-1}', '22023', 'retraining with a wrong option fails')) v(s, o, e, d);
SELECT serves(1, 'the old version serves', 'steady');
SELECT bag_eq(
    'SELECT version, part, block, md5(data) FROM steady',
    'TABLE before',
    'no row has changed');

-- a transaction that rolls back, as seen by the session that has cached its model
SELECT train(1, 5, 'tx') \g /dev/null
SELECT serves(1, 'version 1 serves', 'tx');
SAVEPOINT a;
SELECT train(2, 5, 'tx') \g /dev/null
SELECT answers('tx') = (SELECT answers FROM seeds WHERE seed = 2) AS seen_2 \gset
ROLLBACK TO a;
SELECT ok(:'seen_2', 'version 2 serves within its transaction');
SELECT serves(1, 'after ROLLBACK TO the first serves again', 'tx');
SAVEPOINT b;
SELECT train(3, 5, 'tx') \g /dev/null
SELECT answers('tx') = (SELECT answers FROM seeds WHERE seed = 3) AS seen_3 \gset
SAVEPOINT c;
SELECT train(4, 5, 'tx') \g /dev/null
SELECT answers('tx') = (SELECT answers FROM seeds WHERE seed = 4) AS seen_4 \gset
ROLLBACK TO c;
SELECT answers('tx') = (SELECT answers FROM seeds WHERE seed = 3) AS seen_3_again \gset
RELEASE b;
SELECT ok(:'seen_3' AND :'seen_4' AND :'seen_3_again', 'nested savepoints: each sees its own');
SELECT is(versions('tx'), '1 2', 'the number of a version rolled back is used again');
SELECT serves(3, 'with the content of the one that stayed', 'tx');
SAVEPOINT d;
SELECT recadv_rollback('tx') \g /dev/null
SELECT answers('tx') = (SELECT answers FROM seeds WHERE seed = 1) AS back \gset
ROLLBACK TO d;
SELECT ok(:'back', 'a rollback to version 1');
SELECT serves(3, 'can be rolled back', 'tx');
SAVEPOINT e;
DROP TABLE tx;
SELECT train(5, 5, 'tx') \g /dev/null
SELECT answers('tx') = (SELECT answers FROM seeds WHERE seed = 5) AS remade \gset
ROLLBACK TO e;
SELECT ok(:'remade', 'a model dropped and made anew');
SELECT serves(3, 'and brought back', 'tx');
SAVEPOINT f;
ALTER TABLE tx RENAME TO other;
ALTER TABLE seed_8 RENAME TO tx;
SELECT answers('tx') = (SELECT answers FROM seeds WHERE seed = 8)
    AND answers('other') = (SELECT answers FROM seeds WHERE seed = 3) AS renamed \gset
ROLLBACK TO f;
SELECT ok(:'renamed', 'models that exchange names');
SELECT serves(3, 'and get them back', 'tx');
SAVEPOINT g;
TRUNCATE tx;
SELECT error_of($$SELECT recadv_topk(1, 1, 'tx')$$) LIKE '55000%' AS truncated \gset
ROLLBACK TO g;
SELECT ok(:'truncated', 'a truncated model has not been trained yet');
SELECT serves(3, 'unless that is undone', 'tx');
-- an error inside of a block of PL/pgSQL
DO $$
BEGIN
    PERFORM train(6, 5, 'tx');
    IF answers('tx') <> (SELECT answers FROM seeds WHERE seed = 6) THEN
        RAISE 'version not seen';
    END IF;
    RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
    NULL;
END $$;
SELECT serves(3, 'an exception takes the training with it', 'tx');

-- one statement uses one snapshot: a training in it is seen by the next
SELECT is(
    (WITH t AS MATERIALIZED (SELECT train(7, 5, 'tx') AS v)
     SELECT a FROM t, LATERAL (SELECT answers('tx') WHERE v > 0) s(a)),
    (SELECT answers FROM seeds WHERE seed = 3),
    'a statement does not see the training that it does');
SELECT serves(7, 'the next one does', 'tx');

-- several trainings in one statement
SELECT is(
    (SELECT string_agg(train(s, 9, 'several')::text, ' ' ORDER BY s) FROM generate_series(1, 4) s),
    '1 2 3 4',
    'four trainings in one statement');
SELECT serves(4, 'the last one serves', 'several');

-- cached versions of several models do not mix, however little room there is
SET recadv.cache_size = 1;
SELECT serves(s, format('model %s of many with a tiny cache', s), 'seed_' || s)
FROM generate_series(1, 9) s;
RESET recadv.cache_size;
SELECT is(
    (SELECT count(*)
     FROM generate_series(1, 60) u,
          seeds s,
          LATERAL (SELECT recadv_score(u, item, 'seed_' || s.seed) AS again, score
                   FROM recadv_topk(u, 2, 'seed_' || s.seed)) x
     WHERE again <> score),
    0::bigint,
    'models used by turns');

SELECT * FROM finish();
ROLLBACK;
