# One table of calls through each driver that is there: psql with PREPARE, psycopg 2 and 3,
# node-postgres and JDBC; each with arguments of its own types and with strings, directly and behind
# pgbouncer in transaction mode.  What is wanted is what psql answers where every argument has a type.
# Then the programs that doc/applications.md shows, and what they print.
#
# The programs that speak through the drivers are in drivers/.  script/test gets what is small; a
# driver that is not there is skipped, and the line says which.
use strict;
use warnings;

use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('drivers', q{listen_addresses = '127.0.0.1'});
my $port = $node->port;
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $programs = dirname(__FILE__) . '/drivers';
my $options = q{options => '{"factors":8,"epochs":2,"seed":1,"threads":1,"holdout":"none"}'};

$node->safe_psql('postgres', qq{
	CREATE FUNCTION uid(n int) RETURNS uuid IMMUTABLE LANGUAGE sql
	RETURN ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
	CREATE TABLE views AS
	SELECT u AS user_id, (u % 5 + 5 * ((u * 7919 + n * n * 31 + n * 17) % 40)) AS item_id,
		timestamptz '2024-01-01' + (n * 200 + u) * interval '1 minute' AS at
	FROM generate_series(1, 100) u, generate_series(1, 15) n;
	CREATE TABLE films AS SELECT DISTINCT item_id AS id, 'film ' || item_id AS title FROM views;
	CREATE TABLE orders AS SELECT uid(user_id) AS user_id, uid(1000 + item_id) AS item_id, at FROM views;
	CREATE TABLE products AS SELECT uid(1000 + id) AS id, 'product ' || id AS title FROM films;
	CREATE TABLE sales AS
	SELECT user_id::numeric(12) AS user_id, item_id::numeric(12) AS item_id FROM views;
	CREATE TABLE images AS
	SELECT recadv_fit(user_id, item_id, '{"algorithm":"bpr","factors":8,"epochs":2,"threads":1}') AS image
	FROM views;
	SELECT recadv_train('films_model', 'views', algorithm => 'bpr', $options);
	SELECT recadv_train('shop', 'orders', algorithm => 'bpr', $options);
	SELECT recadv_train('numbers', 'sales', algorithm => 'bpr', $options);
	SELECT recadv_train('feed', 'views', time_column => 'at', algorithm => 'nmrn', $options)});

# --- the calls ------------------------------------------------------------------------------------

my ($u7, $u8) = map { $node->safe_psql('postgres', "SELECT uid($_)") } 7, 8;
my ($i, $j) = split /\|/, $node->safe_psql('postgres',
	'SELECT min(item_id), max(item_id) FROM views WHERE user_id = 8 AND item_id NOT IN (
		SELECT item_id FROM views WHERE user_id = 7)');
my ($p, $q) = map { $node->safe_psql('postgres', "SELECT uid(1000 + $_)") } $i, $j;
my $ranked = 'SELECT item, rank FROM';
my $with_title = 'SELECT p.title, r.rank FROM';

