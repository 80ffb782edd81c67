# An update of the extension: the new library serves the SQL of the first version, and ALTER
# EXTENSION UPDATE makes of that what CREATE EXTENSION would have made.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $first = '0.1.0';
my $small = '"holdout":"none","seed":1,"threads":1';
my %options = (
	popularity => qq({$small}),
	bpr => qq({"factors":8,"epochs":2,$small}),
	amf => qq({"factors":8,"epochs":2,$small}),
	nmrn => qq({"factors":8,"epochs":1,"lateness":1000000,$small}),
	nmrn_gan => qq({"factors":8,"epochs":1,"lateness":1000000,$small}));
my @algorithms = sort keys %options;

# The database postgres has the extension as it is made now, the database old as it was made first.
my $node = new_server('update');

$node->safe_psql('postgres', 'CREATE DATABASE old');

# None of the scripts does anything when psql runs it.
$node->safe_psql('postgres', 'CREATE DATABASE bare');
foreach my $script (glob 'sql/*.sql')
{
	my ($status, $out) = $node->psql('bare', "\\i $script");

	like($out, qr/^Use "(CREATE|ALTER) EXTENSION recadv\b.*" to load this file\.$/, "$script is no script for psql");
}
is($node->safe_psql('bare', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace}), '0', 'nothing came of it');

sub old
{
	my ($sql) = @_;

	return $node->safe_psql('old', $sql);
}

sub topk
{
	my ($model) = @_;

	return old(qq{SELECT md5(string_agg((r.item, r.score, r.rank)::text, ' ' ORDER BY u, r.rank))
		FROM generate_series(1, 20) u, LATERAL recadv_topk(u, 10, '$model') r});
}

sub version
{
	return old(q{SELECT extversion FROM pg_extension WHERE extname = 'recadv'});
}

# Members of the extension as one string each, sorted: their declarations, comments and rights.
sub catalog
{
	my ($database) = @_;
	my $out = $node->safe_psql($database, q{
		SET search_path = '';
		CREATE TEMPORARY VIEW member AS
		SELECT classid, objid, pg_catalog.pg_describe_object(classid, objid, 0) AS name,
			coalesce(pg_catalog.obj_description(objid, classid::pg_catalog.regclass::text),
				'no comment') AS comment
		FROM pg_catalog.pg_depend
		WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'recadv');
		SELECT replace(concat_ws(' | ', m.name, m.comment, f.text, r.text, t.text), E'\n', ' ')
		FROM member m
		LEFT JOIN LATERAL (
			SELECT concat_ws(' | ', p.proacl::text, pg_catalog.pg_get_function_arguments(p.oid),
				pg_catalog.pg_get_function_result(p.oid), p.prokind, p.provolatile, p.proparallel,
				p.proisstrict, p.prosecdef, p.proleakproof, p.procost, p.prorows, p.proconfig::text,
				p.prosrc, p.probin, pg_catalog.pg_get_function_sqlbody(p.oid),
				CASE WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid) END,
				a.aggkind, a.aggtransfn::text, a.aggfinalfn::text, a.aggcombinefn::text,
				a.aggserialfn::text, a.aggdeserialfn::text, a.aggfinalextra, a.aggfinalmodify,
				a.aggtranstype::pg_catalog.regtype::text, a.agginitval) AS text
			FROM pg_catalog.pg_proc p
				LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
			WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = m.objid) f ON true
		LEFT JOIN LATERAL (
			SELECT concat_ws(' | ', c.relkind, c.relacl::text, c.reloptions::text,
				CASE WHEN c.relkind = 'v' THEN pg_catalog.pg_get_viewdef(c.oid) END) AS text
			FROM pg_catalog.pg_class c
			WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = m.objid) r ON true
		LEFT JOIN LATERAL (
			SELECT concat_ws(' | ', t.typtype, t.typacl::text, (
				SELECT string_agg(concat_ws(' ', a.attname,
					pg_catalog.format_type(a.atttypid, a.atttypmod), l.collname), ', ' ORDER BY a.attnum)
				FROM pg_catalog.pg_attribute a
					LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
				WHERE a.attrelid = t.typrelid AND a.attnum > 0)) AS text
			FROM pg_catalog.pg_type t
			WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = m.objid) t ON true});

	return join("\n", sort split /\n/, $out);
}

