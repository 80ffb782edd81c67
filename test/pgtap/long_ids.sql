-- A row with an id that is too long is skipped, counted and named, and stops none of the others.
BEGIN;
\ir setup.psql
\ir clicks.psql
SELECT * FROM no_plan();

CREATE TABLE visits AS SELECT 'u' || user_id AS user_id, 'i' || item_id AS item_id, at FROM clicks;
CREATE TABLE sound AS TABLE visits;
CREATE TABLE bad (user_id text, item_id text, at timestamptz);
INSERT INTO bad VALUES (repeat('x', 1025), 'i1', '2020-01-03'), ('u1', repeat('ü', 513), '2020-01-03'),
    (repeat('x', 100000), repeat('y', 100000), '2020-01-03'), (repeat('z', 1025), NULL, '2020-01-03');

-- a training, in each form: the same model as without these rows
CREATE FUNCTION train(name text, source text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', users, items, interactions, null_rows)
    FROM recadv_train(name, source, time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":4,"epochs":1,"holdout":"none"}')
$$;
SELECT train('without', 'sound') AS without \gset
INSERT INTO visits TABLE bad;
SELECT is(train('m', 'visits'), regexp_replace(:'without', '0$', '1'), 'a training');
SELECT is(digest('m'), digest('without'), 'learns from the others as if they were not there');
SELECT is(recadv_info('m') #> '{training,unusable_ids}', '3', 'and counts them');
SELECT is(recadv_info('without') #> '{training,unusable_ids}', NULL, 'where there are any');
SELECT ok(recadv_has_user('u1', 'm') AND NOT recadv_has_user(repeat('x', 1025), 'm'), 'nobody has such an id');
SELECT is(
    (SELECT count(*) FROM recadv_image_topk((SELECT recadv_fit(user_id, item_id, at,
        '{"algorithm":"nmrn","factors":4,"epochs":1}') FROM visits), 'u1', 99, exclude_seen => false)),
    (SELECT count(DISTINCT item_id) FROM sound),
    'the aggregate');
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT is(
    (SELECT count(*) FROM recadv_image_topk((SELECT recadv_fit(user_id, item_id,
        '{"algorithm":"popularity"}'::jsonb) FROM visits), 'u1', 99, exclude_seen => false)),
    (SELECT count(DISTINCT item_id) FROM sound),
    'in parallel');
SELECT fails('SELECT train(''none'', ''bad'')', '22023', 'source "bad" has no interactions%', 'no other rows');
SELECT is(
    (SELECT users FROM recadv_evaluate('m', '(TABLE bad UNION ALL SELECT ''u1'', ''new'', NULL)')
     WHERE metric = 'MRR'),
    1::bigint,
    'an evaluation');
SELECT is(
    (SELECT sum(events) FROM recadv_evaluate_stream('visits', 'user_id', 'item_id', 'at',
        options => '{"factors":4,"epochs":1}')),
    (SELECT sum(events) FROM recadv_evaluate_stream('sound', 'user_id', 'item_id', 'at',
        options => '{"factors":4,"epochs":1}')),
    'of a stream');

-- a refresh
SELECT is((SELECT events FROM recadv_refresh('m', false)), 0::bigint, 'a refresh has nothing new');
INSERT INTO visits VALUES ('u1', 'i99', '2020-01-03'), (repeat('x', 1025), 'i1', '2020-01-03');
SELECT is(
    (SELECT row(events, new_users, new_items) FROM recadv_refresh('m', false)),
    row(1::bigint, 0::bigint, 1::bigint),
    'it learns the others');

-- the trigger
SELECT recadv_attach('m', on_error => 'error') \g /dev/null
INSERT INTO visits VALUES ('u2', 'i98', '2020-01-03'), (repeat('x', 1025), 'i1', '2020-01-03'),
    ('u3', repeat('y', 1025), '2020-01-03'), ('u4', 'i97', '2020-01-03');
SELECT is(
    (SELECT array_agg(part ORDER BY part) FROM m WHERE part LIKE 'event:%' OR part LIKE 'item:%'),
    '{event:u2,event:u4,item:i97,item:i98}',
    'an INSERT of several rows is observed but for these');
SELECT is(
    (SELECT row(events, observed) FROM recadv_refresh('m', false)),
    row(2::bigint, 2::bigint),
    'and learnt once');
SELECT recadv_detach('m') \g /dev/null
SELECT fails(
    format('SELECT recadv_observe(''m'', %L, ''i1'', ''2020-01-03'')', repeat('x', 1025)),
    '22001',
    'the user is longer than 1024 bytes',
    'a single event is refused');

-- what users have now
SELECT is(
    (SELECT count(*) FROM recadv_topk('u1', 999, 'm', seen => 'live')),
    (SELECT count(*) FROM recadv_topk('u1', 999, 'm')),
    'seen => live');
SELECT is(
    (SELECT count(*) FROM recadv_topk_all('m', 999, NULL::text[], seen => 'live')),
    (SELECT count(*) FROM recadv_topk_all('m', 999, NULL::text[])),
    'of all users');
SELECT is((SELECT count(*) FROM recadv_topk(repeat('x', 2000), 3, 'm', candidates => ARRAY['i1', repeat('y', 3000)])),
    1::bigint, 'questions with such ids');
SELECT * FROM finish();
ROLLBACK;
