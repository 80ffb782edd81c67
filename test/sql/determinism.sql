-- Same data, options and seed: the same bytes, whatever the threads, the order of rows, the form.
CREATE SCHEMA test_determinism;
SET search_path = test_determinism, public;
SET recadv.progress = off;
SET recadv.max_threads = 4;

CREATE FUNCTION noise(text) RETURNS int IMMUTABLE LANGUAGE sql
RETURN (('x' || substr(md5($1), 1, 7))::bit(28)::int);

CREATE TABLE orders AS
SELECT u AS user_id, i AS item_id,
       timestamp '2026-01-01' + noise(u || '/' || i) * interval '1 second' AS at
FROM generate_series(1, 300) u, generate_series(1, 120) i
WHERE noise(u || ':' || i) % 100 < CASE WHEN u % 6 = i % 6 THEN 40 ELSE 4 END;

-- what the model says, without what differs from run to run by nature: times in header and history
CREATE FUNCTION digest(model text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format(
        $q$SELECT md5(string_agg(part || block || md5(data), ' ' ORDER BY part, block))
           FROM %s WHERE version = 1 AND part NOT IN ('header', 'history')$q$,
        model) INTO result;
    RETURN result;
END $$;
CREATE FUNCTION curve(model text) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(concat_ws(',', epoch, stage, loss, ndcg, hr), ' ' ORDER BY epoch))
    FROM recadv_history(model)
$$;

-- the same model in several ways; returns the digests that differ from those of the first way
CREATE TABLE ways (algorithm text, options jsonb, way text, digest text, curve text);
CREATE PROCEDURE try(algorithm text, options jsonb, way text, source text DEFAULT 'orders',
                     extra jsonb DEFAULT '{}') LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_train('made', source, time_column => 'at', algorithm => try.algorithm,
                         options => try.options || extra);
    INSERT INTO ways VALUES (try.algorithm, try.options, way, digest('made'), curve('made'));
    DROP TABLE made;
END $$;

DO $$
DECLARE
    a text;
    o jsonb;
BEGIN
    FOR a, o IN VALUES
        ('popularity', '{"seed":7}'::jsonb),
        ('bpr', '{"factors":8,"epochs":6,"evaluate_every":2,"learning_rate":0.1,"seed":7}'),
        ('bpr', '{"factors":5,"epochs":6,"learning_rate":0.05,"optimizer":"sgd",
                  "adaptive_negatives":4,"holdout":"random","validation_users":50,"seed":7}'),
        ('amf', '{"factors":8,"epochs":4,"adv_epochs":4,"learning_rate":0.1,
                  "optimizer":"adagrad","regularization":0.001,"seed":7}'),
        ('amf', '{"factors":16,"epochs":3,"adv_epochs":3,"learning_rate":0.1,
                  "batch_size":64,"holdout":"none","relative_epsilon":0.1,"seed":7}')
    LOOP
        CALL try(a, o, '1 thread', extra => '{"threads":1}');
        CALL try(a, o, '2 threads', extra => '{"threads":2}');
        CALL try(a, o, '4 threads', extra => '{"threads":4}');
        CALL try(a, o, 'again', extra => '{"threads":4}');
        CALL try(a, o, 'other order',
            '(SELECT * FROM orders ORDER BY item_id DESC, user_id % 7, at)');
        CALL try(a, o, 'every row twice',
            '(SELECT * FROM orders
              UNION ALL SELECT user_id, item_id, at + interval ''1 day'' FROM orders)');
        CALL try(a, o, 'bigint', '(SELECT user_id::bigint, item_id::bigint, at FROM orders)');
    END LOOP;
END $$;

SELECT algorithm, options ->> 'optimizer' AS optimizer, options ->> 'batch_size' AS batch,
       count(*) AS ways, count(DISTINCT digest) AS digests, count(DISTINCT curve) AS curves
FROM ways GROUP BY 1, 2, 3, options ORDER BY 1, 2, 3;