# --- the SQL of the first version, with the library of today ------------------------------------

old(qq{CREATE EXTENSION recadv VERSION '$first'});
is(version(), $first, 'the first version can still be made');
isnt(catalog('old'), catalog('postgres'), 'and is another');

old(q{
	CREATE TABLE views (user_id int, item_id int, at timestamptz);
	INSERT INTO views SELECT u, (u % 5 + 5 * ((u * 7919 + n * n * 31 + n * 17) % 40)),
		timestamptz '2024-01-01' + (n * 200 + u) * interval '1 minute'
	FROM generate_series(1, 200) u, generate_series(1, 15) n;
	CREATE TABLE fixed AS TABLE views;
	CREATE TABLE more (user_id int, item_id int, at timestamptz)});
foreach my $algorithm (@algorithms)
{
	is(old(qq{SELECT model, version, algorithm FROM recadv_train('$algorithm', 'views', 'user_id',
			'item_id', 'at', '$algorithm', '$options{$algorithm}')}),
		"$algorithm|1|$algorithm", "$algorithm: trained by arguments in order");
	is(old(qq{SELECT version FROM recadv_train(model => '$algorithm', source => 'views',
			time_column => 'at', algorithm => '$algorithm', options => '$options{$algorithm}')}),
		2, "$algorithm: and by name");
	old(qq{SELECT recadv_train('${algorithm}_fixed', 'fixed', time_column => 'at',
		algorithm => '$algorithm', options => '$options{$algorithm}')});
	is(old(qq{SELECT count(*) > 100 FROM generate_series(1, 20) u,
			LATERAL recadv_topk(u, 10, '$algorithm')}), 't', "$algorithm: serves");
}

my $session = start_session($node, database => 'old');
my $job = $session->query(
	qq{CALL recadv_train_job('job', 'views', 'user_id', 'item_id', NULL, 'bpr', '$options{bpr}', 'skip')});
is($job->{state}, '', 'a job') or diag($job->{err});
is(old(q{SELECT status FROM recadv_runs('job')}), 'succeeded', 'is logged');
is(old(q{SELECT recadv_estimate_memory(1000, 1000, 10000, 'bpr', '{"threads":1}', true) > 0}), 't',
	'an estimate');
foreach my $call ('', ", '$options{bpr}'", ", at, '$options{bpr}'")
{
	is(old(qq{SELECT recadv_save('fitted', recadv_fit(user_id, item_id$call)) > 0 FROM views}), 't',
		"recadv_fit(user_id, item_id$call)");
}
is(old(q{SELECT count(*), pg_typeof(min(id)) FROM recadv_embeddings('bpr', 'user')}), '200|text',
	'embeddings of all');
is(old(q{SELECT count(*), pg_typeof(min(id)) FROM recadv_embeddings('bpr', 'user', ARRAY[1, 2])}),
	'2|integer', 'embeddings of some');
old(q{CREATE VIEW vectors AS SELECT * FROM recadv_embeddings('bpr', 'item')});
is(old(q{SELECT count(*) FROM recadv_evaluate_stream('views', time_column => 'at',
		options => '{"factors":8,"epochs":1,"threads":1}', "window" => 500)}) > 1, 1,
	'an evaluation of a stream');

# Every form of recadv_observe, then the trigger.
is(old(q{SELECT recadv_observe('nmrn', 1, 190, '2024-02-01'), recadv_observe('nmrn', 2, 190),
		recadv_observe('nmrn', 3, 190, timestamptz '2024-02-02'),
		recadv_observe('nmrn', '4'::text, '190'::text, '2024-02-03'),
		recadv_observe('nmrn', '5'::text, '190'::text),
		recadv_observe('nmrn', '6'::text, '190'::text, date '2024-02-04')}), 't|t|t|t|t|t',
	'events of every form');
