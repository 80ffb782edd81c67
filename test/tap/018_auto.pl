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
  $node->psql('postgres', job('{"candidates": "popularity, itemknn, bpr", "warm_start": true}'));
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

done_testing();
