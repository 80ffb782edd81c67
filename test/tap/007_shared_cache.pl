# Where recadv is loaded with the server, one copy of a model serves all sessions.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $server = new_server('shared', "shared_preload_libraries = 'recadv'",
	"recadv.shared_cache_size = '3MB'", 'restart_after_crash = on');

make_orders($server, 'orders', 300, 20000, 40);

sub train
{
	my ($model, $seed, $factors, $table) = @_;
	my $options = options(seed => $seed, factors => $factors // 16, epochs => 1);

	$table //= 'orders';
	return "SELECT version FROM recadv_train('$model', '$table', algorithm => 'bpr', "
	  . "options => '$options')";
}

# The shared entries that a session sees: "model version, ..."
sub shared
{
	my ($session) = @_;

	return $session->query(q{
		SELECT string_agg(model || ' ' || version, ', ' ORDER BY model::text, version)
		FROM recadv_cache WHERE location = 'shared'})->{out};
}

sub top
{
	my ($session, $model, $user) = @_;

	return $session->query('SELECT string_agg(t::text, $$ $$) FROM recadv_topk('
		  . ($user // 1) . ", 10, '$model') t")->{out};
}

my ($one, $two) = map { start_session($server) } 1 .. 2;

$server->safe_psql('postgres', train('shop', 1));

# --- two sessions, one copy --------------------------------------------------------------------

is(shared($one), '', 'nothing is shared before the first use');
my $first = top($one, 'shop');
is(shared($one), 'shop 1', 'the first use shares the model');
is(top($two, 'shop'), $first, 'another session answers the same');
is($two->query("SELECT hits FROM recadv_cache WHERE location = 'shared'")->{out},
	'1', 'from the same copy');
is($two->query('SELECT bool_or(items) FROM recadv_cache WHERE location = $$backend$$')->{out},
	'f', 'and has none of its own');
$server->safe_psql('postgres', 'CREATE DATABASE second');
$server->safe_psql('second', 'CREATE EXTENSION recadv');
is($server->safe_psql('second', 'SELECT count(*) FROM recadv_cache'),
	'0', 'another database does not see it');

# --- versions ----------------------------------------------------------------------------------

$one->query('BEGIN');
$one->query(train('shop', 2));
isnt(top($one, 'shop'), $first, 'who trains sees the new version');
is(top($two, 'shop'), $first, 'others the old one');
$one->query('ROLLBACK');
is(top($one, 'shop'), $first, 'nobody sees what was rolled back');
is(top($two, 'shop'), $first, 'nor do others');
$two->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
is(top($two, 'shop'), $first, 'a session takes a snapshot');
$one->query(train('shop', 3));
my $second = top($one, 'shop');
isnt($second, $first, 'a new version serves');
is(top($two, 'shop'), $first, 'but not in the old snapshot');
$two->query('COMMIT');
is(top($two, 'shop'), $second, 'and afterwards there too');
is($server->safe_psql('postgres', "SELECT recadv_rollback('shop')"), '1', 'rolled back by hand');
is(top($_, 'shop'), $first, 'seen by the next statement') foreach ($one, $two);

# --- loaded before the commit ------------------------------------------------------------------

make_orders($server, 'few', 40, 600, 10);
$server->safe_psql('postgres', train('few_items', $_, 16, 'few')) foreach 1 .. 2;
unlike(shared($one), qr/few_items/, 'what nobody uses is not loaded');
my $few = top($two, 'few_items');
like(shared($two), qr/few_items 2/, 'it is in use');
$one->query('BEGIN');
$one->query(train('few_items', 3, 16, 'few'));
like(shared($two), qr/few_items 2, few_items 3/, 'the next version is there before its commit');
is(top($two, 'few_items'), $few, 'and not served');
$one->query('COMMIT');
my $next = top($two, 'few_items');
isnt($next, $few, 'from the commit on it is');
is($two->query(q{SELECT hits FROM recadv_cache
		WHERE location = 'shared' AND model = 'few_items'::regclass AND version = 3})->{out},
	'1', 'without loading');
$one->query('BEGIN');
$one->query(train('few_items', 4, 16, 'few'));
$one->query('ROLLBACK');
is(top($two, 'few_items'), $next, 'a version that was rolled back is not served');

my $copies = q{SELECT count(*) FROM recadv_cache
	WHERE location = 'shared' AND model = 'few_items'::regclass AND version = 2};
my $copied = $two->query($copies)->{out};
$one->query('BEGIN');
$one->query(q{SELECT recadv_rollback('few_items', 2)});
is($two->query($copies)->{out}, $copied + 1, 'what a rollback goes back to is there before its commit');
$one->query('COMMIT');
is(top($two, 'few_items'), $few, 'and served from then on');

$server->safe_psql('postgres', train('large', 1, 64));
$one->query('SELECT pg_sleep(1.1)');
my $large = top($two, 'large');
cmp_ok($two->query(q{SELECT bytes FROM recadv_cache
		WHERE location = 'shared' AND model = 'large'::regclass})->{out},
	'>', 1.5 * 1024 * 1024, 'two versions of another model do not fit');
$one->query('BEGIN');
$one->query('SELECT pg_sleep(1.1)');
top($two, 'large');
$one->query(train('large', 2, 64));
like(shared($two), qr/large 1/, 'then the one that serves stays');
unlike(shared($two), qr/large 2/, 'and the next one is not loaded yet');
$one->query('ROLLBACK');
top($two, 'large');
$server->safe_psql('postgres', q{SELECT recadv_rollback('large', 1)});
is(top($two, 'large'), $large, 'the same version, set anew, answers the same');
is($two->query(q{SELECT items FROM recadv_cache WHERE location = 'backend'
		AND model = 'large'::regclass})->{out}, 'f', 'in the room of what it was before, at once');

# --- rights ------------------------------------------------------------------------------------

$server->safe_psql('postgres', 'CREATE ROLE reader LOGIN; GRANT SELECT ON shop TO reader');
my $reader = start_session($server, user => 'reader');
is(top($reader, 'shop'), $first, 'a role with the right to read');
is(shared($reader) =~ /shop/ ? 'shop' : '', 'shop', 'sees the entry');
$server->safe_psql('postgres', 'REVOKE SELECT ON shop FROM reader');
is($reader->query("SELECT recadv_topk(1, 3, 'shop')")->{state}, '42501', 'without it, no answer');
is(shared($reader), '', 'and no entry');
$reader->quit;

# The header of another version fits its seal, but not what is in memory beside it.
$server->safe_psql('postgres', train($_, 1, $_ eq 'narrow' ? 8 : 512, 'few'))
  foreach qw(narrow broad);
my $narrow = top($one, 'narrow');
top($one, 'broad');
$server->safe_psql('postgres', q{CREATE TABLE kept AS SELECT * FROM narrow WHERE part = 'header';
	UPDATE narrow SET data = broad.data FROM broad
	WHERE narrow.part = 'header' AND broad.part = 'header'});
my $late = start_session($server);
like($late->query(q{SELECT * FROM recadv_embeddings('narrow', 'item')})->{err},
	qr/XX001: model "narrow" is damaged: part "(item|popularity)"/,
	'an exchanged header shows no memory of others');
is(top($one, 'narrow'), $narrow, 'who has read the right one uses it');
$server->safe_psql('postgres',
	q{UPDATE narrow SET data = kept.data FROM kept WHERE narrow.part = 'header'});
is(top($late, 'narrow'), $narrow, 'and so does the other again');
$late->quit;

# --- room --------------------------------------------------------------------------------------

$server->safe_psql('postgres', train("m$_", $_)) foreach 1 .. 6;
my %answers = map { ($_ => do { $one->query('SELECT pg_sleep(1.1)'); top($one, "m$_") }) } 1 .. 6;
is($one->query(q{SELECT sum(bytes) <= 3 * 1024 * 1024 FROM recadv_cache WHERE location = 'shared'})
	  ->{out}, 't', 'the room is not exceeded');
like(shared($one), qr/m6 1/, 'the last one is there');
unlike(shared($one), qr/m1 1/, 'the first one is not');
is(top($two, "m$_"), $answers{$_}, "model m$_ answers the same everywhere") foreach 1 .. 6;
$server->safe_psql('postgres', train('wide', 1, 512));
my $wide = top($one, 'wide');
unlike(shared($one), qr/wide/, 'a model larger than the room is not shared');
is($one->query(q{SELECT items FROM recadv_cache WHERE model = 'wide'::regclass})->{out},
	't', 'but kept by the session');
$one->query('SET recadv.cache_size = 0');
is(top($one, 'wide'), $wide, 'or read from the table');
$one->query('RESET recadv.cache_size');

# --- a model that is dropped -------------------------------------------------------------------

$one->query('SELECT pg_sleep(1.1)');
top($one, 'shop');
like(shared($one), qr/shop/, 'shared again');
$server->safe_psql('postgres', 'DROP TABLE shop');
unlike(shared($one), qr/shop/, 'a dropped model goes');
is(shared($two) =~ /shop|^\d+ /, '', 'for others too');
is($two->query("SELECT recadv_topk(1, 3, 'shop')")->{state}, '42P01', 'and does not answer');
$server->safe_psql('postgres', train('shop', 4));
is(top($one, 'shop'), top($two, 'shop'), 'a new one of the same name does');

# --- loading that fails, and many at once --------------------------------------------------------

$server->safe_psql('postgres', train('broken', 1));
$server->safe_psql('postgres', q{DELETE FROM broken WHERE part = 'item' AND block = 0});
is($_->query("SELECT recadv_topk(1, 3, 'broken')")->{state}, 'XX001', 'a damaged model is an error')
  foreach ($one, $two);
unlike(shared($one), qr/broken/, 'and not shared');
$one->send(q{DO $$ BEGIN
	PERFORM recadv_topk(1, 3, 'broken');
	EXCEPTION WHEN data_corrupted THEN PERFORM pg_sleep(60); END $$});
wait_until(sub { $one->activity('wait_event') eq 'PgSleep' });
is($two->query("SELECT recadv_topk(1, 3, 'broken')", 20)->{state},
	'XX001', 'nobody waits for a session that has caught the error');
$server->safe_psql('postgres', "SELECT pg_cancel_backend($one->{pid})");
is($one->finish->{state}, '57014', 'which goes on');
$server->safe_psql('postgres', train('busy', 1));
my @crowd = map { start_session($server) } 1 .. 8;
$_->send("SELECT string_agg(t::text, ' ') FROM recadv_topk(1, 10, 'busy') t") foreach @crowd;
my %seen = map { ($_->finish->{out} => 1) } @crowd;
is(keys %seen, 1, 'eight sessions that ask at once get one answer');
like((keys %seen)[0], qr/\d/, 'which is one');
is($one->query(q{SELECT count(*) FROM recadv_cache WHERE model = 'busy'::regclass})->{out},
	'1', 'from one copy');

# Asking while versions are replaced: no error, and every answer is one of some version.
$_->send(q{DO $$ BEGIN FOR i IN 1 .. 300 LOOP
	IF (SELECT count(*) FROM recadv_topk(i, 10, 'busy')) <> 10 THEN RAISE 'short'; END IF;
	COMMIT; END LOOP; END $$}) foreach @crowd;
foreach my $seed (2 .. 4)
{
	$server->safe_psql('postgres', train('busy', $seed));
}
is($_->finish->{err}, '', 'no error while the model is trained again') foreach @crowd;

# --- a session that is killed ------------------------------------------------------------------

my $before = top($one, 'busy');
$crowd[0]->send("SELECT recadv_topk(n, 10, 'busy') FROM generate_series(1, 10000000) n");
wait_until(sub { $crowd[0]->activity('state') eq 'active' });
is($server->safe_psql('postgres', "SELECT pg_terminate_backend($crowd[0]{pid}, 10000)"),
	't', 'a session is terminated while it uses the model');
is(top($one, 'busy'), $before, 'the others go on');
ok(healthy($server), 'no process has crashed so far');
$crowd[1]->send("SELECT recadv_topk(n, 10, 'busy') FROM generate_series(1, 10000000) n");
wait_until(sub { $crowd[1]->activity('state') eq 'active' });
kill 'KILL', $crowd[1]{pid};
ok(wait_until(sub { slurp_file($server->logfile) =~ /was terminated by signal 9/ }),
	'a session was killed');
$server->poll_query_until('postgres', 'SELECT true');
my $fresh = start_session($server);
is(top($fresh, 'busy'), $before, 'and answers as before');
is($fresh->query(q{SELECT count(*), sum(hits) FROM recadv_cache WHERE location = 'shared'})->{out},
	'1|0', 'from a shared cache that began anew');
$fresh->quit;

# --- a standby ---------------------------------------------------------------------------------

$server->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($server, 'base', has_streaming => 1);
$standby->start;
my $here = start_session($standby);
my $there = start_session($standby);
is(top($here, 'busy'), $before, 'a standby answers the same');
is(top($there, 'busy'), $before, 'in every session');
is(shared($there), 'busy 4', 'from one copy');
$server->safe_psql('postgres', train('busy', 9));
$server->wait_for_catchup($standby);
my $after = $server->safe_psql('postgres',
	"SELECT string_agg(t::text, ' ') FROM recadv_topk(1, 10, 'busy') t");
isnt($after, $before, 'a new version');
is(top($_, 'busy'), $after, 'is seen on the standby') foreach ($here, $there);
$server->safe_psql('postgres', 'DROP TABLE busy');
$server->wait_for_catchup($standby);
wait_until(sub { shared($here) !~ /busy/ });
is(shared($here), '', 'a dropped model goes there, too');
$_->quit foreach ($here, $there);
ok(healthy($standby), 'no process of the standby has crashed');
$standby->stop;
$server->stop;
done_testing();
