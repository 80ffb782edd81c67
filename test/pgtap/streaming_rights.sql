-- who may refresh, observe and attach
BEGIN;
\ir setup.psql
SELECT * FROM no_plan();
CREATE TABLE clicks AS
SELECT user_id, item_id, timestamptz '2020-01-01' + user_id * interval '1 minute' AS at
FROM orders;
CREATE ROLE recadv_test_owner;
CREATE ROLE recadv_test_member IN ROLE recadv_test_owner;
CREATE ROLE recadv_test_reader;
CREATE ROLE recadv_test_writer;
GRANT CREATE ON SCHEMA recadv_test TO recadv_test_owner;
GRANT SELECT ON clicks TO recadv_test_owner;
GRANT INSERT, SELECT ON clicks TO recadv_test_writer;
SET ROLE recadv_test_owner;
SELECT recadv_train('m', 'clicks', time_column => 'at', algorithm => 'nmrn',
    options => '{"factors":8,"epochs":1,"holdout":"none","seed":7}') \g /dev/null
GRANT SELECT ON m TO recadv_test_reader;
GRANT SELECT, INSERT ON m TO recadv_test_writer;
RESET ROLE;
SELECT fails(
    'SELECT recadv_refresh(''m'')',
    '42501',
    'must be owner of table m',
    'refresh: ' || r,
    r)
FROM unnest('{recadv_test_reader,recadv_test_writer}'::name[]) r;
SELECT works('SELECT recadv_refresh(''m'')', 'refresh: ' || r, r)
FROM unnest('{recadv_test_owner,recadv_test_member}'::name[]) r;
SELECT fails(
    'SELECT recadv_observe(''m'', 1, 1)',
    '42501',
    'permission denied for table m',
    'observe: who may only read',
    'recadv_test_reader');
SELECT works('SELECT recadv_observe(''m'', 1, 1)', 'observe: ' || r, r)
FROM unnest('{recadv_test_writer,recadv_test_owner,recadv_test_member}'::name[]) r;
GRANT INSERT ON m TO recadv_test_reader;
REVOKE SELECT ON m FROM recadv_test_reader;
SELECT fails(
    'SELECT recadv_observe(''m'', 1, 1)',
    '42501',
    'permission denied for table m',
    'observe: who may only write',
    'recadv_test_reader');
SELECT fails(
    'SELECT recadv_attach(''m'', ''clicks'')',
    '42501',
    'permission denied for table clicks',
    'attach: without the right to create triggers',
    'recadv_test_writer');
REVOKE SELECT ON clicks FROM recadv_test_owner;
SELECT fails(
    'SELECT recadv_refresh(''m'')',
    '42501',
    'permission denied for table clicks',
    'refresh: the source is no longer readable',
    'recadv_test_owner');
GRANT SELECT ON clicks TO recadv_test_owner;
SELECT fails(
    'SELECT recadv_refresh(''m'')',
    '42501',
    'the source of model "m" is not read with your rights | %recadv_test_owner% | SET ROLE %',
    'refresh: a superuser does not read what an owner with less rights has named');
SET ROLE recadv_test_owner;
SELECT observed AS observed FROM recadv_refresh('m') \gset
RESET ROLE;
SELECT is(:observed, 3, 'then it is: what was observed waited');
-- the tests below refresh as a superuser who trusts the owner
SET recadv.trust_model_owners = on;
-- what an INSERT needs that is observed
SELECT recadv_attach('m') \g /dev/null
SELECT works(
    'INSERT INTO clicks VALUES (1, 4, now())',
    'INSERT by who may write the model',
    'recadv_test_writer');
REVOKE INSERT ON m FROM recadv_test_writer;
SELECT works(
    'INSERT INTO clicks VALUES (1, 2, now())',
    'INSERT by who may not: the row is in',
    'recadv_test_writer');
SELECT is(
    (SELECT row(events, observed) FROM recadv_refresh('m')),
    row(2::bigint, 1::bigint),
    'and learnt with the other');
SELECT recadv_detach('m') \g /dev/null
SELECT recadv_attach('m', on_error => 'error') \g /dev/null
SELECT fails(
    'INSERT INTO clicks VALUES (1, 3, now())',
    '42501',
    'permission denied for table m',
    'on_error error: the INSERT fails',
    'recadv_test_writer');
-- rules of others do not run with the observer's rights
CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'ran'; END $$;
CREATE TRIGGER steal BEFORE INSERT ON m FOR EACH ROW EXECUTE FUNCTION steal();
SELECT fails(
    'SELECT recadv_observe(''m'', 1, 1)',
    '0A000',
    'model "m" has triggers or rules | %',
    'a model with a trigger');
SELECT fails(
    'SELECT recadv_refresh(''m'')',
    '0A000',
    'model "m" has triggers or rules | %',
    'is not refreshed either');
DROP TRIGGER steal ON m;
CREATE FUNCTION steal(bytea) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
ALTER TABLE m ADD CONSTRAINT steal CHECK (steal(data) = 1);
SELECT fails(
    'SELECT recadv_observe(''m'', 1, 1)',
    '0A000',
    'model "m" has check constraints | %',
    'a model with a check constraint');
ALTER TABLE m DROP CONSTRAINT steal;
CREATE INDEX steal ON m (steal(data));
SELECT fails(
    'SELECT recadv_observe(''m'', 1, 1)',
    '0A000',
    'model "m" has indexes beside its primary key | %',
    'a model with an index on a function');
DROP INDEX steal;
-- all that another user is recommended
CREATE FUNCTION served() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(t::text, ',' ORDER BY rank)) FROM recadv_topk(2, 1000, 'm') t
$$;
-- what INSERT alone allows: no name of an item stops what serves the others
GRANT INSERT ON m TO recadv_test_writer;
SELECT served() \gset
SELECT works(
    format('INSERT INTO recadv_test.m VALUES (0, %L, 0, '''')', part),
    'INSERT of ' || left(part, 25),
    'recadv_test_writer')
FROM unnest(ARRAY['item:no number', 'item:', 'item:' || repeat('9', 2000),
                  'item:99999999999999999999']) part;
SELECT is(served(), :'served', 'rows that name no item are passed over');
SELECT works('SELECT recadv_refresh(''m'')', 'and the model refreshed', 'recadv_test_owner');
SELECT is(
    (SELECT count(*) FROM m WHERE version = 0 AND starts_with(part, 'item:')),
    0::bigint,
    'which deletes them');

SELECT served() \gset
-- nor does a damaged event
SELECT works(
    format('INSERT INTO recadv_test.m VALUES (0, %L, 0, %L)', part, data),
    'INSERT of ' || left(part, 25),
    'recadv_test_writer')
FROM unnest(ARRAY['event:1', 'event:no number', 'event:', 'event:' || repeat('9', 2000)]) part,
     unnest(ARRAY['']) data;
SELECT is(served(), :'served', 'others are served');
SELECT works('SELECT recadv_topk(1, 5, ''m'')', 'and so is the user');
SELECT recadv_observe('m', 3, 5) \g /dev/null
SELECT works('SELECT recadv_refresh(''m'')', 'a refresh goes on', 'recadv_test_owner');
SELECT is(
    (SELECT count(*) FROM m WHERE version = 0 AND starts_with(part, 'event:')),
    0::bigint,
    'and deletes all');
SELECT works('SELECT recadv_topk(1, 5, ''m'')', 'the user is served');

SELECT * FROM finish();
ROLLBACK;