# Name, statement, its arguments, and the same with literals that have types.  A parameter without a
# type is a text: where the item is compared with a column that is none, the call names the type.
my @calls = (
	[ 'topk', "$ranked recadv_topk(\$1, \$2, \$3)", [qw(int=7 int=3 text=films_model)],
		"$ranked recadv_topk(7::bigint, 3, 'films_model'::text)" ],
	[ 'topk by name', "$ranked recadv_topk(user_id => \$1, k => \$2, model => \$3)",
		[qw(int=7 int=3 text=films_model)], "$ranked recadv_topk(7::bigint, 3, 'films_model'::text)" ],
	[ 'topk of candidates', "$ranked recadv_topk(\$1, 3, 'films_model', candidates => \$2)",
		[ 'int=7', "ints=1,2,$i,3,$j" ],
		"$ranked recadv_topk(7::bigint, 3, 'films_model', candidates => '{1,2,$i,3,$j}'::bigint[])" ],
	[ 'topk without some', "$ranked recadv_topk(\$1, 3, 'films_model', true, NULL, \$2)",
		[qw(int=7 ints=)], "$ranked recadv_topk(7::bigint, 3, 'films_model')" ],
	[ 'topk with titles',
		"$with_title recadv_topk(\$1::bigint, \$2, 'films_model') r JOIN films p ON p.id = r.item ORDER BY r.rank",
		[qw(int=7 int=3)],
		"$with_title recadv_topk(7::bigint, 3, 'films_model') r JOIN films p ON p.id = r.item ORDER BY r.rank" ],
	[ 'topk of nobody', "$ranked recadv_topk(\$1, \$2, \$3)", [qw(null= int=3 text=films_model)],
		'SELECT 1 WHERE false' ],
	[ 'topk of a stranger', "SELECT rank, fallback FROM recadv_topk(\$1, 2, 'films_model')",
		['int=4711'], q{VALUES (1, true), (2, true)} ],
	[ 'topk for a basket', "$ranked recadv_topk_for(\$1, \$2, \$3)", [ "ints=$i,$j", 'int=3', 'text=films_model' ],
		"$ranked recadv_topk_for('{$i,$j}'::bigint[], 3, 'films_model'::text)" ],
	[ 'topk for an empty basket', "$ranked recadv_topk_for(\$1, 3, 'films_model')", ['ints='],
		"$ranked recadv_topk_for('{}'::bigint[], 3, 'films_model')" ],
	[ 'topk for all', "SELECT user_id, item, rank FROM recadv_topk_all('films_model', 2, users => \$1)",
		['ints=7,8'],
		"SELECT user_id, item, rank FROM recadv_topk_all('films_model', 2, users => '{7,8}'::bigint[])" ],
	[ 'similar items', "$ranked recadv_similar_items(\$1, \$2, \$3)", [ "int=$i", 'int=3', 'text=films_model' ],
		"$ranked recadv_similar_items(${i}::bigint, 3, 'films_model'::text)" ],
	[ 'similar users', "SELECT other, rank FROM recadv_similar_users(\$1, \$2, \$3)",
		[qw(int=7 int=3 text=films_model)],
		"SELECT other, rank FROM recadv_similar_users(7::bigint, 3, 'films_model'::text)" ],
	[ 'explain', "$ranked recadv_explain(\$1, \$2, \$3, \$4)", [ 'int=7', "int=$i", 'int=2', 'text=films_model' ],
		"$ranked recadv_explain(7::bigint, ${i}::bigint, 2, 'films_model'::text)" ],
	[ 'score', "SELECT round(recadv_score(\$1, id, 'films_model')::numeric, 4) FROM films ORDER BY id LIMIT 2",
		['int=7'],
		q{SELECT round(recadv_score(7::bigint, id::bigint, 'films_model')::numeric, 4) FROM films ORDER BY id LIMIT 2} ],
	[ 'has user', 'SELECT recadv_has_user($1, $2)', [qw(int=7 text=films_model)], 'SELECT true' ],
	[ 'embeddings', "SELECT id FROM recadv_embeddings('films_model', \$1, \$2)", [ 'text=user', 'ints=7,8' ],
		'VALUES (7), (8)' ],
	[ 'observe', 'SELECT recadv_observe($1, $2, $3, $4)',
		[ 'text=feed', 'int=7', "int=$i", 'time=2024-06-01T12:00:00+00:00' ], 'SELECT true' ],
	[ 'observe now', q{SELECT recadv_observe('feed', $1, $2)}, [ 'int=7', "int=$j" ], 'SELECT true' ],
	[ 'forget', 'SELECT versions > 0 FROM recadv_forget($1, $2)', [qw(text=feed int=99)], undef ],
	[ 'image', "$ranked recadv_image_topk((SELECT image FROM images), \$1, \$2)", [qw(int=7 int=3)],
		"$ranked recadv_image_topk((SELECT image FROM images), 7::bigint, 3)" ],
	[ 'image for a basket', "$ranked recadv_image_topk_for((SELECT image FROM images), \$1, \$2)",
		[ "ints=$i,$j", 'int=3' ],
		"$ranked recadv_image_topk_for((SELECT image FROM images), '{$i,$j}'::bigint[], 3)" ],
	[ 'similar items of an image', "$ranked recadv_image_similar_items((SELECT image FROM images), \$1, \$2)",
		[ "int=$i", 'int=3' ], "$ranked recadv_image_similar_items((SELECT image FROM images), ${i}::bigint, 3)" ],
	[ 'score of an image', 'SELECT recadv_image_score((SELECT image FROM images), $1, $2) IS NULL',
		[qw(int=7 int=4711)], 'SELECT true' ],
	[ 'uuid', "$ranked recadv_topk(\$1, \$2, \$3)", [ "uuid=$u7", qw(int=3 text=shop) ],
		"$ranked recadv_topk('$u7'::uuid, 3, 'shop'::text)" ],
	[ 'uuid with titles',
		"$with_title recadv_topk(\$1::uuid, \$2, 'shop') r JOIN products p ON p.id = r.item ORDER BY r.rank",
		[ "uuid=$u7", 'int=3' ],
		"$with_title recadv_topk('$u7'::uuid, 3, 'shop') r JOIN products p ON p.id = r.item ORDER BY r.rank" ],
	[ 'uuid candidates', "$ranked recadv_topk(\$1, 3, 'shop', candidates => \$2)",
		[ "uuid=$u7", "uuids=$p,$q" ],
		"$ranked recadv_topk('$u7'::uuid, 3, 'shop', candidates => '{$p,$q}'::uuid[])" ],
	[ 'uuid basket', "$ranked recadv_topk_for(\$1, 3, 'shop')", ["uuids=$p,$q"],
		"$ranked recadv_topk_for('{$p,$q}'::uuid[], 3, 'shop')" ],
	[ 'uuid for all', "SELECT user_id, item FROM recadv_topk_all('shop', 1, \$1)", ["uuids=$u7,$u8"],
		"SELECT user_id, item FROM recadv_topk_all('shop', 1, '{$u7,$u8}'::uuid[])" ],
	[ 'uuid score', q{SELECT recadv_score($1, $2, 'shop') IS NOT NULL, recadv_has_user($3, 'shop')},
		[ "uuid=$u7", "uuid=$p", "uuid=$u8" ], 'SELECT true, true' ],
	[ 'uuid similar', "$ranked recadv_similar_items(\$1, 3, 'shop')", ["uuid=$p"],
		"$ranked recadv_similar_items('$p'::uuid, 3, 'shop')" ],
	[ 'uuid embeddings', "SELECT id FROM recadv_embeddings('shop', 'user', \$1)", ["uuids=$u7"],
		"SELECT '$u7'::uuid" ],
	[ 'numeric', "SELECT item::int, rank FROM recadv_topk(\$1, 3, 'numbers')", ['num=7'],
		"SELECT item::int, rank FROM recadv_topk(7::bigint::text, 3, 'numbers')" ],
	[ 'numeric basket', "SELECT item::int, rank FROM recadv_topk_for(\$1, 3, 'numbers')", ["nums=$i,$j"],
		"SELECT item::int, rank FROM recadv_topk_for('{$i,$j}'::text[], 3, 'numbers')" ],
	[ 'options', 'SELECT algorithm, version > 0 FROM recadv_train($1, $2, algorithm => $3, options => $4::jsonb)',
		[qw(text=trained text=views text=popularity), 'json={"holdout":"none"}'], q{SELECT 'popularity', true} ],
	[ 'info', q{SELECT recadv_info($1) ->> 'algorithm'}, ['text=shop'], q{SELECT 'bpr'} ]);

