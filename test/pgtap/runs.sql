-- The log of runs, and the views over all models: what trainings and refreshes leave behind.
BEGIN;
\ir setup.psql
\ir clicks.psql
\ir forge.psql
SELECT * FROM no_plan();

CREATE FUNCTION stream(model text, more jsonb DEFAULT '{}') RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, 'clicks', time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":4,"epochs":1,"seed":7,"threads":1,"holdout":"none"}' || more)
$$;
CREATE FUNCTION log_of(model text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', run, kind, status, message), ', ' ORDER BY run)
    FROM recadv_runs(model)
$$;
CREATE FUNCTION measured(model text, number int) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('|', coalesce(time_column, '-'), coalesce(holdout, '-'),
        coalesce(k::text, '-'), coalesce(held_out_users::text, '-'), events)
    FROM recadv_runs(model) WHERE run = number
$$;

-- what a training says of its metrics
SELECT stream('m') \g /dev/null
SELECT is(measured('m', 1), 'at|none|-|-|' || count(*), 'nothing held out') FROM clicks;
SELECT stream('m', '{"holdout":"auto"}') \g /dev/null
SELECT is(measured('m', 2), 'at|last|100|36|' || count(*), 'auto is last with times') FROM clicks;
SELECT stream('m', '{"holdout":"random","validation_users":7}') \g /dev/null
SELECT is(measured('m', 3), 'at|random|100|7|' || count(*), 'few held out at random') FROM clicks;
SELECT recadv_train('m', 'clicks', algorithm => 'bpr', options => '{"epochs":1,"factors":4}')
    \g /dev/null
SELECT is(measured('m', 4), '-|random|100|36|' || count(*), 'auto is random without times')
FROM clicks;
SELECT is(
    (SELECT concat_ws('|', holdout, held_out_users, metric, value = r.ndcg) FROM recadv_models m
     WHERE name = 'm'),
    'random|36|NDCG@100|t',
    'recadv_models tells what was measured, and on what')
FROM recadv_runs('m') r WHERE run = 4;
SELECT is(
    recadv_info('m') -> 'training' ->> 'held_out_users',
    '36',
    'though the held-out interactions have been learnt');

-- refreshes
SELECT stream('s') \g /dev/null
SELECT is(
    (SELECT concat_ws('|', refreshed, pending, newest_event::timestamptz = max(at))
     FROM recadv_models, clicks WHERE name = 's' GROUP BY refreshed, pending, newest_event),
    '0|t',
    'never refreshed, nothing pending, the newest event');
SELECT is((recadv_refresh('s')).events, 0::bigint, 'a refresh that finds nothing new');
SELECT is(log_of('s'), '1 train succeeded epochs, 2 refresh succeeded nothing new', 'is logged');
SELECT recadv_document('s', 'run', 2, 0) AS idle \gset
SELECT recadv_refresh('s') \g /dev/null
SELECT is(log_of('s'), '1 train succeeded epochs, 2 refresh succeeded nothing new',
    'the next such one takes over its row');
SELECT ok(
    (recadv_document('s', 'run', 2, 0) ->> 'finished')::timestamptz
    > (:'idle'::jsonb ->> 'finished')::timestamptz,
    'with its own times');
SELECT is(
    refreshed,
    (recadv_document('s', 'run', 2, 0) ->> 'finished')::timestamptz,
    'recadv_models tells when it was')
FROM recadv_models WHERE name = 's';
SELECT recadv_observe('s', 1, 7, timestamptz '2020-01-02 20:00') \g /dev/null
SELECT recadv_observe('s', 2, 999, timestamptz '2020-01-02 21:00') \g /dev/null
SELECT is(pending, 2::bigint, 'two events wait') FROM recadv_models WHERE name = 's';
SELECT recadv_refresh('s') AS refreshed \gset
SELECT is(log_of('s'),
    '1 train succeeded epochs, 2 refresh succeeded nothing new, 3 refresh succeeded',
    'one that learns has a row of its own');
SELECT is(
    concat_ws('|', pending, newest_event::timestamptz = '2020-01-02 21:00',
        refreshed >= (recadv_document('s', 'run', 3, 0) ->> 'started')::timestamptz),
    '0|t|t',
    'recadv_models has followed')
FROM recadv_models WHERE name = 's';
SELECT is(
    concat_ws('|', version, algorithm, source, time_column, k, events, pid = pg_backend_pid(),
        role = current_user, started <= finished),
    '1|nmrn|recadv_test.clicks|at|10|2|t|t|t',
    'the row says who, when, what')
FROM recadv_runs('s') WHERE run = 3;
SELECT is(
    concat_ws('|', metrics = jsonb_build_object('hr', f.hr, 'ndcg', f.ndcg, 'mrr', f.mrr), r.ndcg = f.ndcg),
    't|t',
    'and what the result of recadv_refresh said')
FROM recadv_runs('s') r, LATERAL (SELECT (:'refreshed'::recadv_refreshed).*) f WHERE run = 3;
SELECT is(
    (SELECT concat_ws('|', users, items, interactions) FROM recadv_models WHERE name = 's'),
    (SELECT concat_ws('|', users, items, interactions) FROM recadv_runs('s') WHERE run = 3),
    'users, items and interactions are those of the model now');
SELECT is(
    (SELECT string_agg(key, ' ' ORDER BY key) FROM jsonb_object_keys((SELECT phases
     FROM recadv_runs('s') WHERE run = 3)) key),
    'learn read write',
    'its phases');
SELECT recadv_observe('s', 1, 9, timestamptz '2021-01-03') \g /dev/null
SELECT recadv_refresh('s', metrics => false) \g /dev/null
SELECT is(
    concat_ws('|', events, coalesce(k::text, '-'), coalesce(metrics::text, '-')),
    '1|-|-',
    'no metrics where none were asked for')
FROM recadv_runs('s') WHERE run = 4;
SELECT recadv_refresh('s') \g /dev/null
SELECT stream('s') \g /dev/null
SELECT recadv_refresh('s') \g /dev/null
SELECT recadv_refresh('s') \g /dev/null
SELECT is(log_of('s'),
    '1 train succeeded epochs, 2 refresh succeeded nothing new, 3 refresh succeeded, '
    '4 refresh succeeded, 5 refresh succeeded nothing new, 6 train succeeded epochs, '
    '7 refresh succeeded nothing new',
    'the order of things is kept: an idle refresh takes over a row only if that is the last');
SAVEPOINT failing;
UPDATE clicks SET at = at WHERE false;
ALTER TABLE clicks RENAME COLUMN at TO moment;
SELECT fails($$SELECT recadv_refresh('s')$$, '%', '%', 'a refresh that fails');
SELECT is((SELECT count(*) FROM recadv_runs('s')), 7::bigint, 'leaves nothing, being one transaction');
ROLLBACK TO failing;

-- rows that do not count
CREATE TABLE weighty AS SELECT user_id, item_id, at, 1.5 AS amount FROM clicks;
SELECT recadv_train('w', 'weighty', time_column => 'at', algorithm => 'nmrn',
    options => '{"factors":4,"epochs":1,"holdout":"none"}', weight_column => 'amount') \g /dev/null
INSERT INTO weighty VALUES (1, 1, '2022-01-01', 0), (1, 2, '2022-01-02', 'NaN'),
    (1, 3, '2022-01-03', 2), (NULL, 3, '2022-01-03', 2);
SELECT is(
    (SELECT concat_ws('|', events, null_rows, weightless_rows) FROM recadv_refresh('w')),
    '1|1|2',
    'recadv_refresh counts rows skipped for their weight');
SELECT is(
    recadv_document('w', 'run', 2, 0) ->> 'weightless_rows',
    '2',
    'and so does the log');

-- all models
CREATE ROLE recadv_runs_owner;
CREATE ROLE recadv_runs_reader;
GRANT CREATE, USAGE ON SCHEMA recadv_test TO recadv_runs_owner;
GRANT USAGE ON SCHEMA recadv_test TO recadv_runs_reader;
GRANT SELECT ON clicks TO recadv_runs_owner;
SET ROLE recadv_runs_owner;
SELECT stream('theirs') \g /dev/null
RESET ROLE;
GRANT SELECT ON m TO recadv_runs_reader;
CREATE FUNCTION runs_of(reader name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', reader);
    SELECT string_agg(model || ' ' || n, ', ' ORDER BY model) INTO found
    FROM (SELECT model, count(*) AS n FROM recadv_all_runs WHERE schema = 'recadv_test'
          GROUP BY 1) r;
    RESET ROLE;
    RETURN found;
END $$;
SELECT is(runs_of(session_user), 'm 4, s 7, theirs 1, w 2', 'a superuser sees the runs of all models');
SELECT is(runs_of('recadv_runs_owner'), 'theirs 1', 'an owner those of its own');
SELECT is(runs_of('recadv_runs_reader'), 'm 4', 'others those of what they may read');
SELECT bag_eq(
    $$SELECT run, kind, status, message, started, finished, version, algorithm, source, options,
             holdout, k, held_out_users, time_column, events, metrics, role, pid, users, items,
             interactions, null_rows, epochs, loss, phases
      FROM recadv_all_runs WHERE name = 's' AND schema = 'recadv_test'$$,
    $$SELECT run, kind, status, message, started, finished, version, algorithm, source, options,
             holdout, k, held_out_users, time_column, events, metrics, role, pid, users, items,
             interactions, null_rows, epochs, loss, phases
      FROM recadv_runs('s')$$,
    'with what recadv_runs says');
CREATE TABLE broken OF recadv_model;
SELECT is(runs_of(session_user), 'm 4, s 7, theirs 1, w 2', 'a table that is no model hides none');
SELECT throws_like(
    $$SELECT recadv_runs('broken')$$,
    '%',
    'though recadv_runs says what is wrong with it');
DROP TABLE broken;

-- rows that are no runs, and lists that are gone, as in a model of an earlier version
SELECT log_of('s') AS log \gset
INSERT INTO s SELECT 0, 'run', 100, data FROM s WHERE part = 'run' AND block = 3;
INSERT INTO s SELECT 0, 'run', -3, 'x';
SELECT is(log_of('s'), :'log', 'a row that nobody has logged does not count');
DELETE FROM s WHERE part IN ('trainings', 'refreshes', 'unpromoted');
SELECT is(log_of('s'), :'log', 'without lists all counts up to the last run');
SELECT recadv_observe('s', 3, 3, timestamptz '2023-01-01') \g /dev/null
SELECT recadv_refresh('s') \g /dev/null
SELECT is(log_of('s'), :'log' || ', 8 refresh succeeded', 'the next run goes on');
SELECT is((SELECT count(*) FROM s WHERE part = 'run'), 8::bigint, 'and deletes what is none');
SELECT stream('s') \g /dev/null
SELECT is(log_of('s'), :'log' || ', 8 refresh succeeded, 9 train succeeded epochs', 'so does a training');
SELECT is(
    (SELECT array_agg(uint(data, 32 + 4 * i) ORDER BY i) FROM s, generate_series(0, 7) i
     WHERE part = 'trainings'),
    '{1,2,3,4,5,6,7,9}'::bigint[],
    'the lists know which is which from there on');

-- a row as recadv 0.1.0 wrote it
UPDATE s SET data = block('run', 6, 6, 1, length(d), convert_to(d, 'UTF8'))
FROM (SELECT (recadv_document('s', 'run', 6, 0)
              - '{kind,holdout,k,held_out_users,events,metrics}'::text[])::text AS d) o
WHERE part = 'run' AND block = 6;
SELECT is(
    concat_ws('|', status, message, coalesce(kind, '-'), coalesce(holdout, '-'), time_column,
        coalesce(events::text, '-')),
    'succeeded|epochs|-|-|at|-',
    'remains readable')
FROM recadv_runs('s') WHERE run = 6;
SELECT is((SELECT count(*) FROM recadv_all_runs WHERE name = 's' AND kind IS NULL), 1::bigint,
    'also among all runs');

-- nothing runs
SELECT is((SELECT count(*) FROM recadv_progress), 0::bigint, 'recadv_progress is empty');

SELECT * FROM finish();
ROLLBACK;
