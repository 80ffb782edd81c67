--
-- demo-report.sql: trains models on the bookshop of demo.sql and shows what they are worth.
--
\pset footer off
\pset null '-'
SET client_min_messages = warning;
CREATE EXTENSION recadv;
CREATE TEMPORARY TABLE contenders (place int, algorithm text);
INSERT INTO contenders VALUES (1, 'popularity'), (2, 'bpr'), (3, 'amf');

\echo
\echo '== The shop'
\echo
SELECT (SELECT count(*) FROM customers) AS customers,
       (SELECT count(*) FROM books) AS books,
       (SELECT count(DISTINCT genre) FROM books) AS genres,
       count(*) AS purchases,
       (SELECT count(*) FROM purchases_test) AS held_out
  FROM purchases;

SELECT b.title AS bestseller, b.genre, count(*) AS sold
  FROM purchases p JOIN books b ON b.id = p.book_id
 GROUP BY b.id ORDER BY sold DESC, b.id LIMIT 5;

\echo '== Training, three times'
\echo
\echo '    CREATE EXTENSION recadv;'
\echo '    SELECT * FROM recadv_train(''shop_amf'', ''purchases_train'', algorithm => ''amf'','
\echo '        user_column => ''customer_id'', item_column => ''book_id'', time_column => ''bought_at'');'
\echo
SELECT t.model, t.users, t.items, t.interactions, t.epochs, t.best_epoch,
       round(t.seconds::numeric, 2) AS seconds, t.stop_reason
  FROM contenders c,
       LATERAL recadv_train('shop_' || c.algorithm, 'purchases_train',
                            algorithm => c.algorithm, user_column => 'customer_id',
                            item_column => 'book_id', time_column => 'bought_at') t
 ORDER BY c.place;

ALTER DATABASE shop SET recadv.model = 'shop_amf';

-- Three ways to look at each model.
CREATE TEMPORARY TABLE quality AS
SELECT algorithm, metric, value
  FROM contenders c,
       LATERAL recadv_evaluate('shop_' || c.algorithm, 'purchases_test',
                               user_column => 'customer_id', item_column => 'book_id',
                               k => '{10}') e;

CREATE TEMPORARY TABLE taste AS
SELECT algorithm, avg((b.genre = ANY (u.favourites))::int) AS share
  FROM contenders c
       CROSS JOIN customers u
       CROSS JOIN LATERAL recadv_topk(u.id, 10, model => 'shop_' || c.algorithm) t
       JOIN books b ON b.id = t.item
 WHERE u.id <= 500
 GROUP BY algorithm;

CREATE TEMPORARY TABLE robustness AS
SELECT algorithm, perturbation || ' ' || epsilon AS how,
       to_char(100 * relative_change, 'SFM990.0" %"') AS change
  FROM contenders c,
       LATERAL recadv_robustness('shop_' || c.algorithm, epsilon => '{0.1,0.25,0.5}', relative => true,
                                 test_source => 'purchases_test',
                                 user_column => 'customer_id', item_column => 'book_id') r
 WHERE c.algorithm <> 'popularity'; -- has no embeddings to move

\echo '== What they are worth'
\echo
\echo 'HR@10, NDCG@10   the last purchase of a customer, which no model has seen: is it among the ten'
\echo '                 books recommended, and how high'
\echo 'taste            how many of the ten are of a favourite genre (customers 1 to 500)'
\echo 'random, worst    change of NDCG@100 when every embedding is moved by this share of its length, in a'
\echo '                 random direction or in the most harmful one: the smaller, the more robust'
\echo
SELECT algorithm,
       round((SELECT value FROM quality q
               WHERE q.algorithm = c.algorithm AND metric = 'HR')::numeric, 3) AS "HR@10",
       round((SELECT value FROM quality q
               WHERE q.algorithm = c.algorithm AND metric = 'NDCG')::numeric, 3) AS "NDCG@10",
       (SELECT to_char(100 * share, 'FM990" %"') FROM taste t
         WHERE t.algorithm = c.algorithm) AS "taste",
       max(change) FILTER (WHERE how = 'random 0.25') AS "random 0.25",
       max(change) FILTER (WHERE how = 'random 0.5') AS "random 0.5",
       max(change) FILTER (WHERE how = 'adversarial 0.1') AS "worst 0.1",
       max(change) FILTER (WHERE how = 'adversarial 0.25') AS "worst 0.25",
       max(change) FILTER (WHERE how = 'adversarial 0.5') AS "worst 0.5"
  FROM contenders c LEFT JOIN robustness USING (algorithm)
 GROUP BY c.place, c.algorithm
 ORDER BY c.place;

