-- The extension, which pg_regress has created (--load-extension), its objects and how they are declared.

SELECT extrelocatable, n.nspname AS schema
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
WHERE extname = 'recadv';

\df recadv_*

-- volatility, parallel safety, strictness, cost and rows of every function
CREATE TEMPORARY VIEW members AS
SELECT p.*
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'recadv');
SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments, p.prokind AS kind,
       p.provolatile AS volatile, p.proparallel AS parallel, p.proisstrict AS strict,
       p.prosecdef AS definer, p.procost AS cost, p.prorows AS rows
FROM members p
ORDER BY p.proname COLLATE "C", pg_get_function_identity_arguments(p.oid) COLLATE "C";

-- every signature has a C function of its own
SELECT prosrc, array_agg(oid::regprocedure) AS functions
FROM members WHERE probin IS NOT NULL
GROUP BY prosrc HAVING count(*) > 1;

-- every argument can be named, and every column of a result and a view, without quotes: the names
-- that the parser refuses there.  Those of a function made for this test show that it looks.
CREATE FUNCTION pg_temp.is_refused(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN false;
EXCEPTION
    WHEN syntax_error OR reserved_name THEN RETURN true;
    WHEN OTHERS THEN RETURN false;
END $$;
CREATE FUNCTION pg_temp.keywords("table" text, plain text) RETURNS TABLE ("user" text, "end" text)
LANGUAGE sql RETURN ('a', 'b');
SELECT p.proname AS name, a.mode, a.name AS refused
FROM (SELECT * FROM members UNION ALL
      SELECT * FROM pg_proc WHERE oid = 'pg_temp.keywords'::regproc) p,
     unnest(p.proargnames, coalesce(p.proargmodes, array_fill('i'::"char", ARRAY[p.pronargs::int])))
         AS a(name, mode)
WHERE a.name <> ''
      AND pg_temp.is_refused(format(CASE WHEN a.mode IN ('i', 'b', 'v') THEN 'SELECT length(%s => 1)'
                                         ELSE 'SELECT %s FROM (SELECT 1) AS t(%1$s)' END, a.name))
ORDER BY p.proname COLLATE "C", a.name COLLATE "C";
SELECT attrelid::regclass AS relation, attname AS refused
FROM pg_attribute
WHERE attrelid IN ('recadv_models'::regclass, 'recadv_cache'::regclass, 'recadv_model'::regclass,
                   'recadv_training'::regclass, 'recadv_refreshed'::regclass) AND attnum > 0
      AND pg_temp.is_refused(format('SELECT %s FROM (SELECT 1) AS t(%1$s)', attname));

-- the aggregates
SELECT a.aggfnoid::regprocedure AS aggregate, a.aggtransfn, a.aggcombinefn, a.aggserialfn,
       a.aggdeserialfn, a.aggfinalfn, a.aggfinalmodify, a.aggmfinalmodify
FROM pg_aggregate a
WHERE a.aggfnoid::text LIKE '%recadv_%'
ORDER BY 1;

-- the types
SELECT c.relname AS type, a.attnum AS n, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
       (SELECT collname FROM pg_collation WHERE oid = a.attcollation) AS "collation"
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relname IN ('recadv_model', 'recadv_training', 'recadv_models', 'recadv_cache') AND a.attnum > 0
ORDER BY c.relname COLLATE "C", n;

-- every member of the extension has a comment; the row types of relations and the arrays are theirs
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS without_comment
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'recadv')
      AND coalesce(obj_description(d.objid, d.classid::regclass::text), '') = ''
      AND NOT (d.classid = 'pg_class'::regclass
               AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relkind = 'c'))
      AND NOT (d.classid = 'pg_type'::regclass
               AND EXISTS (SELECT FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid
                           WHERE t.oid = d.objid AND c.relkind = 'v'))
      AND NOT (d.classid = 'pg_type'::regclass -- since PostgreSQL 17
               AND EXISTS (SELECT FROM pg_type t WHERE t.typarray = d.objid));

-- nothing runs with other rights than the caller's, and everyone may call everything
SELECT count(*) AS members, count(*) FILTER (WHERE p.prosecdef) AS definers,
       count(*) FILTER (WHERE p.proacl IS NOT NULL) AS with_acl
FROM members p;
SELECT has_table_privilege('public', 'recadv_models', 'SELECT') AS models_for_all,
       has_table_privilege('public', 'recadv_cache', 'SELECT') AS cache_for_all;

-- the settings; their own prefix is reserved
SELECT count(*) AS models FROM recadv_models;
SELECT name, unit, vartype, context, min_val, max_val
FROM pg_settings WHERE name LIKE 'recadv.%' ORDER BY name COLLATE "C";
SET recadv.max_threads = 0;
\set VERBOSITY sqlstate
SET recadv.max_memory = '1000kB'; -- PostgreSQL 17 writes the limits with units
SET recadv.cache_size = -1;
\set VERBOSITY default
SET recadv.progress = 'perhaps';

DROP FUNCTION pg_temp.is_refused, pg_temp.keywords;
DROP VIEW members;

-- in a schema of its own, and with models, which it does not drop unasked
DROP EXTENSION recadv;
CREATE SCHEMA "Rec Adv";
SET client_min_messages = warning;
CREATE EXTENSION recadv SCHEMA "Rec Adv";
RESET client_min_messages;
CREATE SCHEMA test_install;
SET search_path = test_install;
CREATE TABLE orders AS SELECT u AS user_id, i AS item_id
FROM generate_series(1, 6) u, generate_series(1, 8) i WHERE (u + i) % 3 > 0;
SELECT model, version, algorithm, users, items, interactions
FROM "Rec Adv".recadv_train('shop', 'orders', algorithm => 'popularity', options => '{"holdout":"none"}');
SELECT * FROM "Rec Adv".recadv_topk(1, 2, 'shop');
SELECT model, status FROM "Rec Adv".recadv_models;
SELECT count(*) FROM "Rec Adv".recadv_runs('shop');
SELECT "Rec Adv".recadv_info('shop') ->> 'algorithm' AS algorithm;
\set VERBOSITY terse
DROP EXTENSION recadv;
\set VERBOSITY default
SET client_min_messages = warning;
DROP EXTENSION recadv CASCADE;
SELECT to_regclass('shop') AS shop;
RESET search_path;
DROP SCHEMA test_install CASCADE;
DROP SCHEMA "Rec Adv";
CREATE EXTENSION recadv;
RESET client_min_messages;
