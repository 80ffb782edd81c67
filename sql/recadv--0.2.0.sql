-- recadv: install script

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION recadv" to load this file. \quit

-- Models

CREATE TYPE @extschema@.recadv_model AS (
    version integer,
    part text COLLATE pg_catalog."C",
    block integer,
    data bytea
);
COMMENT ON TYPE @extschema@.recadv_model IS
'row of a model; a table OF this type is a model. Version 0 holds what belongs to all versions (which one serves, the log of runs), versions from 1 hold the models. part and block name a piece, data holds it: a header of 32 bytes with a checksum, then the payload, little-endian';

-- Training

CREATE TYPE @extschema@.recadv_training AS (
    model text,
    version integer,
    algorithm text,
    users bigint,
    items bigint,
    interactions bigint,
    null_rows bigint,
    duplicates bigint,
    epochs integer,
    best_epoch integer,
    loss double precision,
    ndcg double precision,
    hr double precision,
    seconds double precision,
    stop_reason text,
    weightless_rows bigint,
    metrics jsonb,
    promotion text,
    choice text
);
COMMENT ON TYPE @extschema@.recadv_training IS
'result of recadv_train: model, version, algorithm, what was read (distinct interactions; rows skipped for a NULL id; duplicates of a (user, item) pair), epochs run, the epoch that was kept, its mean loss (NULL for an algorithm that has none), its NDCG@100 and HR@100 on the held-out interactions (NULL without holdout), seconds, why training stopped: epochs (all were run), patience (no better validation), counted (nothing to iterate); rows skipped for a weight that is zero, negative, NaN or infinite; the two numbers that the algorithm is validated by, under their names; promoted where the version serves, otherwise why it is kept but does not (option promote); why the algorithm was chosen, or named';

CREATE FUNCTION @extschema@.recadv_train(
    model text,
    source text,
    user_column name DEFAULT 'user_id',
    item_column name DEFAULT 'item_id',
    time_column name DEFAULT NULL,
    algorithm text DEFAULT 'auto',
    options jsonb DEFAULT '{}',
    weight_column name DEFAULT NULL)
RETURNS @extschema@.recadv_training
AS 'MODULE_PATHNAME', 'recadv_train_0_2'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_train(text, text, name, name, name, text, jsonb, name) IS
'trains a model from a table, view or query in parentheses, and stores it as a new version of the table "model", which serves if it is good enough (option promote; created on first use, owned by the caller). Ids: integers, or any type through its text form; rows with a NULL id are skipped and counted, a (user, item) pair counts once, at its earliest time; a NULL time is the earliest. algorithm auto chooses among all by short trainings on held-out interactions; recadv_options() lists algorithms and options. weight_column: how much an interaction counts, a number above zero (a purchase 5, a view 1); NULL counts 1, rows with zero, a negative number, NaN or infinity are skipped and counted, the weights of duplicates add up. All in one transaction: for long runs use recadv_train_job. He et al., SIGIR 2018';

CREATE PROCEDURE @extschema@.recadv_train_job(
    model text,
    source text,
    user_column name DEFAULT 'user_id',
    item_column name DEFAULT 'item_id',
    time_column name DEFAULT NULL,
    algorithm text DEFAULT 'auto',
    options jsonb DEFAULT '{}',
    if_busy text DEFAULT 'error',
    weight_column name DEFAULT NULL)
AS 'MODULE_PATHNAME', 'recadv_train_job_0_2'
LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.recadv_train_job(text, text, name, name, name, text, jsonb, text, name) IS
'recadv_train with a commit after each phase (open, read, fit, write), so that no snapshot is held while fitting; every run, also a failed one, leaves a row in recadv_runs(model). if_busy: error, skip or wait, when another session trains or refreshes the model; weight_column: as in recadv_train. CALL it at top level, for example from pg_cron';

CREATE FUNCTION @extschema@.recadv_tune(
    model text,
    source text,
    user_column name DEFAULT 'user_id',
    item_column name DEFAULT 'item_id',
    time_column name DEFAULT NULL,
    algorithms text[] DEFAULT NULL,
    options jsonb DEFAULT '{}',
    space jsonb DEFAULT '{}',
    budget interval DEFAULT NULL,
    trials integer DEFAULT 24,
    weight_column name DEFAULT NULL)
RETURNS TABLE (trial integer, round integer, algorithm text, settings jsonb, ndcg double precision, epochs integer, seconds double precision, chosen boolean, problem text)
AS 'MODULE_PATHNAME', 'recadv_tune'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 30;
COMMENT ON FUNCTION @extschema@.recadv_tune(text, text, name, name, name, text[], jsonb, jsonb, interval, integer, name) IS
'searches for options and trains what is best: trials draw from space, which has for an option a value, an array of values, or {"min": ..., "max": ..., "log": true}; {} takes the ranges of the documentation. All trials are short trainings on some users, the best quarter (round 2) whole ones; each ranks the same held-out interactions. A row a trial: options that are not the defaults, NDCG@100, epochs run, seconds, whether it was chosen, and what prevented it. algorithms: NULL for all that suit the source. options: those that all algorithms have. budget: no trial begins later. What was chosen is trained on everything and stored as recadv_train does; it serves if it is at least as good as the version that serves (option promote)';

CREATE PROCEDURE @extschema@.recadv_tune_job(
    model text,
    source text,
    user_column name DEFAULT 'user_id',
    item_column name DEFAULT 'item_id',
    time_column name DEFAULT NULL,
    algorithms text[] DEFAULT NULL,
    options jsonb DEFAULT '{}',
    space jsonb DEFAULT '{}',
    budget interval DEFAULT NULL,
    trials integer DEFAULT 24,
    if_busy text DEFAULT 'error',
    weight_column name DEFAULT NULL)
AS 'MODULE_PATHNAME', 'recadv_tune_job'
LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.recadv_tune_job(text, text, name, name, name, text[], jsonb, jsonb, interval, integer, text, name) IS
'recadv_tune with a commit after each phase, as recadv_train_job has it: no snapshot is held while trials run, and every run leaves a row in recadv_runs(model). The trials stand in recadv_info(model) -> ''choice''. CALL it at top level, for example from pg_cron';

