-- Loaded by 024_mutations.pl: models of every algorithm, and functions that change one block, image or
-- state by chance, ask everything that reads it, and undo the change.

-- mutations.so: see mutations.c
CREATE FUNCTION mutated(bytea, text, bigint) RETURNS bytea STRICT LANGUAGE c AS :'library', 'mutated';
CREATE FUNCTION mutated_image(bytea, bigint) RETURNS bytea STRICT LANGUAGE c AS :'library', 'mutated_image';
CREATE FUNCTION mutated_state(bytea, bigint) RETURNS bytea STRICT LANGUAGE c AS :'library', 'mutated_state';
CREATE FUNCTION take_state(internal, bytea, oid, oid) RETURNS internal LANGUAGE c AS :'library', 'take_state';

-- the state of recadv_fit() as a worker sends it, and the model that becomes of one
CREATE AGGREGATE state_of("any", "any", "any", jsonb)
    (sfunc = recadv_fit_accum_time, stype = internal, finalfunc = recadv_fit_serialize);
CREATE AGGREGATE model_of(bytea, oid, oid)
    (sfunc = take_state, stype = internal, finalfunc = recadv_fit_final);

CREATE TABLE orders AS
SELECT u AS user_id, (u * 7 + n * n * 3 + n) % 30 AS item_id,
       timestamp '2026-01-01' + (u * 13 + n * 101) % 9973 * interval '1 minute' AS at
FROM generate_series(1, 40) u, generate_series(1, 8) n;
CREATE TABLE words AS
SELECT 'user ' || user_id AS user_id, 'item ' || item_id AS item_id, at FROM orders;
CREATE TABLE tests AS
SELECT user_id, (item_id + 11) % 30 AS item_id FROM orders WHERE user_id % 3 = 0;
CREATE TABLE test_words AS
SELECT 'user ' || user_id AS user_id, 'item ' || item_id AS item_id FROM tests;

