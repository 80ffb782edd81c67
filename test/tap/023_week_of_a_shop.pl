# A week of a shop in fast motion: orders come in, each minute learns them, each night trains, and
# each day the server dies once.  Customers change their tastes, new ones and new products come.  One
# night the table of orders has lost nine tenths of its rows; one day it loses a column that the model
# does not read, and one day one that it does.  The model serves all the time, and in the end each
# order has been learnt once.
#
# A minute is a fifth of a second, and a day two seconds.  RECADV_LONG=1: pg_cron runs both jobs, the
# refresh each minute and the training each third: that is a day, and the test takes half an hour.
# SEED: see RecadvTest.pm.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use RecadvTest;

my $seed = random_seed();
my $directory = PostgreSQL::Test::Utils::tempdir();
my $with_cron = long_form();
my $day_seconds = $with_cron ? 180 : 2;
my $orders_a_second = $with_cron ? 30 : 250;
my @configuration = ('autovacuum = on', 'autovacuum_naptime = 1', 'restart_after_crash = on');

if ($with_cron)
{
	my ($library) = run_command([ 'pg_config', '--pkglibdir' ]);

	plan skip_all => 'pg_cron is not installed (Debian: postgresql-15-cron)'
	  if !-e "$library/pg_cron.so";
	push @configuration, "shared_preload_libraries = 'pg_cron, recadv'",
	  "cron.database_name = 'postgres'", 'cron.use_background_workers = on',
	  'max_worker_processes = 16';
}

my $node = new_server('week', @configuration);

# --- the shop ------------------------------------------------------------------------------------

# Customers like the products of a group, the first ones most; each day a seventh changes the group.
# The ledger has what was sold, and whether it could not be written into orders.
$node->safe_psql('postgres', qq{
	CREATE TABLE clock AS SELECT clock_timestamp() AS began, 86400.0 / $day_seconds AS speed, 0 AS day;
	CREATE FUNCTION shop_time() RETURNS timestamptz LANGUAGE sql AS
		\$\$ SELECT timestamptz '2025-01-01' + speed * (clock_timestamp() - began) FROM clock \$\$;
	CREATE FUNCTION product(customer int, day int, chance float8) RETURNS int IMMUTABLE LANGUAGE sql AS
		\$\$ SELECT (customer % 8 + (customer / 8 + day) / 7) % 8
			+ 8 * floor((40 + 2 * day) * power(chance, 1.5))::int \$\$;
	CREATE TABLE orders (id bigint PRIMARY KEY, user_id int, note text, item_id int, at timestamptz);
	CREATE TABLE ledger (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, day int, user_id int,
		item_id int, at timestamptz, spooled boolean DEFAULT false);
	CREATE TABLE curve (day int, events bigint, ranked bigint, hr float8, ndcg float8);
	CREATE FUNCTION sell(customer int, chance float8) RETURNS void LANGUAGE plpgsql AS \$\$
	DECLARE sold ledger;
	BEGIN
		INSERT INTO ledger (day, user_id, item_id, at)
			SELECT day, customer, product(customer, day, chance), shop_time() FROM clock
			RETURNING * INTO sold;
		INSERT INTO orders (id, user_id, item_id, at)
			VALUES (sold.id, sold.user_id, sold.item_id, sold.at);
	EXCEPTION WHEN undefined_column THEN
		INSERT INTO ledger (day, user_id, item_id, at, spooled)
			SELECT day, customer, product(customer, day, chance), shop_time(), true FROM clock;
	END \$\$;
	INSERT INTO ledger (day, user_id, item_id, at)
		SELECT 0, u, product(u, 0, (hashint4(u * 100 + n) & 1023) / 1024.0),
		       timestamptz '2024-12-31' + n * interval '1 hour' + u * interval '1 second'
		FROM generate_series(1, 300) u, generate_series(1, 8) n;
	INSERT INTO orders SELECT id, user_id, NULL, item_id, at FROM ledger});

my $job = q{CALL recadv_train_job('feed', 'orders', time_column => 'at', algorithm => 'nmrn',
	options => '{"epochs": 5, "lateness": 172800, "threads": 1}', if_busy => 'wait')};
my $learn = q{INSERT INTO curve SELECT (SELECT day FROM clock), events, ranked, hr, ndcg
	FROM recadv_refresh('feed', if_busy => 'skip')};

$node->safe_psql('postgres', $job);
$node->safe_psql('postgres', q{SELECT recadv_attach('feed')});
if ($with_cron)
{
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
	$node->safe_psql('postgres', "SELECT cron.schedule('minutely', '* * * * *', \$cron\$$learn\$cron\$)");
	$node->safe_psql('postgres', "SELECT cron.schedule('nightly', '*/3 * * * *', \$cron\$$job\$cron\$)");
}

