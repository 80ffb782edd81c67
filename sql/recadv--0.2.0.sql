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

CREATE TYPE @extschema@.recadv_policy_training AS (
    model text,
    version integer,
    algorithm text,
    sessions bigint,
    steps bigint,
    items bigint,
    null_rows bigint,
    broken_rows bigint,
    epochs integer,
    best_epoch integer,
    reward double precision,
    depth double precision,
    logged_reward double precision,
    random_reward double precision,
    seconds double precision,
    stop_reason text,
    metrics jsonb,
    promotion text
);
COMMENT ON TYPE @extschema@.recadv_policy_training IS
'result of recadv_train_policy: model, version, algorithm; what was read (NULL where it learnt in a world): sessions, steps (rows), items, rows skipped for a NULL session or step, and rows skipped because they are broken; entries of the learning curve, and the one that the model is from (recadv_history says what they are); mean reward and number of slates of a session with simulated visitors of whom training has seen none, or in sessions of its world (NULL without a simulator and a world), the mean reward of a session of the log, and what slates, or weights, by chance earn with the same visitors; seconds, why training stopped; what training itself measured, under its names, of a simulator with its calibration; promoted where the version serves, otherwise why it is kept but does not (option promote)';

CREATE FUNCTION @extschema@.recadv_train_policy(
    model text,
    source text,
    session_column name DEFAULT 'session_id',
    step_column name DEFAULT 'step',
    shown_column name DEFAULT 'shown',
    clicked_column name DEFAULT 'clicked',
    scenario_column name DEFAULT 'scenario',
    observation_column name DEFAULT 'observation',
    action_column name DEFAULT 'action',
    reward_column name DEFAULT NULL,
    propensity_column name DEFAULT NULL,
    simulator text DEFAULT NULL,
    algorithm text DEFAULT 'hac',
    options jsonb DEFAULT '{}')
RETURNS @extschema@.recadv_policy_training
AS 'MODULE_PATHNAME', 'recadv_train_policy'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_train_policy(text, text, name, name, name, name, name, name, name, name, name, text, text, jsonb) IS
'learns from a log of sessions what to show in them, how visitors answer, or how to weight the rankings of several scenarios, and stores it as a new version of the table "model", which serves if it is good enough (option promote; created on first use, owned by the caller). The source has one row per step of a session: session, step (a number or a time), the array of the items that were shown, the array of those that were clicked (a part of them; NULL or empty: none), and, where columns are named, the reward (NULL: for each item 1 if it was clicked and -0.1 if not, divided by the number of items) and the array of the probabilities with which each item was shown. Rows with a NULL session or step, and rows that are broken, are skipped and counted. simulator: a model of an algorithm that simulates visitors, against which the policy is trained and measured; NULL: the log alone. recadv_topk_for serves a policy. An algorithm that acts in scenarios (ma_rdpg) reads acts instead of slates: session, step, scenario (a name or a number), the array of the numbers that were observed, the array of the weights that the scenario''s ranking had (none negative, their sum 1), the reward, which must be there, and, where a column is named, the density of the action; all rows of a scenario have arrays of one length, and rows of another are broken. With its option environment it learns in a world of recadv''s own, and source is NULL. recadv_act serves it. recadv_options() lists algorithms and options. All in one transaction: for long runs use recadv_train_policy_job. Liu et al., WWW 2023';

CREATE PROCEDURE @extschema@.recadv_train_policy_job(
    model text,
    source text,
    session_column name DEFAULT 'session_id',
    step_column name DEFAULT 'step',
    shown_column name DEFAULT 'shown',
    clicked_column name DEFAULT 'clicked',
    scenario_column name DEFAULT 'scenario',
    observation_column name DEFAULT 'observation',
    action_column name DEFAULT 'action',
    reward_column name DEFAULT NULL,
    propensity_column name DEFAULT NULL,
    simulator text DEFAULT NULL,
    algorithm text DEFAULT 'hac',
    options jsonb DEFAULT '{}',
    if_busy text DEFAULT 'error')
AS 'MODULE_PATHNAME', 'recadv_train_policy_job'
LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.recadv_train_policy_job(text, text, name, name, name, name, name, name, name, name, name, text, text, jsonb, text) IS
'recadv_train_policy with a commit after each phase (open, read, fit, write), so that no snapshot is held while it learns; every run, also a failed one, leaves a row in recadv_runs(model). if_busy: error, skip or wait, when another session trains the model. CALL it at top level, for example from pg_cron';

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

CREATE FUNCTION @extschema@.recadv_publish(
    model text,
    publication text DEFAULT NULL,
    OUT published_as text,
    OUT model_table text,
    OUT bytes bigint,
    OUT reader text)
AS 'MODULE_PATHNAME', 'recadv_publish'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_publish(text, text) IS
'lets other servers have the model by logical replication: creates a publication of its table (NULL: called like the table), or finds it there, and tells its name, the table''s, the bytes that a reader copies first, and the call of recadv_subscribe() to make there. For the owner of the model, with the right to create a publication; wal_level must be logical';

