# Questions to a model while it is replaced, rolled back, dropped or taken away; cancelling them;
# parallel plans.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('serving');
my $asker = start_session($node);
my $trainer = start_session($node);
my $seed = 10;

make_orders($node, 'orders', 400, 300, 15);

sub train
{
	my ($model, %option) = @_;
	my $source = delete $option{source} // 'orders';

	return "SELECT version FROM recadv_train('$model', '$source', algorithm => 'bpr', options => '"
	  . options(%option) . "')";
}

sub value
{
	my ($session, $sql) = @_;
	my $result = $session->query($sql);

	is($result->{state}, '', 'works') or diag("$sql\n$result->{err}");
	return $result->{out};
}

# Every question about a model, as FROM items in which u is a user (or an item).
my %question = (
	topk => "recadv_topk(u, 5, 'shop', exclude => '{7,8}', "
	  . "candidates => ARRAY(SELECT generate_series(1, 200)::bigint)) t",
	topk_live => "recadv_topk(u, 5, 'shop', seen => 'live') t",
	topk_for => "recadv_topk_for(ARRAY[u, u + 5, u + 10], 5, 'shop') t",
	similar_items => "recadv_similar_items(u % 290, 5, 'shop') t",
	similar_users => "recadv_similar_users(u, 5, 'shop') t",
	explain => "recadv_explain(u, u % 290, 5, 'shop') t",
	topk_all => "recadv_topk_all('shop', 5, ARRAY[u, u + 1000]) t",
	topk_all_live => "recadv_topk_all('shop', 5, ARRAY[u, u + 1000], seen => 'live') t",
	score => "recadv_score(u, u % 290, 'shop') t",
	embeddings => "recadv_embeddings('shop', 'item', ARRAY[u % 290, (u + 1) % 290]) t",
);

sub rows_of
{
	my ($name) = @_;

	return "SELECT u, t::text FROM generate_series(1, 40) u, LATERAL $question{$name}";
}

sub answer
{
	my ($name) = @_;

	return "SELECT md5(string_agg(x::text, ' ')) FROM (" . rows_of($name) . ') x';
}

# The rest of a cursor's rows, after the first ones were fetched, as psql prints them.
sub cursor_rows
{
	my ($name, $meanwhile) = @_;

	value($asker, 'BEGIN');
	value($asker, 'DECLARE c CURSOR FOR ' . rows_of($name));
	my $rows = value($asker, 'FETCH 7 FROM c');
	$meanwhile->();
	$rows .= "\n" . value($asker, 'FETCH ALL FROM c');
	value($asker, 'COMMIT');
	return $rows;
}

# --- an open cursor answers from the version that it began with --------------------------------

value($trainer, train('shop', keep_versions => 1));
foreach my $cache ('256MB', '0')
{
	value($asker, "SET recadv.cache_size = '$cache'");
	foreach my $name (sort keys %question)
	{
		my $before = value($asker, rows_of($name));

		is( cursor_rows(
				$name,
				sub {
					value($trainer, train('shop', keep_versions => 1, seed => ++$seed));
					value($trainer, 'VACUUM shop');
				}),
			$before,
			"$name, cache $cache: replaced under an open cursor");
		isnt(value($asker, rows_of($name)), $before, 'the next statement sees the new version');
		value($trainer, train('shop', keep_versions => 2, seed => ++$seed));
		$before = value($asker, rows_of($name));
		is(cursor_rows($name, sub { value($trainer, "SELECT recadv_rollback('shop')") }),
			$before, "$name, cache $cache: rolled back under an open cursor");
		isnt(value($asker, rows_of($name)), $before, 'the next statement sees the older version');
		value($trainer, 'BEGIN');
		value($trainer, train('shop', seed => ++$seed));
		$before = value($asker, rows_of($name));
		is(cursor_rows($name, sub { value($trainer, 'ROLLBACK') }),
			$before, "$name, cache $cache: a training that is rolled back was never seen");
		is(value($asker, rows_of($name)), $before, 'nor afterwards');
	}
}
value($asker, 'RESET recadv.cache_size');

# --- within one session ------------------------------------------------------------------------

my $before = value($asker, rows_of('topk'));
is( cursor_rows(
		'topk',
		sub {
			value($asker, 'SAVEPOINT s');
			value($asker, train('shop', seed => 555));
			isnt(value($asker, rows_of('topk')), $before, 'the session sees its own training');
		}),
	$before,
	'its open cursor does not');
value($asker, 'BEGIN');
value($asker, train('shop', seed => 556));
isnt(value($asker, rows_of('topk')), $before, 'its own training again');
value($asker, 'ROLLBACK');
value($asker, "SELECT recadv_rollback('shop')");
is(value($asker, rows_of('topk')), $before, 'rolled back: gone');

# --- dropped -----------------------------------------------------------------------------------

value($asker, 'BEGIN');
value($asker, 'DECLARE c CURSOR FOR ' . rows_of('topk'));
value($asker, 'FETCH 7 FROM c');
value($trainer, "SET lock_timeout = '300ms'");
is($trainer->query('DROP TABLE shop')->{state},
	'55P03', 'a model cannot be dropped by others while it is asked');
