# A model on other servers: a standby that serves from its own cache and is promoted, and a reader to
# which logical replication ships the model alone.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my @shared = (q{shared_preload_libraries = 'recadv'}, 'recadv.shared_cache_size = 64MB',
	'max_prepared_transactions = 4');
my $primary = new_server('primary', @shared);
my $rounds = $ENV{RECADV_LONG} ? 20 : 3;
my $options = options(factors => 8, epochs => 1, lateness => 1000000000);

sub sql
{
	my ($server, $statement) = @_;

	return $server->safe_psql('postgres', $statement);
}

# Training with the options that the algorithm has.
sub train
{
	my ($server, $model, $algorithm, $seed) = @_;

	return sql($server, qq{SELECT version FROM recadv_train('$model', 'orders', time_column => 'bought_at',
		algorithm => '$algorithm', options => (SELECT jsonb_object_agg(key, value)
			FROM jsonb_each('$options'::jsonb || '{"seed":$seed,"promote":"always"}')
			WHERE key IN (SELECT option FROM recadv_options('$algorithm'))))});
}

# What models answer, as text.
sub answers
{
	my ($server, @models) = @_;

	return join("\n", map { my $model = $_; sql($server, qq{
		SELECT u, t FROM generate_series(1, 30) u, LATERAL recadv_topk(u, 10, '$model') t;
		SELECT t FROM recadv_topk_all('$model', 5) t ORDER BY t.user_id, t.rank;
		SELECT u, i, recadv_score(u, i, '$model') FROM generate_series(1, 9) u, generate_series(1, 9) i;
		SELECT recadv_info('$model');
		SELECT r FROM recadv_runs('$model') r}) } @models);
}

sub similar
{
	my ($server, $model) = @_;

	return sql($server, qq{
		SELECT u, t FROM generate_series(1, 30) u, LATERAL recadv_similar_items(u, 10, '$model') t;
		SELECT u, t FROM generate_series(1, 30) u,
			LATERAL recadv_topk_for(ARRAY[u, u + 5, u + 10], 10, '$model') t});
}

make_orders($primary, 'orders', 300, 100, 8);
my @algorithms = split /\n/, sql($primary, q{SELECT algorithm_name FROM recadv_options() WHERE option = 'holdout' ORDER BY 1});
train($primary, $_, $_, 1) foreach (@algorithms);
sql($primary, q{SELECT recadv_attach('nmrn', 'orders'); CREATE UNLOGGED TABLE passing OF recadv_model
	(PRIMARY KEY (version, part, block)); INSERT INTO passing TABLE bpr});

# --- a standby with a warm cache, promoted -----------------------------------------------------------

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

my %reader = map { $_ => start_session($standby) } (1, 2);
my $ask = q{SELECT md5(string_agg(t::text, ' ')) FROM recadv_topk(3, 10, 'nmrn') t};
my $shared = q{SELECT c.version, c.hits > 0 FROM recadv_cache c JOIN recadv_models m USING (version)
	WHERE c.model = 'nmrn'::regclass AND m.name = 'nmrn' AND location = 'shared' AND c.items};

$_->query($ask) foreach (values %reader, values %reader);
is(sql($standby, $shared), '1|t', 'sessions of the standby share what one of them has loaded');
is(answers($standby, @algorithms), answers($primary, @algorithms), 'the standby serves the same');
is(similar($standby, $_), similar($primary, $_), "the standby compares the same: $_")
  foreach (grep { $_ ne 'popularity' } @algorithms);
my $unlogged = $reader{1}->query(q{SELECT recadv_topk(1, 5, 'passing')});
is($unlogged->{state}, '0A000', 'an unlogged model is not on the standby');
like($unlogged->{err}, qr/model "passing" is unlogged, so a standby has none of it/, 'which is said');
is(sql($standby, q{SELECT status FROM recadv_models WHERE name = 'passing'}),
	'model "passing" is unlogged, so a standby has none of it', 'also by the list');
is(sql($standby, q{SELECT count(*) FROM recadv_models WHERE status = 'ok'}), scalar @algorithms,
	'which has the others');

