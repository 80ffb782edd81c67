# Fifty sessions ask five models at random, while some of them publish new versions, with a shared
# cache that has not room for all of it and without one.  Who publishes a version computes, in SQL
# and from its embeddings, what there is to answer, in the same transaction; each answer is checked
# against that of the version that its snapshot shows.
#
# RECADV_LONG=1: 10 minutes instead of 10 seconds; RECADV_ROUNDS: so many seconds; SEED: see
# RecadvTest.pm.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $sessions = 50;
my $publishers = 4;
my $seconds = rounds(10, 600) / 2;
my $seed = random_seed();
my $directory = PostgreSQL::Test::Utils::tempdir();

# --- models and what they are to answer ----------------------------------------------------------

# Ids of "amf" are texts, those of the others integers; names of calls are texts.
my $setup = q{
CREATE TABLE orders AS
	SELECT u AS user_id, u % 5 + 5 * ((u / 5 + n * 7) % 80) AS item_id,
	       timestamptz '2024-01-01' + n * interval '1 hour' AS at
	FROM generate_series(1, 300) u, generate_series(1, 15) n;
CREATE INDEX ON orders (user_id, item_id);
ANALYZE orders;
CREATE TABLE truth (model text, stamp bytea, user_id text, item_id text, score float8, seen bool,
	PRIMARY KEY (model, user_id, stamp, item_id));
CREATE TABLE vectors (model text, stamp bytea, side text, id text, embedding real[],
	PRIMARY KEY (model, side, id, stamp));
CREATE TABLE published (model text, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION model_name(number int) RETURNS text IMMUTABLE
	RETURN (ARRAY['bpr', 'amf', 'als', 'softmax', 'nmrn'])[number];
CREATE FUNCTION id_prefix(model text) RETURNS text IMMUTABLE
	RETURN CASE model WHEN 'amf' THEN 'id ' ELSE '' END;

-- Which version it is, and which state of it.
CREATE FUNCTION stamp(model text) RETURNS bytea STABLE LANGUAGE plpgsql AS $$
DECLARE result bytea;
BEGIN
	EXECUTE format('SELECT data FROM %I WHERE version = 0 AND part = ''current''', model) INTO result;
	RETURN result;
END $$;

CREATE FUNCTION dot(a real[], b real[]) RETURNS float8 IMMUTABLE LANGUAGE sql AS $$
	SELECT sum(x::float8 * y) FROM unnest(a, b) AS t(x, y) $$;

CREATE FUNCTION train(model text, seed int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	source text := format('(SELECT %1$L || user_id AS user_id, %1$L || item_id AS item_id, at
		FROM orders WHERE (user_id * 31 + item_id) %% 7 <> %2$s)', id_prefix(model), seed % 7);
	options jsonb := jsonb_build_object('seed', seed, 'epochs', 1 + seed % 3, 'factors', 32,
		'threads', 1, 'holdout', 'none', 'promote', 'always');
BEGIN
	IF model <> 'amf' THEN
		source := replace(source, quote_literal('') || ' || ', '');
	ELSE
		options := options || '{"adv_epochs": 1}';
	END IF;
	PERFORM recadv_train(model, source, algorithm => model, options => options,
		time_column => CASE model WHEN 'nmrn' THEN 'at' END);
END $$;

-- Of nmrn, whose scores are no products of embeddings, it is what the publisher's own questions say.
CREATE FUNCTION note_truth(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	now_stamp bytea := stamp(name);
	left_out int := substring(recadv_info(name) ->> 'source' from '<> (\d+)');
BEGIN
	DELETE FROM truth WHERE model = name AND stamp <> now_stamp;
	DELETE FROM vectors WHERE model = name AND stamp <> now_stamp;
	INSERT INTO vectors SELECT name, now_stamp, side, id, embedding
		FROM unnest('{user,item}'::text[]) side, LATERAL recadv_embeddings(name, side)
		ON CONFLICT DO NOTHING;
	INSERT INTO truth
		SELECT name, now_stamp, u.id, i.id,
			CASE name WHEN 'nmrn' THEN recadv_score(u.id, i.id, name) ELSE dot(u.embedding, i.embedding) END,
			EXISTS (SELECT FROM orders o
				WHERE o.user_id = ltrim(u.id, 'id ')::int AND o.item_id = ltrim(i.id, 'id ')::int
				AND (o.user_id * 31 + o.item_id) % 7 <> left_out)
		FROM vectors u, vectors i
		WHERE u.model = name AND u.stamp = now_stamp AND u.side = 'user'
		AND i.model = name AND i.stamp = now_stamp AND i.side = 'item'
		AND ltrim(u.id, 'id ')::int <= 6
		ON CONFLICT DO NOTHING;
	IF name = 'nmrn' THEN -- has learnt more than its source
		WITH left_over AS (SELECT u::text AS user_id, r.item FROM generate_series(1, 6) u,
			LATERAL recadv_topk(u::text, 1000, name) r)
		UPDATE truth t SET seen = NOT EXISTS (SELECT FROM left_over l
			WHERE l.user_id = t.user_id AND l.item = t.item_id)
		WHERE model = name AND stamp = now_stamp;
	END IF;
	INSERT INTO published VALUES (name);
END $$;

CREATE FUNCTION publish(name text, how int, seed int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE other int;
BEGIN
	IF how = 1 THEN
		EXECUTE format('SELECT max(version) FROM %I WHERE part = ''header'' AND version <>
			(SELECT version FROM recadv_models WHERE name = %L)', name, name) INTO other;
		PERFORM recadv_rollback(name, other);
	ELSIF how = 2 AND name = 'nmrn' THEN -- the number of the version stays the same
		PERFORM recadv_observe(name, (1 + n % 12)::bigint, ((seed * n) % 450)::bigint,
			timestamptz '2024-02-01' + seed * interval '1 minute' + n * interval '1 second')
			FROM generate_series(1, 40) n;
		PERFORM recadv_refresh(name, false);
	ELSE
		PERFORM train(name, seed);
	END IF;
	PERFORM note_truth(name);
	RETURN 'published';
EXCEPTION WHEN object_in_use THEN -- another one publishes it
	RETURN 'busy';
END $$;

-- --- answers, checked ---

CREATE FUNCTION wrong(what text, model text, detail text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN RAISE 'wrong answer of % of %: %', what, model, detail; END $$;

CREATE FUNCTION differ(a float8, b float8) RETURNS boolean IMMUTABLE
	RETURN a IS NULL OR b IS NULL OR abs(a - b) > 1e-4 * (1 + abs(b));

-- Each item has the score that the version gives it, and no better one was left out.
CREATE FUNCTION check_list(what text, name text, now_stamp bytea, u text, items text[], scores real[],
	candidates text[], excluded text[]) RETURNS void STABLE LANGUAGE plpgsql AS $$
DECLARE
	best float8[] := ARRAY(SELECT t.score FROM truth t WHERE t.model = name AND t.stamp = now_stamp
		AND t.user_id = u AND NOT t.seen AND (candidates IS NULL OR t.item_id = ANY (candidates))
		AND NOT t.item_id = ANY (excluded) ORDER BY t.score DESC LIMIT 10);
	own float8[] := ARRAY(SELECT (SELECT t.score FROM truth t WHERE t.model = name
		AND t.stamp = now_stamp AND t.user_id = u AND t.item_id = i.item AND NOT t.seen)
		FROM unnest(items) WITH ORDINALITY i(item, n) ORDER BY n);
BEGIN
	IF cardinality(best) <> coalesce(cardinality(items), 0) THEN
		PERFORM wrong(what, name, format('%s rows and not %s', cardinality(items), cardinality(best)));
	END IF;
	FOR n IN 1 .. cardinality(best) LOOP
		IF differ(scores[n], best[n]) OR differ(scores[n], own[n]) THEN
			PERFORM wrong(what, name, format('user %s, rank %s, item %s: %s, which has %s; there is %s',
				u, n, items[n], scores[n], own[n], best[n]));
		END IF;
	END LOOP;
END $$;

-- STABLE: all of it sees the snapshot of the statement.
CREATE FUNCTION ask(call int, number int, one int, two int) RETURNS void STABLE LANGUAGE plpgsql AS $$
DECLARE
	name text := model_name(number);
	now_stamp bytea := stamp(name);
	u text := id_prefix(name) || one;
	v text := id_prefix(name) || (1 + two % 6);
	i text := (SELECT t.id FROM vectors t WHERE t.model = name AND t.stamp = now_stamp AND t.side = 'item'
		ORDER BY t.id OFFSET two LIMIT 1); -- all models have more than 300 items
	few text[] := ARRAY(SELECT id_prefix(name) || n FROM generate_series(two, two + 60) n);
	items text[];
	scores real[];
	bad record;
BEGIN
	IF i IS NULL THEN
		PERFORM wrong('stamp', name, 'nobody has published it');
	END IF;
	IF call = 1 AND name <> 'amf' THEN
		SELECT array_agg(r.item ORDER BY rank), array_agg(r.score ORDER BY rank) INTO items, scores
			FROM recadv_topk(u::bigint, 10, name) r;
		PERFORM check_list('topk', name, now_stamp, u, items, scores, NULL, '{}');
	ELSIF call <= 2 THEN
		SELECT array_agg(r.item ORDER BY rank), array_agg(r.score ORDER BY rank) INTO items, scores
			FROM recadv_topk(u, 10, name) r;
		PERFORM check_list('topk of a text', name, now_stamp, u, items, scores, NULL, '{}');
	ELSIF call = 3 THEN
		SELECT array_agg(r.item ORDER BY rank), array_agg(r.score ORDER BY rank) INTO items, scores
			FROM recadv_topk(u, 10, name, candidates => few) r;
		PERFORM check_list('topk of candidates', name, now_stamp, u, items, scores, few, '{}');
	ELSIF call = 4 THEN
		SELECT array_agg(r.item ORDER BY rank), array_agg(r.score ORDER BY rank) INTO items, scores
			FROM recadv_topk(u, 10, name, exclude => few) r;
		PERFORM check_list('topk without', name, now_stamp, u, items, scores, NULL, few);
	ELSIF call = 5 THEN
		FOR bad IN SELECT user_id, array_agg(r.item ORDER BY rank) AS items,
			array_agg(r.score ORDER BY rank) AS scores
			FROM recadv_topk_all(name, 10, ARRAY[u, v]) r GROUP BY 1 LOOP
			PERFORM check_list('topk_all', name, now_stamp, bad.user_id, bad.items, bad.scores, NULL, '{}');
		END LOOP;
	ELSIF call = 6 THEN
		SELECT t.score, recadv_score(u, i, name) AS answer INTO bad FROM truth t
			WHERE t.model = name AND t.stamp = now_stamp AND t.user_id = u AND t.item_id = i;
		IF differ(bad.answer, bad.score) THEN
			PERFORM wrong('score', name, bad::text);
		END IF;
	ELSIF call = 7 THEN
		SELECT r.embedding, t.embedding AS stored INTO bad
			FROM vectors t LEFT JOIN recadv_embeddings(name, 'item', ARRAY[i]) r ON r.id = t.id
			WHERE t.model = name AND t.stamp = now_stamp AND t.side = 'item' AND t.id = i;
		IF bad.embedding IS DISTINCT FROM bad.stored THEN
			PERFORM wrong('embeddings', name, i);
		END IF;
	ELSIF call = 8 AND name <> 'nmrn' THEN
		FOR bad IN SELECT r.item, r.similarity, dot(a.embedding, b.embedding)
			/ sqrt(dot(a.embedding, a.embedding) * dot(b.embedding, b.embedding)) AS stored
			FROM recadv_similar_items(i, 5, name) r
			LEFT JOIN vectors a ON a.model = name AND a.stamp = now_stamp AND a.side = 'item' AND a.id = i
			LEFT JOIN vectors b ON b.model = name AND b.stamp = now_stamp AND b.side = 'item' AND b.id = r.item
		LOOP
			IF differ(bad.similarity, bad.stored) THEN
				PERFORM wrong('similar_items', name, bad::text);
			END IF;
		END LOOP;
	ELSIF NOT recadv_has_user(u, name) THEN
		PERFORM wrong('has_user', name, u);
	END IF;
END $$;
};

my $ask = 'ask(:call, :model, :one, :two)';
my $draw = join "\n", '\set call random(1, 9)', '\set model random(1, 5)', '\set one random(1, 6)',
  '\set two random(0, 300)', '';

sub script
{
	my ($name, $text) = @_;

	append_to_file("$directory/$name", $text);
	return "$directory/$name";
}

my %scripts = (
	once => script('once', "${draw}SELECT $ask;\n"),
	# One snapshot, while versions come and go.
	repeatable => script('repeatable', "BEGIN ISOLATION LEVEL REPEATABLE READ;\n"
		  . "${draw}SELECT $ask;\n\\sleep 100 ms\n${draw}SELECT $ask;\n${draw}SELECT $ask;\nCOMMIT;\n"),
	# A session that keeps nothing, or little.
	forgetful => script('forgetful', '\set kilobytes random(0, 3) * 60'
		  . "\nSET recadv.cache_size = :kilobytes;\n${draw}SELECT $ask;\n${draw}SELECT $ask;\n"
		  . "RESET recadv.cache_size;\n"),
	publish => script('publish', '\set model random(1, 5)' . "\n" . '\set how random(1, 3)' . "\n"
		  . '\set seed random(1, 1000)' . "\n"
		  . "SELECT publish(model_name(:model), :how, :seed);\n\\sleep 100 ms\n"),
	refresh => script('refresh', '\set seed random(1, 1000)' . "\n"
		  . "SELECT publish('nmrn', 2, :seed);\n\\sleep 100 ms\n"));

sub pgbench
{
	my ($node, $clients, $random, @files) = @_;
	my %run = (out => '', err => '');

	$run{handle} = IPC::Run::start(
		[ $node->installed_command('pgbench'), '-n', '-c', $clients, '-j', 2, '-T', $seconds,
			"--random-seed=$random", (map { ('-f', $_) } @files), $node->connstr('postgres') ],
		'<', \undef, '>', \$run{out}, '2>', \$run{err});
	return \%run;
}

# --- both servers --------------------------------------------------------------------------------

sub run_sessions
{
	my ($label, @configuration) = @_;
	my $node = new_server($label, @configuration, 'max_connections = 80');
	my ($readers, $writers, $asked, $published);

	$node->safe_psql('postgres', $setup);
	foreach my $number (1 .. 5)
	{
		$node->safe_psql('postgres', "SELECT publish(model_name($number), 3, $_)") foreach 1, 2;
	}
	$node->safe_psql('postgres', 'VACUUM ANALYZE');
	$readers = pgbench($node, $sessions - $publishers, $seed,
		"$scripts{once}\@6", "$scripts{repeatable}\@2", "$scripts{forgetful}\@2");
	$writers = pgbench($node, $publishers, $seed + 1, "$scripts{publish}\@3", "$scripts{refresh}\@2");
	$_->{handle}->finish foreach $readers, $writers;
	foreach my $run ($readers, $writers)
	{
		is($run->{handle}->result(0), 0, "$label: " . ($run == $readers ? 'readers' : 'publishers'))
		  or diag($run->{err});
		unlike($run->{err}, qr/ERROR|aborted/, "$label: no error, no wrong answer");
	}
	($asked) = $readers->{out} =~ /number of transactions actually processed: (\d+)/;
	$published = $node->safe_psql('postgres', 'SELECT count(*) FROM published') - 10;
	cmp_ok($published, '>=', long_form() ? 50 : 1, "$label: versions came meanwhile");
	cmp_ok($asked // 0, '>', $sessions, "$label: answers were checked");
	diag(sprintf '%s: %d transactions of %d sessions beside %d publications in %d s; %s', $label,
		$asked, $sessions - $publishers, $published, $seconds, load_average());
	return $node;
}

# The check finds an answer that is not that of the version.
sub can_fail
{
	my ($node) = @_;
	my ($status, $out, $error) = $node->psql('postgres', q{
		BEGIN;
		UPDATE truth SET score = score + 0.01 WHERE model = 'bpr' AND user_id = '3';
		SELECT ask(1, 1, 3, 3)});

	like($error, qr/wrong answer of topk of bpr/, 'a wrong answer would be found');
	return;
}

my $node = run_sessions('shared', "shared_preload_libraries = 'recadv'",
	"recadv.shared_cache_size = '1MB'");

can_fail($node);
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM recadv_cache WHERE location = 'shared'}),
	't', 'the shared cache was used');
ok(healthy($node), 'shared: no process has crashed');
$node->stop;
$node = run_sessions('alone');
is($node->safe_psql('postgres', q{SELECT count(*) FROM recadv_cache WHERE location = 'shared'}),
	'0', 'the other server has none');
ok(healthy($node), 'alone: no process has crashed');
$node->stop;
done_testing();