\echo '== Recommendations for four customers (shop_amf)'
\echo
\echo 'A star marks the held-out purchase.  What a customer has bought before is not recommended.'
\echo
WITH chosen AS (
    SELECT id, name, favourites FROM customers WHERE id IN (42, 1001, 1999, 2718)
),
bought AS (
    SELECT customer_id, title || ' (' || genre || ')' AS book,
           row_number() OVER (PARTITION BY customer_id ORDER BY bought_at DESC) AS line
      FROM purchases_train JOIN books ON books.id = book_id
     WHERE customer_id IN (SELECT id FROM chosen)
),
recommended AS (
    SELECT c.id AS customer_id, title || ' (' || genre || ')'
               || CASE WHEN t.book_id IS NULL THEN '' ELSE ' *' END AS book,
           r.rank AS line
      FROM chosen c
           CROSS JOIN LATERAL recadv_topk(c.id, 10, model => 'shop_amf') r
           JOIN books b ON b.id = r.item
           LEFT JOIN purchases_test t ON t.customer_id = c.id AND t.book_id = b.id
)
SELECT coalesce(CASE line.line WHEN 1 THEN name WHEN 2 THEN 'likes' ELSE '  ' || favourites[line.line - 2] END, '')
           AS customer,
       coalesce(b.book, '') AS "bought (the latest first)",
       coalesce(r.book, '') AS "recommended"
  FROM chosen c
       CROSS JOIN generate_series(1, 11) AS line
       LEFT JOIN bought b ON b.customer_id = c.id AND b.line = line.line AND line.line <= 10
       LEFT JOIN recommended r ON r.customer_id = c.id AND r.line = line.line
 ORDER BY c.id, line.line;

\echo '== A model that learns while the shop sells'
\echo
\echo '    SELECT * FROM recadv_train(''shop_live'', ''purchases'', algorithm => ''nmrn'', options => ''{"preset": "hinge"}'', ...);'
\echo '    SELECT recadv_attach(''shop_live'');'
\echo
SELECT model, users, items, interactions, round(seconds::numeric, 2) AS seconds
  FROM recadv_train('shop_live', 'purchases', algorithm => 'nmrn', user_column => 'customer_id',
                    item_column => 'book_id', time_column => 'bought_at', options => '{"preset": "hinge"}');
SELECT recadv_attach('shop_live') \g /dev/null

CREATE TEMPORARY TABLE shelf (place int, moment text, books text[]);
CREATE PROCEDURE look(place int, moment text) LANGUAGE sql AS $$
    INSERT INTO shelf
    SELECT place, moment, array_agg(b.title || ' (' || b.genre || ')' ORDER BY r.rank)
      FROM recadv_topk(3001, 5, model => 'shop_live') r JOIN books b ON b.id = r.item
$$;
INSERT INTO customers VALUES (3001, 'Nora Newcomer', '{}');
CALL look(1, 'new: what is popular');
INSERT INTO purchases SELECT 3001, id, now() FROM books WHERE genre = 'cooking' ORDER BY id LIMIT 3;
CALL look(2, 'three cookbooks later');
INSERT INTO purchases SELECT 3001, id, now() FROM books WHERE genre = 'horror' ORDER BY id LIMIT 3;
CALL look(3, 'and three of horror');

\echo 'A new customer; the recommendations follow each purchase at once, without training:'
\echo
SELECT line AS rank,
       max(books[line]) FILTER (WHERE place = 1) AS "new: what is popular",
       max(books[line]) FILTER (WHERE place = 2) AS "three cookbooks later",
       max(books[line]) FILTER (WHERE place = 3) AS "and three of horror"
  FROM shelf, generate_series(1, 5) AS line GROUP BY line ORDER BY line;

