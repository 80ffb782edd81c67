# Memory and disk run out: each allocation of recadv may fail, in trainings, refreshes and everything that
# serves, and the session goes on with an error; a full disk fails a training, a refresh, a save and an
# observed event with an error, the version that served serves on, and with room all works.
#
# RECADV_LONG: every allocation, not about 30 of each statement.  RECADV_SMALL_DISK: a directory of the
# server's account on a small file system of its own (some MB), which is filled; without it a limit of the
# size of files, which PostgreSQL takes for a full disk.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find qw(find);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $here = abs_path(dirname(__FILE__));
my $root = dirname(dirname($here));
my $build = PostgreSQL::Test::Utils::tempdir;
my $most = $ENV{RECADV_LONG} ? 1_000_000_000 : 30;

sub run_or_bail
{
	my ($what, $command) = @_;

	system("$command >'$build/log' 2>&1") == 0 or BAIL_OUT("$what: " . slurp_file("$build/log"));
	return;
}

# The objects of recadv.so where they lie already, else made here.
sub objects
{
	my @objects;
	my $collect = sub { push @objects, $File::Find::name if /\.o$/ };

	find($collect, "$root/src");
	return @objects if @objects;
	run_or_bail('recadv', "make -C '$build' -f '$root/Makefile' VPATH='$root' with_llvm=no CC=gcc OPTIMIZE=-O1");
	find($collect, "$build/src");
	return @objects;
}

# A recadv.so whose calls of the allocators go through failing_palloc.c; its path without suffix.
sub failing_library
{
	my $source = "$here/failing_palloc.c";
	my $wrapped = join ' ', map { "-Wl,--wrap=$_" } slurp_file($source) =~ /^WRAP\([^,]+, (\w+),/mg;

	chomp(my $includes = `pg_config --includedir-server`);
	run_or_bail('failing_palloc.c', "cc -fPIC -O1 -c -o '$build/failing.o' -I'$includes' '$source'");
	run_or_bail('recadv with it', "cc -shared -o '$build/failing.so' '$build/failing.o' "
		  . join(' ', map { "'$_'" } objects()) . " -Wl,-Bsymbolic $wrapped -lm -lpthread -ldl");
	return "$build/failing";
}

# ---- memory ----

my $server = PostgreSQL::Test::Cluster->new('full');
$server->init(extra => ['--wal-segsize=1']); # no file of the log is larger than the limits below
$server->append_conf('postgresql.conf', join("\n", 'max_wal_size = 1GB', 'min_wal_size = 32MB', 'autovacuum = off',
		'recadv.progress = off', 'client_min_messages = error', 'log_min_messages = fatal', 'fsync = off', ''));
my $library = failing_library();
$server->start;
$server->safe_psql('postgres', qq{
	CREATE EXTENSION recadv;
	UPDATE pg_proc SET probin = '$library' WHERE probin = '\$libdir/recadv'});
$server->append_conf('postgresql.conf', "shared_preload_libraries = '$library'\nrecadv.shared_cache_size = 1MB\n");
$server->restart;
$server->safe_psql('postgres', "CREATE FUNCTION fail_allocation(bigint) RETURNS bigint LANGUAGE c AS '$library'");
$server->safe_psql('postgres', q{
	CREATE TABLE orders AS
	SELECT u AS user_id, (u * 7 + n * n * 3 + n) % 30 AS item_id,
	       timestamp '2026-01-01' + (u * 13 + n * 101) % 9973 * interval '1 minute' AS at
	FROM generate_series(1, 40) u, generate_series(1, 8) n;
	CREATE TABLE words AS SELECT 'u' || user_id AS user_id, 'i' || item_id AS item_id, at FROM orders;

	-- Runs a statement again and again, each time with another allocation that fails, and undoes it; about
	-- `most` of them.  The version gets a new stamp first, so that nothing is cached.
	CREATE FUNCTION each_fails(named text, statement text, most bigint,
	                           OUT all_of bigint, OUT failed bigint, OUT others text) AS $$
	DECLARE
		n bigint := 0;
		step bigint;
	BEGIN
		failed := 0;
		others := '';
		LOOP
			BEGIN
				IF EXISTS (SELECT FROM recadv_models m WHERE m.model = named) THEN
					PERFORM recadv_rollback(named, m.version) FROM recadv_models m WHERE m.model = named;
				END IF;
				PERFORM fail_allocation(n);
				EXECUTE statement;
				all_of := fail_allocation(0);
				RAISE 'undo';
			EXCEPTION
				WHEN out_of_memory THEN failed := failed + 1;
				WHEN raise_exception THEN
					EXIT WHEN n > all_of;
					IF n > 0 THEN others := others || ' ' || n || ' went unnoticed'; END IF;
				WHEN OTHERS THEN others := others || ' ' || n || ': ' || SQLSTATE || ' ' || SQLERRM;
			END;
			PERFORM fail_allocation(0);
			IF n = 0 THEN
				step := greatest(1, all_of / most);
				n := 1;
			ELSE
				n := n + step;
			END IF;
			EXIT WHEN length(others) > 2000;
		END LOOP;
	END $$ LANGUAGE plpgsql;
	CREATE FUNCTION options_of(algorithm text) RETURNS jsonb LANGUAGE sql AS $$
		SELECT jsonb_object_agg(key, value)
		FROM jsonb_each('{"factors": 4, "epochs": 1, "adv_epochs": 1, "seed": 1, "holdout": "random"}')
		WHERE key IN (SELECT option FROM recadv_options(algorithm))
	$$;
	CREATE FUNCTION answers(model text) RETURNS text LANGUAGE sql AS $$
		SELECT md5(string_agg(r::text, ' ' ORDER BY r::text)) FROM recadv_topk_all(model, 5, NULL::text[]) r
	$$});

my @algorithms = split /\n/, $server->safe_psql('postgres', q{
	SELECT algorithm_name FROM recadv_options() WHERE option = 'holdout' ORDER BY 1});
my %answers;
my $tried = 0;

sub each_fails
{
	my ($name, $model, $statement) = @_;
	my $row = $server->safe_psql('postgres', "SELECT * FROM each_fails('$model', \$q\$$statement\$q\$, $most)");
	my ($all, $failed, $others) = split /\|/, $row, 3;

	is($others, '', "$name: $all allocations, $failed failed, each with an error");
	cmp_ok($failed, '>', 0, "$name: some did");
	$tried += $failed;
	return;
}

sub training
{
	my ($model, $source, $algorithm, $more) = @_;

	return "SELECT recadv_train('$model', '$source', time_column => 'at', algorithm => '$algorithm',
		options => options_of('$algorithm') || '" . ($more // '{}') . "')";
}

