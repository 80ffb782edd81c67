-- What serves has learnt every interaction: those held out for validation, too.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

-- a product that came out this month is the latest purchase of all its buyers, which holdout takes
CREATE TABLE shop AS
SELECT DISTINCT ON (u, i) u AS user_id, u % 10 * 20 + i AS item_id,
       timestamptz '2026-01-01' + k * interval '1 hour' AS at
FROM generate_series(0, 599) u,
     generate_series(1, 8) k,
     LATERAL (SELECT 1 + (u * 7 + k * k * 3 + u / 10 * k) % 20 AS i) x;
INSERT INTO shop SELECT u, 1000 + u % 10, timestamptz '2026-02-01' FROM generate_series(0, 499) u;

-- of those who have not bought the new product of their taste, how many get it among the first ten
CREATE FUNCTION found(model text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM generate_series(500, 599) u, LATERAL recadv_topk(u, 10, model)
    WHERE item = 1000 + u % 10
$$;
CREATE TABLE trained AS
SELECT t.*
FROM unnest('{bpr,amf}'::text[]) a,
     unnest('{auto,none}'::text[]) h,
     LATERAL recadv_train(a || '_' || h, 'shop', time_column => 'at', algorithm => a,
         options => jsonb_build_object('holdout', h)) t;
SELECT is(found(model), 100::bigint, model || ' recommends the newest products') FROM trained;
SELECT ok(ndcg IS NOT NULL, model || ': validated') FROM trained WHERE model LIKE '%auto';
SELECT ok(
    (SELECT (recadv_info(model) ->> 'held_out')::int > certain
            AND (recadv_info(model) ->> 'held_out')::int < certain + possible
     FROM (SELECT count(*) FILTER (WHERE n >= 5) AS certain,
                  count(*) FILTER (WHERE n BETWEEN 2 AND 4) AS possible
           FROM (SELECT count(*) AS n FROM shop GROUP BY user_id) u) c),
    model || ': one interaction of each user with five or more was held out, and of some with fewer')
FROM trained WHERE model LIKE '%auto';

-- a test on what was held out would be one on what was learnt
CREATE TABLE latest AS
SELECT DISTINCT ON (user_id) user_id, item_id FROM shop ORDER BY user_id, at DESC, item_id DESC;
SELECT throws_like(
    format('SELECT recadv_evaluate(%L, ''latest'')', model),
    'no row of the test source can be evaluated',
    model || ': those are no test')
FROM trained;

-- what is popular is counted over all of them
SELECT recadv_train('popular', 'shop', time_column => 'at', algorithm => 'popularity') \g /dev/null
SELECT is(
    (SELECT sum(popularity) FROM recadv_popularity('popular')),
    (SELECT count(*)::float8 FROM shop),
    'popularity counts what is held out');
SELECT throws_like(
    $$SELECT recadv_evaluate('popular', 'latest')$$,
    'no row of the test source can be evaluated',
    'popularity: those are no test');
CREATE TABLE counted AS
SELECT recadv_fit(user_id, item_id, '{"algorithm": "popularity"}') AS image FROM shop;
SELECT recadv_save('image', image) FROM counted \g /dev/null
SELECT throws_like(
    $$SELECT recadv_evaluate('image', 'latest')$$,
    'no row of the test source can be evaluated',
    'nor of an image');

-- a warm start learns them, too
SELECT is(
    (recadv_train('bpr_auto', 'shop', time_column => 'at', algorithm => 'bpr',
        options => '{"warm_start":true}')).version,
    2,
    'warm');
SELECT is(found('bpr_auto'), 100::bigint, 'after a warm start');

SELECT * FROM finish();
ROLLBACK;
