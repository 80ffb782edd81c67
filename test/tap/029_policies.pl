# Policies and simulators on real servers: cancelled in every phase, killed, dumped, restored, served
# by a standby; a job commits between its phases, and logs what fails.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use RecadvTest;

my $node = new_server('policies', 'wal_level = replica', 'max_wal_senders = 4', 'restart_after_crash = on');
my $watcher = start_session($node);
my $session = start_session($node);

# Sessions of three tastes; what is of the session's taste is clicked more often.
$node->safe_psql('postgres', q{
	CREATE FUNCTION chance(text) RETURNS int IMMUTABLE LANGUAGE sql
	RETURN (('x' || substr(md5($1), 1, 7))::bit(28)::int);
	CREATE TABLE slates AS
	SELECT s AS session_id, t AS step, shown,
	       array(SELECT i FROM unnest(shown) i
	             WHERE chance(s || '/' || t || '/' || i) % 60 < CASE WHEN i % 3 = s % 3 THEN 48 ELSE 10 END)
	           AS clicked
	FROM generate_series(1, 300) s, generate_series(1, 5) t,
	     LATERAL (SELECT array_agg(i) AS shown
	              FROM (SELECT i FROM generate_series(1, 60) i
	                    ORDER BY chance('shown' || s || '/' || t || '/' || i) LIMIT 5) x) y;
	CREATE TABLE many AS SELECT s * 300 + session_id AS session_id, step, shown, clicked
	FROM slates, generate_series(1, 40) s;
	CREATE TABLE acts AS
	SELECT s AS session_id, t AS step, CASE t % 2 WHEN 1 THEN 'search' ELSE 'shop' END AS scenario,
	       ARRAY[s % 2, chance('o' || s || t) / 268435456.0]::real[] AS observation,
	       ARRAY[a, 1 - a]::real[] AS action, (a * (s % 2))::real AS reward
	FROM generate_series(1, 300) s, generate_series(1, 4) t,
	     LATERAL (SELECT (chance(s || 'a' || t) + 0.5) / 268435456 AS a) x});

my %short = (factors => 8, iterations => 100, check_every => 50, check_sessions => 30,
	pretrain_iterations => 50, learning_starts => 20, slate => 5, seed => 1, threads => 2);

sub policy_options
{
	my (%more) = @_;
	my %option = (%short, %more);

	return '{' . join(', ', map { qq{"$_": $option{$_}} } sort keys %option) . '}';
}

sub train_policy
{
	my ($model, $source, %more) = @_;

	return "SELECT version FROM recadv_train_policy('$model', '$source', simulator => 'visitors', options => '"
	  . policy_options(%more) . "')";
}

sub train_visitors
{
	my ($model, $source, $options) = @_;

	return "SELECT version FROM recadv_train_policy('$model', '$source', algorithm => 'user_response',"
	  . " options => '$options')";
}

# Of acts: the option environment instead of a source learns in a world.
sub train_acts
{
	my ($model, $source, $options) = @_;

	return "SELECT version FROM recadv_train_policy('$model', "
	  . ($source eq '' ? 'NULL' : "'$source', reward_column => 'reward'")
	  . ", algorithm => 'ma_rdpg', options => '{$options}')";
}

my $brief = '"iterations": 30, "actor_start": 5, "batch": 12, "hidden": 8, "message": 4, "seed": 1, "threads": 2';
my $visitors_options = '{"factors": 8, "epochs": 2, "seed": 1}';

is($node->safe_psql('postgres', train_visitors('visitors', 'slates', $visitors_options)), 1, 'a simulator');
is($node->safe_psql('postgres', train_policy('front', 'slates')), 1, 'a policy');
is($node->safe_psql('postgres', train_acts('market', 'acts', $brief)), 1, 'one that acts');
$node->safe_psql('postgres', q{CREATE TABLE visits AS SELECT s AS id, a.state_after AS state
	FROM generate_series(1, 20) s, recadv_act('market', 'search', ARRAY[s % 2, s / 20.0]) a});

