-- Models that know no users, or no items: every function has a sensible answer, and none crashes.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

SELECT recadv_train('counts', 'orders', algorithm => 'popularity', options => '{}') \g /dev/null
SELECT recadv_train('factors', 'orders', algorithm => 'bpr',
    options => '{"factors":4,"epochs":2,"seed":7}')
\g /dev/null
SELECT recadv_train('memory', 'orders', time_column => 'at', algorithm => 'nmrn',
    options => '{"factors":4,"epochs":2,"seed":7}')
\g /dev/null
-- parts of each model that have a row, or several, for each user or item
CREATE TABLE rows_of AS
SELECT * FROM (VALUES ('counts', 'user', '{}'::text[]), ('counts', 'item', '{popularity}'),
    ('factors', 'user', '{user}'), ('factors', 'item', '{popularity,item}'),
    ('memory', 'user', '{user,user_state,memory}'),
    ('memory', 'item', '{popularity,item,item_state,item_bias,item_bias_state}'))
    v(model, side, parts);

-- the model without all of its users, or items, as if it had been trained so
CREATE FUNCTION strip(model text, side text, parts text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text := model || '_without_' || side || 's';
    header jsonb := recadv_info(model)
        || jsonb_build_object(side || 's', 0, 'interactions', 0, 'held_out', 0);
BEGIN
    PERFORM copy_model(model, name);
    EXECUTE format('UPDATE %I SET data = %L WHERE part = ''header''', name,
        json_block('header', header::text));
    EXECUTE format('DELETE FROM %I WHERE part = ANY (%L)', name, parts || '{held}' || (side || '_ids'));
    EXECUTE format('UPDATE %I SET data = block(%L, 3, 0, 0, 1, '''') WHERE part = %2$L', name,
        side || '_ids_root');
    IF side = 'user' THEN
        EXECUTE format('DELETE FROM %I WHERE part = ''seen''', name);
    ELSE -- lists without entries: offsets alone
        EXECUTE format(
            $q$UPDATE %I
               SET data = block('seen', 5, block, uint(data, 16), 0,
                       decode(repeat('00000000', uint(data, 16)::int + 1), 'hex'))
               WHERE part = 'seen'$q$,
            name);
    END IF;
    RETURN name;
END $$;
CREATE TABLE stripped AS SELECT *, strip(model, side, parts) AS name FROM rows_of;

-- an answer, or an error, with the item side in memory and without
CREATE FUNCTION answer(question text, model text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answers text[] := '{}';
    size text;
    rows text;
BEGIN
    FOREACH size IN ARRAY '{100MB,0}'::text[] LOOP
        PERFORM set_config('recadv.cache_size', size, true);
        BEGIN
            EXECUTE format('SELECT string_agg(t::text, '' '') FROM %s t', format(question, model))
                INTO rows;
        EXCEPTION WHEN OTHERS THEN
            rows := SQLSTATE || ' ' || SQLERRM;
        END;
        answers := answers || coalesce(rows, 'nothing');
    END LOOP;
    RETURN CASE WHEN answers[1] = answers[2] THEN answers[1] ELSE answers::text END;
END $$;
SELECT string_agg(format('(%s,%s,%s,t)', item, score, rank), ' ' ORDER BY rank) AS popular
FROM (SELECT item_id AS item, count(*) AS score,
             row_number() OVER (ORDER BY count(*) DESC, item_id) AS rank
      FROM orders GROUP BY 1) p
WHERE rank <= 3 \gset
\set one 'recadv_topk(1, 3, %L)'

-- nobody: all are strangers
SELECT is(answer(:'one', name), :'popular', name || ': popular items for anybody')
FROM stripped WHERE side = 'user';
SELECT is(
    answer('recadv_topk(1, 3, %L, candidates => ''{1,2}'')', name),
    (SELECT string_agg(format('(%s,%s,%s,t)', item, score, rank), ' ' ORDER BY rank)
     FROM (SELECT item_id AS item, count(*) AS score,
                  row_number() OVER (ORDER BY count(*) DESC, item_id) AS rank
           FROM orders WHERE item_id IN (1, 2) GROUP BY 1) p),
    name || ': and among candidates')
FROM stripped WHERE side = 'user';
SELECT is(
    answer('recadv_topk_all(%L, 3, users => ''{1,999}''::bigint[])', name),
    replace(:'popular', '(', '(1,') || ' ' || replace(:'popular', '(', '(999,'),
    name || ': the same for many')
FROM stripped WHERE side = 'user';
SELECT is(answer('recadv_topk_all(%L, 3)', name), 'nothing', name || ': all users are none')
FROM stripped WHERE side = 'user';
SELECT alike(answer('recadv_topk_for(''{1,2}''::bigint[], 3, %L)', name), '(%,1,f) (%,2,f) (%,3,f)',
    name || ': a visitor is placed by a history')
FROM stripped WHERE side = 'user' AND model <> 'counts';
SELECT alike(answer('recadv_similar_items(1, 3, %L)', name), '(%,1) (%,2) (%,3)',
    name || ': items are alike')
FROM stripped WHERE side = 'user' AND model <> 'counts';
SELECT is(answer('recadv_embeddings(%L, ''user'')', name), 'nothing', name || ': no embeddings')
FROM stripped WHERE side = 'user' AND model <> 'counts';
SELECT alike(
    answer('recadv_evaluate(%L, ''orders'', k => ''{5}'')', name),
    '22023 no row of the test source can be evaluated',
    name || ': nobody to evaluate')
FROM stripped WHERE side = 'user';

-- nothing to recommend
SELECT is(answer(question, name), 'nothing', name || ': ' || question)
FROM stripped,
     unnest(ARRAY[:'one', 'recadv_topk(999, 3, %L)', 'recadv_topk(1, 3, %L, false)',
         'recadv_topk(1, 3, %L, candidates => ''{1,2}'')', 'recadv_topk_all(%L, 3)',
         'recadv_topk_all(%L, 3, users => ''{1,999}''::bigint[])']) question
WHERE side = 'item';
SELECT is(answer(question, name), 'nothing', name || ': ' || question)
FROM stripped,
     unnest(ARRAY['recadv_topk_for(''{1,2}''::bigint[], 3, %L)', 'recadv_similar_items(1, 3, %L)',
         'recadv_explain(1, 1, 3, %L)', 'recadv_embeddings(%L, ''item'')']) question
WHERE side = 'item' AND model <> 'counts';
SELECT alike(answer('recadv_similar_users(1, 3, %L)', name), '(%,1) (%,2) (%,3)',
    name || ': users are alike')
FROM stripped WHERE side = 'item' AND model <> 'counts';
SELECT is(
    answer('recadv_evaluate(%L, ''orders'', k => ''{5}'')', name),
    '(HR,5,0,60) (NDCG,5,0,60) (Recall,5,0,60) (Precision,5,0,60) (Coverage,5,0,60) '
    '(Popularity,5,,0) (Novelty,5,,0) (MRR,,0,60) (MAP,,0,60) (AUC,,,0)',
    name || ': nothing is found')
FROM stripped WHERE side = 'item';

-- both
SELECT is(answer('recadv_score(1, 1, %L)', name), 'nothing', name || ': no score') FROM stripped;
SELECT is(recadv_info(name) ->> (side || 's'), '0', name || ': recadv_info') FROM stripped;
SELECT results_eq(
    format('SELECT status, %I FROM recadv_models WHERE name = %L', side || 's', name),
    $$VALUES ('ok', 0::bigint)$$,
    name || ': recadv_models')
FROM stripped;
SELECT alike(answer('recadv_robustness(%L, ''{1}'')', name),
    CASE model WHEN 'factors' THEN '55000 %holds no interactions out' ELSE '0A000 %' END,
    name || ': recadv_robustness')
FROM stripped;
SELECT is(answer('(SELECT events FROM recadv_refresh(%L))', name),
    CASE model WHEN 'memory' THEN '(0)'
               ELSE format('42809 model "%s" cannot learn from a stream', name) END,
    name || ': recadv_refresh')
FROM stripped;

-- the first who come: events of users and items that nobody knew
SELECT recadv_observe(name, 7001, CASE side WHEN 'user' THEN 5 ELSE 8001 END, timestamp '2026-09-01')
FROM stripped WHERE model = 'memory'
\g /dev/null
SELECT recadv_observe(name, 7001, 8002, timestamp '2026-09-02') FROM stripped WHERE model = 'memory'
\g /dev/null
SELECT is((SELECT events FROM recadv_refresh(name)), 2::bigint, name || ': learns its first events')
FROM stripped WHERE model = 'memory';
SELECT alike(answer('recadv_topk(7001, 1, %L, false, candidates => ''{8002}'')', name),
    '(8002,%,1,f)', name || ': and serves them')
FROM stripped WHERE model = 'memory';

SELECT * FROM finish();
ROLLBACK;
