# The backend or the server is killed at a random moment of a training, a saving, a refresh, an
# observed INSERT, a rollback, a forgetting or while a model is loaded into the cache.  A twin in
# another database gets what was committed, and nothing cuts it off: after each round both have the
# same bytes and give the same answers, so nothing was lost, torn or learnt twice.
#
# RECADV_LONG=1: 200 rounds instead of 14; RECADV_ROUNDS, SEED: see RecadvTest.pm.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use RecadvTest;

# Seconds until a server that was killed must answer again.
my $limit = 60;

my $rounds = rounds(14, 200);
my $vacuum_every = 10;

random_seed();

my $node = new_server('kill', "shared_preload_libraries = 'recadv'",
	"recadv.shared_cache_size = '64MB'", 'restart_after_crash = on');
my @databases = ('postgres', 'twin');
my ($clock, $round, %seconds, %count) = (0, 0);

# --- two databases that begin alike --------------------------------------------------------------

my %stream = (lateness => 10000000, batch_size => 16, epochs => 2);

sub train
{
	my ($model, $algorithm, $seed, %more) = @_;
	my $times = $algorithm eq 'nmrn' ? "time_column => 'at', " : '';
	my $options = options(seed => $seed, epochs => 3, promote => '"always"', %more);

	$options =~ s/"adaptive_negatives": \d+, // if $algorithm eq 'nmrn';
	return "('$model', '" . ($model eq 'shelf' ? 'books' : 'clicks')
	  . "', ${times}algorithm => '$algorithm', options => '$options')";
}

sub train_feed { return train('feed', 'nmrn', $_[0], %stream) }

sub train_shelf { return train('shelf', 'bpr', $_[0], factors => 64, epochs => 1) }