my $everything = q{
	SELECT md5(string_agg(r::text, ' ' ORDER BY i, r.rank))
	FROM generate_series(1, 20) i, LATERAL recadv_topk_for(ARRAY[i, i + 3]::bigint[], 10, 'front') r;
	SELECT md5(string_agg(r::text, ' ' ORDER BY i, r.rank))
	FROM generate_series(1, 20) i, LATERAL recadv_similar_items(i, 10, 'front') r;
	SELECT md5(string_agg(r::text, ' ')) FROM recadv_embeddings('front', 'item') r;
	SELECT md5(recadv_info('front')::text) || md5(recadv_info('visitors')::text);
	SELECT md5(string_agg(r::text, ' ')) FROM recadv_history('front') r;
	SELECT md5(string_agg(r::text, ' ' ORDER BY id))
	FROM visits v, recadv_act('market', 'shop', ARRAY[1, id / 20.0], v.state, 0.2, id) r;
};
my $answers = $node->safe_psql('postgres', $everything);

# --- cancel -------------------------------------------------------------------------------------

sub in_stage
{
	my ($pattern) = @_;

	return sub {
		my ($call) = @_;

		return wait_until(sub { $call->ended || $watcher->query("SELECT stage FROM recadv_progress"
				  . " WHERE pid = $call->{pid}")->{out} =~ $pattern })
		  && !$call->ended;
	};
}

sub sleeping
{
	my ($call) = @_;

	return wait_until(sub { ($watcher->query("SELECT wait_event FROM pg_stat_activity"
				  . " WHERE pid = $call->{pid}")->{out}) eq 'PgSleep' });
}

sub check_cancel
{
	my ($label, $sql, $wait, $pause) = @_;
	my $before = memory_of($session->{pid});
	my ($result, $asked);

	$session->send($sql);
	ok($wait->($session), "$label: got there") or diag($session->{err});
	usleep(1e6 * $pause) if $pause;
	$asked = time;
	$watcher->query("SELECT pg_cancel_backend($session->{pid})");
	$result = $session->finish;
	diag(sprintf('%s: reacted after %.3f s', $label, time - $asked));
	is($result->{state}, '57014', "$label: cancelled") or diag($result->{err});
	is(threads_of($session->{pid}), 1, "$label: one thread");
	ok(no_locks($node, $session->{pid}), "$label: no locks");
	cmp_ok(memory_of($session->{pid}), '<', $before + 40, "$label: memory is back");
	is($node->safe_psql('postgres', $everything), $answers, "$label: the old version serves");
	return;
}

my $endless = 1000000;
my $slow = '(SELECT session_id, step, shown, clicked, pg_sleep(0.02) FROM slates)';

check_cancel('read, slow source', train_policy('front', $slow), \&sleeping);
check_cancel('read, many rows', train_policy('front',
		'(SELECT session_id * 1000 + n AS session_id, step, shown, clicked FROM slates, generate_series(1, 1000) n)'),
	in_stage(qr/read/), 0.3);
# It stops when it gets no better, so it is the first epochs that have to last.
check_cancel('simulator, fit', train_visitors('visitors',
		'(SELECT session_id * 10 + n AS session_id, step, shown, clicked FROM many, generate_series(0, 7) n)',
		qq[{"factors": 512, "epochs": 10000}]),
	in_stage(qr/^(?!read|map|$)/), 0.1);
check_cancel('pre-training', train_policy('front', 'many', pretrain_iterations => $endless, factors => 64),
	in_stage(qr/search|log/), 0.3);
check_cancel('training', train_policy('front', 'slates', iterations => $endless, check_every => 5),
	in_stage(qr/^hac$/), 0.3);
check_cancel('checkpoints', train_policy('front', 'slates', iterations => $endless, check_every => 1,
		check_sessions => 100000, pretrain_iterations => 1),
	in_stage(qr/^(?!read|map|compare|$)/), 0.3);
check_cancel('first slates', train_policy('front', 'slates', learning_starts => 100000000),
	in_stage(qr/^(?!read|map|compare|$)/), 0.1);

check_cancel('acts: read', train_acts('market',
		'(SELECT session_id, step, scenario, observation, action, reward, pg_sleep(0.02) FROM acts)', $brief),
	\&sleeping);
check_cancel('acts: sort', train_acts('market',
		'(SELECT session_id * 1000 + n AS session_id, step, scenario, observation, action, reward FROM acts, generate_series(1, 1000) n)',
		$brief),
	in_stage(qr/read/), 0.3);
check_cancel('acts: fit', train_acts('market', 'acts', qq["iterations": $endless]), in_stage(qr/^ma_rdpg$/), 0.2);
check_cancel('acts: a world', train_acts('market', '', qq["environment": "market", "iterations": $endless, "promote": 0]),
	in_stage(qr/^ma_rdpg$/), 0.2);
