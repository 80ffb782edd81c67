-- What is no error, and told all the same.
CREATE SCHEMA test_warnings;
SET search_path = test_warnings, public;
SET recadv.progress = off;
\pset format unaligned
\pset tuples_only on

CREATE TABLE clicks AS
SELECT 1 + n % 20 AS user_id, 1 + n * 7 % 15 AS item_id, 1700000000 + 10 * n AS at
FROM generate_series(1, 200) n;
ALTER TABLE clicks ALTER at TYPE bigint;
CREATE FUNCTION train() RETURNS text LANGUAGE sql AS $$
    SELECT 'version ' || version
    FROM recadv_train('m', 'clicks', time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":8,"epochs":1,"holdout":"none"}')
$$;
SELECT train();

-- times far beyond all others
INSERT INTO clicks VALUES (1, 1, 1700000000000);
SELECT events, observed FROM recadv_refresh('m');
INSERT INTO clicks VALUES (1, 2, 1700002000), (1, 3, 1700000000001), (1, 4, 253402300799);
SELECT events, observed FROM recadv_refresh('m');
SELECT events, observed FROM recadv_refresh('m');
SELECT train();

-- observed events that cannot be read
SELECT recadv_observe('m', 1, 5, 1700002000);
INSERT INTO m VALUES (0, 'event:1', 7, 'nothing');
SELECT events, observed FROM recadv_refresh('m');
INSERT INTO m VALUES (0, 'event:nobody', 8, ''), (0, 'event:nobody', 9, '');
SELECT events, observed FROM recadv_refresh('m');
SELECT events, observed FROM recadv_refresh('m');
INSERT INTO m VALUES (0, 'event:2', 7, '');
DELETE FROM clicks WHERE at > 1800000000;
SELECT train();

-- a model where the user belongs
SELECT count(*) FROM recadv_topk('m', 2, 'm');
SELECT count(*) FROM recadv_topk('somebody', 2, 'm');

-- a group of which every row is skipped
CREATE FUNCTION fit(source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE image bytea;
BEGIN
    EXECUTE 'SELECT recadv_fit(' || source || ', ''{"algorithm": "als"}'') FROM clicks' INTO image;
    RETURN CASE WHEN image IS NULL THEN 'no image' ELSE 'an image' END;
END $$;
SELECT fit('NULL::int, item_id');
SELECT fit('user_id, item_id, NULL, ''NaN''::float4');
SELECT fit('repeat(''x'', 2000), item_id');

-- a warm start that cannot be one
CREATE FUNCTION warm(algorithm text, options jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT 'version ' || version
    FROM recadv_train('w', 'clicks', algorithm => algorithm,
        options => '{"epochs":1,"holdout":"none","warm_start":true}' || options)
$$;
SELECT warm('als', '{"factors":8}');
SELECT warm('als', '{}');
SELECT warm('als', '{"factors":16}');
SELECT warm('bpr', '{"factors":8}');
SELECT warm('bpr', '{}');
SELECT warm('bpr', '{"factors":16}');
SELECT 'version ' || version FROM recadv_train('w', 'clicks', algorithm => 'auto', options => '{"candidates":"popularity","warm_start":true}');

\pset format aligned
\pset tuples_only off
SET client_min_messages = warning;
DROP SCHEMA test_warnings CASCADE;
