-- Popular of late: with the option popular_half_life, users of whom nothing is known get items by interactions that
-- count half when they are so much older.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

UPDATE orders SET at = at - interval '30 years';
SELECT recadv_train(a || '_of_late', 'orders', time_column => 'at', algorithm => a,
    options => options_of(a, '{"epochs":2,"adv_epochs":1,"factors":8,"seed":5,"holdout":"none"}')
        || '{"popular_half_life": 2592000, "lateness": 1e9}')
FROM algorithms() a \g /dev/null
SELECT recadv_train('plain', 'orders', time_column => 'at', algorithm => 'bpr',
    options => '{"epochs":2,"factors":8,"seed":5,"holdout":"none"}') \g /dev/null

-- what is wanted: interactions of a source, as old as they are at the newest of all but strays
CREATE FUNCTION of_late(newest timestamp, half_life float8 DEFAULT 2592000)
RETURNS TABLE (item bigint, score float8, rank bigint) LANGUAGE sql AS $$
    SELECT item_id, sum(2 ^ (-extract(epoch FROM newest - least(at, newest))::float8 / half_life)),
           row_number() OVER (ORDER BY sum(2 ^ (-extract(epoch FROM newest - least(at, newest))::float8 / half_life)) DESC,
                              item_id)
    FROM (SELECT user_id, item_id, min(at) AS at FROM orders GROUP BY 1, 2) o GROUP BY 1
$$;
SELECT max(at) AS newest FROM orders \gset
-- items in their order, and scores that are the same but for rounding
CREATE FUNCTION is_late(question text, newest timestamp, what text, wanted text DEFAULT 'true')
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    differ text;
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FILTER (WHERE t.item IS NOT NULL), string_agg(concat_ws('' '', l.item, l.score, t.item, t.score), '', '')
                        FILTER (WHERE t.item IS DISTINCT FROM l.item OR abs(t.score / l.score - 1) > 1e-5 OR NOT t.fallback)
                    FROM (SELECT *, row_number() OVER (ORDER BY l.rank) AS place FROM of_late(%L) l WHERE %s) l
                    FULL JOIN (SELECT item, score, rank, fallback FROM %s t) t ON t.rank = l.place',
        newest, wanted, question) INTO n, differ;
    RETURN NEXT is(differ, NULL, format('%s (%s rows)', what, n));
    RETURN NEXT ok(n > 0, what || ': there are some');
END $$;
SELECT is_late(format('recadv_topk(4711, 1000, %L)', a || '_of_late'), :'newest', a) FROM algorithms() a;
SELECT isnt((SELECT array_agg(item) FROM recadv_topk(4711, 10, 'bpr_of_late')),
            (SELECT array_agg(item) FROM recadv_topk(4711, 10, 'plain')), 'which is not what is popular of all times');
SELECT is(answers, (SELECT md5(string_agg(concat_ws(',', u, item, score, rank), ' ' ORDER BY u, rank))
                    FROM generate_series(1, 60) u, LATERAL recadv_topk(u, 5, 'plain')), 'others get what they got')
FROM (SELECT md5(string_agg(concat_ws(',', u, item, score, rank), ' ' ORDER BY u, rank)) AS answers
      FROM generate_series(1, 60) u, LATERAL recadv_topk(u, 5, 'bpr_of_late')) a;
SELECT is_late('recadv_topk_for(''{}''::bigint[], 1000, ''bpr_of_late'')', :'newest', 'no history');
SELECT is_late(format('(SELECT item, score, rank, true AS fallback FROM recadv_slate(''{}''::bigint[], 1000, %L, 0))', a || '_of_late'),
    :'newest', 'a slate without a history: ' || a)
FROM algorithms() a;
SELECT is_late('recadv_topk(4711, 1000, ''bpr_of_late'', candidates => ''{1,2,3,4,5,6,777}'', exclude => ''{3}'')', :'newest',
    'candidates', 'item IN (1, 2, 4, 5, 6)');
