-- Calls from an application: parameters without a type, ids of type uuid and numeric, arrays that are empty or NULL,
-- which rows are the fallback, how many rows the planner expects, and what is said of a slip.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION uid(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
RETURN ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
CREATE TABLE sales AS SELECT uid(user_id) AS user_id, uid(100 + item_id) AS item_id, at FROM orders;
CREATE TABLE numbers AS
SELECT user_id::numeric(12) AS user_id, item_id::numeric(12) AS item_id, at FROM orders;
SELECT recadv_train(m, s, time_column => 'at', algorithm => a,
    options => '{"factors":8,"epochs":3,"seed":7,"holdout":"none"}')
FROM (VALUES ('films', 'orders', 'bpr'), ('shop', 'sales', 'bpr'), ('num', 'numbers', 'bpr'),
             ('feed', 'sales', 'nmrn'), ('numfeed', 'numbers', 'nmrn')) v(m, s, a) \g /dev/null
CREATE TABLE image AS
SELECT recadv_fit(user_id, item_id, at, o) AS films,
       recadv_fit(uid(user_id), uid(100 + item_id), at, o) AS shop,
       recadv_fit(user_id::numeric, item_id::numeric, at, o) AS num
FROM orders, (SELECT '{"algorithm":"bpr","factors":8,"epochs":3,"seed":7}'::jsonb AS o) o;

-- --- parameters without a type

-- what the statement gives, prepared without types and executed
CREATE FUNCTION prepared(statement text, VARIADIC arguments text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE 'PREPARE p AS SELECT string_agg(t::text, '' '') FROM (' || statement || ') t';
    EXECUTE 'EXECUTE p('
        || (SELECT string_agg(quote_nullable(a), ', ' ORDER BY n) FROM unnest(arguments) WITH ORDINALITY u(a, n)) || ')'
        INTO result;
    DEALLOCATE p;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION plain(statement text) RETURNS text LANGUAGE sql AS $$
    SELECT value_of('SELECT string_agg(t::text, '' '') FROM (' || statement || ') t')
$$;
SELECT is(prepared(q, VARIADIC a), plain(wanted), 'without types: ' || q)
FROM (VALUES
    ('SELECT * FROM recadv_topk($1, $2, $3)', '{7,3,films}'::text[], 'SELECT * FROM recadv_topk(7, 3, ''films'')'),
    ('SELECT * FROM recadv_topk($1, $2, $3, $4, $5, $6, $7, $8)', ARRAY['7', '3', 'films', 'true', '{1,2,3,4,5,6,7,8}', '{2}', 'model', '0.5'],
     'SELECT * FROM recadv_topk(7, 3, ''films'', true, ''{1,2,3,4,5,6,7,8}'', ''{2}'', ''model'', 0.5)'),
    ('SELECT * FROM recadv_topk($1, model => $2)', '{7,films}', 'SELECT * FROM recadv_topk(7, model => ''films'')'),
    ('SELECT * FROM recadv_topk_for($1, $2, $3)', ARRAY['{1,5,9}', '3', 'films'],
     'SELECT * FROM recadv_topk_for(ARRAY[1, 5, 9], 3, ''films'')'),
    ('SELECT * FROM recadv_topk_for($1, $2, $3, $4, $5, $6, $7)', ARRAY['{1,5,9}', '3', 'films', 'f', '{1,2,3}', '{}', '0.5'],
     'SELECT * FROM recadv_topk_for(ARRAY[1, 5, 9], 3, ''films'', false, ''{1,2,3}'', NULL, 0.5)'),
    ('SELECT * FROM recadv_topk_for($1, 3, ''films'')', ARRAY['{}'], 'SELECT * FROM recadv_topk(4711, 3, ''films'')'),
    ('SELECT * FROM recadv_topk_for($1, 3, ''films'')', '{NULL}', 'SELECT * FROM recadv_topk(4711, 3, ''films'')'),
    ('SELECT * FROM recadv_topk_for($1, 3, ''films'')', ARRAY['{NULL,5}'],
     'SELECT * FROM recadv_topk_for(ARRAY[5], 3, ''films'')'),
    ('SELECT * FROM recadv_slate($1, $2, $3, $4, $5)', ARRAY['{1,5,9}', '3', 'films', '0.3', '11'],
     'SELECT * FROM recadv_slate(ARRAY[1, 5, 9], 3, ''films'', 0.3, 11)'),
    ('SELECT * FROM recadv_seen($1, $2)', '{7,films}', 'SELECT * FROM recadv_seen(7, ''films'')'),
    ('SELECT * FROM recadv_topk_all($1, $2, $3)', ARRAY['films', '2', '{1,7}'],
     'SELECT * FROM recadv_topk_all(''films'', 2, ARRAY[1, 7])'),
    ('SELECT * FROM recadv_topk_all($1, $2, users => $3, candidates => $4, exclude => $5)',
     ARRAY['films', '2', '{1,7}', '{1,2,3,4,5,6}', '{2}'],
     'SELECT * FROM recadv_topk_all(''films'', 2, ARRAY[1, 7], candidates => ''{1,2,3,4,5,6}'', exclude => ''{2}'')'),
    ('SELECT * FROM recadv_topk_all($1, $2, $3)', ARRAY['films', '2', '{}'],
     'SELECT * FROM recadv_topk_all(''films'', 2, ''{}''::bigint[])'),
    ('SELECT count(*) FROM recadv_topk_all($1, $2, $3)', '{films,2,NULL}',
     'SELECT count(*) FROM recadv_topk_all(''films'', 2)'),
    ('SELECT * FROM recadv_topk_all($1, $2) ORDER BY user_id, rank', '{films,2}',
     'SELECT * FROM recadv_topk_all(''films'', 2)'),
    ('SELECT * FROM recadv_similar_items($1, $2, $3)', '{5,3,films}',
     'SELECT * FROM recadv_similar_items(5, 3, ''films'')'),
    ('SELECT * FROM recadv_similar_items($1, $2, $3, $4, $5)', ARRAY['5', '3', 'films', '{1,2,3,4}', '{}'],
     'SELECT * FROM recadv_similar_items(5, 3, ''films'', ''{1,2,3,4}'')'),
    ('SELECT * FROM recadv_similar_users($1, $2, $3)', '{5,3,films}',
     'SELECT * FROM recadv_similar_users(5, 3, ''films'')'),
    ('SELECT * FROM recadv_explain($1, $2, $3, $4)', '{7,5,3,films}', 'SELECT * FROM recadv_explain(7, 5, 3, ''films'')'),
    ('SELECT recadv_score($1, $2, $3)', '{7,5,films}', 'SELECT recadv_score(7, 5, ''films'')'),
    ('SELECT recadv_score($1, item_id, ''films'') FROM (SELECT DISTINCT item_id FROM orders ORDER BY 1) o', '{7}',
     'SELECT recadv_score(7, item_id, ''films'') FROM (SELECT DISTINCT item_id FROM orders ORDER BY 1) o'),
    ('SELECT recadv_score(user_id, $1, ''films'') FROM (SELECT DISTINCT user_id FROM orders ORDER BY 1) o', '{7}',
     'SELECT recadv_score(user_id, 7, ''films'') FROM (SELECT DISTINCT user_id FROM orders ORDER BY 1) o'),
    ('SELECT recadv_has_user($1, $2)', '{7,films}', 'SELECT true'),
    ('SELECT * FROM recadv_embeddings($1, $2)', '{films,item}', 'SELECT * FROM recadv_embeddings(''films'', ''item'')'),
    ('SELECT * FROM recadv_embeddings($1, $2, $3)', ARRAY['films', 'user', '{1,7}'],
     'SELECT * FROM recadv_embeddings(''films'', ''user'', ARRAY[1, 7])'),
    ('SELECT * FROM recadv_embeddings($1, $2, $3)', ARRAY['films', 'user', '{}'], 'SELECT 1 WHERE false'),
    ('SELECT count(*) FROM recadv_embeddings($1, $2, $3)', '{films,user,NULL}', 'SELECT 60'),
    ('SELECT t.* FROM image, recadv_image_topk(films, $1, $2) t', '{7,3}',
     'SELECT t.* FROM image, recadv_image_topk(films, 7, 3) t'),
    ('SELECT t.* FROM image, recadv_image_topk_for(films, $1, $2) t', ARRAY['{1,5,9}', '3'],
     'SELECT t.* FROM image, recadv_image_topk_for(films, ARRAY[1, 5, 9], 3) t'),
    ('SELECT t.* FROM image, recadv_image_similar_items(films, $1, $2) t', '{5,3}',
     'SELECT t.* FROM image, recadv_image_similar_items(films, 5, 3) t'),
    ('SELECT recadv_image_score(films, $1, $2) FROM image', '{7,5}', 'SELECT recadv_image_score(films, 7, 5) FROM image'),
    ('SELECT recadv_observe($1, $2, $3, $4)', ARRAY['feed', uid(7)::text, uid(103)::text, '2026-03-01'], 'SELECT true'),
    ('SELECT recadv_observe($1, $2, $3)', ARRAY['feed', uid(7)::text, uid(104)::text], 'SELECT true'),
    ('SELECT versions FROM recadv_forget($1, $2)', ARRAY['feed', uid(60)::text], 'SELECT 1'),
    ('SELECT recadv_info($1) ->> ''algorithm''', '{films}', 'SELECT ''bpr''')) v(q, a, wanted);

-- a column that is no text: the call names the type
SELECT is(
    prepared('SELECT o.item_id, r.rank FROM recadv_topk($1::bigint, 5, ''films'') r
              JOIN (SELECT DISTINCT item_id FROM orders) o ON o.item_id = r.item ORDER BY 2', '7'),
    plain('SELECT item, rank FROM recadv_topk(7, 5, ''films'')'),
    'with a type, the item is of it');
SELECT is(pg_typeof(item)::text, 'text', 'without one it is a text') FROM recadv_topk('7', 1, 'films');
SELECT is(pg_typeof(item)::text, 'bigint', 'smallint gives bigint') FROM recadv_topk(2::smallint, 1, 'films')
UNION ALL
SELECT is(pg_typeof(item)::text, 'text', 'varchar gives text') FROM recadv_topk('2'::varchar, 1, 'films')
UNION ALL
SELECT is(pg_typeof(item)::text, 'uuid', 'uuid gives uuid') FROM recadv_topk(uid(2), 1, 'shop')
UNION ALL
SELECT is(pg_typeof(item)::text, 'numeric', 'numeric gives numeric') FROM recadv_topk(2::numeric, 1, 'num');
CREATE DOMAIN customer AS int;
CREATE DOMAIN person AS uuid;
SELECT is(pg_typeof(item)::text, 'bigint', 'a domain is its type') FROM recadv_topk(2::customer, 1, 'films')
UNION ALL
SELECT is(pg_typeof(item)::text, 'uuid', 'also of uuid') FROM recadv_topk(uid(2)::person, 1, 'shop');

-- --- uuid and numeric: what is asked with them is what is asked with text

CREATE FUNCTION same(q text, other text) RETURNS text LANGUAGE sql AS $$ SELECT is(plain(q), plain(other), q) $$;
-- the call with ids of a type and the same with text: {u7} is a user, {i5} an item, {u:1,7} and {i:1,5} are arrays
CREATE FUNCTION with_ids(q text, type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    m text[];
BEGIN
    FOR m IN SELECT regexp_matches(q, '\{([ui])(:?)([\d,]+)\}', 'g') LOOP
        q := replace(q, format('{%s%s%s}', VARIADIC m), (
            SELECT CASE WHEN m[2] = '' THEN min(id) || '::' || type
                        ELSE format('ARRAY[%s]::%s[]', string_agg(id, ', '), type) END
            FROM (SELECT quote_literal(CASE WHEN type = 'numeric' THEN n
                                            ELSE uid(CASE m[1] WHEN 'u' THEN 0 ELSE 100 END + n::int)::text END) AS id
                  FROM unnest(string_to_array(m[3], ',')) n) x));
    END LOOP;
    RETURN q;
END $$;
CREATE FUNCTION as_text(q text) RETURNS text LANGUAGE sql
RETURN regexp_replace(q, '::(uuid|numeric)(\[\])?', '::text\2', 'g');
SELECT same(c, as_text(c))
FROM (VALUES ('uuid', 'shop'), ('numeric', 'num')) t(type, model),
     LATERAL (SELECT with_ids(replace(q, '%m', model), type) AS c
              FROM (VALUES
    ('SELECT * FROM recadv_topk({u7}, 3, ''%m'')'),
    ('SELECT * FROM recadv_topk({u7}, 9, ''%m'', false, {i:1,5,9,5}, {i:5}, ''model'', 0.5)'),
    ('SELECT * FROM recadv_topk({u7}, 9, ''%m'', seen => ''live'')'),
    ('SELECT * FROM recadv_topk({u4711}, 3, ''%m'')'),
    ('SELECT * FROM recadv_topk_for({i:1,5,9}, 3, ''%m'')'),
    ('SELECT * FROM recadv_topk_for({i:1,5,9}, 30, ''%m'', false, {i:1,2,3}, {i:2}, 0.5)'),
    ('SELECT * FROM recadv_slate({i:1,5,9}, 3, ''%m'', 0.3, 11, true, {i:1,2,3,4,5,6,7,8}, {i:2})'),
    ('SELECT * FROM recadv_seen({u7}, ''%m'')'),
    ('SELECT * FROM recadv_similar_items({i5}, 3, ''%m'', {i:1,2,3,4}, {i:2})'),
    ('SELECT * FROM recadv_similar_users({u5}, 3, ''%m'', {u:1,2,3,4}, {u:2})'),
    ('SELECT * FROM recadv_explain({u7}, {i5}, 3, ''%m'', NULL, {i:2}, ''live'')'),
    ('SELECT * FROM recadv_topk_all(''%m'', 2, {u:1,7,4711}, false, {i:1,2,3,4}, {i:2}, ''model'', 0.5)'),
    ('SELECT recadv_score({u7}, {i5}, ''%m''), recadv_has_user({u7}, ''%m''), recadv_has_user({u4711}, ''%m'')'),
    ('SELECT * FROM recadv_embeddings(''%m'', ''user'', {u:7,1})'),
    ('SELECT t.* FROM image, recadv_image_topk(%m, {u7}, 3, false, {i:1,5,9}, {i:5}, 0.5) t'),
    ('SELECT t.* FROM image, recadv_image_topk_for(%m, {i:1,5,9}, 30, false, {i:1,2,3}, {i:2}, 0.5) t'),
    ('SELECT t.* FROM image, recadv_image_similar_items(%m, {i5}, 3, {i:1,2,3,4}, {i:2}) t'),
    ('SELECT recadv_image_score(%m, {u7}, {i5}) FROM image')) v(q)) c;
SELECT is((SELECT count(*) FROM recadv_topk_all('shop', 3, NULL::uuid[])), 180::bigint, 'all users, as uuid');
SELECT is((SELECT count(*) FROM recadv_topk(NULL::uuid, 3, 'shop')), 0::bigint, 'nobody, no rows');
SELECT is(recadv_score(NULL::uuid, uid(105), 'shop'), NULL, 'nor a score');
SELECT bag_eq(
    $$SELECT * FROM recadv_topk_for(ARRAY[]::uuid[], 3, 'shop')$$,
    $$SELECT * FROM recadv_topk(uid(4711), 3, 'shop')$$,
    'an empty basket of uuids');
SELECT is((SELECT array_agg(recadv_observe('feed', uid(8), uid(100 + i), at)) FROM (VALUES (5), (6)) v(i),
                  (SELECT timestamptz '2026-03-02' AS at) a), '{t,t}', 'recadv_observe with a moment');
SELECT ok(recadv_observe('feed', uid(8), uid(107), '2026-03-03'), 'with a literal');
SELECT ok(recadv_observe('feed', uid(8), uid(108)), 'with none');
SELECT ok(recadv_observe('numfeed', 8.0, 7.00, '2026-03-03'), 'numeric');
SELECT ok(recadv_observe('numfeed', 8::numeric, 8::numeric, timestamp '2026-03-03'), 'numeric with a moment');
SELECT is(
    (SELECT array_agg(item) FROM recadv_topk(8, 40, 'numfeed') WHERE item IN (7, 8)),
    NULL,
    'they are what the user has');
SELECT is((SELECT pending_events FROM recadv_forget('feed', uid(8))), 4::bigint, 'recadv_forget');
SELECT is((SELECT pending_events FROM recadv_forget('numfeed', 8::numeric)), 2::bigint, 'recadv_forget of a numeric');

-- numeric ids are integers where they are asked as such; a scale changes nothing
SELECT bag_eq('SELECT * FROM recadv_topk(7.00, 3, ''num'')', 'SELECT * FROM recadv_topk(7, 3, ''num'')', 'integers');
SELECT bag_eq(
    $$SELECT user_id::numeric, item::numeric, rank FROM recadv_topk_all('num', 2, ARRAY[1, 7])$$,
    $$SELECT user_id, item, rank FROM recadv_topk_all('num', 2, ARRAY[1.0, 7])$$,
    'for all');
SELECT is((SELECT array_agg(id) FROM recadv_embeddings('num', 'user', ARRAY[7, 1])), '{1,7}'::int[], 'embeddings');
SELECT bag_eq(
    format('SELECT item::bigint, score, rank, fallback FROM recadv_topk_for(ARRAY[1.00, 5.0, 9], 9, %L, candidates => ARRAY[2.0, 3, NULL, 4.000])', m),
    format('SELECT * FROM recadv_topk_for(ARRAY[1, 5, 9], 9, %L, candidates => ARRAY[2, 3, 4])', m),
    'also in arrays: ' || m)
FROM unnest('{num,films}'::text[]) m;
SELECT is(recadv_numeric_texts(ARRAY[1.50, NULL, -0.0, 1e3, 'NaN']), ARRAY['1.5', NULL, '0', '1000', 'NaN'], 'numbers as ids');
SELECT is(recadv_numeric_texts('{}'), '{}'::text[], 'no numbers');
SELECT recadv_train('parts', '(SELECT user_id, item_id + 0.5 AS item_id FROM orders)', algorithm => 'popularity',
    options => '{"holdout":"none"}') \g /dev/null
SELECT fails('SELECT recadv_topk(4711, 1, ''parts'')', '42804', 'id "%.5" of the model is no integer |%id::text%',
    'a number that is no integer');

-- ids of another type than the call's
SELECT fails('SELECT * FROM recadv_topk(uid(1), 3, ''films'')', '42804', 'id "%" of the model is no uuid |%id::text%',
    'a model of integers has no uuid to give');
SELECT fails('SELECT * FROM recadv_topk(1.5, 3, ''shop'')', '42804', 'id "%" of the model is no number |%id::text%',
    'nor a model of uuids a number');
SELECT fails(format('SELECT recadv_to_uuid(%L)', x), '42804', 'id "%" of the model is no uuid%', 'no uuid: ' || x)
FROM unnest('{"",x,12,00000000-0000-4000-8000-00000000000,00000000-0000-4000-8000-00000000000g}'::text[]) x;
SELECT fails(format('SELECT recadv_to_numeric(%L)', x), '42804', 'id "%" of the model is no number%', 'no number: ' || x)
FROM unnest('{"",x,-,1e,nan}'::text[]) x;
SELECT is(recadv_to_numeric(x)::text, x, 'a number: ' || x) FROM unnest('{0,-1.5,12345678901234567890,NaN,Infinity}'::text[]) x;
SELECT recadv_train('mixed', '(SELECT uid(user_id) AS user_id, item_id, at FROM orders)', time_column => 'at',
    algorithm => 'bpr', options => '{"factors":8,"epochs":3,"seed":7,"holdout":"none"}') \g /dev/null
SELECT bag_eq(
    $$SELECT item::bigint, score, rank FROM recadv_topk(uid(1)::text, 3, 'mixed')$$,
    $$SELECT item, score, rank FROM recadv_topk(1, 3, 'films')$$,
    'users of one type and items of another: text, and a cast');

-- --- the planner puts the body in place of the call, and uses an index on the column of the ids

CREATE TABLE products AS SELECT uid(n) AS id, n::numeric(12) AS number, n AS plain FROM generate_series(1, 20000) n;
ALTER TABLE products ADD PRIMARY KEY (id), ADD UNIQUE (number), ADD UNIQUE (plain);
ANALYZE products;
CREATE FUNCTION plan_of(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || q LOOP
        plan := plan || line || E'\n';
    END LOOP;
    RETURN plan;
END $$;
SELECT matches(plan_of(q), 'Index (Only )?Scan using products_' || index || '.*Index Cond: \(' || cond, 'an index serves: ' || q)
FROM (VALUES
    ('SELECT p.* FROM recadv_topk(uid(7), 5, ''shop'') r JOIN products p ON p.id = r.item', 'pkey', 'id = recadv_to_uuid'),
    ('SELECT p.* FROM recadv_topk(7.0, 5, ''num'') r JOIN products p ON p.number = r.item', 'number_key',
     'number = recadv_to_numeric'),
    ('SELECT p.* FROM recadv_topk(7, 5, ''films'') r JOIN products p ON p.plain = r.item', 'plain_key',
     'plain = '),
    ('SELECT p.* FROM recadv_topk_for(ARRAY[uid(101)], 5, ''shop'') r JOIN products p ON p.id = r.item', 'pkey', 'id = '),
    ('SELECT p.* FROM recadv_similar_items(uid(101), 5, ''shop'') r JOIN products p ON p.id = r.item', 'pkey', 'id = '),
    ('SELECT p.* FROM products u, LATERAL recadv_topk(u.id, 5, ''shop'') r JOIN products p ON p.id = r.item
      WHERE u.id = uid(7)', 'pkey', 'id = ')) v(q, index, cond);
SELECT matches(plan_of(q), 'Function Scan on ' || f || ' t\M', 'the body is in the plan: ' || q)
FROM (VALUES ('SELECT * FROM recadv_topk_all(''shop'', 3, ARRAY[uid(7)])', 'recadv_topk_all'),
             ('SELECT * FROM recadv_explain(uid(7), uid(101), 3, ''shop'')', 'recadv_explain'),
             ('SELECT * FROM recadv_similar_users(uid(7), 3, ''shop'')', 'recadv_similar_users'),
             ('SELECT * FROM recadv_topk_for(''{1,2}'', 3, ''films'')', 'recadv_topk_for'),
             ('SELECT * FROM recadv_topk_all(''films'', 3, ''{1,2}'')', 'recadv_topk_all'),
             ('SELECT * FROM recadv_embeddings(''films'', ''user'', ''{1,2}'')', 'recadv_embeddings')) v(q, f);
SELECT matches(plan_of('SELECT * FROM products WHERE recadv_score(id, id, ''shop'') > 0'),
    'recadv_score\(\(id\)::text, \(id\)::text', 'so are scalar functions');

-- --- how many rows the planner expects

CREATE FUNCTION expected(q text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || q INTO plan;
    RETURN plan #> '{0,Plan,Plan Rows}';
END $$;
SELECT is(expected('SELECT * FROM ' || q), n::numeric, 'rows of ' || q)
FROM (VALUES
    ('recadv_topk(7, 25, ''films'')', 25),
    ('recadv_topk(7, model => ''films'')', 10),
    ('recadv_topk(''7'', 25, ''films'')', 25),
    ('recadv_topk(uid(7), 25, ''shop'')', 25),
    ('recadv_topk(7.0, 25, ''num'')', 25),
    ('recadv_topk(7, 25, ''films'', candidates => ARRAY[1, 2, 3])', 3),
    ('recadv_topk(7, 25, ''films'', candidates => ''{1,2,3,4}'')', 4),
    ('recadv_topk(uid(7), 25, ''shop'', candidates => ARRAY[uid(101), uid(102)])', 2),
    ('recadv_topk(7, 2, ''films'', candidates => ARRAY[1, 2, 3])', 2),
    ('recadv_topk(7, NULL, ''films'')', 1),
    ('recadv_topk(7, 25, ''no such model'')', 25),
    ('recadv_topk_for(ARRAY[1], 25, ''films'')', 25),
    ('recadv_slate(ARRAY[1], 25, ''films'')', 25),
    ('recadv_similar_items(7, 25, ''films'')', 25),
    ('recadv_similar_users(7, 25, ''films'')', 25),
    ('recadv_explain(7, 5, 25, ''films'')', 25),
    ('recadv_topk_all(''films'', 3)', 180),
    ('recadv_topk_all(''films'', 1000)', 60 * 40),
    ('recadv_topk_all(''films'', 3, ARRAY[1, 2])', 6),
    ('recadv_topk_all(''films'', 3, ''{1,2,3,4,5}''::bigint[])', 15),
    ('recadv_topk_all(''films'', 3, ''{1,2,3,4,5}'')', 15),
    ('recadv_topk_all(''shop'', 3, NULL::uuid[])', 180),
    ('recadv_topk_all(''shop'', 3, ARRAY[uid(1), uid(2)])', 6),
    ('recadv_topk_all(''films'', 3, ARRAY[1, 2], candidates => ''{5}'')', 2),
    ('recadv_topk_all(''no such model'', 3)', 100000),
    ('recadv_topk_all(''orders'', 3)', 100000),
    ('recadv_embeddings(''films'', ''user'')', 60),
    ('recadv_embeddings(''films'', ''item'')', 40),
    ('recadv_embeddings(''films'', ''user'', ARRAY[1, 2, 3])', 3),
    ('recadv_embeddings(''films'', ''user'', ''{1,2,3,4}'')', 4),
    ('recadv_embeddings(''films'', ''item'', NULL::bigint[])', 40),
    ('recadv_image_topk(NULL::bytea, 7, 25)', 25),
    ('recadv_image_topk_for(NULL::bytea, ''{1}''::text, 25)', 25),
    ('recadv_image_similar_items(NULL::bytea, uid(1), 25)', 25)) v(q, n);
SELECT is(expected('SELECT recadv_topk(7, 25, ''films'')'), 25::numeric, 'in a select list');
SELECT is(expected('SELECT recadv_topk_all(''films'', 3, ''{1,2,3,4}'')'), 12::numeric, 'where no body is put in place');
PREPARE generic AS SELECT * FROM recadv_topk(7, $1, 'films');
SET LOCAL plan_cache_mode = force_generic_plan;
SELECT is(expected('EXECUTE generic(25)'), 10::numeric, 'a generic plan does not know');
SET LOCAL plan_cache_mode = force_custom_plan;
SELECT is(expected('EXECUTE generic(25)'), 25::numeric, 'a custom one does');
RESET plan_cache_mode;
-- an estimate is no way to learn of a model that one may not read
CREATE ROLE recadv_stranger;
GRANT USAGE ON SCHEMA recadv_test TO recadv_stranger;
SET LOCAL ROLE recadv_stranger;
SELECT expected('SELECT * FROM recadv_topk_all(''films'', 3)') AS blind \gset
RESET ROLE;
SELECT is(:blind::numeric, 100000::numeric, 'a stranger learns nothing');

-- --- the fallback

SELECT is((SELECT bool_and(fallback) FROM recadv_topk(u, 5, 'films')), u = 4711, 'fallback for user ' || u)
FROM unnest('{7,4711}'::int[]) u;
SELECT is((SELECT bool_or(fallback) FROM recadv_topk(u, 5, 'films')), NOT recadv_has_user(u, 'films'),
    'for whom recadv_has_user does not hold: ' || u)
FROM unnest('{1,60,61}'::int[]) u;
SELECT is((SELECT string_agg(DISTINCT user_id || ' ' || fallback, ', ') FROM recadv_topk_all('films', 2, ARRAY[7, 4711])),
    '4711 true, 7 false', 'for all');
SELECT is((SELECT bool_and(fallback) FROM recadv_topk_for(h::bigint[], 5, 'films')), w, format('for a history %s', h))
FROM (VALUES ('{1,5}', false), ('{4711}', true), ('{}', true), ('{4711,5}', false)) v(h, w);
SELECT is((SELECT bool_and(fallback) FROM recadv_topk(uid(4711), 5, 'feed')), true, 'a stranger of a stream');
SELECT recadv_observe('feed', uid(4711), uid(101), timestamptz '2026-03-04') \g /dev/null
SELECT is((SELECT bool_or(fallback) FROM recadv_topk(uid(4711), 5, 'feed')), false, 'is none after one event');
SELECT is((SELECT bool_or(fallback) FROM recadv_topk_all('feed', 5, ARRAY[uid(4711)])), false, 'nor for all');
SELECT is((SELECT bool_and(fallback) FROM image, recadv_image_topk(films, u, 5)), u = 4711, 'of an image, user ' || u)
FROM unnest('{7,4711}'::int[]) u;
SELECT is((SELECT bool_and(fallback) FROM image, recadv_image_topk_for(films, '{}'::bigint[], 5)), true,
    'of an image, no history');

SELECT * FROM finish();
ROLLBACK;