foreach my $algorithm (@algorithms)
{
	my $model = "m_$algorithm";
	my $source = $algorithm =~ /als|nmrn$/ ? 'words' : 'orders';

	$server->safe_psql('postgres', training($model, $source, $algorithm));
	$answers{$model} = $server->safe_psql('postgres', "SELECT answers('$model')");
	each_fails("training $algorithm", $model, training($model, $source, $algorithm, '{"promote": "always"}'));
	my ($user, $item) = $source eq 'words' ? (q('u1'::text), q('i3'::text)) : (1, 3);
	each_fails("a question to $algorithm", $model, "SELECT * FROM recadv_topk($user, 5, '$model')");
}
each_fails('a first training', 'new', training('new', 'words', 'bpr'));
each_fails('a choice of the algorithm', 'new', "SELECT recadv_train('new', 'orders', time_column => 'at', algorithm => 'auto')");
each_fails('an image', 'none', q{SELECT recadv_fit(user_id, item_id, at, '{"algorithm": "bpr", "epochs": 1}') FROM words});
each_fails('a saved image', 'saved', q{SELECT recadv_save('saved',
	(SELECT recadv_fit(user_id, item_id, at, '{"algorithm": "bpr", "epochs": 1}') FROM words))});
my $acts = q{SELECT recadv_train_policy('market', 'acts', algorithm => 'ma_rdpg', reward_column => 'reward',
	options => '{"iterations": 1, "batch": 4, "hidden": 4, "message": 2}')};
$server->safe_psql('postgres', q{CREATE TABLE acts AS SELECT s AS session_id, t AS step, 'place ' || t AS scenario,
	ARRAY[s]::real[] AS observation, ARRAY[0.5, 0.5]::real[] AS action, s % 2 AS reward
	FROM generate_series(1, 30) s, generate_series(1, 2) t; } . $acts);