sub psql
{
	my ($statement) = @_;
	my $out = $node->safe_psql('postgres', $statement);

	$out =~ s/\n/;/g;
	$out =~ s/\|/,/g;
	return $out;
}

# Each driver would forget the user again.
my %wanted = map { $_->[0] => defined $_->[3] ? psql($_->[3]) : qr/^[tf]$/ } @calls;

# answers_are(DRIVER, TEXT): a line of each call.
sub answers_are
{
	my ($driver, $text) = @_;
	my %got = map { split /\t/, $_, 2 } grep { /\t/ } split /\n/, $text;

	foreach my $call (@calls)
	{
		my ($name) = @$call;

		like($got{$name} // 'no answer', ref $wanted{$name} ? $wanted{$name} : qr/^\Q$wanted{$name}\E$/,
			"$driver: $name");
	}
	return;
}

my $table = join('', map { join("\t", @{$_}[ 0, 1 ], @{ $_->[2] }) . "\n" } @calls);

# through(DRIVER, COMMAND...): the calls through a program.
sub through
{
	my ($driver, @command) = @_;
	my ($out, $err) = ('', '');

	local $ENV{LC_ALL} = 'C.UTF-8';
	IPC::Run::run(\@command, '<', \$table, '>', \$out, '2>', \$err, IPC::Run::timeout($RecadvTest::patience));
	diag("$driver: $err") if $err ne '';
	answers_are($driver, $out);
	return;
}

