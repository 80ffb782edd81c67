# A backend with little address space left (ulimit -v, strict overcommit) trains and evaluates all the
# same, with plain kernels, or says that memory is out; statement_timeout and cancel end it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

plan skip_all => 'no prlimit here' if system('prlimit --version >/dev/null 2>&1') != 0;

my $server = new_server('room', 'recadv.max_threads = 2');
$server->safe_psql('postgres', q{
	CREATE TABLE orders AS
	SELECT n % 3000 AS user_id, (n % 7 + 7 * (n * 7919 % 1000)) AS item_id FROM generate_series(1, 60000) n;
	CREATE TABLE held AS SELECT n AS user_id, n % 7 AS item_id FROM generate_series(1, 3000) n});

sub train
{
	my ($model, %option) = @_;

	return "SELECT loss, ndcg, hr FROM recadv_train('$model', 'orders', algorithm => 'bpr', options => '"
	  . options(factors => 64, epochs => 2, holdout => '"random"', %option) . "')";
}

# A session that may have so many more MB than it has when recadv is loaded.
sub limited
{
	my ($megabytes) = @_;
	my $session = start_session($server);

	$session->query('SELECT count(*) FROM recadv_models; SELECT count(*) FROM orders, held WHERE false');
	my ($kilobytes) = slurp_file("/proc/$session->{pid}/status") =~ /^VmSize:\s+(\d+)/m;
	my $bytes = 1024 * $kilobytes + 1024 * 1024 * $megabytes;
	system('prlimit', '--pid', $session->{pid}, "--as=$bytes") == 0
	  or die "no limit for $session->{pid}";
	return $session;
}

my $plain = start_session($server);
my $wanted = $plain->query(train('unlimited'))->{out};
like($wanted, qr/\d/, "trained without a limit: $wanted");
my $metrics = $plain->query(q{SELECT * FROM recadv_evaluate('unlimited', 'held')})->{out};

foreach my $threads (1, 2)
{
	foreach my $megabytes (20, 60, 120, 200, 400, 800)
	{
		my $session = limited($megabytes);
		my $answer = $session->query(train("limited_${threads}_$megabytes", threads => $threads), 60);
		my $what = "$threads threads, $megabytes MB";

		if ($answer->{state} eq '')
		{
			is($answer->{out}, $wanted, "$what: the same metric");
			my $evaluated = $session->query(q{SELECT * FROM recadv_evaluate('unlimited', 'held')}, 60);
			$evaluated->{state} eq ''
			  ? is($evaluated->{out}, $metrics, "$what: evaluated alike")
			  : like($evaluated->{state}, qr/^53/, "$what: or said that memory is out");
		}
		else
		{
			like($answer->{state}, qr/^53/, "$what: it says that memory is out");
		}
		ok($megabytes < 120 || $answer->{state} eq '', "$what: enough for plain kernels");
		ok(!$answer->{timed_out}, "$what: in " . int($answer->{seconds}) . ' s');
		$session->quit;
	}
}

# Long ones can be ended.
{
	my $session = limited(120);
	my $long = train('long', threads => 2, epochs => 100000, patience => 0);

	$session->query(q{SET statement_timeout = '2s'});
	my $answer = $session->query($long, 30);
	is($answer->{state}, '57014', 'statement_timeout ends it');
	$session->query('RESET statement_timeout');
	$session->send($long);
	wait_until(sub { $session->activity('state') eq 'active' });
	$server->safe_psql('postgres', "SELECT pg_sleep(1), pg_terminate_backend($session->{pid})");
	is($session->finish(30)->{state}, '57P01', 'and so does pg_terminate_backend');
}
ok(healthy($server), 'no process has crashed');
$server->stop;
done_testing();
