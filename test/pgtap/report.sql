-- What the lists of all users are made of, charts, and the page about a model.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

-- two versions of every algorithm, the second of other data; small, and not compared with the first
CREATE TABLE fewer AS SELECT * FROM orders WHERE (user_id * 3 + item_id) % 7 > 0 AND user_id < 58 AND item_id < 39;
CREATE FUNCTION train_twice(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    source text;
BEGIN
    FOREACH source IN ARRAY '{fewer,orders}'::text[] LOOP
        PERFORM recadv_train('two_' || name, source, algorithm => name, time_column => 'at',
            options => options_of(name, '{"factors": 8, "epochs": 2, "holdout": "none", "promote": "always", "threads": 1, "lateness": 1000000000}'));
    END LOOP;
END $$;
SELECT train_twice(a) FROM algorithms() a \g /dev/null

-- what recadv_topk_all says of a model now, in the form of recadv_lists
CREATE FUNCTION served(model text, k int) RETURNS TABLE (user_id text, items text[]) LANGUAGE sql AS $$
    SELECT user_id, array_agg(item ORDER BY rank) FROM recadv_topk_all(model, k, NULL::text[]) GROUP BY 1
$$;
CREATE FUNCTION lists_agree(model text, k int, wanted int DEFAULT NULL) RETURNS boolean LANGUAGE sql AS $$
    SELECT count(*) > 50 AND bool_and(l.items = s.items)
    FROM recadv_lists(model, k, wanted) l FULL JOIN served(model, k) s USING (user_id)
$$;

-- --- lists of any version ----------------------------------------------------------------------
SELECT ok(lists_agree('two_' || a, 5), a || ': the lists of the version that serves are what recadv_topk_all gives')
FROM algorithms() a;
CREATE TABLE before AS SELECT a, l.* FROM algorithms() a, recadv_lists('two_' || a, 5, 1) l;
CREATE TABLE now AS SELECT a, l.* FROM algorithms() a, recadv_lists('two_' || a, 5) l;
CREATE TABLE alike AS SELECT a, o.* FROM algorithms() a, recadv_overlap('two_' || a, k => 5) o;
CREATE TABLE exposed_before AS SELECT a, e.* FROM algorithms() a, recadv_item_exposure('two_' || a, 5, 1) e;
SET recadv.cache_size = 0;
SELECT is((SELECT md5(string_agg(l::text, '' ORDER BY user_id)) FROM recadv_lists('two_' || a, 5, 1) l),
          (SELECT md5(string_agg((b.user_id, b.items)::text, '' ORDER BY user_id)) FROM before b WHERE b.a = d.a),
          a || ': a version that does not serve has the same lists without any memory for it')
FROM algorithms() AS d(a);
RESET recadv.cache_size;
SELECT is(recadv_rollback('two_' || a), 1, a || ': back to version 1') FROM algorithms() a;
SELECT ok((SELECT count(*) = 57 AND bool_and(b.items = s.items)
           FROM before b JOIN served('two_' || d.a, 5) s ON s.user_id = b.user_id WHERE b.a = d.a),
          a || ': the lists of version 1 were what recadv_topk_all gives when it serves')
FROM algorithms() AS d(a);
SELECT is(recadv_previous_version('two_' || a), NULL, a || ': nothing served before version 1') FROM algorithms() a;
SELECT is(recadv_rollback('two_' || a, 2), 2, a || ': on to version 2') FROM algorithms() a;
SELECT is(recadv_previous_version('two_' || a), 1, a || ': version 1 served before it') FROM algorithms() a;

SELECT is((SELECT array_agg(user_id) FROM recadv_lists('two_bpr', 3, sample => 4)),
          (SELECT array_agg(u::text ORDER BY u) FROM unnest('{1,16,31,46}'::int[]) u), 'a sample is spread evenly over all users');
SELECT is((SELECT count(*) FROM recadv_lists('two_bpr', 3, sample => 1000)), 60::bigint, 'a sample of more users than there are is all');
SELECT is((SELECT array_agg(user_id || ' ' || cardinality(items)) FROM recadv_lists('two_bpr', 3, users => '{7,9,9,nobody,NULL,61}')),
          '{7 3,9 3}', 'users that are named, without strangers');
SELECT is((SELECT array_agg(user_id) FROM recadv_lists('two_bpr', 3, 1, '{7,59,9}')), '{7,9}', 'a version does not know who came later');
SELECT is((SELECT count(*) FROM recadv_lists('two_bpr', NULL)), 0::bigint, 'no rows for a NULL k');
SELECT is((SELECT count(*) FROM recadv_lists('two_bpr', users => '{}')), 0::bigint, 'no rows for no users');
SELECT is((SELECT max(cardinality(items)) FROM recadv_lists('two_bpr', 1000000)), 40 - (SELECT min(n)::int FROM (SELECT count(*) AS n FROM orders GROUP BY user_id) q),
          'k beyond all items');
SELECT fails('SELECT recadv_lists(''two_bpr'', 0)', '22023', 'k must be at least 1%', 'k 0');
SELECT fails('SELECT recadv_lists(''two_bpr'', 5, 0)', '22023', 'version must be at least 1%', 'version 0');
SELECT fails('SELECT recadv_lists(''two_bpr'', 5, 7)', '42704', 'model "two_bpr" has no version 7%', 'a version that is not kept');
SELECT fails('SELECT recadv_lists(''two_bpr'', sample => 0)', '22023', 'sample must be at least 1%', 'sample 0');
SELECT fails('SELECT * FROM ' || f || '(''nowhere'')', '42P01', '%nowhere%', f || ' of an unknown model')
FROM unnest('{recadv_lists,recadv_popularity,recadv_item_exposure,recadv_exposure,recadv_coverage,recadv_overlap,recadv_previous_version,recadv_model_table,recadv_metrics,recadv_report}'::text[]) f;

-- --- exposure, coverage, overlap against plain SQL ---------------------------------------------
CREATE FUNCTION plain_exposure(model text, k int) RETURNS TABLE (item text, popularity float8, lists bigint, decile int) LANGUAGE sql AS $$
    SELECT i::text, count(*)::float8, (SELECT count(*) FROM recadv_topk_all(model, k) t WHERE t.item = i),
           ntile(10) OVER (ORDER BY count(*) DESC, i::text COLLATE "C")
    FROM orders, LATERAL (SELECT item_id) AS x(i) GROUP BY i
$$;
SELECT set_eq(format('SELECT * FROM recadv_item_exposure(%L, 5)', 'two_' || a), format('SELECT * FROM plain_exposure(%L, 5)', 'two_' || a), a || ': exposure of each item')
FROM algorithms() a;
SELECT is((SELECT sum(lists)::bigint FROM exposed_before e WHERE e.a = d.a), (SELECT sum(cardinality(items)) FROM before b WHERE b.a = d.a), a || ': exposure in version 1')
FROM algorithms() AS d(a);
SELECT is((SELECT count(*) FROM recadv_popularity('two_bpr', 1) p JOIN (SELECT item_id::text AS item, count(*) AS n FROM fewer GROUP BY 1) f USING (item) WHERE p.popularity = f.n),
          38::bigint, 'popularity in version 1');
SELECT results_eq($$SELECT decile, items, listed_items, bought, recommended, round(bought_share::numeric, 9), round(recommended_share::numeric, 9) FROM recadv_exposure('two_als', 5)$$,
    $$SELECT decile, count(*), sum((lists > 0)::int), sum(popularity), sum(lists)::bigint, round((sum(popularity) / (SELECT count(*) FROM orders))::numeric, 9), round(sum(lists) / 300, 9)
      FROM plain_exposure('two_als', 5) GROUP BY 1 ORDER BY 1$$, 'exposure by decile');
-- Gini by its definition: the mean difference of all pairs
CREATE FUNCTION gini(v float8[]) RETURNS numeric LANGUAGE sql AS $$
    SELECT round((sum(abs(a - b)) / (2 * count(*) * avg(a)))::numeric, 9) FROM unnest(v) a, unnest(v) b
$$;
SELECT results_eq(format('SELECT users, items, listed_items, round(coverage::numeric, 9), round(gini::numeric, 9), round(bought_gini::numeric, 9) FROM recadv_coverage(%L, %s)', model, k),
    format('SELECT 60::bigint, count(*), sum((lists > 0)::int), round(avg((lists > 0)::int), 9), gini(array_agg(lists::float8)), gini(array_agg(popularity)) FROM plain_exposure(%L, %s)', model, k),
    format('coverage of %s, k %s', model, k))
FROM unnest('{two_popularity,two_als,two_nmrn}'::text[]) model, unnest('{1,5,40}'::int[]) k;
SELECT is((SELECT users FROM recadv_coverage('two_als', 5, sample => 7)), 7::bigint, 'coverage of a sample');
SELECT is((SELECT sum(recommended) FROM recadv_exposure('two_als', 5, sample => 7)), 35::numeric, 'exposure of a sample');
SELECT is((SELECT count(*) FROM recadv_coverage('two_als', NULL)) + (SELECT count(*) FROM recadv_exposure('two_als', NULL))
          + (SELECT count(*) FROM recadv_item_exposure('two_als', NULL)) + (SELECT count(*) FROM recadv_overlap('two_als', k => NULL)), 0::bigint, 'no rows for a NULL k');
SELECT results_eq(format('SELECT shared, users, round(users_share::numeric, 9) FROM alike WHERE a = %L ORDER BY 1', a),
    format($$WITH c AS (SELECT (SELECT count(*)::int FROM unnest(n.items) i WHERE i = ANY (b.items)) AS shared FROM now n JOIN before b USING (a, user_id) WHERE a = %L)
             SELECT s, count(c.shared), round(count(c.shared) / 57.0, 9) FROM generate_series(0, 5) s LEFT JOIN c ON c.shared = s GROUP BY 1 ORDER BY 1$$, a),
    a || ': overlap of its versions')
FROM algorithms() a;
SELECT results_eq('SELECT users FROM recadv_overlap(''two_als'', 2, 2, 5)', '{0,0,0,0,0,60}'::bigint[], 'a version overlaps with itself');
SELECT is((SELECT sum(users) FROM recadv_overlap('two_als', 1, 2, 5, sample => 10)), 10::numeric, 'overlap of a sample');
SELECT is((SELECT sum(users) FROM recadv_overlap('two_als', 2, 1, 5, sample => 20)), 19::numeric, 'of a sample of users whom the other version may not know');

-- --- what a user has ---------------------------------------------------------------------------
SELECT results_eq('SELECT item FROM recadv_seen(7, ''two_bpr'') ORDER BY 1', 'SELECT item_id::bigint FROM orders WHERE user_id = 7 ORDER BY 1', 'recadv_seen');
SELECT results_eq('SELECT item FROM recadv_seen(''7'', ''two_bpr'') ORDER BY 1', 'SELECT item_id::text FROM orders WHERE user_id = 7 ORDER BY 1', 'recadv_seen by text');
SELECT is((SELECT count(*) FROM recadv_seen(99, 'two_bpr')) + (SELECT count(*) FROM recadv_seen(NULL::bigint, 'two_bpr')), 0::bigint, 'of nobody');
SELECT recadv_observe('two_nmrn', 61, 5) \g /dev/null
SELECT recadv_observe('two_nmrn', 61, 777) \g /dev/null
SELECT set_eq('SELECT item FROM recadv_seen(61, ''two_nmrn'')', '{5,777}'::bigint[], 'what was observed counts for recadv_seen');
SELECT is((SELECT count(*) FROM recadv_item_exposure('two_nmrn', 5) WHERE item = '777') + (SELECT count(*) FROM recadv_lists('two_nmrn', 5, users => '{61}')), 0::bigint,
          'and not for lists, which are of versions');
SELECT is((SELECT md5(string_agg(l::text, '' ORDER BY user_id)) FROM recadv_lists('two_nmrn', 5) l),
          (SELECT md5(string_agg((user_id, items)::text, '' ORDER BY user_id)) FROM now WHERE a = 'nmrn'), 'whose lists stay');

-- --- names, and versions that never served -------------------------------------------------------
SELECT is(recadv_model_table('two_als'), 'two_als'::regclass, 'recadv_model_table');
SET LOCAL recadv.model = 'two_bpr';
SELECT is(recadv_model_table(), 'two_bpr'::regclass, 'that of the setting');
RESET recadv.model;
SELECT fails('SELECT recadv_model_table(''orders'')', '42809', '%', 'no model');

-- --- principal components ----------------------------------------------------------------------
SELECT results_eq('SELECT number, round(x::numeric, 4), round(y::numeric, 4) FROM recadv_components(''{{1,5,7},{7,5,7},{4,6,7},{4,4,7}}'')',
    'VALUES (1, -3.0000, 0.0000), (2, 3.0000, 0.0000), (3, 0.0000, 1.0000), (4, 0.0000, -1.0000)', 'principal components of a cross');
SELECT is((SELECT sum(x * x + y * y) FROM recadv_components('{{2,2},{2,2},{2,2}}')), 0::float8, 'of one point');
SELECT is((SELECT round(sum(abs(y))::numeric, 6) FROM recadv_components('{{1},{2},{9}}')), 0.000000, 'of one dimension');
SELECT is((SELECT count(*) FROM recadv_components(NULL)) + (SELECT count(*) FROM recadv_components('{}')), 0::bigint, 'of nothing');
SELECT fails('SELECT recadv_components(''{1,2}'')', '2202E', 'rows must be an array of two dimensions%', 'one dimension');
SELECT fails('SELECT recadv_components(''{{1,NULL}}'')', '2202E', 'rows must be an array of two dimensions%', 'a NULL');
SELECT fails('SELECT recadv_components(''{{1,NaN}}'')', '22003', 'rows must be finite%', 'NaN');

-- --- charts ------------------------------------------------------------------------------------
CREATE FUNCTION is_xml(content text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM xmlparse(DOCUMENT content);
    RETURN true;
EXCEPTION WHEN invalid_xml_document THEN
    RETURN false;
END $$;
SELECT is(recadv_escape(e'a<b> & "c" \x01\x0b\x7f''\t'), e'a&lt;b&gt; &amp; &quot;c&quot; &#39;\t', 'escaping');
CREATE TABLE charts AS
SELECT c.name, recadv_chart(kind, x, y, s, l, e'<script>alert("1")</script> \x02 & co', 'it''s <b>', 'x & <x>', '"y"', t) AS svg
FROM (VALUES
    ('a line', 'line', '{1,2,3}'::float8[], '{5,4,6}'::float8[], NULL::text[], NULL::text[], false),
    ('lines with names', 'line', '{1,2,1,2}', '{5,4,6,1}', '{<a>,<a>,"b & c","b & c"}', NULL, false),
    ('bars', 'bar', NULL, '{5,-4,6,1}', '{a,b,a,b}', '{<x>,<x>,"b&c","b&c"}', false),
    ('bars by number', 'bar', '{1,2}', '{5,4}', NULL, NULL, false),
    ('a scatter', 'scatter', '{1,2}', '{5,4}', NULL, '{<i>,"&"}', false),
    ('times', 'line', '{1700000000,1700090000}', '{5,4}', NULL, NULL, true),
    ('one time', 'line', '{1700000000}', '{5}', NULL, NULL, true),
    ('an endless time', 'line', '{1e12,1700000000}', '{5,6}', NULL, NULL, true),
    ('nothing', 'line', '{}', '{}', NULL, NULL, false),
    ('no arrays', 'scatter', NULL, NULL, NULL, NULL, NULL),
    ('bars of nothing', 'bar', NULL, '{}', NULL, NULL, false),
    ('no numbers', 'line', '{1,NaN,Infinity,NULL,-Infinity}', '{NaN,1,2,3,4}', NULL, NULL, false),
    ('bars that are no numbers', 'bar', NULL, '{NaN,NULL,Infinity}', NULL, NULL, false),
    ('some numbers', 'line', '{1,NaN,3}', '{1,1,5}', NULL, NULL, false),
    ('one point', 'line', '{0}', '{0}', NULL, NULL, false),
    ('one point of a scatter', 'scatter', '{7}', '{-7e50}', NULL, '{p}', false),
    ('equal numbers', 'line', '{1,2}', '{1e9,1e9}', NULL, NULL, false),
    ('all but equal numbers', 'line', '{1,2}', '{1e12,1000000000001}', NULL, NULL, false),
    ('huge and tiny numbers', 'line', '{1e99,-1e99,1e-300}', '{1e99,-1e99,1e-320}', NULL, NULL, false),
    ('numbers too large', 'line', '{1,2}', '{1e308,-1e308}', NULL, NULL, false)) AS c(name, kind, x, y, s, l, t);
SELECT ok(is_xml(svg), name || ': is well-formed') FROM charts;
SELECT ok(svg !~ '<script|<b>|<x>|<a>|<i>|NaN|nan|Infinity', name || ': names are escaped, and no number is not one') FROM charts;
SELECT is(substring(recadv_chart('line', '{1,2,3}', '{0.22,0.57,0.93}', y_title => 'NDCG@100') from '<desc>(.*)</desc>'),
    'Lines of 3 points, NDCG@100 from 0.22 to 0.93.', 'a text alternative has the values, not the ends of the axis');
SELECT is(substring(recadv_chart('bar', NULL, '{3,4}') from '<desc>(.*)</desc>'), 'Bars of 2 points, values from 3 to 4.', 'so of bars');
SELECT ok(svg ~ 'role="img"' AND svg ~ '<title>&lt;script&gt;' AND svg ~ '<desc>it&#39;s &lt;b&gt;', name || ': has a text alternative') FROM charts;
SELECT is(array_agg(name ORDER BY name) FILTER (WHERE svg ~ 'There is nothing to draw'), '{bars of nothing,bars that are no numbers,no arrays,no numbers,nothing,numbers too large}', 'charts of nothing say so') FROM charts;
SELECT alike(svg, '%Left out, as they are no numbers that can be drawn: 1.%', 'and others say what they leave out') FROM charts WHERE name = 'some numbers';
SELECT alike(svg, '%>-4<%>6<%', 'ticks of bars below and above 0') FROM charts WHERE name = 'bars';
SELECT alike(svg, '%>2023-11-15<%', 'ticks of days') FROM (SELECT recadv_chart('line', '{1699600000,1700400000}', '{1,2}', times => true) AS svg) q;
SELECT is(recadv_chart_ticks(0, 97), '{0,20,40,60,80,100}'::float8[], 'ticks');
SELECT is(recadv_chart_labels('{0,20000,40000}'), '{0,20k,40k}', 'thousands');
SELECT is(recadv_chart_labels('{-0.5,0,0.5}'), '{-0.5,0.0,0.5}', 'tenths');
SELECT is(recadv_chart_labels('{0,500000,1000000}'), '{0.0,0.5M,1.0M}', 'millions');
-- where a point lies: 5 of a line from 0 to 10 is in the middle
SELECT matches(recadv_chart('line', '{0,1,2}', '{0,5,10}'), 'd="M([0-9.]+) 224.0L([0-9.]+) 129.0L364.0 34.0"', 'points lie where they belong');
SELECT ok(is_xml(svg) AND length(svg) < 400000, kind || ' of 100,000 points is small')
FROM unnest('{line,scatter}'::text[]) kind,
     LATERAL (SELECT recadv_chart(kind, array_agg(i::float8), array_agg(noise(i::text)::float8), array_agg('s' || i % 3), array_agg('<' || i)) AS svg FROM generate_series(1, 100000) i) q;
SELECT fails($$SELECT recadv_chart('pie', '{1}', '{1}')$$, '22023', 'kind must be line, bar or scatter, not pie%', 'an unknown kind');
SELECT fails($$SELECT recadv_chart(NULL, '{1}', '{1}')$$, '22023', 'kind must be%', 'no kind');
SELECT fails($$SELECT recadv_chart('line', '{1,2}', '{1}')$$, '22023', 'x, y, series and labels must have as many elements%', 'arrays of other lengths');
SELECT fails($$SELECT recadv_chart('line', '{1}', '{1}', '{a,b}')$$, '22023', 'x, y, series and labels%', 'series of another length');
SELECT fails($$SELECT recadv_chart('line', '{1}', '{1}', width => 3)$$, '22023', 'width must be%', 'a width of nothing');
SELECT fails($$SELECT recadv_chart('bar', array_agg(i::float8), array_agg(i::float8)) FROM generate_series(1, 1000) i$$, '22023', '1000 bars do not fit%', 'too many bars');
SELECT fails($$SELECT recadv_chart('line', array_agg(i::float8), array_agg(i::float8), array_agg(i::text)) FROM generate_series(1, 9) i$$, '22023', 'a chart has at most 8 series, not 9%', 'too many series');

-- --- the page ----------------------------------------------------------------------------------
CREATE TABLE products AS
SELECT i AS id, 'Product <script>alert(1)</script> "' || i || e'" & ''co\x02' AS title, 'group <' || i % 11 || '>' AS category FROM generate_series(1, 37) i;
CREATE TABLE pages AS
SELECT a, recadv_report('two_' || a, 'products', group_column => 'category', k => 5) AS page FROM algorithms() a;
SELECT ok(is_xml(page), a || ': the page is well-formed') FROM pages;
SELECT ok(page !~* '<script' AND page LIKE '%&lt;script&gt;alert(1)&lt;/script&gt; &quot;%&amp; &#39;co%', a || ': titles are escaped') FROM pages;
SELECT ok(replace(page, 'http://www.w3.org/2000/svg', '') !~* 'https?:|src=|url\(|@import|href', a || ': nothing comes from elsewhere') FROM pages;
SELECT is((SELECT count(*) FROM regexp_matches(page, '<article>', 'g')), 20::bigint, a || ': twenty users') FROM pages;
SELECT is((SELECT array_agg(m[1]) FROM regexp_matches(page, '<h2>(.*?)</h2>', 'g') m),
          '{What was trained on what,Learning curve,Quality over trainings,Quality over refreshes,Robustness,What is shown to whom,What has changed,Map of items,Sample users}',
          a || ': all sections') FROM pages;
SELECT is(page LIKE '%Not for this model: algorithm &quot;popularity&quot;%' AND page LIKE '%This algorithm gives no reasons%', a = 'popularity', a || ': what it cannot offer') FROM pages WHERE a IN ('popularity', 'bpr', 'als');
SELECT ok(page LIKE '%because of %', a || ': reasons') FROM pages WHERE a IN ('itemknn', 'als', 'bpr', 'nmrn', 'softmax');
SELECT ok(page LIKE '%Version 1 served before.%', a || ': the version before') FROM pages;
SELECT ok(page LIKE '%>others<%' AND page LIKE '%>group &lt;0&gt;<%', a || ': the map has colours') FROM pages WHERE a IN ('als', 'bpr', 'nmrn');

-- quality: trainings that hold out alike are compared, others stand in the table alone
SELECT recadv_train('log', s, algorithm => 'bpr', time_column => 'at', options => ('{"factors": 4, "epochs": 2, "promote": "always", "holdout": "' || h || '"}')::jsonb)
FROM (VALUES ('orders', 'last'), ('orders', 'random'), ('fewer', 'random'), ('(SELECT * FROM orders WHERE user_id < 15)', 'random')) v(s, h) \g /dev/null
SELECT is((SELECT count(DISTINCT run) FROM recadv_metrics('log')), 4::bigint, 'recadv_metrics has all runs');
SELECT set_eq('SELECT run, metric, value FROM recadv_all_metrics WHERE model = ''log''', 'SELECT run, metric, value FROM recadv_metrics(''log'')', 'and so has the view');
SELECT set_eq('SELECT run, value, holdout, k, held_out_users FROM recadv_metrics(''log'') WHERE metric = ''ndcg''', 'SELECT run, ndcg, holdout, k, held_out_users FROM recadv_runs(''log'')', 'with what the log says');
SELECT ok(recadv_report('log') LIKE '%3 measured otherwise, and cannot be compared%There is one so far%', 'a training over a quarter of the users is compared with none');
SELECT recadv_train('log', 'orders', algorithm => 'bpr', time_column => 'at', options => '{"factors": 4, "epochs": 2, "promote": "always", "holdout": "random"}') \g /dev/null
SELECT ok(recadv_report('log') LIKE '%2 measured otherwise, and cannot be compared%<title>Quality by training</title>%', 'the next one with two others');

-- what somebody wrote into the log who may: neither the function nor the view fails
CREATE FUNCTION forge_run(metrics text) RETURNS void LANGUAGE sql AS $$
    UPDATE log SET data = block('run', 6, 1, 1, length(d), convert_to(d, 'UTF8'))
    FROM (SELECT (recadv_document('log', 'run', 1, 0) || metrics::jsonb)::text AS d) o WHERE part = 'run' AND block = 1
$$;
SELECT forge_run('{"metrics": {"a": 1e400, "b": "x", "c": 1e-400, "d": [1], "e": null, "f": -2.5}}');
SELECT results_eq('SELECT metric, value FROM ' || f || ' AND run = 1 ORDER BY 1', $$VALUES ('c', 0::float8), ('f', -2.5)$$, f || ': numbers alone')
FROM unnest('{recadv_metrics(''log'') WHERE true,recadv_all_metrics WHERE model = ''log''}'::text[]) f;
SELECT forge_run('{"metrics": 7}');
SELECT is((SELECT count(*) FROM recadv_metrics('log') WHERE run = 1) + (SELECT count(*) FROM recadv_all_metrics WHERE model = 'log' AND run = 1), 0::bigint, 'no metrics');
SELECT forge_run('{"ranked": 1e30}');
SELECT is((SELECT count(*) FROM recadv_metrics('log') WHERE run = 1) + (SELECT count(*) FROM recadv_all_metrics WHERE model = 'log' AND run = 1), 0::bigint, 'no run');

-- a stream
SELECT recadv_refresh('two_nmrn') \g /dev/null
SELECT ok(recadv_report('two_nmrn') LIKE '%<title>Quality by hour</title>%<title>Events by hour</title>%', 'refreshes by the hour');
SELECT is((SELECT count(*) FROM recadv_metrics('two_nmrn') WHERE kind = 'refresh' AND metric = 'mrr' AND ranked = 2 AND events = 2 AND k = 10), 1::bigint, 'what a refresh has measured');

-- text ids, a model that was saved, names that need quotes, no titles
CREATE SCHEMA "we""ird <s>";
CREATE TABLE "we""ird <s>"."o'ders & <b>" AS SELECT 'u<' || user_id || '>' AS "us""er", 'i&"' || item_id AS "it'em" FROM orders;
SELECT recadv_train('"we""ird <s>"."mo''del <i>"', '"we""ird <s>"."o''ders & <b>"', 'us"er', 'it''em', algorithm => 'als', options => '{"factors": 8, "epochs": 2}') \g /dev/null
CREATE TABLE "we""ird <s>"."ti""tles" AS SELECT DISTINCT "it'em" AS "i d", upper("it'em") AS "ti""tle", left("it'em", 4) AS "gr'oup" FROM "we""ird <s>"."o'ders & <b>";
SELECT ok(is_xml(page) AND page !~ '<[bsi]>' AND page LIKE '%>I&amp;&quot;%' AND page LIKE '%we&quot;&quot;ird &lt;s&gt;%' AND page LIKE '%>User <bdi>u&lt;10&gt;</bdi>%', 'names that need quotes, texts as ids')
FROM (SELECT recadv_report('"we""ird <s>"."mo''del <i>"', '"we""ird <s>"."ti""tles"', 'ti"tle', 'i d', 'gr''oup') AS page) q;
SELECT recadv_save('saved', (SELECT recadv_fit(user_id, item_id, '{"algorithm": "bpr", "factors": 4, "epochs": 1}') FROM orders)) \g /dev/null
SELECT ok(is_xml(page) AND page LIKE '%>recadv_fit()<%' AND page LIKE '%has no training that held out interactions%' AND page LIKE '%There is no version that served before%' AND page LIKE '%Name a table of titles%', 'a model of an image, without titles')
FROM (SELECT recadv_report('saved') AS page) q;

-- what learns from slates knows no users
\ir slates.psql
SELECT recadv_train_policy('visitors', 'slates', algorithm => 'user_response', options => short('user_response')) \g /dev/null
SELECT recadv_train_policy('front', 'slates', algorithm => 'sl', options => short('sl')) \g /dev/null
SELECT ok(is_xml(page) AND (SELECT count(*) FROM regexp_matches(page, 'Not for this model:', 'g')) >= 3 AND page LIKE '%knows no users%', m || ': the page says so')
FROM unnest('{visitors,front}'::text[]) m, LATERAL (SELECT recadv_report(m) AS page) q;
SELECT fails(format('SELECT %s(''front'')', f), '0A000', '%is a policy and knows no users%', f || ' of a policy')
FROM unnest('{recadv_lists,recadv_item_exposure,recadv_exposure,recadv_coverage}'::text[]) f;
SELECT fails('SELECT recadv_seen(1, ''front'')', '0A000', '%knows no users%', 'recadv_seen of a policy');

-- titles: of any type of id, also a view; of which some are missing
CREATE VIEW titles_view AS SELECT id::numeric AS id, title FROM products;
SELECT ok(recadv_report('two_als', 'titles_view') LIKE '%&lt;script&gt;%', 'titles of a view, with ids of another type');
SELECT is((SELECT count(*) FROM recadv_titles('products', 'id', '{title,category}', '{1,2,99}') WHERE texts[2] LIKE 'group <_>'), 2::bigint, 'recadv_titles');
CREATE TABLE padded AS SELECT i::char(5) AS id, 'title of ' || i AS title FROM unnest('{ab,abc,b}'::text[]) i;
SELECT is((SELECT array_agg(texts[1] ORDER BY id) FROM recadv_titles('padded', 'id', '{title}', '{abc,b,c}')), '{title of abc,title of b}', 'ids that are padded');
SELECT is((SELECT count(*) FROM recadv_titles(NULL, 'id', '{title}', '{1}')) + (SELECT count(*) FROM recadv_titles('products', 'id', '{title}', '{}')), 0::bigint, 'of no table, or for no ids');
SELECT fails($$SELECT recadv_titles('products', 'id', '{title}', '{a}')$$, '42804', 'column "id" of %products is of type integer, but not all items%', 'ids that cannot be the table''s');
SELECT fails($$SELECT recadv_report('two_als', 'products', 'name')$$, '42703', '%name%', 'a column that is not there');
SELECT fails($$SELECT recadv_report('two_als', group_column => 'category')$$, '22023', 'group_column is a column of titles%', 'a column of no table');
SELECT fails($$SELECT recadv_report('two_als', k => 0)$$, '22023', 'k must be from 1 to 100%', 'k 0');
SELECT fails($$SELECT recadv_report('two_als', sample => 0)$$, '22023', 'sample must be at least 1%', 'sample 0');
SELECT fails($$SELECT recadv_report('two_als', 'products', NULL)$$, '22004', 'title_column and id_column%', 'NULL as a column');
SELECT ok(recadv_report('two_als', sample => 10) LIKE '%a sample of 10 users, spread evenly over all 60%', 'a sample is named');

-- settings of the session change nothing; nor does a hostile search_path
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.replace(text, text, text) RETURNS text LANGUAGE sql RETURN '<script>';
CREATE FUNCTION hostile.count() RETURNS bigint LANGUAGE sql RETURN 7;
CREATE FUNCTION hostile.eq(text, text) RETURNS boolean LANGUAGE sql RETURN true;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.eq);
CREATE FUNCTION page() RETURNS text LANGUAGE sql AS $$
    SELECT pg_catalog.regexp_replace(recadv_report('recadv_test.two_als', 'recadv_test.products'), 'made at .*? UTC', '')
$$;
CREATE TABLE plain AS SELECT page();
ALTER FUNCTION page() SET search_path = hostile, pg_catalog, public;
ALTER FUNCTION page() SET DateStyle = 'German';
ALTER FUNCTION page() SET extra_float_digits = -10;
ALTER FUNCTION page() SET TimeZone = 'Asia/Tokyo';
SELECT is(page(), (SELECT p.page FROM plain p), 'settings and search_path change nothing');

-- rights
CREATE ROLE recadv_reader;
CREATE ROLE recadv_stranger;
GRANT SELECT ON two_als TO recadv_reader;
SELECT works($$SELECT recadv_report('two_als')$$, 'a page takes SELECT on the model', 'recadv_reader');
SELECT fails($$SELECT recadv_report('two_als', 'products')$$, '42501', 'permission denied%products%', 'and on the titles', 'recadv_reader');
SELECT fails('SELECT ' || c, '42501', 'permission denied%two_als%', c || ' by a stranger', 'recadv_stranger')
FROM (VALUES ($$recadv_lists('two_als')$$), ($$recadv_lists('two_als', 5, 1)$$), ($$recadv_popularity('two_als')$$), ($$recadv_seen(1, 'two_als')$$),
      ($$recadv_exposure('two_als')$$), ($$recadv_coverage('two_als')$$), ($$recadv_overlap('two_als')$$), ($$recadv_previous_version('two_als')$$),
      ($$recadv_metrics('two_als')$$), ($$recadv_model_table('two_als')$$), ($$recadv_report('two_als')$$)) v(c);

-- read-only
SET LOCAL transaction_read_only = on;
SELECT is(page(), (SELECT p.page FROM plain p), 'the same page in a read-only transaction');

SELECT * FROM finish();
ROLLBACK;