-- small settings, of those options that the algorithm has
CREATE FUNCTION small(algorithm text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(key, value)
    FROM jsonb_each('{"factors": 4, "epochs": 1, "adv_epochs": 1, "generator_factors": 3, "neighbors": 6,
                      "slots": 3, "seed": 1, "holdout": "random", "keep_versions": 2}'::jsonb || more)
    WHERE key IN (SELECT option FROM recadv_options(algorithm))
$$;

CREATE TABLE models (number serial, name text, algorithm text, ids text);
INSERT INTO models (name, algorithm, ids)
SELECT replace(a, '_', '') || CASE ids WHEN 'text' THEN '_words' ELSE '' END, a, ids
FROM (SELECT algorithm_name AS a FROM recadv_options() WHERE option = 'holdout') algorithms,
     (VALUES ('integer'), ('text')) kinds (ids)
ORDER BY a, ids;
INSERT INTO models (name, algorithm, ids) VALUES ('knn_recent', 'itemknn', 'integer'), ('nmrn_ntm', 'nmrn', 'integer');

CREATE FUNCTION options_of(m models) RETURNS jsonb LANGUAGE sql AS $$
    SELECT small(m.algorithm, CASE m.name WHEN 'knn_recent' THEN '{"recent": 3}'::jsonb
                                          WHEN 'nmrn_ntm' THEN '{"addressing": "ntm", "memory": "shared"}'
                                          ELSE '{}' END)
$$;
SELECT recadv_train(m.name, CASE m.ids WHEN 'text' THEN 'words' ELSE 'orders' END, time_column => 'at',
                    algorithm => m.algorithm, options => options_of(m))
FROM models m, generate_series(1, 2) \g /dev/null

-- what streams has events that no refresh has learnt: of users and items that it knows, and of others
CREATE FUNCTION note() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    m models;
BEGIN
    FOR m IN SELECT * FROM models WHERE algorithm LIKE 'nmrn%' LOOP
        IF m.ids = 'text' THEN
            PERFORM recadv_observe(m.name, 'user ' || u, 'item ' || i, '2026-03-01'::text)
            FROM (VALUES (1, 3), (1, 99), (77, 5)) v (u, i);
        ELSE
            PERFORM recadv_observe(m.name, u::bigint, i::bigint, '2026-03-01'::text)
            FROM (VALUES (1, 3), (1, 99), (77, 5)) v (u, i);
        END IF;
    END LOOP;
END $$;
SELECT note() \g /dev/null

CREATE TABLE images AS
SELECT m.name, m.ids, image, state
FROM models m,
     LATERAL (SELECT recadv_fit(user_id, item_id, at, options_of(m) || jsonb_build_object('algorithm', m.algorithm)) AS image,
                     state_of(user_id, item_id, at, options_of(m) || jsonb_build_object('algorithm', m.algorithm)) AS state
              FROM orders WHERE m.ids = 'integer') i
WHERE m.ids = 'integer'
UNION ALL
SELECT m.name, m.ids, image, state
FROM models m,
     LATERAL (SELECT recadv_fit(user_id, item_id, at, options_of(m) || jsonb_build_object('algorithm', m.algorithm)) AS image,
                     state_of(user_id, item_id, at, options_of(m) || jsonb_build_object('algorithm', m.algorithm)) AS state
              FROM words WHERE m.ids = 'text') i
WHERE m.ids = 'text';

-- Questions.  $m: the model's name, $i: an image; $1: a user, #1: an item.  The answer is NULL or true, or false where
-- a number is not finite.
CREATE FUNCTION finite(double precision) RETURNS boolean IMMUTABLE LANGUAGE sql
RETURN $1 < 'infinity'::double precision AND $1 > '-infinity'::double precision;
CREATE TABLE questions (number serial, kind text, question text);
INSERT INTO questions (kind, question) VALUES
    ('model', 'SELECT bool_and(finite(score)) FROM recadv_topk($1, 5, $m)'),
    ('model', 'SELECT bool_and(finite(score)) FROM recadv_topk($40, 50, $m, exclude_seen => false)'),
    ('model', 'SELECT bool_and(finite(score)) FROM recadv_topk($2, 5, $m, candidates => ARRAY[#1, #2, #3, #99])'),
    ('model', 'SELECT bool_and(finite(score)) FROM recadv_topk($777, 5, $m)'),
    ('model', 'SELECT bool_and(finite(score)) FROM recadv_topk($77, 5, $m)'),
    ('model', 'SELECT bool_and(finite(score)) FROM recadv_topk($3, 5, $m, seen => ''live'')'),
    ('model', 'SELECT bool_and(finite(score)) FROM recadv_topk_for(ARRAY[#1, #2, #3], 5, $m)'),
    ('model', 'SELECT bool_and(finite(similarity)) FROM recadv_similar_items(#3, 50, $m)'),
    ('model', 'SELECT bool_and(finite(similarity)) FROM recadv_similar_items(#4, 5, $m, candidates => ARRAY[#1, #2, #3])'),
    ('model', 'SELECT bool_and(finite(similarity)) FROM recadv_similar_users($5, 50, $m)'),
    ('model', 'SELECT bool_and(finite(weight)) FROM recadv_explain($1, #2, 5, $m)'),
    ('model', 'SELECT bool_and(finite(recadv_score(u, #3, $m))) FROM unnest(ARRAY[$1, $17, $40, $77]) u'),
    ('model', 'SELECT bool_and(recadv_has_user(u, $m)) IS NOT NULL FROM unnest(ARRAY[$1, $777]) u'),
    ('model', 'SELECT bool_and(finite(e)) FROM recadv_embeddings($m, ''user'') v, unnest(v.embedding) e'),
    ('model', 'SELECT bool_and(finite(e)) FROM recadv_embeddings($m, ''item'') v, unnest(v.embedding) e'),
    ('model', 'SELECT bool_and(finite(score)) FROM recadv_topk_all($m, 5, ARRAY[$1, $2, $3])'),
    ('model', 'SELECT bool_and(cardinality(items) <= 5) FROM recadv_lists($m, 5)'),
    ('model', 'SELECT bool_and(cardinality(items) <= 5) FROM recadv_lists($m, 5, 1)'),
    ('model', 'SELECT count(*) >= 0 FROM recadv_seen($1, $m)'),
    ('model', 'SELECT bool_and(finite(popularity)) FROM recadv_popularity($m)'),
    ('model', 'SELECT bool_and(finite(usage) AND finite(entropy) AND finite(erase) AND finite(half_life)) FROM recadv_memory($m)'),
    ('model', 'SELECT count(*) >= 0 FROM recadv_history($m)'),
    ('model', 'SELECT count(*) >= 0 FROM recadv_runs($m)'),
    ('model', 'SELECT recadv_info($m) IS NOT NULL'),
    ('model', 'SELECT count(*) > 0 FROM recadv_models'),
    ('model', 'SELECT count(*) >= 0 FROM recadv_all_runs'),
    ('model', 'SELECT count(*) >= 0 FROM recadv_progress'),
    ('often', 'SELECT bool_and(finite(value)) FROM recadv_evaluate($m, $t)'),
    ('often', 'SELECT bool_and(finite(ndcg_before) AND finite(ndcg_after)) FROM recadv_robustness($m)'),
    ('often', 'SELECT bool_and(finite(score)) FROM recadv_topk_all($m, 3)'),
    ('often', 'SELECT (recadv_refresh($m)).events >= 0'),
    ('often', 'SELECT recadv_observe($m, $1, #8, ''2026-03-02''::text)'),
    ('often', 'SELECT (recadv_forget($m, $1)).versions >= 0'),
    ('often', 'SELECT recadv_rollback($m, 1) = 1'),
    ('often', 'SELECT (recadv_train($m, $s, time_column => ''at'', algorithm => $a,
                       options => $o || ''{"warm_start": true, "promote": "always"}'')).version > 0'),
    ('image', 'SELECT bool_and(finite(score)) FROM recadv_image_topk($i, $1, 5)'),
    ('image', 'SELECT bool_and(finite(score)) FROM recadv_image_topk($i, $777, 5)'),
    ('image', 'SELECT bool_and(finite(score)) FROM recadv_image_topk_for($i, ARRAY[#1, #2, #3], 5)'),
    ('image', 'SELECT bool_and(finite(similarity)) FROM recadv_image_similar_items($i, #3, 5)'),
    ('image', 'SELECT finite(recadv_image_score($i, $1, #2))'),
    ('image', 'SELECT recadv_save(''saved'', $i) = 1'),
    ('saved', 'SELECT bool_and(finite(score)) FROM recadv_topk_all(''saved'', 3, NULL::text[])');

