# Sessions that train, read and change the same model at the same time.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('concurrency', 'restart_after_crash = on');
my $endless = 1000000;
my $one = start_session($node);
my $two = start_session($node);

make_orders($node, 'orders', 2000, 500, 20);

sub call_arguments
{
	my ($model, %option) = @_;
	my $source = delete $option{source} // 'orders';
	my $user = delete $option{user_column} // 'user_id';

	return "'$model', \$source\$$source\$source\$, user_column => '$user', algorithm => 'bpr', "
	  . "options => '" . options(%option) . "'";
}

sub train { return 'SELECT version FROM recadv_train(' . call_arguments(@_) . ')' }

sub job { return 'CALL recadv_train_job(' . call_arguments(@_) . ')' }

sub job_skip { return 'CALL recadv_train_job(' . call_arguments(@_) . ", if_busy => 'skip')" }

sub job_wait { return 'CALL recadv_train_job(' . call_arguments(@_) . ", if_busy => 'wait')" }

sub version_of
{
	my ($model) = @_;

	return $node->safe_psql('postgres', "SELECT version FROM recadv_models WHERE name = '$model'");
}

sub last_run
{
	my ($model) = @_;

	return $node->safe_psql('postgres', qq{SELECT status || ': ' || coalesce(message, '')
		FROM recadv_runs('$model') ORDER BY run DESC LIMIT 1});
}

sub refused
{
	my ($label, $model, $result) = @_;

	is($result->{state}, '55006', "$label: refused") or diag($result->{err});
	like($result->{err}, qr/model "\Q$model\E" is being trained by another session/,
		"$label: with a clear message");
	return;
}

sub succeeded
{
	my ($label, $result) = @_;

	is($result->{state}, '', $label) or diag($result->{err});
	ok(!$result->{timed_out}, "$label: ended");
	return;
}

sub cancel
{
	my ($session) = @_;

	$node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{pid})");
	return $session->finish;
}

sub start_endless
{
	my ($session, $sql) = @_;

	$session->send($sql);
	ok($session->wait_progress(qr/stage bpr, epoch/), 'a session trains') or diag($session->{err});
	return;
}

# --- one run at a time -------------------------------------------------------------------------

my $image = q{(SELECT recadv_fit(user_id, item_id, '{"algorithm": "popularity"}') FROM orders)};
my $skipped = 'skipped: the model was being trained by another session';

