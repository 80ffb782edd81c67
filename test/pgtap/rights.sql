-- Nothing that somebody else wrote runs with rights that he lacks, and nobody who may only insert
-- into a model stops or damages others.
BEGIN;
\ir setup.psql
\ir forge.psql
\ir clicks.psql
SELECT * FROM no_plan();
SET recadv.trust_model_owners = off;

CREATE ROLE recadv_test_owner;
CREATE ROLE recadv_test_member IN ROLE recadv_test_owner;
CREATE ROLE recadv_test_reader;
CREATE ROLE recadv_test_writer;
CREATE ROLE recadv_test_stranger;
CREATE ROLE recadv_test_mallory;
CREATE ROLE recadv_test_victim IN ROLE recadv_test_mallory;
GRANT CREATE ON SCHEMA recadv_test
TO recadv_test_owner, recadv_test_mallory;
GRANT SELECT ON clicks, orders TO PUBLIC;
CREATE FUNCTION train(model text, source text DEFAULT 'recadv_test.clicks') RETURNS int
LANGUAGE sql AS $$
    SELECT version
    FROM recadv_train(model, source, time_column => 'at', algorithm => 'nmrn',
        options => '{"factors":4,"epochs":1,"holdout":"none","seed":7,"lateness":1000000000}')
$$;

-- code of mallory's, which says with whose rights it runs
CREATE TABLE ran (who name);
GRANT INSERT, SELECT ON ran TO PUBLIC;
CREATE FUNCTION note_who() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO recadv_test.ran VALUES (current_user);
    RETURN true;
END $$;
CREATE FUNCTION note_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_test.note_who();
    RETURN NEW;
END $$;
CREATE FUNCTION note_bytes(bytea) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_test.note_who();
    RETURN 1;
END $$;
ALTER FUNCTION note_who() OWNER TO recadv_test_mallory;

SET ROLE recadv_test_mallory;
SELECT train('evil') \g /dev/null
GRANT SELECT, INSERT ON evil TO PUBLIC;
CREATE VIEW trap AS SELECT user_id, item_id, at FROM clicks WHERE note_who();
SELECT train('trapped', 'recadv_test.trap') \g /dev/null
SELECT train('asked', '(SELECT * FROM recadv_test.clicks WHERE recadv_test.note_who())') \g /dev/null
GRANT SELECT, INSERT ON trapped, asked TO PUBLIC;
GRANT SELECT ON trap TO PUBLIC;
RESET ROLE;
DELETE FROM ran;

