-- An image for every group that has rows, the same for the same rows; metrics of those who have any.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE sales AS
SELECT g AS region, u AS user_id, i AS item_id, timestamptz '2020-01-01' + u * interval '1 hour' AS at
FROM generate_series(1, 2) g, generate_series(1, 20) u, generate_series(1, 10) i
WHERE (u + i + g) % 3 = 0;
INSERT INTO sales VALUES (3, 1, 1, now()),                                       -- one row
    (4, 1, 1, now()), (4, 2, 1, now()), (4, 3, 1, now()),                        -- one item
    (5, 1, 1, now()), (5, 1, 2, now()),                                          -- one user
    (6, 1, 1, now()), (6, 1, 2, now()), (6, 2, 1, now()), (6, 2, 2, now()),      -- all have all
    (7, 1, 1, now()), (7, 2, 2, now()),
    (8, NULL, 1, now()), (9, NULL, NULL, NULL);
CREATE FUNCTION algorithm_of(image bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_save('looked_at', image);
    RETURN recadv_info('looked_at') ->> 'algorithm';
END $$;
CREATE FUNCTION images(options jsonb)
RETURNS TABLE (region int, image bytea) LANGUAGE sql AS $$
    SELECT s.region, recadv_fit(user_id, item_id, at, options) FROM sales s GROUP BY s.region
$$;
SELECT is(
    (SELECT string_agg(region || ':' || CASE WHEN image IS NULL THEN 'none'
                                             ELSE recadv_test.algorithm_of(image) END, ' '
                       ORDER BY region)
     FROM images(options)),
    replace('1:x 2:x 3:popularity 4:popularity 5:popularity 6:popularity 7:x 8:none 9:none', 'x',
            options ->> 'algorithm'),
    options ->> 'algorithm')
FROM unnest('{"{\"algorithm\":\"amf\",\"factors\":4,\"epochs\":2,\"adv_epochs\":1}",
              "{\"algorithm\":\"bpr\",\"factors\":4,\"epochs\":2,\"holdout\":\"none\"}",
              "{\"algorithm\":\"nmrn\",\"factors\":4,\"epochs\":1}",
              "{\"algorithm\":\"nmrn_gan\",\"factors\":4,\"epochs\":1}",
              "{\"algorithm\":\"popularity\"}"}'::jsonb[]) options;
SELECT is(
    (SELECT string_agg(region || ':' || (SELECT count(*)
                                         FROM recadv_image_topk(image, 1, 10, exclude_seen => false))
                       || '/' || (SELECT count(*) FROM recadv_image_topk(image, 1, 10)), ' '
                       ORDER BY region)
     FROM images('{"algorithm":"amf","factors":4,"epochs":2,"adv_epochs":1}') WHERE image IS NOT NULL),
    '1:10/6 2:10/7 3:1/0 4:1/0 5:2/0 6:2/0 7:2/1',
    'all answer; who has everything gets nothing new');
SELECT is(
    (SELECT count(*)
     FROM images('{"algorithm":"amf","factors":4,"epochs":1,"adv_epochs":1}'), LATERAL recadv_save('r' || region, image)
     WHERE image IS NOT NULL),
    7::bigint,
    'all can be saved');

-- the same rows, the same bytes
SELECT is(
    (SELECT count(DISTINCT image)
     FROM (SELECT recadv_fit(user_id, item_id, at, options) AS image FROM sales WHERE region = 1
           UNION ALL
           SELECT recadv_fit(user_id, item_id, at, options ORDER BY noise(sales::text))
           FROM sales WHERE region = 1
           UNION ALL
           SELECT recadv_fit(user_id, item_id, at, options) FROM sales, pg_sleep(0.01)
           WHERE region = 1) x),
    1::bigint,
    'the same image: ' || options::text)
FROM unnest('{"{\"algorithm\":\"amf\",\"factors\":4,\"epochs\":2,\"adv_epochs\":1}",
              "{\"algorithm\":\"nmrn\",\"factors\":4,\"epochs\":1}",
              "{\"algorithm\":\"popularity\"}"}'::jsonb[]) options;
SELECT is(
    (SELECT count(seconds) FROM recadv_history('r1')),
    0::bigint,
    'images know no times of day');
SELECT ok(trained > now() - interval '1 hour', 'what is saved knows when it was saved')
FROM recadv_models WHERE name = 'r1';

-- AUC is of users who have something to order
SELECT recadv_train('m', 'sales', algorithm => 'popularity', options => '{"holdout":"none"}') \g /dev/null
CREATE FUNCTION metric(source text, metric text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(', ', round(value::numeric, 4), users) FROM recadv_evaluate('m', source) e
    WHERE e.metric = metric.metric AND coalesce(k, 10) = 10
$$;
SELECT recadv_train('m', '(SELECT u AS user_id, i AS item_id FROM generate_series(1, 3) u, generate_series(1, 6) i WHERE i <= u + 1)',
    algorithm => 'popularity', options => '{"holdout":"none","promote":"always"}') \g /dev/null
-- user 3 has had 1 to 4, which are all there are: nothing is left to order but what is unknown
SELECT is(metric('(SELECT 3 AS user_id, 99 AS item_id)', 'AUC'), '0', 'nobody has: no AUC');
SELECT is(metric('(SELECT 3 AS user_id, 99 AS item_id)', 'HR'), '0.0000, 1', 'the others count');
SELECT is(metric('(SELECT 1 AS user_id, unnest(''{3,4}''::int[]) AS item_id)', 'AUC'), '0',
    'all candidates are relevant');
SELECT is(
    metric('(SELECT * FROM (VALUES (1, 3), (1, 4), (1, 99), (2, 99), (2, 4), (3, 99)) t (user_id, item_id))', 'MAP'),
    '0.3889, 3',
    'three users');
SELECT is(
    metric('(SELECT * FROM (VALUES (1, 3), (2, 99)) t (user_id, item_id))', 'AUC'),
    '0.5000, 2',
    'two users with others');
SELECT is(
    metric('(SELECT * FROM (VALUES (1, 3), (2, 99), (3, 99)) t (user_id, item_id))', 'AUC'),
    '0.5000, 2',
    'one without leaves the mean as it is');

-- one column for both
SELECT fails(
    format(statement, 'sales', 'user_id', 'user_id'),
    '22023',
    'column "user_id" of source "sales" is given for both users and items | Name two columns %',
    statement)
FROM unnest(ARRAY['SELECT recadv_train(''m'', %L, %L, %L)',
                  'SELECT recadv_evaluate(''m'', %L, %L, %L)',
                  'SELECT recadv_robustness(''r1'', ARRAY[0.5], %L, %L, %L)',
                  'SELECT recadv_evaluate_stream(%L, %L, %L, ''at'')']) statement;
-- items of one interaction, users of one item
SELECT is(
    (SELECT row(users, items)
     FROM recadv_train('m', '(SELECT u AS user_id, u AS item_id FROM generate_series(1, 20) u)',
        algorithm => 'amf', options => '{"factors":4,"epochs":2,"adv_epochs":1}')),
    row(20::bigint, 20::bigint),
    'items of one interaction');
SELECT is((SELECT count(*) FROM recadv_topk(1, 50, 'm')), 19::bigint, 'can be recommended');
SELECT * FROM finish();
ROLLBACK;