succeeded('first version', $one->query(train('shop')));
foreach my $holder ('train', 'job')
{
	my $long = $holder eq 'train' ? \&train : \&job;

	# Of a model that exists.
	start_endless($one, $long->('shop', epochs => $endless));
	refused("$holder, then train", 'shop', $two->query(train('shop')));
	refused("$holder, then train, qualified", 'public.shop', $two->query(train('public.shop')));
	refused("$holder, then job", 'shop', $two->query(job('shop')));
	is(last_run('shop'), 'failed: the model was being trained by another session',
		"$holder, then job: logged");
	refused("$holder, then rollback", 'shop', $two->query(q{SELECT recadv_rollback('shop')}));
	refused("$holder, then save", 'shop', $two->query("SELECT recadv_save('shop', $image)"));
	my $result = $two->query(job_skip('shop'), 20);
	succeeded("$holder, then job that may skip", $result);
	like($result->{err}, qr/NOTICE: .*\Q$skipped\E/, "$holder, then job that may skip: says so");
	is(last_run('shop'), $skipped, "$holder, then job that may skip: logged");
	succeeded("$holder, then train of another model", $two->query(train('other')));
	# One that waits is cancelled, another waits until the model is free.
	$two->send(job_wait('shop'));
	ok(wait_until(sub { $two->activity('wait_event_type') eq 'Lock' }), "$holder, then job that waits");
	is($two->activity('backend_xmin IS NULL AND backend_xid IS NULL'), 't', 'it holds no snapshot');
	is($node->safe_psql('postgres', qq{SELECT count(*) FROM pg_locks
		WHERE pid = $two->{pid} AND relation = 'shop'::regclass}), '0', 'and no lock on the table');
	is($node->safe_psql('postgres', qq{SELECT stage FROM recadv_progress WHERE pid = $two->{pid}}),
		'wait', 'it is seen');
	is(cancel($two)->{state}, '57014', 'and can be cancelled');
	is(last_run('shop'), 'failed: canceling statement due to user request', 'which is logged');
	ok(no_locks($node, $two->{pid}), 'with which its locks are gone');
	$two->send(job_wait('shop'));
	ok(wait_until(sub { $two->activity('wait_event_type') eq 'Lock' }), 'another waits');
	is(cancel($one)->{state}, '57014', "$holder: cancelled");
	succeeded("$holder cancelled, then job that waited", $two->finish);
	is(last_run('shop'), 'succeeded: epochs', "$holder cancelled, then job that waited: logged");
	start_endless($one, $long->('shop', epochs => $endless));
	is(cancel($one)->{state}, '57014', "$holder: cancelled");
	succeeded("$holder cancelled, then train", $two->query(train('shop')));

	# Of a model that is being created.
	start_endless($one, $long->("new_$holder", epochs => $endless));
	refused("$holder creates, then train", "new_$holder", $two->query(train("new_$holder")));
	refused("$holder creates, then job", "new_$holder", $two->query(job("new_$holder")));
	$result = $two->query(job_skip("new_$holder"), 20);
	succeeded("$holder creates, then job that may skip", $result);
	like($result->{err}, qr/NOTICE: .*skipped/, "$holder creates, then job that may skip: says so");
	if ($holder eq 'job')
	{
		$result = $two->query("SELECT recadv_topk(1, 10, 'new_job')");
		is($result->{state}, '55000', 'a model without a version does not serve');
		like($result->{err}, qr/has not been trained yet/, 'and says why');
	}
	is(cancel($one)->{state}, '57014', "$holder creates: cancelled");
	succeeded("$holder creates, cancelled, then train", $two->query(train("new_$holder")));
	is(version_of("new_$holder"), 1, 'which gives version 1');
}

# A transaction that has trained, and stays open.
succeeded('begin', $one->query('BEGIN'));
succeeded('train in a transaction', $one->query(train('shop', seed => 2)));
foreach my $call ('train', 'job', 'job_skip')
{
	my $sql = { train => train('shop'), job => job('shop'), job_skip => job_skip('shop') }->{$call};
	my $result = $two->query($sql, 10);

	ok(!$result->{timed_out}, "$call beside an open transaction does not wait");
	cancel($two) if $result->{timed_out};
	is($result->{state}, $call eq 'job_skip' ? '' : '55006', "$call beside an open transaction");
}
succeeded('rollback', $one->query('ROLLBACK'));

# Many first trainings at once: each succeeds or is refused, whoever comes first.
my @racers = map { start_session($node) } 1 .. 4;
my %states;

foreach my $round (1 .. 25)
{
	$_->send("SELECT version FROM recadv_train('race_$round', 'orders', algorithm => 'popularity')")
	  foreach @racers;
	$states{ $_->finish->{state} }++ foreach @racers;
}
is(join(' ', grep { $_ ne '' && $_ ne '55006' } sort keys %states), '',
	'sessions that race to create a model meet no other error');
is($node->safe_psql('postgres', q{SELECT count(*) FROM recadv_models
		WHERE name LIKE 'race%' AND status = 'ok'}), '25', 'and every model is there');
$_->quit foreach @racers;

# --- who sees what, when -----------------------------------------------------------------------

my $ask = q{SELECT string_agg(r::text, ' ') FROM recadv_topk(1, 10, 'shop') r};
my $three = start_session($node);
my $repeatable = 'BEGIN ISOLATION LEVEL REPEATABLE READ';

$one->query(train('shop', seed => 1, keep_versions => 1));

my $old = $two->query($ask)->{out};

$two->query($repeatable);
is($two->query($ask)->{out}, $old, 'a repeatable read asks');
$three->query($repeatable);
$three->query('SELECT 1');
$one->query('BEGIN');
succeeded('train in a transaction', $one->query(train('shop', seed => 3, keep_versions => 1)));

