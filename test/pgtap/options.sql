-- The options object: unknown keys, wrong types, values out of range; what options do.
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(options text, algorithm text DEFAULT 'amf', model text DEFAULT 'm',
                      source text DEFAULT 'orders')
RETURNS recadv_training LANGUAGE sql AS $$
    SELECT * FROM recadv_train(model, source, algorithm => algorithm, options => options::jsonb)
$$;

-- unknown keys: the nearest known one is named, with what it accepts
SELECT fails(
    format('SELECT train(%L)', format('{"%s":1}', k)),
    '22023',
    format('unknown option "%s"%%nearest option is "%s": a%%', k, n),
    k || ' is near ' || n)
FROM (VALUES ('factor', 'factors'), ('Factors', 'factors'), ('learning-rate', 'learning_rate'),
             ('learningrate', 'learning_rate'), ('eposilon', 'epsilon'), ('lamda', 'lambda'),
             ('epoch', 'epochs'), ('thread', 'threads'), ('sead', 'seed'),
             ('keep_version', 'keep_versions')) v(k, n);
SELECT fails(
    'SELECT train(''{"optimiser":"sgd"}'')',
    '22023',
    '%nearest option is "optimizer": one of: adagrad_row, adagrad, sgd.',
    'a choice lists its values');
SELECT fails(
    'SELECT train(''{"embedding_dimension":8}'')',
    '22023',
    'unknown option "embedding_dimension" for algorithm "amf" | %recadv_options(''amf'')%',
    'nothing is near: the list is named');
SELECT fails(
    format('SELECT train(%L)', jsonb_build_object(repeat('f', 3000), 1)),
    '22023',
    'unknown option "fff%',
    'a very long key');
SELECT fails(
    $$SELECT train('{"ø":1}')$$,
    '22023',
    'unknown option "ø"%',
    'a key that is not ASCII');
SELECT fails($$SELECT train('{"":1}')$$, '22023', 'unknown option ""%', 'an empty key');
SELECT fails(
    $$SELECT train('{"factors":4,"epochs":1,"adv_epochs":1,"zzzzzzzzz":1}')$$,
    '22023',
    'unknown option "zzzzzzzzz"%',
    'one unknown key among known ones');
SELECT fails(
    $$SELECT train('{"epsilon":1}', 'bpr')$$,
    '22023',
    'unknown option "epsilon" for algorithm "bpr"%',
    'an option of another algorithm');
SELECT fails(
    $$SELECT train('{"factors":1}', 'popularity')$$,
    '22023',
    'unknown option "factors" for algorithm "popularity"%',
    'also for popularity');

-- types and ranges: the error names the key and what it accepts
SELECT fails(
    format('SELECT train(%L)', o),
    '22023',
    'option "' || k || '" must be '
        || (SELECT accepted FROM recadv_options('amf') WHERE option = k),
    o)