sub image
{
	my ($seed) = @_;

	return q{recadv_fit(user_id, item_id, '} . options(algorithm => '"bpr"', seed => $seed, epochs => 3)
	  . q{')};
}

$node->safe_psql('postgres', 'CREATE DATABASE twin');
$node->safe_psql('twin', 'CREATE EXTENSION recadv');
foreach my $database (@databases)
{
	$node->safe_psql($database, q{
		CREATE TABLE done (round int);
		CREATE TABLE clicks (user_id int, item_id int, at timestamptz);
		INSERT INTO clicks SELECT u, 1 + (u * 7 + n * 13) % 90,
		                          timestamptz '2020-01-01' - n * interval '1 second'
		FROM generate_series(1, 200) u, generate_series(1, 10) n;
		CREATE TABLE books AS SELECT n % 900 AS user_id, n AS item_id FROM generate_series(1, 30000) n;
		CREATE TABLE images AS SELECT } . image(1) . q{ AS image FROM clicks});
	$node->safe_psql($database, "SELECT recadv_train$_")
	  foreach (train_feed(1), train_feed(2), train('shop', 'bpr', 1), train('shop', 'bpr', 2),
		train_shelf(1), train_shelf(2));
	$node->safe_psql($database, q{SELECT recadv_attach('feed', on_error => 'error')});
}

# --- what is done, and cut off -------------------------------------------------------------------

# Times are data: each event has one of its own, so that their order is the same for both.
sub clicks
{
	my ($rows) = @_;
	my $first = $clock;

	$clock += $rows;
	return qq{INSERT INTO clicks
		SELECT 1 + hashint4(n) & 255, 1 + hashint4(n * 7) & 127,
		       timestamptz '2020-01-01' + n * interval '1 second'
		FROM generate_series($first, $clock - 1) n};
}

sub observe_and_insert
{
	my $at = "timestamptz '2020-01-01' + $clock * interval '1 second'";
	my $user = 1 + int(rand(300));

	$clock++;
	return "SELECT recadv_observe('feed', $user, 7, $at);\n"
	  . "INSERT INTO clicks VALUES ($user, 7, $at)";
}

# To the other version that is kept.
sub rollback
{
	my ($model) = @_;

	return "SELECT recadv_rollback('$model', (SELECT max(version) FROM $model WHERE part = 'header'"
	  . " AND version <> (SELECT version FROM recadv_models WHERE name = '$model')))";
}

# Sizes and seeds are drawn once, so that the twin gets the very same.
my %work = (
	'train' => sub { 'SELECT recadv_train' . train('shop', 'bpr', $round) },
	'train a stream' => sub { 'SELECT recadv_train' . train_feed($round) },
	'job' => sub { 'CALL recadv_train_job' . train('shop', 'als', $round, factors => 8) =~
		  s/"(batch_size|adaptive_negatives|learning_rate|optimizer)": [^,]*, //gr },
	'save' => sub { q{SELECT recadv_save('shop', image) FROM images} },
	'fit and save' => sub { q{SELECT recadv_save('shop', } . image($round) . ') FROM clicks' },
	'refresh' => sub { clicks(1 + int(rand(1500))) . ";\nSELECT recadv_refresh('feed', "
		  . (rand() < 0.5 ? 'true' : 'false') . ')' },
	'refresh what waits' => sub { q{SELECT recadv_refresh('feed', false)} },
	'observe few' => sub { clicks(1 + int(rand(20))) },
	'observe many' => sub { clicks(1024 + int(rand(2000))) },
	'observe and insert' => \&observe_and_insert,
	'rollback' => sub { rollback('shop') },
	'rollback of a stream' => sub { rollback('feed') },
	'rollback of many items' => sub { rollback('shelf') },
	'forget' => sub { q{SELECT recadv_forget('shop', } . (1 + int(rand(256))) . ')' },
	'load' => sub { q{SELECT count(*) FROM recadv_topk(} . (1 + int(rand(800))) . q{, 10, 'shelf')} });

# In one transaction with a row that tells whether it was committed; a job has transactions of its own.
sub statements
{
	my ($name) = @_;
	my $sql = $work{$name}->();

	return $name eq 'job' ? $sql : "BEGIN;\n$sql;\nINSERT INTO done VALUES ($round);\nCOMMIT";
}

my %deaths = (
	'the backend' => \&kill_backend,
	'the server' => \&kill_server,
	'all at once' => \&stop_immediately);

# --- what there is -------------------------------------------------------------------------------

# Bytes of all that a version is; without the times of day, the log of runs, which has those that were
# cut off, and the random numbers in version 0.
my $digest = q{
	SELECT md5(string_agg(md5(part || ' ' || what), ' ' ORDER BY version, part, block, what)) FROM (
		SELECT version, part, block, CASE
			WHEN part = 'header' THEN (recadv_info('MODEL', version) - 'refreshed' - 'saved'
				#- '{training,seconds}' #- '{training,started}' #- '{training,phases}')::text
			WHEN part = 'current' THEN substr(data, 33, 8)::text
			WHEN part ~ '^(event|item)s?:?' AND version = 0 THEN substr(data, 33)::text
			ELSE md5(data) END AS what
		FROM (SELECT version, part, CASE WHEN version > 0 THEN block ELSE 0 END AS block, data
		      FROM MODEL WHERE part NOT IN
		      ('history', 'run', 'last_run', 'trainings', 'refreshes')) rows) whats};

my $answers = q{SELECT md5(string_agg(r::text, ' ' ORDER BY m, u, r.rank))
	FROM unnest('{feed,shop,shelf}'::text[]) m, generate_series(1, 300, 13) u,
	     LATERAL recadv_topk(u, 5, m) r};

# Rows of the source, events that were learnt, rows of events that wait.
my $counts = q{SELECT concat_ws(' ', (SELECT count(*) FROM clicks),
	recadv_info('feed') #>> '{stream,events}',
	(SELECT count(*) FROM feed WHERE version = 0 AND part ~ '^(event|item)'))};

# All of it, by name.
my $state = join ' UNION ALL ', "SELECT 'answers', ($answers)", "SELECT 'counts', ($counts)",
  map { "SELECT 'bytes of $_', (" . ($digest =~ s/MODEL/$_/gr) . ')' } ('feed', 'shop', 'shelf');

sub state_of
{
	my ($database) = @_;

	return map { split /\|/ } split /\n/, $node->safe_psql($database, $state);
}

# In what the twins differ.
sub differences
{
	my %one = state_of('postgres');
	my %two = state_of('twin');

	return join ', ', map { "$_: $one{$_} and not $two{$_}" } grep { $one{$_} ne $two{$_} } sort keys %one;
}

# Was what was cut off committed?  A job is, if there is a new version.
my $newest = 'SELECT max(version) FROM shop';

sub is_done
{
	my ($name, $before) = @_;

	return $node->safe_psql('postgres', $name eq 'job' ? "SELECT (($newest) > $before)::int"
		: "SELECT count(*) FROM done WHERE round = $round");
}

# --- a round -------------------------------------------------------------------------------------

sub first_error
{
	my ($result) = @_;

	return ($result->{err} =~ /ERROR:  (.*)/)[0] // '';
}

sub on_twin
{
	my ($sql) = @_;
	my $twin = start_session($node, database => 'twin');
	my $result = $twin->query($sql);

	$twin->quit;
	return $result;
}

# What goes wrong here is told by one line per round.
sub check_round
{
	my ($name, $death, $part, $result, $done, $sql) = @_;
	my $what = sprintf '%s killed at %.2f of "%s" (%s)', $death, $part, $name,
	  $done ? 'committed' : $result->{state} eq '' ? 'cut off' : $result->{state};
	my $wrong = '';

	if ($done || first_error($result) =~ /^(?!57P0)\w{5}:/)
	{
		my $twins = on_twin($sql);

		$wrong = "the twin said '" . first_error($twins) . "' and not '" . first_error($result) . "'"
		  if first_error($twins) ne first_error($result) && !$done;
		$wrong = $twins->{err} if $done && first_error($twins) ne '';
		$seconds{$name} = $twins->{seconds} if first_error($twins) eq '';
	}
	$wrong ||= differences();
	diag($sql) if $wrong;
	return is($wrong, '', "round $round: $what");
}

sub die_once
{
	my ($name, $death) = @_;
	my $sql = statements($name);
	my $before = $node->safe_psql('postgres', $newest);
	my $session = start_session($node);
	my $part = rand(1.1);
	my ($ended, $killed, $result, $up, $done);

	$session->send($sql);
	usleep($part * ($seconds{$name} // 0.1) * 1e6);
	$ended = $session->ended && first_error({ err => $session->{err} }) eq '';
	$count{ended} += $ended;
	$killed = time;
	$deaths{$death}->($node, $session);
	$up = time - $killed;
	$result = $session->finish;
	$session->quit;
	cmp_ok($up, '<', $limit, "round $round: the server is up again") if $up >= $limit;
	$done = is_done($name, $before);
	ok(0, "round $round: what was told to be committed is there") if $ended && !$done;
	return check_round($name, $death, $part, $result, $done, $sql);
}

# --- all rounds ----------------------------------------------------------------------------------

# Each kind of work once without a death: how long does it take, and are both the same at all?
foreach my $name (sort keys %work)
{
	my $sql = statements($name);
	my $session = start_session($node);

	is($session->query($sql)->{err} =~ s/.*NOTICE.*\n//gr, '', "$name: undisturbed");
	$session->quit;
	$seconds{$name} = on_twin($sql)->{seconds};
}
is(differences(), '', 'the twins are alike');

my (@names, @ways);

sub drawn
{
	my ($from, @all) = @_;

	@$from = sort { $a->[1] <=> $b->[1] } map { [ $_, rand ] } @all if !@$from;
	return (shift @$from)->[0];
}

sub vacuum
{
	$node->safe_psql($_, 'VACUUM') foreach @databases;
	return;
}

foreach (1 .. $rounds)
{
	my ($name, $death);

	$round++;
	$name = drawn(\@names, sort keys %work);
	$death = drawn(\@ways, sort keys %deaths);
	$count{failed} += !die_once($name, $death);
	vacuum() if $round % $vacuum_every == 0;
}
note(($count{ended} // 0) . " of $rounds ended before they were killed");
cmp_ok($count{ended} // 0, '<', $rounds >= 50 ? 0.7 * $rounds : $rounds, 'some, of many rounds most, were cut off');

# --- in the end ----------------------------------------------------------------------------------

$node->safe_psql($_, q{SELECT recadv_refresh('feed')}) foreach @databases;
like($node->safe_psql('postgres', $counts), qr/^(\d+) \1 0$/,
	'each row of the source was learnt once, none waits')
  or diag($node->safe_psql('postgres', $counts));
is(differences(), '', 'and the twins are still alike');

sub sizes
{
	my ($database) = @_;

	return $node->safe_psql($database, q{
		SELECT sum(pg_total_relation_size(m::regclass)) FROM unnest('{feed,shop,shelf}'::text[]) m});
}

# Files that belong to nothing: a crash leaves them where it cuts off what made a relation.
sub orphans
{
	my ($database) = @_;

	return $node->safe_psql($database, q{
		SELECT count(*) FROM pg_database d, pg_ls_dir('base/' || d.oid) AS file
		WHERE datname = current_database() AND file ~ '^[0-9]+$'
		AND file NOT IN (SELECT pg_relation_filenode(oid)::text FROM pg_class
		                 WHERE pg_relation_filenode(oid) IS NOT NULL)});
}

vacuum();
my ($size, $twins) = map { sizes($_) } @databases;
diag(sprintf '%d rounds, %d failures; %d MB after VACUUM, the twin %d MB', $rounds,
	$count{failed} // 0, $size / 1048576, $twins / 1048576);
cmp_ok($size, '<', 2 * $twins + 20e6, 'VACUUM makes room of what was cut off');
foreach my $database (@databases)
{
	$node->safe_psql($database, 'VACUUM FULL feed, shop, shelf');
}
($size, $twins) = map { sizes($_) } @databases;
# The log of runs that were cut off stays.
cmp_ok(abs($size - $twins), '<', 0.02 * $twins + 65536, 'VACUUM FULL makes the sizes equal')
  or diag("$size, $twins");
$node->safe_psql('postgres', 'CHECKPOINT'); # which removes what was dropped
is(orphans('postgres'), '0', 'no file is left behind');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_ls_tmpdir()}), '0', 'no temporary file');
is($node->safe_psql('postgres', q{SELECT count(*) FROM recadv_runs('shop') r
		JOIN pg_stat_activity a USING (pid) WHERE r.status = 'running'}), '0', 'no run goes on');
$node->stop;
done_testing();
