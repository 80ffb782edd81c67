# Cancel, statement_timeout and terminate in every phase of every long call: the backend reacts, no
# thread, lock or memory stays, and the old version still serves.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use RecadvTest;

my $node = new_server('cancel', "recadv.max_memory = '4GB'", "log_min_messages = warning");
my $watcher = start_session($node);
my $session = start_session($node);
my %slowest;

# Sources: some rows, one row at a time with a pause, and tens of millions of rows.
my $some = 'orders';
my $slow = '(SELECT user_id, item_id, pg_sleep(0.02) FROM orders)';
my $many = '(SELECT user_id * 1000 + n AS user_id, item_id FROM orders, generate_series(1, 1000) n)';
my $wide = '(SELECT i AS user_id, i AS item_id FROM generate_series(1, 100000) i)';
my $dense = '(SELECT u AS user_id, i AS item_id FROM generate_series(1, 20) u, '
  . 'generate_series(1, 60000) i WHERE i % 20000 <> u)';

make_orders($node, 'orders', 3000, 600, 20);
make_orders($node, 'visits', 20000, 20000, 10);
$node->safe_psql('postgres',
	'CREATE TABLE texts AS SELECT md5(i::text) AS user_id, md5((i % 5000)::text) AS item_id'
	  . ' FROM generate_series(1, 300000) i; ANALYZE texts');
$node->safe_psql('postgres', train('shop', $some, 'bpr'));
$node->safe_psql('postgres',
	train('visits_model', 'visits', 'bpr', factors => 64, holdout => '"random"', epochs => 1));
$node->safe_psql('postgres', train('huge', $wide, 'bpr', factors => 256, epochs => 1));
my $answers = topk_of($node, 'shop');

sub call_options
{
	my ($algorithm, %option) = @_;

	$option{adv_epochs} //= 5 if $algorithm eq 'amf';
	return "algorithm => '$algorithm', options => '" . options(%option) . "'";
}

sub train
{
	my ($model, $source, $algorithm, %option) = @_;

	return "SELECT version FROM recadv_train('$model', '$source', "
	  . call_options($algorithm, %option) . ')';
}

sub job
{
	my ($model, $source, $algorithm, %option) = @_;

	return "CALL recadv_train_job('$model', '$source', " . call_options($algorithm, %option) . ')';
}

# --- ways to see where a call is ---------------------------------------------------------------

sub sleeping
{
	my ($call) = @_;

	return wait_until(sub { ($watcher->query("SELECT wait_event FROM pg_stat_activity"
				  . " WHERE pid = $call->{pid}")->{out}) eq 'PgSleep' });
}

sub reading_many
{
	my ($call) = @_;
	my $before = memory_of($call->{pid});

	return wait_until(sub { memory_of($call->{pid}) > $before + 30 });
}

sub progress
{
	my ($pattern) = @_;

	return sub {
		my ($call) = @_;

		return wait_until(sub { $call->ended || $watcher->query("SELECT query FROM"
				  . " pg_stat_activity WHERE pid = $call->{pid}")->{out} =~ $pattern })
		  && !$call->ended;
	};
}

sub with_threads
{
	my ($call) = @_;

	return wait_until(sub { $call->ended || threads_of($call->{pid}) == 2 }) && !$call->ended;
}

# Pages of a model reach its files while it is being written.
sub stored_bytes
{
	return $watcher->query(q{SELECT pg_relation_size(reltoastrelid) FROM pg_class
		WHERE oid = 'shop'::regclass})->{out};
}

my $stored;

sub writing
{
	my ($call) = @_;

	return wait_until(sub { $call->ended || stored_bytes() > $stored + 8e6 }) && !$call->ended;
}

# For what nobody can look into: most of such a call is the phase.
sub after
{
	my ($seconds) = @_;

	return sub {
		my ($call) = @_;

		usleep($seconds * 1e6);
		return !$call->ended;
	};
}

# --- the check ---------------------------------------------------------------------------------

sub report
{
	my ($label, $seconds) = @_;

	diag(sprintf('%s: reacted after %.3f s', $label, $seconds));
	$slowest{$label} = $seconds;
	return;
}

sub check_after
{
	my ($label, $pid) = @_;

	is(threads_of($pid), 1, "$label: one thread") if defined $pid;
	ok(no_locks($node, $pid), "$label: no locks") if defined $pid;
	is(topk_of($node, 'shop'), $answers, "$label: the old version serves");
	return;
}

