# The server dies while a job fits or writes: afterwards the old version serves, the log tells that
# the run never ended, and a new run works.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('crash', 'restart_after_crash = on');
my $wide = '(SELECT i AS user_id, i AS item_id FROM generate_series(1, 100000) i)';
my $answers;

sub job
{
	my ($source, %option) = @_;

	return "CALL recadv_train_job('shop', '$source', algorithm => 'bpr', options => '"
	  . options(%option) . "')";
}

sub stored_bytes
{
	return $node->safe_psql('postgres', q{SELECT pg_relation_size(reltoastrelid) FROM pg_class
		WHERE oid = 'shop'::regclass});
}

my %phases = (
	fit => sub {
		my ($session) = @_;

		$session->send(job('orders', epochs => 1000000, threads => 2));
		return $session->wait_progress(qr/stage bpr, epoch/);
	},
	write => sub {
		my ($session) = @_;
		my $before = stored_bytes();

		$session->send(job($wide, factors => 256, epochs => 1, threads => 2));
		return wait_until(sub { $session->ended || stored_bytes() > $before + 8e6 })
		  && !$session->ended;
	});

my %deaths = (
	'immediate stop' => \&stop_immediately,
	'kill -9 of the backend' => \&kill_backend,
	'kill -9 of the server' => \&kill_server);

make_orders($node, 'orders', 2000, 500, 20);
$node->safe_psql('postgres', job('orders'));
$answers = topk_of($node, 'shop');

foreach my $death (sort keys %deaths)
{
	foreach my $phase (sort keys %phases)
	{
		my $label = "$death during $phase";
		my $session = start_session($node);

		ok($phases{$phase}->($session), "$label: got there") or diag($session->{err});
		$deaths{$death}->($node, $session);
		$session->quit;
		is(topk_of($node, 'shop'), $answers, "$label: the old version serves");
		is($node->safe_psql('postgres', q{
				SELECT status || coalesce(message, '') FROM recadv_runs('shop')
				ORDER BY run DESC LIMIT 1}),
			'running', "$label: the log shows a run that never ended");
		is($node->safe_psql('postgres', q{
				SELECT count(*) FROM recadv_runs('shop') r JOIN pg_stat_activity a USING (pid)
				WHERE r.status = 'running'}),
			'0', "$label: of a process that is gone");
	}
}

my $version = $node->safe_psql('postgres', q{SELECT version FROM recadv_models});

is($node->psql('postgres', job('orders', seed => 2)), 0, 'a new run works');
is($node->safe_psql('postgres', q{SELECT version FROM recadv_models}), $version + 1,
	'and gives the next version');
isnt(topk_of($node, 'shop'), $answers, 'with other answers');
is($node->safe_psql('postgres', q{SELECT recadv_rollback('shop')}), $version, 'rollback');
is(topk_of($node, 'shop'), $answers, 'to the old answers');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT version) FROM shop}), '3',
	'nothing is left of the runs that were cut off');
$node->stop;
done_testing();
