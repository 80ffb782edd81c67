-- recadv_evaluate_stream: each event is ranked before it is learnt, and knows of nothing later.
-- recadv_memory: what slots stand for.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

-- Ten groups of tastes; half of the users appear late, some items too; users come back to their
-- taste.
CREATE TABLE visits AS
SELECT u AS user_id, (u % 10) * 20 + (noise('i' || u || '/' || n) % 20)::int AS item_id,
       timestamptz '2020-01-01' + interval '1 second' *
           (n * 60 + (u / 50) * 4000 + noise('t' || u || '/' || n) % 3600) AS created_at
FROM generate_series(0, 99) u, generate_series(1, 30) n;
DELETE FROM visits WHERE item_id % 20 = 7 AND created_at < '2020-01-01 01:00';

CREATE FUNCTION measure(source text, algorithm text DEFAULT 'nmrn', size int DEFAULT 100,
    warmup float8 DEFAULT 0.5)
RETURNS TABLE (number int, until timestamptz, events bigint, ranked bigint, repeats bigint,
    new_users bigint, new_items bigint, hr float8, ndcg float8, mrr float8)
LANGUAGE sql AS $$
    SELECT window_number, until::timestamptz, events, ranked, repeats,
           new_users, new_items, hr, ndcg, mrr
    FROM recadv_evaluate_stream(
        source,
        algorithm => algorithm,
        warmup => warmup,
        window_size => size,
        options => CASE WHEN algorithm LIKE 'nmrn%' THEN '{"factors":16,"epochs":3}'
                        WHEN algorithm = 'popularity' THEN '{}'
                        ELSE '{"factors":16,"epochs":20}' END::jsonb)
$$;
CREATE TABLE whole AS SELECT * FROM measure('visits');

SELECT is(
    (SELECT sum(events) FROM whole)::bigint,
    (SELECT count(*) - count(*) / 2 FROM visits),
    'every event after the warm-up is in a window');
SELECT is(
    (SELECT count(*) FROM whole WHERE events <> 100),
    0::bigint,
    'windows are of the size asked for')
WHERE (SELECT count(*) - count(*) / 2 FROM visits) % 100 = 0;
SELECT ok((SELECT bool_and(ranked + repeats = events) FROM whole), 'what is no repeat is ranked');
SELECT ok(
    (SELECT bool_and(hr BETWEEN 0 AND 1 AND ndcg BETWEEN 0 AND hr AND mrr BETWEEN 0 AND 1)
     FROM whole WHERE ranked > 0),
    'metrics in their ranges');
SELECT is(
    (SELECT array_agg(until ORDER BY number) FROM whole),
    (SELECT array_agg(until ORDER BY until) FROM whole),
    'windows are in order of time');
SELECT is(
    (SELECT max(until) FROM whole),
    (SELECT max(created_at) FROM visits),
    'up to the newest event');
WITH numbered AS (
    SELECT *,
           row_number() OVER (ORDER BY created_at, user_id, item_id) AS place,
           row_number() OVER (PARTITION BY user_id ORDER BY created_at, item_id) AS of_user,
           row_number() OVER (PARTITION BY item_id ORDER BY created_at, user_id) AS of_item,
           row_number() OVER (PARTITION BY user_id, item_id ORDER BY created_at) AS of_pair
    FROM visits)
SELECT is(
    (SELECT row(sum(new_users), sum(new_items), sum(repeats)) FROM whole),
    row(count(*) FILTER (WHERE of_user = 1)::numeric,
        count(*) FILTER (WHERE of_item = 1)::numeric,
        count(*) FILTER (WHERE of_pair > 1)::numeric),
    'new users, new items and repeats are counted')
FROM numbered WHERE place > (SELECT count(*) / 2 FROM visits);
SELECT ok((SELECT sum(new_users) > 0 FROM whole), 'there are new users');

-- nothing later has an influence: the warm-up has the same events, the stream ends earlier
CREATE VIEW shorter AS
SELECT * FROM visits ORDER BY created_at, user_id, item_id
LIMIT (SELECT count(*) / 2 + 500 FROM visits);
CREATE TABLE part AS
SELECT *
FROM measure('shorter',
    warmup => (SELECT (count(*) / 2)::float8 / (count(*) / 2 + 500) + 1e-9 FROM visits));
SELECT is((SELECT count(*) FROM part), 5::bigint, 'five windows of a stream cut short');
SELECT results_eq(
    'SELECT * FROM part ORDER BY number',
    'SELECT * FROM whole WHERE number <= 5 ORDER BY number',
    'give the same figures');
SELECT results_eq(
    'SELECT * FROM measure(''visits'')',
    'SELECT * FROM whole ORDER BY number',
    'twice the same');

-- of algorithms
CREATE FUNCTION overall(algorithm text) RETURNS float8 LANGUAGE sql AS $$
    SELECT sum(hr * ranked) / sum(ranked) FROM measure('visits', algorithm)