SELECT is_late('recadv_topk(4711, 1000, ''bpr_of_late'', exclude => ''{3,9}'')', :'newest', 'without some', 'item NOT IN (3, 9)');
SELECT is_late('recadv_topk_all(''' || a || '_of_late'', 1000, ARRAY[4711])', :'newest', 'recadv_topk_all: ' || a)
FROM algorithms() a;
SELECT is_late('recadv_topk_all(''bpr_of_late'', 1000, ARRAY[4711], candidates => ''{1,2,3,4,5,6,777}'', exclude => ''{3}'')',
    :'newest', 'recadv_topk_all: candidates', 'item IN (1, 2, 4, 5, 6)');
SELECT bag_eq(
    $$SELECT item, score FROM recadv_topk(4711, 100, 'bpr_of_late', popularity_weight => 0.5)$$,
    $$SELECT r.item, r.score - (0.5::real * ln(p.score::float8)::real)
      FROM recadv_topk(4711, 100, 'bpr_of_late') r JOIN recadv_topk(4711, 100, 'plain') p USING (item)$$,
    'popularity_weight goes by the popularity of all times');
SET recadv.cache_size = 0;
SELECT is_late(format('recadv_topk(4711, 1000, %L)', a || '_of_late'), :'newest', 'from the table: ' || a) FROM algorithms() a;
SELECT is_late('recadv_topk_all(''bpr_of_late'', 1000, ARRAY[4711])', :'newest', 'recadv_topk_all from the table');
RESET recadv.cache_size;
SELECT is((SELECT count(*) FROM recadv_topk(4711, 3, 'bpr_of_late')), 3::bigint, 'k of them');

-- images
CREATE TABLE image AS
SELECT recadv_fit(user_id, item_id, at, '{"algorithm":"bpr","factors":4,"epochs":1,"popular_half_life":2592000}')
FROM orders;
SELECT is_late('image, recadv_image_topk(recadv_fit, 4711, 1000)', :'newest', 'an image');
SELECT recadv_save('saved', recadv_fit) FROM image \g /dev/null
SELECT is_late('recadv_topk(4711, 1000, ''saved'')', :'newest', 'a saved one');

