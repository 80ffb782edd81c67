# Whatever ends the session that loads a model into the shared cache: the model is served, and shared.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use RecadvTest;

my $server = new_server('ends', "shared_preload_libraries = 'recadv'",
	"recadv.shared_cache_size = '64MB'", 'restart_after_crash = on', 'max_worker_processes = 16');
my $seed = $ENV{SEED} // time ^ $$;
srand $seed;
note "seed $seed";

$server->safe_psql('postgres', q{
	CREATE TABLE orders AS SELECT n % 500 AS user_id, n AS item_id FROM generate_series(1, 40000) n;
	SELECT recadv_train('model', 'orders', algorithm => 'bpr',
	                    options => '} . options(factors => 64, epochs => 1) . q{')});
my $one = start_session($server);
my $number = 0;
my $parallel =
  $server->safe_psql('postgres', 'SHOW server_version_num') < 160000
  ? 'force_parallel_mode'
  : 'debug_parallel_query';

# A model that nobody has loaded yet, in place of the last one.
sub fresh_model
{
	$server->safe_psql('postgres', 'DROP TABLE IF EXISTS m' . $number++);
	$server->safe_psql('postgres', qq{
		CREATE TABLE m$number OF recadv_model (PRIMARY KEY (version, part, block));
		INSERT INTO m$number TABLE model});
	return "m$number";
}

# Loads the model while the query is planned, or while it runs, or in a parallel worker.
my %asking = (
	planning => 'SELECT count(*) FROM pg_class WHERE reltuples > recadv_score(1::bigint, 1::bigint, %s)',
	execution => 'SELECT count(*) FROM recadv_topk(1, 10, %s)',
	worker => 'SELECT sum(recadv_score(user_id::bigint, item_id::bigint, %s)) FROM orders WHERE item_id < 9');

sub asking
{
	my ($how, $model) = @_;

	return sprintf $asking{$how}, "'$model'";
}

# Others are served at once, from the shared cache.
sub is_served
{
	my ($model, $what) = @_;
	my $top = $one->query("SELECT count(*) FROM recadv_topk(2, 10, '$model')", 5);
	my $shared = $one->query(
		"SELECT count(*) FROM recadv_cache WHERE location = 'shared' AND model = '$model'::regclass")
	  ->{out};

	return ok($top->{out} eq '10' && $shared eq '1',
		"$what: served and shared, in " . int(1000 * $top->{seconds}) . ' ms');
}

# --- terminated at any moment ------------------------------------------------------------------

foreach my $how (qw(planning execution))
{
	my $quickest = 1;
	my $killed = 0;

	foreach (1 .. 3)
	{
		my $session = start_session($server);
		my $seconds = $session->query(asking($how, fresh_model()))->{seconds};

		$quickest = $seconds if $seconds < $quickest;
		$session->quit;
	}
	foreach my $round (1 .. 12)
	{
		my $model = fresh_model();
		my $session = start_session($server);

		$session->send(asking($how, $model));
		usleep(1e6 * $quickest * rand);
		kill 'TERM', $session->{pid};
		$killed += $session->finish->{err} =~ /57P01/;
		is_served($model, "round $round, terminated at $how");
	}
	cmp_ok($killed, '>', 0, "$killed of them ended before they were done");
}

# --- terminated, cancelled, stopped while others wait ------------------------------------------

# A session that has locked what a model's item side is read from.
sub block
{
	my ($model) = @_;
	my $blocker = start_session($server);
	my $toast = $server->safe_psql('postgres',
		"SELECT reltoastrelid::regclass FROM pg_class WHERE oid = '$model'::regclass");

	$blocker->query('BEGIN');
	$blocker->query("REINDEX TABLE $toast");
	return $blocker;
}