# What the primary learns, observes and takes back reaches sessions that have the old state in memory.
foreach my $round (1 .. $rounds)
{
	my $before = $reader{1}->query($ask)->{out};

	sql($primary, qq{INSERT INTO orders SELECT 3, 100 + $round, now() FROM generate_series(1, 2)});
	$primary->wait_for_catchup($standby);
	is($reader{1}->query($ask)->{out}, sql($primary, $ask), "round $round: an observed event");
	sql($primary, q{SELECT recadv_refresh('nmrn')});
	$primary->wait_for_catchup($standby);
	is($reader{2}->query($ask)->{out}, sql($primary, $ask), "round $round: a refresh");
	isnt($reader{2}->query($ask)->{out}, $before, "round $round: which has changed the answer");
	train($primary, 'nmrn', 'nmrn', $round + 1);
	$primary->wait_for_catchup($standby);
	is($reader{1}->query($ask)->{out}, sql($primary, $ask), "round $round: a training");
	sql($primary, q{SELECT recadv_rollback('nmrn')});
	$primary->wait_for_catchup($standby);
	is($reader{2}->query($ask)->{out}, sql($primary, $ask), "round $round: a rollback");
	like(sql($standby, $shared), qr/^\d+\|t$/m, "round $round: the shared cache has what serves");
}

# Promotion: what is in memory stays right, and what could not be done can be.
my $last = answers($primary, @algorithms);
my @state = map { $_->query($ask)->{out} } values %reader;
$primary->stop('immediate');
$standby->promote;
is($_->query($ask)->{out}, $state[0], 'a session goes on over the promotion') foreach (values %reader);
is(answers($standby, @algorithms), $last, 'the promoted server serves the same');
is($reader{1}->query(q{SELECT recadv_observe('nmrn', 3, 99, now())})->{out}, 't', 'it observes');
is($reader{2}->query($ask)->{out}, sql($standby, $ask), 'which other sessions see');
is(sql($standby, q{SELECT observed FROM recadv_refresh('nmrn')}), 1, 'it refreshes');
is($reader{2}->query($ask)->{out}, sql($standby, $ask), 'which other sessions see');
sql($standby, q{INSERT INTO orders VALUES (3, 98, now())});
is(sql($standby, q{SELECT events, observed FROM recadv_refresh('nmrn')}), '1|1', 'the trigger observes');
foreach my $algorithm (@algorithms)
{
	my $version = sql($standby, qq{SELECT version FROM recadv_models WHERE name = '$algorithm'});

	cmp_ok(train($standby, $algorithm, $algorithm, 77), '>', $version, "it trains: $algorithm");
}
is($reader{1}->query($ask)->{out}, sql($standby, $ask), 'sessions of before see it');
my $job = $reader{1}->query(q{CALL recadv_train_job('bpr', 'orders', algorithm => 'bpr',
	options => '{"factors":8,"epochs":1,"threads":1}')});
is($job->{state}, '', 'and a job') or diag($job->{err});
$unlogged = $reader{1}->query(q{SELECT recadv_topk(1, 5, 'passing')});
is($unlogged->{state}, '55000', 'an unlogged model is there, and empty');
$_->quit foreach (values %reader);
ok(healthy($standby), 'no crash of the promoted server');

# --- a reader, by logical replication ----------------------------------------------------------------

# It has recadv and the models, not what they were trained on.
my $source = $standby;
my $subscriber = new_server('subscriber', @shared);

sql($subscriber, join('; ', map { "CREATE TABLE $_ OF recadv_model (PRIMARY KEY (version, part, block))" }
		@algorithms));
