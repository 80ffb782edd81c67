-- neumf, cdae, irgan: each learns tastes, answers or refuses, and checks its options.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE TABLE chosen (name text, options jsonb);
INSERT INTO chosen VALUES
    ('neumf', '{"factors":8,"width":8,"negatives":4,"epochs":40,"batch_size":100,"learning_rate":0.02}'),
    ('cdae', '{"factors":16,"epochs":40,"batch_size":10,"learning_rate":0.03}'),
    ('irgan', '{"factors":8,"epochs":60,"learning_rate":0.1,"adv_epochs":2,"discriminator_epochs":10,
                "generator_epochs":2}');

-- the last order of each user is asked for
CREATE VIEW test_orders AS SELECT DISTINCT ON (user_id) * FROM orders ORDER BY user_id, at DESC, item_id;
CREATE VIEW train_orders AS SELECT * FROM orders EXCEPT SELECT * FROM test_orders;

CREATE FUNCTION train(model text, name text, more jsonb DEFAULT '{}', source text DEFAULT 'train_orders')
RETURNS recadv_training LANGUAGE sql AS $$
    SELECT t FROM chosen c,
        LATERAL recadv_train(model, source, algorithm => c.name,
            options => c.options || '{"seed":7,"holdout":"random"}' || more) t
    WHERE c.name = train.name
$$;
CREATE TABLE trained AS SELECT name, (t).* FROM chosen, train('m_' || name, name) t;
SELECT recadv_train('floor', 'train_orders', algorithm => 'popularity') \g /dev/null

-- what they learn
SELECT is(
    row(algorithm, best_epoch > 0, ndcg > 0),
    row(name, true, true),
    name || ': it trains and is validated')
FROM trained;
SELECT is((SELECT count(*) FROM held('m_' || name)), 0::bigint,
    name || ': what was held out is learnt at last')
FROM chosen;
CREATE FUNCTION of(model text, name text) RETURNS float8 LANGUAGE sql
RETURN (SELECT value FROM recadv_evaluate(model, 'test_orders', k => '{10}') WHERE metric = name AND k = 10);
SELECT ok(
    of('m_' || name, 'NDCG') > 1.5 * of('floor', 'NDCG'),
    format('%s: it knows tastes: NDCG@10 %s, popularity %s', name, of('m_' || name, 'NDCG'), of('floor', 'NDCG')))
FROM chosen;
SELECT is(
    (SELECT digest('again_' || name) FROM train('again_' || name, name, '{"threads":1}')),
    digest('m_' || name),
    name || ': the same bytes on one thread')
FROM chosen;

-- answers agree with each other
CREATE TABLE best AS
SELECT name, u AS user_id, t.*
FROM chosen, generate_series(1, 60) u, LATERAL recadv_topk(u, 7, 'm_' || name) t;
SELECT is(
    (SELECT count(*) FROM best b WHERE b.name = c.name AND score <> recadv_score(user_id, item, 'm_' || name)),
    0::bigint,
    name || ': recadv_score gives the same scores')
FROM chosen c;
SELECT bag_eq(
    format('SELECT user_id::bigint, item, score, rank, fallback FROM best WHERE name = %L', name),
    format('SELECT * FROM recadv_topk_all(%L, 7, (SELECT array_agg(u::bigint) FROM generate_series(1, 60) u))',
        'm_' || name),
    name || ': recadv_topk_all is recadv_topk of each')
FROM chosen;
SET recadv.cache_size = 0;
SELECT copy_model('m_' || name, 'cold_' || name) FROM chosen \g /dev/null
SELECT bag_eq(
    format('SELECT user_id, item, score, rank, fallback FROM best WHERE name = %L', name),
    format('SELECT u, t.* FROM generate_series(1, 60) u, recadv_topk(u, 7, %L) t', 'cold_' || name),
    name || ': also read from the table')
FROM chosen;
RESET recadv.cache_size;
SELECT is(
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk(999, 5, 'm_' || name)),
    (SELECT array_agg(item ORDER BY rank) FROM recadv_topk(999, 5, 'floor')),
    name || ': strangers get what is popular')
FROM chosen;

