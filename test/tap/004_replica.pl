# A model is a table: it travels by streaming and logical replication and by pg_dump, and serves
# wherever it arrives.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $primary = new_server('primary');

make_orders($primary, 'orders', 500, 100, 10);
$primary->safe_psql('postgres', q{
	CREATE TABLE tests AS SELECT user_id, (item_id + 11) % 100 AS item_id FROM orders});

sub train
{
	my ($node, $seed, $database) = @_;
	my $options = options(seed => $seed, holdout => '"random"', popular_half_life => 864000);

	return $node->safe_psql($database // 'postgres', q{SELECT version FROM recadv_train('shop', }
		  . "'orders', time_column => 'bought_at', algorithm => 'bpr', options => '$options')");
}

# Everything that reads a model, as one string.
my $everything = q{
	SELECT md5(string_agg(r::text, ' ' ORDER BY u, r.rank))
	FROM generate_series(1, 20) u, LATERAL recadv_topk(u, 10, 'shop') r;
	SELECT md5(string_agg(r::text, ' ' ORDER BY u, r.rank)) FROM generate_series(1, 20) u,
	       LATERAL recadv_topk_for(ARRAY[u, u + 5, u + 10], 10, 'shop', exclude => '{1,2}') r;
	SELECT md5(string_agg(r::text, ' ' ORDER BY u, r.rank))
	FROM generate_series(1, 20) u, LATERAL recadv_similar_items(u, 10, 'shop') r;
	SELECT md5(string_agg(r::text, ' ' ORDER BY u, r.rank))
	FROM generate_series(1, 20) u, LATERAL recadv_similar_users(u, 10, 'shop') r;
	SELECT md5(string_agg(r::text, ' ' ORDER BY u, r.rank))
	FROM generate_series(1, 20) u, LATERAL recadv_explain(u, 7, 10, 'shop') r;
	SELECT md5(string_agg(r::text, ' ')) FROM recadv_embeddings('shop', 'user') r;
	SELECT md5(string_agg(r::text, ' ' ORDER BY r.rank)) FROM recadv_topk(4711, 50, 'shop') r;
	EXPLAIN SELECT * FROM recadv_topk_all('shop', 5);
	SELECT sum(recadv_score(u, i, 'shop')) FROM generate_series(1, 9) u, generate_series(1, 9) i;
	SELECT md5(string_agg(e::text, ' ')) FROM recadv_evaluate('shop', 'tests') e;
	SELECT md5(string_agg(e::text, ' ')) FROM recadv_robustness('shop') e;
	SELECT md5(recadv_info('shop')::text);
	SELECT count(*) FROM recadv_history('shop');
	SELECT count(*) FROM recadv_runs('shop');
	SELECT name, version, algorithm, status FROM recadv_models ORDER BY name};

