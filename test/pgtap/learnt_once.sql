-- What a model has learnt is not learnt again, however old it is and whatever brings it back.
BEGIN;
\ir setup.psql
\ir clicks.psql
\ir forge.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(options jsonb DEFAULT '{}') RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train('m', 'clicks', time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":8,"epochs":1,"holdout":"none","seed":7}' || options)
$$;
-- events learnt, events taken up
CREATE FUNCTION learn(model text DEFAULT 'm') RETURNS text LANGUAGE sql AS $$
    SELECT events || ', ' || observed FROM recadv_refresh(model, false)
$$;
CREATE TABLE copy AS TABLE clicks;
CREATE FUNCTION number() RETURNS bigint STABLE LANGUAGE sql RETURN (SELECT count(*) FROM copy);

-- loading the source again, with the trigger attached
SELECT train() \g /dev/null
SELECT recadv_attach('m') \g /dev/null
SELECT digest('m', 1) AS before \gset
TRUNCATE clicks;
INSERT INTO clicks TABLE copy;
SELECT is(learn(), '0, ' || number(), 'all rows, all at once');
SELECT is(digest('m', 1), :'before', 'nothing has changed');
TRUNCATE clicks;
INSERT INTO clicks SELECT * FROM copy ORDER BY at DESC LIMIT 100;
SELECT is(learn(), '0, 100', 'the newest');
INSERT INTO clicks SELECT * FROM copy ORDER BY at DESC OFFSET 100;
SELECT is(learn(), format('0, %s', number() - 100), 'then the others');
INSERT INTO clicks SELECT * FROM copy ORDER BY at LIMIT 100;
SELECT is(learn(), '0, 100', 'the oldest once more');

-- a queue that is replayed
SELECT recadv_observe('m', user_id, item_id, at) FROM copy \g /dev/null
SELECT is(learn(), '0, ' || number(), 'recadv_observe() with all of them');
SELECT recadv_observe('m', 5, 77, '2020-01-01 12:34:56'), recadv_observe('m', 77, 5, '2020-01-01'),
       recadv_observe('m', 5, 78, now()::text) \g /dev/null
SELECT is(learn(), '3, 3', 'late events that are new are learnt');
SELECT recadv_observe('m', 5, 77, '2020-01-01 12:34:56'), recadv_observe('m', 77, 5, '2020-01-01'),
       recadv_observe('m', 5, 78, now()::text) \g /dev/null
SELECT is(learn(), '0, 3', 'once, also by a user and an item that came since');
SELECT recadv_observe('m', 5, 77, '2020-01-01 12:34:57'), recadv_observe('m', 6, 77, '2020-01-01 12:34:56'),
       recadv_observe('m', 5, 76, '2020-01-01 12:34:56') \g /dev/null
SELECT is(learn(), '3, 3', 'another time, another user, another item: another event');
SELECT recadv_observe('m', 5, 76, '2020-01-01 12:34:56'), recadv_observe('m', 6, 99, '2020-01-01'),
       recadv_observe('m', 77, 5, '2020-01-01') \g /dev/null
SELECT is(learn(), '1, 3', 'old and new together');

-- a rollback goes back to what that version knows
SELECT train() \g /dev/null
SELECT recadv_observe('m', 8, 88, '2020-01-01') \g /dev/null
SELECT is(learn(), '1, 1', 'learnt by the second version');
SELECT recadv_rollback('m') \g /dev/null
SELECT recadv_observe('m', 8, 88, '2020-01-01') \g /dev/null
SELECT is(learn(), '1, 1', 'and by the first, which has not had it');
SELECT recadv_observe('m', 8, 88, '2020-01-01') \g /dev/null
SELECT is(learn(), '0, 1', 'once');

-- a dump of data, restored in either order
SELECT recadv_detach('m') \g /dev/null
DELETE FROM m WHERE part LIKE 'event:%';
CREATE TABLE dump AS TABLE m;
SELECT recadv_attach('m') \g /dev/null
TRUNCATE m, clicks;
INSERT INTO m TABLE dump;
INSERT INTO clicks TABLE copy;
SELECT is(learn(), '0, ' || number(), 'the model, then the source');
TRUNCATE m, clicks;
INSERT INTO clicks TABLE copy;
INSERT INTO m TABLE dump;
SELECT is(learn(), '0, 0', 'the source, then the model');
SELECT recadv_detach('m') \g /dev/null

-- models from an image, which have no source
CREATE TABLE image AS
SELECT recadv_fit(user_id, item_id, at, '{"algorithm":"nmrn","factors":8,"epochs":1,"holdout":"none"}') AS image
FROM copy;
SELECT recadv_save('saved', image) FROM image \g /dev/null
SELECT recadv_observe('saved', user_id, item_id, at) FROM copy \g /dev/null
SELECT is(learn('saved'), '0, ' || number(), 'an image');
SELECT recadv_observe('saved', 5, 77, '2020-01-02 00:00:00') \g /dev/null
SELECT is(learn('saved'), '1, 1', 'late');
SELECT recadv_observe('saved', 5, 77, now()) \g /dev/null
SELECT is(learn('saved'), '1, 1', 'now');
SELECT recadv_observe('saved', 5, 77, now()), recadv_observe('saved', 5, 77, '2020-01-02 00:00:00') \g /dev/null
SELECT is(learn('saved'), '0, 2', 'each once');

-- times of other types
CREATE FUNCTION reloads(type text, expression text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE clicks;
    EXECUTE format('CREATE TABLE clicks AS SELECT user_id, item_id, (%s)::%s AS at FROM copy',
                   expression, type);
    PERFORM train('{"lateness":10}');
    PERFORM recadv_observe('m', 1, 1, at) FROM clicks WHERE user_id = 1 AND item_id = 1;
    PERFORM recadv_attach('m');
    CREATE TEMP TABLE again ON COMMIT DROP AS TABLE clicks;
    TRUNCATE clicks;
    INSERT INTO clicks TABLE again;
    DROP TABLE again;
    RETURN NEXT is(split_part(learn(), ', ', 1), '0', type);
    PERFORM recadv_detach('m');
END $$;
SELECT reloads(type, expression)
FROM (VALUES ('date', 'at'), ('timestamp', 'at'), ('integer', 'extract(epoch FROM at)'),
             ('bigint', 'extract(epoch FROM at) * 1000'), ('numeric', 'extract(epoch FROM at)'),
             ('real', 'extract(epoch FROM at) - 1577800000'),
             ('double precision', 'extract(epoch FROM at)')) t (type, expression);

-- a model that was trained before knows what lies within lateness
DROP TABLE m, clicks;
CREATE TABLE clicks AS TABLE copy;
SELECT train() \g /dev/null
SELECT is(recadv_info('m') #>> '{stream,learnt}', 'hashes', 'the header');
UPDATE m SET data = json_block('header', (recadv_info('m') #- '{stream,learnt}')::text)
WHERE part = 'header' AND version = 1;
DELETE FROM m WHERE part = 'learnt';
SELECT recadv_observe('m', user_id, item_id, at) FROM copy ORDER BY at LIMIT 10 \g /dev/null
SELECT is(learn(), '10, 10', 'one of an earlier version learns what is older again, as it did');
SELECT is(
    (SELECT count(*) FROM m WHERE part = 'learnt'),
    0::bigint,
    'and has no lists until a training');

-- damage
SELECT recadv_save('saved', image) FROM image \g /dev/null
DELETE FROM saved WHERE part = 'learnt';
SELECT recadv_observe('saved', 5, 77, '2020-01-02 00:00:00') \g /dev/null
SELECT fails(
    'SELECT recadv_refresh(''saved'')',
    'XX001',
    '%part "learnt", block 0%',
    'lists that are missing');
SELECT is(
    (SELECT count(*) FROM recadv_topk(5, 3, 'saved')),
    3::bigint,
    'do not keep the model from serving');
SELECT * FROM finish();
ROLLBACK;