check_cancel('acts: checks', train_acts('market', '',
		qq["environment": "market", "iterations": $endless, "check_every": 1, "check_sessions": 100000, "promote": 0]),
	in_stage(qr/^ma_rdpg$/), 0.2);

# Of slates, by irecgan, which needs no simulator.
sub train_returns
{
	my ($source, $options) = @_;

	return "SELECT version FROM recadv_train_policy('returns', '$source', algorithm => 'irecgan',"
	  . " options => '{\"seed\": 1, \"threads\": 2, $options}')";
}

check_cancel('returns: visitors', train_returns('many', '"hidden": 128, "user_epochs": 10000'), in_stage(qr/^user/), 0.2);
# Such small steps go on to be a gain.
check_cancel('returns: the agent', train_returns('slates', '"user_epochs": 1, "learning_rate": 1e-7, "epochs": 100000'),
	in_stage(qr/^agent/), 0.2);
check_cancel('returns: rounds', train_returns('slates', '"epochs": 1, "rounds": 100000'), in_stage(qr/^round$/), 0.2);
check_cancel('returns: sequels', train_returns('slates',
		'"epochs": 1, "rounds": 100000, "discriminator": true, "rollouts": 1000, "sessions": 1000'),
	in_stage(qr/^discriminator$/), 0.5);

# --- a job ----------------------------------------------------------------------------------------

sub job
{
	my ($model, $source, $more, %option) = @_;

	return "CALL recadv_train_policy_job('$model', '$source', simulator => 'visitors', options => '"
	  . policy_options(promote => 0, %option) . "'$more)";
}

my $call = start_session($node);
$call->send(job('front', 'slates', '', iterations => $endless));
ok(in_stage(qr/^(?!read|map|compare|$)/)->($call), 'a job learns');
is($call->activity('backend_xmin'), '', 'and holds no snapshot meanwhile');
is($node->safe_psql('postgres',
		q{SELECT status FROM recadv_runs('front') ORDER BY run DESC LIMIT 1}), 'running',
	'its run stands in the log already');
is($session->query(job('front', 'slates', ''))->{state}, '55006', 'a second is refused');
is($session->query(job('front', 'slates', q{, if_busy => 'skip'}))->{state}, '', 'or skipped');
is($session->query(train_policy('front', 'slates'))->{state}, '55006', 'and so is the function');
$watcher->query("SELECT pg_cancel_backend($call->{pid})");
is($call->finish->{state}, '57014', 'it is cancelled');
is($node->safe_psql('postgres',
		q{SELECT message FROM recadv_runs('front') WHERE status = 'failed' AND message ~ 'cancel'}),
	'canceling statement due to user request', 'which its run says');
is($node->safe_psql('postgres', $everything), $answers, 'the old version serves');
is($session->query(job('front', 'nowhere', ''))->{state}, '42P01', 'a job that fails');
like($node->safe_psql('postgres',
		q{SELECT message FROM recadv_runs('front') ORDER BY run DESC LIMIT 1}),
	qr/source "nowhere" does not exist/, 'leaves a run that says so');
is($session->query("CALL recadv_train_policy_job('fresh', 'slates', options => '{}')")->{state},
	'22023', 'a job without the simulator that it needs');
is($node->safe_psql('postgres', q{SELECT status FROM recadv_runs('fresh')}), 'failed',
	'leaves a run, too');