my $new = $one->query($ask)->{out};

isnt($new, $old, 'its own session sees the new version');
is($node->safe_psql('postgres', $ask), $old, 'others see the old one until commit');
succeeded('commit', $one->query('COMMIT'));
is($node->safe_psql('postgres', $ask), $new, 'others see the new one from the next statement on');
is($two->query($ask)->{out}, $old, 'a repeatable read keeps the old version, though it is deleted');
is($three->query($ask)->{out}, $old, 'also one that never asked before');
is($three->query(train('shop'))->{state}, '40001', 'a repeatable read cannot train past it');
$two->query('COMMIT');
is($two->query($ask)->{out}, $new, 'and sees the new one afterwards');
$three->query('ROLLBACK');
is($three->query($ask)->{out}, $new, 'also after its error');
$one->query('BEGIN');
$one->query(train('shop', seed => 4));
isnt($one->query($ask)->{out}, $new, 'a third version');
$one->query('ROLLBACK');
is($one->query($ask)->{out}, $new, 'is gone after a rollback, also in its own session');
$three->quit;

# --- only at top level -------------------------------------------------------------------------

my $quick = job('shop');
my %inside = (
	'BEGIN' => "BEGIN; $quick",
	'a function' => 'SELECT inside()',
	'an exception block' =>
	  "DO \$do\$ BEGIN BEGIN $quick; EXCEPTION WHEN division_by_zero THEN NULL; END; END \$do\$");

$node->safe_psql('postgres', "CREATE FUNCTION inside() RETURNS void LANGUAGE plpgsql"
	  . " AS \$f\$ BEGIN $quick; END \$f\$");

foreach my $place (sort keys %inside)
{
	my $result = $two->query($inside{$place});

	is($result->{state}, '2D000', "job in $place") or diag($result->{err});
	$two->query('ROLLBACK');
	ok(no_locks($node, $two->{pid}), "job in $place: no locks");
}
$node->psql('postgres', "SELECT 1\\; $quick", stderr => \my $error);
like($error, qr/cannot run inside a transaction/, 'job after another statement of one query');
succeeded('job in a DO block', $two->query("DO \$do\$ BEGIN $quick; END \$do\$"));
succeeded('two jobs one after the other', $two->query("$quick;\n$quick"));

# --- a failure in each phase -------------------------------------------------------------------

# A row of version 0 that the job replaces and that another session has changed: it waits, in vain.
# (Blocks of the next version cannot be in its way: 011_rights.)
my $refuse = q{BEGIN; UPDATE shop SET data = data WHERE version = 0 AND part = '%s'};
my @failures = (
	[ 'read, no column', { user_column => 'nobody' }, '42703', qr/column "nobody"/ ],
	[ 'read, no source', { source => 'nowhere' }, '42P01', qr/source "nowhere" does not exist/ ],
	[ 'read, error in a row', { source =>
			'(SELECT user_id, item_id / (user_id - 1000) AS item_id FROM orders)' },
		'22012', qr/division by zero/ ],
	[ 'read, no rows', { source => '(SELECT * FROM orders WHERE false)' },
		'22023', qr/has no interactions/ ],
	[ 'fit', { learning_rate => 1000, regularization => 1000, optimizer => '"sgd"' },
		'22003', qr/diverged|collapsed/ ],
	[ 'fit, memory', { factors => 4096, source =>
			'(SELECT i AS user_id, i AS item_id FROM generate_series(1, 200000) i)' },
		'54000', qr/recadv\.max_memory allows/ ],
	[ 'write, the switch', {}, '55P03', qr/canceling statement due to lock timeout/, 'current' ],
	[ 'write, the last row', {}, '55P03', qr/canceling statement due to lock timeout/, 'versions' ]);

my $answers = topk_of($node, 'shop');
my $version = version_of('shop');