FROM (VALUES
    ('factors', '{"factors":-1}'),
    ('factors', '{"factors":1000000}'),
    ('factors', '{"factors":1e999}'),
    ('factors', '{"factors":-1e999}'),
    ('factors', '{"factors":8.5}'),
    ('factors', '{"factors":"8"}'),
    ('factors', '{"factors":true}'),
    ('factors', '{"factors":null}'),
    ('factors', '{"factors":[8]}'),
    ('factors', '{"factors":[]}'),
    ('factors', '{"factors":{}}'),
    ('factors', '{"factors":{"factors":8}}'),
    ('factors', '{"factors":9223372036854775808}'),
    ('epochs', '{"epochs":0}'),
    ('epochs', '{"epochs":4294967297}'),
    ('adv_epochs', '{"adv_epochs":0}'),
    ('learning_rate', '{"learning_rate":-0.1}'),
    ('learning_rate', '{"learning_rate":"NaN"}'),
    ('learning_rate', '{"learning_rate":"Infinity"}'),
    ('learning_rate', '{"learning_rate":1e999}'),
    ('learning_rate', '{"learning_rate":1001}'),
    ('learning_rate', '{"learning_rate":"fast"}'),
    ('epsilon', '{"epsilon":-1}'),
    ('epsilon', '{"epsilon":-1e-300}'),
    ('epsilon', '{"epsilon":"0.5"}'),
    ('epsilon', '{"epsilon":1e999}'),
    ('epsilon', '{"epsilon":null}'),
    ('lambda', '{"lambda":-1}'),
    ('lambda', '{"lambda":1e7}'),
    ('lambda', '{"lambda":"-Infinity"}'),
    ('regularization', '{"regularization":-1.01}'),
    ('regularization', '{"regularization":1e999}'),
    ('init_std', '{"init_std":0}'),
    ('init_std', '{"init_std":-1}'),
    ('optimizer', '{"optimizer":"adam"}'),
    ('optimizer', '{"optimizer":"SGD"}'),
    ('optimizer', '{"optimizer":""}'),
    ('optimizer', '{"optimizer":0}'),
    ('optimizer', '{"optimizer":null}'),
    ('adaptive_negatives', '{"adaptive_negatives":-1}'),
    ('adaptive_negatives', '{"adaptive_negatives":100000}'),
    ('batch_size', '{"batch_size":0}'),
    ('batch_size', '{"batch_size":1e9}'),
    ('reset_optimizer', '{"reset_optimizer":1}'),
    ('reset_optimizer', '{"reset_optimizer":"true"}'),
    ('reset_optimizer', '{"reset_optimizer":null}'),
    ('holdout', '{"holdout":"first"}'),
    ('holdout', '{"holdout":true}'),
    ('holdout', '{"holdout":["last"]}'),
    ('validation_users', '{"validation_users":-1}'),
    ('evaluate_every', '{"evaluate_every":0}'),
    ('patience', '{"patience":-1}'),
    ('seed', '{"seed":-1}'),
    ('seed', '{"seed":9007199254740992}'),
    ('seed', '{"seed":1.5}'),
    ('seed', '{"seed":"7"}'),
    ('threads', '{"threads":-1}'),
    ('threads', '{"threads":1025}'),
    ('keep_versions', '{"keep_versions":0}'),
    ('keep_versions', '{"keep_versions":1001}')) v(k, o);
SELECT fails(
    format('SELECT train(%L)', o),
    '22023',
    'options must be a JSON object%',
    o || ' is not an object')
FROM unnest('{[],"[{}]",1,true,"null","\"factors\""}'::text[]) o;
SELECT is(to_regclass('m'), NULL, 'no table was made by any of these');

-- choices of algorithm
SELECT fails(
    format('SELECT train(%L, %L)', '{}', a),
    '22023',
    'unknown algorithm "' || a || '" | Known algorithms: '
        || (SELECT string_agg(known, ', ') FROM algorithms() known) || '.',
    'algorithm ' || a)
FROM unnest('{"",BPR,"amf ",svd}'::text[]) a;

-- threads: the option against the setting
SELECT fails(
    $$SELECT train('{"threads":3}')$$,
    '22023',
    'option "threads" is 3, but recadv.max_threads allows 2%',
    'more threads than allowed');
SET recadv.max_threads = 3;
SELECT works(
    $$SELECT train('{"threads":3,"factors":4,"epochs":1,"adv_epochs":1}')$$,
    'as many as allowed');
SET recadv.max_threads = 1;
SELECT works(
    $$SELECT train('{"threads":0,"factors":4,"epochs":1,"adv_epochs":1}')$$,
    '0 is what is allowed');
SELECT fails(
    $$SELECT recadv_estimate_memory(10, 10, 20, 'bpr', '{"threads":2}')$$,
    '22023',
    '%recadv.max_threads allows 1%',
    'the estimate minds the setting');
SELECT fails(
    $$SELECT recadv_fit(user_id, item_id, '{"threads":2}') FROM orders$$,
    '22023',
    '%recadv.max_threads allows 1%',
    'and so does the aggregate');
SET recadv.max_threads = 2;

