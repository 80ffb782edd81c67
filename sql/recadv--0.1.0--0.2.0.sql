-- recadv 0.1.0 to 0.2.0: update script

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION recadv UPDATE TO '0.2.0'" to load this file. \quit

-- Training: one more argument, weight_column or has_weight, and more in the result

ALTER TYPE @extschema@.recadv_training
    ADD ATTRIBUTE weightless_rows bigint,
    ADD ATTRIBUTE metrics jsonb,
    ADD ATTRIBUTE promotion text,
    ADD ATTRIBUTE choice text;
COMMENT ON TYPE @extschema@.recadv_training IS
'result of recadv_train: model, version, algorithm, what was read (distinct interactions; rows skipped for a NULL id; duplicates of a (user, item) pair), epochs run, the epoch that was kept, its mean loss (NULL for an algorithm that has none), its NDCG@100 and HR@100 on the held-out interactions (NULL without holdout), seconds, why training stopped: epochs (all were run), patience (no better validation), counted (nothing to iterate); rows skipped for a weight that is zero, negative, NaN or infinite; the two numbers that the algorithm is validated by, under their names; promoted where the version serves, otherwise why it is kept but does not (option promote); why the algorithm was chosen, or named';

DROP FUNCTION @extschema@.recadv_train(text, text, name, name, name, text, jsonb);
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

DROP PROCEDURE @extschema@.recadv_train_job(text, text, name, name, name, text, jsonb, text);
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
'result of recadv_train_policy: model, version, algorithm; what was read: sessions, steps (rows), items, rows skipped for a NULL session or step, and rows skipped because they are broken; entries of the learning curve, and the one that the model is from (recadv_history says what they are); mean reward and number of slates of a session with simulated visitors of whom training has seen none (NULL without a simulator), the mean reward of a session of the log, and what slates by chance earn with the same visitors; seconds, why training stopped; what training itself measured, under its names, of a simulator with its calibration; promoted where the version serves, otherwise why it is kept but does not (option promote)';

CREATE FUNCTION @extschema@.recadv_train_policy(
    model text,
    source text,
    session_column name DEFAULT 'session_id',
    step_column name DEFAULT 'step',
    shown_column name DEFAULT 'shown',
    clicked_column name DEFAULT 'clicked',
    reward_column name DEFAULT NULL,
    propensity_column name DEFAULT NULL,
    simulator text DEFAULT NULL,
    algorithm text DEFAULT 'hac',
    options jsonb DEFAULT '{}')
RETURNS @extschema@.recadv_policy_training
AS 'MODULE_PATHNAME', 'recadv_train_policy'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_train_policy(text, text, name, name, name, name, name, name, text, text, jsonb) IS
'learns from a log of slates what to show in a session, or how visitors answer, and stores it as a new version of the table "model", which serves if it is good enough (option promote; created on first use, owned by the caller). The source has one row per step of a session: session, step (a number or a time), the array of the items that were shown, the array of those that were clicked (a part of them; NULL or empty: none), and, where columns are named, the reward (NULL: for each item 1 if it was clicked and -0.1 if not, divided by the number of items) and the array of the probabilities with which each item was shown. Rows with a NULL session or step, and rows that are broken, are skipped and counted. simulator: a model of an algorithm that simulates visitors, against which the policy is trained and measured; NULL: the log alone. recadv_topk_for serves a policy. recadv_options() lists algorithms and options. All in one transaction: for long runs use recadv_train_policy_job. Liu et al., WWW 2023';

CREATE PROCEDURE @extschema@.recadv_train_policy_job(
    model text,
    source text,
    session_column name DEFAULT 'session_id',
    step_column name DEFAULT 'step',
    shown_column name DEFAULT 'shown',
    clicked_column name DEFAULT 'clicked',
    reward_column name DEFAULT NULL,
    propensity_column name DEFAULT NULL,
    simulator text DEFAULT NULL,
    algorithm text DEFAULT 'hac',
    options jsonb DEFAULT '{}',
    if_busy text DEFAULT 'error')
AS 'MODULE_PATHNAME', 'recadv_train_policy_job'
LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.recadv_train_policy_job(text, text, name, name, name, name, name, name, text, text, jsonb, text) IS
'recadv_train_policy with a commit after each phase (open, read, fit, write), so that no snapshot is held while it learns; every run, also a failed one, leaves a row in recadv_runs(model). if_busy: error, skip or wait, when another session trains the model. CALL it at top level, for example from pg_cron';

DROP FUNCTION @extschema@.recadv_estimate_memory(bigint, bigint, bigint, text, jsonb, boolean);
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