-- visitors: a history of one taste, and what is recommended is of it
SELECT ok(
    (SELECT avg((t.item % 4 = taste)::int) > 0.8
     FROM generate_series(0, 3) taste,
          recadv_topk_for((SELECT array_agg(i::bigint) FROM generate_series(4, 24) i WHERE i % 4 = taste),
              3, 'm_' || name) t),
    name || ': a visitor gets what goes with the history')
FROM chosen;
SELECT is(
    (SELECT array_agg(item || ':' || score) FROM recadv_topk_for('{4,8,12}'::bigint[], 5, 'm_' || name)),
    (SELECT array_agg(item || ':' || score) FROM recadv_topk_for('{12,4,999,8,4}'::bigint[], 5, 'm_' || name)),
    name || ': order, repeats and items that it does not know do not count')
FROM chosen;
SELECT train('rowless', 'cdae', '{"user_node":false}') \g /dev/null
SELECT is(
    (SELECT count(*) FROM generate_series(1, 20) u
     WHERE (SELECT array_agg(item || ':' || score ORDER BY rank) FROM recadv_topk(u, 5, 'rowless'))
         IS DISTINCT FROM
           (SELECT array_agg(item || ':' || score ORDER BY rank)
            FROM recadv_topk_for((SELECT array_agg(item_id::bigint) FROM train_orders WHERE user_id = u), 5,
                'rowless'))),
    0::bigint,
    'cdae without rows of users: a visitor with a user''s history gets what the user gets, bit for bit');

-- what else they can, and cannot
SELECT is((SELECT count(*) FROM recadv_similar_items(5, 4, 'm_' || name)), 4::bigint, name || ': similar items')
FROM chosen;
SELECT ok(
    (SELECT count(*) FROM recadv_embeddings('m_' || name, 'item')) = 40, name || ': embeddings of items')
FROM chosen;
SELECT is((SELECT count(*) FROM recadv_similar_users(5, 4, 'm_' || name)), 4::bigint, name || ': similar users')
FROM chosen WHERE name <> 'cdae';
SELECT fails($$SELECT * FROM recadv_similar_users(1, 3, 'm_cdae')$$, '0A000', '%', 'cdae: users are not alike');
SELECT fails(
    format('SELECT * FROM recadv_explain(1, 1, 3, %L)', 'm_' || name), '0A000', '%',
    name || ': it gives no reasons')
FROM chosen;
SELECT fails(
    format('SELECT * FROM recadv_robustness(%L, ''{1}'', ''test_orders'')', 'm_' || name), '0A000', '%',
    name || ': nothing is perturbed')
FROM chosen;
SELECT fails(
    format('SELECT recadv_refresh(%L)', 'm_' || name), '42809', '%', name || ': it does not learn from a stream')
FROM chosen;

-- warm start: the rows that are there go on
CREATE TABLE before AS SELECT name, of('m_' || name, 'NDCG') AS ndcg FROM chosen;
SELECT ok(
    (SELECT (t).epochs < 10 FROM train('m_' || name, name,
        '{"warm_start":true,"warm_epochs":3,"holdout":"none"}') t),
    name || ': a warm start takes fewer epochs')
FROM chosen;
SELECT ok(of('m_' || name, 'NDCG') > 0.8 * ndcg, name || ': and goes on from what it knew') FROM before;

-- presets and extremes
SELECT works(
    format($$SELECT recadv_train('preset_%s_%s', 'train_orders', algorithm => '%s',
        options => '{"preset":"%s","epochs":1}' || options_of('%s',
            '{"adv_epochs":1,"discriminator_epochs":1,"generator_epochs":1}'))$$,
        name, preset, name, preset, name),
    format('%s: preset %s', name, preset))
FROM chosen, unnest('{fast,balanced,best,paper}'::text[]) preset;
SELECT works(format($$SELECT train('odd_%s', '%s', '%s')$$, name, name, more), name || ': ' || more)
FROM (VALUES
    ('neumf', '{"factors":1,"width":1,"layers":1,"negatives":1,"batch_size":1,"epochs":1}'),
    ('neumf', '{"factors":512,"width":128,"negatives":64,"epochs":1}'),
    ('cdae', '{"factors":1,"negatives":1,"batch_size":1,"epochs":1,"corruption":0.95}'),
    ('cdae', '{"factors":1023,"negatives":64,"batch_size":4096,"epochs":1,"loss":"square"}'),
    ('irgan', '{"factors":1,"candidates":1,"epochs":1,"adv_epochs":0}'),
    ('irgan', '{"factors":1024,"generator_batch":1024,"epochs":1,"positives":0,"temperature":0.01}')
) v(name, more);

