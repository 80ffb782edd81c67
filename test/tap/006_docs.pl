# The documentation of the options says what the extension says.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('docs');

open(my $file, '<', 'doc/options.md') or die "doc/options.md: $!";
my %documented;
my $section = '';
while (my $line = <$file>)
{
	$section = $1 if $line =~ /^## (\w+)/;
	$documented{"$section|$1"} = $2 if $line =~ /^\| `(\w+)` (\|.*\|)\s*$/;
}
close $file;

my $rows = $node->safe_psql('postgres', q{
	SELECT algorithm_name || '|' || option || E'\t'
	       || format('| %s | %s | %s | %s |', default_value, accepted, meaning, source)
	FROM (SELECT * FROM recadv_options() UNION ALL SELECT * FROM recadv_options('auto')) o
	ORDER BY 1});
my $common = join("\n", grep { /^popularity\|/ } split(/\n/, $rows));
my %met;
foreach my $row (split(/\n/, $rows))
{
	my ($name, $text) = split(/\t/, $row, 2);
	my ($algorithm, $option) = split(/\|/, $name);
	my $place = $common =~ /^popularity\|\Q$option\E\t/m ? "popularity|$option" : $name;

	is($documented{$place}, $text, "doc/options.md on $option of $algorithm");
	$met{$place} = 1;
}
delete @documented{keys %met};
is(join(' ', sort keys %documented), '', 'and on nothing else');

# statements_of(FILE): runs the SQL of a document, each of which gives rows; returns how many.
sub statements_of
{
	my ($name, $has_vector) = @_;
	my ($number, $statements) = (0, 0);
	my $text = slurp_file($name);

	while ($text =~ /^```sql\n(.*?)^```$/gms)
	{
		my $block = $1;

		$number++;
	  SKIP:
		{
			skip "block $number of $name: pgvector is not installed", 1
			  if $block =~ /vector/ && !$has_vector;
			skip "block $number of $name: pg_cron is tested elsewhere", 1 if $block =~ /cron\./;
			$block =~ s/--[^\n]*//g;
			foreach my $statement (grep { /\S/ } split(/;/, $block))
			{
				$statement =~ s/\$1/1/g;
				my ($state, $out, $err) = $node->psql('postgres', $statement);
				ok($state == 0 && ($out ne '' || $statement =~ /CREATE|INSERT|attach/),
					"$name, block $number: runs")
				  or diag("$statement\n$err");
				$statements++;
			}
		}
	}
	return $statements;
}

# The SQL of doc/serving.md runs, and gives rows.
make_orders($node, 'orders', 300, 500, 30);
$node->safe_psql('postgres', q{
	CREATE TABLE products AS SELECT i::bigint AS id, 'product ' || i AS title, i % 7 AS category,
		now() - i * interval '1 day' AS added, i % 3 AS stock FROM generate_series(0, 499) i;
	CREATE TABLE new_orders AS SELECT u AS user_id, (u * 7) % 500 AS item_id
		FROM generate_series(1, 300) u;
	CREATE TABLE customers AS SELECT u AS id, u % 2 = 0 AS newsletter
		FROM generate_series(1, 300) u;
	CREATE TABLE baskets AS SELECT 42 AS customer_id, i::bigint AS product_id
		FROM generate_series(1, 5) i;
	CREATE TABLE clicks AS SELECT 1 AS session, i::bigint AS product_id
		FROM generate_series(1, 5) i});
$node->safe_psql('postgres',
	"SELECT recadv_train('shop', 'orders', algorithm => 'bpr', options => '"
	  . options(factors => 64) . "')");
my $has_vector = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'");
$node->safe_psql('postgres', 'CREATE EXTENSION vector') if $has_vector;

cmp_ok(statements_of('doc/serving.md', $has_vector), '>', 10,
	'the documentation of serving has statements');

# And that of doc/streaming.md.
make_orders($node, 'views', 300, 500, 10);
$node->safe_psql('postgres', 'ALTER TABLE views RENAME bought_at TO at');
cmp_ok(statements_of('doc/streaming.md', $has_vector), '>', 5,
	'the documentation of streaming has statements');

$node->stop;
done_testing();