-- The aggregate: a form with weights

CREATE FUNCTION @extschema@.recadv_fit_accum_weight(internal, "any", "any", "any", "any", jsonb)
RETURNS internal
AS 'MODULE_PATHNAME', 'recadv_fit_accum_weight'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.recadv_fit_accum_weight(internal, "any", "any", "any", "any", jsonb) IS
'transition function of recadv_fit("any", "any", "any", "any", jsonb)';

COMMENT ON AGGREGATE @extschema@.recadv_fit("any", "any") IS
'trains a model from (user, item) rows with default options and returns it as an image; the options object may also name the algorithm (default als). NULL for no rows. recadv_topk and recadv_score take an image, recadv_save makes a model table of it';
COMMENT ON AGGREGATE @extschema@.recadv_fit("any", "any", jsonb) IS
'trains a model from (user, item) rows with options and returns it as an image; the options object may also name the algorithm (default als). NULL for no rows. recadv_topk and recadv_score take an image, recadv_save makes a model table of it';
COMMENT ON AGGREGATE @extschema@.recadv_fit("any", "any", "any", jsonb) IS
'trains a model from (user, item) rows with the time of each interaction and options and returns it as an image; the options object may also name the algorithm (default als). NULL for no rows. recadv_topk and recadv_score take an image, recadv_save makes a model table of it';

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

-- Arguments whose names are reserved words: "table" becomes relation, "window" window_size

DROP FUNCTION @extschema@.recadv_attach(text, regclass, name, name, name, text);
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

DROP FUNCTION @extschema@.recadv_detach(text, regclass);
CREATE FUNCTION @extschema@.recadv_detach(
    model text,
    relation regclass DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'recadv_detach'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.recadv_detach(text, regclass) IS
'drops the trigger that recadv_attach() made (NULL: on the model''s source)';

DROP FUNCTION @extschema@.recadv_evaluate_stream(text, name, name, name, text, jsonb, double precision, integer);
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

-- Learning curves and runs: the numbers that an algorithm is validated by

DROP FUNCTION @extschema@.recadv_history(text, integer);
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

DROP FUNCTION @extschema@.recadv_runs(text);
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

-- Refreshes: one more number in the result

ALTER TYPE @extschema@.recadv_refreshed
    ADD ATTRIBUTE weightless_rows bigint;
COMMENT ON TYPE @extschema@.recadv_refreshed IS
'result of recadv_refresh: events learnt; observed events that were taken up; rows skipped for a NULL id; users and items that had no event before; events that were ranked before they were learnt (not those of pairs that were known), and their means HR@10, NDCG@10, MRR over all items not yet had by the user (NULL if none was ranked); seconds; rows skipped for a weight that is zero, negative, NaN or infinite';

-- Rollback goes to a version that has served, and a refresh leaves a row in the log

COMMENT ON FUNCTION @extschema@.recadv_rollback(text, integer) IS
'lets a kept version serve again: the one named, or the one that served before; returns it. A version that has never served (option promote) must be named. The option keep_versions tells how many are kept. The next training starts a new version';

COMMENT ON FUNCTION @extschema@.recadv_refresh(text, boolean, text) IS
'learns what is new in the model''s own source, and the observed events, in order of time (ties: user, item), in one transaction: rows from the option lateness before the newest time learnt on, without those that were learnt already. A row without a time is not read. Leaves a row in recadv_runs(model); with nothing new it writes nothing else. metrics: false does not rank the events first, which costs more than learning them. if_busy: error, or skip (the result is NULL), when another session trains or refreshes the model. For the model''s owner; an error if the algorithm does not learn from a stream';

-- What similarity is

COMMENT ON FUNCTION @extschema@.recadv_similar_items(bigint, integer, text, bigint[], bigint[]) IS
'the k items that are most alike to an item, without itself: by cosine of the embeddings, from -1 to 1 (factor models), by minus their distance (nmrn), or by the similarity of neighbours (itemknn). candidates, exclude, model: as in recadv_topk. No rows for an item that the model does not know';

-- The list of models: its column model is a text, and the size comes with the status

DROP VIEW @extschema@.recadv_models;
DROP FUNCTION @extschema@.recadv_model_status(oid);
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

-- A C function of its own for each form; replaced, so that views on them stay: these forms are all
-- members of the extension already

CREATE OR REPLACE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id bigint,
    item_id bigint,
    at text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_bigint_literal'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

CREATE OR REPLACE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id bigint,
    item_id bigint,
    at anyelement)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_bigint_value'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

CREATE OR REPLACE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id text,
    item_id text,
    at text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_text_literal'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

