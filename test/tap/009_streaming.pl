# Streaming with other sessions, servers that die, standbys and dumps: no event is lost or learnt
# twice.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use RecadvTest;

my $node = new_server('streaming', 'restart_after_crash = on', 'wal_level = replica');
my $directory = PostgreSQL::Test::Utils::tempdir();
my $train = options(lateness => 1000000, batch_size => 16);
my $random = time;

$train =~ s/"adaptive_negatives": \d+, //;
note("seed $random");
srand($random);

# The newest clicks are the start of the window: all that follows has a fingerprint.
$node->safe_psql('postgres', q{
	CREATE TABLE clicks (user_id int, item_id int, at timestamptz DEFAULT clock_timestamp());
	INSERT INTO clicks SELECT u, 1 + (u * 7 + n * 13) % 90, now() - n * interval '1 second'
	FROM generate_series(1, 200) u, generate_series(1, 10) n});
$node->safe_psql('postgres', q{SELECT recadv_train('shop', 'clicks', time_column => 'at', }
	  . qq{algorithm => 'nmrn', options => '$train')});
$node->safe_psql('postgres', q{SELECT recadv_attach('shop', on_error => 'error')});

# Rows of the table; events that were learnt; events that wait: their blocks have two texts each.
my $counts = q{SELECT (SELECT count(*) FROM clicks),
	(recadv_info('shop') #>> '{stream,events}')::int,
	(SELECT coalesce(sum((get_byte(data, 16) + 256 * get_byte(data, 17)) / 2), 0)
	 FROM shop WHERE version = 0 AND part ~ '^events?:')};

sub counts
{
	return split /\|/, $node->safe_psql('postgres', $counts);
}

sub learn
{
	return $node->safe_psql('postgres', q{SELECT events FROM recadv_refresh('shop', false)});
}

sub script
{
	my ($name, $text) = @_;

	append_to_file("$directory/$name", $text);
	return "$directory/$name";
}

# A pgbench in the background.
sub pgbench
{
	my ($script, $clients, $seconds) = @_;
	my %run = (out => '', err => '');

	$run{handle} = IPC::Run::start(
		[ $node->installed_command('pgbench'), '-n', '-c', $clients, '-T', $seconds, '-f', $script,
			$node->connstr('postgres') ],
		'<', \undef, '>', \$run{out}, '2>', \$run{err});
	return \%run;
}

sub insert_many
{
	my ($rows) = @_;

	$node->safe_psql('postgres', qq{
		INSERT INTO clicks (user_id, item_id)
		SELECT 1 + (random() * 300)::int, 1 + (random() * 150)::int FROM generate_series(1, $rows)});
	return;
}

# --- one session and another -------------------------------------------------------------------

my $one = start_session($node);
my $two = start_session($node);
my $knows = q{SELECT recadv_has_user(5000, 'shop'),
	5001 IN (SELECT item FROM recadv_topk(1, 1000, 'shop'))};

is($two->query($knows)->{out}, 'f|f', 'not observed yet');
$one->query('BEGIN');
$one->query(q{SELECT recadv_observe('shop', 5000, 5001)});
is($one->query($knows)->{out}, 't|t', 'observed: the session itself is served at once');
is($two->query($knows)->{out}, 'f|f', 'others are not');
$one->query('COMMIT');
is($two->query($knows)->{out}, 't|t', 'they are after the commit');
$one->query('BEGIN');
$one->query(q{INSERT INTO clicks VALUES (5002, 1)});
$one->query('ROLLBACK');
is($two->query(q{SELECT recadv_has_user(5002, 'shop')})->{out}, 'f', 'a rollback leaves nothing');
is(learn(), 1, 'the event is learnt');
is($two->query($knows)->{out}, 't|t', 'and served');
$node->safe_psql('postgres', 'INSERT INTO clicks SELECT 5000, 5001, now()');
learn();
my $beside = (counts())[1] - (counts())[0];    # learnt and not in the table

is($beside, 1, 'one event is not in the table');

# What a session keeps of pending items is neither older nor newer than its snapshot.
my $item = q{SELECT recadv_score(1, 5011, 'shop') IS NOT NULL,
	recadv_score(1, 5012, 'shop') IS NOT NULL};

$one->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($one->query($item)->{out}, 'f|f', 'a transaction with one snapshot');
$two->query(q{SELECT recadv_observe('shop', 5010, 5011)});
is($one->query($item)->{out}, 'f|f', 'does not see what others observe meanwhile');
$one->query('COMMIT');
is($one->query($item)->{out}, 't|f', 'it does when it is over');
$one->query('BEGIN');
is($one->query($item)->{out}, 't|f', 'a transaction with a snapshot per statement');
$two->query(q{SELECT recadv_observe('shop', 5010, 5012)});
is($one->query($item)->{out}, 't|t', 'sees it at once');
$one->query('COMMIT');
is(learn(), 2, 'both are learnt');
# The snapshots before and after the rollback are equal, for the transaction of the other is later.
$item = q{SELECT recadv_score(1, 5013, 'shop') IS NOT NULL};
$one->query('BEGIN');
$one->query('SAVEPOINT s');
$one->query(q{SELECT recadv_observe('shop', 5010, 5013)});
$two->query('CREATE TABLE later ()');
is($one->query($item)->{out}, 't', 'a savepoint');
$one->query('ROLLBACK TO s');
is($one->query($item)->{out}, 'f', 'rolled back to it');
$one->query('COMMIT');
# A snapshot with more subtransactions of others than it can list.
my @beside = map { start_session($node) } 1 .. 3;

foreach my $session (0 .. 2)
{
	$beside[$session]->query('BEGIN');
	$beside[$session]->query(sprintf q{DO $$ BEGIN FOR i IN 1..%d LOOP
		BEGIN INSERT INTO later DEFAULT VALUES; EXCEPTION WHEN division_by_zero THEN NULL; END;
		END LOOP; END $$}, $session == 1 ? 100 : 1);
}
$two->query('CREATE TABLE later_still ()');
is($one->query(q{SELECT count(recadv_score(u, 1, 'shop')) FROM generate_series(1, 3) u})->{out}, '3',
	'many subtransactions');
$_->quit foreach @beside;

# An observer does not wait for a refresh, nor a refresh for an observer.
$one->query('BEGIN');
$one->query(q{INSERT INTO clicks VALUES (5003, 1)});
insert_many(10);
is(learn(), 10, 'a refresh beside an open INSERT learns what is committed');
$one->query('COMMIT');
is(learn(), 1, 'and what is older and was committed later, afterwards');
$one->query('BEGIN');
insert_many(10);
is($one->query(q{SELECT events FROM recadv_refresh('shop', false)})->{out}, '10',
	'a refresh that is not committed');
is($two->query(q{INSERT INTO clicks VALUES (5004, 5004)}, 10)->{err}, '', 'lets others observe');
is($two->query(q{SELECT recadv_has_user(5004, 'shop')})->{out}, 't', 'who are served');
is($two->query(q{SELECT recadv_refresh('shop')}, 10)->{state}, '55006', 'but not refresh');
is($two->query(q{SELECT recadv_refresh('shop', if_busy => 'skip') IS NULL}, 10)->{out}, 't',
	'or not now');
$one->query('COMMIT');
is(learn(), 1, 'what was observed meanwhile is learnt by the next');

# In REPEATABLE READ the events of others can neither be overlooked nor learnt twice.
$one->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$one->query('SELECT 1');
insert_many(3);
is($one->query(q{SELECT recadv_refresh('shop')})->{state}, '40001', 'REPEATABLE READ: try again');
$one->query('ROLLBACK');
is(learn(), 3, 'then they are learnt');
is(learn(), 0, 'once');

# A model that is locked keeps no INSERT waiting.
$node->safe_psql('postgres', q{SELECT recadv_detach('shop'), recadv_attach('shop')});
$one->query('BEGIN');
$one->query('LOCK TABLE shop IN SHARE MODE');
my $result = $two->query(q{INSERT INTO clicks VALUES (1, 2)}, 10);

my $locked = 'WARNING:  55P03: model "public.shop" did not observe these rows: '
  . 'model "shop" is locked';
like($result->{err}, qr/$locked/, 'a locked model: a warning');
is($result->{timed_out}, 0, 'at once');
$one->query('COMMIT');
is(learn(), 1, 'the row is in, and learnt from the source');

# --- a load ------------------------------------------------------------------------------------

# Of more rows than one batch of the trigger, in a session that has not observed before.
$node->safe_psql('postgres', q{CREATE TABLE loads AS TABLE clicks LIMIT 100});
$node->safe_psql('postgres', q{SELECT recadv_train('loaded', 'loads', time_column => 'at', }
	  . qq{algorithm => 'nmrn', options => '$train')});
$node->safe_psql('postgres', q{SELECT recadv_attach('loaded')});
my $loader = start_session($node);

$loader->query("SET statement_timeout = '100s'");
$result = $loader->query(q{INSERT INTO loads
	SELECT n % 300, n % 150, now() - n * interval '1 millisecond' FROM generate_series(1, 150000) n});
is($result->{err}, '', 'a load of two batches ends');
cmp_ok(memory_of($loader->{pid}), '<', 150, 'without much memory');
is($node->safe_psql('postgres', q{SELECT events FROM recadv_refresh('loaded', false)}), 150000,
	'and all of it is learnt');
$loader->quit;
$node->safe_psql('postgres', 'DROP TABLE loads, loaded');

# --- cancelling --------------------------------------------------------------------------------

insert_many(50000);
my @before = counts();

$one->query('BEGIN');
my $whole = $one->query(q{SELECT recadv_refresh('shop')})->{seconds};

$one->query('ROLLBACK');
foreach my $phase (0.05, 0.3, 0.5)
{
	$one->send(q{SELECT recadv_refresh('shop')});
	usleep($phase * $whole * 1e6);
	ok(!$one->ended, 'a refresh runs');
	$two->query("SELECT pg_cancel_backend($one->{pid})"); # a new session would come late
	is($one->finish->{state}, '57014', 'cancelled');
	is(join(' ', counts()), "@before", 'nothing has changed');
}
is($one->query(q{SELECT recadv_topk(1, 3, 'shop')})->{state}, '', 'the session goes on');
is(learn(), 50000, 'the next refresh learns all');

# --- many sessions -----------------------------------------------------------------------------

my $insert = script('insert', q{
\set user random(1, 300)
\set item random(1, 200)
INSERT INTO clicks (user_id, item_id) VALUES (:user, :item);
});
my $forth = script('forth', q{
\set item random(10000, 11000)
\set user random(1, 5)
BEGIN;
INSERT INTO clicks (user_id, item_id) VALUES (:user, :item);
INSERT INTO clicks (user_id, item_id) VALUES (:user + 1, :item + 1), (:user, :item + 2);
COMMIT;
});
my $back = script('back', q{
\set item random(10000, 11000)
\set user random(1, 5)
BEGIN;
INSERT INTO clicks (user_id, item_id) VALUES (:user + 1, :item + 2), (:user, :item + 1);
INSERT INTO clicks (user_id, item_id) VALUES (:user, :item);
COMMIT;
});
my $refresh = script('refresh', q{
DO $$ BEGIN
	PERFORM recadv_refresh('shop', false);
EXCEPTION WHEN object_in_use OR lock_not_available THEN
	PERFORM pg_sleep(0.01); -- another session trains
END $$;
});
my $refresh_now_and_then = script('now_and_then', slurp_file($refresh) . "SELECT pg_sleep(0.1);\n");
my $retrain = script('retrain', qq{
CALL recadv_train_job('shop', 'clicks', time_column => 'at', algorithm => 'nmrn',
	options => '@{[$train =~ s/"epochs": \d+/"epochs": 1/r]}', if_busy => 'skip');
SELECT pg_sleep(0.02);
});
my $read = script('read', q{
\set user random(1, 300)
SELECT count(*) FROM recadv_topk(:user, 10, 'shop');
SELECT recadv_score(:user, 10001, 'shop');
});
my $log = -s $node->logfile;
my ($rows, $events, $pending) = counts();
my @runs = (pgbench($insert, 2, 8), pgbench($forth, 2, 8), pgbench($back, 2, 8),
	pgbench($refresh_now_and_then, 2, 8), pgbench($retrain, 1, 8), pgbench($read, 2, 8));

foreach my $run (@runs)
{
	$run->{handle}->finish;
	like($run->{out}, qr/number of transactions actually processed: [1-9]/, 'a script ran');
	unlike($run->{out} . $run->{err}, qr/error|aborted|failed transactions: [1-9]/i,
		'without an error')
	  or diag($run->{err});
}
unlike(slurp_file($node->logfile, $log), qr/deadlock|ERROR:/, 'no deadlock, no error');
learn();
my @after = counts();

cmp_ok($after[0], '>', $rows + 1000, 'many rows came');
# a training drops what is not in the table
ok($after[1] == $after[0] || $after[1] == $after[0] + $beside, 'each was learnt once')
  or diag("@after");
is($after[2], 0, 'none is left');
is(learn(), 0, 'nothing is new');
cmp_ok($node->safe_psql('postgres', q{SELECT version FROM recadv_models WHERE name = 'shop'}),
	'>', 1, 'trainings published versions meanwhile');

# --- the server dies, a hundred times ----------------------------------------------------------

$node->safe_psql('postgres', q{
	SELECT recadv_detach('shop'), recadv_attach('shop', on_error => 'error');
	TRUNCATE clicks;
	INSERT INTO clicks SELECT u, 1 + (u * 7 + n * 13) % 90, now() - n * interval '1 second'
	FROM generate_series(1, 200) u, generate_series(1, 10) n;
	DROP TABLE shop});
$node->safe_psql('postgres', q{SELECT recadv_train('shop', 'clicks', time_column => 'at', }
	  . qq{algorithm => 'nmrn', options => '$train')});
$one->quit;
$two->quit;

my ($died, $torn, $learning, $slowest) = (0, 0, 0, 0.1);
# Seen items too: in the end a user may have had them all.
my $answer = qq{SELECT count(*) FROM generate_series(1, 20) u, recadv_topk(u, 3, 'shop', false)};

# During a refresh of many rows: the refresh was committed or it never was.
sub die_in_refresh
{
	my ($kill_backend) = @_;

	insert_many(2000);
	@before = counts();
	my $session = start_session($node);
	my $start = time;

	$session->send(q{SELECT recadv_refresh('shop', false)});
	usleep(rand(0.8 * $slowest) * 1e6);
	my $ended = $session->ended;

	$slowest = 0.8 * $slowest + 0.2 * (time - $start) if $ended;
	$slowest *= 1.1 if !$ended;
	$learning++ if !$ended;
	$kill_backend && !$ended ? kill('KILL', $session->{pid}) : $node->stop('immediate');
	$session->finish;
	$session->quit;
	$kill_backend && !$ended
	  ? $node->poll_query_until('postgres', 'SELECT 1', '1')
	  : $node->start;
	@after = counts();
	my $sound = "@after" eq "@before" && !$ended
	  || "@after" eq join(' ', $before[0], $before[1] + $before[2], 0);

	$torn++ if !$sound || $after[1] + $after[2] != $after[0];
	diag("before @before, after @after") if !$sound;
	return;
}

# During single inserts of several sessions, and refreshes of another.
sub die_in_inserts
{
	my @busy = (pgbench($insert, 3, 60), pgbench($refresh, 1, 60));

	usleep(50_000 + rand(150_000));
	$node->stop('immediate');
	$_->{handle}->finish foreach @busy;
	$node->start;
	@after = counts();
	$torn++ if $after[1] + $after[2] != $after[0];
	diag("after @after") if $after[1] + $after[2] != $after[0];
	return;
}

foreach my $cycle (1 .. 100)
{
	$cycle % 2 ? die_in_refresh($cycle % 10 == 1) : die_in_inserts();
	$died++;
	$torn++ if $node->safe_psql('postgres', $answer) != 60;
}
is($died, 100, 'died a hundred times');
cmp_ok($learning, '>', 8, "in $learning of 50 refreshes before they ended");
is($torn, 0, 'each time all rows were either learnt or waiting, and the model served');
learn();
@after = counts();
is($after[1], $after[0], 'in the end each row was learnt once') or diag("@after");
is($after[2], 0, 'and none waits');
is(learn(), 0, 'nothing is new');

# --- standby, dump and restore -----------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('streaming_standby');

$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', q{INSERT INTO clicks VALUES (6000, 6001), (6000, 3)});
$node->wait_for_catchup($standby);
my $reader = start_session($standby);
my $serves = q{SELECT recadv_has_user(6000, 'shop'),
	6001 IN (SELECT item FROM recadv_topk(1, 1000, 'shop')),
	(SELECT md5(string_agg(t::text, ' ' ORDER BY rank)) FROM recadv_topk(6000, 20, 'shop') t)};

like($reader->query($serves)->{out}, qr/^t\|t\|/, 'a standby serves what was observed');
is($reader->query($serves)->{out}, $node->safe_psql('postgres', $serves), 'as the primary does');
foreach my $name ('recadv_observe', 'recadv_refresh')
{
	my $arguments = $name eq 'recadv_observe' ? q{'shop', 1, 1} : q{'shop'};

	$result = $reader->query("SELECT $name($arguments)");
	is($result->{state}, '25006', "$name on a standby");
	like($result->{err}, qr/\Q$name\E\(\)/, 'the error names it');
}
is(learn(), 2, 'refreshed');
$node->wait_for_catchup($standby);
is($reader->query($serves)->{out}, $node->safe_psql('postgres', $serves), 'the standby follows');
$reader->quit;
ok(healthy($standby), 'no process of the standby has crashed');
$standby->stop;

insert_many(50);
$node->safe_psql('postgres', q{SELECT recadv_observe('shop', 6002, 6003)});
@before = counts();
is($before[2], 51, 'events wait');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-Fc', '-f', "$directory/dump" ],
	'pg_dump');
command_ok([ 'pg_restore', '--exit-on-error', '-h', $node->host, '-p', $node->port, '-d', 'restored',
		"$directory/dump" ], 'pg_restore');
is($node->safe_psql('restored', $counts), join('|', @before), 'they were dumped and restored');
is($node->safe_psql('restored', q{SELECT recadv_has_user(6002, 'shop')}), 't', 'and are served');
is($node->safe_psql('restored', q{SELECT events, observed FROM recadv_refresh('shop')}), '51|51',
	'and learnt');
is($node->safe_psql('restored', q{SELECT events FROM recadv_refresh('shop')}), '0', 'once');
$node->safe_psql('restored', 'INSERT INTO clicks VALUES (6004, 1)');
is($node->safe_psql('restored', q{SELECT recadv_has_user(6004, 'shop')}), 't',
	'the trigger came along');
is(learn(), 51, 'where they came from they are learnt, too');
$node->stop;
done_testing();
