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
	FROM recadv_options() ORDER BY 1});
my $common = join("\n", grep { /^popularity\|/ } split(/\n/, $rows));
foreach my $row (split(/\n/, $rows))
{
	my ($name, $text) = split(/\t/, $row, 2);
	my ($algorithm, $option) = split(/\|/, $name);
	my $place = $common =~ /^popularity\|\Q$option\E\t/m ? "popularity|$option" : $name;

	is($documented{$place}, $text, "doc/options.md on $option of $algorithm");
	delete $documented{$place} if $place eq $name;
}
is(join(' ', sort keys %documented), '', 'and on nothing else');

$node->stop;
done_testing();
