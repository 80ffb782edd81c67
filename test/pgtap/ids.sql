-- Identifiers of every type, and times of every type.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(source text, model text, extra text DEFAULT '')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        $q$SELECT recadv_train(%L, %L, algorithm => 'bpr', %s
               options => '{"factors":4,"epochs":3,"learning_rate":0.1,"holdout":"none","seed":7}')
        $q$,
        model,
        source,
        extra);
END $$;

CREATE DOMAIN customer_id AS int CHECK (VALUE > 0);
CREATE DOMAIN product_code AS text;
CREATE DOMAIN domain_of_domain AS customer_id;
CREATE TYPE size AS ENUM ('small', 'large', 'medium');
CREATE TYPE pair AS (a int, b text);

-- integers of every width give the same model
SELECT train('orders', 'reference') IS NULL \g /dev/null
SELECT train(format('(SELECT user_id::%1$s, item_id::%1$s FROM orders)', t), 'by_' || t) IS NULL
FROM unnest('{int2,int4,int8,customer_id,domain_of_domain}'::text[]) t \g /dev/null
SELECT is(digest('by_' || t), digest('reference'), t || ' ids give the same model')
FROM unnest('{int2,int4,int8,customer_id,domain_of_domain}'::text[]) t;
SELECT is(recadv_info('by_int2') ->> 'user_kind', 'bigint', 'kept as bigint');
SELECT is(recadv_info('by_int2') ->> 'user_type', 'smallint', 'with the type told');
SELECT is(recadv_info('by_customer_id') ->> 'user_type', 'customer_id', 'also of a domain');

-- the ends of bigint
CREATE TABLE extreme AS
SELECT (ARRAY[-9223372036854775808, -1, 0, 9223372036854775807])[u] AS user_id,
       (ARRAY[-9223372036854775808, -2147483649, 0, 4294967296, 9223372036854775807])[i] AS item_id
FROM generate_series(1, 4) u, generate_series(1, 5) i WHERE (u + i) % 3 > 0;
SELECT train('extreme', 'extreme_model') IS NULL \g /dev/null
SELECT set_eq(
    $$SELECT user_id, item
      FROM (SELECT DISTINCT user_id FROM extreme) u, recadv_topk(user_id, 9, 'extreme_model')$$,
    $$SELECT u.user_id, i.item_id
      FROM (SELECT DISTINCT user_id FROM extreme) u,
           (SELECT DISTINCT item_id FROM extreme) i
      EXCEPT TABLE extreme$$,
    'the smallest and the largest bigint are ids like others');
SELECT ok(recadv_has_user('-9223372036854775808', 'extreme_model'), 'also as text');
SELECT is(
    (SELECT item FROM recadv_topk('-9223372036854775808'::text, 1, 'extreme_model')),
    (SELECT item::text FROM recadv_topk(-9223372036854775808, 1, 'extreme_model')),
    'with the same items');

-- text and what can be cast to it (so that id::text finds what was trained): user u of the
-- reference is f(u), and so are its recommendations
CREATE TABLE forms (name text, of_user text, of_item text);
INSERT INTO forms VALUES
    ('text', $$'user ' || lpad(user_id::text, 3, '0')$$,
     $$'item ' || lpad(item_id::text, 3, '0')$$),
    ('varchar', $$lpad(user_id::text, 3, '0')::varchar(10)$$,
     $$lpad(item_id::text, 3, '0')::varchar$$),
    ('domain over text', $$lpad(user_id::text, 3, '0')::product_code$$,
     $$lpad(item_id::text, 3, '0')::product_code$$),
    ('char(n)', $$lpad(user_id::text, 3, '0')::char(8)$$, $$lpad(item_id::text, 3, '0')::char(5)$$),
    ('name', $$lpad(user_id::text, 3, '0')::name$$, $$lpad(item_id::text, 3, '0')::name$$),
    ('uuid', $$lpad(user_id::text, 32, '0')::uuid$$, $$lpad(item_id::text, 32, '0')::uuid$$),
    ('numeric', $$(user_id + 1000.5)::numeric$$, $$(item_id + 1000.25)::numeric$$),
    ('float8', $$(user_id + 100)::float8 / 1000$$, $$(item_id + 100.5)::float8$$),
    ('date', $$date '2026-01-01' + user_id$$, $$date '2026-01-01' + item_id$$),
    ('bytea', $$decode(lpad(to_hex(user_id), 4, '0'), 'hex')$$,
     $$decode(lpad(to_hex(item_id), 4, '0'), 'hex')$$),
    ('inet', $$('10.0.0.' || 100 + user_id)::inet$$, $$('10.0.1.' || 100 + item_id)::inet$$),
    ('int[]', $$ARRAY[1, 100 + user_id]$$, $$ARRAY[2, 100 + item_id]$$),
    ('composite', $$ROW(100 + user_id, 'a b')::pair$$, $$ROW(100 + item_id, 'a "b"')::pair$$),
    ('jsonb', $$jsonb_build_object('id', 100 + user_id)$$, $$to_jsonb(100 + item_id)$$),
    ('letters of UTF-8', $$'Ø' || lpad(user_id::text, 3, '0') || '€'$$,
     $$'日本' || lpad(item_id::text, 3, '0')$$),
    ('long text', $$repeat('x', 1021) || lpad(user_id::text, 3, '0')$$,
     $$repeat('y', 1021) || lpad(item_id::text, 3, '0')$$);