CREATE FUNCTION @extschema@.recadv_subscribe(
    model text,
    conninfo text,
    publication text DEFAULT NULL,
    subscription text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'recadv_subscribe'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_subscribe(text, text, text, text) IS
'makes this server a reader of a model that recadv_publish() has published: creates the model''s table, which must not be there or be empty, and returns the statement CREATE SUBSCRIPTION (NULL: both called like the table; conninfo: how this server connects to the other), which no function can run: end the call with \gexec in psql, or execute what it returns outside of a transaction block. For those who may create subscriptions';

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
'recadv_topk for someone who is not in the model but has these items: a user''s embedding is trained for the history, in any order, with the model''s own options while the items stay as they are (bpr, amf), or the history is noted event by event, in the order of the array, with repeats (nmrn, policies). The same history always gives the same. Without the history itself unless exclude_seen is false. Unknown items are ignored; a history that is NULL, empty or all unknown gets the most popular items, and fallback is true, of a policy those that it begins a session with';

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

CREATE FUNCTION @extschema@.recadv_slate(
    history bigint[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    explore real DEFAULT 0.05,
    seed bigint DEFAULT NULL,
    exclude_seen boolean DEFAULT false,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL)
RETURNS TABLE (item bigint, score real, rank integer, propensity real)
AS 'MODULE_PATHNAME', 'recadv_slate_bigint'
LANGUAGE C VOLATILE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_slate(bigint[], integer, text, real, bigint, boolean, bigint[], bigint[]) IS
'the k best items for someone who has these, as in recadv_topk_for, but each place is, with probability explore (0 to 0.5), given to another eligible item drawn at random. propensity: the probability that the slate has the item, which is what to log; 1 - explore for one of the k best, k * explore / (eligible items - k) for another. With fewer than 2k eligible items as many places explore as there are others, and the propensities follow. exclude_seen: without the history itself. candidates, exclude: as in recadv_topk. A seed repeats the slate; NULL draws anew each time. A history that is NULL, empty or all unknown: the most popular items, of a policy those that it begins a session with. NULL for k, explore or exclude_seen: no rows';

CREATE FUNCTION @extschema@.recadv_slate(
    history text[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    explore real DEFAULT 0.05,
    seed bigint DEFAULT NULL,
    exclude_seen boolean DEFAULT false,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL)
RETURNS TABLE (item text, score real, rank integer, propensity real)
AS 'MODULE_PATHNAME', 'recadv_slate_text'
LANGUAGE C VOLATILE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate;
COMMENT ON FUNCTION @extschema@.recadv_slate(text[], integer, text, real, bigint, boolean, text[], text[]) IS
'recadv_slate with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_act(
    model text,
    scenario text,
    observation double precision[],
    state double precision[] DEFAULT NULL,
    explore double precision DEFAULT 0,
    seed bigint DEFAULT NULL,
    OUT action real[],
    OUT state_after real[],
    OUT propensity real)
AS 'MODULE_PATHNAME', 'recadv_act_text'
LANGUAGE C VOLATILE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION @extschema@.recadv_act(text, text, double precision[], double precision[], double precision, bigint) IS
'the weights that a model which acts in scenarios (trained by recadv_train_policy) gives the features of a scenario''s ranking: not below 0, their sum 1. observation: the numbers that were observed, as many as the log had for the scenario. state: state_after of the session''s act before this one, whichever scenario that was in, as it came; NULL or empty where the session starts. The state is all that is remembered of a session, so the application keeps it, and any server that has the model can answer. A state of another version of the model starts the session anew, with a NOTICE; a state of another model is an error. explore: standard deviation (0 to 10) of normal noise on the logarithms of the weights, before they are scaled to the sum 1. propensity: the density of what was drawn, which is what to log; NULL without noise, and where single precision has no such number. A seed repeats the noise; NULL draws anew each time. model NULL: the only model. NULL for scenario, observation or explore is an error. Feng et al., WWW 2018';

CREATE FUNCTION @extschema@.recadv_act(
    model text,
    scenario bigint,
    observation double precision[],
    state double precision[] DEFAULT NULL,
    explore double precision DEFAULT 0,
    seed bigint DEFAULT NULL,
    OUT action real[],
    OUT state_after real[],
    OUT propensity real)
AS 'MODULE_PATHNAME', 'recadv_act_bigint'
LANGUAGE C VOLATILE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION @extschema@.recadv_act(text, bigint, double precision[], double precision[], double precision, bigint) IS
'recadv_act with the scenario as a number';

CREATE FUNCTION @extschema@.recadv_simulate(
    simulator text,
    policy text DEFAULT NULL,
    sessions integer DEFAULT 1000,
    k integer DEFAULT 10,
    explore real DEFAULT 0,
    seed bigint DEFAULT 1,
    options jsonb DEFAULT '{}',
    candidates bigint[] DEFAULT NULL)
RETURNS TABLE (session_id bigint, step integer, shown bigint[], clicked bigint[], reward real, propensity real[], ended boolean, history bigint[])
AS 'MODULE_PATHNAME', 'recadv_simulate_bigint'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10000 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_simulate(text, text, integer, integer, real, bigint, jsonb, bigint[]) IS
'sessions of simulated visitors to whom a model recommends k items a step, as rows of a log: what was shown, which of it was clicked, the reward of the step (1 for a click and -0.1 for none, divided by the number of items), and with which probability each item was in the slate; history: what the visitor had clicked before, the last 50, with which the policy was asked. simulator: a model of an algorithm that simulates, trained by recadv_train_policy; policy: any model that recadv_slate serves, NULL: items by chance. explore: as in recadv_slate. Sessions start from records of the simulator''s log; a seed has the same visitors with the same luck, whatever the policy; NULL draws. options: those of visitors (no_repeat, boredom, bait, patience and so on), over what the simulator was trained with. Only items that both models know, and that are among candidates (NULL: all), are shown. On several threads (recadv.max_threads), the same rows for any number. A NOTICE where the policy was trained in this simulator. NULL for sessions, k or explore: no rows';

CREATE FUNCTION @extschema@.recadv_simulate(
    simulator text,
    policy text,
    candidates text[],
    sessions integer DEFAULT 1000,
    k integer DEFAULT 10,
    explore real DEFAULT 0,
    seed bigint DEFAULT 1,
    options jsonb DEFAULT '{}')
RETURNS TABLE (session_id bigint, step integer, shown text[], clicked text[], reward real, propensity real[], ended boolean, history text[])
AS 'MODULE_PATHNAME', 'recadv_simulate_text'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10000 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_simulate(text, text, text[], integer, integer, real, bigint, jsonb) IS
'recadv_simulate with ids as text; serves every model: recadv_simulate(simulator, policy, candidates => NULL::text[])';

CREATE FUNCTION @extschema@.recadv_play_clicks(
    world text DEFAULT 'success',
    policy text DEFAULT 'random',
    sessions integer DEFAULT 1000,
    k integer DEFAULT 10,
    max_clicks integer DEFAULT 10,
    seed bigint DEFAULT 1,
    world_seed bigint DEFAULT 1)
RETURNS TABLE (session_id bigint, step integer, shown bigint[], clicked bigint[], reward real, propensity real[], ended boolean, history bigint[], state integer, stays real, coverage real)
AS 'MODULE_PATHNAME', 'recadv_play_clicks'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 3000 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_play_clicks(text, text, integer, integer, integer, bigint, bigint) IS
'sessions of visitors in a made-up world of 10 states, which nobody sees, and 50 items (1 to 50), as rows of a log: to train on, and to measure what was trained. A visitor picks one of k items with probability proportional to its attraction; with the probability that it satisfies, both depending on item and state, there is a next slate. world: success (what attracts is what satisfies; the click happens where it does, and the visitor leaves without one otherwise), click_bait (attraction says nothing of satisfaction; the click happens anyhow). policy: random; max, the k items that satisfy most in the state; mix, those or, every second time, k of the k + k/2 ranks behind; or any model that recadv_slate serves, without exploration; NULL: random. world_seed has another world; a seed has the same visitors with the same luck, whatever the policy, so measure with another than that of the log that was trained on; NULL draws. max_clicks: visitors who have clicked so often are not followed further. reward: 1 for a click, so that its sum is the length of a session; ended: the visitor has left (false in the last row of who is not followed further); history: what was clicked before, the last 50; state: of the visitor; stays: the probability that there is a next slate; coverage: the share of the k items that satisfy most in this state that are shown. On several threads (recadv.max_threads), the same rows for any number. NULL for another argument than world (an error), policy or seed: no rows';

CREATE FUNCTION @extschema@.recadv_play_acts(
    world text DEFAULT 'market',
    policy text DEFAULT 'random',
    sessions integer DEFAULT 1000,
    explore double precision DEFAULT 0,
    seed bigint DEFAULT 1)
RETURNS TABLE (session_id bigint, step integer, scenario text, observation real[], action real[], reward real, propensity real, ended boolean, state real[], kind integer)
AS 'MODULE_PATHNAME', 'recadv_play_acts'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 3000 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_play_acts(text, text, integer, double precision, bigint) IS
'sessions in a made-up world of several scenarios, each with a ranking whose weights a policy chooses, as rows of a log of acts: to train on, and to measure what was trained. world: market, in which main search sees a noisy sign of the type of goods that a visitor likes, a weight on brand brings visitors from there into the shop, and the shop, which sees no sign, sells (10) if it ranks by the right type; clicks earn 1, steps without one -1, leaving without having bought -5. policy: random (weights by chance, the log to learn from), popular, brand, told (the shop ranks by the signs that main search has seen), knows (by the type itself), or a model that acts (ma_rdpg). explore: of a model, the deviation of normal noise on the logarithms of its weights. A seed has the same visitors with the same luck, whatever the policy, and no training has met them; NULL draws. propensity: the density of the action, as recadv_act tells it; NULL without noise. ended: the last step of the session; state: what the policy carries to the next step, NULL if nothing; kind: the type of the visitor, which no policy but knows sees. NULL for sessions or explore: no rows';

CREATE FUNCTION @extschema@.recadv_evaluate_policy(
    model text,
    test_source text,
    session_column name DEFAULT 'session_id',
    step_column name DEFAULT 'step',
    shown_column name DEFAULT 'shown',
    clicked_column name DEFAULT 'clicked',
    scenario_column name DEFAULT 'scenario',
    observation_column name DEFAULT 'observation',
    action_column name DEFAULT 'action',
    reward_column name DEFAULT NULL,
    propensity_column name DEFAULT 'propensity',
    history_column name DEFAULT NULL,
    explore real DEFAULT 0.05,
    gamma double precision DEFAULT 1,
    confidence double precision DEFAULT 0.95,
    clip double precision DEFAULT NULL,
    seed bigint DEFAULT 1)
RETURNS TABLE (estimator text, value double precision, lower double precision, upper double precision, sessions bigint, effective double precision, max_weight double precision, supported double precision, clipped bigint)
AS 'MODULE_PATHNAME', 'recadv_evaluate_policy'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 5 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_evaluate_policy(text, text, name, name, name, name, name, name, name, name, name, name, real, double precision, double precision, double precision, bigint) IS
'what a model would have earned on a log that another one has written, as the mean reward of a slate: logged (what was earned), direct (a model of the answers, learnt from the log: no better than that), ips (items that were shown, weighted by how much likelier they would be), snips (the same by the sum of the weights), dr (direct, corrected by what was shown). The source has the rows of recadv_train_policy, with the probability that each item was in the slate (propensity_column; NULL: not logged, then logged and direct alone), and the array of what had been clicked before, with which the model is to be asked (history_column; NULL: the clicks of the session''s earlier steps; the last 50 count). explore: that of the model, as in recadv_slate. Slate t of a session counts gamma^t. An item''s answer is taken to depend on neither its place nor its neighbours, and who comes with which clicks to be as in the log. lower, upper: bootstrap over sessions; NULL, with a WARNING, below 200 effective items or 20 sessions; direct has none. effective: (sum of weights)^2 / sum of squares. supported: share of what the model shows that the log may have shown. clip: largest weight; clipped: how many were larger. Of a model that acts in scenarios the source has acts, and there are logged and direct alone, of whole sessions, discounted as the model does (its option gamma): what was earned, and what the model''s own critic expects where the sessions start; supported: share of steps in which it gives no weight beyond those that the log has tried. seed of resampling; NULL draws';

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

-- Pictures: what is in the lists of all users, as rows

CREATE FUNCTION @extschema@.recadv_model_table(
    model text DEFAULT NULL)
RETURNS regclass
AS 'MODULE_PATHNAME', 'recadv_model_table'
LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.recadv_model_table(text) IS
'the table of the model that a call with this name means; NULL: as in recadv_topk';

CREATE FUNCTION @extschema@.recadv_previous_version(
    model text DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'recadv_previous_version'
LANGUAGE C STABLE PARALLEL SAFE COST 500;
COMMENT ON FUNCTION @extschema@.recadv_previous_version(text) IS
'the version that recadv_rollback(model) would let serve again: the one that served before; NULL: none is kept';

CREATE FUNCTION @extschema@.recadv_lists(
    model text DEFAULT NULL,
    k integer DEFAULT 10,
    version integer DEFAULT NULL,
    users text[] DEFAULT NULL,
    sample integer DEFAULT NULL)
RETURNS TABLE (user_id text, items text[])
AS 'MODULE_PATHNAME', 'recadv_lists'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_lists(text, integer, integer, text[], integer) IS
'the k best items, best first, that any kept version of a model (NULL: the one that serves) has for each of its users, as one row a user, on up to recadv.max_threads threads; without what the user has, and as that version was trained and refreshed: events that no refresh has learnt do not count. users: these alone, without those that the version does not know; NULL: all. sample: at most so many of them, spread evenly over all; NULL: all. A version that does not serve is read from the table by each call, and changes nothing for those who ask the model. No rows for a NULL k';

CREATE FUNCTION @extschema@.recadv_popularity(
    model text DEFAULT NULL,
    version integer DEFAULT NULL)
RETURNS TABLE (item text, popularity double precision)
AS 'MODULE_PATHNAME', 'recadv_popularity'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10000 COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_popularity(text, integer) IS
'the items of a version of a model (NULL: the one that serves), and how many interactions each had in training and refreshes, or the sum of their weights';

CREATE FUNCTION @extschema@.recadv_seen(
    user_id bigint,
    model text DEFAULT NULL)
RETURNS TABLE (item bigint)
AS 'MODULE_PATHNAME', 'recadv_seen_bigint'
LANGUAGE C STABLE PARALLEL SAFE ROWS 50 COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_seen(bigint, text) IS
'the items that a user has by what the model was trained on and by what it has observed since: those that recadv_topk leaves out. No rows for a user that the model does not know';

CREATE FUNCTION @extschema@.recadv_seen(
    user_id text,
    model text DEFAULT NULL)
RETURNS TABLE (item text)
AS 'MODULE_PATHNAME', 'recadv_seen_text'
LANGUAGE C STABLE PARALLEL SAFE ROWS 50 COST 1000;
COMMENT ON FUNCTION @extschema@.recadv_seen(text, text) IS
'recadv_seen with ids as text; serves every model';

CREATE FUNCTION @extschema@.recadv_components(
    vectors real[])
RETURNS TABLE (number integer, x double precision, y double precision)
AS 'MODULE_PATHNAME', 'recadv_components'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1000 COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_components(real[]) IS
'the first two principal components of the rows of an array of two dimensions, such as array_agg(embedding): the number of each row, from 1, and where it lies on the plane on which the rows differ most, from their mean. No rows for NULL or an empty array';

CREATE FUNCTION @extschema@.recadv_item_exposure(
    model text DEFAULT NULL,
    k integer DEFAULT 10,
    version integer DEFAULT NULL,
    sample integer DEFAULT NULL)
RETURNS TABLE (item text, popularity double precision, lists bigint, decile integer)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10000
BEGIN ATOMIC
    WITH shown AS (
        SELECT u.item, pg_catalog.count(*) AS lists
        FROM @extschema@.recadv_lists(model, k, version, NULL, sample) l, LATERAL pg_catalog.unnest(l.items) AS u(item)
        GROUP BY u.item)
    SELECT p.item, p.popularity, coalesce(s.lists, 0),
           pg_catalog.ntile(10) OVER (ORDER BY p.popularity DESC, p.item COLLATE pg_catalog."C")
    FROM @extschema@.recadv_popularity(model, version) p
         LEFT JOIN shown s ON s.item OPERATOR(pg_catalog.=) p.item
    WHERE k IS NOT NULL;
END;
COMMENT ON FUNCTION @extschema@.recadv_item_exposure(text, integer, integer, integer) IS
'for each item of a version of a model (NULL: the one that serves) its popularity, in how many users'' lists of k items it is, and its decile: all items in order of popularity, cut into ten groups of as many items each (1: the most popular; ties by the text of the id). sample: the lists of at most so many users, spread evenly; NULL: of all';

CREATE FUNCTION @extschema@.recadv_exposure(
    model text DEFAULT NULL,
    k integer DEFAULT 10,
    version integer DEFAULT NULL,
    sample integer DEFAULT NULL)
RETURNS TABLE (decile integer, items bigint, listed_items bigint, bought double precision, recommended bigint,
    bought_share double precision, recommended_share double precision)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
BEGIN ATOMIC
    SELECT e.decile, pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE e.lists OPERATOR(pg_catalog.>) 0),
           pg_catalog.sum(e.popularity), pg_catalog.sum(e.lists)::bigint,
           pg_catalog.sum(e.popularity) OPERATOR(pg_catalog./) nullif(pg_catalog.sum(pg_catalog.sum(e.popularity)) OVER (), 0::double precision),
           (pg_catalog.sum(e.lists) OPERATOR(pg_catalog./) nullif(pg_catalog.sum(pg_catalog.sum(e.lists)) OVER (), 0::numeric))::double precision
    FROM @extschema@.recadv_item_exposure(model, k, version, sample) e
    GROUP BY e.decile
    ORDER BY e.decile;
END;
COMMENT ON FUNCTION @extschema@.recadv_exposure(text, integer, integer, integer) IS
'recommended against bought, by decile of popularity (1: the tenth of the items that is most popular): items, how many of them are in some user''s list of k items, their interactions in training (or the sum of weights), their places in the lists of all users, and both as shares of all deciles (NULL: there are none). version, sample: as in recadv_lists; a row for each decile that has items';

CREATE FUNCTION @extschema@.recadv_coverage(
    model text DEFAULT NULL,
    k integer DEFAULT 10,
    version integer DEFAULT NULL,
    sample integer DEFAULT NULL)
RETURNS TABLE (users bigint, items bigint, listed_items bigint, coverage double precision, gini double precision,
    bought_gini double precision)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 1
BEGIN ATOMIC
    SELECT least(sample::bigint, (@extschema@.recadv_info(model, version) OPERATOR(pg_catalog.->>) 'users')::bigint),
           t.items::bigint, t.listed::bigint, t.listed OPERATOR(pg_catalog./) nullif(t.items, 0::double precision),
           (t.lists_moment OPERATOR(pg_catalog.-) ((t.items OPERATOR(pg_catalog.+) 1::double precision) OPERATOR(pg_catalog.*) t.lists))
               OPERATOR(pg_catalog./) nullif(t.items OPERATOR(pg_catalog.*) t.lists, 0::double precision),
           (t.bought_moment OPERATOR(pg_catalog.-) ((t.items OPERATOR(pg_catalog.+) 1::double precision) OPERATOR(pg_catalog.*) t.bought))
               OPERATOR(pg_catalog./) nullif(t.items OPERATOR(pg_catalog.*) t.bought, 0::double precision)
    FROM (SELECT pg_catalog.count(*)::double precision AS items,
                 pg_catalog.count(*) FILTER (WHERE e.lists OPERATOR(pg_catalog.>) 0::double precision)::double precision AS listed,
                 pg_catalog.sum(e.lists) AS lists, pg_catalog.sum(e.bought) AS bought,
                 -- twice the sum of what the items have, each times its place among all in ascending order
                 2::double precision OPERATOR(pg_catalog.*) pg_catalog.sum(e.lists OPERATOR(pg_catalog.*) e.lists_place) AS lists_moment,
                 2::double precision OPERATOR(pg_catalog.*) pg_catalog.sum(e.bought OPERATOR(pg_catalog.*) e.bought_place) AS bought_moment
          FROM (SELECT i.lists::double precision AS lists, i.popularity AS bought,
                       pg_catalog.row_number() OVER (ORDER BY i.lists)::double precision AS lists_place,
                       pg_catalog.row_number() OVER (ORDER BY i.popularity)::double precision AS bought_place
                FROM @extschema@.recadv_item_exposure(model, k, version, sample) i) e) t
    WHERE k IS NOT NULL;
END;
COMMENT ON FUNCTION @extschema@.recadv_coverage(text, integer, integer, integer) IS
'how much of the catalogue is in the lists of k items of all users: users, items, items that are in some list, their share; Gini coefficients of the places in lists and of the interactions in training over the items (0: all items have as many, towards 1: a few have all; NULL: there are none). version, sample: as in recadv_lists, so a sample covers less';

CREATE FUNCTION @extschema@.recadv_overlap(
    model text DEFAULT NULL,
    version_a integer DEFAULT NULL,
    version_b integer DEFAULT NULL,
    k integer DEFAULT 10,
    sample integer DEFAULT NULL)
RETURNS TABLE (shared integer, users bigint, users_share double precision)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 11
BEGIN ATOMIC
    WITH other AS MATERIALIZED (
        SELECT coalesce(version_b, @extschema@.recadv_previous_version(model)) AS version),
    a AS MATERIALIZED (
        SELECT l.user_id, l.items
        FROM other o, LATERAL @extschema@.recadv_lists(model, CASE WHEN o.version IS NOT NULL THEN k END, version_a,
            NULL, sample) l),
    b AS MATERIALIZED (
        SELECT l.user_id, l.items
        FROM other o, LATERAL @extschema@.recadv_lists(model, CASE WHEN o.version IS NOT NULL THEN k END, o.version,
                 CASE WHEN sample IS NOT NULL THEN ARRAY(SELECT a.user_id FROM a) END) l),
    common AS MATERIALIZED (
        SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.unnest(a.items) AS i(item)
                WHERE i.item OPERATOR(pg_catalog.=) ANY (b.items))::integer AS shared,
               greatest(pg_catalog.cardinality(a.items), pg_catalog.cardinality(b.items)) AS longest
        FROM a JOIN b ON b.user_id OPERATOR(pg_catalog.=) a.user_id)
    SELECT n.shared, pg_catalog.count(c.shared),
           pg_catalog.count(c.shared)::double precision OPERATOR(pg_catalog./) pg_catalog.sum(pg_catalog.count(c.shared)) OVER ()::double precision
    FROM pg_catalog.generate_series(0, (SELECT pg_catalog.max(common.longest) FROM common)) AS n(shared)
         LEFT JOIN common c ON c.shared OPERATOR(pg_catalog.=) n.shared
    GROUP BY n.shared
    ORDER BY n.shared;
END;
COMMENT ON FUNCTION @extschema@.recadv_overlap(text, integer, integer, integer, integer) IS
'how alike the lists of k items of two versions are, for the users that both know: a row for each number of items, from 0 on, that the two lists of a user may share, how many users share so many, and which share of all. version_a: NULL for the version that serves, version_b: NULL for the one that served before; no rows where none is kept. Both as trained and refreshed, as in recadv_lists; sample: at most so many users of version_a';

CREATE FUNCTION @extschema@.recadv_metrics(
    model text DEFAULT NULL)
RETURNS TABLE (run integer, kind text, at timestamptz, version integer, algorithm text, metric text,
    value double precision, holdout text, k integer, held_out_users bigint, events bigint, ranked bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT n.number, r.kind, r.finished, r.version, r.algorithm, m.key, pg_catalog.round(m.value::numeric, 100)::double precision,
           r.holdout, r.k, r.held_out_users, r.events, r.ranked
    FROM @extschema@.recadv_run_numbers(model) AS n(number),
         LATERAL pg_catalog.jsonb_to_record(@extschema@.recadv_document(model, 'run', n.number, 0))
        AS r(kind text, finished timestamptz, version integer, algorithm text, metrics jsonb, holdout text,
             k integer, held_out_users bigint, events bigint, ranked bigint),
         LATERAL pg_catalog.jsonb_each(CASE WHEN pg_catalog.jsonb_typeof(r.metrics) OPERATOR(pg_catalog.=) 'object'
             THEN r.metrics END) AS m(key, value)
    WHERE CASE WHEN pg_catalog.jsonb_typeof(m.value) OPERATOR(pg_catalog.=) 'number'
           THEN pg_catalog.abs(m.value::numeric) OPERATOR(pg_catalog.<) 1e300 END;
END;
COMMENT ON FUNCTION @extschema@.recadv_metrics(text) IS
'what the runs of a model measured, a row a number: run, kind, when it ended, version, algorithm, the metric''s name (of a refresh hr, ndcg and mrr of the events that it ranked before it learnt them) and value, and what it was measured on: holdout, k, users of whom something was held out (of a training), events learnt and ranked (of a refresh). Compare values of the same metric, holdout and k alone, over about as many users';

CREATE VIEW @extschema@.recadv_all_metrics AS
    SELECT c.oid::pg_catalog.regclass::pg_catalog.text AS model,
           n.nspname AS schema,
           c.relname AS name,
           d.run, r.kind, r.finished AS at, r.version, r.algorithm, m.key AS metric,
           pg_catalog.round(m.value::numeric, 100)::double precision AS value, r.holdout, r.k, r.held_out_users, r.events, r.ranked
    FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace,
         LATERAL @extschema@.recadv_run_documents(c.oid) d,
         LATERAL pg_catalog.jsonb_to_record(d.document)
        AS r(kind text, finished timestamptz, version integer, algorithm text, metrics jsonb, holdout text,
             k integer, held_out_users bigint, events bigint, ranked bigint),
         LATERAL pg_catalog.jsonb_each(CASE WHEN pg_catalog.jsonb_typeof(r.metrics) OPERATOR(pg_catalog.=) 'object'
             THEN r.metrics END) AS m(key, value)
    WHERE c.reloftype OPERATOR(pg_catalog.=) '@extschema@.recadv_model'::pg_catalog.regtype
      AND c.relkind OPERATOR(pg_catalog.=) 'r'
      AND NOT pg_catalog.pg_is_other_temp_schema(n.oid)
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
      AND CASE WHEN pg_catalog.jsonb_typeof(m.value) OPERATOR(pg_catalog.=) 'number'
           THEN pg_catalog.abs(m.value::numeric) OPERATOR(pg_catalog.<) 1e300 END;
COMMENT ON VIEW @extschema@.recadv_all_metrics IS
'recadv_metrics of all models that you may read, for dashboards. A model that is locked or damaged is left out with a WARNING';
GRANT SELECT ON @extschema@.recadv_all_metrics TO PUBLIC;

-- Pictures: charts

CREATE FUNCTION @extschema@.recadv_escape(
    value text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
               pg_catalog.regexp_replace(value, '[\u0001-\u0008\u000B\u000C\u000E-\u001F\u007F\uFFFE\uFFFF]', '', 'g'),
               '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
END;
COMMENT ON FUNCTION @extschema@.recadv_escape(text) IS
'a text as content or attribute of HTML and XML, where its characters mean nothing; control characters, which these cannot have, are left out';

CREATE FUNCTION @extschema@.recadv_chart_ticks(
    low double precision,
    high double precision,
    ticks integer DEFAULT 5)
RETURNS double precision[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $sql$
    WITH raw AS (SELECT (high - low) / ticks AS width),
         power AS (SELECT width, power(10::float8, floor(log(width))) AS unit FROM raw),
         step AS (SELECT unit * CASE WHEN width <= unit * 1.0000001 THEN 1 WHEN width <= unit * 2.0000001 THEN 2
                                     WHEN width <= unit * 5.0000001 THEN 5 ELSE 10 END AS step FROM power)
    SELECT array_agg(n * step ORDER BY n)
    FROM step, generate_series(floor(low / step + 1e-7)::bigint, ceil(high / step - 1e-7)::bigint) n
$sql$;
COMMENT ON FUNCTION @extschema@.recadv_chart_ticks(double precision, double precision, integer) IS
'about so many round numbers, at equal distances, from at or below low to at or above high (low < high): the ticks of an axis of recadv_chart';

CREATE FUNCTION @extschema@.recadv_chart_labels(
    ticks double precision[])
RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $sql$
    WITH extent AS (SELECT max(abs(t)) AS most, abs(ticks[2] - ticks[1]) AS step FROM unnest(ticks) t),
         unit AS (SELECT most, step, CASE WHEN most >= 1e9 THEN 1e9 WHEN most >= 1e6 THEN 1e6 WHEN most >= 1e4
             THEN 1e3 ELSE 1 END::float8 AS unit,
                         CASE WHEN most >= 1e9 THEN 'G' WHEN most >= 1e6 THEN 'M' WHEN most >= 1e4 THEN 'k'
                             ELSE '' END AS suffix FROM extent)
    SELECT array_agg(CASE WHEN most >= 1e13 OR step < 1e-6 THEN trim(to_char(t, '9.9EEEE'))
                          ELSE round((t / unit)::numeric, greatest(0, ceil(-log(step / unit) - 1e-7))::int)
                               || CASE WHEN t <> 0 THEN suffix ELSE '' END END ORDER BY n)
    FROM unit, unnest(ticks) WITH ORDINALITY AS u(t, n)
$sql$;
COMMENT ON FUNCTION @extschema@.recadv_chart_labels(double precision[]) IS
'the texts of ticks (two or more, at equal distances) of an axis of recadv_chart, with k for thousands, M for millions and G beyond';

CREATE FUNCTION @extschema@.recadv_chart_times(
    low double precision,
    high double precision,
    OUT ticks double precision[],
    OUT labels text[])
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $sql$
    WITH step AS (
        SELECT coalesce(min(s) FILTER (WHERE (high - low) / s <= 5),
            ceil((high - low) / 5 / 31557600) * 31557600) AS step
        FROM unnest('{1,5,15,60,300,900,3600,10800,21600,43200,86400,172800,604800,2629800,7889400,31557600}'::float8[]) s),
    places AS (
        SELECT n * step AS t, step FROM step, generate_series(ceil(low / step)::bigint, floor(high / step)::bigint) n)
    SELECT array_agg(t ORDER BY t),
           array_agg(to_char(to_timestamp(t) AT TIME ZONE 'UTC',
                             CASE WHEN step < 60 THEN 'HH24:MI:SS' WHEN high - low < 86400 THEN 'HH24:MI'
                                 WHEN step < 86400 THEN 'MM-DD HH24:MI' ELSE 'YYYY-MM-DD' END) ORDER BY t)
    FROM places
$sql$;
COMMENT ON FUNCTION @extschema@.recadv_chart_times(double precision, double precision) IS
'moments, in seconds since 1970, between two others, and their texts in UTC: the ticks of an axis of recadv_chart';

CREATE FUNCTION @extschema@.recadv_chart_style()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $sql$
    SELECT '<style>.recadv-chart{font:12px system-ui,sans-serif}.recadv-back{fill:#fff}.recadv-ink{fill:#1b2030}.recadv-label{fill:#4d5566}'
        || '.recadv-grid{stroke:#d9dee7;fill:none}.recadv-axis{stroke:#7a8294;fill:none}'
        || string_agg(format('.recadv-l%s{stroke:%s;fill:none}.recadv-f%1$s{fill:%2$s}', n, light), '' ORDER BY n)
        || '@media screen and (prefers-color-scheme:dark){.recadv-back{fill:#181b23}.recadv-ink{fill:#e8ebf2}.recadv-label{fill:#aab2c2}'
        || '.recadv-grid{stroke:#333a48}.recadv-axis{stroke:#7d879b}'
        || string_agg(format('.recadv-l%s{stroke:%s}.recadv-f%1$s{fill:%2$s}', n, dark), '' ORDER BY n) || '}</style>'
    FROM unnest('{#0b62c4,#c2410c,#15803d,#7e22ce,#be123c,#0e7490,#8a6100,#5b6472}'::text[],
                '{#6cb2ff,#ff9d5c,#5fd38d,#c99bff,#ff8fa3,#4dd4e6,#e5c04b,#a9b4c4}'::text[]) WITH ORDINALITY AS c(light,
                    dark, n)
$sql$;
COMMENT ON FUNCTION @extschema@.recadv_chart_style() IS
'the style of charts, light and dark';

CREATE FUNCTION @extschema@.recadv_chart_legend(
    series text[],
    width integer)
RETURNS TABLE (number integer, x integer, y integer, name text)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 8 SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    at integer := 12;
    line integer := 0;
    size integer;
BEGIN
    FOR i IN 1 .. cardinality(series) LOOP
        number := i;
        name := CASE WHEN length(series[number]) > 40 THEN left(series[number], 39) || '...' ELSE series[number] END;
        size := 30 + 7 * length(name);
        IF at > 12 AND at + size > width THEN
            at := 12;
            line := line + 1;
        END IF;
        x := at;
        y := line * 18;
        at := at + size;
        RETURN NEXT;
    END LOOP;
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_chart_legend(text[], integer) IS
'where the names of series stand, in lines of a width in pixels';

CREATE FUNCTION @extschema@.recadv_chart(
    kind text,
    x double precision[],
    y double precision[],
    series text[] DEFAULT NULL,
    labels text[] DEFAULT NULL,
    title text DEFAULT NULL,
    description text DEFAULT NULL,
    x_title text DEFAULT NULL,
    y_title text DEFAULT NULL,
    times boolean DEFAULT false,
    width integer DEFAULT 380,
    height integer DEFAULT 250)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 100000 SET search_path = pg_catalog, pg_temp SET jit = off
AS $plpgsql$
DECLARE
    most CONSTANT float8 := 1e100; -- beyond it nothing can be drawn to scale
    x_most CONSTANT float8 := CASE WHEN times THEN 1e11 ELSE most END; -- and no time is known
    names text[];
    given bigint;
    usable bigint;
    groups text[]; -- of bars, in order
    x_low float8; x_high float8; y_low float8; y_high float8; y_range text[];
    x_ticks float8[]; y_ticks float8[];
    x_labels text[]; y_labels text[];
    lines integer; -- of the legend
    left_edge float8; top_edge float8; wide float8; high float8;
    every integer;
    dense boolean;
    marks text;
    axes text;
    legend text;
    told text;
BEGIN
    IF kind IS NULL OR kind NOT IN ('line', 'bar', 'scatter') THEN
        RAISE invalid_parameter_value USING MESSAGE = format('kind must be line, bar or scatter, not %s',
            coalesce(kind, 'NULL'));
    ELSIF cardinality(x) IS DISTINCT FROM cardinality(y) AND NOT (kind = 'bar' AND x IS NULL)
          OR cardinality(series) <> cardinality(y) OR cardinality(labels) <> cardinality(y) THEN
        RAISE invalid_parameter_value USING MESSAGE = 'x, y, series and labels must have as many elements',
            HINT = 'array_agg over the same rows makes such arrays.';
    ELSIF width IS NULL OR height IS NULL OR width NOT BETWEEN 200 AND 4000 OR height NOT BETWEEN 120 AND 4000 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'width must be from 200 to 4000 pixels, and height from 120 to 4000';
    END IF;

    -- What can be drawn, and how far it reaches.
    given := coalesce(cardinality(y), 0);
    SELECT array_agg(s ORDER BY first) INTO names
    FROM (SELECT coalesce(s, '') AS s, min(n) AS first
        FROM unnest(coalesce(series, array_fill(''::text, ARRAY[given::int]))) WITH ORDINALITY AS u(s, n)
          GROUP BY 1) q;
    IF cardinality(names) > 8 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('a chart has at most 8 series, not %s',
            cardinality(names)),
            HINT = 'Put the smaller ones together.';
    END IF;
    IF kind = 'bar' THEN
        SELECT array_agg(g ORDER BY first) INTO groups
        FROM (SELECT coalesce(labels[n], x[n]::text, n::text) AS g, min(n) AS first FROM generate_series(1, given) n
              WHERE abs(y[n]) <= most GROUP BY 1) q;
        IF cardinality(groups) > width / 2 THEN
            RAISE invalid_parameter_value USING MESSAGE = format('%s bars do not fit into %s pixels',
                cardinality(groups), width),
                HINT = 'Use a chart of lines, or greater groups.';
        END IF;
    END IF;
    SELECT count(*), min(a), max(a), min(b), max(b) INTO usable, x_low, x_high, y_low, y_high
    FROM unnest(coalesce(x, array_fill(0::float8, ARRAY[given::int])), y) AS p(a, b)
    WHERE abs(b) <= most AND (kind = 'bar' OR abs(a) <= x_most);
    SELECT array_agg(CASE WHEN abs(v) BETWEEN 0.001 AND 1e15 THEN trim_scale(round(v::numeric, 4))::text
        ELSE v::text END ORDER BY n) INTO y_range FROM unnest(ARRAY[y_low, y_high]) WITH ORDINALITY AS ends(v, n);
    IF kind = 'bar' THEN
        y_low := least(y_low, 0);
        y_high := greatest(y_high, 0);
    END IF;

    -- An axis that would have no length gets one.
    IF y_high - y_low <= 1e-9 * greatest(abs(y_low), abs(y_high), 1e-90) THEN
        y_low := y_low - coalesce(nullif(abs(y_low), 0), 1) / 10;
        y_high := y_high + coalesce(nullif(abs(y_high), 0), 1) / 10;
    END IF;
    IF x_high - x_low <= 1e-9 * greatest(abs(x_low), abs(x_high), 1e-90) THEN
        x_low := x_low - CASE WHEN times THEN 3600 ELSE coalesce(nullif(abs(x_low), 0), 1) / 10 END;
        x_high := x_high + CASE WHEN times THEN 3600 ELSE coalesce(nullif(abs(x_high), 0), 1) / 10 END;
    END IF;

    SELECT coalesce(max(l.y), 0) / 18 + 1,
        string_agg(format('<rect class="recadv-f%s" x="%s" y="%s" width="12" height="12" rx="2"/><text class="recadv-ink" x="%s" y="%s">%s</text>',
               l.number, l.x, l.y + 28, l.x + 17, l.y + 38, @extschema@.recadv_escape(l.name)), '' ORDER BY l.number)
    INTO lines, legend
    FROM @extschema@.recadv_chart_legend(CASE WHEN cardinality(names) > 1 THEN names ELSE '{}' END, width) l;
    IF legend IS NULL THEN
        lines := 0;
    END IF;
    top_edge := 34 + 18 * lines;
    IF usable > 0 THEN
        y_ticks := @extschema@.recadv_chart_ticks(y_low, y_high);
        y_labels := @extschema@.recadv_chart_labels(y_ticks);
        y_low := y_ticks[1];
        y_high := y_ticks[cardinality(y_ticks)];
        left_edge := 24 + 7 * (SELECT max(length(l)) FROM unnest(y_labels) l) ;
        wide := width - left_edge - 16;
        high := height - top_edge - CASE WHEN x_title IS NULL THEN 26 ELSE 44 END;
        IF kind <> 'bar' AND times THEN
            SELECT t.ticks, t.labels INTO x_ticks, x_labels FROM @extschema@.recadv_chart_times(x_low, x_high) t;
        ELSIF kind <> 'bar' THEN
            x_ticks := @extschema@.recadv_chart_ticks(x_low, x_high);
            x_labels := @extschema@.recadv_chart_labels(x_ticks);
            IF kind = 'scatter' THEN
                x_low := x_ticks[1];
                x_high := x_ticks[cardinality(x_ticks)];
            END IF;
        END IF;
    END IF;

    -- The marks.
    IF kind = 'bar' THEN
        SELECT string_agg(format('<path class="recadv-f%s" d="M%s %sH%sV%sH%sZ"><title>%s</title></path>', i, a,
            zero, b, round(at::numeric, 1), a, name), '' ORDER BY n)
        INTO marks
        FROM (SELECT n, array_position(names, coalesce(series[n], '')) AS i,
                     left_edge + wide * ((array_position(groups, coalesce(labels[n], x[n]::text, n::text)) - 1)
                         + 0.1 + 0.8 * (array_position(names,
                             coalesce(series[n], '')) - 1) / cardinality(names)) / cardinality(groups) AS a0,
                     wide * 0.8 / cardinality(names) / cardinality(groups) AS bar,
                     top_edge + high * (y_high - y[n]) / (y_high - y_low) AS at,
                     round((top_edge + high * y_high / (y_high - y_low))::numeric, 1) AS zero,
                     @extschema@.recadv_escape(concat_ws(', ', nullif(coalesce(labels[n], x[n]::text), ''),
                         nullif(series[n], ''))
                         || ': ' || round(y[n]::numeric, 4)) AS name
              FROM generate_series(1, given) n WHERE abs(y[n]) <= most) q,
             LATERAL (SELECT round(a0::numeric, 1) AS a, round((a0 + bar)::numeric, 1) AS b) e;
    ELSE
        dense := usable > 2000;
        WITH points AS (
            SELECT n, array_position(names, coalesce(s, '')) AS i, l,
                   round((left_edge + wide * (a - x_low) / (x_high - x_low))::numeric, 1) AS px,
                   round((top_edge + high * (y_high - b) / (y_high - y_low))::numeric, 1) AS py
            FROM unnest(x, y, series, labels) WITH ORDINALITY AS p(a, b, s, l, n)
            WHERE abs(a) <= x_most AND abs(b) <= most),
        thin AS ( -- of many points, those of each column of pixels that reach farthest, or one in a square of 3 pixels
            SELECT n, i, l, px, py,
                   NOT dense
                   OR kind = 'line' AND (row_number() OVER (PARTITION BY i, round(px) ORDER BY py, n) = 1
                                         OR row_number() OVER (PARTITION BY i, round(px) ORDER BY py DESC, n) = 1)
                   OR kind = 'scatter' AND row_number() OVER (PARTITION BY i, round(px / 3),
                       round(py / 3) ORDER BY n) = 1 AS keep
            FROM points),
        drawn AS (
            SELECT i, count(*) AS points,
                   string_agg(px || ' ' || py, 'L' ORDER BY px, n) AS line,
                   string_agg('M' || px || ' ' || py || 'h0', '' ORDER BY n) AS dots,
                   string_agg(format('<circle cx="%s" cy="%s" r="3.5"><title>%s</title></circle>', px, py,
                       @extschema@.recadv_escape(l)), '' ORDER BY n) AS circles
            FROM thin WHERE keep GROUP BY i)
        SELECT string_agg(CASE WHEN kind = 'line'
                   THEN format('<path class="recadv-l%s" stroke-width="2"%s d="M%s"/>', i,
                       (ARRAY['', ' stroke-dasharray="7 3"', ' stroke-dasharray="2 3"',
                       ' stroke-dasharray="9 3 2 3"'])[1 + (i - 1) % 4], line)
                        || CASE WHEN points <= 40
                            THEN format('<path class="recadv-l%s" stroke-width="6" stroke-linecap="round" d="%s"/>',
                            i, dots) ELSE '' END
                   WHEN dense OR labels IS NULL
                       THEN format('<path class="recadv-l%s" stroke-width="6" stroke-linecap="round" stroke-opacity="0.75" d="%s"/>',
                       i, dots)
                   ELSE format('<g class="recadv-f%s" fill-opacity="0.75">%s</g>', i, circles) END, '' ORDER BY i)
        INTO marks FROM drawn;
    END IF;

    -- Axes and their texts.
    IF usable > 0 THEN
        SELECT string_agg(format('<path class="recadv-grid" d="M%s %sH%s"/><text class="recadv-label" text-anchor="end" x="%s" y="%s">%s</text>',
                   left_edge, at, left_edge + wide, left_edge - 6, at + 4, y_labels[n]), '' ORDER BY n)
        INTO axes
        FROM (SELECT n, round((top_edge + high * (y_high - y_ticks[n]) / (y_high - y_low))::numeric, 1) AS at
              FROM generate_series(1, cardinality(y_ticks)) n) q;
        IF kind = 'bar' THEN
            every := ceil(cardinality(groups) * (8 + 7 * (SELECT max(least(length(g), 14))
                FROM unnest(groups) g)) / wide);
            SELECT axes
                || coalesce(string_agg(format('<text class="recadv-label" text-anchor="middle" x="%s" y="%s">%s</text>',
                       round((left_edge + wide * (n - 0.5) / cardinality(groups))::numeric, 1), top_edge + high + 17,
                       @extschema@.recadv_escape(CASE WHEN length(g) > 14 THEN left(g, 12) || '..' ELSE g END)),
                           '' ORDER BY n), '')
            INTO axes FROM unnest(groups) WITH ORDINALITY AS u(g, n) WHERE (n - 1) % every = 0;
        ELSE
            SELECT axes
                || coalesce(string_agg(format('<path class="recadv-axis" d="M%s %sv4"/><text class="recadv-label" text-anchor="%s" x="%s" y="%s">%s</text>',
                       at, top_edge + high, CASE WHEN at > left_edge + wide - 20 THEN 'end' ELSE 'middle' END, at,
                           top_edge + high + 17, x_labels[n]), '' ORDER BY n), '')
            INTO axes
            FROM (SELECT n, round((left_edge + wide * (x_ticks[n] - x_low) / (x_high - x_low))::numeric, 1) AS at
                  FROM generate_series(1, cardinality(x_ticks)) n WHERE x_ticks[n] BETWEEN x_low AND x_high) q;
        END IF;
        axes := axes || format('<path class="recadv-axis" d="M%s %sH%s"/>', left_edge,
            round((top_edge + high * (y_high - greatest(y_low, least(y_high, 0))) / (y_high - y_low))::numeric, 1),
            left_edge + wide)
            || CASE WHEN x_title IS NULL THEN ''
                ELSE format('<text class="recadv-ink" text-anchor="middle" x="%s" y="%s">%s</text>',
                left_edge + wide / 2, height - 8, @extschema@.recadv_escape(x_title)) END;
    ELSE
        axes := format('<text class="recadv-ink" text-anchor="middle" x="%s" y="%s">There is nothing to draw.</text>',
            width / 2, height / 2);
    END IF;

    told := concat_ws(' ', description,
        CASE WHEN usable > 0 THEN
            format('%s of %s points%s, %s from %s to %s%s.', CASE kind WHEN 'line' THEN 'Lines' WHEN 'bar'
                THEN 'Bars' ELSE 'A scatter' END, usable,
                   CASE WHEN cardinality(names) > 1 THEN ' in the series ' || array_to_string(names, ', ')
                       ELSE '' END, coalesce(y_title, 'values'),
                   y_range[1], y_range[2], CASE WHEN x_title IS NULL THEN '' ELSE ' over '
                       || x_title END)
        ELSE 'There is nothing to draw.' END,
        CASE WHEN given > usable THEN format('Left out, as they are no numbers that can be drawn: %s.',
            given - usable) END);
    RETURN format('<svg xmlns="http://www.w3.org/2000/svg" class="recadv-chart" role="img" viewBox="0 0 %s %s" width="%1$s" height="%2$s" aria-label="%s">',
               width, height, @extschema@.recadv_escape(concat_ws('. ', title, told)))
        || format('<title>%s</title><desc>%s</desc>%s', @extschema@.recadv_escape(coalesce(title, kind)),
            @extschema@.recadv_escape(told), @extschema@.recadv_chart_style())
        || format('<rect class="recadv-back" width="%s" height="%s"/>', width, height)
        || CASE WHEN y_title IS NULL THEN '' ELSE format('<text class="recadv-ink" x="12" y="18">%s</text>',
            @extschema@.recadv_escape(y_title)) END
        || coalesce(legend, '') || axes || coalesce(marks, '') || '</svg>';
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_chart(text, double precision[], double precision[], text[], text[], text,
    text, text, text, boolean, integer, integer) IS
'a chart as SVG, which stands in a page of HTML or in a file of its own, for light and dark screens. kind: line (points in order of x), bar (x or labels name the groups) or scatter. x, y: the points; those with a NULL, NaN or infinity, or beyond 1e100 (times: 1e11), are left out, and the text alternative says how many. series: of which of up to 8 series each is; labels: the names of bars, or what a mouse over a point of a scatter shows (up to 2000 points). Of many points only those are drawn that can be told apart. title and description: the text alternative; x_title, y_title: beside the axes, with the unit; times: x are seconds since 1970, shown in UTC; width, height: pixels of the drawing, which a page may scale. Everything is escaped';

-- Pictures: the page

CREATE FUNCTION @extschema@.recadv_page_number(
    value double precision)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $sql$
    SELECT CASE WHEN abs(value) > 1e15 OR value = 'NaN' THEN value::text
                ELSE trim(to_char(value, '999,999,999,999,999,990')) END
$sql$;
COMMENT ON FUNCTION @extschema@.recadv_page_number(double precision) IS
'a number as the page of recadv_report shows it: whole, with commas';

CREATE FUNCTION @extschema@.recadv_page_section(
    title text,
    lead text,
    content text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $sql$
    SELECT concat('<section><h2>', @extschema@.recadv_escape(title), '</h2>', E'\n',
        '<p>' || @extschema@.recadv_escape(lead) || '</p>', content, '</section>', E'\n')
$sql$;
COMMENT ON FUNCTION @extschema@.recadv_page_section(text, text, text) IS
'a section of the page of recadv_report: title and first paragraph as text, the rest as HTML';

CREATE FUNCTION @extschema@.recadv_page_table(
    head text[],
    body text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $sql$
    SELECT concat('<div class="wide" tabindex="0" role="region" aria-label="', @extschema@.recadv_escape(head[1]),
        '"><table><thead><tr>',
               (SELECT string_agg('<th scope="col">' || @extschema@.recadv_escape(h) || '</th>', '' ORDER BY n)
                   FROM unnest(head) WITH ORDINALITY AS u(h, n)),
               '</tr></thead><tbody>', body, '</tbody></table></div>', E'\n')
$sql$;
COMMENT ON FUNCTION @extschema@.recadv_page_table(text[], text) IS
'a table of the page of recadv_report: heads as text, rows as HTML of recadv_page_row';

CREATE FUNCTION @extschema@.recadv_page_row(
    VARIADIC fields text[])
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $sql$
    SELECT concat('<tr>', string_agg('<td>' || @extschema@.recadv_escape(coalesce(f, '-')) || '</td>',
        '' ORDER BY n), '</tr>') FROM unnest(fields) WITH ORDINALITY AS u(f, n)
$sql$;
COMMENT ON FUNCTION @extschema@.recadv_page_row(text[]) IS
'a row of a table of the page of recadv_report, of texts';

CREATE FUNCTION @extschema@.recadv_titles(
    relation regclass,
    id_column name,
    columns name[],
    ids text[])
RETURNS TABLE (id text, texts text[])
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    type text; -- of the id column, where an index on it can serve
BEGIN
    IF relation IS NULL OR cardinality(ids) = 0 THEN
        RETURN;
    END IF;
    SELECT format_type(t.oid, -1) INTO type -- without -1, bpchar would be character: of length 1
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = relation AND a.attname = id_column AND t.typtype = 'b' AND t.typcategory IN ('N', 'S', 'U')
        AND t.typnamespace = 'pg_catalog'::regnamespace
          AND t.oid <> ALL ('{json,jsonb,xml,point}'::regtype[]);
    RETURN QUERY EXECUTE format('SELECT %1$I::text, min(ARRAY[%2$s]) FROM %3$s WHERE %1$I%4$s = ANY ($1::%5$s[]) GROUP BY %1$I::text',
        id_column, (SELECT string_agg(format('%I::text', c), ', ' ORDER BY n)
            FROM unnest(columns) WITH ORDINALITY AS u(c, n)),
        relation, CASE WHEN type IS NULL THEN '::text' ELSE '' END, coalesce(type, 'text')) USING ids;
EXCEPTION
    WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        RAISE datatype_mismatch USING MESSAGE = format('column "%s" of %s is of type %s, but not all items of the model are',
            id_column, relation, type),
            HINT = 'Name the column that has the items'' ids: id_column.';
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_titles(regclass, name, name[], text[]) IS
'texts of columns of a table for ids, read with your rights: for each id that is there the least of its rows. No rows for a NULL relation';

CREATE FUNCTION @extschema@.recadv_page_training(
    model regclass)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    info jsonb := @extschema@.recadv_info(model::text);
    training jsonb := info -> 'training';
    rows text;
BEGIN
    SELECT string_agg(@extschema@.recadv_page_row(what, value), '' ORDER BY n) INTO rows
    FROM (VALUES
        (1, 'Source', info ->> 'source'),
        (2, 'Columns', concat_ws(', ', info ->> 'user_column', info ->> 'item_column', info ->> 'time_column',
            info ->> 'weight_column')),
        (3, 'Rows read', @extschema@.recadv_page_number((training ->> 'rows')::float8)),
        (4, 'Users', @extschema@.recadv_page_number((info ->> 'users')::float8)),
        (5, 'Items', @extschema@.recadv_page_number((info ->> 'items')::float8)),
        (6, 'Interactions (distinct pairs)', @extschema@.recadv_page_number((info ->> 'interactions')::float8)),
        (7, 'Events learnt so far', @extschema@.recadv_page_number((info -> 'stream' ->> 'events')::float8)),
        (8, 'Newest event learnt', info -> 'stream' ->> 'newest'),
        (9, 'Rows left out',
            (SELECT string_agg(w.n || ' ' || w.why, ', ')
            FROM (VALUES ((training ->> 'null_rows')::bigint, 'for a NULL id'),
                ((training ->> 'weightless_rows')::bigint, 'for their weight'),
                    ((training ->> 'duplicates')::bigint, 'that repeat a pair')) w(n, why) WHERE w.n > 0)),
        (10, 'Algorithm', info ->> 'algorithm'),
        (11, 'Why this one', info -> 'choice' ->> 'reason'),
        (12, 'Trained', to_char((training ->> 'started')::timestamptz AT TIME ZONE 'UTC',
            'YYYY-MM-DD HH24:MI "UTC"')),
        (13, 'Took', round((training ->> 'seconds')::numeric, 1) || ' s, ' || (training ->> 'epochs') || ' epochs'),
        (14, 'On held-out interactions',
            (SELECT string_agg(upper(m) || '@' || (training ->> 'k') || ' ' || round((training ->> m)::numeric, 4),
            ', ' ORDER BY m DESC)
                || format(' (%s of each of %s users)', CASE training ->> 'holdout' WHEN 'last' THEN 'the last'
                    ELSE 'one' END, @extschema@.recadv_page_number((training ->> 'held_out_users')::float8))
                FROM unnest('{ndcg,hr}'::text[]) m WHERE training ->> m IS NOT NULL))) v(n, what, value)
    WHERE value <> '';
    RETURN @extschema@.recadv_page_section('What was trained on what', NULL,
        @extschema@.recadv_page_table('{What,Value}', rows)
        || concat('<details><summary>All options</summary>', @extschema@.recadv_page_table('{Option,Value}',
               (SELECT string_agg(@extschema@.recadv_page_row(key, value), '' ORDER BY key)
                   FROM jsonb_each_text(info -> 'options'))), '</details>'));
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_training(regclass) IS
'the section of recadv_report about the training';

CREATE FUNCTION @extschema@.recadv_page_learning(
    model regclass)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    loss text;
    quality text;
BEGIN
    SELECT @extschema@.recadv_chart('line', array_agg(epoch ORDER BY epoch), array_agg(h.loss ORDER BY epoch),
        title => 'Loss by epoch',
               description => 'The mean loss of each epoch of the training.', x_title => 'epoch',
                   y_title => 'mean loss')
    INTO loss FROM @extschema@.recadv_history(model::text) h WHERE h.loss IS NOT NULL HAVING count(*) > 1;
    SELECT @extschema@.recadv_chart('line', array_agg(epoch ORDER BY epoch, key),
        array_agg(value::float8 ORDER BY epoch, key), array_agg(upper(key) ORDER BY epoch, key),
               title => 'Quality by epoch',
                   description => 'What was measured on held-out interactions while training.', x_title => 'epoch',
               y_title => 'on held-out interactions, 0 to 1')
    INTO quality
    FROM @extschema@.recadv_history(model::text) h, jsonb_each_text(h.metrics)
    WHERE key IN ('ndcg', 'hr')
    HAVING count(DISTINCT epoch) > 1;
    RETURN @extschema@.recadv_page_section('Learning curve',
        CASE WHEN loss IS NULL AND quality IS NULL
            THEN 'This version has no curve: its algorithm does not learn in several epochs.'
             WHEN quality IS NULL THEN 'Nothing was measured more than once while it was trained.' END,
        CASE WHEN loss IS NOT NULL OR quality IS NOT NULL THEN '<div class="charts">'
            || concat('<figure>' || loss || '</figure>', '<figure>' || quality || '</figure>') || '</div>' END);
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_learning(regclass) IS
'the section of recadv_report about the learning curve';

CREATE FUNCTION @extschema@.recadv_page_quality(
    model regclass)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    newest record; -- what the others are compared with
    others bigint;
    chart text;
    rows text;
BEGIN
    SELECT m.* INTO newest FROM @extschema@.recadv_metrics(model::text) m
    WHERE m.kind IS DISTINCT FROM 'refresh' AND m.held_out_users > 0 ORDER BY m.run DESC LIMIT 1;
    IF newest.run IS NULL THEN
        RETURN @extschema@.recadv_page_section('Quality over trainings',
            'The log of this model has no training that held out interactions.', NULL);
    END IF;
    WITH trainings AS MATERIALIZED (
        SELECT m.*, m.holdout = newest.holdout AND m.k = newest.k
            AND m.held_out_users BETWEEN newest.held_out_users / 2 AND newest.held_out_users * 2 AS alike
        FROM @extschema@.recadv_metrics(model::text) m
        WHERE m.kind IS DISTINCT FROM 'refresh' AND m.held_out_users > 0 AND m.metric IN ('ndcg', 'hr'))
    SELECT count(DISTINCT run) FILTER (WHERE alike IS NOT TRUE),
           CASE WHEN count(DISTINCT run) FILTER (WHERE alike) > 1 THEN
               @extschema@.recadv_chart('line',
                   array_agg(extract(epoch FROM at)::float8 ORDER BY run, metric) FILTER (WHERE alike),
                   array_agg(value ORDER BY run, metric) FILTER (WHERE alike),
                   array_agg(upper(metric) ORDER BY run, metric) FILTER (WHERE alike), title => 'Quality by training',
                   description => 'What each training measured on held-out interactions before its version served.',
                       x_title => 'end of the training (UTC)',
                   y_title => format('at %s, 0 to 1', newest.k), times => true) END
    INTO others, chart FROM trainings;
    SELECT string_agg(@extschema@.recadv_page_row(run::text, finished, version::text, algorithm, measured, users,
        status), '' ORDER BY run DESC) INTO rows
    FROM (SELECT r.run, to_char(r.finished AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS finished, r.version,
        r.algorithm,
                 (SELECT string_agg(upper(key) || '@' || r.k || ' ' || round(value::numeric, 4),
                     ', ' ORDER BY key DESC)
                  FROM jsonb_each_text(CASE WHEN jsonb_typeof(r.metrics) = 'object' THEN r.metrics END)
                      WHERE key IN ('ndcg', 'hr')) AS measured,
                 @extschema@.recadv_page_number(r.held_out_users::float8) AS users, r.status
          FROM @extschema@.recadv_runs(model::text) r
          WHERE r.kind IS DISTINCT FROM 'refresh' ORDER BY r.run DESC LIMIT 20) q;
    RETURN @extschema@.recadv_page_section('Quality over trainings',
        concat_ws(' ',
            format('Trainings that held out interactions as the newest one did (%s, at %s, of %s users, give or take half).',
            newest.holdout, newest.k, @extschema@.recadv_page_number(newest.held_out_users::float8)),
            CASE WHEN others > 0
                THEN format('%s measured otherwise, and cannot be compared: they are in the table alone.',
                others) END,
            CASE WHEN chart IS NULL THEN 'There is one so far.' END),
        concat('<figure>' || chart || '</figure>',
            @extschema@.recadv_page_table('{Run,"Ended (UTC)",Version,Algorithm,Measured,"Users held out",Status}',
            rows)));
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_quality(regclass) IS
'the section of recadv_report about quality over trainings';

CREATE FUNCTION @extschema@.recadv_page_stream(
    model regclass)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    step text := 'hour';
    metrics_chart text;
    events_chart text;
BEGIN
    IF @extschema@.recadv_info(model::text) -> 'stream' IS NULL THEN
        RETURN @extschema@.recadv_page_section('Quality over refreshes',
            'This model does not learn from a stream of events.', NULL);
    END IF;
    SELECT CASE WHEN max(at) - min(at) > interval '3 days' THEN 'day' ELSE 'hour' END INTO step
    FROM @extschema@.recadv_metrics(model::text) WHERE kind = 'refresh' AND ranked > 0;
    SELECT @extschema@.recadv_chart('line', array_agg(moment ORDER BY moment, metric),
        array_agg(value ORDER BY moment, metric), array_agg(name ORDER BY moment, metric),
        title => 'Quality by ' || step,
               description => 'How well events were foreseen before they were learnt.',
                   x_title => step || ' of the refreshes (UTC)', y_title => 'mean over events, 0 to 1', times => true)
    INTO metrics_chart
    FROM (SELECT extract(epoch FROM date_trunc(step, at, 'UTC'))::float8 AS moment, metric,
        CASE metric WHEN 'mrr' THEN 'MRR' ELSE upper(metric) || '@' || max(k) END AS name,
                 sum(value * ranked) / sum(ranked) AS value
          FROM @extschema@.recadv_metrics(model::text) WHERE kind = 'refresh' AND ranked > 0 GROUP BY 1, 2) q
    HAVING count(*) > 0;
    SELECT @extschema@.recadv_chart('line', array_agg(moment ORDER BY moment), array_agg(events ORDER BY moment),
        title => 'Events by ' || step,
               description => 'Events that refreshes learnt.', x_title => step || ' of the refreshes (UTC)',
                   y_title => 'events', times => true)
    INTO events_chart
    FROM (SELECT extract(epoch FROM date_trunc(step, started, 'UTC'))::float8 AS moment, sum(events)::float8 AS events
          FROM @extschema@.recadv_runs(model::text) WHERE kind = 'refresh' AND events > 0 GROUP BY 1) q
    HAVING count(*) > 0;
    RETURN @extschema@.recadv_page_section('Quality over refreshes',
        CASE WHEN metrics_chart IS NULL THEN 'No refresh has ranked an event yet.'
             ELSE format('Each event was ranked among all items that its user had not, before it was learnt; means by %s.',
                 step) END,
        CASE WHEN metrics_chart IS NOT NULL OR events_chart IS NOT NULL THEN concat('<div class="charts">',
            '<figure>' || metrics_chart || '</figure>', '<figure>' || events_chart || '</figure>', '</div>') END);
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_stream(regclass) IS
'the section of recadv_report about refreshes';

CREATE FUNCTION @extschema@.recadv_page_robustness(
    model regclass)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    info jsonb := @extschema@.recadv_info(model::text);
    lead CONSTANT text := 'How much NDCG@100 changes when every embedding is moved by a share of its own length, at random or in the most harmful direction. The less, the more robust.';
    content text;
BEGIN
    IF coalesce((info ->> 'held_out')::float8, 0) * (info ->> 'items')::float8 > 2e7 THEN
        RETURN @extschema@.recadv_page_section('Robustness',
            format('Left out, since it would take long for a model of this size: SELECT * FROM recadv_robustness(%L, relative => true);',
            model), NULL);
    END IF;
    SELECT concat('<div class="charts"><figure>',
        @extschema@.recadv_chart('bar', NULL, array_agg(100 * relative_change ORDER BY perturbation DESC, epsilon),
        array_agg(perturbation ORDER BY perturbation DESC, epsilon),
                      array_agg(round(100 * epsilon::numeric) || ' %' ORDER BY perturbation DESC, epsilon),
                          title => 'Robustness', description => 'Change of NDCG@100 by how far embeddings are moved.',
                      x_title => 'embeddings moved by (share of their length)', y_title => 'change of NDCG@100 (%)'),
                          '</figure>',
                  @extschema@.recadv_page_table('{"Moved by",How,"NDCG@100 before",after,Change}',
                      string_agg(@extschema@.recadv_page_row(round(100 * epsilon::numeric) || ' %', perturbation,
                          round(ndcg_before::numeric, 4)::text, round(ndcg_after::numeric, 4)::text,
                          round(100 * relative_change::numeric, 1) || ' %'), '' ORDER BY perturbation DESC,
                              epsilon)), '</div>')
    INTO content FROM @extschema@.recadv_robustness(model::text, '{0.1,0.25,0.5}', relative => true);
    RETURN @extschema@.recadv_page_section('Robustness', lead, content);
EXCEPTION
    WHEN feature_not_supported OR object_not_in_prerequisite_state OR program_limit_exceeded THEN
        RETURN @extschema@.recadv_page_section('Robustness', format('Not for this model: %s.', SQLERRM), NULL);
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_robustness(regclass) IS
'the section of recadv_report about robustness';

CREATE FUNCTION @extschema@.recadv_page_exposure(
    model regclass,
    k integer,
    sample integer)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    users bigint := @extschema@.recadv_info(model::text) ->> 'users';
    c record;
    chart text;
    rows text;
BEGIN
    SELECT * INTO c FROM @extschema@.recadv_coverage(model::text, k, sample => sample);
    SELECT @extschema@.recadv_chart('bar', NULL, array_agg(100 * share ORDER BY decile, s),
        array_agg(s ORDER BY decile, s), array_agg(decile::text ORDER BY decile, s),
        title => 'Recommended against bought',
               description => 'Shares of all interactions and of all places in lists that the items of each decile of popularity have.',
               x_title => 'tenth of the items (1: most popular)', y_title => 'share (%)'),
           string_agg(@extschema@.recadv_page_row(decile::text, @extschema@.recadv_page_number(items),
               @extschema@.recadv_page_number(listed_items), @extschema@.recadv_page_number(bought),
               @extschema@.recadv_page_number(recommended),
               round(100 * bought_share::numeric, 1) || ' %', round(100 * recommended_share::numeric, 1) || ' %'),
                   '' ORDER BY decile) FILTER (WHERE s = 'bought')
    INTO chart, rows
    FROM @extschema@.recadv_exposure(model::text, k, sample => sample) e,
         LATERAL (VALUES ('bought', e.bought_share), ('recommended', e.recommended_share)) v(s, share);
    RETURN @extschema@.recadv_page_section('What is shown to whom',
        concat_ws(' ', format('The lists of %s items of %s.', k,
            CASE WHEN c.users < users THEN format('a sample of %s users, spread evenly over all %s',
            @extschema@.recadv_page_number(c.users), @extschema@.recadv_page_number(users))
                   ELSE format('all %s users', @extschema@.recadv_page_number(users)) END),
            format('%s of %s items are in some list (%s %%).', @extschema@.recadv_page_number(c.listed_items),
                @extschema@.recadv_page_number(c.items), coalesce(round(100 * c.coverage::numeric, 1)::text, '-')),
            format('The Gini coefficient of the places in lists is %s, that of what was bought %s: 0 where all items have as many, towards 1 where a few have all.',
                coalesce(round(c.gini::numeric, 3)::text, '-'),
                    coalesce(round(c.bought_gini::numeric, 3)::text, '-')),
            CASE WHEN c.users < users THEN 'All users'' lists would cover more.' END),
        concat('<figure>', chart, '</figure><details><summary>In numbers</summary>',
            @extschema@.recadv_page_table('{"Tenth of the items",Items,"In some list",Interactions,"Places in lists",Bought,Recommended}',
            rows), '</details>'));
EXCEPTION
    WHEN feature_not_supported THEN
        RETURN @extschema@.recadv_page_section('What is shown to whom', format('Not for this model: %s.', SQLERRM), NULL);
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_exposure(regclass, integer, integer) IS
'the section of recadv_report about coverage and exposure';

CREATE FUNCTION @extschema@.recadv_page_overlap(
    model regclass,
    k integer,
    sample integer)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    before integer := @extschema@.recadv_previous_version(model::text);
    lead text;
    chart text;
BEGIN
    IF before IS NULL THEN
        RETURN @extschema@.recadv_page_section('What has changed',
            'There is no version that served before this one.', NULL);
    END IF;
    SELECT format('Version %s served before. Of the %s items that a user gets now, %s were in the user''s list before, in the mean over %s users whom both versions know.',
        before, k,
               coalesce(round(sum(shared * users) / nullif(sum(users), 0), 1)::text, 'none'),
                   @extschema@.recadv_page_number(sum(users)::float8)),
           @extschema@.recadv_chart('bar', NULL, array_agg(100 * users_share ORDER BY shared),
               labels => array_agg(shared::text ORDER BY shared), title => 'Overlap with the version before',
               description => 'How many users share how many items between the lists of both versions.',
                   x_title => format('items of %s that both lists have', k), y_title => 'share of users (%)')
    INTO lead, chart FROM @extschema@.recadv_overlap(model::text, k => k, sample => sample);
    RETURN @extschema@.recadv_page_section('What has changed', lead, '<figure>' || chart || '</figure>');
EXCEPTION
    WHEN feature_not_supported THEN
        RETURN @extschema@.recadv_page_section('What has changed', format('Not for this model: %s.', SQLERRM), NULL);
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_overlap(regclass, integer, integer) IS
'the section of recadv_report about the version that served before';

CREATE FUNCTION @extschema@.recadv_page_map(
    model regclass,
    titles regclass,
    id_column name,
    title_column name,
    group_column name)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    shown CONSTANT integer := 1000;
    ids text[];
    items bigint;
    chart text;
BEGIN
    SELECT array_agg(item), max(total) INTO ids, items
    FROM (SELECT item, count(*) OVER () AS total FROM @extschema@.recadv_popularity(model::text)
        ORDER BY popularity DESC, item COLLATE "C" LIMIT shown) q;
    WITH places AS (
        SELECT e.ids[number] AS id, x, y
        FROM (SELECT array_agg(id ORDER BY id COLLATE "C") AS ids,
            array_agg(embedding ORDER BY id COLLATE "C") AS vectors
              FROM @extschema@.recadv_embeddings(model::text, 'item', ids)) e,
             @extschema@.recadv_components(e.vectors)),
    named AS (
        SELECT p.x, p.y, p.id, t.texts[1] AS title, CASE WHEN group_column IS NOT NULL
            THEN coalesce(t.texts[2], 'none') END AS grouped
        FROM places p LEFT JOIN @extschema@.recadv_titles(titles, id_column,
            array_remove(ARRAY[title_column, group_column], NULL), ids) t ON t.id = p.id),
    greatest_groups AS (
        SELECT grouped FROM named WHERE grouped IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC,
            grouped COLLATE "C" LIMIT 7),
    points AS (
        SELECT x, y, id, CASE WHEN grouped IN (SELECT g.grouped FROM greatest_groups g) THEN grouped
            WHEN grouped IS NOT NULL THEN 'others' ELSE '' END AS series,
               concat_ws(', ', coalesce(title, id), grouped) AS label
        FROM named)
    SELECT @extschema@.recadv_chart('scatter', array_agg(x ORDER BY series = 'others', series, id),
        array_agg(y ORDER BY series = 'others', series, id), array_agg(series ORDER BY series = 'others', series, id),
               array_agg(label ORDER BY series = 'others', series, id), title => 'Map of items',
                   description => 'Items whose embeddings are alike lie close to each other.',
               x_title => 'first principal component (no unit)', y_title => 'second principal component (no unit)',
                   width => 420, height => 400)
    INTO chart FROM points;
    RETURN @extschema@.recadv_page_section('Map of items',
        format('%s items by the first two principal components of their embeddings: what lies together is liked together.%s',
            CASE WHEN items > shown THEN format('The %s most popular of %s', shown,
                @extschema@.recadv_page_number(items)) ELSE format('All %s', items) END,
            CASE WHEN group_column IS NOT NULL THEN format(' The colours are those of "%s".', group_column) END),
        '<figure>' || chart || '</figure>');
EXCEPTION
    WHEN feature_not_supported THEN
        RETURN @extschema@.recadv_page_section('Map of items', format('Not for this model: %s.', SQLERRM), NULL);
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_map(regclass, regclass, name, name, name) IS
'the section of recadv_report with the map of items';

CREATE FUNCTION @extschema@.recadv_page_reasons(
    model regclass,
    users text[],
    items text[])
RETURNS TABLE (user_id text, item text, reasons text[])
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 SET search_path = pg_catalog, pg_temp
AS $plpgsql$
BEGIN
    RETURN QUERY
    SELECT u.user_id, u.item,
        ARRAY(SELECT e.item FROM @extschema@.recadv_explain(u.user_id, u.item, 2, model::text) e ORDER BY e.rank)
    FROM unnest(users, items) AS u(user_id, item);
EXCEPTION
    WHEN feature_not_supported THEN
        RETURN;
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_reasons(regclass, text[], text[]) IS
'the two items of a user that speak most for an item, for pairs of users and items; no rows where the algorithm gives no reasons';

CREATE FUNCTION @extschema@.recadv_page_users(
    model regclass,
    titles regclass,
    id_column name,
    title_column name,
    k integer)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $plpgsql$
DECLARE
    told CONSTANT integer := 8; -- items that a user had
    cards text;
    reasons_given boolean;
BEGIN
    WITH lists AS MATERIALIZED (
        SELECT row_number() OVER () AS n, l.user_id, l.items
            FROM @extschema@.recadv_lists(model::text, least(k, 5), sample => 20) l),
    gets AS MATERIALIZED (
        SELECT l.n, l.user_id, i.item, i.place FROM lists l, unnest(l.items) WITH ORDINALITY AS i(item, place)),
    why AS MATERIALIZED (
        SELECT r.* FROM (SELECT array_agg(user_id ORDER BY n, place) AS users,
            array_agg(item ORDER BY n, place) AS items FROM gets) g,
            @extschema@.recadv_page_reasons(model, g.users, g.items) r),
    had AS MATERIALIZED ( -- what is a reason comes first
        SELECT l.n, s.item, count(*) OVER (PARTITION BY l.n) AS total,
               row_number() OVER (PARTITION BY l.n ORDER BY (SELECT count(*) FROM why w
                   WHERE w.user_id = l.user_id AND s.item = ANY (w.reasons)) DESC, s.item COLLATE "C") AS place
        FROM lists l, @extschema@.recadv_seen(l.user_id, model::text) s),
    names AS MATERIALIZED (
        SELECT t.id, '<bdi>' || @extschema@.recadv_escape(CASE WHEN length(t.texts[1]) > 120
            THEN left(t.texts[1], 117) || '...' ELSE t.texts[1] END) || '</bdi>' AS name
        FROM @extschema@.recadv_titles(titles, id_column, ARRAY[title_column],
            ARRAY(SELECT item FROM gets UNION SELECT item FROM had WHERE place <= told UNION SELECT unnest(reasons)
            FROM why)) t),
    left_side AS (
        SELECT h.n, max(h.total) AS total,
            string_agg('<li>' || coalesce(t.name, '<bdi>' || @extschema@.recadv_escape(h.item) || '</bdi>')
            || '</li>', '' ORDER BY h.place) AS items
        FROM had h LEFT JOIN names t ON t.id = h.item WHERE h.place <= told GROUP BY h.n),
    right_side AS (
        SELECT g.n, string_agg(concat('<li>',
            coalesce(t.name, '<bdi>' || @extschema@.recadv_escape(g.item) || '</bdi>'),
                   (SELECT '<br/><small>because of '
                       || string_agg(coalesce(r.name, '<bdi>' || @extschema@.recadv_escape(e.item) || '</bdi>'),
                       ' and ' ORDER BY e.place) || '</small>'
                    FROM why w, unnest(w.reasons) WITH ORDINALITY AS e(item, place) LEFT JOIN names r ON r.id = e.item
                    WHERE w.user_id = g.user_id AND w.item = g.item), '</li>'), '' ORDER BY g.place) AS items
        FROM gets g LEFT JOIN names t ON t.id = g.item GROUP BY g.n)
    SELECT string_agg(concat('<article><h3>User <bdi>', @extschema@.recadv_escape(l.user_id),
        '</bdi></h3><div class="sides"><div><h4>Had ', coalesce(a.total, 0), '</h4><ul>',
        coalesce(a.items, '<li>nothing</li>'), '</ul>',
               CASE WHEN a.total > told THEN format('<p><small>and %s more</small></p>', a.total - told) END,
               '</div><div><h4>Gets</h4><ol>', coalesce(b.items, '<li>nothing</li>'), '</ol></div></div></article>',
                   E'\n'), '' ORDER BY l.n),
           EXISTS (SELECT FROM why WHERE reasons <> '{}')
    INTO cards, reasons_given
    FROM lists l LEFT JOIN left_side a USING (n) LEFT JOIN right_side b USING (n);
    RETURN @extschema@.recadv_page_section('Sample users',
        concat_ws(' ', 'Users who are spread evenly over all: what they had beside what they get.',
            CASE WHEN reasons_given THEN 'Below each item stand those of their own items that speak most for it.'
                ELSE 'This algorithm gives no reasons.' END,
            CASE WHEN titles IS NULL
                THEN 'Name a table of titles (titles, title_column, id_column), and they stand here instead of ids.' END),
        '<div class="cards">' || cards || '</div>');
EXCEPTION
    WHEN feature_not_supported THEN
        RETURN @extschema@.recadv_page_section('Sample users', format('Not for this model: %s.', SQLERRM), NULL);
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page_users(regclass, regclass, name, name, integer) IS
'the section of recadv_report about sample users';

CREATE FUNCTION @extschema@.recadv_page(
    model regclass,
    titles regclass,
    title_column name,
    id_column name,
    group_column name,
    k integer,
    sample integer)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 1000000 SET search_path = pg_catalog, pg_temp SET jit = off
AS $plpgsql$
DECLARE
    info jsonb := @extschema@.recadv_info(model::text);
    name CONSTANT text := @extschema@.recadv_escape(model::text);
BEGIN
    IF k IS NULL OR k NOT BETWEEN 1 AND 100 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('k must be from 1 to 100, not %s',
            coalesce(k::text, 'NULL'));
    ELSIF sample < 1 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('sample must be at least 1, not %s', sample);
    ELSIF titles IS NOT NULL AND (title_column IS NULL OR id_column IS NULL) THEN
        RAISE null_value_not_allowed USING MESSAGE = 'title_column and id_column must not be NULL where titles are named';
    ELSIF group_column IS NOT NULL AND titles IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'group_column is a column of titles, which are not named';
    END IF;
    RETURN concat(
        '<!DOCTYPE html>', E'\n', '<html lang="en"><head><meta charset="utf-8"/>',
        '<meta http-equiv="Content-Security-Policy" content="default-src ''none''; style-src ''unsafe-inline''"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/><title>Model ', name, '</title>', E'\n',
        '<style>:root{color-scheme:light dark;--back:#f3f5f9;--card:#fff;--ink:#1b2030;--dim:#4d5566;--line:#d9dee7}',
        '@media screen and (prefers-color-scheme:dark){:root{--back:#101218;--card:#181b23;--ink:#e8ebf2;--dim:#aab2c2;--line:#333a48}}',
        '*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}',
        'main{max-width:72rem;margin:0 auto;padding:1rem}h1{margin:.5rem 0 0;font-size:1.7rem}h2{margin:0 0 .5rem;font-size:1.2rem}h3{margin:0;font-size:1rem}h4{margin:.4rem 0;font-size:.85rem;color:var(--dim)}',
        'p{margin:.3rem 0 .8rem;max-width:85ch}section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;margin:1rem 0}small{color:var(--dim)}',
        '.charts,.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr))}.charts>*{min-width:0}.charts>section{margin:0}figure{margin:0 0 .5rem}figure svg{width:100%;max-width:36rem;height:auto;display:block}',
        '.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.92rem}th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}th{color:var(--dim);font-weight:600}',
        'article{border:1px solid var(--line);border-radius:.4rem;padding:.7rem;break-inside:avoid}.sides{display:grid;grid-template-columns:1fr 1fr;gap:.8rem;font-size:.92rem}ul,ol{margin:0;padding-left:1.2rem}li{margin:.15rem 0}summary{cursor:pointer}',
        '@media print{:root{font-size:11px}body{background:#fff}main{max-width:none;padding:0}section{break-inside:avoid;border:0;padding:0}',
        'main>section:last-child{break-inside:auto}.charts,.cards{grid-template-columns:1fr 1fr}.wide{overflow:visible}}</style></head>',
            E'\n',
        '<body><main><header><h1>Model <bdi>', name, '</bdi></h1><p>',
            @extschema@.recadv_escape(format('Version %s, %s, %s users and %s items. This page was made at %s UTC.',
            (SELECT s.version FROM @extschema@.recadv_model_status(model) s), info ->> 'algorithm',
                @extschema@.recadv_page_number((info ->> 'users')::float8),
                @extschema@.recadv_page_number((info ->> 'items')::float8),
            to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))), '</p></header>', E'\n',
        @extschema@.recadv_page_training(model),
        @extschema@.recadv_page_learning(model),
        @extschema@.recadv_page_quality(model),
        @extschema@.recadv_page_stream(model),
        @extschema@.recadv_page_robustness(model),
        '<div class="charts">',
        @extschema@.recadv_page_exposure(model, k, sample),
        @extschema@.recadv_page_overlap(model, k, sample),
        '</div>', E'\n',
        @extschema@.recadv_page_map(model, titles, id_column, title_column, group_column),
        @extschema@.recadv_page_users(model, titles, id_column, title_column, k),
        '</main></body></html>', E'\n');
END $plpgsql$;
COMMENT ON FUNCTION @extschema@.recadv_page(regclass, regclass, name, name, name, integer, integer) IS
'the page of recadv_report';

CREATE FUNCTION @extschema@.recadv_report(
    model text DEFAULT NULL,
    titles regclass DEFAULT NULL,
    title_column name DEFAULT 'title',
    id_column name DEFAULT 'id',
    group_column name DEFAULT NULL,
    k integer DEFAULT 10,
    sample integer DEFAULT 2000)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE COST 1000000
RETURN @extschema@.recadv_page(@extschema@.recadv_model_table(model), titles, title_column, id_column, group_column,
    k, sample);
COMMENT ON FUNCTION @extschema@.recadv_report(text, regclass, name, name, name, integer, integer) IS
'one page of HTML about a model, with nothing from elsewhere and no script: what was trained on what, the learning curve, quality over trainings and refreshes, robustness, coverage and exposure, what has changed since the version before, a map of items and twenty users. titles: a table or view with the items'' ids and titles, which is read with your rights; group_column: a column of it that gives the map its colours. k: items of a list; sample: the lists of at most so many users, spread evenly (NULL: all). What the algorithm cannot offer is left out, and the page says so. Changes nothing, and works on a standby; write it down with client_encoding UTF8';

-- Slates and what users have: the other forms

CREATE FUNCTION @extschema@.recadv_slate(
    history uuid[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    explore real DEFAULT 0.05,
    seed bigint DEFAULT NULL,
    exclude_seen boolean DEFAULT false,
    candidates uuid[] DEFAULT NULL,
    exclude uuid[] DEFAULT NULL)
RETURNS TABLE (item uuid, score real, rank integer, propensity real)
LANGUAGE sql VOLATILE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item), t.score, t.rank, t.propensity
    FROM @extschema@.recadv_slate(history::pg_catalog.text[], k, model, explore, seed, exclude_seen, candidates::pg_catalog.text[], exclude::pg_catalog.text[]) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_slate(uuid[], integer, text, real, bigint, boolean, uuid[], uuid[]) IS
'recadv_slate with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_seen(
    user_id uuid,
    model text DEFAULT NULL)
RETURNS TABLE (item uuid)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 50 COST 1000
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_uuid(t.item)
    FROM @extschema@.recadv_seen(user_id::pg_catalog.text, model) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_seen(uuid, text) IS
'recadv_seen with ids of type uuid';

CREATE FUNCTION @extschema@.recadv_slate(
    history @extschema@.recadv_numeric[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    explore real DEFAULT 0.05,
    seed bigint DEFAULT NULL,
    exclude_seen boolean DEFAULT false,
    candidates @extschema@.recadv_numeric[] DEFAULT NULL,
    exclude @extschema@.recadv_numeric[] DEFAULT NULL)
RETURNS TABLE (item numeric, score real, rank integer, propensity real)
LANGUAGE sql VOLATILE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item), t.score, t.rank, t.propensity
    FROM @extschema@.recadv_slate(@extschema@.recadv_numeric_texts(history::pg_catalog.numeric[]), k, model, explore, seed, exclude_seen, @extschema@.recadv_numeric_texts(candidates::pg_catalog.numeric[]), @extschema@.recadv_numeric_texts(exclude::pg_catalog.numeric[])) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_slate(@extschema@.recadv_numeric[], integer, text, real, bigint, boolean, @extschema@.recadv_numeric[], @extschema@.recadv_numeric[]) IS
'recadv_slate with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_seen(
    user_id @extschema@.recadv_numeric,
    model text DEFAULT NULL)
RETURNS TABLE (item numeric)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 50 COST 1000
BEGIN ATOMIC
    SELECT @extschema@.recadv_to_numeric(t.item)
    FROM @extschema@.recadv_seen(pg_catalog.trim_scale(user_id::pg_catalog.numeric)::pg_catalog.text, model) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_seen(@extschema@.recadv_numeric, text) IS
'recadv_seen with ids of type numeric';

CREATE FUNCTION @extschema@.recadv_slate(
    history text,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    explore real DEFAULT 0.05,
    seed bigint DEFAULT NULL,
    exclude_seen boolean DEFAULT false,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL)
RETURNS TABLE (item text, score real, rank integer, propensity real)
LANGUAGE sql VOLATILE PARALLEL SAFE ROWS 10 COST 20000
SUPPORT @extschema@.recadv_row_estimate
BEGIN ATOMIC
    SELECT t.item, t.score, t.rank, t.propensity
    FROM @extschema@.recadv_slate(history::pg_catalog.text[], k, model, explore, seed, exclude_seen, candidates, exclude) AS t;
END;
COMMENT ON FUNCTION @extschema@.recadv_slate(text, integer, text, real, bigint, boolean, text[], text[]) IS
'recadv_slate with history as a parameter without a type, or as the literal of an array: ''{1,2}''; ids come back as text';