CREATE FUNCTION @extschema@.recadv_estimate_memory(
    users bigint,
    items bigint,
    interactions bigint,
    algorithm text DEFAULT 'auto',
    options jsonb DEFAULT '{}',
    has_time boolean DEFAULT false,
    has_weight boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'recadv_estimate_memory_0_2'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_estimate_memory(bigint, bigint, bigint, text, jsonb, boolean, boolean) IS
'peak memory in bytes of training with so many users, items and interactions (rows of the source, repeats included); has_time, has_weight: with a time_column, a weight_column; training fails before it allocates more than recadv.max_memory';

CREATE FUNCTION @extschema@.recadv_rollback(
    model text,
    version integer DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'recadv_rollback'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.recadv_rollback(text, integer) IS
'lets a kept version serve again: the one named, or the one that served before; returns it. A version that has never served (option promote) must be named. The option keep_versions tells how many are kept. The next training starts a new version';

CREATE TYPE @extschema@.recadv_forgotten AS (
    versions integer,
    interactions bigint,
    pending_events bigint,
    runs integer
);
COMMENT ON TYPE @extschema@.recadv_forgotten IS
'result of recadv_forget: versions that knew the user; the interactions of the user in the version that had the most; observed events that no refresh had learnt; messages in the log of runs that named the user';

CREATE FUNCTION @extschema@.recadv_forget(
    model text,
    user_id bigint)
RETURNS @extschema@.recadv_forgotten
AS 'MODULE_PATHNAME', 'recadv_forget_bigint'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_forget(text, bigint) IS
'removes a user from all kept versions of a model (id, interactions, held-out ones, embedding, fingerprints), from the observed events and from the messages of failed runs; no rollback brings the user back. What was learnt from the user stays in the numbers of items until the next training. Delete the rows of the source first, or a refresh or training learns them again; VACUUM the model''s table afterwards. For the model''s owner; an error while another session trains or refreshes the model';

CREATE FUNCTION @extschema@.recadv_forget(
    model text,
    user_id text)
RETURNS @extschema@.recadv_forgotten
AS 'MODULE_PATHNAME', 'recadv_forget_text'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_forget(text, text) IS
'recadv_forget for users of any type, by their text';

CREATE FUNCTION @extschema@.recadv_options(
    algorithm text DEFAULT NULL)
RETURNS TABLE (algorithm_name text, option text, default_value text, accepted text, meaning text, source text)
AS 'MODULE_PATHNAME', 'recadv_options'
LANGUAGE C STABLE PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.recadv_options(text) IS
'options of an algorithm, or of all: name, default, accepted values, meaning and source';

-- Streaming: algorithms that learn event by event

CREATE TYPE @extschema@.recadv_refreshed AS (
    model text,
    version integer,
    events bigint,
    observed bigint,
    null_rows bigint,
    new_users bigint,
    new_items bigint,
    ranked bigint,
    hr double precision,
    ndcg double precision,
    mrr double precision,
    seconds double precision,
    weightless_rows bigint
);
COMMENT ON TYPE @extschema@.recadv_refreshed IS
'result of recadv_refresh: events learnt; observed events that were taken up; rows skipped for a NULL id; users and items that had no event before; events that were ranked before they were learnt (not those of pairs that were known), and their means HR@10, NDCG@10, MRR over all items not yet had by the user (NULL if none was ranked); seconds; rows skipped for a weight that is zero, negative, NaN or infinite';

CREATE FUNCTION @extschema@.recadv_refresh(
    model text DEFAULT NULL,
    metrics boolean DEFAULT true,
    if_busy text DEFAULT 'error')
RETURNS @extschema@.recadv_refreshed
AS 'MODULE_PATHNAME', 'recadv_refresh'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_refresh(text, boolean, text) IS
'learns what is new in the model''s own source, and the observed events, in order of time (ties: user, item), in one transaction: rows from the option lateness before the newest time learnt on, without those that were learnt already. A row without a time is not read. Leaves a row in recadv_runs(model); with nothing new it writes nothing else. metrics: false does not rank the events first, which costs more than learning them. if_busy: error, or skip (the result is NULL), when another session trains or refreshes the model. For the model''s owner; an error if the algorithm does not learn from a stream';

CREATE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id bigint,
    item_id bigint,
    at text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_bigint_literal'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_observe(text, bigint, bigint, text) IS
'tells the model of one event: recommendations for its user follow it at once, and those of others from the commit on; the next recadv_refresh learns it. at: the value of the time column, as a literal of its type; NULL: now(), an error if the times are numbers. A row of the source with the same user, item and time is the same event. Needs SELECT and INSERT on the model''s table. False, and nothing done, for a NULL id';

CREATE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id bigint,
    item_id bigint,
    at anyelement)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_bigint_value'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_observe(text, bigint, bigint, anyelement) IS
'recadv_observe with the time as a date, timestamp or number. One of another type than the time column becomes what an INSERT would make of it; a number for a moment, a moment for a number and a fraction for an integer are errors';

CREATE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id text,
    item_id text,
    at text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_text_literal'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_observe(text, text, text, text) IS
'recadv_observe with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id text,
    item_id text,
    at anyelement)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_text_value'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_observe(text, text, text, anyelement) IS
'recadv_observe with ids as text, with the time as a date, timestamp or number';

CREATE FUNCTION @extschema@.recadv_observe_trigger()
RETURNS trigger
AS 'MODULE_PATHNAME', 'recadv_observe_trigger'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.recadv_observe_trigger() IS
'the trigger that recadv_attach() makes: observes every row of an INSERT or COPY in the same transaction';

CREATE FUNCTION @extschema@.recadv_attach(
    model text,
    relation regclass DEFAULT NULL,
    user_column name DEFAULT NULL,
    item_column name DEFAULT NULL,
    time_column name DEFAULT NULL,
    on_error text DEFAULT 'warning')
RETURNS void
AS 'MODULE_PATHNAME', 'recadv_attach'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.recadv_attach(text, regclass, name, name, name, text) IS
'lets the model observe every row that is inserted into a relation (NULL: its source, a table; columns: those it was trained on), by a statement-level trigger. on_error: warning lets the row in where the model is busy, broken or not writable for the one who inserts, and leaves the event to the next recadv_refresh (only storage that fails meanwhile fails the INSERT); savepoint does so in a subtransaction, which survives storage that fails, too, and takes a transaction id a statement; error fails the INSERT. Needs the right to create a trigger on the table';