-- memory: figures, before anything is allocated
SET recadv.max_memory = '2MB';
SELECT fails(
    $$SELECT recadv_train('m',
          '(SELECT u AS user_id, u % 10 AS item_id FROM generate_series(1, 500) u)',
          algorithm => 'bpr', options => '{"factors":4096,"epochs":1,"threads":1}')$$,
    '54000',
    'training needs % MB of memory, but recadv.max_memory allows 2 MB%recadv_estimate_memory%',
    'too many factors for recadv.max_memory');
SELECT fails(
    $$SELECT recadv_train('m',
          '(SELECT u AS user_id, u * 7 % 90000 AS item_id FROM generate_series(1, 300000) u)',
          algorithm => 'popularity', options => '{}')$$,
    '54000',
    'reading the interactions needs % MB of memory, but recadv.max_memory allows 2 MB%',
    'too many rows, found while reading');
SELECT fails(
    $$SELECT recadv_fit(u, u * 7 % 90000, '{"algorithm":"popularity"}')
      FROM generate_series(1, 300000) u$$,
    '54000',
    '%recadv.max_memory allows 2 MB%',
    'the aggregate is limited as well');
SELECT is(
    (SELECT version FROM train('{"factors":4,"epochs":1,"adv_epochs":1,"regularization":0.008}')),
    3,
    'little needs little, and the failures left no version');
RESET recadv.max_memory;
-- what the estimate says is what the check asks for
CREATE FUNCTION needed(message text) RETURNS bigint LANGUAGE sql
RETURN substring(message FROM 'needs (\d+) MB')::bigint;
SET recadv.max_memory = '3MB';
\set wide '{"factors":512,"epochs":1,"threads":1}'
SELECT ok(
    needed(error_of(format(
        $$SELECT recadv_train('m',
              '(SELECT u AS user_id, (u + i) %% 50 AS item_id
                FROM generate_series(1, 2000) u, generate_series(1, 6) i)',
              algorithm => 'bpr', options => %L)$$,
        :'wide'))) BETWEEN 0.9 * e / 1048576 AND 1.1 * e / 1048576 + 1,
    'recadv_estimate_memory tells the figure of the error')
FROM recadv_estimate_memory(2000, 50, 12000, 'bpr', :'wide') e;
RESET recadv.max_memory;

-- a learning rate that explodes
SELECT fails(
    $$SELECT train(
          '{"factors":8,"epochs":30,"optimizer":"sgd","learning_rate":1000,"regularization":1000,'
          '"seed":7}',
          'bpr')$$,
    '22003',
    'training diverged in epoch _%not finite%learning_rate%',
    'an exploding learning rate ends training, naming the epoch');
SELECT fails(
    $$SELECT train(
          '{"factors":8,"epochs":30,"optimizer":"sgd","learning_rate":1000,"regularization":1000,'
          '"batch_size":32,"seed":7}',
          'bpr')$$,
    '22003',
    'training diverged in epoch _%not finite%learning_rate%',
    'also in batches');
SELECT fails(
    $$SELECT train('{"factors":8,"epochs":1,"adv_epochs":50,"optimizer":"sgd",'
                   '"learning_rate":1000,"init_std":1000,"lambda":1e6,"epsilon":1000,"seed":7}')$$,
    '22003',
    'training diverged in epoch %learning_rate%',
    'also in the adversarial stage');