sql($source, 'CREATE PUBLICATION models FOR TABLE ' . join(', ', @algorithms));
sql($subscriber, q{CREATE SUBSCRIPTION models CONNECTION '} . $source->connstr
	  . q{ dbname=postgres' PUBLICATION models});
$subscriber->wait_for_subscription_sync($source, 'models');
is(answers($subscriber, @algorithms), answers($source, @algorithms), 'the reader serves the same');
is(similar($subscriber, $_), similar($source, $_), "the reader compares the same: $_")
  foreach (grep { $_ ne 'popularity' } @algorithms);

my $session = start_session($subscriber);
my $seen = q{SELECT string_agg(item::text, ' ' ORDER BY rank) FROM recadv_topk(5, 200, 'nmrn')};
foreach my $round (1 .. $rounds)
{
	my $before = $session->query($ask)->{out};
	my ($first) = $session->query($seen)->{out} =~ /^(\d+)/;

	sql($source, "INSERT INTO orders VALUES (5, $first, now())");
	$source->wait_for_catchup('models');
	unlike($session->query($seen)->{out}, qr/\b$first\b/, "round $round: what was bought a moment ago is seen");
	sql($source, q{SELECT recadv_refresh('nmrn')});
	$source->wait_for_catchup('models');
	unlike($session->query($seen)->{out}, qr/\b$first\b/, "round $round: also when it is learnt");
	is($session->query($ask)->{out}, sql($source, $ask), "round $round: the reader follows a refresh");
	train($source, 'nmrn', 'nmrn', 100 + $round);
	$source->wait_for_catchup('models');
	is($session->query($ask)->{out}, sql($source, $ask), "round $round: and a training");
	isnt($session->query($ask)->{out}, $before, "round $round: which has changed the answer");
	sql($source, q{SELECT recadv_rollback('nmrn')});
	$source->wait_for_catchup('models');
	is($session->query($ask)->{out}, sql($source, $ask), "round $round: and a rollback");
	is(sql($source, qq{SELECT versions FROM recadv_forget('nmrn', 20 + $round)}) > 0, 1,
		"round $round: a user is forgotten");
	$source->wait_for_catchup('models');
	is($session->query("SELECT recadv_has_user(20 + $round, 'nmrn')")->{out}, 'f',
		"round $round: on the reader, too");
}

# A training that fails, or is rolled back, never shows.
my $before = answers($subscriber, 'bpr');
$source->psql('postgres', q{BEGIN; SELECT recadv_train('bpr', 'orders', algorithm => 'popularity'); ROLLBACK});
$source->wait_for_catchup('models');
is(answers($subscriber, 'bpr'), $before, 'a training that is rolled back does not show');

# What needs the source says that it is not here.
foreach my $call (q{SELECT recadv_topk(1, 5, 'nmrn', seen => 'live')},
	q{SELECT recadv_topk_all('nmrn', 5, seen => 'live')})
{
	my $result = $session->query($call);

	is($result->{state}, '42P01', "$call: refused");
	like($result->{err}, qr/source "public.orders" of model "nmrn" does not exist.*not on this server/s,
		'since the source is not on this server');
}

# Who writes the model here stands in the way of what the publisher writes.
sql($subscriber, 'CREATE TABLE here AS SELECT u AS user_id, (u * 7) % 40 AS item_id, now() AS at
	FROM generate_series(1, 200) u');
foreach my $call (
	q{SELECT recadv_train('nmrn', 'here', time_column => 'at', algorithm => 'nmrn')},
	q{CALL recadv_train_job('nmrn', 'here', time_column => 'at', algorithm => 'nmrn')},
	q{SELECT recadv_refresh('nmrn')}, q{SELECT recadv_rollback('nmrn')}, q{SELECT recadv_forget('nmrn', 1)},
	q{SELECT recadv_observe('nmrn', 1, 2)},
	q{SELECT recadv_save('bpr', recadv_fit(user_id, item_id, '{"algorithm":"popularity"}')) FROM here})
{
	my $result = $session->query($call);

	is($result->{state}, '55000', "$call: refused") or diag($result->{err});
	like($result->{err}, qr/model "\w+" comes by a subscription.*Call this on the publisher/s, 'with what to do');
}
is(answers($subscriber, @algorithms), answers($source, @algorithms), 'both are the same still');
train($source, 'nmrn', 'nmrn', 500);
$source->wait_for_catchup('models');
is($session->query($ask)->{out}, sql($source, $ask), 'and the reader follows');

# Without the subscription the models are the reader's own.
sql($subscriber, 'DROP SUBSCRIPTION models');
is($session->query(q{SELECT version > 1 FROM recadv_train('nmrn', 'here', time_column => 'at',
		algorithm => 'nmrn', options => '{"factors":4,"epochs":1,"promote":"always"}')})->{out}, 't',
	'without the subscription it trains');
$session->quit;
ok(healthy($subscriber), 'no crash of the reader');
$subscriber->stop;
$source->stop;
done_testing();