-- every algorithm that learns from interactions, with what it has of these options; only those that
-- differ are printed
CREATE VIEW learners AS SELECT algorithm_name FROM recadv_options() WHERE option = 'holdout';
TRUNCATE ways;
SET client_min_messages = error; -- so few epochs may well lose accuracy
DO $$
DECLARE
    a text;
    o jsonb;
BEGIN
    FOR a, o IN
        SELECT algorithm_name, jsonb_object_agg(key, value)
        FROM recadv_options()
        JOIN jsonb_each('{"factors":8,"epochs":2,"adv_epochs":2,"pre_epochs":1,"seed":8}')
             ON key = option
        WHERE algorithm_name IN (SELECT * FROM learners)
        GROUP BY 1
    LOOP
        CALL try(a, o, '1 thread', extra => '{"threads":1}');
        CALL try(a, o, '4 threads', extra => '{"threads":4}');
        CALL try(a, o, 'other order', '(SELECT * FROM orders ORDER BY item_id DESC, at)');
    END LOOP;
END $$;
RESET client_min_messages;
SELECT (SELECT count(DISTINCT algorithm) FROM ways)
           = (SELECT count(*) FROM learners) AS all_of_them;
SELECT algorithm, options, count(*) AS ways, count(DISTINCT digest) AS digests,
       count(DISTINCT curve) AS curves
FROM ways GROUP BY 1, 2
HAVING count(*) <> 3 OR count(DISTINCT digest) <> 1 OR count(DISTINCT curve) > 1;

-- a digest that never changes would prove nothing
TRUNCATE ways;
CALL try('bpr', '{"factors":8,"epochs":2,"learning_rate":0.1,"seed":7}', 'seed 7');
CALL try('bpr', '{"factors":8,"epochs":2,"learning_rate":0.1,"seed":8}', 'seed 8');
CALL try('bpr', '{"factors":8,"epochs":3,"learning_rate":0.1,"seed":7}', 'one epoch more');
CALL try('bpr', '{"factors":8,"epochs":2,"learning_rate":0.11,"seed":7}', 'a larger step');
CALL try('bpr', '{"factors":8,"epochs":2,"learning_rate":0.1,"holdout":"random","seed":7}',
    'another holdout');
CALL try('bpr', '{"factors":8,"epochs":2,"learning_rate":0.1,"seed":7}', 'one row less',
         '(SELECT * FROM orders ORDER BY user_id, item_id OFFSET 1)');
SELECT count(*) AS ways, count(DISTINCT digest) AS digests FROM ways;

-- the aggregate learns the same model as the function
SET client_min_messages = error;
SELECT recadv_save(
    'fitted',
    recadv_fit(user_id, item_id, at,
        '{"algorithm":"amf","factors":8,"epochs":4,"adv_epochs":4,"learning_rate":0.1,"seed":7}'))
FROM orders;
SELECT version
FROM recadv_train('trained', 'orders', time_column => 'at', algorithm => 'amf',
    options => '{"factors":8,"epochs":4,"adv_epochs":4,"learning_rate":0.1,"seed":7}');
SELECT digest('fitted') = digest('trained') AS same_model,
       curve('fitted') = curve('trained') AS same_curve;

-- what is served does not depend on the threads either
SELECT version
FROM recadv_train('trained', 'orders', time_column => 'at', algorithm => 'amf',
    options => '{"factors":8,"epochs":4,"adv_epochs":4,"learning_rate":0.1,"seed":7,"threads":1}');
SELECT count(*) AS different
FROM generate_series(1, 300) u, LATERAL recadv_topk(u, 20, 'trained') a
JOIN LATERAL recadv_topk(u, 20, 'fitted') b USING (rank)
WHERE a.item <> b.item OR a.score <> b.score;

RESET search_path;
RESET recadv.progress;
RESET recadv.max_threads;
SET client_min_messages = warning;
DROP SCHEMA test_determinism CASCADE;