CREATE FUNCTION same_answers(form forms) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    same boolean;
BEGIN
    DROP TABLE IF EXISTS made;
    PERFORM train(
        format('(SELECT %s AS user_id, %s AS item_id FROM orders)', form.of_user, form.of_item),
        'made');
    EXECUTE format(
        $q$SELECT digest('made') <> digest('reference')
               AND NOT EXISTS (
                   SELECT
                   FROM generate_series(1, 60) AS u(user_id),
                        recadv_topk(user_id, 4, 'reference') t(item, score, rank),
                        LATERAL (SELECT item::int AS item_id, score, rank) r
                   WHERE NOT EXISTS (SELECT FROM recadv_topk((%1$s)::text, 4, 'made') m
                                     WHERE m.item = (%2$s)::text
                                       AND m.score = r.score
                                       AND m.rank = r.rank)
                      OR recadv_score((%1$s)::text, (%2$s)::text, 'made')
                             IS DISTINCT FROM r.score
                      OR NOT recadv_has_user((%1$s)::text, 'made'))$q$,
        form.of_user,
        form.of_item) INTO same;
    RETURN same;
END $$;
SELECT ok(same_answers(f), f.name || ' ids through their text form') FROM forms f;
SELECT is(recadv_info('made') ->> 'item_kind', 'text', 'kept as text');

-- an enum has few values; boolean, too
SELECT train(
    $$(SELECT (ARRAY['small','medium','large'])[user_id % 3 + 1]::size AS user_id, item_id::text
       FROM orders WHERE (user_id + item_id) % 4 > 0)$$,
    'by_size') IS NULL \g /dev/null
SELECT is(
    (SELECT count(*) FROM unnest('{small,medium,large,huge}'::text[]) u
     WHERE recadv_has_user(u, 'by_size')),
    3::bigint,
    'enum ids by their labels');
SELECT train(
    $$(SELECT item_id % 2 = 0 AS item_id, user_id
       FROM orders WHERE user_id % 3 > 0 OR item_id % 2 = 0)$$,
    'by_bool') IS NULL \g /dev/null
SELECT bag_eq(
    $$SELECT item FROM recadv_topk('no such user', 9, 'by_bool')$$,
    $$VALUES (true::text), (false::text)$$,
    'boolean ids by their cast to text');

-- users of one kind, items of the other
SELECT train($$(SELECT 'u' || user_id AS user_id, item_id FROM orders)$$, 'text_users')
    IS NULL \g /dev/null
SELECT train($$(SELECT user_id, 'i' || item_id AS item_id FROM orders)$$, 'text_items')
    IS NULL \g /dev/null
SELECT is(
    (SELECT count(*) FROM recadv_topk('u1', 3, 'text_users')),
    3::bigint,
    'text users, integer items');
SELECT ok(
    (SELECT bool_and(item BETWEEN 1 AND 40) FROM recadv_topk(1, 3, 'text_users')),
    'asked by bigint: an unknown user, integer items');
SELECT ok(
    NOT recadv_has_user(1, 'text_users') AND recadv_has_user('u1', 'text_users'),
    'who is known by text only');