CREATE TABLE failures (seed bigint, model text, changed text, question text, state text, message text);
CREATE TABLE answers (state text PRIMARY KEY, times bigint);

CREATE FUNCTION filled(question text, m models) RETURNS text LANGUAGE sql AS $$
    SELECT replace(replace(replace(replace(
        CASE m.ids WHEN 'text' THEN regexp_replace(regexp_replace(question, '\$(\d+)', '''user \1''::text', 'g'),
                                                   '#(\d+)', '''item \1''::text', 'g')
                   ELSE regexp_replace(question, '[$#](\d+)', '\1::bigint', 'g') END,
        '$m', quote_literal(m.name)), '$a', quote_literal(m.algorithm)),
        '$t', CASE m.ids WHEN 'text' THEN '''test_words''' ELSE '''tests''' END),
        '$s', CASE m.ids WHEN 'text' THEN '''words''' ELSE '''orders''' END)
$$;
-- Asks one question, and notes what must not be.
CREATE FUNCTION ask(changed text, question text, image bytea, options jsonb)
RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    good boolean;
    found text;
BEGIN
    EXECUTE replace(replace(question, '$i', '$1'), '$o', '$2') INTO good USING image, options;
    RETURN CASE WHEN good IS FALSE THEN ARRAY[changed, question, 'not finite', ''] ELSE ARRAY['00000'] END;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS found = MESSAGE_TEXT;
    RETURN CASE WHEN SQLSTATE LIKE 'XX%' AND SQLSTATE <> 'XX001' THEN ARRAY[changed, question, SQLSTATE, found]
                ELSE ARRAY[SQLSTATE] END;
END $$;

CREATE FUNCTION keep(seed bigint, name text, results text[][], states text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO answers SELECT s, count(*) FROM unnest(states) s GROUP BY s
        ON CONFLICT (state) DO UPDATE SET times = answers.times + excluded.times;
    INSERT INTO failures SELECT seed, name, r[1], r[2], r[3], r[4]
    FROM (SELECT ARRAY[results[i][1], results[i][2], results[i][3], results[i][4]]
          FROM generate_series(1, coalesce(array_length(results, 1), 0)) i) x (r)
$$;

-- One block of a model's table: of any part of the version that serves or of what all versions share.
CREATE FUNCTION change_table(seed bigint, m models) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    results text[][] := '{}';
    states text[] := '{}';
    answer text[];
    q questions;
    r record;
    size text := CASE WHEN seed % 2 = 0 THEN '100MB' ELSE '0' END;
BEGIN
    EXECUTE format(
        'SELECT part, block, version FROM %1$I
         WHERE version IN (0, 2) AND part = (SELECT part FROM (SELECT DISTINCT part FROM %1$I) p ORDER BY md5(part || $1) LIMIT 1)
         ORDER BY md5(block::text || $1) LIMIT 1', m.name) INTO r USING seed;
    IF r IS NULL THEN RETURN; END IF;
    BEGIN
        EXECUTE format('UPDATE %I SET data = mutated(data, part || ''/'' || version, $1)
                        WHERE part = $2 AND block = $3 AND version = $4', m.name)
        USING seed, r.part, r.block, r.version;
        BEGIN -- a new stamp: no cache knows it
            PERFORM recadv_rollback(m.name, 2);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        PERFORM set_config('recadv.cache_size', size, true);
        FOR q IN SELECT * FROM questions
                 WHERE kind = 'model' OR (kind = 'often' AND (number + seed) % 4 = 0) ORDER BY number LOOP
            answer := ask(r.part, filled(q.question, m), NULL, options_of(m));
            IF cardinality(answer) > 1 THEN
                results := results || ARRAY[answer];
                states := states || answer[3];
            ELSE
                states := states || answer[1];
            END IF;
        END LOOP;
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    PERFORM keep(seed, m.name, results, states);
END $$;

CREATE FUNCTION change_value(seed bigint, m models, state boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    results text[][] := '{}';
    states text[] := '{}';
    answer text[];
    q questions;
    changed bytea;
BEGIN
    BEGIN
        IF state THEN
            SELECT mutated_state(i.state, seed) INTO changed FROM images i WHERE i.name = m.name;
            answer := ask('state',
                'SELECT model_of($i, ''recadv_fit_deserialize''::regproc, ''recadv_fit_combine''::regproc) IS NOT NULL', changed, NULL);
            states := states || CASE WHEN cardinality(answer) > 1 THEN answer[3] ELSE answer[1] END;
            IF answer[1] = '00000' THEN
                SELECT model_of(changed, 'recadv_fit_deserialize'::regproc, 'recadv_fit_combine'::regproc) INTO changed;
            END IF;
        ELSE
            SELECT mutated_image(image, seed) INTO changed FROM images i WHERE i.name = m.name;
        END IF;
        FOR q IN SELECT * FROM questions
                 WHERE kind IN ('image', 'saved') AND (NOT state OR answer[1] = '00000') ORDER BY number LOOP
            IF cardinality(answer) > 1 THEN results := results || ARRAY[answer]; END IF;
            answer := ask(CASE WHEN state THEN 'state' ELSE 'image' END, filled(q.question, m), changed, NULL);
            states := states || CASE WHEN cardinality(answer) > 1 THEN answer[3] ELSE answer[1] END;
        END LOOP;
        IF cardinality(answer) > 1 THEN results := results || ARRAY[answer]; END IF;
        RAISE 'undo';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    PERFORM keep(seed, m.name, results, states);
END $$;

-- Rounds with the seeds from first to last.
CREATE FUNCTION rounds(first bigint, last bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    m models;
BEGIN
    FOR seed IN first..last LOOP
        SELECT * INTO m FROM models
        WHERE number = 1 + (seed / 8) % (SELECT count(*) FROM models);
        IF seed % 8 < 6 THEN
            PERFORM change_table(seed, m);
        ELSE
            PERFORM change_value(seed, m, seed % 8 = 7);
        END IF;
    END LOOP;
END $$;