$$;
SELECT cmp_ok(
    (SELECT sum(hr * ranked) / sum(ranked) FROM whole),
    '>',
    2 * overall('popularity'),
    'a memory knows tastes: twice as good as popularity');
SELECT cmp_ok(
    (SELECT sum(hr * ranked) / sum(ranked) FROM whole),
    '>',
    overall('bpr'),
    'and better than a model that does not learn any more');
SELECT ok(overall('nmrn_gan') > overall('popularity'), 'so does one with a generator');

-- sources and ids
CREATE TABLE texts AS
SELECT 'u' || user_id AS who, 'i' || item_id AS what, extract(epoch FROM created_at)::bigint AS at
FROM visits;
SELECT is(
    (SELECT sum(events)
     FROM recadv_evaluate_stream('texts', 'who', 'what', 'at', warmup => 0.5,
         options => '{"factors":4,"epochs":1}')),
    (SELECT sum(events) FROM whole),
    'text ids and times that are numbers');
SELECT is(
    (SELECT max(until) FROM recadv_evaluate_stream('texts', 'who', 'what', 'at', 'popularity')),
    (SELECT max(at)::text FROM texts),
    'until is the value of the column');

-- bad input
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(NULL)',
    '22004',
    'argument "source" must not be NULL');
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(''visits'', time_column => NULL)',
    '22004',
    'argument "time_column" must not be NULL');
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(''visits'', warmup => NULL)',
    '22004',
    'argument "warmup" must not be NULL');
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(''visits'', warmup => 1)',
    '22023',
    'warmup must be between 0 and 1, not 1');
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(''visits'', warmup => ''NaN'')',
    '22023',
    'warmup must be between 0 and 1, not NaN');
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(''visits'', window_size => 0)',
    '22023',
    'window_size must be at least 1, not 0');
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(''nothing_here'')',
    '42P01',
    'source "nothing_here" does not exist');
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(''visits'', time_column => ''nope'')',
    '42703',
    'column "nope" of source "visits" does not exist');
SELECT throws_ok('SELECT recadv_evaluate_stream(''visits'', algorithm => ''nope'')', '22023');
SELECT throws_ok('SELECT recadv_evaluate_stream(''visits'', options => ''{"nope":1}'')', '22023');
SELECT throws_ok('SELECT recadv_evaluate_stream(''(SELECT * FROM visits LIMIT 1)'')', '22023');
SELECT throws_ok('SELECT recadv_evaluate_stream(''(SELECT * FROM visits WHERE false)'')', '22023');
SET LOCAL recadv.max_memory = '1MB';
SELECT throws_ok(
    'SELECT recadv_evaluate_stream(''(SELECT v.* FROM visits v, generate_series(1, 100))'')',
    '54000');
RESET recadv.max_memory;

-- slots
SELECT version
FROM recadv_train('m', 'visits', time_column => 'created_at', algorithm => 'nmrn',
    options => '{"factors":16,"epochs":5,"memory":"shared","slots":4}') \gset
CREATE TABLE slots AS SELECT * FROM recadv_memory('m', 3);
SELECT is((SELECT array_agg(slot ORDER BY slot) FROM slots), '{1,2,3,4}', 'a row for each slot');
SELECT ok((SELECT abs(sum(usage) - 1) < 1e-4 FROM slots), 'usages sum to 1');
SELECT ok(
    (SELECT bool_and(entropy BETWEEN 0 AND 1 AND erase BETWEEN 0 AND 1 AND half_life > 0)
     FROM slots),
    'figures in their ranges');
SELECT ok(
    (SELECT bool_and(cardinality(users) = 3 AND cardinality(items) = 3) FROM slots),
    'three users and three items each');
SELECT ok(
    (SELECT bool_and(u::bigint IN (SELECT user_id FROM visits)) FROM slots, unnest(users) u),
    'users of the model');
SELECT ok(
    (SELECT bool_and(i::bigint IN (SELECT item_id FROM visits)) FROM slots, unnest(items) i),
    'items of the model');
SELECT is(
    (SELECT max(cardinality(users)) FROM recadv_memory('m', 100000)),
    100,
    'no more than there are');
SELECT is((SELECT count(*) FROM recadv_memory('m', NULL)), 0::bigint, 'no rows for NULL');
SELECT throws_ok('SELECT recadv_memory(''m'', 0)', '22023');
SELECT throws_ok('SELECT recadv_memory(''nothing_here'')', '42P01');
SELECT version
FROM recadv_train('flat', 'visits', algorithm => 'bpr', options => '{"factors":4,"epochs":1}') \gset
SELECT throws_like('SELECT recadv_memory(''flat'')', '%cannot learn from a stream%');
SELECT finish();
ROLLBACK;
