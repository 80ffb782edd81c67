-- recadv_forget(): nothing of a user is left in a model, and nothing of the others is lost.
BEGIN;
\ir setup.psql
\ir clicks.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(algorithm text, options jsonb DEFAULT '{}') RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train('m', 'clicks', time_column => 'at', algorithm => train.algorithm,
        options => '{"factors":8,"epochs":1,"keep_versions":3,"lateness":1e9}' || options)
$$;
CREATE FUNCTION train_any(algorithm text) RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train('m', 'clicks', time_column => 'at', algorithm => train_any.algorithm,
        options => options_of(algorithm, '{"factors":8,"epochs":1,"adv_epochs":1,"keep_versions":3,"lateness":1e9}'))
$$;
-- all answers for users other than these
CREATE FUNCTION others(VARIADIC gone int[]) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(t::text, ' ' ORDER BY t::text))
    FROM recadv_topk_all('m', 5, NULL::bigint[]) t WHERE t.user_id <> ALL (gone)
$$;
CREATE FUNCTION sees(u int) RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM recadv_topk(u, 99, 'm'));

-- every algorithm; the first, one in the middle, the last
CREATE FUNCTION forgets(algorithm text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    u int;
    before text;
    seen bigint;
    held bigint;
    left_over bigint := 40;
BEGIN
    DROP TABLE IF EXISTS m;
    PERFORM train_any(algorithm);
    FOREACH u IN ARRAY '{1,17,33,40}'::int[] LOOP
        before := others(1, 17, 33, 40);
        seen := sees(u + CASE WHEN u = 40 THEN -1 ELSE 1 END);
        held := (recadv_info('m') ->> 'held_out')::bigint;
        RETURN NEXT is(
            recadv_forget('m', u)::text,
            format('(1,%s,0,0)', (SELECT count(*) FROM clicks WHERE user_id = u)),
            format('%s: user %s', algorithm, u));
        left_over := left_over - 1;
        RETURN NEXT ok(NOT recadv_has_user(u, 'm'), 'is gone');
        RETURN NEXT is(others(1, 17, 33, 40), before, 'the others are as they were');
        RETURN NEXT is(sees(u + CASE WHEN u = 40 THEN -1 ELSE 1 END), seen, 'with what they had');
        RETURN NEXT is((recadv_info('m') ->> 'users')::bigint, left_over, 'the header counts them');
        RETURN NEXT is(
            (recadv_info('m') ->> 'interactions')::bigint,
            (SELECT count(*) FROM clicks WHERE recadv_has_user(user_id, 'm')),
            'and their interactions');
        RETURN NEXT ok(
            NOT EXISTS (SELECT FROM recadv_topk_all('m', 1, NULL::bigint[]) t WHERE t.user_id = u),
            'in no list');
        IF error_of($q$SELECT recadv_embeddings('m', 'user', NULL::int[])$q$) IS NULL THEN
            RETURN NEXT is(
                (SELECT count(*) FROM recadv_embeddings('m', 'user', NULL::int[])),
                left_over,
                'in no list of embeddings');
        END IF;
        RETURN NEXT is(
            value_of($q$SELECT sum(users) FROM recadv_evaluate('m', '(SELECT user_id, 999 AS item_id FROM clicks)')
                WHERE metric = 'MRR'$q$),
            left_over::text,
            'an evaluation reads all pieces');
    END LOOP;
    RETURN NEXT is(recadv_forget('m', 17)::text, '(0,0,0,0)', 'nobody is left to forget');
    RETURN NEXT is(
        (SELECT count(*) FROM held('m')),
        (recadv_info('m') ->> 'held_out')::bigint,
        'held-out interactions are counted');
END $$;
SELECT forgets(a) FROM algorithms() a;

-- users who came since the training, all versions, events, rollback
DROP TABLE m;
SELECT train('nmrn') \g /dev/null
INSERT INTO clicks VALUES (101, 1, '2020-01-03'), (102, 2, '2020-01-03'), (103, 3, '2020-01-03');
SELECT is((SELECT new_users FROM recadv_refresh('m')), 3::bigint, 'three new users');
SELECT train('nmrn') \g /dev/null
INSERT INTO clicks VALUES (104, 1, '2020-01-03'), (105, 2, '2020-01-03'), (106, 3, '2020-01-03');
SELECT is((SELECT new_users FROM recadv_refresh('m')), 3::bigint, 'and three more');
SELECT recadv_observe('m', 102, 5), recadv_observe('m', 102, 6), recadv_observe('m', 103, 6),
       recadv_observe('m', 555, 6) \g /dev/null
SELECT is(recadv_forget('m', 102)::text, '(2,1,2,0)', 'a user of two versions, with events');
SELECT is(recadv_forget('m', 555)::text, '(0,0,1,0)', 'one who was observed alone');
SELECT is(
    (SELECT array_agg(part ORDER BY part) FROM m WHERE part LIKE 'event:%'),
    '{event:103}',
    'events of others stay');
SELECT is(recadv_forget('m', 105)::text, '(1,1,0,0)', 'one of the new ones');
SELECT others(102, 105) AS before \gset
SELECT is(
    (SELECT string_agg(u::text, ' ' ORDER BY u) FROM generate_series(1, 600) u
     WHERE recadv_has_user(u, 'm') AND u > 40),
    '101 103 104 106',
    'who is left');
DELETE FROM clicks WHERE user_id IN (102, 105);
SELECT is(
    (SELECT row(events, new_users) FROM recadv_refresh('m')),
    row(1::bigint, 0::bigint),
    'a refresh learns the event of another, and none twice');
SELECT recadv_rollback('m') \g /dev/null
SELECT ok(NOT recadv_has_user(102, 'm'), 'a rollback does not bring the user back');
SELECT ok(recadv_has_user(103, 'm') AND recadv_has_user(101, 'm'), 'the others are there');
SELECT is((SELECT events FROM recadv_refresh('m')), 2::bigint,
    'a refresh learns what this version has not had');
SELECT train('nmrn') \g /dev/null
SELECT ok(NOT recadv_has_user(102, 'm'), 'nor does a training, once the rows are gone');

-- no byte of the id
CREATE TABLE visits AS
SELECT md5('visitor' || user_id) AS user_id, item_id, at FROM clicks;
SELECT recadv_train('v', 'visits', time_column => 'at', algorithm => 'nmrn',
    options => '{"factors":4,"epochs":1}') \g /dev/null
SELECT recadv_observe('v', md5('visitor5'), '7'), recadv_observe('v', md5('visitor6'), '7') \g /dev/null
CREATE FUNCTION mentions(id text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM v WHERE position(convert_to(id, 'UTF8') IN data) > 0 OR position(id IN part) > 0
$$;
SELECT ok(mentions(md5('visitor5')) > 1, 'a text is found in the bytes');
SELECT is(
    recadv_forget('v', md5('visitor5'))::text,
    format('(1,%s,1,0)', (SELECT count(*) FROM visits WHERE user_id = md5('visitor5'))),
    'before it is forgotten');
SELECT is(mentions(md5('visitor5')), 0::bigint, 'not after');
SELECT ok(mentions(md5('visitor6')) > 1, 'that of another is');

-- in any spelling
SELECT recadv_train('uuids',
    $$(SELECT md5('visitor' || user_id)::uuid AS user_id, item_id FROM clicks)$$,
    algorithm => 'popularity') \g /dev/null
SELECT is((recadv_forget('uuids', upper(md5('visitor7')))).versions, 1, 'a uuid in upper case');
SELECT is((recadv_forget('uuids', 7)).versions, 0, 'a number is no uuid');
SELECT is((recadv_forget('m', '7')).versions, 3, 'a text that is an integer');
SELECT is((recadv_forget('m', 'x')).versions, 0, 'a text that is none');

-- the last of all
SELECT recadv_train('one', '(SELECT 1 AS user_id, i AS item_id FROM generate_series(1, 3) i)',
    algorithm => 'popularity') \g /dev/null
SELECT is((recadv_forget('one', 1)).interactions, 3::bigint, 'the only user');
SELECT is((SELECT count(*) FROM recadv_topk(1, 9, 'one')), 3::bigint, 'the model serves strangers');
SELECT is((SELECT count(*) FROM recadv_topk_all('one', 9, NULL::bigint[])), 0::bigint, 'and nobody else');

-- who may, and when
CREATE ROLE recadv_test_reader;
GRANT SELECT ON m TO recadv_test_reader;
SELECT fails('SELECT recadv_forget(''m'', 1)', '42501', 'must be owner of table m', 'not a reader',
    'recadv_test_reader');
SELECT fails('SELECT recadv_forget(''nothing'', 1)', '42P01', '%', 'no such model');
SELECT fails('SELECT recadv_forget(NULL, 1)', '22004', '%model%', 'no model');
SELECT fails('SELECT recadv_forget(''m'', NULL::bigint)', '22004', '%user_id%', 'no user');
SELECT fails('SELECT recadv_forget(''clicks'', 1)', '42809', '"clicks" is not a model%', 'no model');
SELECT * FROM finish();
ROLLBACK;