# All of the name, in the order of PATH.
sub programs_of
{
	my ($name) = @_;

	return grep { -x $_ } map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/bin', '/usr/sbin';
}

sub program_of
{
	my ($name) = @_;

	return (programs_of($name))[0];
}

sub runs
{
	my @command = @_;

	return IPC::Run::run(\@command, '<', \undef, '>', '/dev/null', '2>', '/dev/null');
}

# skipped(DRIVER, HOW TO GET IT)
sub skipped
{
	my ($driver, $how) = @_;

	SKIP: { skip("$driver is not there: $how", 1) }
	return;
}

# --- psql: parameters of PREPARE, which has no types ------------------------------------------------

sub literal
{
	my ($spec) = @_;
	my ($kind, $value) = split /=/, $spec, 2;

	return 'NULL' if $kind eq 'null';
	return $kind =~ /s$/ ? "'{$value}'" : "'$value'";
}

my $prepared = '';
foreach my $call (@calls)
{
	my ($name, $statement, $arguments) = @$call;
	my ($out, $err);

	$node->psql('postgres', "PREPARE p AS $statement; EXECUTE p("
		  . join(', ', map { literal($_) } @$arguments) . ')', stdout => \$out, stderr => \$err);
	$out = $err =~ /ERROR: +(.*)/ ? "ERROR $1" : $out;
	$out =~ s/\n/;/g;
	$out =~ s/\|/,/g;
	$prepared .= "$name\t$out\n";
}
answers_are('PREPARE', $prepared);

# --- through programs, directly and behind a pool ---------------------------------------------------

my $javac = program_of('javac');
my $jar = '/usr/share/java/postgresql.jar';

sub ask_all
{
	my ($how, $at, $pooled) = @_;
	my @pooled = $pooled ? ('pooled') : ();
	my $connection = "host=127.0.0.1 port=$at user=$user dbname=postgres";

	foreach my $version (2, 3)
	{
		my $module = $version == 2 ? 'psycopg2' : 'psycopg';

		my ($python) = grep { runs($_, '-c', "import $module") } programs_of('python3');
		if (!defined $python)
		{
			skipped("psycopg $version$how", "apt-get install python3-$module");
			next;
		}
		through("psycopg $version, $_$how", $python, "$programs/psycopg${version}_calls.py", $connection, $_, @pooled)
		  foreach ('types', 'strings', $version == 3 ? 'binary' : ());
	}
	if (!defined program_of('node') || !runs(program_of('node'), '-e', q{require('pg')}))
	{
		skipped("node-postgres$how", 'apt-get install nodejs node-pg, or npm install pg and NODE_PATH');
	}
	else
	{
		through("node-postgres, $_$how", program_of('node'), "$programs/node_calls.js", '127.0.0.1', $at, $user,
			'postgres', $_)
		  foreach ('types', 'strings', $pooled ? () : 'prepared');
	}
	if (!defined $javac || !-e $jar)
	{
		skipped("JDBC$how", 'apt-get install default-jdk-headless libpostgresql-jdbc-java');
	}
	else
	{
		my $threshold = $pooled ? 0 : 1;
		my $url = "jdbc:postgresql://127.0.0.1:$at/postgres?user=$user&prepareThreshold=$threshold";

		through("JDBC, $_->[0]$how", program_of('java'), '-Xshare:auto', '-cp', $jar, "$programs/JdbcCalls.java",
			"$url$_->[1]", $_->[0])
		  foreach ([ 'types', '' ], [ 'strings', '&stringtype=unspecified' ]);
	}
	return;
}