sub script
{
	my ($name, $text) = @_;

	append_to_file("$directory/$name", $text);
	return "$directory/$name";
}

my $sell = script('sell', q{
\set customer random(1, 300 + 10 * :day)
\set chance random(0, 999999)
SELECT sell(:customer, :chance / 1e6);
SELECT 1 / (count(*) = 10)::int AS serves FROM recadv_topk(:customer, 10, 'feed');
});
my $minute = script('minute', "$learn;\n\\sleep 200 ms\n");

sub pgbench
{
	my ($script, $day, @more) = @_;
	my %run = (out => '', err => '');

	$run{handle} = IPC::Run::start(
		[ $node->installed_command('pgbench'), '-n', '-f', $script, '-D', "day=$day",
			"--random-seed=" . ($seed + $day), @more, $node->connstr('postgres') ],
		'<', \undef, '>', \$run{out}, '2>', \$run{err});
	return \%run;
}

my @open;

# For so many seconds, or until it is closed or the server dies.
sub open_shop
{
	my ($day, $seconds, $learns) = @_;
	my $whole = int($seconds) + 1;

	@open = (pgbench($sell, $day, '-c', 3, '-R', $orders_a_second, '-T', $whole));
	push @open, pgbench($minute, $day, '-c', 1, '-T', $whole) if $learns && !$with_cron;
	return;
}

# What went wrong in the shop, but for the death of the server.
sub close_shop
{
	my $wrong = '';

	foreach my $run (@open)
	{
		$run->{handle}->finish;
		$wrong .= join "\n", grep { /ERROR: / } split /\n/, $run->{err};
	}
	@open = ();
	return $wrong;
}

# --- the server dies -----------------------------------------------------------------------------

my @deaths = (\&kill_backend, \&kill_server, \&stop_immediately);
my $died = 0;

sub die_once
{
	my $session = start_session($node);

	$deaths[ int(rand(@deaths)) ]->($node, $session);
	$session->quit;
	$died++;
	return;
}

# Orders come in all day; at some moment the server dies.
sub day
{
	my ($day, $learns) = @_;
	my $moment = (0.2 + rand(0.6)) * $day_seconds;
	my $wrong;

	$node->safe_psql('postgres', "UPDATE clock SET day = $day");
	open_shop($day, 2 * $day_seconds, $learns);
	usleep($moment * 1e6);
	die_once();
	$wrong = close_shop();
	open_shop($day, $day_seconds - $moment, $learns);
	$wrong .= close_shop() if !$with_cron;
	return is($wrong, '', "day $day: the shop was open, though the server died after"
		  . sprintf(' %.1f of %d s', $moment, $day_seconds));
}

# --- the night -----------------------------------------------------------------------------------

sub run_since
{
	my ($when) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT status || ': ' || coalesce(message, '') FROM recadv_runs('feed')
		WHERE started >= '$when' AND status <> 'running' ORDER BY run LIMIT 1});
}

# One that the death of the server cut off is made up for.
sub night
{
	my ($day, $expected) = @_;
	my $when = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	my $wrong = '';
	my $run;

	$node->psql('postgres', $job) if !$with_cron;
	$run = wait_until(sub { run_since($when) }, 4 * $day_seconds + 60);
	$wrong = close_shop() if $with_cron;
	is($wrong, '', "day $day: and open at night") if $with_cron;
	return like($run, $expected, "night $day: the training");
}

# Each order that could be written is learnt, once, and none waits.
my $books = q{SELECT concat_ws(' ', (SELECT count(*) FROM ledger WHERE NOT spooled),
	recadv_info('feed') #>> '{stream,events}',
	(SELECT count(*) FROM feed WHERE version = 0 AND part ~ '^(event|item)'))};

sub check_books
{
	my ($label) = @_;
	my $found;

	wait_until(sub {
		$node->safe_psql('postgres', $learn);
		$found = $node->safe_psql('postgres', $books);
		return $found =~ /^(\d+) \1 0$/;
	}, 30);
	return like($found, qr/^(\d+) \1 0$/, "$label: each order is learnt once");
}

sub check_orders
{
	my ($label) = @_;

	return is($node->safe_psql('postgres', q{
			WITH sold AS (SELECT id, user_id, item_id, at FROM ledger),
			     there AS (SELECT id, user_id, item_id, at FROM orders)
			SELECT count(*) FROM ((TABLE sold EXCEPT TABLE there)
				UNION ALL (TABLE there EXCEPT TABLE sold)) differences}),
		'0', "$label: the table of orders is complete");
}

# --- what happens --------------------------------------------------------------------------------

my %special = (
	3 => \&bad_source,
	4 => \&drop_neighbour,
	5 => \&drop_column);