\echo '    SELECT * FROM recadv_refresh(''shop_live'');   -- pg_cron would do this every minute'
\echo
SELECT events, observed, new_users, new_items, round(seconds::numeric, 3) AS seconds
  FROM recadv_refresh('shop_live');
DROP PROCEDURE look;

\echo '== Visitors who get bored, and a policy that keeps them'
\echo
\echo 'A log of the front page (ten books at a time) trains visitors who answer as its customers did; they leave'
\echo 'when their patience runs out.  A policy is trained on such visitors, and judged on others: on some who never'
\echo 'tire, and on some who click less of a kind of book the more of it they have clicked last (rule boredom).'
\echo
\echo '    SELECT * FROM recadv_train_policy(''visitors'', ''shelves'', algorithm => ''user_response'', ...);'
\echo '    SELECT * FROM recadv_train_policy(''front_page'', ''shelves'', simulator => ''visitors'');'
\echo
CREATE TEMPORARY TABLE visitor_models AS
SELECT v.model, round((v.metrics ->> 'auc')::numeric, 3) AS auc, round(v.seconds::numeric, 2) AS seconds
  FROM (VALUES ('visitors', 1, '{}'), ('judge', 2, '{}'),
               ('bored', 1, '{"boredom": 6, "boredom_clusters": 6}'),
               ('bored_judge', 2, '{"boredom": 6, "boredom_clusters": 6}')) AS s(model, half, rules),
       LATERAL recadv_train_policy(s.model, '(SELECT * FROM shelves WHERE session_id % 2 = ' || half - 1 || ')',
           algorithm => 'user_response', options => rules::jsonb || jsonb_build_object('patience', 60, 'seed', half)) v;
SELECT model, algorithm, sessions, steps, round(reward::numeric, 2) AS reward,
       round(random_reward::numeric, 2) AS by_chance, round(seconds::numeric, 2) AS seconds
  FROM (VALUES ('front_page', 'visitors'), ('front_page_bored', 'bored')) AS s(name, simulator),
       LATERAL recadv_train_policy(name, '(SELECT * FROM shelves WHERE session_id % 2 = 0)', simulator => s.simulator);

\echo 'What a session earns (a click 1, a book without one -0.1, per ten books), and how many shelves it has:'
\echo
SELECT CASE policy WHEN 'shop_popularity' THEN 'what sells best' WHEN 'front_page' THEN 'policy for those who never tire'
                   WHEN 'front_page_bored' THEN 'policy for those who get bored' ELSE 'chance' END AS "shown to visitors",
       max(reward) FILTER (WHERE judge = 'judge') AS "who never tire",
       max(depth) FILTER (WHERE judge = 'judge') AS shelves,
       max(reward) FILTER (WHERE judge = 'bored_judge') AS "who get bored",
       max(depth) FILTER (WHERE judge = 'bored_judge') AS "shelves "
  FROM (SELECT judge, policy, round(avg(r)::numeric, 2) AS reward, round(avg(n), 1) AS depth
          FROM unnest('{judge,bored_judge}'::text[]) AS judge,
               unnest(ARRAY[NULL, 'shop_popularity', 'front_page', 'front_page_bored']) AS policy,
               LATERAL (SELECT sum(reward) AS r, count(*) AS n
                          FROM recadv_simulate(judge, policy, 1000) GROUP BY session_id) AS s
         GROUP BY judge, policy) AS played
 GROUP BY policy ORDER BY max(reward) FILTER (WHERE judge = 'bored_judge');

\echo 'Six books for a visitor who has clicked three cookbooks: of one kind, or of several.'
\echo
SELECT r.rank, max(b.title || ' (' || b.genre || ')') FILTER (WHERE m = 'front_page') AS "for those who never tire",
       max(b.title || ' (' || b.genre || ')') FILTER (WHERE m = 'front_page_bored') AS "for those who get bored"
  FROM unnest('{front_page,front_page_bored}'::text[]) AS m,
       LATERAL recadv_topk_for(ARRAY(SELECT id::bigint FROM books WHERE genre = 'cooking' ORDER BY id LIMIT 3), 6, m) r
       JOIN books b ON b.id = r.item
 GROUP BY r.rank ORDER BY r.rank;
