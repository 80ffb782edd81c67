# A job that chooses its algorithm: the log of its runs, a warm start, and an error that is logged.
use strict;
use warnings;

use Test::More;

use RecadvTest;

my $node = new_server('auto');

make_orders($node, 'orders', 300, 80, 12);

sub job
{
	my ($options) = @_;

	return "CALL recadv_train_job('shop', 'orders', algorithm => 'auto', options => '$options')";
}

my ($code, $out, $err) =
  $node->psql('postgres', job('{"candidates": "popularity, itemknn, bpr", "seed": 3}'));
is($code, 0, 'a job chooses') or diag($err);
like($err, qr/NOTICE:  algorithm "(\w+)" was chosen for model "shop": NDCG\@100 /, 'and says why');
my ($chosen) = $err =~ /algorithm "(\w+)" was chosen/;
is($node->safe_psql('postgres', "SELECT status, algorithm FROM recadv_runs('shop')"),
	"succeeded|$chosen", 'the log names what was chosen');
is($node->safe_psql('postgres', "SELECT recadv_info('shop') #>> '{choice,algorithm}'"),
	$chosen, 'and so does the header');

($code, $out, $err) =
  $node->psql('postgres', job('{"candidates": "popularity, itemknn, bpr"}'));
is($code, 0, 'the next night') or diag($err);
like($err, qr/algorithm "$chosen" was chosen for an earlier version of model "shop" and is kept/,
	'nothing is searched');

($code, $out, $err) = $node->psql('postgres', job('{"holdout": "none"}'));
isnt($code, 0, 'a job that cannot choose');
is( $node->safe_psql('postgres',
		"SELECT status, algorithm FROM recadv_runs('shop') ORDER BY run DESC LIMIT 1"),
	'failed|auto', 'is logged under the name that was asked for');
is($node->safe_psql('postgres', "SELECT max(version) FROM recadv_runs('shop')"),
	2, 'and makes no version');

# A search that is cancelled, in a trial and in the training of what it found, leaves all as it was.
my $session = start_session($node);
my $before = $node->safe_psql('postgres', q{SELECT count(*), max(version) FROM shop});

sub cancel_in
{
	my ($where, $pattern, $arguments) = @_;
	my $result;

	$session->send("SELECT * FROM recadv_tune('shop', 'orders', $arguments)");
	ok($session->wait_progress($pattern), "$where: got there") or diag($session->{err});
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{pid})");
	$result = $session->finish;
	is($result->{state}, '57014', "$where: cancelled") or diag($result->{err});
	is($node->safe_psql('postgres', q{SELECT count(*), max(version) FROM shop}),
		$before, "$where: nothing was written");
	is(threads_of($session->{pid}), 1, "$where: one thread");
	ok(no_locks($node, $session->{pid}), "$where: no locks");
	return;
}

cancel_in('trials', qr/^recadv_tune "shop": stage softmax/,
	q{algorithms => '{softmax}', trials => 1000, space => '{"factors": {"min": 200, "max": 400},
	  "epochs": 100}'});
cancel_in('training', qr/^recadv_tune "shop": stage bpr, epoch \d+ of at most \d{7}/,
	q{algorithms => '{bpr}', trials => 2, options => '{"patience": 0}', budget => '1 microsecond',
	  space => '{"epochs": 1000000, "factors": [8, 16]}'});
is($node->safe_psql('postgres',
		q{SELECT count(*) FROM recadv_tune('shop', 'orders', algorithms => '{bpr}', trials => 2)}),
	3, 'the next search is none the worse');
$session->quit;

# The search as a job: no snapshot while trials run, a row in the log, the trials in the header.
($code, $out, $err) = $node->psql('postgres',
	q{CALL recadv_tune_job('tuned', 'orders', algorithms => '{bpr,als}', trials => 4)});
is($code, 0, 'a job searches') or diag($err);
is( $node->safe_psql('postgres', q{SELECT kind, status, version FROM recadv_runs('tuned')}),
	'job|succeeded|1', 'and is logged');
is( $node->safe_psql('postgres',
		q{SELECT jsonb_array_length(recadv_info('tuned') #> '{choice,trials}')}),
	5, 'its trials are kept');
($code, $out, $err) = $node->psql('postgres', q{CALL recadv_tune_job('tuned', 'orders', trials => 0)});
like($err, qr/trials must be from 1 to 1000/, 'a search for nothing fails');
is( $node->safe_psql('postgres', q{SELECT status FROM recadv_runs('tuned') ORDER BY run DESC LIMIT 1}),
	'failed', 'which is logged, too');
($code, $out, $err) = $node->psql('postgres', q{BEGIN; CALL recadv_tune_job('tuned', 'orders')});
like($err, qr/recadv_tune_job\(\) commits.*SELECT recadv_tune\(\) here/s, 'not in a transaction');

done_testing();
