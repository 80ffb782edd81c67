-- What a session keeps, what recadv_cache shows of it, and when it goes.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

-- sessions of a server that shares its cache have only the small part of their own
CREATE TABLE size AS
SELECT CASE WHEN current_setting('recadv.shared_cache_size', true) IS NULL THEN 'backend'
            ELSE 'shared' END AS place;
CREATE FUNCTION train(model text, seed int DEFAULT 7) RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model,
        '(SELECT n % 50 AS user_id, n * 7919 % 9000 AS item_id FROM generate_series(1, 20000) n)',
        algorithm => 'bpr',
        options => format('{"factors":16,"epochs":1,"holdout":"none","seed":%s}', seed)::jsonb)
$$;
CREATE FUNCTION kept() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(model || ' ' || version, ', ' ORDER BY model::text)
    FROM recadv_cache, size WHERE items AND location = place
$$;
SELECT train(m) FROM unnest('{one,two,three}'::text[]) m \g /dev/null

SELECT is(kept(), NULL, 'nothing is kept before the first use');
SELECT recadv_topk(1, 3, 'one') \g /dev/null
SELECT is(kept(), 'one 1', 'a model is kept on first use');
SELECT cmp_ok(
    (SELECT max(bytes) FROM recadv_cache),
    '>',
    9000 * 16 * 4::bigint,
    'with its item side');
SELECT cmp_ok(
    (SELECT max(bytes) FROM recadv_cache),
    '<',
    9000 * 16 * 4 * 14 / 10::bigint,
    'and little more');
SELECT * FROM recadv_topk(1, 3, 'one') \g /dev/null
SELECT recadv_score(1, 1, 'one') \g /dev/null
SELECT is(
    (SELECT hits FROM recadv_cache, size WHERE location = place),
    2::bigint,
    'two later calls found it');
SELECT recadv_topk(1, 3, 'two') \g /dev/null
SELECT is(kept(), 'one 1, two 1', 'and another');

-- versions
SELECT train('one', 8) \g /dev/null
SELECT recadv_topk(1, 3, 'one') \g /dev/null
SELECT ok(kept() LIKE '%one 2%', 'a new version is kept');
CREATE TABLE second AS SELECT * FROM recadv_topk(1, 3, 'one');
SAVEPOINT before;
SELECT train('one', 9) \g /dev/null
SELECT ok(
    (SELECT array_agg(t::text) FROM recadv_topk(1, 3, 'one') t)
        IS DISTINCT FROM (SELECT array_agg(t::text) FROM second t),
    'a third one answers differently');
ROLLBACK TO before;
SELECT bag_eq(
    $$SELECT * FROM recadv_topk(1, 3, 'one')$$,
    'TABLE second',
    'after a rollback the second one serves');

-- rights
CREATE ROLE recadv_test_reader;
GRANT SELECT ON one TO recadv_test_reader;
GRANT SELECT ON size TO PUBLIC;
SET LOCAL ROLE recadv_test_reader;
SELECT is(
    (SELECT string_agg(DISTINCT model::text, ',') FROM recadv_cache),
    'one',
    'the view shows what the caller may read');
SELECT lives_ok($$SELECT recadv_topk(1, 3, 'one')$$, 'a cached model with the right to read it');
RESET ROLE;
REVOKE SELECT ON one FROM recadv_test_reader;
SET LOCAL ROLE recadv_test_reader;
SELECT throws_ok(
    $$SELECT recadv_topk(1, 3, 'one')$$,
    '42501',
    NULL,
    'and not without, cached or not');
SELECT throws_ok($$SELECT recadv_topk_all('one')$$, '42501', NULL, 'recadv_topk_all neither');
SELECT is((SELECT count(*) FROM recadv_cache), 0::bigint, 'the view shows it no more');
RESET ROLE;

-- two models of one name
CREATE SCHEMA other;
SELECT train('other.two', 11) \g /dev/null
SELECT recadv_topk(1, 3, 'other.two') \g /dev/null
SELECT ok(
    (SELECT array_agg(t::text) FROM recadv_topk(1, 9, 'other.two') t)
        IS DISTINCT FROM (SELECT array_agg(t::text) FROM recadv_topk(1, 9, 'two') t),
    'models of one name in two schemas are two');

-- a dropped model goes
DROP TABLE other.two;
SELECT is(
    (SELECT count(*) FROM recadv_cache WHERE model::text NOT IN ('one', 'two', 'three')),
    0::bigint,
    'a dropped model is gone');

-- a cursor keeps what it has
DECLARE open_cursor CURSOR FOR SELECT * FROM recadv_topk(1, 5, 'three');
FETCH 2 FROM open_cursor \g /dev/null
SELECT train('three', 12) \g /dev/null
SELECT recadv_topk(1, 3, 'three') \g /dev/null
FETCH 1 FROM open_cursor \g /dev/null
CLOSE open_cursor;
SELECT pass('a cursor outlives a new version');

-- size of the session's cache; a shared one has its own
CREATE FUNCTION mine() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(model::text, ', ' ORDER BY model::text)
    FROM recadv_cache WHERE items AND location = 'backend'
$$;
SELECT CASE WHEN place = 'backend' THEN '2MB' ELSE '64MB' END AS room FROM size \gset
CREATE TABLE answers_before AS
SELECT m, t.*
FROM unnest('{one,two,three}'::text[]) m, LATERAL recadv_topk(2, 20, m) t;
SET recadv.cache_size = :'room';
SELECT recadv_topk(1, 3, m) FROM unnest('{one,two,three}'::text[]) m \g /dev/null
SELECT recadv_topk(1, 3, 'two') \g /dev/null
SELECT is(
    (SELECT sum(bytes) <= pg_size_bytes(:'room') FROM recadv_cache WHERE location = 'backend'),
    true,
    'the session keeps no more than recadv.cache_size');
SELECT is(
    mine(),
    (SELECT CASE place WHEN 'backend' THEN 'three, two' END FROM size),
    'what was used least recently goes');
SET recadv.cache_size = 0;
SELECT bag_eq(
    $$SELECT m, t.* FROM unnest('{one,two,three}'::text[]) m, LATERAL recadv_topk(2, 20, m) t$$,
    'TABLE answers_before',
    'cache_size 0 gives the same');
SELECT recadv_topk(1, 3, 'one') \g /dev/null
SELECT is(
    (SELECT count(*) FROM recadv_cache WHERE location = 'backend'),
    0::bigint,
    'and keeps nothing');
SET recadv.cache_size = '300kB';
SELECT bag_eq(
    $$SELECT m, t.* FROM unnest('{one,two,three}'::text[]) m, LATERAL recadv_topk(2, 20, m) t$$,
    'TABLE answers_before',
    'models larger than the cache answer the same');
SELECT is(mine(), NULL, 'and are not kept');
SET recadv.cache_size = :'room';
SELECT recadv_topk(1, 3, m) FROM unnest('{one,two,three}'::text[]) m \g /dev/null
SELECT is(
    (SELECT sum(bytes) <= pg_size_bytes(:'room') FROM recadv_cache WHERE location = 'backend'),
    true,
    'no more than recadv.cache_size after it was raised');

SELECT * FROM finish();
ROLLBACK;
