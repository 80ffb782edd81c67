# What others do meanwhile: a trigger, an index or a row of another session that is not committed
# yet, a lock on one of many models.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RecadvTest;

my $node = new_server('rights');
my $options = '{"factors":4,"epochs":1,"holdout":"none","seed":1,"threads":1,"lateness":1000000000}';

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

sub train
{
	my ($model) = @_;

	return qq{SELECT version FROM recadv_train('$model', 'clicks', time_column => 'at',
		algorithm => 'nmrn', options => '$options')};
}

sql(q{
	CREATE TABLE clicks (user_id int, item_id int, at timestamptz);
	INSERT INTO clicks SELECT u, 1 + (u * 7 + n * 13) % 40, timestamptz '2024-01-01' + n * interval '1 hour'
	FROM generate_series(1, 50) u, generate_series(1, 8) n;
	CREATE ROLE mallory LOGIN;
	CREATE ROLE writer LOGIN;
	GRANT SELECT ON clicks TO PUBLIC;
	GRANT CREATE ON SCHEMA public TO mallory;
	CREATE TABLE ran (who text);
	GRANT INSERT ON ran TO PUBLIC});

my $mallory = start_session($node, user => 'mallory');
my $victim = start_session($node);

is($mallory->query(train('evil'))->{state}, '', 'mallory has a model');
$mallory->query(q{
	CREATE FUNCTION pwn() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO ran VALUES (current_user);
		EXECUTE 'ALTER ROLE mallory SUPERUSER';
		RETURN NULL;
	END $$;
	CREATE FUNCTION note() RETURNS void LANGUAGE sql AS 'INSERT INTO public.ran VALUES (current_user)';
	CREATE FUNCTION pwn(bytea) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM public.note();
		RETURN 1;
	END $$});

# Waits until the session waits for a lock.
sub waits
{
	my ($session) = @_;

	return wait_until(sub { $session->activity(q{wait_event_type}) eq 'Lock' || $session->ended })
	  && !$session->ended;
}

# --- what is checked is checked under the lock -----------------------------------------------------

my %writers = (
	observe => q{SELECT recadv_observe('evil', 1::bigint, 2::bigint, now()::text)},
	train => train('evil'),
	rollback => q{SELECT recadv_rollback('evil', 1)});