value($asker, 'DROP TABLE shop');
my $gone = $asker->query('FETCH ALL FROM c');
is($gone->{state}, '42P01', 'dropped in the session itself: the cursor ends with an error')
  or diag($gone->{err});
value($asker, 'ROLLBACK');
is(value($asker, rows_of('topk')), $before, 'not dropped after all');
value($trainer, 'DROP TABLE shop');
foreach my $name (sort keys %question)
{
	is($asker->query(rows_of($name))->{state}, '42P01', "$name: dropped");
}

# --- rights, between two statements of one session ----------------------------------------------

value($trainer, 'CREATE ROLE web LOGIN; GRANT SELECT ON orders TO web');
value($trainer, train('shop'));
value($trainer, 'GRANT SELECT ON shop TO web');
my $web = start_session($node, user => 'web');
my %answer = map { $_ => value($web, answer($_)) } sort keys %question;
value($trainer, 'REVOKE SELECT ON shop FROM web');
foreach my $name (sort keys %question)
{
	my $result = $web->query(answer($name));

	is($result->{state}, '42501', "$name: refused as soon as SELECT is revoked");
	is($result->{out}, '', 'without a row');
}
value($trainer, 'GRANT SELECT ON shop TO web; REVOKE SELECT ON orders FROM web');
foreach my $name (sort keys %question)
{
	my $result = $web->query(answer($name));

	is($result->{state}, $name =~ /live/ ? '42501' : '', "$name: without a right to the source");
}
value($trainer, 'GRANT SELECT ON orders TO web');
value($web, 'SET default_transaction_read_only = on');
is(value($web, answer($_)), $answer{$_}, "$_: the same in a read-only transaction")
  foreach sort keys %question;

# --- parallel plans ----------------------------------------------------------------------------

my $force = $node->safe_psql('postgres',
	"SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
value($web, "SET $force = on; SET max_parallel_workers_per_gather = 2");
like(value($web, 'EXPLAIN ' . answer('topk_for')), qr/Gather/, 'a parallel plan');
is(value($web, answer($_)), $answer{$_}, "$_: the same in a worker") foreach sort keys %question;

# --- cancel ------------------------------------------------------------------------------------

value($trainer, 'CREATE TABLE visits AS SELECT u AS user_id, (u * 31 + n * 77) % 50000 AS item_id'
	  . ' FROM generate_series(1, 150000) u, generate_series(1, 2) n');
value($trainer, train('large', source => 'visits', factors => 64, epochs => 1));
value($trainer, 'GRANT SELECT ON large TO PUBLIC; GRANT SELECT ON visits TO PUBLIC');
my $million = '(SELECT ARRAY(SELECT generate_series(1, 1000000)::bigint) AS a OFFSET 0) x';
my $users = 'generate_series(1, 100000) u';
my %long = (
	'similar users' => "SELECT recadv_similar_users(u, 10, 'large') FROM $users",
	'similar users, without a cache' => 'SET recadv.cache_size = 0; '
	  . "SELECT recadv_similar_users(u, 10, 'large') FROM $users",
	'similar items, without a cache' => 'SET recadv.cache_size = 0; '
	  . "SELECT recadv_similar_items(u, 10, 'large') FROM generate_series(1, 50000) u",
	'candidates' => "SELECT recadv_topk(u, 10, 'large', candidates => a) FROM $million, $users",
	'text candidates' =>
	  "SELECT recadv_topk(u::text, 10, 'large', candidates => a::text[]) FROM $million, $users",
	'history' => "SELECT recadv_topk_for(a, 10, 'large') FROM $million, $users",
	'explanations' =>
	  "SELECT recadv_explain(u, 7, 10, 'large') FROM $users, generate_series(1, 100)",
	'embeddings' => "SELECT recadv_embeddings('large', 'user', NULL::bigint[]) "
	  . 'FROM generate_series(1, 1000)',
	'everyone, live' => "SELECT count(*) FROM recadv_topk_all('large', 10, seen => 'live')",
	'live' => "SELECT recadv_topk(u, 10, 'large', seen => 'live') FROM $users",
);
my $slowest = 0;
foreach my $name (sort keys %long)
{
	my $session = start_session($node);

	value($session, "SELECT count(*) FROM recadv_topk(1, 1, 'large')");
	value($session, "SET statement_timeout = '700ms'");
	my $result = $session->query($long{$name});
	is($result->{state}, '57014', "$name: cancelled") or diag($result->{err});
	$slowest = $result->{seconds} - 0.7 if $result->{seconds} - 0.7 > $slowest;
	value($session, 'RESET statement_timeout');
	is(value($session, "SELECT count(*) FROM recadv_topk(1, 10, 'large')"), 10, "$name: serves on");
	$session->quit;
}
diag(sprintf 'slowest reaction to a timeout: %.3f s', $slowest);

$_->quit foreach $asker, $trainer, $web;
ok(healthy($node), 'no process has crashed');
$node->stop;
done_testing();