-- a stream: refreshes count on, new items too, pending events not before
INSERT INTO orders SELECT u, 41 + u % 3, timestamp :'newest' + u * interval '1 day' FROM generate_series(1, 60) u;
INSERT INTO orders SELECT u, 1 + u % 20, timestamp :'newest' - u * interval '1 day' FROM generate_series(1, 60) u;
SELECT events FROM recadv_refresh('nmrn_of_late') \g /dev/null
SELECT recadv_info('nmrn_of_late') #>> '{recent,origin}' AS origin \gset
CREATE FUNCTION order_of_late(m text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(item::text, ' ' ORDER BY rank) FROM recadv_topk(4711, 1000, m)
$$;
SELECT is(order_of_late('nmrn_of_late'), (SELECT string_agg(item::text, ' ' ORDER BY rank) FROM of_late(max)), 'after a refresh')
FROM (SELECT max(at) FROM orders) m;
SELECT ok((SELECT max(abs(t.score / l.score / 2 ^ (60.0 * 86400 / 2592000) - 1)) < 1e-4
           FROM recadv_topk(4711, 1000, 'nmrn_of_late') t JOIN of_late(max) l USING (item)),
    'counts are those of the origin, which stays')
FROM (SELECT max(at) FROM orders) m;
INSERT INTO orders SELECT u, 44, timestamp :'newest' + 300 * interval '30 days' + u * interval '1 minute'
FROM generate_series(1, 60) u;
SELECT events FROM recadv_refresh('nmrn_of_late') \g /dev/null
SELECT cmp_ok((recadv_info('nmrn_of_late') #>> '{recent,origin}')::float8, '>', :origin::float8,
    'far from the origin it moves');
SELECT is((SELECT item FROM recadv_topk(4711, 1, 'nmrn_of_late')), 44::bigint, 'and what is popular of late is');
SELECT ok((SELECT abs(score - 60) < 0.1 FROM recadv_topk(4711, 1, 'nmrn_of_late')), 'with the count of now');

-- a stray time makes nothing old
TRUNCATE orders;
INSERT INTO orders SELECT u, i, timestamp '2026-01-01' + i * interval '10 days'
FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE u <= 35 - i;
INSERT INTO orders VALUES (1, 30, 'infinity'), (60, 1, '2999-01-01'), (59, 2, NULL);
SELECT recadv_train('bpr_of_late', 'orders', time_column => 'at', algorithm => 'bpr',
    options => '{"epochs":2,"factors":8,"popular_half_life":2592000,"promote":"always"}') \g /dev/null
SELECT ok((SELECT min(score) > 0.01 FROM recadv_topk(4711, 1000, 'bpr_of_late')), 'a stray time makes nothing old');
-- times that are numbers: the half-life is in their units
SELECT recadv_train('numbers', '(SELECT u AS user_id, i AS item_id, 10 * i AS at
                                  FROM generate_series(1, 60) u, generate_series(1, 30) i WHERE u <= 35 - i)',
    time_column => 'at', algorithm => 'als', options => '{"popular_half_life":100}') \g /dev/null
SELECT ok((SELECT bool_and(abs(score - (35 - item) * 2 ^ ((item - 30) / 10.0)) < 1e-4) FROM recadv_topk(4711, 100, 'numbers')),
    'times that are numbers');

-- candidates in several blocks of counts, and a block that none of them needs
SELECT recadv_train('wide', '(SELECT i % 100 AS user_id, i AS item_id, i AS at FROM generate_series(1, 25000) i)',
    time_column => 'at', algorithm => 'popularity', options => '{"popular_half_life":10000,"holdout":"none"}') \g /dev/null
SELECT is((SELECT array_agg((item, score)::text ORDER BY rank) FROM recadv_topk(4711, 5, 'wide', candidates => '{1,8192,8193,24999,99999}')),
          (SELECT array_agg((item, score)::text ORDER BY rank) FROM recadv_topk(4711, 25000, 'wide') WHERE item IN (1, 8192, 8193, 24999)),
          'candidates have the counts that they have among all');
SELECT copy_model('wide', 'narrow') \g /dev/null
DELETE FROM narrow WHERE part = 'recent_popularity' AND block = 2;
SELECT is((SELECT count(*) FROM recadv_topk(4711, 5, 'narrow', candidates => '{1,8193,24999}')), 3::bigint,
    'and need no other blocks');
SELECT fails('SELECT recadv_topk(4711, 5, ''narrow'', candidates => ''{1,20000}'')', 'XX001', '%recent_popularity%', 'than theirs');

-- what cannot be
SELECT fails('SELECT recadv_train(''none'', ''orders'', algorithm => ''bpr'', options => ''{"popular_half_life":10}'')', '22023',
    'option "popular_half_life" is set, but there is no time column%', 'no times');
SELECT fails('SELECT recadv_fit(user_id, item_id, ''{"algorithm":"bpr","popular_half_life":10}'') FROM orders', '22023',
    'option "popular_half_life" is set, but there is no time column%', 'no times of an image');
SELECT fails('SELECT recadv_train(''none'', ''orders'', time_column => ''at'', options => ''{"popular_half_life":-1}'')', '22023',
    '%popular_half_life%', 'a half-life below zero');
-- damage
SELECT copy_model('saved', 'damaged') \g /dev/null
UPDATE damaged SET data = set_byte(data, length(data) - 1, 255) WHERE part = 'recent_popularity';
SELECT fails('SELECT recadv_topk(4711, 3, ''damaged'')', 'XX001', '%recent_popularity%', 'a damaged block');
SELECT lives_ok('SELECT recadv_topk(1, 3, ''damaged'')', 'which stops only those who need it');
DELETE FROM damaged WHERE part = 'recent_popularity';
SELECT fails('SELECT recadv_topk(4711, 3, ''damaged'')', 'XX001', '%recent_popularity%', 'a missing one');

SELECT * FROM finish();
ROLLBACK;