-- what writes a model: refused with anything in it that could run code
CREATE TABLE writers (statement text);
INSERT INTO writers VALUES
    ('SELECT recadv_observe(''evil'', 1, 1, now())'), ('SELECT recadv_refresh(''evil'')'),
    ('SELECT train(''evil'')'), ('SELECT recadv_rollback(''evil'', 1)'),
    ('SELECT recadv_save(''evil'', recadv_fit(user_id, item_id, '
     '''{"algorithm":"popularity"}'')) FROM orders');
CREATE FUNCTION refused(change text, wanted text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    statement text;
    error text;
    alone boolean;
BEGIN
    FOR statement IN SELECT w.statement FROM writers w LOOP
        BEGIN
            EXECUTE change;
            SET LOCAL recadv.trust_model_owners = on;
            error := error_of(statement);
            alone := NOT EXISTS (SELECT FROM ran);
            RAISE 'undo';
        EXCEPTION WHEN raise_exception THEN
            RETURN NEXT ok(
                coalesce(error LIKE wanted AND alone, false),
                change || ': ' || statement);
            IF error IS NULL OR NOT error LIKE wanted THEN
                RETURN NEXT diag('  have: ' || coalesce(error, 'no error'));
            END IF;
        END;
    END LOOP;
END $$;
SELECT refused(change, '0A000 | model "evil" has ' || what || '%')
FROM (VALUES
    ('CREATE TRIGGER t BEFORE INSERT ON evil FOR EACH ROW EXECUTE FUNCTION note_trigger()',
     'triggers'),
    ('CREATE TRIGGER t AFTER DELETE ON evil FOR EACH STATEMENT EXECUTE FUNCTION note_trigger()',
     'triggers'),
    ('CREATE TRIGGER t AFTER UPDATE ON evil FOR EACH STATEMENT EXECUTE FUNCTION note_trigger()',
     'triggers'),
    ('CREATE CONSTRAINT TRIGGER t AFTER INSERT ON evil DEFERRABLE INITIALLY DEFERRED '
     'FOR EACH ROW EXECUTE FUNCTION note_trigger()', 'triggers'),
    ('CREATE RULE r AS ON INSERT TO evil DO ALSO SELECT note_who()', 'triggers or rules'),
    ('CREATE INDEX ON evil (note_bytes(data)); DELETE FROM ran', 'indexes'),
    ('CREATE INDEX ON evil (block) WHERE note_bytes(data) = 1; DELETE FROM ran', 'indexes'),
    ('ALTER TABLE evil ADD CHECK (note_bytes(data) = 1) NOT VALID', 'check constraints'),
    ('CREATE POLICY p ON evil USING (note_who()) WITH CHECK (note_who()); '
     'ALTER TABLE evil ENABLE ROW LEVEL SECURITY; ALTER TABLE evil FORCE ROW LEVEL SECURITY',
     'row-level security'),
    ('CREATE TABLE refers (v int, p text COLLATE "C", b int, '
     'FOREIGN KEY (v, p, b) REFERENCES evil)', 'triggers')) v(change, what);
-- a trigger for TRUNCATE, as distributed engines have them, and a child: harmless
CREATE TRIGGER t AFTER TRUNCATE ON evil FOR EACH STATEMENT EXECUTE FUNCTION note_trigger();
SELECT works('SELECT recadv_observe(''evil'', 1, 1, now())', 'a trigger for TRUNCATE');
DROP TRIGGER t ON evil;
CREATE TABLE kid () INHERITS (evil);
CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON kid
FOR EACH ROW EXECUTE FUNCTION note_trigger();
INSERT INTO kid SELECT 70, part, block, data FROM ONLY evil WHERE version = 1;
INSERT INTO kid SELECT version, part, 800, data FROM ONLY evil WHERE part = 'run';
DELETE FROM ran;
SELECT works(
    'SELECT train(''evil''); SELECT train(''evil''); SELECT train(''evil'')',
    'a member trains a model that has a child table',
    'recadv_test_victim');
SELECT is((SELECT max(version) FROM ONLY evil), 4, 'versions of the child do not count');
SELECT is((SELECT max(run) FROM recadv_runs('evil')), 4, 'nor do its runs');
SELECT is((SELECT count(*) FROM ran), 0::bigint, 'its trigger does not fire');
DROP TABLE kid;

-- the source that a model names: read with rights that its owner has
CREATE FUNCTION asks(role name, statement text, wanted text, seen text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    error text;
    found text;
BEGIN
    DELETE FROM ran;
    error := error_of(statement, role);
    found := (SELECT string_agg(DISTINCT who, ' ') FROM ran);
    RETURN NEXT is(
        concat_ws(' ', substring(coalesce(error, 'works') FOR 5), found),
        concat_ws(' ', wanted, seen),
        role || ': ' || statement);
END $$;
SELECT asks(role, format(statement, model), wanted, seen)
FROM (VALUES
    ('postgres', '42501', NULL), ('recadv_test_reader', '42501', NULL),
    ('recadv_test_victim', 'works', 'recadv_test_mallory'),
    ('recadv_test_mallory', 'works', 'recadv_test_mallory')) r(role, wanted, seen),
    unnest('{trapped,asked}'::text[]) model,
    unnest(ARRAY['SELECT recadv_topk(1, 5, %L, seen => ''live'')',
                 'SELECT recadv_topk(''1''::text, 5, %L, seen => ''live'')',
                 'SELECT recadv_topk_all(%L, 5, seen => ''live'')',
                 'SELECT recadv_explain(1, 1, 5, %L, seen => ''live'')']) statement
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = role)
  AND (statement !~ 'explain' OR EXISTS (
      SELECT FROM pg_proc WHERE proname = 'recadv_explain' AND 'seen' = ANY (proargnames)));
SELECT asks('postgres', 'SELECT recadv_refresh(''trapped'')', '42501', NULL)
WHERE current_user = 'postgres';
SELECT asks('recadv_test_reader', 'SELECT recadv_refresh(''trapped'')', '42501', NULL);
SELECT asks('recadv_test_victim', 'SELECT recadv_refresh(''trapped'')', 'works', 'recadv_test_mallory');
SELECT works('SELECT recadv_topk(1, 5, ''trapped'')', 'a question that reads no source', 'recadv_test_reader');
GRANT recadv_test_reader TO recadv_test_mallory;
SELECT asks('recadv_test_reader', 'SELECT recadv_topk(1, 5, ''trapped'', seen => ''live'')', 'works',
    'recadv_test_reader');
REVOKE recadv_test_reader FROM recadv_test_mallory;
SELECT fails(
    'SET recadv.trust_model_owners = on',
    '42501',
    'permission denied to set parameter "recadv.trust_model_owners"%',
    'trust is not for all to set: a SECURITY DEFINER function would trust its caller',
    'recadv_test_reader');
SELECT fails(
    'SELECT recadv_attach(''evil'')',
    '42501',
    'model "evil" of another owner does not decide which table it observes | Name the table: %',
    'a model does not choose a table of somebody else''s');

-- roles: what each may do with a model of recadv_test_owner's
SET ROLE recadv_test_owner;
SELECT train('m') \g /dev/null
GRANT SELECT ON m TO recadv_test_reader;
GRANT SELECT, INSERT ON m TO recadv_test_writer;
RESET ROLE;
CREATE TABLE calls (statement text, least int); -- 1: reader, 2: writer, 3: owner
INSERT INTO calls VALUES
    ('SELECT recadv_topk(1, 3, ''m'')', 1), ('SELECT recadv_topk_all(''m'', 3)', 1),
    ('SELECT recadv_score(1, 1, ''m'')', 1), ('SELECT recadv_has_user(1, ''m'')', 1),
    ('SELECT recadv_topk_for(ARRAY[1, 2], 3, ''m'')', 1),
    ('SELECT recadv_info(''m'')', 1), ('SELECT recadv_history(''m'')', 1),
    ('SELECT recadv_runs(''m'')', 1), ('SELECT recadv_evaluate(''m'', ''orders'')', 1),
    ('SELECT recadv_memory(''m'', 1)', 1),
    ('SELECT recadv_observe(''m'', 1, 1, now())', 2),
    ('SELECT recadv_refresh(''m'')', 3), ('SELECT train(''m'')', 3),
    ('SELECT recadv_rollback(''m'', 1)', 3),
    ('SELECT recadv_save(''m'', recadv_fit(user_id, item_id, ''{"algorithm":"popularity"}''))'
     ' FROM orders', 3);
SELECT ok(
    CASE WHEN may >= least THEN coalesce(error, '') !~ '^42501'
         ELSE coalesce(error, '') ~ '^42501 \| (permission denied for|must be owner of) table m' END,
    format('%s: %s %s', role, statement, coalesce(error, '')))
FROM (VALUES ('recadv_test_stranger', 0), ('recadv_test_reader', 1), ('recadv_test_writer', 2),
             ('recadv_test_member', 3), ('recadv_test_owner', 3)) r(role, may),
     calls,
     LATERAL (SELECT error_of(statement, role) AS error) e;

-- rows that a role with INSERT alone can write
SET ROLE recadv_test_owner;
SELECT train('m') \g /dev/null
RESET ROLE;
REVOKE ALL ON m FROM recadv_test_writer;
GRANT INSERT ON m TO recadv_test_writer;
CREATE FUNCTION everybody() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(r::text, ' ' ORDER BY user_id, rank)) FROM recadv_topk_all('m', 5) r
$$;
SELECT everybody() \gset
SELECT max(version) AS version FROM m \gset
SELECT max(run) AS run FROM recadv_runs('m') \gset
SELECT works(
    format('INSERT INTO recadv_test.m VALUES (%s, %L, %s, %L)', version, part, block, data),
    format('INSERT of %s, %s, %s', version, part, block),
    'recadv_test_writer')
FROM (VALUES
    (0, 'run', 2147483647, ''::bytea), (0, 'run', 2000000000, ''), (0, 'run', -1, ''),
    (0, 'run', 0, ''), (0, 'run', 1000000000, 'x'), (0, 'event:7', 1, 'x'), (0, 'event:8', -1, ''),
    (0, 'event:', 1, 'x'), (0, 'item:x', 1, 'x'), (0, 'current', 1, 'x'), (0, 'current', -1, 'x'),
    (0, 'versions', 1, 'x'), (0, 'last_run', 1, 'x'), (0, '', 0, ''), (0, E'\u00fc%s''"', 0, ''),
    (2147483647, 'header', 0, 'x'), (2147483647, 'user', 2147483647, 'x'), (-7, 'header', 0, 'x'),
    (:version + 1, 'user_ids', 0, 'x'), (:version + 2, 'header', 0, 'x'),
    (:version, 'user', 2147483647, 'x'), (:version, 'odd', 0, 'x'),
    (:version, 'item', -2147483648, '')) v(version, part, block, data);
-- and rows that are sealed as recadv would
INSERT INTO m SELECT 0, 'run', 1500000000,
    block('run', 6, 1500000000, 1, length(d), convert_to(d, 'UTF8'))
FROM (VALUES ('{"started":"never","version":"x"}')) v(d);
INSERT INTO m SELECT 99, 'header', 0, block('header', 6, 0, 1, 2, '{}');
SELECT is(everybody(), :'everybody', 'everybody is served as before');
SELECT works('SELECT recadv_topk(7, 5, ''m'')', 'also the user in whose name a row was written');
SELECT is((SELECT max(run) FROM recadv_runs('m')), :run, 'recadv_runs shows the runs');
SELECT is((SELECT status FROM recadv_models WHERE name = 'm'), 'ok', 'recadv_models is not impressed');
SELECT fails(
    'SELECT recadv_rollback(''m'', ' || v || ')',
    '42704',
    'model "m" has no version ' || v || ' |%',
    'no rollback to version ' || v,
    'recadv_test_owner')
FROM unnest(ARRAY[99, 2147483647, -7, :version + 2]) v;
SELECT works('SELECT recadv_refresh(''m'')', 'a refresh goes on', 'recadv_test_owner');
SELECT works('SELECT train(''m'')', 'so does a training', 'recadv_test_owner');
SELECT is(
    (SELECT version FROM recadv_models WHERE name = 'm'),
    :version + 3,
    'whose version is the first that nobody has taken');
SELECT is(
    (SELECT string_agg(run || ' ' || kind, ', ' ORDER BY run) FROM recadv_runs('m') WHERE run > :run),
    format('%s refresh, %s train', :run + 1, :run + 2),
    'and whose runs follow the others');
SELECT is(
    (SELECT count(*) FROM m
     WHERE version NOT IN (0, :version, :version + 3) OR part ~ '^event'
         OR (part = 'run' AND block NOT BETWEEN 1 AND :run + 2)),
    0::bigint,
    'the rows are gone');

-- names: a longer one is not cut
SELECT fails(s, '42622', 'the name "%" is too long | Names have at most 63 bytes.', left(s, 40))
FROM (VALUES (format('SELECT train(%L)', repeat('y', 63) || '_eu')),
             (format('SELECT train(%L)', '"' || repeat('y', 64) || '"')),
             (format('SELECT train(%L)', 'recadv_test.' || repeat('y', 64))),
             (format('SELECT train(%L)', repeat('y', 64) || '.m')),
             (format('SELECT train(''x'', %L)', repeat('y', 64))),
             (format('SELECT recadv_topk(1, 3, %L)', repeat('y', 64)))) v(s);
SELECT works(format('SELECT train(%L)', '"' || repeat('"', 2) || repeat('y', 62) || '"'),
    'a quote counts once');
CREATE TABLE "Baskets" AS TABLE clicks;
CREATE TABLE mixed AS SELECT user_id AS "customerId", item_id, at FROM clicks;
SELECT fails('SELECT train(''x'', ''Baskets'')', '42P01',
    'source "Baskets" does not exist | %write ''"Baskets"''.', 'a source that needs quotes');
SELECT fails('SELECT train(''x'', ''recadv_test.Baskets'')', '42P01',
    '%write ''"recadv_test"."Baskets"''.', 'in a schema');
SELECT fails('SELECT recadv_train(''x'', ''mixed'', user_column => ''customerid'')', '42703',
    '%user_column => ''customerId''.', 'a column of capital letters');
SELECT fails('SELECT recadv_train(''x'', ''mixed'', user_column => ''"customerId"'')', '42703',
    '%user_column => ''customerId''.', 'a column in quotes');
SELECT train('"Shop"') \g /dev/null
SELECT fails('SELECT recadv_topk(1, 3, ''Shop'')', '42P01',
    'model "Shop" does not exist | %write ''"Shop"''.', 'a model that needs quotes');
SELECT is((SELECT count(*) FROM recadv_models WHERE model = '"Shop"'), 1::bigint,
    'the column model of recadv_models is a text');
SELECT works('SELECT recadv_topk(1, 3, model) FROM recadv_models', 'that functions take');

-- a cast of the user's that observes, too
CREATE TYPE uid AS ENUM ('a', 'b', 'c', 'd');
CREATE TABLE evu (user_id uid, item_id int, at timestamptz);
INSERT INTO evu SELECT (enum_range(NULL::uid))[1 + i % 4], i * 7 % 23,
       timestamptz '2020-01-01' + i * interval '1 min'
FROM generate_series(1, 40) i;
SELECT train('mu', 'evu') \g /dev/null
SELECT train('mv') \g /dev/null
CREATE FUNCTION uid_text(uid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recadv_observe('mv', 1::bigint, 2::bigint, now()::text);
    RETURN 'a';
END $$;
CREATE CAST (uid AS text) WITH FUNCTION uid_text(uid);
SELECT recadv_attach('mu', 'evu', on_error => 'error') \g /dev/null
SELECT works('INSERT INTO evu SELECT ''a'', i, now() FROM generate_series(1, 3000) i',
    'a cast that observes into another model');
SELECT is((SELECT sum(uint(data, 16) / 2) FROM mu WHERE part ~ '^events?:a$'), 3000::numeric, 'both have observed');
SELECT is((SELECT count(*) FROM mv WHERE part = 'event:1'), 3000::bigint, 'all');

SELECT * FROM finish();
ROLLBACK;