CREATE FUNCTION @extschema@.recadv_detach(
    model text,
    relation regclass DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'recadv_detach'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.recadv_detach(text, regclass) IS
'drops the trigger that recadv_attach() made (NULL: on the model''s source)';

CREATE FUNCTION @extschema@.recadv_evaluate_stream(
    source text,
    user_column name DEFAULT 'user_id',
    item_column name DEFAULT 'item_id',
    time_column name DEFAULT 'created_at',
    algorithm text DEFAULT 'nmrn',
    options jsonb DEFAULT '{}',
    warmup double precision DEFAULT 0.6,
    window_size integer DEFAULT 1000)
RETURNS TABLE (window_number integer, until text, events bigint, ranked bigint, repeats bigint, new_users bigint, new_items bigint, hr double precision, ndcg double precision, mrr double precision)
AS 'MODULE_PATHNAME', 'recadv_evaluate_stream'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_evaluate_stream(text, name, name, name, text, jsonb, double precision, integer) IS
'prequential evaluation: trains on the first events of a source (share warmup, between 0 and 1) in order of time (ties: user, item), then ranks and learns the others one by one. One row for each window of window_size events: time of its last event; events; those ranked; repeats of a known pair, which are not ranked; first events of a user (ranked by popularity) and of an item (ranked as not found); means over the ranked ones of HR@10, NDCG@10 and MRR over all items seen so far but not by this user, ties to the lower item. An algorithm that does not stream stays as it was trained. Stores nothing';

CREATE FUNCTION @extschema@.recadv_memory(
    model text DEFAULT NULL,
    k integer DEFAULT 5)
RETURNS TABLE (slot integer, usage double precision, entropy double precision, erase double precision, half_life double precision, users text[], items text[])
AS 'MODULE_PATHNAME', 'recadv_memory'
LANGUAGE C STABLE PARALLEL SAFE ROWS 32 COST 100000;
COMMENT ON FUNCTION @extschema@.recadv_memory(text, integer) IS
'the slots of a model that keeps a memory, one row each: usage, its mean attention weight (all slots sum to 1); entropy of the attention divided by ln(slots), the same in each row (0: one slot does it all, or there is only one; 1: all are alike); erase, the mean share of the slot that one event forgets; half_life, the events after which half of it is gone (NULL if nothing is forgotten); the k users nearest to the slot''s key and the k items nearest to its value (of a memory per user: to the value that every user starts with), nearest first. Reads the embeddings of all users once per slot';

-- Serving: a model by name

CREATE FUNCTION @extschema@.recadv_row_estimate(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'recadv_row_estimate'
LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_row_estimate(internal) IS
'tells the planner how many rows a serving function gives: k, users named times k, users of the model times k';

CREATE FUNCTION @extschema@.recadv_topk(
    user_id bigint,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item bigint, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_topk_bigint_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_topk(bigint, integer, text, boolean, bigint[], bigint[], text, double precision) IS
'the k items that the model scores highest for a user, best first, ties to the lower item; without the user''s own interactions unless exclude_seen is false, whether those that the model was trained on or, with seen => ''live'', those that its source has now (read with your rights). candidates: choose among these alone (NULL: all); exclude: not these; both before the choice, so that k rows come if k items are left. In the arrays, NULLs, duplicates and unknown items do nothing. model: NULL takes the setting recadv.model, else the only model that you may read. A user that the model does not know gets the most popular items (score: number of users, or with the option popular_half_life what counts of late); fallback is then true, recadv_has_user false. Ids come back in the type that is passed: bigint, uuid, numeric or text; what has no type is a text. popularity_weight: the score becomes score - popularity_weight * ln(greatest(popularity, 1)), for shops that want less of the same; popularity: the item''s interactions, or the sum of their weights; from 0 to 1e6, NULL is 0. No rows for a NULL user';

CREATE FUNCTION @extschema@.recadv_topk(
    user_id text,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_topk_text_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_topk(text, integer, text, boolean, text[], text[], text, double precision) IS
'recadv_topk with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_topk_for(
    history bigint[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item bigint, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_topk_for_bigint_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_topk_for(bigint[], integer, text, boolean, bigint[], bigint[], double precision) IS
'recadv_topk for someone who is not in the model but has these items: a user''s embedding is trained for the history, in any order, with the model''s own options while the items stay as they are (bpr, amf), or the history is noted event by event, in the order of the array, with repeats (nmrn). The same history always gives the same. Without the history itself unless exclude_seen is false. Unknown items are ignored; a history that is NULL, empty or all unknown gets the most popular items; fallback is then true';

CREATE FUNCTION @extschema@.recadv_topk_for(
    history text[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_topk_for_text_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_topk_for(text[], integer, text, boolean, text[], text[], double precision) IS
'recadv_topk_for with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_similar_items(
    item_id bigint,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL)
RETURNS TABLE (item bigint, similarity real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_similar_items_bigint'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_similar_items(bigint, integer, text, bigint[], bigint[]) IS
'the k items that are most alike to an item, without itself: by cosine of the embeddings, from -1 to 1 (factor models), by minus their distance (nmrn), or by the similarity of neighbours (itemknn). candidates, exclude, model: as in recadv_topk. No rows for an item that the model does not know';

CREATE FUNCTION @extschema@.recadv_similar_items(
    item_id text,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL)
RETURNS TABLE (item text, similarity real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_similar_items_text'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_similar_items(text, integer, text, text[], text[]) IS
'recadv_similar_items with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_similar_users(
    user_id bigint,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL)
RETURNS TABLE (other bigint, similarity real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_similar_users_bigint'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 100000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_similar_users(bigint, integer, text, bigint[], bigint[]) IS
'the k users who are most alike to a user, without that one: as recadv_similar_items compares. Reads the embeddings of all users, or of the candidates (users, as in exclude). No rows for a user that the model does not know';

CREATE FUNCTION @extschema@.recadv_similar_users(
    user_id text,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL)
RETURNS TABLE (other text, similarity real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_similar_users_text'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 100000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_similar_users(text, integer, text, text[], text[]) IS
'recadv_similar_users with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_explain(
    user_id bigint,
    item_id bigint,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    seen text DEFAULT 'model')
RETURNS TABLE (item bigint, weight real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_explain_bigint'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 5000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_explain(bigint, bigint, integer, text, bigint[], bigint[], text) IS
'the k of a user''s own items that speak most for an item, best first. Weight (bpr, amf): the user''s embedding as a ridge combination of those of the user''s items; what an item adds to the score, so all weights add up to nearly the score. Weight (nmrn): minus the distance of the two items. candidates, exclude: which of the own items may be named; seen: where they are taken from, as in recadv_topk. No rows for a user or item that the model does not know';

CREATE FUNCTION @extschema@.recadv_explain(
    user_id text,
    item_id text,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    seen text DEFAULT 'model')
RETURNS TABLE (item text, weight real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_explain_text'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 5000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_explain(text, text, integer, text, text[], text[], text) IS
'recadv_explain with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_embeddings(
    model text,
    side text)
RETURNS TABLE (id text, embedding real[])
AS 'MODULE_PATHNAME', 'recadv_embeddings_all'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10000 COST 100000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_embeddings(text, text) IS
'embeddings of all users (side ''user'') or items (side ''item'') of a model (NULL: as in recadv_topk), in ascending order of the ids; those added since the training come last, and those that are only pending not yet. Cast the embedding to vector for pgvector. No rows for a NULL side';

CREATE FUNCTION @extschema@.recadv_embeddings(
    model text,
    side text,
    ids anyarray)
RETURNS TABLE (id anyelement, embedding real[])
AS 'MODULE_PATHNAME', 'recadv_embeddings_of'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10000 COST 100000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_embeddings(text, text, anyarray) IS
'embeddings of users or items with the given ids (an array of integers, uuid, numeric or text), each once; those that the model does not know are left out. The ids come back in the type of the array''s elements: NULL::bigint[] asks for all, with ids of type bigint';

CREATE FUNCTION @extschema@.recadv_topk_all(
    model text DEFAULT NULL,
    k integer DEFAULT 10,
    users bigint[] DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (user_id bigint, item bigint, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_topk_all_bigint_0_2'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 COST 1000000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_topk_all(text, integer, bigint[], boolean, bigint[], bigint[], text, double precision) IS
'recadv_topk for all users of the model, or for those of an array, on up to recadv.max_threads threads: the same rows, for CREATE TABLE AS or a materialized view. users NULL: all that the model knows; one that it does not know gets the most popular items, with fallback true. candidates: only these items; exclude: not these; NULL elements, duplicates and unknown items in arrays count for nothing; seen: as in recadv_topk, but the source is read once, whole; popularity_weight: as in recadv_topk. No rows for a NULL k, exclude_seen or seen';

CREATE FUNCTION @extschema@.recadv_topk_all(
    model text,
    k integer,
    users text[],
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (user_id text, item text, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_topk_all_text_0_2'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 COST 1000000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_topk_all(text, integer, text[], boolean, text[], text[], text, double precision) IS
'recadv_topk_all with ids as text; serves every model. For all users: users => NULL::text[]';

CREATE FUNCTION @extschema@.recadv_score(
    user_id bigint,
    item_id bigint,
    model text DEFAULT NULL)
RETURNS real
AS 'MODULE_PATHNAME', 'recadv_score_bigint'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_score(bigint, bigint, text) IS
'score of an item for a user, larger is better; NULL if the model does not know the user or the item';

CREATE FUNCTION @extschema@.recadv_score(
    user_id text,
    item_id text,
    model text DEFAULT NULL)
RETURNS real
AS 'MODULE_PATHNAME', 'recadv_score_text'
LANGUAGE C STABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_score(text, text, text) IS
'recadv_score with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_has_user(
    user_id bigint,
    model text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_has_user_bigint'
LANGUAGE C STABLE PARALLEL SAFE COST 500;
COMMENT ON FUNCTION @extschema@.recadv_has_user(bigint, text) IS
'does the model know the user? If not, recadv_topk answers with the most popular items, and fallback is true';

CREATE FUNCTION @extschema@.recadv_has_user(
    user_id text,
    model text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_has_user_text'
LANGUAGE C STABLE PARALLEL SAFE COST 500;
COMMENT ON FUNCTION @extschema@.recadv_has_user(text, text) IS
'recadv_has_user with the id as text; serves every model';

CREATE FUNCTION @extschema@.recadv_cache_entries(
    OUT model oid,
    OUT version integer,
    OUT location text,
    OUT items boolean,
    OUT bytes bigint,
    OUT hits bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recadv_cache_entries'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION @extschema@.recadv_cache_entries() IS
'what recadv_cache shows';

CREATE VIEW @extschema@.recadv_cache AS
    SELECT e.model::pg_catalog.regclass AS model, e.version, e.location, e.items, e.bytes, e.hits
    FROM @extschema@.recadv_cache_entries() e;
COMMENT ON VIEW @extschema@.recadv_cache IS
'models in memory that you may read: location backend (of this session, bounded by recadv.cache_size) or shared (of all sessions, bounded by recadv.shared_cache_size); items: is the item side in this memory? If it is nowhere, the model is read from its table at each call. hits: calls that found the entry';
GRANT SELECT ON @extschema@.recadv_cache TO PUBLIC;

-- Serving: an image

CREATE FUNCTION @extschema@.recadv_image_topk(
    image bytea,
    user_id bigint,
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item bigint, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_image_topk_bigint'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_image_topk(bytea, bigint, integer, boolean, bigint[], bigint[], double precision) IS
'recadv_topk from an image, the result of recadv_fit';

CREATE FUNCTION @extschema@.recadv_image_topk(
    image bytea,
    user_id text,
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_image_topk_text'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_image_topk(bytea, text, integer, boolean, text[], text[], double precision) IS
'recadv_topk from an image, with ids as text';

CREATE FUNCTION @extschema@.recadv_image_topk_for(
    image bytea,
    history bigint[],
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item bigint, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_image_topk_for_bigint'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_image_topk_for(bytea, bigint[], integer, boolean, bigint[], bigint[], double precision) IS
'recadv_topk_for from an image, the result of recadv_fit';

CREATE FUNCTION @extschema@.recadv_image_topk_for(
    image bytea,
    history text[],
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer, fallback boolean)
AS 'MODULE_PATHNAME', 'recadv_image_topk_for_text'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_image_topk_for(bytea, text[], integer, boolean, text[], text[], double precision) IS
'recadv_topk_for from an image, with ids as text';

CREATE FUNCTION @extschema@.recadv_image_similar_items(
    image bytea,
    item_id bigint,
    k integer DEFAULT 10,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL)
RETURNS TABLE (item bigint, similarity real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_image_similar_items_bigint'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_image_similar_items(bytea, bigint, integer, bigint[], bigint[]) IS
'recadv_similar_items from an image, the result of recadv_fit';

CREATE FUNCTION @extschema@.recadv_image_similar_items(
    image bytea,
    item_id text,
    k integer DEFAULT 10,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL)
RETURNS TABLE (item text, similarity real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_image_similar_items_text'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_image_similar_items(bytea, text, integer, text[], text[]) IS
'recadv_similar_items from an image, with ids as text';

CREATE FUNCTION @extschema@.recadv_image_score(
    image bytea,
    user_id bigint,
    item_id bigint)
RETURNS real
AS 'MODULE_PATHNAME', 'recadv_image_score_bigint'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.recadv_image_score(bytea, bigint, bigint) IS
'recadv_score from an image, the result of recadv_fit';

CREATE FUNCTION @extschema@.recadv_image_score(
    image bytea,
    user_id text,
    item_id text)
RETURNS real
AS 'MODULE_PATHNAME', 'recadv_image_score_text'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION @extschema@.recadv_image_score(bytea, text, text) IS
'recadv_score from an image, with ids as text';

-- Serving: ids of type uuid.  The planner puts the bodies in place of the calls, which costs nothing, and an
-- index on a column of that type serves a join

CREATE FUNCTION @extschema@.recadv_to_uuid(text)
RETURNS uuid
AS 'MODULE_PATHNAME', 'recadv_to_uuid'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_to_uuid(text) IS
'an id of a model, a text, as uuid; an error that says what to do if it is none';

CREATE FUNCTION @extschema@.recadv_topk(
    user_id uuid,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item uuid, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_topk(user_id::pg_catalog.text, k, model, exclude_seen, candidates::pg_catalog.text[], exclude::pg_catalog.text[], seen, popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_topk(uuid, integer, text, boolean, uuid[], uuid[], text, double precision) IS
'recadv_topk with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_topk_for(
    history uuid[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item uuid, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_topk_for(history::pg_catalog.text[], k, model, exclude_seen, candidates::pg_catalog.text[], exclude::pg_catalog.text[], popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_topk_for(uuid[], integer, text, boolean, uuid[], uuid[], double precision) IS
'recadv_topk_for with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_similar_items(
    item_id uuid,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL)
RETURNS TABLE (item uuid, similarity real, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item), t.similarity, t.rank
    FROM @extschema@.recadv_similar_items(item_id::pg_catalog.text, k, model, candidates::pg_catalog.text[], exclude::pg_catalog.text[]) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_similar_items(uuid, integer, text, uuid[], uuid[]) IS
'recadv_similar_items with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_similar_users(
    user_id uuid,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL)
RETURNS TABLE (other uuid, similarity real, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 100000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.other), t.similarity, t.rank
    FROM @extschema@.recadv_similar_users(user_id::pg_catalog.text, k, model, candidates::pg_catalog.text[], exclude::pg_catalog.text[]) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_similar_users(uuid, integer, text, uuid[], uuid[]) IS
'recadv_similar_users with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_explain(
    user_id uuid,
    item_id uuid,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL,
    seen text DEFAULT 'model')
RETURNS TABLE (item uuid, weight real, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 5000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item), t.weight, t.rank
    FROM @extschema@.recadv_explain(user_id::pg_catalog.text, item_id::pg_catalog.text, k, model, candidates::pg_catalog.text[], exclude::pg_catalog.text[], seen) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_explain(uuid, uuid, integer, text, uuid[], uuid[], text) IS
'recadv_explain with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_topk_all(
    model text,
    k integer,
    users uuid[],
    exclude_seen boolean DEFAULT true,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (user_id uuid, item uuid, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100000 COST 1000000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.user_id), @extschema@.recadv_to_uuid(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_topk_all(model, k, users::pg_catalog.text[], exclude_seen, candidates::pg_catalog.text[], exclude::pg_catalog.text[], seen, popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_topk_all(text, integer, uuid[], boolean, uuid[], uuid[], text, double precision) IS
'recadv_topk_all with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_score(
    user_id uuid,
    item_id uuid,
    model text DEFAULT NULL)
RETURNS real
LANGUAGE sql STABLE PARALLEL SAFE COST 1000
RETURN @extschema@.recadv_score(user_id::pg_catalog.text, item_id::pg_catalog.text, model);
COMMENT ON FUNCTION @extschema@.recadv_score(uuid, uuid, text) IS
'recadv_score with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_has_user(
    user_id uuid,
    model text DEFAULT NULL)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE COST 500
RETURN @extschema@.recadv_has_user(user_id::pg_catalog.text, model);
COMMENT ON FUNCTION @extschema@.recadv_has_user(uuid, text) IS
'recadv_has_user with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id uuid,
    item_id uuid,
    at text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_uuid_literal'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_observe(text, uuid, uuid, text) IS
'recadv_observe with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id uuid,
    item_id uuid,
    at anyelement)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_uuid_value'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_observe(text, uuid, uuid, anyelement) IS
'recadv_observe with ids of type uuid with the time as a date, timestamp or number';

CREATE FUNCTION @extschema@.recadv_forget(
    model text,
    user_id uuid)
RETURNS @extschema@.recadv_forgotten
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 1000000
RETURN @extschema@.recadv_forget(model, user_id::pg_catalog.text);
COMMENT ON FUNCTION @extschema@.recadv_forget(text, uuid) IS
'recadv_forget with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_image_topk(
    image bytea,
    user_id uuid,
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item uuid, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_image_topk(image, user_id::pg_catalog.text, k, exclude_seen, candidates::pg_catalog.text[], exclude::pg_catalog.text[], popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_image_topk(bytea, uuid, integer, boolean, uuid[], uuid[], double precision) IS
'recadv_image_topk with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_image_topk_for(
    image bytea,
    history uuid[],
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item uuid, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_image_topk_for(image, history::pg_catalog.text[], k, exclude_seen, candidates::pg_catalog.text[], exclude::pg_catalog.text[], popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_image_topk_for(bytea, uuid[], integer, boolean, uuid[], uuid[], double precision) IS
'recadv_image_topk_for with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_image_similar_items(
    image bytea,
    item_id uuid,
    k integer DEFAULT 10,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL)
RETURNS TABLE (item uuid, similarity real, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item), t.similarity, t.rank
    FROM @extschema@.recadv_image_similar_items(image, item_id::pg_catalog.text, k, candidates::pg_catalog.text[], exclude::pg_catalog.text[]) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_image_similar_items(bytea, uuid, integer, uuid[], uuid[]) IS
'recadv_image_similar_items with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_image_score(
    image bytea,
    user_id uuid,
    item_id uuid)
RETURNS real
LANGUAGE sql STABLE PARALLEL SAFE COST 100000
RETURN @extschema@.recadv_image_score(image, user_id::pg_catalog.text, item_id::pg_catalog.text);
COMMENT ON FUNCTION @extschema@.recadv_image_score(bytea, uuid, uuid) IS
'recadv_image_score with ids of type uuid';

-- Serving: ids of type numeric.  Integers are numbers, too: a type of its own, which nothing but numeric is
-- taken for, keeps calls with them from being ambiguous

CREATE TYPE @extschema@.recadv_numeric;
CREATE FUNCTION @extschema@.recadv_numeric_in(cstring, oid, integer)
RETURNS @extschema@.recadv_numeric
AS 'numeric_in' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_numeric_in(cstring, oid, integer) IS
'input function of recadv_numeric';
CREATE FUNCTION @extschema@.recadv_numeric_out(@extschema@.recadv_numeric)
RETURNS cstring
AS 'numeric_out' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_numeric_out(@extschema@.recadv_numeric) IS
'output function of recadv_numeric';
CREATE TYPE @extschema@.recadv_numeric (
    INPUT = @extschema@.recadv_numeric_in,
    OUTPUT = @extschema@.recadv_numeric_out,
    LIKE = pg_catalog.numeric);
COMMENT ON TYPE @extschema@.recadv_numeric IS
'numeric as an argument: pass a numeric';
CREATE CAST (numeric AS @extschema@.recadv_numeric) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (numeric AS @extschema@.recadv_numeric) IS 'numeric ids as arguments';
CREATE CAST (@extschema@.recadv_numeric AS numeric) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.recadv_numeric AS numeric) IS 'and back';

CREATE FUNCTION @extschema@.recadv_to_numeric(text)
RETURNS numeric
AS 'MODULE_PATHNAME', 'recadv_to_numeric'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_to_numeric(text) IS
'an id of a model, a text, as numeric; an error that says what to do if it is none';

CREATE FUNCTION @extschema@.recadv_numeric_texts(numeric[])
RETURNS text[]
AS 'MODULE_PATHNAME', 'recadv_numeric_texts'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_numeric_texts(numeric[]) IS
'numbers as ids of a model: texts without trailing zeros';

CREATE FUNCTION @extschema@.recadv_topk(
    user_id @extschema@.recadv_numeric,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item numeric, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_topk(pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text, k, model, exclude_seen, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[]), seen, popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_topk(@extschema@.recadv_numeric, integer, text, boolean, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[], text, double precision) IS
'recadv_topk with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_topk_for(
    history @extschema@.recadv_numeric[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item numeric, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_topk_for(@extschema@.recadv_numeric_texts(history::pg_catalog.numeric[]), k, model, exclude_seen, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[]), popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_topk_for(@extschema@.recadv_numeric[], integer, text, boolean, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[], double precision) IS
'recadv_topk_for with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_similar_items(
    item_id @extschema@.recadv_numeric,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL)
RETURNS TABLE (item numeric, similarity real, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item), t.similarity, t.rank
    FROM @extschema@.recadv_similar_items(pg_catalog.trim_scale(item_id::pg_catalog.numeric)::pg_catalog.text, k, model, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[])) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_similar_items(@extschema@.recadv_numeric, integer, text, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[]) IS
'recadv_similar_items with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_similar_users(
    user_id @extschema@.recadv_numeric,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL)
RETURNS TABLE (other numeric, similarity real, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 100000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.other), t.similarity, t.rank
    FROM @extschema@.recadv_similar_users(pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text, k, model, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[])) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_similar_users(@extschema@.recadv_numeric, integer, text, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[]) IS
'recadv_similar_users with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_explain(
    user_id @extschema@.recadv_numeric,
    item_id @extschema@.recadv_numeric,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL,
    seen text DEFAULT 'model')
RETURNS TABLE (item numeric, weight real, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 5000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item), t.weight, t.rank
    FROM @extschema@.recadv_explain(pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text, pg_catalog.trim_scale(item_id::pg_catalog.numeric)::pg_catalog.text, k, model, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[]), seen) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_explain(@extschema@.recadv_numeric, @extschema@.recadv_numeric, integer, text, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[], text) IS
'recadv_explain with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_topk_all(
    model text,
    k integer,
    users @extschema@.recadv_numeric[],
    exclude_seen boolean DEFAULT true,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (user_id numeric, item numeric, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100000 COST 1000000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.user_id), @extschema@.recadv_to_numeric(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_topk_all(model, k, @extschema@.recadv_numeric_texts(users::pg_catalog.numeric[]), exclude_seen, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[]), seen, popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_topk_all(text, integer, @extschema@.recadv_numeric[], boolean, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[], text, double precision) IS
'recadv_topk_all with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_score(
    user_id @extschema@.recadv_numeric,
    item_id @extschema@.recadv_numeric,
    model text DEFAULT NULL)
RETURNS real
LANGUAGE sql STABLE PARALLEL SAFE COST 1000
RETURN @extschema@.recadv_score(pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text, pg_catalog.trim_scale(item_id::pg_catalog.numeric)::pg_catalog.text, model);
COMMENT ON FUNCTION @extschema@.recadv_score(@extschema@.recadv_numeric, @extschema@.recadv_numeric, text) IS
'recadv_score with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_has_user(
    user_id @extschema@.recadv_numeric,
    model text DEFAULT NULL)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE COST 500
RETURN @extschema@.recadv_has_user(pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text, model);
COMMENT ON FUNCTION @extschema@.recadv_has_user(@extschema@.recadv_numeric, text) IS
'recadv_has_user with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id @extschema@.recadv_numeric,
    item_id @extschema@.recadv_numeric,
    at text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_numeric_literal'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_observe(text, @extschema@.recadv_numeric, @extschema@.recadv_numeric, text) IS
'recadv_observe with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id @extschema@.recadv_numeric,
    item_id @extschema@.recadv_numeric,
    at anyelement)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_numeric_value'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_observe(text, @extschema@.recadv_numeric, @extschema@.recadv_numeric, anyelement) IS
'recadv_observe with ids of type numeric with the time as a date, timestamp or number';

CREATE FUNCTION @extschema@.recadv_forget(
    model text,
    user_id @extschema@.recadv_numeric)
RETURNS @extschema@.recadv_forgotten
LANGUAGE sql VOLATILE PARALLEL UNSAFE COST 1000000
RETURN @extschema@.recadv_forget(model, pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text);
COMMENT ON FUNCTION @extschema@.recadv_forget(text, @extschema@.recadv_numeric) IS
'recadv_forget with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_image_topk(
    image bytea,
    user_id @extschema@.recadv_numeric,
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item numeric, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_image_topk(image, pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text, k, exclude_seen, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[]), popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_image_topk(bytea, @extschema@.recadv_numeric, integer, boolean, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[], double precision) IS
'recadv_image_topk with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_image_topk_for(
    image bytea,
    history @extschema@.recadv_numeric[],
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item numeric, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item), t.score, t.rank, t.fallback
    FROM @extschema@.recadv_image_topk_for(image, @extschema@.recadv_numeric_texts(history::pg_catalog.numeric[]), k, exclude_seen, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[]), popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_image_topk_for(bytea, @extschema@.recadv_numeric[], integer, boolean, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[], double precision) IS
'recadv_image_topk_for with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_image_similar_items(
    image bytea,
    item_id @extschema@.recadv_numeric,
    k integer DEFAULT 10,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL)
RETURNS TABLE (item numeric, similarity real, rank integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 10000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item), t.similarity, t.rank
    FROM @extschema@.recadv_image_similar_items(image, pg_catalog.trim_scale(item_id::pg_catalog.numeric)::pg_catalog.text, k, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[])) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_image_similar_items(bytea, @extschema@.recadv_numeric, integer, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[]) IS
'recadv_image_similar_items with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_image_score(
    image bytea,
    user_id @extschema@.recadv_numeric,
    item_id @extschema@.recadv_numeric)
RETURNS real
LANGUAGE sql STABLE PARALLEL SAFE COST 100000
RETURN @extschema@.recadv_image_score(image, pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text, pg_catalog.trim_scale(item_id::pg_catalog.numeric)::pg_catalog.text);
COMMENT ON FUNCTION @extschema@.recadv_image_score(bytea, @extschema@.recadv_numeric, @extschema@.recadv_numeric) IS
'recadv_image_score with ids of type numeric';

-- Serving: arrays without a type, as drivers and PREPARE pass them: what has no type is a text, here the
-- literal of an array, to be told apart from arrays of each type

CREATE FUNCTION @extschema@.recadv_topk_for(
    history text,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT t.item, t.score, t.rank, t.fallback
    FROM @extschema@.recadv_topk_for(history::pg_catalog.text[], k, model, exclude_seen, candidates, exclude, popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_topk_for(text, integer, text, boolean, text[], text[], double precision) IS
'recadv_topk_for with history as a parameter without a type, or as the literal of an array: ''{1,2}''; ids come back as text';

CREATE FUNCTION @extschema@.recadv_topk_all(
    model text,
    k integer,
    users text,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (user_id text, item text, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 100000 COST 1000000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT t.user_id, t.item, t.score, t.rank, t.fallback
    FROM @extschema@.recadv_topk_all(model, k, users::pg_catalog.text[], exclude_seen, candidates, exclude, seen, popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_topk_all(text, integer, text, boolean, text[], text[], text, double precision) IS
'recadv_topk_all with users as a parameter without a type, or as the literal of an array: ''{1,2}''; ids come back as text';

CREATE FUNCTION @extschema@.recadv_image_topk_for(
    image bytea,
    history text,
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer, fallback boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT t.item, t.score, t.rank, t.fallback
    FROM @extschema@.recadv_image_topk_for(image, history::pg_catalog.text[], k, exclude_seen, candidates, exclude, popularity_weight) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_image_topk_for(bytea, text, integer, boolean, text[], text[], double precision) IS
'recadv_image_topk_for with history as a parameter without a type, or as the literal of an array: ''{1,2}''; ids come back as text';

CREATE FUNCTION @extschema@.recadv_embeddings(
    model text,
    side text,
    ids text)
RETURNS TABLE (id text, embedding real[])
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000 COST 100000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT t.id, t.embedding
    FROM @extschema@.recadv_embeddings(model, side, ids::pg_catalog.text[]) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_embeddings(text, text, text) IS
'recadv_embeddings with ids as a parameter without a type, or as the literal of an array: ''{1,2}''; ids come back as text';


-- Evaluation

CREATE FUNCTION @extschema@.recadv_evaluate(
    model text,
    test_source text,
    user_column name DEFAULT 'user_id',
    item_column name DEFAULT 'item_id',
    k integer[] DEFAULT '{10,20,50,100}',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (metric text, k integer, value double precision, users bigint)
AS 'MODULE_PATHNAME', 'recadv_evaluate_0_2'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 31 COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_evaluate(text, text, name, name, integer[], double precision) IS
'accuracy on test interactions by full ranking of all items that the user has not in training: HR, NDCG, Recall, Precision at each k (binary gains, ideal DCG over min(k, relevant)); MRR, MAP, AUC over the whole ranking (k NULL); means over test users. Beyond accuracy, of the lists of k items as they are served to these users: Coverage, the share of the model''s items that are in some list; Popularity, how many users have an item in training, and Novelty, -log2 of their share of all users, both as means over the lists of means over their items. Ties go to the lower item, as they are served; popularity_weight: as in recadv_topk. Rows of unknown users and rows that were trained on are left out with a notice; unknown items count as never found. He et al. 2018, section 4.1';

CREATE FUNCTION @extschema@.recadv_robustness(
    model text,
    epsilon real[] DEFAULT '{0.5,1,2}',
    test_source text DEFAULT NULL,
    user_column name DEFAULT 'user_id',
    item_column name DEFAULT 'item_id',
    relative boolean DEFAULT false)
RETURNS TABLE (epsilon real, perturbation text, ndcg_before double precision, ndcg_after double precision, relative_change double precision)
AS 'MODULE_PATHNAME', 'recadv_robustness_0_2'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 6 COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_robustness(text, real[], text, name, name, boolean) IS
'relative change of NDCG@100 when every embedding row is moved by epsilon, or, where relative, by that share of the row''s own norm, as models whose rows differ in length are compared: at random, and along the worst-case direction of the training loss. Measured on the model''s held-out interactions, or on a test source. He et al. 2018, section 2.3 and table 2';

-- What a model says about itself

CREATE FUNCTION @extschema@.recadv_document(
    model text,
    part text,
    block integer DEFAULT 0,
    version integer DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'recadv_document'
LANGUAGE C STABLE PARALLEL SAFE COST 500;
COMMENT ON FUNCTION @extschema@.recadv_document(text, text, integer, integer) IS
'a JSON block of a model: part header, history or run; of the current version unless one is named; NULL if there is none';

CREATE FUNCTION @extschema@.recadv_info(
    model text DEFAULT NULL,
    version integer DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN @extschema@.recadv_document(model, 'header', 0, version);
COMMENT ON FUNCTION @extschema@.recadv_info(text, integer) IS
'header of a model: format, algorithm, options, source, dimensions, summary of the training; NULL for a version that is not kept';

CREATE FUNCTION @extschema@.recadv_history(
    model text DEFAULT NULL,
    version integer DEFAULT NULL)
RETURNS TABLE (epoch integer, stage text, loss double precision, ndcg double precision, hr double precision, seconds double precision, metrics jsonb)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
    SELECT r.epoch, r.stage, r.loss, r.ndcg, r.hr, r.seconds,
           pg_catalog.jsonb_strip_nulls(
               e.epoch OPERATOR(pg_catalog.-) '{epoch,stage,loss,seconds}'::text[])
    FROM pg_catalog.jsonb_array_elements(@extschema@.recadv_document(model, 'history', 0, version))
        AS e(epoch),
         LATERAL pg_catalog.jsonb_to_record(e.epoch)
        AS r(epoch integer, stage text, loss double precision, ndcg double precision,
             hr double precision, seconds double precision);
END;
COMMENT ON FUNCTION @extschema@.recadv_history(text, integer) IS
'learning curve of a model: per epoch the stage (doc/algorithms.md names those of each algorithm), mean loss (NULL for an algorithm that has none), NDCG@100 and HR@100 on the held-out interactions (NULL where not evaluated), seconds since the start of training; the two numbers that the algorithm is validated by, under their names (empty where not evaluated)';

CREATE FUNCTION @extschema@.recadv_run_numbers(
    model text)
RETURNS SETOF integer
AS 'MODULE_PATHNAME', 'recadv_run_numbers'
LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.recadv_run_numbers(text) IS
'numbers of the runs in the log of a model; recadv_runs shows them';

CREATE FUNCTION @extschema@.recadv_runs(
    model text DEFAULT NULL)
RETURNS TABLE (run integer, status text, message text, started timestamptz, finished timestamptz,
               version integer, algorithm text, source text, options jsonb, users bigint,
               items bigint, interactions bigint, null_rows bigint, epochs integer,
               loss double precision, ndcg double precision, phases jsonb, role text, pid integer,
               metrics jsonb, kind text, holdout text, k integer, held_out_users bigint,
               time_column text, events bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT n.number, r.status, r.message, r.started, r.finished, r.version, r.algorithm, r.source,
           r.options, r.users, r.items, r.interactions, r.null_rows, r.epochs, r.loss, r.ndcg,
           r.phases, r.role, r.pid, r.metrics, r.kind, r.holdout, r.k, r.held_out_users,
           r.time_column, r.events
    FROM @extschema@.recadv_run_numbers(model) AS n(number),
         LATERAL pg_catalog.jsonb_to_record(@extschema@.recadv_document(model, 'run', n.number, 0))
        AS r(status text, message text, started timestamptz, finished timestamptz,
             version integer, algorithm text, source text, options jsonb, users bigint,
             items bigint, interactions bigint, null_rows bigint, epochs integer,
             loss double precision, ndcg double precision, phases jsonb, role text, pid integer,
             metrics jsonb, kind text, holdout text, k integer, held_out_users bigint,
             time_column text, events bigint);
END;
COMMENT ON FUNCTION @extschema@.recadv_runs(text) IS
'log of the runs of a model, oldest first, the last 1000 trainings and the last 1000 refreshes: kind (train, job, refresh; NULL: logged by recadv 0.1.0), what was asked, what was read, status (running, succeeded, kept: the version that served before serves on, failed, skipped), why it ended or was kept, seconds of the phases (read, map, compare, choose, fit, evaluate, write; of a refresh read, learn, write), metrics: the two numbers of the best epoch that the algorithm is validated by, of a refresh hr, ndcg and mrr of the events that it ranked before it learnt them. Metrics of two runs compare only where holdout (last, random, none), k and held_out_users are the same. events: rows that were learnt. Refreshes in a row that find nothing new share one row. A running row whose pid is gone was cut off by the end of its session or server. recadv_train and recadv_refresh leave a row only if their transaction commits; recadv_train_job always';

CREATE FUNCTION @extschema@.recadv_run_documents(
    model oid)
RETURNS TABLE (run integer, document jsonb)
AS 'MODULE_PATHNAME', 'recadv_run_documents'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.recadv_run_documents(oid) IS
'runs in the log of a model, as stored; recadv_all_runs shows them. No rows, and a WARNING, for a model that is locked or damaged';

CREATE FUNCTION @extschema@.recadv_model_status(
    model oid,
    OUT version integer,
    OUT algorithm text,
    OUT users bigint,
    OUT items bigint,
    OUT interactions bigint,
    OUT trained timestamptz,
    OUT status text,
    OUT bytes bigint,
    OUT refreshed timestamptz,
    OUT newest_event text,
    OUT pending bigint,
    OUT metric text,
    OUT value double precision,
    OUT holdout text,
    OUT held_out_users bigint,
    OUT versions integer[],
    OUT unpromoted integer[])
RETURNS record
AS 'MODULE_PATHNAME', 'recadv_model_status'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_model_status(oid) IS
'current version and dimensions of a model table, its status (ok, not trained yet, busy where it is locked and was not waited for, or the error that reading it gives), its size in bytes, and what recadv_models shows beside';

CREATE VIEW @extschema@.recadv_models AS
    SELECT c.oid::pg_catalog.regclass::pg_catalog.text AS model,
           n.nspname AS schema,
           c.relname AS name,
           pg_catalog.pg_get_userbyid(c.relowner) AS owner,
           s.version,
           s.algorithm,
           s.users,
           s.items,
           s.interactions,
           s.trained,
           s.bytes,
           s.status,
           pg_catalog.timestamptz_mi(pg_catalog.now(), s.trained) AS age,
           s.refreshed,
           s.newest_event,
           s.pending,
           s.metric,
           s.value,
           s.holdout,
           s.held_out_users,
           s.versions,
           s.unpromoted
    FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace,
         LATERAL @extschema@.recadv_model_status(c.oid) s
    WHERE c.reloftype OPERATOR(pg_catalog.=) '@extschema@.recadv_model'::pg_catalog.regtype
      AND c.relkind OPERATOR(pg_catalog.=) 'r'
      AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW @extschema@.recadv_models IS
'all models that you may read, with their name as functions take it (qualified where search_path does not find it), current version, dimensions, size in bytes and status (ok, not trained yet, busy where it is locked, or an error); age: since the training of the version that serves began; metric, value, holdout, held_out_users: what that training measured and on what (NULL: nothing); of a model that learns from a stream the end of the last refresh, also of one that found nothing new, the time up to which events have been learnt (a few stray ones far later do not count), and observed events that no refresh has learnt (pending); versions that are kept, and those of them that have never served (option promote), newest first. Waits for none of the models, and keeps no lock';
GRANT SELECT ON @extschema@.recadv_models TO PUBLIC;

CREATE VIEW @extschema@.recadv_all_runs AS
    SELECT c.oid::pg_catalog.regclass::pg_catalog.text AS model,
           n.nspname AS schema,
           c.relname AS name,
           d.run, r.kind, r.status, r.message, r.started, r.finished, r.version, r.algorithm,
           r.source, r.time_column, r.options, r.users, r.items, r.interactions, r.events,
           r.null_rows, r.epochs, r.loss, r.holdout, r.k, r.held_out_users, r.metrics, r.phases,
           r.role, r.pid
    FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace,
         LATERAL @extschema@.recadv_run_documents(c.oid) d,
         LATERAL pg_catalog.jsonb_to_record(d.document)
        AS r(kind text, status text, message text, started timestamptz, finished timestamptz,
             version integer, algorithm text, source text, time_column text, options jsonb,
             users bigint, items bigint, interactions bigint, events bigint, null_rows bigint,
             epochs integer, loss double precision, holdout text, k integer,
             held_out_users bigint, metrics jsonb, phases jsonb, role text, pid integer)
    WHERE c.reloftype OPERATOR(pg_catalog.=) '@extschema@.recadv_model'::pg_catalog.regtype
      AND c.relkind OPERATOR(pg_catalog.=) 'r'
      AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
COMMENT ON VIEW @extschema@.recadv_all_runs IS
'recadv_runs of all models that you may read. A model that is locked or damaged is left out with a WARNING';
GRANT SELECT ON @extschema@.recadv_all_runs TO PUBLIC;

CREATE FUNCTION @extschema@.recadv_running()
RETURNS TABLE (relation oid, model text, kind text, stage text, epoch integer, epochs integer, percent double precision, loss double precision, metric text, value double precision, ends timestamptz, started timestamptz, role oid, pid integer)
AS 'MODULE_PATHNAME', 'recadv_running'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION @extschema@.recadv_running() IS
'what sessions of this database are busy with; recadv_progress shows it. relation: the model''s table; ends: when the stage will end at the latest';

CREATE VIEW @extschema@.recadv_progress AS
    SELECT coalesce(c.oid::pg_catalog.regclass::pg_catalog.text,
                    pg_catalog.quote_ident(p.model)) AS model,
           p.kind,
           p.stage,
           p.epoch,
           p.epochs,
           p.percent,
           p.loss,
           p.metric,
           p.value,
           CASE WHEN p.ends IS NOT NULL THEN
               greatest(pg_catalog.timestamptz_mi(p.ends, pg_catalog.clock_timestamp()),
                        '0'::pg_catalog.interval)
           END AS time_left,
           p.started,
           pg_catalog.pg_get_userbyid(p.role) AS role,
           p.pid
    FROM @extschema@.recadv_running() p
         LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) p.relation;
COMMENT ON VIEW @extschema@.recadv_progress IS
'trainings, jobs, refreshes and recadv_fit that run now in this database: model (NULL for recadv_fit), kind (train, job, refresh, fit), stage (begin, read, map, compare, choose, fit, then those of the algorithm, write; of a refresh read, learn, write), the last epoch that ended of those planned, percent of the stage, loss, metric and its value on the held-out interactions when it was last measured in the stage, time left of the stage at the most, start of the run, role, pid. NULL: not known. For the role that runs it, the owner of the model, members of both, pg_monitor and superusers. Like pg_stat_activity it stays the same within a transaction that has looked, and needs track_activities';
GRANT SELECT ON @extschema@.recadv_progress TO PUBLIC;

-- The aggregate

CREATE FUNCTION @extschema@.recadv_fit_accum(internal, "any", "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'recadv_fit_accum'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_fit_accum(internal, "any", "any") IS
'transition function of recadv_fit("any", "any")';

CREATE FUNCTION @extschema@.recadv_fit_accum_options(internal, "any", "any", jsonb)
RETURNS internal
AS 'MODULE_PATHNAME', 'recadv_fit_accum_options'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_fit_accum_options(internal, "any", "any", jsonb) IS
'transition function of recadv_fit("any", "any", jsonb)';

CREATE FUNCTION @extschema@.recadv_fit_accum_time(internal, "any", "any", "any", jsonb)
RETURNS internal
AS 'MODULE_PATHNAME', 'recadv_fit_accum_time'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_fit_accum_time(internal, "any", "any", "any", jsonb) IS
'transition function of recadv_fit("any", "any", "any", jsonb)';

CREATE FUNCTION @extschema@.recadv_fit_accum_weight(internal, "any", "any", "any", "any", jsonb)
RETURNS internal
AS 'MODULE_PATHNAME', 'recadv_fit_accum_weight'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_fit_accum_weight(internal, "any", "any", "any", "any", jsonb) IS
'transition function of recadv_fit("any", "any", "any", "any", jsonb)';

CREATE FUNCTION @extschema@.recadv_fit_combine(internal, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'recadv_fit_combine'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_fit_combine(internal, internal) IS
'combine function of recadv_fit';

CREATE FUNCTION @extschema@.recadv_fit_serialize(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'recadv_fit_serialize'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_fit_serialize(internal) IS
'serialisation of a partial state of recadv_fit';

CREATE FUNCTION @extschema@.recadv_fit_deserialize(bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'recadv_fit_deserialize'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_fit_deserialize(bytea, internal) IS
'deserialisation of a partial state of recadv_fit';

CREATE FUNCTION @extschema@.recadv_fit_final(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'recadv_fit_final'
LANGUAGE C STABLE PARALLEL SAFE COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_fit_final(internal) IS
'final function of recadv_fit: trains';

CREATE AGGREGATE @extschema@.recadv_fit("any", "any") (
    SFUNC = @extschema@.recadv_fit_accum,
    STYPE = internal,
    FINALFUNC = @extschema@.recadv_fit_final,
    FINALFUNC_MODIFY = READ_WRITE,
    COMBINEFUNC = @extschema@.recadv_fit_combine,
    SERIALFUNC = @extschema@.recadv_fit_serialize,
    DESERIALFUNC = @extschema@.recadv_fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.recadv_fit("any", "any") IS
'trains a model from (user, item) rows with default options and returns it as an image; the options object may also name the algorithm (default als). NULL for no rows. recadv_image_topk and recadv_image_score take an image, recadv_save makes a model table of it';

CREATE AGGREGATE @extschema@.recadv_fit("any", "any", jsonb) (
    SFUNC = @extschema@.recadv_fit_accum_options,
    STYPE = internal,
    FINALFUNC = @extschema@.recadv_fit_final,
    FINALFUNC_MODIFY = READ_WRITE,
    COMBINEFUNC = @extschema@.recadv_fit_combine,
    SERIALFUNC = @extschema@.recadv_fit_serialize,
    DESERIALFUNC = @extschema@.recadv_fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.recadv_fit("any", "any", jsonb) IS
'trains a model from (user, item) rows with options and returns it as an image; the options object may also name the algorithm (default als). NULL for no rows. recadv_image_topk and recadv_image_score take an image, recadv_save makes a model table of it';

CREATE AGGREGATE @extschema@.recadv_fit("any", "any", "any", jsonb) (
    SFUNC = @extschema@.recadv_fit_accum_time,
    STYPE = internal,
    FINALFUNC = @extschema@.recadv_fit_final,
    FINALFUNC_MODIFY = READ_WRITE,
    COMBINEFUNC = @extschema@.recadv_fit_combine,
    SERIALFUNC = @extschema@.recadv_fit_serialize,
    DESERIALFUNC = @extschema@.recadv_fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.recadv_fit("any", "any", "any", jsonb) IS
'trains a model from (user, item) rows with the time of each interaction and options and returns it as an image; the options object may also name the algorithm (default als). NULL for no rows. recadv_image_topk and recadv_image_score take an image, recadv_save makes a model table of it';

CREATE AGGREGATE @extschema@.recadv_fit("any", "any", "any", "any", jsonb) (
    SFUNC = @extschema@.recadv_fit_accum_weight,
    STYPE = internal,
    FINALFUNC = @extschema@.recadv_fit_final,
    FINALFUNC_MODIFY = READ_WRITE,
    COMBINEFUNC = @extschema@.recadv_fit_combine,
    SERIALFUNC = @extschema@.recadv_fit_serialize,
    DESERIALFUNC = @extschema@.recadv_fit_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.recadv_fit("any", "any", "any", "any", jsonb) IS
'trains a model from (user, item) rows with the time and the weight of each interaction and options, as recadv_fit("any", "any", "any", jsonb); a bare NULL for the time or the weight is as good as none. A weight, a number above zero, tells how much the row counts (a purchase 5, a view 1); NULL counts 1, rows with zero, a negative number, NaN or infinity are skipped with a notice, the weights of duplicates add up';

CREATE FUNCTION @extschema@.recadv_save(
    model text,
    image bytea)
RETURNS integer
AS 'MODULE_PATHNAME', 'recadv_save'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.recadv_save(text, bytea) IS
'stores an image as a new version of the model table, created on first use; returns the version';
