# A model goes where its database goes: by every form of pg_dump, and from one major version of
# PostgreSQL to the next by pg_dump and by pg_upgrade.  All answers are the same, digit for digit.
#
# The other major version is that of RECADV_OTHER_PG_CONFIG, a pg_config whose server has recadv;
# without it, the highest in /usr/lib/postgresql that has.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('origin', 'recadv.max_threads = 2');

sub sql
{
	my ($server, $statement, $database) = @_;

	return $server->safe_psql($database // 'postgres', $statement);
}

make_models($node);

# --- every form of pg_dump --------------------------------------------------------------------------

my $wanted = all_answers($node);
my $directory = $node->backup_dir;

mkdir $directory;
my @refused = $wanted =~ /^"The \w+"\|(0A000|55000|42809)$/mg;
my @failed = $wanted =~ /^"?The \w+"?\|([0-9A-Z]{5})$/mg;
is(scalar @failed, scalar @refused, 'models answer, or say that their algorithm cannot');
note(scalar(@refused) . ' questions that algorithms do not answer');
cmp_ok(length $wanted, '>', 100000, 'there is something to compare');
foreach my $form ([ 'plain' ], [ 'custom' ], [ 'directory', '--jobs=4' ],
	$ENV{RECADV_LONG} ? ([ 'tar' ], [ 'directory' ]) : ())
{
	my ($format, @jobs) = @$form;
	my $name = join('_', 'restored', $format, @jobs ? 'parallel' : ());
	my $file = "$directory/$name";
	my @target = ('-h', $node->host, '-p', $node->port, '-d', $name);

	sql($node, "CREATE DATABASE $name");
	$node->command_ok([ 'pg_dump', "--format=$format", @jobs, '-f', $file, '-d',
			$node->connstr('postgres') ], "pg_dump, $format @jobs");
	command_ok($format eq 'plain'
		? [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', @target, '-f', $file ]
		: [ 'pg_restore', '--exit-on-error', $format eq 'tar' ? () : ('--jobs=4'), @target, $file ],
		"restore, $format @jobs");
	same_answers($node, $wanted, "$format @jobs", $name);
	goes_on($node, "$format @jobs", $name);
	sql($node, "DROP DATABASE $name");
}

# What is in a table of that name already goes back by itself: a dump of data alone.
sql($node, 'CREATE DATABASE data_only');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$directory/data", '-d', $node->connstr('postgres') ],
	'pg_dump');
foreach my $part ('--section=pre-data', '--data-only', '--section=post-data')
{
	command_ok([ 'pg_restore', '--exit-on-error', $part, '-h', $node->host, '-p', $node->port, '-d',
			'data_only', "$directory/data" ], "pg_restore $part");
}
same_answers($node, $wanted, 'in three parts', 'data_only');
sql($node, 'DROP DATABASE data_only');

# --- from one major version to the next -------------------------------------------------------------

my ($other_bin, $why) = other_server();

SKIP:
{
	skip($why, 1) if !defined $other_bin;
	my ($here, $there) = map { major($_) } bin_of('pg_config'), "$other_bin/pg_config";
	my $upwards = $here < $there;
	my %install = (other => substr($other_bin, 0, -4));
	my ($old, $new);

	note("PostgreSQL $here here, $there in $other_bin");
	$old = $upwards ? $node : new_server_of('old', $install{other});
	if (!$upwards)
	{
		make_models($old);
		$wanted = all_answers($old);
	}

	# by a dump that the newer pg_dump makes
	$new = new_server_of('new', $upwards ? $install{other} : undef);
	sql($new, 'DROP EXTENSION recadv; CREATE ROLE app'); # pg_dump knows no roles
	my $pg_dump = $new->installed_command('pg_dump');
	my $psql = $new->installed_command('psql');
	command_ok([ $pg_dump, '-Fp', '-f', "$directory/majors", '-d', $old->connstr('postgres') ],
		'pg_dump of the newer version');
	command_ok([ $psql, '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-h', $new->host, '-p',
			$new->port, '-d', 'postgres', '-f', "$directory/majors" ], 'restored there');
	same_answers($new, $wanted, 'dumped from one major version into the next');
	goes_on($new, 'dumped from one major version into the next');
	$new->stop;

	# by pg_upgrade, in which the files of the tables stay what they are
	my $upgraded = bare_server_of('upgraded', $upwards ? $install{other} : undef);

	$old->stop;
	my $this_bin = substr(bin_of('pg_config'), 0, -length '/pg_config');
	my @upgrade = ($upgraded->installed_command('pg_upgrade'), '-d', $old->data_dir, '-D',
		$upgraded->data_dir, '-b', $upwards ? $this_bin : $other_bin, '-B',
		$upwards ? $other_bin : $this_bin, '-p', $old->port, '-P', $upgraded->port, '-s', $old->host);
	chdir $upgraded->basedir or die $!; # it writes its logs and scripts there
	command_ok([@upgrade], 'pg_upgrade');
	$upgraded->start;
	same_answers($upgraded, $wanted, 'after pg_upgrade');
	goes_on($upgraded, 'after pg_upgrade');
	ok(healthy($upgraded), 'no crash of the newer version');
	$upgraded->stop;
	$old->start;
}
ok(healthy($node), 'no crash');
$node->stop;
done_testing();

# --- models ------------------------------------------------------------------------------------------

sub algorithms
{
	my ($server) = @_;

	return split /\n/, sql($server, q{SELECT algorithm_name FROM recadv_options() WHERE option = 'holdout' ORDER BY 1});
}

# One of each algorithm, with two versions, and what belongs to it: rights, a comment, a trigger,
# pending events, runs, a kept version that does not serve, ids that are text, a name with capitals.
sub make_models
{
	my ($server) = @_;

	sql($server, q{
		CREATE ROLE app;
		CREATE SCHEMA shop;
		CREATE TABLE shop.orders (user_id int, item_id int, at timestamptz, amount real);
		INSERT INTO shop.orders SELECT u, (u % 5 + 5 * ((u * 7919 + n * n * 31 + n * 17) % 20))::int,
			timestamptz '2024-01-01' + (n * 300 + u) * interval '1 minute', 1 + n % 3
		FROM generate_series(1, 200) u, generate_series(1, 12) n;
		CREATE TABLE shop.named AS
		SELECT 'user ' || user_id AS user_id, md5(item_id::text)::uuid AS item_id, at FROM shop.orders;
		CREATE TABLE shop.tests AS SELECT user_id, (item_id + 11) % 100 AS item_id FROM shop.orders});
	foreach my $algorithm (algorithms($server))
	{
		foreach my $seed (1, 2)
		{
			my $options = sql($server, qq{SELECT jsonb_object_agg(key, value) FROM jsonb_each('{"factors":8,
				"epochs":2,"adv_epochs":1,"seed":$seed,"threads":1,"keep_versions":3,"promote":"always",
				"lateness":1000000000}') WHERE key IN (SELECT option FROM recadv_options('$algorithm'))});

			sql($server, qq{SELECT recadv_train('"The $algorithm"', 'shop.orders', time_column => 'at',
				algorithm => '$algorithm', options => '$options')});
		}
		sql($server, qq{COMMENT ON TABLE "The $algorithm" IS 'recommends by $algorithm'});
	}
	sql($server, q{
		SELECT recadv_rollback('"The bpr"');
		SELECT recadv_train('shop.named_items', 'shop.named', time_column => 'at', algorithm => 'nmrn',
			options => '{"factors":4,"epochs":1,"seed":3,"threads":1,"lateness":1000000000}');
		SELECT recadv_save('saved', recadv_fit(user_id, item_id, '{"algorithm":"bpr","factors":4,"epochs":1}'))
		FROM shop.orders;
		GRANT SELECT, INSERT ON "The nmrn" TO app;
		SELECT recadv_attach('"The nmrn"', 'shop.orders');
		SELECT recadv_observe('"The nmrn"', u, 500 + u, now()) FROM generate_series(1, 5) u;
		INSERT INTO shop.orders SELECT 7, 600 + n, now(), 1 FROM generate_series(1, 5) n;
		SELECT recadv_observe('shop.named_items', 'user 1', md5('1'), now())});
	$server->psql('postgres', q{CALL recadv_train_job('"The bpr"', 'shop.nothing')}); # a run that failed
	return;
}

# Everything that the models answer and say, as text.
sub all_answers
{
	my ($server, $database) = @_;
	my @answers = ($server->safe_psql($database // 'postgres', q{
		SET client_min_messages = error;
		SELECT m.model, m.version, algorithm, users, items, interactions, trained, status, owner
		FROM recadv_models m ORDER BY 1;
		SELECT model, recadv_info(model), recadv_info(model, 1) FROM recadv_models ORDER BY 1;
		SELECT model, r FROM recadv_models, recadv_runs(model) r ORDER BY 1, r.run;
		SELECT model, h FROM recadv_models, recadv_history(model) h ORDER BY 1, h.epoch;
		SELECT model, obj_description(model::regclass) FROM recadv_models ORDER BY 1;
		SELECT model, reloftype::regtype, attstorage, attnotnull, has_table_privilege('app', c.oid, 'SELECT'),
			has_table_privilege('app', c.oid, 'INSERT'), has_table_privilege('app', c.oid, 'UPDATE')
		FROM recadv_models JOIN pg_class c ON c.oid = model::regclass
			JOIN pg_attribute a ON attrelid = c.oid AND attnum = 4 ORDER BY 1;
		SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2;
		SELECT model, t FROM recadv_models, LATERAL recadv_topk_all(model, 20, NULL::text[]) t
		ORDER BY model, t.user_id, t.rank;
		SELECT u, t FROM (VALUES ('user 1'), ('user 2'), ('nobody')) v(u),
			LATERAL recadv_topk(u, 10, 'shop.named_items') t ORDER BY 1, t.rank}));

	# what not all algorithms answer, with the error of those that do not
	foreach my $question (
		q{SELECT u, t FROM generate_series(1, 12) u, LATERAL recadv_topk(u, 10, %L) t ORDER BY u, t.rank},
		q{SELECT u, t FROM generate_series(1, 12) u,
			LATERAL recadv_topk_for(ARRAY[u, u + 5, u + 10], 10, %L) t ORDER BY u, t.rank},
		q{SELECT u, t FROM generate_series(1, 12) u, LATERAL recadv_similar_items(u, 10, %L) t
			ORDER BY u, t.rank},
		q{SELECT u, t FROM generate_series(1, 12) u, LATERAL recadv_similar_users(u, 10, %L) t
			ORDER BY u, t.rank},
		q{SELECT u, t FROM generate_series(1, 12) u, LATERAL recadv_explain(u, 7, 10, %L) t
			ORDER BY u, t.rank},
		q{SELECT u, i, recadv_score(u, i, %L) FROM generate_series(1, 12) u, generate_series(1, 12) i},
		q{SELECT * FROM recadv_embeddings(%L, 'user')},
		q{SELECT * FROM recadv_evaluate(%L, 'shop.tests')},
		q{SELECT u, t FROM generate_series(1, 12) u, LATERAL recadv_topk(u, 10, %L, seen => 'live') t
			ORDER BY u, t.rank})
	{
		my $quoted = join(' ', map { s/'/''/gr } $question);

		push @answers, $server->safe_psql($database // 'postgres', qq{
			SET client_min_messages = error;
			CREATE FUNCTION pg_temp.answer(model text) RETURNS text LANGUAGE plpgsql AS \$\$
			DECLARE
				result text;
			BEGIN
				EXECUTE format('SELECT string_agg(t::text, E''\\n'') FROM (' || format('$quoted', model)
					|| ') t') INTO result;
				RETURN result;
			EXCEPTION WHEN OTHERS THEN
				RETURN SQLSTATE;
			END \$\$;
			SELECT model, pg_temp.answer(model) FROM recadv_models WHERE model <> 'shop.named_items'
			ORDER BY 1});
	}
	return join("\n", @answers);
}

sub same_answers
{
	my ($server, $answers, $name, $database) = @_;
	my @wanted = split /\n/, $answers;
	my @have = split /\n/, all_answers($server, $database);
	my @differences = grep { ($wanted[$_] // '') ne ($have[$_] // '') } 0 .. ($#wanted > $#have ? $#wanted : $#have);

	is(scalar @differences, 0, "$name: all answers are the same")
	  or diag(map { 'wanted ' . substr($wanted[$_] // '', 0, 300) . "\nhave   " . substr($have[$_] // '', 0, 300) . "\n" }
		  @differences[0 .. ($#differences < 4 ? $#differences : 4)]);
	return;
}

# A model that has arrived is a model like any other.
sub goes_on
{
	my ($server, $name, $database) = @_;

	is(sql($server, q{INSERT INTO shop.orders VALUES (9, 700, now(), 1);
			SELECT events, observed, new_items FROM recadv_refresh('"The nmrn"')}, $database), '11|11|11',
		"$name: the trigger observes, and a refresh learns what waited");
	is(sql($server, q{SELECT version FROM recadv_train('"The bpr"', 'shop.orders', time_column => 'at',
			algorithm => 'bpr', options => '{"factors":8,"epochs":1,"threads":1,"keep_versions":3}')},
		$database), 3, "$name: a training makes the next version");
	is(sql($server, q{SELECT recadv_rollback('"The als"')}, $database), 1, "$name: back to a kept version");
	return;
}

# --- servers of another major version ---------------------------------------------------------------

sub bin_of
{
	my ($program) = @_;

	return (grep { -x } map { "$_/$program" } split /:/, $ENV{PATH})[0];
}

sub major
{
	my ($pg_config) = @_;
	my ($major) = `$pg_config --version` =~ /(\d+)/;

	return $major;
}

# The control file of recadv, with its version; '' where there is none.
sub control
{
	my ($bin) = @_;
	my $share = `$bin/pg_config --sharedir`;

	chomp $share;
	return -e "$share/extension/recadv.control" ? slurp_file("$share/extension/recadv.control") : '';
}

# The directory of its programs, or undef and why there is none.
sub other_server
{
	my $here = major(bin_of('pg_config'));
	my $control = control(substr(bin_of('pg_config'), 0, -length '/pg_config'));
	my @bins = defined $ENV{RECADV_OTHER_PG_CONFIG}
	  ? $ENV{RECADV_OTHER_PG_CONFIG} =~ s,/pg_config$,,r
	  : sort { $b cmp $a } glob '/usr/lib/postgresql/*/bin';

	foreach my $bin (@bins)
	{
		next if !-x "$bin/pg_config" || major("$bin/pg_config") == $here;
		return $bin if -x "$bin/postgres" && control($bin) eq $control;
	}
	return (undef, "no other major version of PostgreSQL than $here that has this recadv; "
		  . 'RECADV_OTHER_PG_CONFIG can name one');
}

# As new_server(), with the programs below a directory (undef: those of this test).
sub new_server_of
{
	my ($name, $path) = @_;
	my $server = bare_server_of($name, $path);

	$server->start;
	$server->safe_psql('postgres', 'CREATE EXTENSION recadv');
	return $server;
}

sub bare_server_of
{
	my ($name, $path) = @_;
	my $server = PostgreSQL::Test::Cluster->new($name, defined $path ? (install_path => $path) : ());

	$server->init;
	$server->append_conf('postgresql.conf', "shared_buffers = 64MB\nautovacuum = off\n");
	return $server;
}