sub usual_day
{
	my ($day) = @_;

	day($day, 1);
	night($day, qr/^succeeded/);
	return check_books("day $day");
}

# What is sold is learnt from what the trigger saw; the night sees a tenth.
sub bad_source
{
	my ($day) = @_;
	my $version;

	day($day, 1);
	check_books("day $day, before the accident") if !$with_cron;
	$version = $node->safe_psql('postgres', 'SELECT version FROM recadv_models');
	$node->safe_psql('postgres', 'DELETE FROM orders WHERE user_id % 10 <> 0');
	night($day, qr/^kept: the source has \d+ interactions, less than half/);
	is($node->safe_psql('postgres', 'SELECT version FROM recadv_models'),
		$version, "night $day: a training from a tenth of the orders does not serve");
	$node->safe_psql('postgres', q{
		INSERT INTO orders (id, user_id, item_id, at) SELECT id, user_id, item_id, at FROM ledger l
		WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = l.id)});
	return check_books("day $day, orders loaded again");
}

sub drop_neighbour
{
	my ($day) = @_;

	$node->safe_psql('postgres', 'ALTER TABLE orders DROP COLUMN note');
	return usual_day($day);
}

sub drop_column
{
	my ($day) = @_;
	my $session = start_session($node);
	my ($answers, $refused);

	if ($with_cron)
	{
		$node->safe_psql('postgres', q{SELECT cron.alter_job(jobid, active => false) FROM cron.job
			WHERE jobname = 'minutely'});
	}
	check_books("day $day, before the accident");
	$answers = topk_of($node, 'feed');
	$node->safe_psql('postgres', 'ALTER TABLE orders DROP COLUMN item_id');
	$refused = $session->query($learn);
	is($refused->{state}, '42703', 'a refresh from a table that lost its column fails');
	like($refused->{err}, qr/column "item_id" of source "public.orders" of model "feed" does not exist/,
		'and says why');
	$session->quit;
	day($day, 0);
	night($day, qr/^failed: column "item_id" of source "orders" does not exist/);
	is(topk_of($node, 'feed'), $answers, "day $day: the model serves as before");
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM ledger WHERE spooled'),
		'>', 20, 'while the shop sells');
	$node->safe_psql('postgres', q{
		ALTER TABLE orders ADD COLUMN item_id int;
		UPDATE orders o SET item_id = l.item_id FROM ledger l WHERE l.id = o.id;
		INSERT INTO orders (id, user_id, item_id, at)
			SELECT id, user_id, item_id, at FROM ledger WHERE spooled;
		UPDATE ledger SET spooled = false WHERE spooled});
	if ($with_cron)
	{
		$node->safe_psql('postgres', q{SELECT cron.alter_job(jobid, active => true) FROM cron.job
			WHERE jobname = 'minutely'});
	}
	return check_books("day $day, the column is back");
}

check_books('before the week');
foreach my $day (1 .. 7)
{
	($special{$day} // \&usual_day)->($day);
	check_orders("day $day");
}

# --- the week in numbers -------------------------------------------------------------------------

# Of the first orders of a product by a customer: how many were among the ten products that had been
# sold most until the day before?
my $popularity = q{
	WITH first AS (SELECT DISTINCT ON (user_id, item_id) day, user_id, item_id FROM ledger
	               ORDER BY user_id, item_id, at),
	     best AS (SELECT d AS day, item_id FROM generate_series(1, 7) d, LATERAL (
	              SELECT item_id FROM first WHERE day < d GROUP BY 1 ORDER BY count(*) DESC LIMIT 10) b)
	SELECT f.day, avg((b.item_id IS NOT NULL)::int) AS hr
	FROM first f LEFT JOIN best b USING (day, item_id) WHERE f.day > 0 GROUP BY 1};
my @curve = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', qq{
	SELECT day, sum(events), sum(hr * ranked) / sum(ranked), sum(ndcg * ranked) / sum(ranked),
		(SELECT hr FROM ($popularity) p WHERE p.day = c.day)
	FROM curve c WHERE day > 0 AND ranked > 0 GROUP BY day ORDER BY day});
my ($better) = (0, 0);

is(scalar @curve, 7, 'each day has learnt');
foreach my $day (@curve)
{
	diag(sprintf 'day %d: %d orders learnt, HR@10 %.3f, NDCG@10 %.3f; by popularity HR@10 %.3f', @$day);
	$better += $day->[2] > 1.5 * $day->[4];
}
is($better, 7, 'and recommended better than popularity before it learnt');
is($died, 7, 'the server died each day');
unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|was terminated by signal (?!9)/,
	'and never by itself');
diag(sprintf '%d orders; %s', $node->safe_psql('postgres', 'SELECT count(*) FROM ledger'),
	load_average());
$node->stop;
done_testing();