SELECT fails(
    $$SELECT recadv_topk(1, 3, 'text_items')$$,
    '42804',
    '%not integers%as text%',
    'text items do not fit a bigint result');
SELECT is(
    (SELECT count(*) FROM recadv_topk('1', 3, 'text_items') WHERE item LIKE 'i%'),
    3::bigint,
    'but a text one');
SELECT is(recadv_score(1, 5, 'text_items'), NULL, 'no bigint is an item of it');
SELECT isnt(recadv_score('1', 'i5', 'text_items'), NULL, 'a text is');

-- only the canonical spelling of an integer is that integer
SELECT ok(recadv_has_user('7', 'reference'), '7 is user 7');
SELECT ok(NOT recadv_has_user(s, 'reference'), format('"%s" is not', s))
FROM unnest(ARRAY['07', ' 7', '7 ', '+7', '7.0', '-7', '0x7', '', '७', repeat('7', 400),
                  '7' || E'\t', '9223372036854775815']) s;
SELECT is(recadv_score('7', '05', 'reference'), NULL, 'nor is 05 item 5');

-- numbers that are equal but spelled differently are one id
SELECT is(
    (SELECT users
     FROM recadv_train(
         'spelled',
         $$(SELECT (ARRAY[1.0, 1.00, 2])[i] AS user_id, i AS item_id
            FROM generate_series(1, 3) i)$$,
         algorithm => 'popularity',
         options => '{"holdout":"none"}')),
    2::bigint,
    'numeric 1.0 and 1.00 are one user');

-- ids that are too long
SELECT fails(
    $$SELECT train('(SELECT repeat(''é'', 513) AS user_id, 1 AS item_id)', 'long')$$,
    '22023',
    '% has no interactions | Skipped rows: 1 with an id that is too long or no text.',
    'more than 1024 bytes: the row is skipped');
SELECT is(recadv_score(repeat('x', 100000), 'y', 'made'), NULL, 'a long id may be asked for');

-- many ids: several blocks per dictionary, and both ends of each
SELECT recadv_train(
    'many',
    $$(SELECT n % 5000 * 3 AS user_id, n * 7 % 6000 * 2 AS item_id
       FROM generate_series(1, 30000) n)$$,
    algorithm => 'popularity',
    options => '{"holdout":"none"}') IS NOT NULL \g /dev/null
SELECT ok((SELECT count(*) FROM many WHERE part = 'user_ids') > 1, 'several blocks of user ids');
SELECT is(
    (SELECT count(*) FROM generate_series(-1, 15001) u WHERE recadv_has_user(u, 'many')),
    5000::bigint,
    'every user is found, and no other');
SELECT is(
    (SELECT count(*) FROM generate_series(-1, 12001) i
     WHERE recadv_score(0, i, 'many') IS NOT NULL),
    (SELECT count(DISTINCT n * 7 % 6000) FROM generate_series(1, 30000) n),
    'every item is found, and no other');
SET recadv.cache_size = 0;
SELECT recadv_train(
    'many',
    $$(SELECT 'u' || n % 3000 AS user_id, 'i' || n * 7 % 2000 AS item_id
       FROM generate_series(1, 20000) n)$$,
    algorithm => 'popularity',
    options => '{"holdout":"none","promote":"always"}') IS NOT NULL \g /dev/null
SELECT is(
    (SELECT count(*) FROM generate_series(0, 3100) u WHERE recadv_has_user('u' || u, 'many')),
    3000::bigint,
    'every text user is found, and no other');
SELECT is(
    (SELECT count(*) FROM generate_series(0, 2100) i
     WHERE recadv_score('u0', 'i' || i, 'many') IS NOT NULL),
    2000::bigint,
    'every text item is found, and no other');
SELECT is(
    (SELECT count(DISTINCT item) FROM recadv_topk('nobody', 5000, 'many')),
    2000::bigint,
    'and named');
RESET recadv.cache_size;