is(old(q{SELECT events, observed FROM recadv_refresh('nmrn')}), '6|6', 'are learnt');
old(q{SELECT recadv_attach('nmrn', 'views'); SELECT recadv_attach('nmrn_gan', "table" => 'more')});
old(q{INSERT INTO views VALUES (7, 191, '2024-02-05'); INSERT INTO more VALUES (8, 191, '2024-02-05')});
is(old(q{SELECT observed FROM recadv_refresh('nmrn')}), 1, 'the trigger observes');
is(old(q{SELECT observed FROM recadv_refresh('nmrn_gan')}), 1, 'also on a table that was named');

# --- the update ---------------------------------------------------------------------------------

my %before = map { $_ => topk($_) } @algorithms;
my $names = q{SELECT count(*), sum(item) FROM recadv_topk(1, 5, 'bpr')};
my $served = $session->query($names)->{out};

old('ALTER EXTENSION recadv UPDATE');
is(version(), $node->safe_psql('postgres',
		q{SELECT default_version FROM pg_available_extensions WHERE name = 'recadv'}),
	'updated to the version of today');
is(catalog('old'), catalog('postgres'), 'every member is as CREATE EXTENSION makes it');
like(catalog('old'), qr/^function public\.recadv_train\(.*\| trains a model .*weight_column/m,
	'of which there is something to compare');

is($session->query($names)->{out}, $served, 'a session that was there before goes on');
is($session->query(qq{SELECT version FROM recadv_train('bpr', 'views', algorithm => 'bpr',
		options => '$options{bpr}')})->{out}, 3, 'and trains');
is(old(q{SELECT recadv_rollback('bpr')}), 2, 'rolls back');
foreach my $algorithm (@algorithms)
{
	is(topk($algorithm), $before{$algorithm}, "$algorithm: the same recommendations as before");
}
is(old('SELECT count(*) FROM vectors'), old(q{SELECT count(*) FROM recadv_embeddings('bpr', 'item')}),
	'a view on a function stays');

# The log.
is(old(q{SELECT count(*), string_agg(DISTINCT status, ' ') FROM recadv_runs('nmrn')}), '4|succeeded',
	'runs of before the update are there');
is(old(q{SELECT string_agg(model || ' ' || runs, ', ' ORDER BY model) FROM (
			SELECT model, count(*) AS runs FROM recadv_all_runs
			WHERE model IN ('bpr', 'job', 'nmrn') GROUP BY 1) r}), 'bpr 3, job 1, nmrn 4',
	'and in the log of all models');

# Triggers stay, and what they observe is learnt.
old(q{INSERT INTO views VALUES (9, 192, '2024-02-06'); INSERT INTO more VALUES (10, 192, '2024-02-06')});
is(old(q{SELECT observed FROM recadv_refresh('nmrn')}), 1, 'the trigger is there');
is(old(q{SELECT observed FROM recadv_refresh('nmrn_gan')}), 1, 'also on a table that was named');
old(q{SELECT recadv_detach('nmrn'); SELECT recadv_detach('nmrn_gan', relation => 'more')});
is(old(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'recadv%'}), 0, 'and can be dropped');

# Training again, and back.
foreach my $algorithm (@algorithms)
{
	my $now = topk($algorithm);

	is(old(qq{SELECT version FROM recadv_train('$algorithm', 'views', 'user_id', 'item_id', 'at',
			'$algorithm', '$options{$algorithm}')}),
		$algorithm eq 'bpr' ? 4 : 3, "$algorithm: trained again");
	isnt(topk($algorithm), $now, "$algorithm: recommends otherwise");
	is(old(qq{SELECT recadv_rollback('$algorithm')}), 2, "$algorithm: rolled back");
	is(topk($algorithm), $now, "$algorithm: recommends as before");

	old(qq{SELECT recadv_train('${algorithm}_again', 'fixed', time_column => 'at',
		algorithm => '$algorithm', options => '$options{$algorithm}')});
	is(topk("${algorithm}_again"), topk("${algorithm}_fixed"),
		"$algorithm: the functions of both versions train the same model");
}
ok(healthy($node), 'no crash');

$session->quit;
$node->stop;
done_testing();