-- what cannot be
SELECT fails(
    format('SELECT train(''bad'', %L, %L, %L)', name, more, source), state, message,
    format('%s: %s %s', name, source, more))
FROM chosen,
    (VALUES ('(SELECT user_id, 1 AS item_id, at FROM orders)', '{}', '22023', '%nothing to learn a ranking from%'),
            ('(SELECT 1 AS user_id, 1 AS item_id)', '{}', '22023', '%nothing to learn a ranking from%'),
            ('(SELECT DISTINCT 1 AS user_id, item_id FROM orders)', '{"holdout":"none"}', '22023',
             '%nothing to learn a ranking from%'),
            ('(SELECT * FROM orders WHERE false)', '{}', '22023', '%has no interactions'),
            ('(SELECT NULL::int AS user_id, item_id FROM orders)', '{}', '22023', '%NULL id%'),
            ('(SELECT user_id, NULL::int AS item_id FROM orders)', '{}', '22023', '%NULL id%'),
            ('(SELECT user_id FROM orders)', '{}', '42703', '%item_id%')) v(source, more, state, message);
SELECT is(
    (SELECT row(users, items, null_rows, duplicates) FROM train('few_' || name, name, '{"epochs":2}',
        '(SELECT 1 AS user_id, 1 AS item_id UNION ALL SELECT 1, 1 UNION ALL SELECT 2, 2
          UNION ALL SELECT NULL, 1 UNION ALL SELECT 1, NULL)')),
    row(2::bigint, 2::bigint, 2::bigint, 1::bigint),
    name || ': two users with an item each; rows without an id are left out, and counted')
FROM chosen;
SELECT is((SELECT item FROM recadv_topk(1, 5, 'few_' || name)), 2::bigint, name || ': and answers')
FROM chosen;
SELECT works(
    format($$SELECT train('all_%s', %L, '{"epochs":2}',
        '(SELECT u AS user_id, i AS item_id FROM generate_series(1, 9) u, generate_series(1, 5) i WHERE u < 9 OR i = 1)')$$,
        name, name),
    name || ': all users but one have all items')
FROM chosen;
SELECT fails(
    $$SELECT train('bad', 'irgan', '{"learning_rate":1000,"epochs":3}')$$, '22003', '%diverged%learning_rate%',
    'irgan: numbers without end');
CREATE FUNCTION huge_steps(name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM train('huge', name, '{"learning_rate":1000,"last_rate":1,"regularization":1000}');
    RETURN (SELECT count(*) || ' of them finite'
            FROM generate_series(1, 60) u, recadv_topk(u, 5, 'huge') WHERE abs(score) < 'Infinity');
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN '300 of them finite';
END $$;
SELECT is(huge_steps(name), '300 of them finite',
    name || ': steps of 1000 are refused, or lead to scores that are numbers')
FROM chosen;
SELECT matches(
    error_of(format($$SELECT train('bad', '%s', '{"%s":%s}')$$, name, option, value)),
    format('option "%s"', option),
    format('%s: %s %s is checked', name, option, value))
FROM (VALUES ('neumf', 'factors', '513'), ('neumf', 'factors', '0'), ('neumf', 'width', '129'),
             ('neumf', 'layers', '4'), ('neumf', 'layers', '0'), ('neumf', 'negatives', '65'),
             ('neumf', 'batch_size', '0.5'), ('neumf', 'epochs', '0'), ('neumf', 'learning_rate', '-1'),
             ('neumf', 'last_rate', '1.5'), ('neumf', 'regularization', '"NaN"'), ('neumf', 'warm_epochs', 'null'),
             ('neumf', 'loss', '"softmax"'),
             ('cdae', 'factors', '1024'), ('cdae', 'loss', '"hinge"'), ('cdae', 'corruption', '1'),
             ('cdae', 'corruption', '-0.1'), ('cdae', 'normalize', '2'), ('cdae', 'user_node', '"perhaps"'),
             ('cdae', 'batch_size', '4097'), ('cdae', 'negatives', '0'), ('cdae', 'learning_rate', '1e300'),
             ('irgan', 'factors', '1025'), ('irgan', 'candidates', '0'), ('irgan', 'adv_epochs', '-1'),
             ('irgan', 'temperature', '0'), ('irgan', 'positives', '1'), ('irgan', 'generator_batch', '0'),
             ('irgan', 'generator_epochs', '10001'), ('irgan', 'adv_learning_rate', '[]'),
             ('irgan', 'discriminator_regularization', '-1')) v(name, option, value);

-- a training that would take for ever ends when it is told to, and leaves no model
CREATE FUNCTION cancelled(name text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM train('endless', name, options);
    RETURN 'it came to its end';
EXCEPTION WHEN query_canceled THEN
    RETURN SQLSTATE || coalesce(' but there is ' || to_regclass('endless'), '');
END $$;
SET LOCAL statement_timeout = '700ms';
SELECT is(cancelled('neumf', '{"epochs":1000000,"holdout":"none"}'), '57014', 'neumf ends when it is cancelled');
SELECT is(cancelled('cdae', '{"epochs":1000000,"holdout":"none"}'), '57014', 'cdae, too');
SELECT is(cancelled('irgan', '{"epochs":1000000,"holdout":"none"}'), '57014', 'and irgan');
SELECT is(
    cancelled('irgan', '{"epochs":1,"adv_epochs":10000,"holdout":"none","discriminator_epochs":10000,
                         "generator_epochs":10000}'),
    '57014', 'also within a round');
RESET statement_timeout;

-- damage: whoever reads the part is told which one it is, whoever does not is answered
SELECT train('wide_' || name, name, '{"factors":20,"epochs":1}') FROM chosen \g /dev/null
CREATE TABLE changes (name text, change text);
INSERT INTO changes VALUES
    ('missing', 'DELETE FROM hurt WHERE part = %L'),
    ('cut off', 'UPDATE hurt SET data = substring(data FOR length(data) - 4) WHERE part = %L'),
    ('changed', 'UPDATE hurt SET data = set_byte(data, 40, get_byte(data, 40) # 64) WHERE part = %L'),
    ('of a model with other options',
     'UPDATE hurt SET data = (SELECT data FROM wide w WHERE w.part = hurt.part AND w.block = hurt.block)
      WHERE part = %L');
CREATE FUNCTION damaged(name text, part text, change text, probe text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM copy_model('m_' || name, 'hurt'), copy_model('wide_' || name, 'wide');
    EXECUTE 'DELETE FROM hurt WHERE version < (SELECT max(version) FROM hurt) AND version > 0';
    EXECUTE format(change, part);
    RETURN error_of(format(probe, name));
END $$;
CREATE TABLE parts (name text, part text, probe text);
INSERT INTO parts
SELECT name, part,
    CASE WHEN part LIKE 'judge%' THEN
            'SELECT train(''hurt'', %L, ''{"warm_start":true,"warm_epochs":1,"holdout":"none"}'')'
        ELSE 'SELECT * FROM recadv_topk(1, 5, ''hurt'')' END
FROM (VALUES ('neumf', '{user,item,network}'::text[]), ('cdae', '{user,input,output,bias}'),
             ('irgan', '{user,item,bias,judge_user,judge_item,judge_bias}')) v(name, parts), unnest(parts) part;
SELECT matches(
    damaged(p.name, part, change, probe),
    format('^(XX001|55000) \| .*part "%s"', part),
    format('%s: "%s" %s', p.name, part, c.name))
FROM parts p, changes c
WHERE NOT (part IN ('bias', 'judge_bias') AND p.name = 'irgan' AND c.name ~ '^of a');
SELECT is(
    damaged('irgan', part, 'DELETE FROM hurt WHERE part = %L', 'SELECT * FROM recadv_topk(1, 5, ''hurt'')'), NULL,
    'irgan: without "' || part || '", which serving does not read, it serves')
FROM parts WHERE part LIKE 'judge%';
SELECT ok(
    recadv_estimate_memory(1000, 500, 10000, name)
        < recadv_estimate_memory(1000, 500, 10000, name, '{"factors":256}'),
    name || ': memory is estimated')
FROM chosen;

SELECT * FROM finish();
ROLLBACK;