ask_all('', $port, 0);

SKIP:
{
	my $pgbouncer = program_of('pgbouncer');
	my $directory = $node->basedir;
	my $pool = PostgreSQL::Test::Cluster::get_free_port();
	my $pooler;

	skip('pgbouncer is not there: apt-get install pgbouncer', 1) if !defined $pgbouncer;
	append_to_file("$directory/pgbouncer.ini", join("\n", '[databases]',
			"* = host=127.0.0.1 port=$port user=$user", '[pgbouncer]', "listen_port = $pool", 'listen_addr = 127.0.0.1',
			'unix_socket_dir =', 'auth_type = any', 'pool_mode = transaction', 'default_pool_size = 2',
			'ignore_startup_parameters = extra_float_digits', "logfile = $directory/pgbouncer.log") . "\n");
	$pooler = IPC::Run::start([ $pgbouncer, "$directory/pgbouncer.ini" ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');
	ok(wait_until(sub { -e "$directory/pgbouncer.log" && slurp_file("$directory/pgbouncer.log") =~ /process up/ }),
		'pgbouncer is up');
	ask_all(', behind pgbouncer', $pool, 1);
	$pooler->signal('INT');
	IPC::Run::kill_kill($pooler, grace => 10);
}

# --- the programs of the page for applications, as they stand there ----------------------------------

my $page = slurp_file('doc/applications.md');
my ($shop) = blocks_of($page);
my $customer = '00000000-0000-4000-8000-000000000007';

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', "CREATE EXTENSION recadv; $shop->[0]");

# program(LANGUAGE): its block, and what the fence after it shows.
sub program
{
	my ($language) = @_;

	return $page =~ /^```$language\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?/ms;
}

sub prints
{
	my ($language, $wanted, @command) = @_;
	my ($out, $err) = ('', '');

	local @ENV{qw(PGHOST PGPORT PGUSER LC_ALL)} = ('127.0.0.1', $port, $user, 'C.UTF-8');
	IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($RecadvTest::patience));
	is($out, $wanted, "the page's program in $language prints what the page shows") or diag($err);
	return;
}

my ($python) = grep { runs($_, '-c', 'import psycopg') } programs_of('python3');
if (defined $python)
{
	my ($block, $printed) = program('python');

	prints('Python', $printed, $python, '-c', "import uuid\ncustomer = uuid.UUID('$customer')\n$block");
}
if (defined program_of('node') && runs(program_of('node'), '-e', q{require('pg')}))
{
	my ($block, $printed) = program('javascript');

	prints('JavaScript', $printed, program_of('node'), '-e',
		"(async () => { const customer = '$customer';\n$block\nconsole.log(rows); await pool.end(); })()");
}
if (defined $javac && -e $jar)
{
	my ($block) = program('java');
	my $file = $node->basedir . '/Page.java';

	append_to_file($file, qq(import java.sql.*; import java.util.UUID;
		public class Page { public static void main(String[] arguments) throws SQLException {
		UUID customer = UUID.fromString("$customer");
		try (Connection connection = DriverManager.getConnection(arguments[0])) { $block } } }));
	# the page does not show it again
	prints('Java', (program('python'))[1] =~ s/^\('(.*)', (\d), False\)$/$1 $2/gmr,
		program_of('java'), '-Xshare:auto', '-cp', $jar, $file, "jdbc:postgresql://127.0.0.1:$port/shop?user=$user");
}

ok(healthy($node), 'no crash');
$node->stop;
done_testing();
