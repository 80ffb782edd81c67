# Several machines: doc/scaling.md is run on the servers that it names, and what it prints is compared; then what
# recadv_publish, recadv_subscribe and tables of Citus are refused for.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $page = 'doc/scaling.md';
my ($plain, $of_citus) = split(/^(?=## Citus$)/m, slurp_file($page));

# --- the page ----------------------------------------------------------------------------------------

# Each server has a database `app`, and stands under the name that the page gives it.
my @shared = (q{shared_preload_libraries = 'recadv'}, 'recadv.shared_cache_size = 64MB');
my %server = (primary => new_server('primary', @shared), reader => new_server('reader', @shared), north => new_server('north'));

$server{south} = $server{reader};
$server{primary}->backup('base');
$server{standby} = PostgreSQL::Test::Cluster->new('standby');
$server{standby}->init_from_backup($server{primary}, 'base', has_streaming => 1);
$server{standby}->start;
$_->safe_psql('postgres', 'CREATE DATABASE app') foreach (@server{qw(primary reader north)});

# Addresses as they are here: sockets.
sub with_addresses
{
	my ($block) = @_;

	foreach my $name (keys %server)
	{
		my ($host, $port) = ($server{$name}->host, $server{$name}->port);

		$block =~ s/\bhost=$name\b/host=$host port=$port/g;
		$block =~ s/\bhost '$name'/host '$host', port '$port'/g;
	}
	return $block;
}

# settle(PUBLISHER, READER...): what the publisher has written is where it is replicated to, and new subscriptions have what
# was there before.
sub settle
{
	my ($publisher, @readers) = @_;
	my $written = $publisher->lsn('insert');

	$_->poll_query_until('app', q{SELECT NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r')}) foreach (@readers);
	$publisher->poll_query_until('app', "SELECT NOT EXISTS (SELECT FROM pg_stat_replication WHERE replay_lsn < '$written')");
	return;
}

# run_blocks(TEXT, PUBLISHER, READER...): each on the server that its first line names.  Returns how many outputs were compared.
my $number = 0;

sub run_blocks
{
	my ($text, @settled) = @_;
	my $compared = 0;

	foreach my $as_written (blocks_of($text))
	{
		my ($block, $printed) = @$as_written;
		my ($name) = $block =~ /\A-- on (?:the )?(\w+)\n/;

		$number++;
		ok(exists $server{ $name // '' }, "$page, block $number: names a server") or next;
		$compared += prints_what_it_shows("$page, block $number", $block, defined $printed ? with_addresses($printed) : undef,
			psql_shows($server{$name}, 'app', with_addresses($block)));
		settle(@settled);
	}
	return $compared;
}

cmp_ok(run_blocks($plain, @server{qw(primary reader)}), '>', 27, 'the page shows what comes out');

my $has_citus = $server{primary}->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'citus'});

# --- what is refused, and with what words ------------------------------------------------------------

# refused(SESSION, STATEMENT, SQLSTATE, PATTERN)
sub refused
{
	my ($session, $statement, $state, $pattern) = @_;
	my $result = $session->query($statement);

	is($result->{state}, $state, "$statement: refused") or diag("$result->{out}$result->{err}");
	return like($result->{err}, $pattern, 'and it is said why');
}

my $primary = start_session($server{primary}, database => 'app');
my $reader = start_session($server{reader}, database => 'app');
my $elsewhere = q{'host=primary dbname=app'};

# wal_level, of a server that was not set up for it
$server{north}->safe_psql('app', q{CREATE EXTENSION recadv;
	SELECT recadv_train('shop', '(SELECT customer_id AS user_id, product_id AS item_id FROM orders)', algorithm => 'popularity')});
$server{north}->append_conf('postgresql.conf', 'wal_level = replica');
$server{north}->restart;
my $north = start_session($server{north}, database => 'app');
refused($north, q{SELECT recadv_publish('shop')}, '55000', qr/wal_level does not suffice.*ALTER SYSTEM SET wal_level = 'logical'/s);
$north->quit;

# names that are taken
refused($primary, q{SELECT recadv_publish('shop', 'bestsellers')}, '42710',
	qr/publication "bestsellers", which does not publish all of model "shop".*ADD TABLE public.shop/s);
$primary->query(q{CREATE PUBLICATION news FOR TABLE shop WITH (publish = 'insert')});
refused($primary, q{SELECT recadv_publish('shop', 'news')}, '42710', qr/does not publish all of model "shop"/);
$primary->query(q{CREATE PUBLICATION everything FOR ALL TABLES});
is($primary->query(q{SELECT published_as FROM recadv_publish('shop', 'everything')})->{out}, 'everything',
	'a publication that publishes it will do');
SKIP:
{
	skip('publications of parts of a table: since PostgreSQL 15', 4) if $server{primary}->pg_version < 15;
	$primary->query(q{CREATE PUBLICATION some_rows FOR TABLE shop WHERE (version > 1)});
	$primary->query(q{CREATE PUBLICATION some_columns FOR TABLE shop (version, part, block)});
	refused($primary, qq{SELECT recadv_publish('shop', '$_')}, '42710', qr/does not publish all of model "shop"/)
	  foreach (qw(some_rows some_columns));
	$primary->query('DROP PUBLICATION some_rows, some_columns');
}
$primary->query('DROP PUBLICATION news, everything');
is($primary->query(q{SELECT published_as, bytes = pg_table_size('shop') FROM recadv_publish('shop')})->{out}, 'shop|t',
	'to publish twice is to publish once');
refused($reader, qq{SELECT recadv_subscribe('new', $elsewhere, subscription => 'bestsellers')}, '42710',
	qr/subscription "bestsellers" already/);
is($reader->query(q{SELECT to_regclass('new') IS NULL})->{out}, 't', 'and no table was left');
refused($reader, qq{SELECT recadv_subscribe('views', $elsewhere)}, '42809', qr/"views" is not a model/);
refused($reader, qq{SELECT recadv_subscribe('bestsellers', $elsewhere)}, '55000', qr/comes by a subscription/);
refused($reader, qq{SELECT recadv_subscribe(NULL, $elsewhere)}, '22004', qr/"model" must not be NULL/);
refused($reader, q{SELECT recadv_subscribe('new', NULL)}, '22004', qr/"conninfo" must not be NULL/);
refused($primary, q{SELECT recadv_publish(NULL)}, '22004', qr/"model" must not be NULL/);
refused($primary, q{SELECT recadv_publish('nowhere')}, '42P01', qr/model "nowhere" does not exist/);

# A table that was made by hand, a name that needs quotes and is no name of a slot, and the call that the publisher tells.
$primary->query(q{SELECT recadv_train('"My Shop!"', 'orders', 'customer_id', 'product_id', algorithm => 'popularity',
	options => '{"seed": 3}')});
$primary->query(q{GRANT SELECT ON "My Shop!" TO replicator});
my $call = $primary->query(q{SELECT reader FROM recadv_publish('"My Shop!"', 'mine')})->{out};
like($call, qr/^SELECT recadv_subscribe\('public\."My Shop!"', '.*', publication => 'mine'\) \\gexec$/, 'the call for the reader');
$call =~ s/host=\.\.\./'host=' . $server{primary}->host/e;
$call =~ s/user=\.\.\./user=replicator/;
$reader->query(q{CREATE TABLE "My Shop!" OF recadv_model (PRIMARY KEY (version, part, block))});
my ($said, $noticed) = psql_shows($server{reader}, 'app', $call);
like($noticed, qr/^NOTICE:  created replication slot "my_shop__[0-9a-f]{16}" on publisher$/m, 'runs there as it is');
settle(@server{qw(primary reader)});
is($reader->query(q{SELECT recadv_info('"My Shop!"') #>> '{options,seed}'})->{out}, 3, 'and the model comes');

# A database whose name needs quotes, in a connection string, too.
$server{primary}->safe_psql('postgres', 'CREATE DATABASE "o\'clock = 2"');
$server{primary}->safe_psql('o\'clock = 2', q{CREATE EXTENSION recadv;
	SELECT recadv_train('mine', '(SELECT n AS user_id, n % 3 AS item_id FROM generate_series(1, 9) n)', algorithm => 'popularity')});
my ($told) = $server{primary}->safe_psql('o\'clock = 2', q{SELECT reader FROM recadv_publish('mine')}) =~ /recadv_subscribe\((.*)\) /;
my ($connection) = $server{primary}->safe_psql('postgres', "SELECT (ARRAY[$told])[2]");
like($connection, qr/ dbname='o\\'clock = 2' user=/, 'the name of a database is quoted where it must be');

# Another database of the reader's is another reader.
$server{reader}->safe_psql('postgres', 'CREATE DATABASE other');
$server{reader}->safe_psql('other', 'CREATE EXTENSION recadv');
my %slots = map { $server{reader}->safe_psql($_, qq{SELECT recadv_subscribe('twice', $elsewhere)}) =~ /slot_name = '(\w+)'/; $1 => 1 } qw(app other);
is(scalar keys %slots, 2, 'two readers have two slots');

# rights
$_->safe_psql('app', q{CREATE ROLE owner LOGIN; GRANT CREATE ON SCHEMA public TO owner}) foreach (@server{qw(primary reader)});
my $owner = start_session($server{primary}, database => 'app', user => 'owner');
$owner->query(q{CREATE TABLE clicks AS SELECT u AS user_id, (u * 7) % 40 AS item_id FROM generate_series(1, 90) u;
	SELECT recadv_train('owned', 'clicks', algorithm => 'popularity')});
refused($owner, q{SELECT recadv_publish('owned')}, '42501', qr/permission denied to create a publication.*GRANT CREATE ON DATABASE app TO owner/s);
$primary->query(q{GRANT CREATE ON DATABASE app TO owner; GRANT SELECT ON shop TO owner});
is($owner->query(q{SELECT published_as FROM recadv_publish('owned')})->{out}, 'owned', 'with the right an owner publishes');
refused($owner, q{SELECT recadv_publish('shop')}, '42501', qr/must be owner of table shop/);
$owner->quit;
$owner = start_session($server{reader}, database => 'app', user => 'owner');
refused($owner, qq{SELECT recadv_subscribe('shop_2', $elsewhere)}, '42501', qr/permission denied to create a subscription/);
$owner->query(q{CREATE TABLE owned OF recadv_model (PRIMARY KEY (version, part, block))});
$owner->quit;
SKIP:
{
	skip('subscriptions write as the owner of the table: since PostgreSQL 16', 3) if $server{reader}->pg_version >= 16;
	refused($reader, qq{SELECT recadv_subscribe('owned', $elsewhere)}, '42501',
		qr/"owned" is not written with your rights.*code of "owner".*ALTER TABLE public.owned OWNER TO \w+, or DROP/s);
	$reader->query('ALTER TABLE owned OWNER TO CURRENT_USER');
	like($reader->query(qq{SELECT recadv_subscribe('owned', $elsewhere)})->{out}, qr/^CREATE SUBSCRIPTION owned /, 'but for who owns it');
}

my $standby = start_session($server{standby}, database => 'app');
refused($standby, q{SELECT recadv_publish('shop')}, '25006', qr/cannot execute recadv_publish\(\) in a read-only transaction/);
refused($standby, qq{SELECT recadv_subscribe('shop_2', $elsewhere)}, '25006', qr/cannot execute recadv_subscribe\(\)/);
$standby->quit;

# --- tables of Citus, without Citus ------------------------------------------------------------------

# Its list of tables lies in pg_catalog, where nothing can be made but by an extension like it: here by
# allow_system_table_mods, which takes a superuser.
my $list = q{CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass NOT NULL, partmethod "char" NOT NULL)};
refused($primary, $list, '42501', qr/permission denied to create "pg_catalog.pg_dist_partition"/);
my $topk = q{SELECT string_agg(item::text, ' ' ORDER BY rank) FROM recadv_topk(42, 5, 'of_one')};
my $answer = $primary->query($topk)->{out};
is($primary->query("SET allow_system_table_mods = on; $list; RESET allow_system_table_mods")->{state}, '', 'a list as that of Citus');
is($primary->query($topk)->{out}, $answer, 'a model that is not listed serves');

# Citus changes the table with its row; here a GRANT does.
$primary->query(q{INSERT INTO pg_dist_partition VALUES ('of_one', 'n'); GRANT SELECT ON of_one TO PUBLIC});
my $way_back = qr/"of_one" is a table of Citus, which no model can be.*undistribute_table\('public.of_one'\).*ALTER TABLE public.of_one OF public.recadv_model.*recadv_publish/s;
foreach my $statement ($topk,
	q{SELECT recadv_topk_for('{1,2}', 5, 'of_one')}, q{SELECT recadv_score(1, 2, 'of_one')}, q{SELECT recadv_info('of_one')},
	q{SELECT recadv_train('of_one', 'orders', 'customer_id', 'product_id')},
	q{CALL recadv_train_job('of_one', 'orders', 'customer_id', 'product_id')},
	q{SELECT recadv_refresh('of_one')}, q{SELECT recadv_rollback('of_one')}, q{SELECT recadv_forget('of_one', 1)},
	q{SELECT recadv_observe('of_one', 1, 2)}, q{SELECT recadv_attach('of_one')}, q{SELECT recadv_evaluate('of_one', 'orders')},
	q{SELECT recadv_save('of_one', image) FROM regional LIMIT 1}, q{SELECT recadv_publish('of_one')},
	qq{SELECT recadv_subscribe('of_one', $elsewhere)})
{
	refused($primary, $statement, '0A000', $way_back);
}
is($primary->query(q{SELECT status FROM recadv_models WHERE name = 'of_one'})->{out},
	'"of_one" is a table of Citus, which no model can be', 'the list of models says so');
is($primary->query(q{SELECT status FROM recadv_models WHERE name = 'of_three'})->{out}, 'ok', 'others are as they were');
my $session = start_session($server{primary}, database => 'app');
refused($session, $topk, '0A000', $way_back);
$session->quit;

# What undistribute_table leaves is a table without the type.
$primary->query(q{DELETE FROM pg_dist_partition; ALTER TABLE of_one NOT OF});
refused($primary, $topk, '42809', qr/"of_one" is not a model.*ALTER TABLE public.of_one OF public.recadv_model makes it one/s);
is($primary->query('ALTER TABLE of_one OF recadv_model')->{state}, '', 'the mark is given back');
is($primary->query($topk)->{out}, $answer, 'and the model is what it was');
refused($primary, q{SELECT recadv_topk(1, 5, 'orders')}, '42809', qr/recadv_train\(\) makes models/);

# A list that is not that of Citus says nothing.
$primary->query(q{SET allow_system_table_mods = on; DROP TABLE pg_catalog.pg_dist_partition;
	CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid text); INSERT INTO pg_dist_partition VALUES ('of_one')});
is($primary->query($topk)->{out}, $answer, 'nor does another table of the name');
$_->quit foreach ($primary, $reader);
ok(healthy($server{$_}), "$_: no crash") foreach (qw(primary reader standby north));
$server{$_}->stop foreach (qw(standby reader north primary));

# --- Citus, where it is installed --------------------------------------------------------------------

my @workers = qw(worker_1 worker_2);
SKIP:
{
	skip('the section on Citus: Citus is not installed', 1)
	  unless $has_citus;
	foreach my $name ('coordinator', @workers)
	{
		$server{$name} = new_server($name, q{shared_preload_libraries = 'citus'}, 'max_worker_processes = 16');
		$server{$name}->safe_psql('postgres', 'CREATE DATABASE app');
		$server{$name}->safe_psql('app', 'CREATE EXTENSION citus');
	}
	my $coordinator = $server{coordinator};
	my ($host, $port) = ($coordinator->host, $coordinator->port);
	$coordinator->safe_psql('app', qq{SELECT citus_set_coordinator_host('$host', $port)});
	foreach my $name (@workers)
	{
		($host, $port) = ($server{$name}->host, $server{$name}->port);
		$coordinator->safe_psql('app', qq{SELECT citus_add_node('$host', $port)});
	}
	cmp_ok(run_blocks($of_citus, @server{ 'coordinator', @workers }), '>', 8, 'the section on Citus shows what comes out');
	ok(healthy($server{$_}), "$_: no crash") foreach ('coordinator', @workers);
	$server{$_}->stop foreach (@workers, 'coordinator');
}

done_testing();