SELECT is((recadv_info('m') #>> '{training,epochs}')::int, 4, 'the version before still serves');

-- adversarial training starts from a validated model, and says what it brought
SELECT is(
    (SELECT concat_ws(' ', epochs, best_epoch, stop_reason, metrics)
     FROM train('{"factors":4,"epochs":7,"adv_epochs":3,"holdout":"none","seed":7}')),
    '7 7 epochs',
    'without holdout there is none');
SELECT ok(
    recadv_info('m') #>> '{training,warning}' LIKE 'nothing is held out, so adversarial training%',
    'with a warning');
CREATE TABLE told AS
SELECT metrics, ndcg, epochs
FROM train('{"factors":8,"epochs":5,"adv_epochs":20,"patience":0,"regularization":0.008,"seed":7}');
CREATE VIEW stages AS
SELECT stage, count(*) AS epochs, max(ndcg) AS ndcg FROM recadv_history('m') GROUP BY 1;
SELECT results_eq(
    $$SELECT stage COLLATE "C", epochs FROM stages WHERE stage !~ 'all' ORDER BY 1$$,
    $$VALUES ('apr 0.1' COLLATE "C", 20::bigint), ('apr 0.2', 20), ('bpr', 5)$$,
    'two strengths are tried');
SELECT results_eq(
    $$SELECT (metrics ->> 'plain_ndcg')::float8, ndcg FROM told$$,
    $$SELECT (SELECT ndcg FROM stages WHERE stage = 'bpr'), (SELECT max(ndcg) FROM stages)$$,
    'and the better one is kept, beside what bpr reached');
SELECT is(
    (SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM told, jsonb_object_keys(metrics) k),
    'adversarial_perturbed hr ndcg plain_ndcg plain_perturbed relative_epsilon',
    'what it brought is told');
SELECT is(
    (SELECT metrics FROM recadv_runs('m') ORDER BY run DESC LIMIT 1),
    (SELECT metrics FROM told),
    'in the log of runs, too');
SELECT is(
    (SELECT (metrics ->> 'regularization')::float8
     FROM train('{"factors":8,"epochs":5,"adv_epochs":1,"warm_epochs":1,"warm_start":true,"seed":8,'
                '"promote":"always"}')),
    0.008::float8,
    'a warm start takes no other number for the regularization that was named');
SELECT is(recadv_info('m') #>> '{training,warm_start}', 'true', 'it is one');
SELECT train('{"factors":8,"epochs":5,"adv_epochs":20,"patience":0,"regularization":0.008,"seed":7}')
    IS NOT NULL \g /dev/null
SELECT is(
    (SELECT concat_ws(' ', epochs - best_epoch > 20, metrics - 'ndcg' - 'hr' - 'plain_ndcg'
                                                         - 'plain_perturbed')
     FROM train('{"factors":8,"epochs":40,"adv_epochs":20,"epsilon":100,"regularization":0.008,'
                '"seed":7}')),
    't {}',
    'where it does not help, the model is that of bpr');

-- where nothing adversarial is worth it, more decay may be
CREATE TABLE decayed AS
SELECT metrics FROM train('{"factors":8,"epochs":60,"adv_epochs":10,"adaptive_negatives":4,"seed":36}');
SELECT is(
    (SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM decayed, jsonb_object_keys(metrics) k),
    'decayed_perturbed hr ndcg plain_ndcg plain_perturbed regularization',
    'what more decay brought is told');
SELECT ok(
    (SELECT count(*) FROM recadv_history('m') WHERE stage = 'bpr more decay') > 0
    AND (SELECT (metrics ->> 'decayed_perturbed')::float8 > (metrics ->> 'plain_perturbed')::float8
                AND (metrics ->> 'ndcg')::float8 >= 0.99 * (metrics ->> 'plain_ndcg')::float8
         FROM decayed),
    'it is more robust, and costs no more than a hundredth');

-- bpr's decay and candidates for negatives are chosen by short trainings, told, and kept for warm starts
CREATE TABLE sparse AS
SELECT DISTINCT u AS user_id, 4 * (noise('sparse' || u || '/' || n) % 100) + u % 4 AS item_id
FROM generate_series(1, 400) u, generate_series(1, 8) n;
CREATE TABLE chosen AS
SELECT (metrics ->> 'regularization')::float8 AS regularization,
       (metrics ->> 'adaptive_negatives')::int AS negatives
FROM train('{"factors":8,"epochs":60,"seed":7}', 'bpr', 'few', 'sparse');
SELECT ok(
    (SELECT count(DISTINCT stage) BETWEEN 3 AND 7 AND min(epoch) = 1
     FROM recadv_history('few') WHERE stage LIKE 'regularization %'),
    'trials come before the training');
SELECT ok(
    EXISTS (SELECT FROM recadv_history('few') WHERE stage = 'regularization ' || regularization),
    'of one of them it is')
FROM chosen;
SELECT ok(
    EXISTS (SELECT FROM recadv_history('few') WHERE stage = 'adaptive_negatives ' || negatives),
    'sparse data want fewer candidates than 4, of which there is no trial')
FROM chosen;
CREATE TABLE trained AS SELECT array_agg(recadv_score(u, i, 'few') ORDER BY u, i) AS scores
FROM generate_series(1, 100) u, generate_series(1, 40) i;
SELECT train(format('{"factors":8,"epochs":60,"seed":7,"regularization":%s,"adaptive_negatives":%s}',
                    regularization, negatives), 'bpr', 'few', 'sparse')
    IS NOT NULL
FROM chosen \g /dev/null
SELECT is(
    (SELECT array_agg(recadv_score(u, i, 'few') ORDER BY u, i)
     FROM generate_series(1, 100) u, generate_series(1, 40) i),
    (SELECT scores FROM trained),
    'the model is that of the same numbers by name');
SELECT is(
    (SELECT concat_ws(' ', metrics -> 'regularization', metrics -> 'adaptive_negatives')
     FROM train('{"factors":8,"epochs":60,"seed":8,"warm_start":true,"promote":"always"}', 'bpr', 'few', 'sparse')),
    '0.008 4',
    'a warm start from a version without such numbers has what there is without trials');
SELECT is(recadv_info('few') #>> '{training,warm_start}', 'true', 'but is one');
SELECT train('{"factors":8,"epochs":60,"seed":7}', 'bpr', 'few', 'sparse') IS NOT NULL \g /dev/null
SELECT is(
    (SELECT concat_ws(' ', metrics -> 'regularization', metrics -> 'adaptive_negatives')
     FROM train('{"factors":8,"epochs":60,"seed":8,"warm_start":true,"promote":"always"}', 'bpr', 'few', 'sparse')),
    (SELECT concat_ws(' ', regularization::real::float8, negatives) FROM chosen),
    'a warm start goes on with the numbers');
SELECT is(
    (SELECT count(*) FROM recadv_history('few') WHERE stage LIKE 'regularization %'),
    0::bigint,
    'without trials');

-- what the options do
SELECT is(
    (SELECT concat_ws(' ', epochs, best_epoch, stop_reason, ndcg)
     FROM train('{"factors":4,"epochs":7,"adv_epochs":3,"holdout":"none","epsilon":0.5,"seed":7}')),
    '10 10 epochs',
    'without holdout all epochs are run and the last is kept');
SELECT is(
    (SELECT string_agg(stage, ' ' ORDER BY epoch) FROM recadv_history('m')),
    'bpr bpr bpr bpr bpr bpr bpr apr apr apr',
    'first bpr, then apr');
SELECT is(
    (SELECT count(*) FROM recadv_history('m') WHERE ndcg IS NOT NULL),
    0::bigint,
    'nothing was evaluated');
SELECT works(
    $$SELECT train('{"factors":4,"epochs":7,"adv_epochs":3,"evaluate_every":3,"patience":0,'
                   '"relative_epsilon":0.1,"regularization":0.008,"seed":7}')$$,
    'evaluated every third epoch');
SELECT is(
    (SELECT string_agg(epoch::text, ' ' ORDER BY epoch)
     FROM recadv_history('m') WHERE ndcg IS NOT NULL),
    '3 6 7 10',
    'of each stage, and at its end');
SELECT is(
    (SELECT version
     FROM recadv_train(
         'plain',
         'orders',
         algorithm => 'bpr',
         options => '{"factors":4,"epochs":40,"evaluate_every":1,"patience":3,"learning_rate":0.3,'
                    '"regularization":0.008,"holdout":"random","seed":7}')),
    1,
    'with patience');
SELECT ok(
    (SELECT count(*) FROM recadv_history('plain')) < 40
        AND recadv_info('plain') #>> '{training,stop_reason}' = 'patience',
    'training stops early and says so');
SELECT is(
    (SELECT epoch FROM recadv_history('plain') ORDER BY ndcg DESC NULLS LAST, epoch LIMIT 1),
    (recadv_info('plain') #>> '{training,best_epoch}')::int,
    'the best epoch is kept');
SELECT is(
    (SELECT max(epoch) FROM recadv_history('plain') WHERE stage = 'bpr'),
    3 + (recadv_info('plain') #>> '{training,best_epoch}')::int,
    'three evaluations before the last');
SELECT is(
    (SELECT max(ndcg) FROM recadv_history('plain')),
    (recadv_info('plain') #>> '{training,ndcg}')::float8,
    'with its metric in the header');
SELECT is(
    (SELECT count(*) FROM recadv_history('plain') WHERE stage = 'bpr all' AND ndcg IS NULL),
    (recadv_info('plain') #>> '{training,best_epoch}')::bigint,
    'as many epochs learn all interactions');
SELECT ok(
    (SELECT ndcg_before FROM recadv_robustness('plain', '{0}') LIMIT 1)
        > (recadv_info('plain') #>> '{training,ndcg}')::float8,
    'and its embeddings in the table are of these: it has learnt what was held out');
SELECT is(
    (SELECT count(*) FROM held('plain')),
    (SELECT count(*) FROM (SELECT FROM orders GROUP BY user_id HAVING count(*) >= 4) u),
    'one interaction per user with five or more is held out, and here of the one with four');
SELECT ok(
    (SELECT bool_and(o IS NOT NULL)
     FROM held('plain') h
     LEFT JOIN (SELECT user_id, item_id, dense_rank() OVER (ORDER BY user_id) - 1 AS u,
                       item_id - 1 AS i
                FROM orders) o ON (o.u, o.i) = (h.user_index, h.item_index)),
    'each of them a real one');
SELECT works(
    $$SELECT train('{"factors":4,"epochs":1,"adv_epochs":1,"validation_users":10,"seed":7}')$$,
    'validation_users 10');
SELECT is((SELECT count(*) FROM held('m')), 10::bigint, 'limits how many');
SELECT works(
    $$SELECT train('{"factors":4,"epochs":1,"adv_epochs":1,"holdout":"random","seed":8}')$$,
    'another seed');
SELECT ok(
    (SELECT count(*) FROM (SELECT * FROM held('plain') EXCEPT SELECT * FROM held('m')) d) > 20,
    'holds out others');

-- presets: other defaults, whatever the order of the keys
CREATE FUNCTION bytes(options text, algorithm text DEFAULT 'nmrn') RETURNS float8 LANGUAGE sql AS $$
    SELECT recadv_estimate_memory(1000, 1000, 10000, algorithm, options::jsonb)
$$;
SELECT is(bytes('{"preset":"default"}'), bytes('{}'), 'preset default is no preset');
SELECT is(
    bytes('{"preset":"paper"}'),
    bytes('{"preset":"hinge","slots":32,"memory":"shared","order":"time"}'),
    'preset paper: one memory of 32 slots, events in order of time');
SELECT is(
    bytes('{"preset":"paper","memory":"user","slots":1,"order":"user"}'),
    bytes('{"preset":"hinge"}'),
    'explicit keys win');
SELECT is(
    bytes('{"preset":"paper","epochs":500}') > bytes('{"preset":"paper"}'),
    true,
    'keys before and after "preset" in the order of jsonb');
SELECT fails(
    format('SELECT bytes(%L)', o),
    '22023',
    'option "preset" must be one of: default, fast, balanced, best, paper, drift%',
    o)
FROM (VALUES ('{"preset":"papers"}'), ('{"preset":""}'), ('{"preset":1}'), ('{"preset":null}'),
             ('{"preset":["paper"]}'), ('{"preset":{"preset":"paper"}}')) v(o);
SELECT fails(
    'SELECT bytes(''{"prset":"paper"}'')',
    '22023',
    'unknown option "prset"%nearest option is "preset": one of: default, fast, balanced, best, paper, drift%',
    'a misspelt preset');
SELECT fails(
    'SELECT bytes(''{"preset":"paper"}'', ''popularity'')',
    '22023',
    'unknown option "preset" for algorithm "popularity"%',
    'an algorithm without presets');

SELECT * FROM finish();
ROLLBACK;