sub check_cancel
{
	my ($label, $sql, $wait) = @_;
	my $before = memory_of($session->{pid});
	my ($result, $asked);

	$stored = stored_bytes();
	$session->send($sql);
	ok($wait->($session), "$label: got there") or diag($session->{err});
	$asked = time;
	$watcher->query("SELECT pg_cancel_backend($session->{pid})");
	$result = $session->finish;
	report($label, time - $asked);
	is($result->{state}, '57014', "$label: cancelled") or diag($result->{err});
	check_after($label, $session->{pid});
	cmp_ok(memory_of($session->{pid}), '<', $before + 40, "$label: memory is back");
	return;
}

sub check_terminate
{
	my ($label, $sql, $wait) = @_;
	my $victim = start_session($node);
	my ($result, $asked);

	$label = "terminate, $label";
	$stored = stored_bytes();
	$victim->send($sql);
	ok($wait->($victim), "$label: got there") or diag($victim->{err});
	$asked = time;
	$watcher->query("SELECT pg_terminate_backend($victim->{pid})");
	$result = $victim->finish;
	wait_until(sub { !-e "/proc/$victim->{pid}" });
	report($label, time - $asked);
	is($result->{state}, '57P01', "$label: terminated") or diag($result->{err});
	$victim->quit;
	check_after($label);
	return;
}

# Stops a call at several points of its run, wherever that is.
sub check_timeouts
{
	my ($label, $sql, @parts) = @_;
	my $whole = $session->query($sql)->{seconds};
	my $worst = 0;
	my @wrong;

	$label = "timeout, $label";
	foreach my $part (@parts)
	{
		my $timeout = int($whole * $part * 1000) + 1;
		my $result;

		$session->query("SET statement_timeout = $timeout");
		$result = $session->query($sql);
		$session->query('SET statement_timeout = 0');
		push @wrong, $result->{err} if $result->{state} ne '57014' && $result->{state} ne '';
		$worst = $result->{seconds} - $timeout / 1000
		  if $result->{state} eq '57014' && $result->{seconds} - $timeout / 1000 > $worst;
	}
	report($label, $worst);
	is("@wrong", '', "$label: no other error");
	check_after($label, $session->{pid});
	return;
}

# --- training ----------------------------------------------------------------------------------

my $endless = 1000000;
my %large = (factors => 256, epochs => 1);

check_cancel('train, slow source', train('shop', $slow, 'bpr'), \&sleeping);
check_cancel('train, many rows', train('shop', $many, 'bpr'), \&reading_many);
foreach my $threads (1, 2)
{
	check_cancel("train, fit, $threads threads",
		train('shop', $some, 'bpr', epochs => $endless, threads => $threads),
		progress(qr/stage bpr, epoch/));
}
check_cancel('train, fit, adversarial',
	train('shop', $some, 'amf', epochs => 1, adv_epochs => $endless, threads => 2, epsilon => 0.5,
		lambda => 1, reset_optimizer => 'true'),
	progress(qr/stage apr, epoch/));
check_cancel('train, fit, adaptive negatives',
	train('shop', $some, 'bpr', epochs => $endless, threads => 2, adaptive_negatives => 512,
		factors => 1024, optimizer => '"adagrad"'),
	\&with_threads);
check_cancel('train, fit, small batches',
	train('shop', $some, 'bpr', epochs => $endless, batch_size => 512),
	progress(qr/stage bpr, epoch/));
check_cancel('train, fit, large batches',
	train('shop', 'visits', 'bpr', epochs => $endless, batch_size => 50000,
		adaptive_negatives => 128, factors => 64),
	after(1.5));
check_cancel('train, fit, users with nearly every item',
	train('shop', $dense, 'bpr', epochs => $endless, threads => 2, factors => 8),
	sub { with_threads($_[0]) && after(1)->($_[0]) });
check_cancel('train, evaluation',
	train('shop', 'visits', 'bpr', epochs => $endless, evaluate_every => 1, factors => 64,
		holdout => '"random"', validation_users => 0, patience => 0, threads => 2),
	progress(qr/NDCG/));
check_cancel('train, write', train('shop', $wide, 'bpr', %large), \&writing);
check_timeouts('train, read and sort texts',
	"SELECT version FROM recadv_train('counts', 'texts', algorithm => 'popularity', options => '{}')",
	0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9);
check_timeouts('train, all phases', train('wide', $wide, 'bpr', %large, threads => 2),
	0.05, 0.3, 0.6, 0.9);
