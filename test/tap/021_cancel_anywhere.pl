# Cancel, statement_timeout and terminate at random moments of every call that can take long: the
# call ends with that error or with its result, nothing of it stays, and the others are served.
#
# RECADV_LONG=1: larger data, 200 rounds instead of one for each call; then it prints how long
# the reactions took, of which 95 of 100 shall be within 200 ms on a machine that has nothing else
# to do.  RECADV_ROUNDS, SEED: see RecadvTest.pm.  CALLS: only those whose name matches.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use RecadvTest;

# Times the data of the short form.
my $scale = long_form() ? 6 : 1;

# Seconds of an undisturbed call after which it is long enough for every moment of interest.
my $cap = long_form() ? 15 : 1.5;

# A call that has not ended by then hangs.
$RecadvTest::patience = 300;

random_seed();

my $node = new_server('anywhere', "recadv.max_memory = '4GB'", "shared_preload_libraries = 'recadv'",
	"recadv.shared_cache_size = '512MB'", 'log_min_messages = warning', 'max_wal_size = 16GB');

# --- data and models -----------------------------------------------------------------------------

sub call
{
	my ($function, $model, $source, $algorithm, %option) = @_;
	my $times = $source =~ /^events/ ? "time_column => 'at', " : '';
	my %all = (threads => 2, seed => 1, holdout => '"none"', %option);
	my $options = join ', ', map { "\"$_\": $all{$_}" } grep { defined $all{$_} } sort keys %all;

	return "$function('$model', '$source', ${times}algorithm => '$algorithm', options => '{$options}')";
}

sub train { return 'SELECT recadv_train' . call('', @_) }

# Of slates, or of acts.
sub train_policy
{
	my ($model, $source, $algorithm, $more, %option) = @_;
	my %all = (threads => 2, seed => 1, %option);
	my $options = join ', ', map { "\"$_\": $all{$_}" } sort keys %all;

	return "SELECT recadv_train_policy('$model', '$source', algorithm => '$algorithm', ${more}options => '{$options}')";
}

my $users = 4000 * $scale;
my $items = 4000 * $scale;

make_orders($node, 'orders', 2000, 500, 20);
make_orders($node, 'visits', $users, $items, 10);
$node->safe_psql('postgres', qq{
	CREATE TABLE texts AS SELECT md5((i / 3)::text) AS user_id, md5((i % 5000)::text) AS item_id
	FROM generate_series(1, 60000 * $scale) i;
	CREATE TABLE events (user_id int, item_id int, at timestamptz);
	INSERT INTO events SELECT hashint4(i) & 4095, hashint4(i * 7) & 1023,
	                          timestamptz '2020-01-01' + i * interval '1 second'
	FROM generate_series(1, 10000 * $scale) i;
	CREATE TABLE slates AS SELECT * FROM recadv_play_clicks('click_bait', 'random', 1000 * $scale);
	CREATE TABLE acts AS SELECT * FROM recadv_play_acts(sessions => 500 * $scale);
	CREATE TABLE image AS SELECT recadv_fit(user_id, item_id,
		'{"algorithm": "bpr", "epochs": 1, "holdout": "none"}') AS image FROM visits;
	ANALYZE});
$node->safe_psql('postgres', $_)
  foreach (train('shop', 'orders', 'bpr', epochs => 3),
	map({ train('large', 'visits', 'bpr', epochs => 1, factors => 128, seed => $_) } 1, 2),
	train('measured', 'visits', 'bpr', epochs => 1, holdout => '"random"'),
	train('feed', 'events', 'nmrn', epochs => 1, lateness => 100000000),
	train('waiting', 'events', 'nmrn', epochs => 1, lateness => 100000000),
	train_policy('visitors', 'slates', 'irecgan', '', rounds => 0),
	train_policy('front', 'slates', 'sl', '', pretrain_iterations => 50, iterations => 10),
	train_policy('market', 'acts', 'ma_rdpg', "reward_column => 'reward', ", iterations => 10));

# What waits for a refresh: events of many users, and very many of one user.
my $waiting = long_form() ? 800000 : 30000;

$node->safe_psql('postgres', qq{
	SELECT recadv_attach('waiting', on_error => 'error');
	INSERT INTO events SELECT hashint4(i) & 16383, hashint4(i * 7) & 8191,
	                          timestamptz '2020-02-01' + i * interval '1 second'
	FROM generate_series(1, 30000 * $scale) i;
	INSERT INTO events SELECT 1, hashint4(i) & 65535, timestamptz '2020-03-01' + i * interval '1 second'
	FROM generate_series(1, $waiting) i;
	SELECT recadv_detach('waiting');
	SELECT recadv_attach('feed')});

my $answers = topk_of($node, 'shop');

# --- calls ---------------------------------------------------------------------------------------

