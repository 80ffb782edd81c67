# What runs now, as other sessions see it in recadv_progress: stages and numbers, who may look, and
# that nothing stays behind, however a run ends.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('progress', 'restart_after_crash = on');

sub sql
{
	my ($statement, $user) = @_;

	return $node->safe_psql('postgres', $statement,
		extra_params => [ $user ? ('-U', $user) : () ]);
}

# What a role sees of all runs, one a line.
sub seen
{
	my ($columns, $user) = @_;

	return sql("SELECT $columns FROM recadv_progress ORDER BY pid", $user);
}

# Waits until the run of a session is where the condition on recadv_progress says.
sub reaches
{
	my ($session, $condition) = @_;

	return wait_until(sub {
		$session->ended || sql("SELECT count(*) FROM recadv_progress
			WHERE pid = $session->{pid} AND $condition") eq '1' }) && !$session->ended;
}

sub training
{
	my ($form, $model, $source, %option) = @_;

	return "$form('$model', '$source', algorithm => 'bpr', options => '" . options(%option) . "')";
}

make_orders($node, 'orders', 500, 100, 20);
sql(q{
	CREATE ROLE alice LOGIN;
	CREATE ROLE team LOGIN IN ROLE alice;
	CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
	CREATE ROLE stranger LOGIN;
	GRANT CREATE ON SCHEMA public TO PUBLIC;
	GRANT SELECT ON orders TO PUBLIC;
	CREATE DATABASE other;
	-- waits until nobody holds the lock
	CREATE FUNCTION hold() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_advisory_xact_lock_shared(1);
		RETURN true;
	END $$;
	-- an error that is caught: it ends whatever command the session's progress tells of
	CREATE FUNCTION trip() RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		RETURN 1 / 0 > 0;
	EXCEPTION WHEN division_by_zero THEN
		RETURN true;
	END $$;
	CREATE VIEW held AS SELECT o.* FROM orders o, (SELECT hold() OFFSET 0) h;
	CREATE VIEW tripped AS SELECT o.* FROM orders o, (SELECT trip() OFFSET 0) t;
	GRANT SELECT ON held, tripped TO PUBLIC});
$node->safe_psql('other', 'CREATE EXTENSION recadv');
is(seen('*'), '', 'nothing runs');

# --- stages, numbers and kinds

my $alice = start_session($node, user => 'alice');
my $holder = start_session($node);
my $endless = 1000000;

$alice->query(training('SELECT recadv_train', 'shop', 'orders'));
$alice->send(training('SELECT recadv_train', 'shop', 'orders', epochs => $endless,
		holdout => '"random"', patience => 0));
ok(reaches($alice, 'epoch > 1 AND metric IS NOT NULL'), 'a training is seen') or diag($alice->{err});
is(seen(qq{model, kind, stage, epochs >= $endless, percent = 100.0 * epoch / epochs, loss > 0, metric,
		value BETWEEN 0 AND 1, time_left > interval '0', started <= clock_timestamp(), role, pid}),
	"shop|train|bpr|t|t|t|NDCG\@100|t|t|t|alice|$alice->{pid}", 'with its numbers');
my $epoch = seen('epoch');
ok(reaches($alice, "epoch > $epoch"), 'which go on');
is(seen('model', 'alice'), 'shop', 'the role that runs it sees it');
is(seen('model', 'team'), 'shop', 'so do its members');
is(seen('model', 'monitor'), 'shop', 'and pg_monitor');
is(seen('model', 'stranger'), '', 'others do not');
is($node->safe_psql('other', 'SELECT count(*) FROM recadv_progress'), '0',
	'nor do other databases');
is($node->safe_psql('postgres', qq{
		SELECT count(*) FROM pg_stat_progress_copy;
		SELECT count(*) FROM pg_stat_progress_vacuum}), "0\n0",
	'no command of PostgreSQL is said to run');
sql("SELECT pg_cancel_backend($alice->{pid})");
is($alice->finish->{state}, '57014', 'cancelled');
is(seen('*'), '', 'it is gone, though the session is there');

# A superuser trains a model of alice.
my $admin = start_session($node);

$admin->send(training('SELECT recadv_train', 'shop', 'orders', epochs => $endless));
ok(reaches($admin, 'epoch > 0'), 'another role trains the model');
is(seen('model', 'alice'), 'shop', 'its owner sees that');
is(seen('model', 'team'), 'shop', 'and the members of the owner');
is(seen('model', 'stranger'), '', 'nobody else');
$holder->query("SELECT pg_cancel_backend($admin->{pid})");
$admin->finish;

# The table of a first training is not there yet for others.
$holder->query('SELECT pg_advisory_lock(1)');
$alice->send(training('SELECT recadv_train', '"First one"', 'held'));
ok(reaches($alice, "stage = 'read'"), 'a first training reads its source');
is(seen('model, kind, stage, epoch, percent, time_left'), '"First one"|train|read|||', 'is seen');
is(seen('model', 'team'), '"First one"', 'by the members of the role that runs it');
is(seen('model', 'stranger'), '', 'by nobody else');
$holder->query('SELECT pg_advisory_unlock(1)');
is($alice->finish->{state}, '', 'and ends');
is(seen('*'), '', 'as does its row');

# A job.
$alice->send(training('CALL recadv_train_job', 'shop', 'tripped', epochs => $endless));
ok(reaches($alice, 'epoch > 0'),
	'a job, whose source has caught an error') or diag($alice->{err});
is(seen('model, kind, stage, metric'), 'shop|job|bpr|', 'is one, across its transactions');
is(sql(q{SELECT kind || ' ' || status FROM recadv_all_runs WHERE pid IN (SELECT pid FROM recadv_progress)
		ORDER BY run DESC LIMIT 1}), 'job running', 'the log has it, too');
sql("SELECT pg_cancel_backend($alice->{pid})");
$alice->finish;
is(seen('*'), '', 'and is gone');

# A refresh.
sql(qq{SELECT recadv_train('stream', 'held', time_column => 'bought_at', algorithm => 'nmrn',
	options => '{"factors":4,"epochs":1,"holdout":"none","threads":1}')});
$holder->query('SELECT pg_advisory_lock(1)');
$admin->send(q{SELECT events FROM recadv_refresh('stream')});
ok(reaches($admin, "kind = 'refresh' AND stage = 'read'"), 'a refresh');
is(seen('model', 'stranger'), '', 'is not for all');
$holder->query('SELECT pg_advisory_unlock(1)');
is($admin->finish->{out}, '0', 'it has found nothing new');

# An aggregate.
$admin->send(q{SELECT length(recadv_fit(user_id, item_id, '} . options(algorithm => '"bpr"', epochs => $endless)
	  . q{')) FROM orders});
ok(reaches($admin, "kind = 'fit' AND epoch > 0 AND model IS NULL"), 'recadv_fit');
is(seen('kind', 'monitor'), 'fit', 'is seen by pg_monitor');
is(seen('kind', 'stranger'), '', 'and not by all');
$holder->query("SELECT pg_cancel_backend($admin->{pid})");
$admin->finish;

# A COPY goes on being seen as one.
$holder->query('SELECT pg_advisory_lock(1)');
$admin->send('COPY (SELECT hold() FROM ' . training('recadv_train', 'shop', 'orders')
	  . ') TO STDOUT');
ok(wait_until(sub { $admin->activity('wait_event') eq 'advisory' || $admin->ended }),
	'a COPY has trained');
is(sql("SELECT command, type FROM pg_stat_progress_copy WHERE pid = $admin->{pid}"), 'COPY TO|PIPE',
	'and is seen as a COPY again');
is(seen('*'), '', 'not as a training');
$holder->query('SELECT pg_advisory_unlock(1)');
$admin->finish;

# Several at once.
$alice->send(training('SELECT recadv_train', 'shop', 'orders', epochs => $endless));
$admin->send(training('CALL recadv_train_job', 'other', 'orders', epochs => $endless));
ok(reaches($alice, 'epoch > 0') && reaches($admin, 'epoch > 0'), 'two runs');
is(sql('SELECT model, kind FROM recadv_progress ORDER BY 1'), "other|job\nshop|train", 'two rows');
is(sql('SELECT model, kind FROM recadv_progress ORDER BY 1', 'team'), 'shop|train',
	'each for its own');
$holder->query("SELECT pg_cancel_backend(pid) FROM recadv_progress");
$_->finish foreach $alice, $admin;

# --- ends

my %ends = (
	'an error' => [ '22012', sub { } ],
	'pg_terminate_backend' => [ '57P01', sub { sql("SELECT pg_terminate_backend($_[0]{pid})") } ],
	'kill -9' => [
		undef,
		sub {
			my ($session) = @_;

			kill('KILL', $session->{pid});
			wait_until(sub { $session->ended });
			$node->poll_query_until('postgres', 'SELECT 1', '1');
		} ]);

foreach my $end ('an error', 'pg_terminate_backend', 'kill -9')
{
	foreach my $form ('SELECT recadv_train', 'CALL recadv_train_job')
	{
		my ($state, $act) = @{ $ends{$end} };
		my $session = start_session($node);
		my $lock = start_session($node);
		my $source =
		  $end eq 'an error'
		  ? '(SELECT user_id, item_id / (hold()::int - 1) AS item_id FROM orders)'
		  : 'orders';

		$lock->query('SELECT pg_advisory_lock(1)');
		$session->send(training($form, 'ending', $source, epochs => $endless));
		ok(reaches($session, $end eq 'an error' ? "stage = 'read'" : 'epoch > 0'),
			"$end, $form: it runs") or diag($session->{err});
		$act->($session);
		$lock->quit;
		my $result = $session->finish;
		is($result->{state}, $state, "$end, $form: it ends so") if defined $state;
		is(seen('*'), '', "$end, $form: nothing stays");
		$session->quit;
	}
}

# --- a refresh every minute, for days, where nobody vacuums

sql(q{
	CREATE TABLE clicks AS SELECT * FROM orders;
	CREATE PROCEDURE refresh_often(times int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..times LOOP
			PERFORM recadv_refresh('often');
			COMMIT;
		END LOOP;
	END $$;
	CREATE PROCEDURE observe_often(times int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..times LOOP
			PERFORM recadv_observe('often', i % 500, i % 100,
				timestamptz '2024-01-02' + i * interval '1 second');
			PERFORM recadv_refresh('often', metrics => false);
			COMMIT;
		END LOOP;
	END $$});
my $nightly = q{SELECT recadv_train('often', 'clicks', time_column => 'bought_at',
	algorithm => 'nmrn', options => '{"factors":4,"epochs":1,"holdout":"none","threads":1}')};

sub size
{
	return sql(q{SELECT pg_table_size('often') + pg_indexes_size('often')});
}

sql($nightly);
sql('CALL refresh_often(50)');
my $size = size();
sql('CALL refresh_often(3000)');
cmp_ok(size(), '<=', $size + 65536, 'two days of refreshes that find nothing take no room');
is(sql(q{SELECT count(*) FROM recadv_runs('often')}), '2', 'nor rows in the log');
sql('CALL observe_often(1010)');
is(sql(q{SELECT count(*), count(*) FILTER (WHERE events = 1) FROM recadv_runs('often')
		WHERE kind = 'refresh'}), '1000|1000', 'the log keeps a thousand refreshes that learnt');
is(sql(q{SELECT run, status FROM recadv_runs('often') WHERE kind = 'train'}), '1|succeeded',
	'and the training before them');
is(sql(q{SELECT max(run) FROM recadv_runs('often')}), '1012', 'numbered together');
sql($nightly);
is(sql(q{SELECT string_agg(run::text, ' ' ORDER BY run) FROM recadv_runs('often')
		WHERE kind = 'train'}), '1 1013', 'a training pushes no refresh out');
is(sql(q{SELECT count(*) FROM recadv_runs('often') WHERE kind = 'refresh'}), '1000', 'either');
is(sql(q{SELECT count(*) FROM often WHERE part = 'run'}), '1002', 'there are no other rows');

$node->stop;
done_testing();
