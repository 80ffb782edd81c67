-- Models of nmrn from before the options loss and recent: served, refreshed and gone on from as they are.
BEGIN;
\ir setup.psql
\ir forge.psql
SELECT * FROM no_plan();

CREATE FUNCTION train(more jsonb) RETURNS int LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train('shop', 'orders', time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":8,"epochs":2,"holdout":"none","seed":7,"loss":"hinge","recent":0}' || more)
$$;
SET LOCAL recadv.cache_size = 0;
SELECT train('{}') \g /dev/null
CREATE TABLE asked AS SELECT answers('shop') AS answers;

-- the header as it was then
UPDATE shop SET data = json_block('header',
        (h #- '{options,loss}' #- '{options,recent}' #- '{options,negatives}'
            #- '{options,temperature}')::text)
FROM (SELECT convert_from(substring(data FROM 33), 'UTF8')::jsonb AS h
      FROM shop WHERE part = 'header') earlier
WHERE part = 'header';
SELECT is(recadv_info('shop') -> 'options' ->> 'loss', NULL, 'a header without the options');
SELECT is(answers('shop'), answers, 'the same answers') FROM asked;
SELECT ok(recadv_observe('shop', 1, 2, '2030-01-01'), 'events are observed');
SELECT is((SELECT observed FROM recadv_refresh('shop')), 1::bigint, 'and learnt');
SELECT is(train('{"warm_start":true}'), 2, 'a warm start');
SELECT is(recadv_info('shop') #>> '{training,warm_start}', 'true', 'goes on from it');

-- other options ask for rows that it does not have
SELECT is(train('{"warm_start":true,"recent":2,"loss":"softmax"}'), 3, 'with last items');
SELECT is(recadv_info('shop') #>> '{training,warm_start}', 'false', 'the training starts afresh');

SELECT * FROM finish();
ROLLBACK;