sub waits_for
{
	my ($session, $type) = @_;

	return wait_until(sub { ($session->activity('wait_event_type') // '') eq $type }, 20);
}

# A loader in the middle of its work, and one who waits for it.
sub loader_and_waiter
{
	my ($how, $model) = @_;
	my ($loader, $waiter) = map { start_session($server) } 1 .. 2;

	$loader->query("SET $parallel = on") if $how eq 'worker';
	$loader->send(asking($how, $model));
	ok( wait_until(sub { $server->safe_psql('postgres', q{
			SELECT EXISTS (SELECT FROM pg_stat_activity a WHERE wait_event_type = 'Lock'
			AND } . $loader->{pid} . q{ IN (pid, leader_pid))}) eq 't' }, 20),
		"$how: one loads");
	$waiter->send(asking('execution', $model));
	ok(waits_for($waiter, 'Extension'), "$how: one waits");
	return ($loader, $waiter);
}

foreach my $how (qw(planning execution))
{
	my $model = fresh_model();
	my $blocker = block($model);
	my ($loader, $waiter) = loader_and_waiter($how, $model);

	$server->safe_psql('postgres', "SELECT pg_cancel_backend($waiter->{pid})");
	my $answer = $waiter->finish(5);
	is($answer->{state}, '57014', "$how: who waits can be cancelled");
	$waiter->query(q{SET statement_timeout = '100ms'});
	is($waiter->query(asking('execution', $model), 5)->{state}, '57014', 'or times out');
	$waiter->query('RESET statement_timeout');
	$waiter->send(asking('execution', $model));
	ok(waits_for($waiter, 'Extension'), 'it waits again');
	kill 'TERM', $loader->{pid};
	is($loader->finish(5)->{state}, '57P01', 'the one that loads is terminated');
	ok(waits_for($waiter, 'Lock'), 'the one that has waited loads');
	$blocker->query('COMMIT');
	is($waiter->finish(5)->{out}, '10', 'and is served');
	is_served($model, "$how, terminated while another waits");

	# Cancelled, which ends in an error.
	$model = fresh_model();
	$blocker->query('ROLLBACK');
	$blocker->quit;
	$blocker = block($model);
	($loader, $waiter) = loader_and_waiter($how, $model);
	$server->safe_psql('postgres', "SELECT pg_cancel_backend($loader->{pid})");
	is($loader->finish(5)->{state}, '57014', 'the one that loads is cancelled');
	ok(waits_for($waiter, 'Lock'), 'the one that has waited loads');
	kill 'TERM', $waiter->{pid};
	is($waiter->finish(5)->{state}, '57P01', 'and is terminated, too');
	$blocker->quit;
	is_served($model, "$how, cancelled while another waits");
	$loader->quit;
}

# In a parallel worker: terminated itself, and with the leader.
foreach my $victim (qw(worker leader))
{
	my $model = fresh_model();
	my $blocker = block($model);
	my ($loader, $waiter) = loader_and_waiter('worker', $model);
	my $worker = $server->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE leader_pid = $loader->{pid}");

	like($worker, qr/^\d+$/, 'it is a parallel worker that loads');
	kill 'TERM', $victim eq 'worker' ? $worker : $loader->{pid};
	like($loader->finish(5)->{state}, qr/57P01/, "the $victim is terminated");
	ok(waits_for($waiter, 'Lock'), 'the one that has waited loads');
	$blocker->quit;
	is($waiter->finish(5)->{out}, '10', 'and is served');
	is_served($model, "$victim terminated");
	$_->quit foreach ($loader, $waiter);
}

# --- one that loads for ever -------------------------------------------------------------------

{
	my $model = fresh_model();
	my $blocker = block($model);
	my ($loader, $waiter) = loader_and_waiter('execution', $model);

	kill 'STOP', $loader->{pid};
	$blocker->quit;
	my $answer = $waiter->finish(30);
	is($answer->{out}, '10', 'who has waited for long is served');
	is($waiter->query('SELECT items FROM recadv_cache WHERE location = $$backend$$')->{out},
		't', 'from memory of its own');
	kill 'CONT', $loader->{pid};
	is($loader->finish(10)->{out}, '10', 'the other goes on');
	is_served($model, 'stopped for a while');
	$_->quit foreach ($loader, $waiter);
}

# --- the room ----------------------------------------------------------------------------------

# As many models as fit are shared at once: no session took any of the room along.
$server->safe_psql('postgres', 'DROP TABLE m' . $number++);
foreach my $i (1 .. 5)
{
	$server->safe_psql('postgres', qq{
		CREATE TABLE r$i OF recadv_model (PRIMARY KEY (version, part, block));
		INSERT INTO r$i TABLE model});
	is_served("r$i", "model $i of five");
}
my ($count, $size) = split /\|/, $one->query(
	q{SELECT count(*), sum(bytes) FROM recadv_cache WHERE location = 'shared'})->{out};
is($count, 5, 'five models are shared at once');
cmp_ok($size, '>', 50 * 1024 * 1024, 'which take most of the room');

# --- killed ------------------------------------------------------------------------------------

ok(healthy($server), 'no process has crashed');
$server->safe_psql('postgres', 'DROP TABLE r1');    # the others keep their room for a second after their use
{
	my $model = fresh_model();
	my $blocker = block($model);
	my ($loader, $waiter) = loader_and_waiter('planning', $model);

	kill 'KILL', $loader->{pid};
	ok(wait_until(sub { slurp_file($server->logfile) =~ /was terminated by signal 9/ }),
		'a session is killed while it loads');
	$server->poll_query_until('postgres', 'SELECT true');
	$one = start_session($server);
	is_served($model, 'after the restart');
}
$server->stop;
done_testing();