$two->query("SET lock_timeout = '300ms'");
foreach my $failure (@failures)
{
	my ($label, $options, $state, $message, $part) = @$failure;
	my $result;

	$one->query(sprintf($refuse, $part)) if defined $part;
	$result = $two->query(job('shop', %$options));
	is($result->{state}, $state, "job fails, $label") or diag($result->{err});
	like($result->{err}, $message, "$label: clear message");
	like(last_run('shop'), qr/^failed: .*$message/, "$label: logged");
	ok(no_locks($node, $two->{pid}), "$label: no locks");
	is(topk_of($node, 'shop'), $answers, "$label: the old version serves");
	$one->query('ROLLBACK') if defined $part;
}
$two->query('RESET lock_timeout');
is(version_of('shop'), $version, 'no version came of it');
succeeded('a job succeeds afterwards', $one->query(job('shop')));
is(version_of('shop'), $version + 1, 'with the next version');

# --- what is seen of a job, and what it holds --------------------------------------------------

my $loud = start_session($node);
my $quiet = start_session($node);

$quiet->query('SET recadv.progress = off');
start_endless($quiet, job('quiet', epochs => $endless));
start_endless($loud, job('loud', epochs => $endless));
like($loud->activity('query'),
	qr/^recadv_train "loud": stage bpr, epoch \d+ of at most $endless \(\d+ %\), loss \d.*s left$/,
	'other sessions see where it is');
is($loud->activity('backend_xmin IS NULL AND backend_xid IS NULL'), 't',
	'it holds no snapshot while it fits');
is($node->safe_psql('postgres', qq{SELECT count(*) FROM pg_locks
		WHERE pid = $loud->{pid} AND locktype = 'relation'}), '0', 'and locks no table');
is($node->safe_psql('postgres', qq{SELECT status, pid FROM recadv_runs('loud')}),
	"running|$loud->{pid}", 'the log shows it running');
ok(wait_until(sub { $loud->ended; $loud->{err} =~ /NOTICE: .*stage bpr, epoch/ }, 60),
	'progress comes as notices');
wait_until(sub { $quiet->ended; 0 }, 1);
is(cancel($loud)->{state}, '57014', 'the loud one ends');
like($loud->activity('query'), qr/^CALL recadv_train_job/, 'and its statement is shown again');

my $silence = cancel($quiet);

is($silence->{state}, '57014', 'the quiet one ends');
unlike($silence->{err}, qr/NOTICE/, 'without a notice');
$loud->quit;
$quiet->quit;

# --- readers of a model that keeps changing ----------------------------------------------------

my $script = $node->basedir . '/readers.sql';

append_to_file($script, q{\set user random(1, 2100)
SELECT 1 / (count(*) = 10)::int FROM recadv_topk(:user, 10, 'shop');
SELECT 1 / coalesce(bool_and(abs(r.score - s) <= 1e-4 * abs(s)), true)::int
	FROM recadv_topk(:user, 5, 'shop') r, LATERAL recadv_score(:user, r.item, 'shop') s
	WHERE recadv_has_user(:user, 'shop');
SELECT 1 / (recadv_info('shop') ->> 'users' = '2000')::int;
SET recadv.cache_size = 0;
SELECT 1 / (count(*) = 10)::int FROM recadv_topk(:user, 10, 'shop');
RESET recadv.cache_size;
});

my $readers = IPC::Run::start(
	[ $node->installed_command('pgbench'), '-n', '-c', 20, '-j', 2, '-T', 8, '-f', $script,
		$node->connstr('postgres') ], '>', \my $report, '2>', \my $trouble);
my ($retrained, $wrong) = (0, '');

while ($readers->pumpable)
{
	my $sql = ($retrained % 2 ? \&train : \&job)->('shop', seed => $retrained, epochs => 1,
		keep_versions => 1);

	$wrong .= $one->query($sql)->{err};
	$retrained++;
	$readers->pump_nb;
}
$readers->finish;
is($readers->result(0), 0, 'pgbench ended well') or diag($trouble);
unlike($trouble, qr/ERROR|aborted/, 'no reader met an error');
is($wrong, '', 'nor did training');
cmp_ok($retrained, '>=', 3, 'the model changed meanwhile');
diag("$retrained trainings beside 20 readers; " . ($report =~ /(tps = [\d.]+)/)[0]);