check_terminate('train, slow source', train('shop', $slow, 'bpr'), \&sleeping);
check_terminate('train, fit, 2 threads',
	train('shop', $some, 'bpr', epochs => $endless, threads => 2), \&with_threads);
check_terminate('train, write', train('shop', $wide, 'bpr', %large), \&writing);

# --- the job: each run leaves a row ------------------------------------------------------------

sub last_run
{
	return $node->safe_psql('postgres', q{SELECT status || ': ' || coalesce(message, '')
		FROM recadv_runs('shop') ORDER BY run DESC LIMIT 1});
}

my %phases = (
	'read' => [ job('shop', $slow, 'bpr'), \&sleeping ],
	'fit, 1 thread' => [ job('shop', $some, 'bpr', epochs => $endless),
		progress(qr/stage bpr, epoch/) ],
	'fit, 2 threads' => [ job('shop', $some, 'bpr', epochs => $endless, threads => 2),
		\&with_threads ],
	'write' => [ job('shop', $wide, 'bpr', %large), \&writing ]);

foreach my $phase (sort keys %phases)
{
	check_cancel("job, $phase", @{ $phases{$phase} });
	is(last_run(), 'failed: canceling statement due to user request',
		"job, $phase: the failure is logged");
	check_terminate("job, $phase", @{ $phases{$phase} });
	is(last_run(), 'running: ', "terminate, job, $phase: the row tells that it never ended");
}
$session->query("SET statement_timeout = '1s'");
my $timed = $session->query(job('shop', $some, 'bpr', epochs => $endless, threads => 2));
$session->query('SET statement_timeout = 0');
report('timeout, job, fit', $timed->{seconds} - 1);
is($timed->{state}, '57014', 'timeout, job, fit: cancelled');
is(last_run(), 'failed: canceling statement due to statement timeout',
	'timeout, job, fit: the failure is logged');
check_after('timeout, job, fit', $session->{pid});

# --- the others --------------------------------------------------------------------------------

my $test = '(SELECT user_id, (item_id + 7) % 20000 AS item_id FROM visits)';
my $epsilons = 'ARRAY[' . join(',', (0.5) x 100) . ']::real[]';
my $fit = "SELECT length(recadv_fit(user_id, item_id, '"
  . options(epochs => $endless, threads => 2, algorithm => '"bpr"') . "')) FROM orders";
my $ask = q{SELECT count(r.item) FROM generate_series(1, 100000) u,
	LATERAL recadv_topk(u, 10, 'huge') r};

my $everyone = q{SELECT count(*) FROM recadv_topk_all('huge', 10)};

$session->query("SELECT recadv_topk(1, 1, 'huge')"); # the session keeps its items
check_cancel('topk_all', $everyone, \&with_threads);
check_terminate('topk_all', $everyone, \&with_threads);
check_cancel('evaluate', "SELECT * FROM recadv_evaluate('visits_model', '$test')", \&with_threads);
check_cancel('evaluate, slow source',
	"SELECT * FROM recadv_evaluate('shop', '$slow')", \&sleeping);
check_cancel('robustness', "SELECT * FROM recadv_robustness('visits_model', $epsilons)",
	\&with_threads);
check_cancel('fit', $fit, progress(qr/recadv_fit: stage bpr, epoch/));
$session->query('SET recadv.cache_size = 0');
check_cancel('topk, not cached', $ask, after(0.5));
$session->query("SET recadv.cache_size = '1GB'");
check_cancel('topk, while it is loaded', $ask, after(0.05));
check_terminate('evaluate', "SELECT * FROM recadv_evaluate('visits_model', '$test')",
	\&with_threads);
check_terminate('fit', $fit, \&with_threads);
check_terminate('topk', $ask, after(0.5));

# --- afterwards --------------------------------------------------------------------------------

is($session->query(train('shop', $some, 'bpr'))->{state}, '', 'the model can be trained again');
is($session->query(job('shop', $some, 'bpr'))->{state}, '', 'and by a job');
is(last_run(), 'succeeded: epochs', 'which succeeded');
ok(healthy($node), 'no process has crashed');
foreach my $label (sort { $slowest{$b} <=> $slowest{$a} } keys %slowest)
{
	diag(sprintf('slower than 0.5 s: %s (%.3f s)', $label, $slowest{$label}))
	  if $slowest{$label} > 0.5;
}
$session->quit;
$watcher->quit;
$node->stop;
done_testing();