CREATE OR REPLACE FUNCTION @extschema@.recadv_observe(
    model text,
    user_id text,
    item_id text,
    at anyelement)
RETURNS boolean
AS 'MODULE_PATHNAME', 'recadv_observe_text_value'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;

CREATE OR REPLACE FUNCTION @extschema@.recadv_embeddings(
    model text,
    side text)
RETURNS TABLE (id text, embedding real[])
AS 'MODULE_PATHNAME', 'recadv_embeddings_all'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10000 COST 100000;

CREATE OR REPLACE FUNCTION @extschema@.recadv_embeddings(
    model text,
    side text,
    ids anyarray)
RETURNS TABLE (id anyelement, embedding real[])
AS 'MODULE_PATHNAME', 'recadv_embeddings_of'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10000 COST 100000;

-- Serving and evaluation: one more argument, popularity_weight or relative

DROP FUNCTION @extschema@.recadv_topk(bigint, integer, text, boolean, bigint[], bigint[], text);
CREATE FUNCTION @extschema@.recadv_topk(
    user_id bigint,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item bigint, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_bigint_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_topk(bigint, integer, text, boolean, bigint[], bigint[], text, double precision) IS
'the k items that the model scores highest for a user, best first, ties to the lower item; without the user''s own interactions unless exclude_seen is false, whether those that the model was trained on or, with seen => ''live'', those that its source has now (read with your rights). candidates: choose among these alone (NULL: all); exclude: not these; both before the choice, so that k rows come if k items are left. In the arrays, NULLs, duplicates and unknown items do nothing. model: NULL takes the setting recadv.model, else the only model that you may read. A user that the model does not know gets the most popular items (score: number of users); recadv_has_user tells. popularity_weight: the score becomes score - popularity_weight * ln(greatest(popularity, 1)), for shops that want less of the same; popularity: the item''s interactions, or the sum of their weights; from 0 to 1e6, NULL is 0. No rows for a NULL user';

DROP FUNCTION @extschema@.recadv_topk(text, integer, text, boolean, text[], text[], text);
CREATE FUNCTION @extschema@.recadv_topk(
    user_id text,
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_text_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_topk(text, integer, text, boolean, text[], text[], text, double precision) IS
'recadv_topk with ids as text; serves every model';

DROP FUNCTION @extschema@.recadv_topk(bytea, bigint, integer, boolean, bigint[], bigint[]);
CREATE FUNCTION @extschema@.recadv_topk(
    image bytea,
    user_id bigint,
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item bigint, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_image_bigint_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_topk(bytea, bigint, integer, boolean, bigint[], bigint[], double precision) IS
'recadv_topk from an image, the result of recadv_fit';

DROP FUNCTION @extschema@.recadv_topk(bytea, text, integer, boolean, text[], text[]);
CREATE FUNCTION @extschema@.recadv_topk(
    image bytea,
    user_id text,
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_image_text_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 10000;
COMMENT ON FUNCTION @extschema@.recadv_topk(bytea, text, integer, boolean, text[], text[], double precision) IS
'recadv_topk from an image, with ids as text';

DROP FUNCTION @extschema@.recadv_topk_for(bigint[], integer, text, boolean, bigint[], bigint[]);
CREATE FUNCTION @extschema@.recadv_topk_for(
    history bigint[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item bigint, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_for_bigint_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 20000;
COMMENT ON FUNCTION @extschema@.recadv_topk_for(bigint[], integer, text, boolean, bigint[], bigint[], double precision) IS
'recadv_topk for someone who is not in the model but has these items: a user''s embedding is trained for the history, in any order, with the model''s own options while the items stay as they are (bpr, amf), or the history is noted event by event, in the order of the array, with repeats (nmrn, policies). The same history always gives the same. Without the history itself unless exclude_seen is false. Unknown items are ignored; a history that is NULL, empty or all unknown gets the most popular items, of a policy those that it begins a session with';

DROP FUNCTION @extschema@.recadv_topk_for(text[], integer, text, boolean, text[], text[]);
CREATE FUNCTION @extschema@.recadv_topk_for(
    history text[],
    k integer DEFAULT 10,
    model text DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_for_text_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 20000;
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
LANGUAGE C VOLATILE PARALLEL SAFE ROWS 10 COST 20000;
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
LANGUAGE C VOLATILE PARALLEL SAFE ROWS 10 COST 20000;
COMMENT ON FUNCTION @extschema@.recadv_slate(text[], integer, text, real, bigint, boolean, text[], text[]) IS
'recadv_slate with ids as text; serves every model';

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

CREATE FUNCTION @extschema@.recadv_evaluate_policy(
    model text,
    test_source text,
    session_column name DEFAULT 'session_id',
    step_column name DEFAULT 'step',
    shown_column name DEFAULT 'shown',
    clicked_column name DEFAULT 'clicked',
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
COMMENT ON FUNCTION @extschema@.recadv_evaluate_policy(text, text, name, name, name, name, name, name, name, real, double precision, double precision, double precision, bigint) IS
'what a model would have earned on a log that another one has written, as the mean reward of a slate: logged (what was earned), direct (a model of the answers, learnt from the log: no better than that), ips (items that were shown, weighted by how much likelier they would be), snips (the same by the sum of the weights), dr (direct, corrected by what was shown). The source has the rows of recadv_train_policy, with the probability that each item was in the slate (propensity_column; NULL: not logged, then logged and direct alone), and the array of what had been clicked before, with which the model is to be asked (history_column; NULL: the clicks of the session''s earlier steps; the last 50 count). explore: that of the model, as in recadv_slate. Slate t of a session counts gamma^t. An item''s answer is taken to depend on neither its place nor its neighbours, and who comes with which clicks to be as in the log. lower, upper: bootstrap over sessions; NULL, with a WARNING, below 200 effective items or 20 sessions; direct has none. effective: (sum of weights)^2 / sum of squares. supported: share of what the model shows that the log may have shown. clip: largest weight; clipped: how many were larger. seed of resampling; NULL draws';

DROP FUNCTION @extschema@.recadv_topk_for(bytea, bigint[], integer, boolean, bigint[], bigint[]);
CREATE FUNCTION @extschema@.recadv_topk_for(
    image bytea,
    history bigint[],
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item bigint, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_for_image_bigint_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 20000;
COMMENT ON FUNCTION @extschema@.recadv_topk_for(bytea, bigint[], integer, boolean, bigint[], bigint[], double precision) IS
'recadv_topk_for from an image, the result of recadv_fit';

DROP FUNCTION @extschema@.recadv_topk_for(bytea, text[], integer, boolean, text[], text[]);
CREATE FUNCTION @extschema@.recadv_topk_for(
    image bytea,
    history text[],
    k integer DEFAULT 10,
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (item text, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_for_image_text_0_2'
LANGUAGE C STABLE PARALLEL SAFE ROWS 10 COST 20000;
COMMENT ON FUNCTION @extschema@.recadv_topk_for(bytea, text[], integer, boolean, text[], text[], double precision) IS
'recadv_topk_for from an image, with ids as text';

DROP FUNCTION @extschema@.recadv_topk_all(text, integer, bigint[], boolean, bigint[], bigint[], text);
CREATE FUNCTION @extschema@.recadv_topk_all(
    model text DEFAULT NULL,
    k integer DEFAULT 10,
    users bigint[] DEFAULT NULL,
    exclude_seen boolean DEFAULT true,
    candidates bigint[] DEFAULT NULL,
    exclude bigint[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (user_id bigint, item bigint, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_all_bigint_0_2'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_topk_all(text, integer, bigint[], boolean, bigint[], bigint[], text, double precision) IS
'recadv_topk for all users of the model, or for those of an array, on up to recadv.max_threads threads: the same rows, for CREATE TABLE AS or a materialized view. users NULL: all that the model knows; one that it does not know gets the most popular items. candidates: only these items; exclude: not these; NULL elements, duplicates and unknown items in arrays count for nothing; seen: as in recadv_topk, but the source is read once, whole; popularity_weight: as in recadv_topk. No rows for a NULL k, exclude_seen or seen';

DROP FUNCTION @extschema@.recadv_topk_all(text, integer, text[], boolean, text[], text[], text);
CREATE FUNCTION @extschema@.recadv_topk_all(
    model text,
    k integer,
    users text[],
    exclude_seen boolean DEFAULT true,
    candidates text[] DEFAULT NULL,
    exclude text[] DEFAULT NULL,
    seen text DEFAULT 'model',
    popularity_weight double precision DEFAULT 0)
RETURNS TABLE (user_id text, item text, score real, rank integer)
AS 'MODULE_PATHNAME', 'recadv_topk_all_text_0_2'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100000 COST 1000000;
COMMENT ON FUNCTION @extschema@.recadv_topk_all(text, integer, text[], boolean, text[], text[], text, double precision) IS
'recadv_topk_all with ids as text; serves every model. For all users: users => NULL::text[]';

DROP FUNCTION @extschema@.recadv_evaluate(text, text, name, name, integer[]);
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

DROP FUNCTION @extschema@.recadv_robustness(text, real[], text, name, name);
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