# --- the table changes while a job fits --------------------------------------------------------

# Some six seconds: long enough for a statement to come between, and then it ends.  The quicker of two
# samples counts, as the other may have waited for a processor.
my @samples = sort { $a <=> $b } map { $one->query(train('sample', epochs => 200))->{seconds} } 1 .. 2;
my %while = (epochs => int(200 * 6 / $samples[0]) + 1);

sub while_fitting
{
	my ($label, $session, $call, @statements) = @_;

	$session->send($call);
	ok($session->wait_progress(qr/stage bpr, epoch/), "$label: a job fits")
	  or diag($session->{err});
	$node->safe_psql('postgres', $_) foreach @statements;
	return $session->finish;
}

$node->safe_psql('postgres', q{
	CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN;
	GRANT ALL ON SCHEMA public TO ann, bob; GRANT SELECT ON orders TO ann, bob});

my $ann = start_session($node, user => 'ann');
my $bob = start_session($node, user => 'bob');

succeeded('ann trains', $ann->query(job('hers')));
succeeded('rename during a job',
	while_fitting('rename', $ann, job('hers', %while), 'ALTER TABLE hers RENAME TO mine'));
is(version_of('mine'), 2, 'the renamed table has the new version');
is(last_run('mine'), 'succeeded: epochs', 'and the row of the log');

my $result = while_fitting('owner', $ann, job('mine', %while), 'ALTER TABLE mine OWNER TO bob');

is($result->{state}, '42501', 'a job of one who is no longer the owner fails');
like($result->{err}, qr/must be owner of table mine/, 'with a clear message');
is(version_of('mine'), 2, 'the new owner keeps the version that was');
ok(no_locks($node, $ann->{pid}), 'no locks stay');
succeeded('and the new owner can train', $bob->query(job('mine')));
succeeded('truncate during a job', while_fitting('truncate', $bob, job('mine', %while),
		'TRUNCATE mine'));
is(version_of('mine'), 1, 'versions start again');
$result = while_fitting('no model', $bob, job('mine', %while), 'ALTER TABLE mine NOT OF');
is($result->{state}, '42809', 'a job whose table is no model any more fails');
$node->safe_psql('postgres', 'DROP TABLE mine');

# A table of the same name is another model: nothing of the old one's run gets into it.
$one->query(job('again'));
start_endless($one, job('again', epochs => $endless));
$node->safe_psql('postgres', $_) foreach 'DROP TABLE again', train('again');
is(cancel($one)->{state}, '57014', 'drop and create during a job, then cancel');
is($node->safe_psql('postgres', q{SELECT string_agg(status, ' ') FROM recadv_runs('again')}),
	'succeeded', 'drop and create during a job, then cancel: the new table is left alone');
$node->safe_psql('postgres', 'DROP TABLE again');

# The last, because a crash here takes the other sessions with it.
foreach my $case (
	[ 'drop', 'DROP TABLE gone' ],
	[ 'drop and create', 'DROP TABLE gone', train('gone') ],
	[ 'drop the extension', 'DROP EXTENSION recadv CASCADE' ])
{
	my ($label, @statements) = @$case;
	my $session = start_session($node);

	$session->query(job('gone'));
	$result = while_fitting($label, $session, job('gone', %while), @statements);
	is($result->{state}, '42P01', "$label during a job: the job fails") or diag($result->{err});
	like($result->{err}, qr/the model has been dropped/, "$label: with a clear message");
	ok($node->poll_query_until('postgres', 'SELECT true'), "$label: the server is up");
	is($session->query('SELECT 1')->{out}, '1', "$label: so is the session");
	ok(no_locks($node, $session->{pid}), "$label: no locks");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM recadv_runs('gone')}),
		'1', "$label: the new table is left alone") if @statements == 2;
	$session->quit;
}
ok(healthy($node), 'no process has crashed');
$_->quit foreach $ann, $bob, $one, $two;
$node->stop;
done_testing();