is($session->query(job('other', 'slates', ''))->{state}, '', 'a job trains');
is($node->safe_psql('postgres', q{
		SELECT r.status, r.kind, r.metrics #> '{simulated,reward}' IS NOT NULL FROM recadv_runs('other') r}),
	'succeeded|job|t', 'and logs what it measured');
is($node->safe_psql('postgres', q{
		SELECT string_agg(md5(data), ' ' ORDER BY part, block) FROM other
		WHERE version > 0 AND part NOT IN ('header', 'history')}),
	$node->safe_psql('postgres', q{
		SELECT string_agg(md5(data), ' ' ORDER BY part, block) FROM front
		WHERE version = 1 AND part NOT IN ('header', 'history')}),
	'the same bytes as the function');

is($session->query("CALL recadv_train_policy_job('bazaar', 'acts', reward_column => 'reward', algorithm => 'ma_rdpg',"
		  . " options => '{$brief}')")->{state}, '', 'a job trains one that acts');
is($node->safe_psql('postgres', q{SELECT digest FROM (SELECT model, string_agg(md5(data), ' ' ORDER BY part, block) AS digest
		FROM (SELECT 'm' AS model, * FROM market UNION ALL SELECT 'b', * FROM bazaar) x
		WHERE version = 1 AND part NOT IN ('header', 'history') GROUP BY model) y GROUP BY digest HAVING count(*) = 2}) ne '',
	1, 'the same bytes as the function');
is($session->query("CALL recadv_train_policy_job('bazaar', NULL, algorithm => 'ma_rdpg', options => '{$brief,"
		  . qq[ "environment": "market", "promote": 0}')])->{state}, '', 'and one in a world');
is($node->safe_psql('postgres', q{SELECT status, source IS NULL FROM recadv_runs('bazaar') ORDER BY run DESC LIMIT 1}),
	'succeeded|t', 'which its run says');

# --- kill -----------------------------------------------------------------------------------------

my $victim = start_session($node);
$victim->send(train_policy('front', 'slates', iterations => $endless));
ok(in_stage(qr/^(?!read|map|compare|$)/)->($victim), 'a training is killed');
$session->quit;
$watcher->quit;
kill_backend($node, $victim);
is($node->safe_psql('postgres', $everything), $answers, 'the old version serves');
is($node->safe_psql('postgres', train_policy('front_too', 'slates')), 1, 'and the next trains');

# --- a session while the model is trained ------------------------------------------------------------

my $go_on = q{SELECT r.action::text FROM visits v, recadv_act('bazaar', 'shop', '{1,0.5}', v.state) r WHERE id = 1};
sub told
{
	my ($sql) = @_;
	my ($code, $out, $err) = $node->psql('postgres', $sql);

	return "$out\n$err";
}
$node->safe_psql('postgres', "DROP TABLE bazaar; " . train_acts('bazaar', 'acts', $brief) . ';' . q{
	CREATE TABLE stays AS SELECT 1 AS id, state_after AS state FROM recadv_act('bazaar', 'search', '{1,0.5}')});
$go_on =~ s/visits/stays/;
unlike(told($go_on), qr/NOTICE|ERROR/, 'a state goes on');
$node->safe_psql('postgres', train_acts('bazaar', 'acts', $brief));
unlike(told($go_on), qr/NOTICE|ERROR/, 'also with a later version of the same bytes');
$node->safe_psql('postgres', train_acts('bazaar', 'acts', "$brief, \"gamma\": 0.5"));
like(told($go_on), qr/NOTICE:  state is of version 1 of model "bazaar", and version 3 serves: the session starts anew\n.*means nothing to another/,
	'with another one it starts anew, which is said');
is($node->safe_psql('postgres', $go_on),
	$node->safe_psql('postgres', q{SELECT action FROM recadv_act('bazaar', 'shop', '{1,0.5}')}), 'as a new one');
like(told(q{SELECT * FROM recadv_act('bazaar', 'shop', '{1,0.5}', (SELECT state FROM visits LIMIT 1))}),
	qr/ERROR:  state is of another model than "bazaar"/, 'a state of another model is an error');
$node->safe_psql('postgres', q{SELECT recadv_rollback('bazaar', 2)});
unlike(told($go_on), qr/NOTICE|ERROR/, 'after a rollback it goes on');

# --- a standby, a dump ------------------------------------------------------------------------------

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('policies_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
is($standby->safe_psql('postgres', $everything), $answers, 'a standby serves a policy, and goes on with a session');
my ($code, $out, $err) = $standby->psql('postgres', train_policy('front', 'slates'));
like($err, qr/cannot execute recadv_train_policy\(\) /, 'and trains none');
$standby->stop;

my $dump = $node->backup_dir . '/policies.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $node->connstr('postgres') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
is($node->safe_psql('restored', $everything), $answers, 'a restored policy serves');
is($node->safe_psql('restored', train_policy('front', 'slates', promote => 0, seed => 1)),
	$node->safe_psql('postgres', train_policy('front', 'slates', promote => 0, seed => 1)),
	'and is trained again');
is($node->safe_psql('restored', $everything =~ s/SELECT md5\(recadv_info.*?;//sr =~ s/SELECT md5[^;]*history[^;]*;//sr),
	$node->safe_psql('postgres', $everything =~ s/SELECT md5\(recadv_info.*?;//sr =~ s/SELECT md5[^;]*history[^;]*;//sr),
	'to the same');

$node->stop;
done_testing();