my $crowd = '(SELECT user_id * 10 + n AS user_id, item_id FROM visits, generate_series(1, 5) n)';
my $later = '(SELECT user_id, (item_id + 7) % 500 AS item_id FROM visits)';
my $rows = 20000 * $scale;
my $load = qq{INSERT INTO events SELECT hashint4(i) & 4095, %s, timestamptz '2020-04-01' + i * interval '1s'
	FROM generate_series(1, $rows) i};

my %calls = (
	'train bpr' => train('shop', 'visits', 'bpr', epochs => 5),
	'train bpr, validated' => train('shop', 'visits', 'bpr', epochs => 3, evaluate_every => 1,
		holdout => '"random"', validation_users => 0, patience => 0),
	'train bpr, batches' => train('shop', 'visits', 'bpr', epochs => 3, batch_size => 10000),
	'train amf' => train('shop', 'visits', 'amf', epochs => 2, adv_epochs => 3),
	'train als' => train('shop', 'visits', 'als', epochs => 3),
	'train als, searched' => train('shop', 'visits', 'als', holdout => '"random"'),
	'train softmax' => train('shop', 'visits', 'softmax', epochs => 3, holdout => '"random"'),
	'train itemknn' => train('shop', 'visits', 'itemknn'),
	'train nmrn' => train('shop', 'events', 'nmrn', epochs => 3),
	'train nmrn_gan' => train('shop', 'events', 'nmrn_gan', epochs => 3),
	'train sasrec' => train('shop', 'events', 'sasrec', epochs => 3),
	'train neumf' => train('shop', 'orders', 'neumf', epochs => 1),
	'train cdae' => train('shop', 'orders', 'cdae', epochs => 8),
	'train irgan' => train('shop', 'orders', 'irgan', epochs => 5, adv_epochs => 1, discriminator_epochs => 5,
		generator_epochs => 1),
	'train irecgan' => train_policy('returns', 'slates', 'irecgan', '', epochs => 1, rounds => 2,
		discriminator => 'true', rollouts => 20),
	'train user_response' => train_policy('answers', 'slates', 'user_response', '', epochs => 8),
	'train hac' => train_policy('front', 'slates', 'hac', "simulator => 'visitors', ", iterations => 200, check_every => 50),
	'train ma_rdpg' => train_policy('market', 'acts', 'ma_rdpg', "reward_column => 'reward', ", iterations => 60),
	'simulate' => q{SELECT count(*) FROM recadv_simulate('visitors', 'front', 3000, 10, 0.1)},
	'play clicks' => q{SELECT count(*) FROM recadv_play_clicks('click_bait', 'visitors', 3000)},
	'play acts' => q{SELECT count(*) FROM recadv_play_acts('market', 'market', 10000)},
	'evaluate_policy' => q{SELECT count(*) FROM recadv_evaluate_policy('front', 'slates')},
	'train popularity, many rows' => train('shop', $crowd, 'popularity', threads => undef),
	'train popularity, texts' => train('fresh', 'texts', 'popularity', threads => undef),
	'train, warm start' => train('large', 'visits', 'bpr', epochs => 1, factors => 128,
		warm_start => 'true'),
	'train, choosing' => train('fresh', 'orders', 'auto', holdout => '"random"'),
	'train, compared with what serves' => train('measured', $later, 'popularity', threads => undef,
		holdout => '"random"', promote => '"better"'),
	'job' => 'CALL recadv_train_job' . call('', 'jobs', 'visits', 'bpr', epochs => 3),
	'fit' => q{SELECT length(recadv_fit(user_id, item_id,
		'{"algorithm": "bpr", "epochs": 2, "holdout": "none"}')) FROM visits},
	'fit, many groups' => q{SELECT count(*) FROM (SELECT recadv_fit(user_id, item_id,
		'{"algorithm": "bpr", "epochs": 2, "holdout": "none"}') FROM orders GROUP BY user_id % 50) fits},
	'save' => q{SELECT recadv_save('shop', image) FROM image},
	'refresh' => q{SELECT recadv_refresh('waiting', false)},
	'refresh, measured' => q{SELECT recadv_refresh('waiting', true)},
	'observe a load' => sprintf($load, 'hashint4(i * 7) & 1023'),
	'observe a load of new items' => sprintf($load, '10000 + i'),
	'observe one by one' => qq{SELECT count(recadv_observe('feed', i, i, timestamptz '2020-04-01'))
		FROM generate_series(1, $rows / 20) i},
	'retrain with events that wait' => train('waiting', 'events', 'nmrn', epochs => 1),
	'forget' => q{SELECT recadv_forget('waiting', 1)},
	'forget the first' => q{SELECT recadv_forget('large', 1)},
	'rollback' => q{SELECT recadv_rollback('large')},
	'topk_all' => q{SELECT count(*) FROM recadv_topk_all('large', 10)},
	'topk_all, live' => q{SELECT count(*) FROM recadv_topk_all('large', 10, seen => 'live')},
	'topk of many' => q{SELECT count(*) FROM generate_series(1, 2000) u,
		LATERAL recadv_topk(u, 10, 'large') r},
	'topk with much that waits' => q{SELECT count(*) FROM recadv_topk(1, 10, 'waiting')},
	'topk of an image' => q{SELECT count(*) FROM image, generate_series(1, 20) u,
		LATERAL recadv_image_topk(image, u, 10) r},
	'topk, cold' => q{SET recadv.cache_size = 0; SELECT count(*) FROM generate_series(1, 20) u,
		LATERAL recadv_topk(u, 10, 'large') r; RESET recadv.cache_size},
	'topk_for' => q{SELECT count(*) FROM generate_series(1, 500) u,
		LATERAL recadv_topk_for(ARRAY[u, u + 1, u + 2], 10, 'large') r},
	'similar_items' => q{SELECT count(*) FROM generate_series(1, 200) u,
		LATERAL recadv_similar_items(u, 10, 'large') r},
	'similar_users' => q{SELECT count(*) FROM generate_series(1, 50) u,
		LATERAL recadv_similar_users(u, 10, 'large') r},
	'explain' => q{SELECT count(*) FROM generate_series(1, 2000) u,
		LATERAL recadv_explain(u, u % 100, 3, 'large') r},
	'embeddings' => q{SELECT count(*) FROM recadv_embeddings('large', 'user')},
	'memory' => q{SELECT count(*) FROM generate_series(1, 20), LATERAL recadv_memory('feed', 5) r},
	'evaluate' => qq{SELECT count(*) FROM recadv_evaluate('large', '$later')},
	'evaluate popularity, slow' => q{SELECT count(*) FROM recadv_evaluate('shop',
		'(SELECT user_id, (item_id + 7) % 500 AS item_id, pg_sleep(0.001) FROM orders)')},
	'robustness' => q{SELECT count(*) FROM recadv_robustness('measured', '{0.5,1}')},
	'evaluate_stream' => q{SELECT count(*) FROM recadv_evaluate_stream('events', time_column => 'at',
		algorithm => 'nmrn', options => '{"epochs": 1}')});