sub everything
{
	my ($node, $database) = @_;

	return $node->safe_psql($database // 'postgres', $everything);
}

# --- hot standby -------------------------------------------------------------------------------

is(train($primary, 1), '1', 'trained');
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');

$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
is(everything($standby), everything($primary), 'the standby serves the same');

# What was bought a moment ago is known on the standby, too, once it has arrived there.
my $live = q{SELECT string_agg(item::text, ',') FROM recadv_topk(1, 10, 'shop', seen => 'live')};
my $offered = $standby->safe_psql('postgres', $live);
my ($bought) = $offered =~ /^(\d+),/;
$primary->safe_psql('postgres', "INSERT INTO orders VALUES (1, $bought, now())");
$primary->wait_for_catchup($standby);
unlike($standby->safe_psql('postgres', $live), qr/^$bought,/,
	'the standby reads the source as it is');
is($standby->safe_psql('postgres', $live), $primary->safe_psql('postgres', $live),
	'as the primary does');
$primary->safe_psql('postgres', "DELETE FROM orders WHERE user_id = 1 AND item_id = $bought "
	  . "AND bought_at > now() - interval '1 hour'");

my $reader = start_session($standby);
my $old = $reader->query("SELECT recadv_topk(1, 10, 'shop')")->{out};

is(train($primary, 2), '2', 'trained again');
$primary->wait_for_catchup($standby);
isnt($reader->query("SELECT recadv_topk(1, 10, 'shop')")->{out},
	$old, 'a session on the standby sees the new version');
is($reader->query("SELECT recadv_info('shop') #>> '{options,seed}'")->{out}, '2',
	'which is the new one');
is(everything($standby), everything($primary), 'the standby serves the same again');
is($primary->safe_psql('postgres', "SELECT recadv_rollback('shop')"), '1', 'rolled back');
$primary->wait_for_catchup($standby);
is($reader->query("SELECT recadv_topk(1, 10, 'shop')")->{out},
	$old, 'the standby follows');

my %writers = (
	'recadv_train' => q{SELECT recadv_train('shop', 'orders')},
	'recadv_train_job' => q{CALL recadv_train_job('shop', 'orders')},
	'recadv_rollback' => q{SELECT recadv_rollback('shop')},
	'recadv_save' => q{SELECT recadv_save('shop', recadv_fit(user_id, item_id,
		'{"algorithm": "popularity"}')) FROM orders});
my $read_only = start_session($primary);

$read_only->query('SET default_transaction_read_only = on');
foreach my $name (sort keys %writers)
{
	my $result = $reader->query($writers{$name});

	is($result->{state}, '25006', "$name on the standby") or diag($result->{err});
	like($result->{err}, qr/\Q$name\E\(\)/, 'the error names it');
	$result = $read_only->query($writers{$name});
	is($result->{state}, '25006', "$name in a read-only transaction") or diag($result->{err});
}
is($read_only->query("SELECT recadv_topk(1, 10, 'shop')")->{out},
	$old, 'a read-only transaction can serve');
is($reader->query(q{SELECT recadv_fit(user_id, item_id, '{"algorithm": "popularity"}') IS NOT NULL
		FROM orders})->{out},
	't', 'recadv_fit writes nothing: it runs on the standby');
$reader->quit;
$read_only->quit;
$standby->promote;
is(train($standby, 3), '3', 'the standby trains once it is promoted');
ok(healthy($standby), 'no process of the standby has crashed');
$standby->stop;

# --- dump and restore --------------------------------------------------------------------------

my $file = $primary->backup_dir . '/dump';
my $answers = everything($primary);
my $marks = q{SELECT reloftype::regtype, attstorage, attnotnull
	FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attname = 'data'
	WHERE relname = 'shop'};

foreach my $format ('custom', 'plain')
{
	my $database = "restored_$format";
	my @target = ('-h', $primary->host, '-p', $primary->port, '-d', $database);

	$primary->safe_psql('postgres', "CREATE DATABASE $database");
	$primary->command_ok([ 'pg_dump', '-d', $primary->connstr('postgres'), "-F$format", '-f',
			"$file.$format" ], "pg_dump, $format");
	command_ok($format eq 'custom'
		? [ 'pg_restore', '--exit-on-error', @target, "$file.$format" ]
		: [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', @target, '-f',
			"$file.$format" ], "restore, $format");
	is(everything($primary, $database), $answers, "$format: the restored model serves the same");
	is($primary->safe_psql($database, $marks), $primary->safe_psql('postgres', $marks),
		"$format: and has the same marks");
	is($primary->safe_psql($database, $marks), 'recadv_model|e|t', "$format: those of a model");
	is(train($primary, 4, $database), '3', "$format: it can be trained");
}

# --- logical replication -----------------------------------------------------------------------

my $subscriber = new_server('subscriber');
my $connection = $primary->connstr . ' dbname=postgres';

$subscriber->safe_psql('postgres', q{
	CREATE TABLE shop OF recadv_model (PRIMARY KEY (version, part, block));
	ALTER TABLE shop ALTER data SET STORAGE EXTERNAL;
	CREATE TABLE tests (user_id int, item_id int)});
$primary->safe_psql('postgres', 'CREATE PUBLICATION models FOR TABLE shop, tests');
$primary->safe_psql('postgres', 'ALTER TABLE tests REPLICA IDENTITY FULL');
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION models CONNECTION '$connection' PUBLICATION models");
$subscriber->wait_for_subscription_sync($primary, 'models');
is(everything($subscriber), $answers, 'the subscriber serves the same');

$reader = start_session($subscriber);
$old = $reader->query("SELECT recadv_topk(1, 10, 'shop')")->{out};
foreach my $seed (5, 6)
{
	train($primary, $seed);
	$primary->wait_for_catchup('models');
	is($reader->query("SELECT recadv_info('shop') #>> '{options,seed}'")->{out},
		$seed, "seed $seed: a session on the subscriber sees the new version");
	isnt($reader->query("SELECT recadv_topk(1, 10, 'shop')")->{out}, $old, 'and its answers');
	is(everything($subscriber), everything($primary), 'the subscriber serves the same again');
}
$reader->quit;
ok(healthy($subscriber), 'no process of the subscriber has crashed');
ok(healthy($primary), 'nor of the primary');
$subscriber->stop;
$primary->stop;
done_testing();
