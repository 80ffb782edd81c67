-- The reference of options: names and accepted values; defaults only by what must hold for them.
CREATE SCHEMA test_options;
SET search_path = test_options, public;
SET recadv.progress = off;

SELECT algorithm_name, option, accepted FROM recadv_options();
SELECT count(*) FROM recadv_options('bpr');
SELECT count(*) FROM recadv_options(NULL);
SELECT algorithm_name, option FROM recadv_options()
WHERE coalesce(default_value, '') = '' OR coalesce(accepted, '') = '' OR coalesce(meaning, '') = ''
      OR coalesce(source, '') = '';
SELECT algorithm_name, option FROM recadv_options() GROUP BY 1, 2 HAVING count(*) > 1;

-- every default is accepted as a value, and is what a model without options has
CREATE TABLE orders AS SELECT u AS user_id, i AS item_id
FROM generate_series(1, 8) u, generate_series(1, 10) i WHERE (u * 3 + i * 7) % 5 < 3;
CREATE FUNCTION defaults(algorithm text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(
        option,
        CASE WHEN accepted LIKE 'one of%' THEN to_jsonb(default_value)
             ELSE default_value::jsonb END)
    FROM recadv_options(algorithm)
$$;
SELECT a AS other_with_defaults
FROM (SELECT algorithm_name AS a FROM recadv_options() WHERE option = 'holdout') x
WHERE recadv_estimate_memory(100, 100, 1000, a, '{}')
          IS DISTINCT FROM recadv_estimate_memory(100, 100, 1000, a, defaults(a));
SELECT version FROM recadv_train('p', 'orders', algorithm => 'popularity');
SELECT recadv_info('p') -> 'options' = defaults('popularity') AS defaults_are_stored;

-- the options given are the options stored; NULL is no options; the last of equal keys counts
SET client_min_messages = error; -- so little data may well lose accuracy
SELECT version FROM recadv_train('m', 'orders', algorithm => 'amf', options =>
    '{"factors":3,"epochs":2,"adv_epochs":1,"learning_rate":0.25,"optimizer":"sgd",
      "regularization":0.125,"epsilon":0.75,"lambda":2,"init_std":0.5,"adaptive_negatives":2,
      "batch_size":4,"reset_optimizer":false,"holdout":"random","validation_users":3,
      "evaluate_every":2,"patience":0,"seed":9007199254740991,
      "threads":1,"keep_versions":3,"warm_start":false}');
RESET client_min_messages;
SELECT key, value FROM jsonb_each(recadv_info('m') -> 'options') ORDER BY key COLLATE "C";
SELECT recadv_info('m') ->> 'held_out' AS held_out;
SELECT version FROM recadv_train('p', 'orders', algorithm => 'popularity', options => NULL);
SELECT version
FROM recadv_train('p', 'orders', algorithm => 'popularity', options => '{"seed":1,"seed":2}');
SELECT recadv_info('p') #>> '{options,seed}' AS seed;

-- values at the ends of their ranges
CREATE FUNCTION accepted(options jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN recadv_estimate_memory(10, 10, 50, 'amf', options) > 0;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END $$;
SELECT left(o::text, 40) AS options, accepted(o)
FROM unnest(ARRAY['{"factors":1}', '{"factors":0}', '{"factors":-1}', '{"factors":4096}', '{"factors":4097}',
                  '{"factors":8.0}', '{"factors":8e0}', '{"epsilon":0}', '{"epsilon":-0.0}',
                  '{"epsilon":-1e-300}', '{"epsilon":1000}', '{"epsilon":1000.001}',
                  '{"init_std":0}', '{"init_std":1e-6}', '{"learning_rate":0}',
                  '{"learning_rate":1e-400}', '{"seed":9007199254740991}',
                  '{"seed":9007199254740992}', '{"keep_versions":1}', '{"keep_versions":1001}',
                  '{"adaptive_negatives":0}', '{"adaptive_negatives":-1}', '{"batch_size":0}',
                  '{"batch_size":1000000}', '{"patience":0}', '{"evaluate_every":0}',
                  '{"":1}']::jsonb[]) o;

RESET search_path;
RESET recadv.progress;
SET client_min_messages = warning;
DROP SCHEMA test_options CASCADE;