foreach my $change (
	[ 'a trigger', 'CREATE TRIGGER t AFTER INSERT ON evil FOR EACH STATEMENT EXECUTE FUNCTION pwn()',
		'DROP TRIGGER t ON evil', qr/has triggers or rules/ ],
	[ 'a rule', q{CREATE RULE r AS ON INSERT TO evil DO ALSO SELECT pwn(''::bytea)},
		'DROP RULE r ON evil', qr/has triggers or rules/ ],
	[ 'an index', 'CREATE INDEX i ON evil (pwn(data))', 'DROP INDEX i', qr/has indexes/ ],
	[ 'a check', 'ALTER TABLE evil ADD CONSTRAINT c CHECK (pwn(data) = 1) NOT VALID',
		'ALTER TABLE evil DROP CONSTRAINT c', qr/has check constraints/ ],
	[ 'forced row-level security', 'ALTER TABLE evil ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
		'ALTER TABLE evil DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', qr/row-level security/ ])
{
	my ($name, $make, $drop, $error) = @$change;

	foreach my $writer (sort keys %writers)
	{
		is($mallory->query("BEGIN; $make")->{state}, '', "$name that is not committed");
		sql('DELETE FROM ran');
		$victim->send($writers{$writer});
		ok(waits($victim), "$writer waits for it");
		$mallory->query('COMMIT');
		like($victim->finish->{err}, $error, 'and is refused then');
		is(sql(q{SELECT count(*) FROM ran WHERE who <> 'mallory'}), 0, 'nothing has run as anybody else');
		$mallory->query($drop);
	}
}
is(sql(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', 'mallory is no superuser');

# The other way round: who has begun to write is not joined by a trigger.
$victim->query("BEGIN; $writers{observe}");
$mallory->send('CREATE TRIGGER t AFTER INSERT ON evil FOR EACH STATEMENT EXECUTE FUNCTION pwn()');
ok(waits($mallory), 'a trigger waits for who writes');
is($victim->query("$writers{observe}; COMMIT")->{state}, '', 'who goes on');
is($mallory->finish->{state}, '', 'then it is made');
$mallory->query('DROP TRIGGER t ON evil');

# A table that takes the model's name meanwhile: the name is looked up under the lock.
is($mallory->query(q{BEGIN; ALTER TABLE evil RENAME TO was; CREATE TABLE evil (LIKE was);
	CREATE TRIGGER t AFTER INSERT ON evil FOR EACH STATEMENT EXECUTE FUNCTION pwn()})->{state}, '',
	'another table gets the name');
$victim->send($writers{observe});
ok(waits($victim), 'who observes waits');
$mallory->query('COMMIT');
like($victim->finish->{err}, qr/"evil" is not a model/, 'and finds the other table');
$mallory->query('DROP TABLE evil; ALTER TABLE was RENAME TO evil');
is($victim->query($writers{observe})->{state}, '', 'the model is as it was');

# --- rows that are not committed ------------------------------------------------------------------

is($victim->query(train('shop'))->{out}, 1, 'a model');
sql('GRANT INSERT ON shop TO writer');
my $writer = start_session($node, user => 'writer');
$writer->query(q{BEGIN; INSERT INTO shop VALUES (2, 'user_ids', 0, 'x'), (3, 'odd', 7, 'x'),
	(0, 'run', 2, 'x'), (0, 'current', 1, 'x'), (0, 'event:1', 1, 'x')});
my $result = $victim->query(train('shop'));
is($result->{state}, '', 'a training does not wait for rows that nobody has committed')
  or diag($result->{err});
is($result->{out}, 4, 'and takes the next number that is free');
$writer->query('COMMIT');
is($victim->query(train('shop'))->{out}, 5, 'once they are committed the next one goes on');
is(sql('SELECT string_agg(DISTINCT version::text, \' \') FROM shop'), '0 4 5', 'and deletes them');

$writer->query(q{BEGIN; INSERT INTO shop SELECT 5, part, n, 'x'
	FROM unnest('{item,user,user_ids,item_ids,seen,user_ids_added,item_ids_added,window}'::text[]) part,
		generate_series(0, 20) n
	ON CONFLICT DO NOTHING});
sql(q{INSERT INTO clicks SELECT 1000 + n, 1000 + n, now() FROM generate_series(1, 30) n});
$victim->query(q{SET lock_timeout = '1s'});
$result = $victim->query(q{SELECT events FROM recadv_refresh('shop')});
if ($result->{state} ne '')
{
	is($result->{state}, '55P03', 'a refresh that must write where such a row is waits no longer than it may');
	like($result->{err}, qr/rows that it has not committed.*/s, 'and says what it waited for');
}
else
{
	is($result->{out}, 30, 'a refresh has no need of these rows');
}
$writer->query('ROLLBACK');
$victim->query('RESET lock_timeout');
is($victim->query(q{SELECT events FROM recadv_refresh('shop')})->{state}, '', 'a refresh afterwards');

# --- one model that is locked among many ----------------------------------------------------------

sql(train('other'));
my $locker = start_session($node);
$locker->query('BEGIN; LOCK TABLE shop IN ACCESS EXCLUSIVE MODE');
$victim->query('BEGIN');
$result = $victim->query(q{SELECT string_agg(name || ' ' || status || ' ' || (bytes IS NULL), ', ' ORDER BY name)
	FROM recadv_models}, 10);
is($result->{out}, 'evil ok false, other ok false, shop busy true', 'the list of models does not wait')
  or diag($result->{err});
is(sql(qq{SELECT count(*) FROM pg_locks JOIN pg_class c ON c.oid = relation
	WHERE pid = $victim->{pid} AND reloftype <> 0}), 0, 'nor keep a lock on those it has listed');
$result = $victim->query('SELECT recadv_topk(1)', 10);
is($result->{state}, '42P08', 'a call that names no model does not wait either');
$victim->query('ROLLBACK');
$locker->query('ROLLBACK');

# Six models: the error names five.
sql(train("more_$_")) foreach (1 .. 4);
like($victim->query('SELECT recadv_topk(1)')->{err}, qr/there are 7 models.*and 2 more/s,
	'a list of candidates is short');

ok(healthy($node), 'no crash');
$_->quit foreach ($mallory, $victim, $writer, $locker);
$node->stop;
done_testing();