each_fails('a training from acts', 'market', $acts);
each_fails('an act', 'market', q{SELECT * FROM recadv_act('market', 'place 1', '{1}', explore => 0.1)});
my $slates = q{SELECT recadv_train_policy('play', 'slates', algorithm => 'irecgan', options => '{"epochs": 1,
	"user_epochs": 1, "rounds": 1, "sessions": 8, "factors": 2, "hidden": 2, "discriminator": true, "rollouts": 1}')};
$server->safe_psql('postgres', q{CREATE TABLE slates AS SELECT * FROM recadv_play_clicks('click_bait', 'random', 60); } . $slates);
is($server->safe_psql('postgres', q{SELECT string_agg(DISTINCT stage, ',' ORDER BY stage) FROM recadv_history('play')}),
	'agent,agent search,discriminator,round,user,user search', 'one with visitors and a discriminator');
each_fails('a training from slates', 'play', $slates);
each_fails('sessions in a world', 'play', q{SELECT * FROM recadv_play_clicks('click_bait', 'play', 3)});
each_fails('sessions of its visitors', 'play', q{SELECT * FROM recadv_simulate('play', 'play', 3, 5)});
each_fails("questions: $_->[0]", $_->[1], $_->[2]) foreach
  ['a visitor', 'm_bpr', q{SELECT * FROM recadv_topk_for(ARRAY[1, 2, 3], 5, 'm_bpr')}],
  ['similar items', 'm_als', q{SELECT * FROM recadv_similar_items('i3'::text, 5, 'm_als')}],
  ['similar users', 'm_bpr', q{SELECT * FROM recadv_similar_users(3, 5, 'm_bpr')}],
  ['reasons', 'm_bpr', q{SELECT * FROM recadv_explain(1, 3, 5, 'm_bpr')}],
  ['all users', 'm_nmrn', q{SELECT * FROM recadv_topk_all('m_nmrn', 5, NULL::text[])}],
  ['lists of a version', 'm_bpr', q{SELECT * FROM recadv_lists('m_bpr', 5, recadv_previous_version('m_bpr'))}],
  ['components', 'm_als', q{SELECT c.* FROM (SELECT array_agg(embedding) FROM recadv_embeddings('m_als', 'item')) e(v), recadv_components(v) c}],
  ['embeddings', 'm_als', q{SELECT * FROM recadv_embeddings('m_als', 'user')}],
  ['memory', 'm_nmrn', q{SELECT * FROM recadv_memory('m_nmrn')}],
  ['evaluation', 'm_bpr', q{SELECT * FROM recadv_evaluate('m_bpr', '(SELECT user_id, (item_id + 11) % 30 AS item_id FROM orders)')}],
  ['robustness', 'm_bpr', q{SELECT * FROM recadv_robustness('m_bpr')}],
  ['of a stream', 'none', q{SELECT * FROM recadv_evaluate_stream('orders', time_column => 'at', window_size => 50)}];
$server->safe_psql('postgres', q{
	SELECT recadv_observe('m_nmrn', 'u' || u, 'i' || u, '2026-03-01'::text) FROM generate_series(35, 50) u});
$answers{m_nmrn} = $server->safe_psql('postgres', q{SELECT answers('m_nmrn')});
each_fails('an observed event', 'm_nmrn', q{SELECT recadv_observe('m_nmrn', 'u1'::text, 'i99'::text, '2026-03-01'::text)});
each_fails('a refresh', 'm_nmrn', q{SELECT recadv_refresh('m_nmrn')});
each_fails('a user is forgotten', 'm_nmrn', q{SELECT recadv_forget('m_nmrn', 'u1'::text)});
each_fails('a rollback', 'm_bpr', q{SELECT recadv_rollback('m_bpr', 1)});

# A run of its own transactions, at top level: the log of runs tells.
{
	my $session = start_session($server);
	my $job = q{CALL recadv_train_job('job', 'words', algorithm => 'bpr', options => '{"epochs": 1, "factors": 4}')};

	$session->query('SELECT count(*) FROM recadv_models; SELECT fail_allocation(0)');
	is($session->query($job)->{state}, '', 'a job');
	my $all = $session->query('SELECT fail_allocation(0)')->{out};
	my $served = $session->query(q{SELECT answers('job')})->{out};
	foreach my $n (map { int($all * $_ / 12) } 1 .. 11)
	{
		$session->query("SELECT fail_allocation($n)");
		my $answer = $session->query($job);
		is($answer->{state}, '53200', "allocation $n of $all of a job fails");
		is($session->query(q{SELECT answers('job')})->{out}, $served, 'and the old version serves on');
	}
	is($session->query(q{SELECT status FROM recadv_runs('job') ORDER BY run DESC LIMIT 1})->{out}, 'failed',
		'the log of runs tells');
	is($session->query($job)->{state}, '', 'the next job works');
	$session->quit;
}
is($server->safe_psql('postgres', "SELECT answers('$_')"), $answers{$_}, "$_ answers as before")
  foreach sort keys %answers;
note("$tried allocations failed");

# ---- disk ----

my $small = $ENV{RECADV_SMALL_DISK};
my $wide = q{(SELECT u AS user_id, u % 900 AS item_id, timestamp '2026-01-01' + u * interval '1 minute' AS at
	FROM generate_series(1, 6000) u)};

SKIP:
{
	skip 'no prlimit here', 1 if !$small && system('prlimit --version >/dev/null 2>&1') != 0;
	if ($small)
	{
		$server->safe_psql('postgres', qq{CREATE TABLESPACE small LOCATION '$small'});
		$server->append_conf('postgresql.conf', "default_tablespace = 'small'\n");
		$server->reload;
	}

	sub wide_training
	{
		my ($algorithm, $factors, $seed) = @_;

		return "SELECT recadv_train('shop', \$q\$$wide\$q\$, time_column => 'at', algorithm => '$algorithm', options =>
			'{\"factors\": $factors, \"epochs\": 1, \"seed\": $seed, \"holdout\": \"none\", \"keep_versions\": 2, \"threads\": 1,
			  \"promote\": \"always\"}')";
	}

	$server->safe_psql('postgres', wide_training('nmrn', 16, 1));
	$server->safe_psql('postgres', q{CREATE TABLE image AS SELECT recadv_fit(u, u % 900, '{"algorithm": "bpr", "factors": 64, "epochs": 1}') AS image
		FROM generate_series(1, 6000) u});
	my $answers = $server->safe_psql('postgres', q{SELECT answers('shop')});
	my $session = start_session($server);
	$session->query('SELECT count(*) FROM recadv_models');

	my $room = sub {
		my ($full) = @_;

		if ($small)
		{
			unlink "$small/filling";
			system("dd if=/dev/zero of='$small/filling' bs=8192 2>/dev/null") if $full;
			return;
		}
		my $size = $server->safe_psql('postgres', q{
			SELECT max(pg_relation_size(reltoastrelid)) FROM pg_class WHERE oid = 'shop'::regclass});
		# half a page: PostgreSQL calls a page that was written in part a full disk
		my $limit = $full ? 8192 * (1 + int($size / 8192)) + 4096 : 'unlimited';
		system('prlimit', '--pid', $session->{pid}, "--fsize=$limit:unlimited") == 0 or die "no limit";
	};

	$session->query(q{SELECT recadv_observe('shop', u::bigint, (u * 7 % 900)::bigint, '2026-03-01'::text) FROM generate_series(1, 3000) u});
	$answers = $server->safe_psql('postgres', q{SELECT answers('shop')});
	my %writes = (
		'a training' => wide_training('nmrn', 24, 2),
		'a refresh' => q{SELECT recadv_refresh('shop')},
		'a saved image' => q{SELECT recadv_save('shop', image) FROM image},
		'a job' => 'CALL ' . substr(wide_training('nmrn', 24, 4), 7) =~ s/recadv_train/recadv_train_job/r);

	foreach my $name (sort keys %writes)
	{
		$room->(1);
		my $answer = $session->query($writes{$name});
		is($answer->{state}, '53100', "disk full: $name fails and says so")
		  or diag($answer->{err});
		is($session->query(q{SELECT answers('shop')})->{out}, $answers, "$name: what served serves on, in the session");
		$room->(0);
		is($server->safe_psql('postgres', q{SELECT answers('shop')}), $answers, "$name: and in others");
	}
	is($session->query($_)->{state}, '', 'with room it works') foreach @writes{'a refresh', 'a training', 'a job', 'a saved image'};
	isnt($server->safe_psql('postgres', q{SELECT answers('shop')}), $answers, 'another version serves');
	$session->quit;
}
ok(healthy($server), 'no process has crashed');
$server->stop;
done_testing();
