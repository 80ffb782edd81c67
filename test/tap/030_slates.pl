# Slates with exploration, simulated sessions and what a log says of a model: the same on a standby
# and in parallel workers, what they tell the client, cancelled at any point.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use RecadvTest;

my $node = new_server('slates', 'wal_level = replica', 'max_wal_senders = 4');

make_orders($node, 'orders', 500, 60, 10);
$node->safe_psql('postgres', q{
	CREATE FUNCTION chance(text) RETURNS int IMMUTABLE LANGUAGE sql
	RETURN (('x' || substr(md5($1), 1, 7))::bit(28)::int);
	CREATE TABLE steps AS
	SELECT s AS session_id, t AS step, shown,
	       array(SELECT i FROM unnest(shown) i
	             WHERE chance(s || '/' || t || '/' || i) % 60 < CASE WHEN i % 3 = s % 3 THEN 48 ELSE 10 END)
	           AS clicked
	FROM generate_series(1, 300) s, generate_series(1, 5) t,
	     LATERAL (SELECT array_agg(i) AS shown
	              FROM (SELECT i FROM generate_series(0, 59) i
	                    ORDER BY chance('shown' || s || '/' || t || '/' || i) LIMIT 5) x) y});
$node->safe_psql('postgres', q{
	SELECT recadv_train('shop', 'orders', algorithm => 'itemknn');
	SELECT recadv_train('factors', 'orders', algorithm => 'bpr', options => '{"factors": 8, "epochs": 3}');
	SELECT recadv_train_policy('visitors', 'steps', algorithm => 'user_response',
		options => '{"factors": 8, "epochs": 2, "seed": 1}');
	SELECT recadv_train_policy('judge', '(SELECT * FROM steps WHERE session_id > 50)', algorithm => 'user_response',
		options => '{"factors": 8, "epochs": 2, "seed": 2}');
	SELECT recadv_train_policy('front', 'steps', simulator => 'visitors', options => '{"factors": 8,
		"iterations": 40, "check_every": 20, "check_sessions": 10, "pretrain_iterations": 30,
		"learning_starts": 20, "slate": 5, "seed": 1}')});
$node->safe_psql('postgres', q{
	CREATE TABLE log AS SELECT * FROM recadv_simulate('visitors', 'shop', 800, 5, 0.2);
	CREATE TABLE asked AS SELECT session_id, history FROM log WHERE step = 1});

# --- on a standby --------------------------------------------------------------------------------

my $everything = q{
	SELECT md5(string_agg(s::text, ' ' ORDER BY session_id, s.rank))
	FROM asked, LATERAL recadv_slate(history, 10, 'shop', 0.3, session_id) s;
	SELECT md5(string_agg(s::text, ' ' ORDER BY session_id, s.rank))
	FROM (SELECT * FROM asked ORDER BY session_id LIMIT 20) a,
	     LATERAL recadv_slate(history, 10, 'factors', 0.3, session_id) s;
	SELECT md5(string_agg(s::text, ' ')) FROM recadv_simulate('visitors', 'factors', 30, 5, 0.2) s;
	SELECT md5(string_agg(s::text, ' ')) FROM recadv_simulate('judge', 'front', 100, 5) s;
	SELECT md5(string_agg(e::text, ' ')) FROM recadv_evaluate_policy('front', 'log', history_column => 'history') e};
my $answers = $node->safe_psql('postgres', $everything);

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', $everything), $answers, 'a standby shows, plays and judges the same');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM recadv_slate('{1,2}'::bigint[], 10, 'front', 0.5)}),
	10, 'and draws by itself');

# --- in parallel workers -------------------------------------------------------------------------

my $workers = q{SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2; };
my $slates = q{SELECT md5(string_agg(s::text, ' ' ORDER BY session_id, s.rank))
	FROM asked, LATERAL recadv_slate(history, 10, 'shop', 0.3, session_id) s};

like($node->safe_psql('postgres', $workers . "EXPLAIN $slates"), qr/Gather/, 'slates go to parallel workers');
is($node->safe_psql('postgres', $workers . $slates), (split /\n/, $answers)[0], 'which show the same');

# --- what the client is told ---------------------------------------------------------------------

sub told
{
	my ($sql) = @_;
	my $err = '';

	$node->psql('postgres', $sql, stderr => \$err, on_error_stop => 1);
	return $err;
}

like(told(q{SELECT count(*) FROM recadv_simulate('visitors', 'front', 5, 5)}),
	qr/NOTICE:  model "front" was trained in the simulator "public.visitors", which judges it/,
	'a notice where the judge has trained the policy');
$node->safe_psql('postgres', 'ALTER TABLE judge RENAME TO other');
is(told(q{SELECT count(*) FROM recadv_simulate('other', 'front', 5, 5)}), '', 'none where it has not');
is(told(q{SELECT count(*) FROM recadv_simulate('visitors', 'shop', 5, 5)}), '', 'nor of a model without one');
$node->safe_psql('postgres', 'ALTER TABLE other RENAME TO judge');
$node->safe_psql('postgres', 'ALTER TABLE visitors RENAME TO renamed');
like(told(q{SELECT count(*) FROM recadv_simulate('renamed', 'front', 5, 5)}),
	qr/NOTICE:  model "front" was trained in the simulator "public.renamed", which judges it/,
	'nor does another name make it a fair judge');
$node->safe_psql('postgres', 'ALTER TABLE renamed RENAME TO visitors');

is(told(q{SELECT * FROM recadv_evaluate_policy('shop', 'log', explore => 0.2, history_column => 'history')}), '',
	'nothing to tell of a good log');
like(told(q{SELECT * FROM recadv_evaluate_policy('factors', '(SELECT * FROM log WHERE session_id < 20)')}),
	qr/WARNING:  too few answers count for the model to give an interval\nDETAIL:  There are \d+ effective/,
	'a warning of too little');
like(told(q{SELECT * FROM recadv_evaluate_policy('shop', 'steps', propensity_column => NULL)}),
	qr/NOTICE:  the source has no propensities/, 'a notice of a log without propensities');
like(told(q{SELECT * FROM recadv_evaluate_policy('shop', '(SELECT session_id, step, shown, clicked,
		CASE WHEN session_id > 3 THEN propensity END AS propensity FROM log)')}),
	qr/NOTICE:  \d+ rows without propensities count for logged and direct alone/, 'and of rows without them');
like(told(q{SELECT * FROM recadv_evaluate_policy('factors', 'log', clip => 2)}),
	qr/NOTICE:  \d+ weights above 2 were clipped/, 'clipping is not silent');
like(told(q{SELECT * FROM recadv_evaluate_policy('factors', '(SELECT session_id, step, shown, clicked,
		array_fill(1::real, ARRAY[5]) AS propensity FROM log)', explore => 0)}),
	qr/WARNING:  the log could not have shown all that the model would show: about \d+ %/,
	'a warning where the log cannot have shown what the model would');

# --- cancel --------------------------------------------------------------------------------------

my $watcher = start_session($node);
my $session = start_session($node);

sub check_cancel
{
	my ($label, $sql, $pause) = @_;
	my $before = memory_of($session->{pid});
	my ($result, $asked);

	$session->send($sql);
	usleep(1e6 * $pause);
	$asked = time;
	$watcher->query("SELECT pg_cancel_backend($session->{pid})");
	$result = $session->finish;
	note(sprintf('%s: reacted after %.3f s', $label, time - $asked));
	is($result->{state}, '57014', "$label: cancelled") or diag($result->{err});
	is(threads_of($session->{pid}), 1, "$label: one thread");
	ok(no_locks($node, $session->{pid}), "$label: no locks");
	cmp_ok(memory_of($session->{pid}), '<', $before + 40, "$label: memory is back");
}

$session->query($everything);
for my $pause (0.2, 0.7, 1.5)
{
	check_cancel("simulating by chance, $pause s",
		q{SELECT count(*) FROM recadv_simulate('visitors', NULL, 20000000, 10)}, $pause);
	check_cancel("simulating a policy, $pause s",
		q{SELECT count(*) FROM recadv_simulate('visitors', 'front', 20000000, 10, 0.2)}, $pause);
	check_cancel("simulating with fold-in, $pause s",
		q{SELECT count(*) FROM recadv_simulate('visitors', 'factors', 20000000, 10, 0.2)}, $pause);
	check_cancel("evaluating, $pause s", q{SELECT * FROM recadv_evaluate_policy('front',
		'(SELECT session_id + 1000 * n AS session_id, step, shown, clicked, propensity, history
		  FROM log, generate_series(1, 300) n)', history_column => 'history')}, $pause);
}
is($node->safe_psql('postgres', $everything), $answers, 'all is as it was');
ok(healthy($node), 'the server is healthy');

done_testing();