%calls = map { $_ => $calls{$_} } grep { $_ =~ /$ENV{CALLS}/ } keys %calls if defined $ENV{CALLS};

# --- one call ------------------------------------------------------------------------------------

my $session = start_session($node);
my $watcher = start_session($node);
my ($sent, $heeded) = (0, 0);
my (%seconds, %slowest, @reactions, @processor, @slow);

# What it does is undone, so that each round begins with the same.
sub undone
{
	my ($name) = @_;

	return $name eq 'job' ? $calls{$name} : "BEGIN;\n$calls{$name};\nROLLBACK";
}

sub reacted
{
	my ($name, $way, $seconds, $moment) = @_;

	push @reactions, $seconds;
	push @slow, sprintf '%.3f s: %s, %s after %.3f s', $seconds, $name, $way, $moment
	  if $seconds > 0.2;
	$slowest{$name} = $seconds if $seconds > ($slowest{$name} // 0);
	return;
}

sub with_timeout
{
	my ($name, $milliseconds) = @_;
	my $result;

	$session->query("SET statement_timeout = $milliseconds");
	$result = $session->query(undone($name));
	$session->query('SET statement_timeout = 0');
	return $result;
}

# Seconds that the main thread of a process has had a processor, which do not depend on others.
sub processor_time
{
	my ($pid) = @_;

	my $line = -e "/proc/$pid/schedstat" && eval { slurp_file("/proc/$pid/schedstat") };

	return $line ? (split ' ', $line)[0] / 1e9 : undef;
}

# Until the statement ends, or the process, whose time can be read as long as it is there.
sub used_until_end
{
	my ($victim, $before) = @_;
	my $end = time + $RecadvTest::patience;
	my $last = $before;

	while (!$victim->ended && time < $end)
	{
		$last = processor_time($victim->{pid}) // $last;
		usleep(1000);
	}
	return (processor_time($victim->{pid}) // $last) - $before;
}

# How long it takes when nothing stops it before $cap.
sub whole
{
	my ($name) = @_;
	my $result = with_timeout($name, int($cap * 1000));

	like($result->{state}, qr/^(57014)?$/, "$name: works") or diag($result->{err});
	reacted($name, 'timeout', $result->{seconds} - $cap, $cap) if $result->{state} ne '';
	return $result->{seconds};
}

sub timeout
{
	my ($name, $moment) = @_;
	my $milliseconds = int($moment * 1000) + 1;
	my $result = with_timeout($name, $milliseconds);

	reacted($name, 'timeout', $result->{seconds} - $milliseconds / 1000, $moment)
	  if $result->{state} ne '';
	return $result;
}

# A cancel that comes before the statement does is lost.
sub begun
{
	my ($victim) = @_;

	return $watcher->query("SELECT state <> 'idle' AND query !~ '^BEGIN' FROM pg_stat_activity"
		  . " WHERE pid = $victim->{pid}")->{out} eq 't';
}

# The signal that pg_cancel_backend() or pg_terminate_backend() sends.
sub signal
{
	my ($victim, $signal, $name, $moment) = @_;
	my ($asked, $used, $result);

	$victim->send(undone($name));
	usleep($moment * 1e6);
	wait_until(sub { begun($victim) || $victim->ended });
	if ($victim->ended) # too late
	{
		$result = $victim->finish;
		kill $signal, $victim->{pid};
		return $result;
	}
	$used = processor_time($victim->{pid});
	$asked = time;
	kill $signal, $victim->{pid};
	$used = used_until_end($victim, $used);
	$result = $victim->finish;
	$result->{used} = $used;
	$sent++;
	$heeded++ if $result->{state} ne '';
	push @processor, $used if $result->{state} ne '';
	reacted($name, $signal, time - $asked, $moment) if $result->{state} ne '';
	return $result;
}

sub cancel
{
	my ($name, $moment) = @_;

	return signal($session, 'INT', $name, $moment);
}

sub terminate
{
	my ($name, $moment) = @_;
	my $victim = start_session($node);
	my $result = signal($victim, 'TERM', $name, $moment);

	wait_until(sub { !-e "/proc/$victim->{pid}" });
	$result->{gone} = !-e "/proc/$victim->{pid}";
	$victim->quit;
	return $result;
}

my %ways = (
	cancel => [ \&cancel, qr/^(57014)?$/ ],
	timeout => [ \&timeout, qr/^(57014)?$/ ],
	terminate => [ \&terminate, qr/^(57P01)?$/ ]);

sub interrupt
{
	my ($round, $name, $way) = @_;
	my $moment = rand($seconds{$name});
	my ($act, $state) = @{ $ways{$way} };
	my $result = $act->($name, $moment);
	my @wrong;

	push @wrong, "state '$result->{state}': $result->{err}" if $result->{state} !~ $state;
	push @wrong, 'it hangs' if $result->{timed_out};
	push @wrong, sprintf 'it went on for %.1f s of processor time', $result->{used}
	  if ($result->{used} // 0) > 0.5;
	push @wrong, 'the process is still there' if exists $result->{gone} && !$result->{gone};
	push @wrong, threads_of($session->{pid}) . ' threads' if threads_of($session->{pid}) != 1;
	push @wrong, 'locks' if !no_locks($node, $session->{pid});
	push @wrong, 'other answers' if topk_of($node, 'shop') ne $answers;
	push @wrong, 'an open transaction'
	  if $session->query('SELECT now() = statement_timestamp()')->{out} ne 't';
	return is(join('; ', @wrong), '',
		sprintf 'round %d: %s: %s after %.3f of %.3f s', $round, $name, $way, $moment, $seconds{$name});
}

# --- all calls -----------------------------------------------------------------------------------

my (@names, $memory);

$seconds{$_} = whole($_) foreach sort keys %calls;
$memory = memory_of($session->{pid});
foreach my $round (1 .. rounds(scalar keys %calls, 200))
{
	@names = sort { $a->[1] <=> $b->[1] } map { [ $_, rand ] } sort keys %calls if !@names;
	interrupt($round, (shift @names)->[0], (sort keys %ways)[ int(rand(3)) ]);
}
# It may come between two statements, or when the last is done.
cmp_ok($heeded, '>=', 0.5 * $sent, "$heeded of $sent signals ended a call that ran");
cmp_ok(memory_of($session->{pid}), '<', $memory + 64, 'no memory was lost');
is($session->query(train('shop', 'orders', 'bpr', epochs => 3))->{state}, '', 'a training still works');
ok(healthy($node), 'no process has crashed');
diag(sprintf '%d reactions: half within %.3f s, 95 of 100 within %.3f s, all within %.3f s; %s',
	scalar @reactions, percentile(0.5, @reactions), percentile(0.95, @reactions),
	percentile(1, @reactions), load_average());
diag(sprintf 'processor time of %d of them: half within %.3f s, 95 of 100 within %.3f s, all within %.3f s',
	scalar @processor, percentile(0.5, @processor), percentile(0.95, @processor),
	percentile(1, @processor)) if @processor;
cmp_ok(percentile(0.95, @processor), '<=', 0.2, 'of the main thread\'s processor time') if @processor;
if (long_form())
{
	diag("slower than 200 ms: $_") foreach sort { $b cmp $a } @slow;
}
$session->quit;
$node->stop;
done_testing();