-- times: the latest of each user is held out
CREATE FUNCTION held_by(source text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS timed;
    PERFORM recadv_train('timed', source, time_column => 'at', algorithm => 'popularity',
        options => '{"holdout":"last"}');
    RETURN (SELECT string_agg(user_index || ':' || item_index, ' ' ORDER BY user_index)
            FROM held('timed'));
END $$;
CREATE TABLE log AS
SELECT 1 AS user_id, i AS item_id, i * 37 % 10 AS n
FROM generate_series(0, 9) i; -- latest: item 7 (n = 9)
SELECT is(held_by('(SELECT user_id, item_id, n AS at FROM log)'), '0:7', 'int');
SELECT is(
    held_by(format('(SELECT user_id, item_id, (%s)::%s AS at FROM log)', e, t)),
    '0:7',
    t || ' times')
FROM (VALUES
    ('n', 'int2'),
    ('n * 1000000000::bigint', 'int8'),
    ('n - 20', 'int4'),
    ('n / 10.0 - 0.5', 'float4'),
    ('n / 10.0 - 0.5', 'float8'),
    ('n / 10.0 - 0.5', 'numeric'),
    ('(n - 5) * 1e300', 'float8'),
    ('date ''1999-12-27'' + n', 'date'),
    ('timestamp ''1999-12-31 23:59:55'' + n * interval ''1 second''', 'timestamp'),
    ('timestamptz ''1999-12-31 23:59:55'' + n * interval ''1 microsecond''',
     'timestamptz')) v(e, t);
SELECT is(
    held_by($$(SELECT user_id, item_id,
                      CASE n WHEN 9 THEN 'infinity'
                             WHEN 8 THEN '-infinity'
                             ELSE timestamp '2026-01-01' + n * interval '1 day' END AS at
               FROM log)$$),
    '0:7',
    'infinity is the latest time');
SELECT is(
    held_by($$(SELECT user_id, item_id, CASE n WHEN 3 THEN float8 'Infinity' ELSE n END AS at
               FROM log)$$),
    '0:9',
    'also of numbers');
SELECT is(
    held_by($$(SELECT user_id, item_id, CASE WHEN n > 5 THEN NULL ELSE n END AS at FROM log)$$),
    '0:5',
    'a NULL time is earlier than all others');
SELECT is(
    held_by($$(SELECT user_id, item_id, CASE WHEN n > 5 THEN float8 'NaN' ELSE n END AS at
               FROM log)$$),
    '0:5',
    'and so is NaN');
SELECT is(
    held_by($$(SELECT user_id, item_id, NULL::int AS at FROM log)$$),
    '0:9',
    'all times NULL: the higher item');
SELECT is(
    held_by($$(SELECT user_id, item_id, 5 AS at FROM log)$$),
    '0:9',
    'all times equal: the higher item');
SELECT is(
    held_by($$(SELECT user_id, item_id, n AS at
               FROM log
               UNION ALL SELECT 1, item_id, 100 FROM log WHERE n < 9)$$),
    '0:7',
    'a duplicate counts at its earliest time');
SELECT is(
    held_by($$(SELECT 1, item_id, 100 AS at, user_id
               FROM log
               UNION ALL SELECT 1, item_id, n, user_id FROM log)$$),
    '0:7',
    'also if the earliest comes last');
SELECT is(
    held_by($$(SELECT user_id, item_id, n AS at
               FROM log
               UNION ALL SELECT user_id, item_id, NULL FROM log WHERE n = 9)$$),
    '0:4',
    'a NULL time is the earliest of a duplicate');
SELECT is(
    held_by($$(SELECT u AS user_id, i AS item_id, i * 37 % 10 * (u - 1) AS at
               FROM generate_series(1, 3) u, generate_series(1, u * 2) i)$$),
    '2:3',
    'of so few users only those with five interactions or more: of the six items of user 3 the latest');
SELECT fails(
    format('SELECT held_by(%L)', format('(SELECT user_id, item_id, %s AS at FROM log)', e)),
    '42804',
    'type ' || t || ' cannot serve as the time%',
    t || ' is no time')
FROM (VALUES ('''x''::text', 'text'), ('interval ''1 day''', 'interval'),
             ('time ''12:00''', 'time without time zone'), ('true', 'boolean'),
             ('''{}''::jsonb', 'jsonb'), ('ARRAY[1]', 'integer[]')) v(e, t);
CREATE DOMAIN moment AS timestamptz;
SELECT is(
    held_by($$(SELECT user_id, item_id,
                      (timestamptz '2026-01-01' + n * interval '1 day')::moment AS at
               FROM log)$$),
    '0:7',
    'a domain over a time');

SELECT * FROM finish();
ROLLBACK;
