# The documents say what the extension says: options, statements that run, and what these print.

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
# algorithms that learn from a log of slates share other options
my %is_of_policies = map { $_ => 1 } qw(seed threads keep_versions promote);
my %is_policy = map { /^(\w+)\|/; $1 => 1 } split(/\n/, $rows);
delete $is_policy{$_} for map { /^(\w+)\|holdout\t/ ? $1 : () } split(/\n/, $rows);
my %met;
foreach my $row (split(/\n/, $rows))
{
	my ($name, $text) = split(/\t/, $row, 2);
	my ($algorithm, $option) = split(/\|/, $name);
	my $place =
	    $is_policy{$algorithm} ? ($is_of_policies{$option} ? "policies|$option" : $name)
	  : $common =~ /^popularity\|\Q$option\E\t/m ? "popularity|$option"
	  : $name;

	is($documented{$place}, $text, "doc/options.md on $option of $algorithm");
	$met{$place} = 1;
}
delete @documented{keys %met};
is(join(' ', sort keys %documented), '', 'and on nothing else');

# Each algorithm stands in README.md, with the paper that CITATION.cff names for it.
my %algorithms = map { /^(\w+)\|/; $1 => 1 } split(/\n/, $rows);
my ($described, $cited) = (slurp_file('README.md') =~ /^## What it does\n(.*?)^## /ms, slurp_file('CITATION.cff'));
my %described = map { $_ => 1 } map { /`(\w+)`/g } $described =~ /^\|([^|]*)\|/mg;
my %cited = map { $_ => 1 } map { /\w+/g } $cited =~ /^ +notes: "(.*)"$/mg;
is(join(' ', sort grep { !$described{$_} } keys %algorithms), '', 'README.md describes each algorithm');
is(join(' ', sort grep { !$cited{$_} } keys %algorithms), 'auto popularity', 'and CITATION.cff names its paper, but for two');

# columns_alone(TEXT): what was printed of other data: its columns; widths, too, follow from what stands below.
sub columns_alone
{
	my ($printed) = @_;

	return undef unless defined $printed;
	return $printed =~ s{\A (.*)\n-.*\z}{join('|', map { "…$_…" } split(/\s*\|\s*/, $1)) . "\n…\n...\n"}ser;
}

# run_page(NAME [, EDIT [, DATA]]): a page from its first block to its last, in a database of its own, as psql prints it.  What
# stands in a fence after a block must be what comes out (its messages, if it begins with one).  EDIT changes a block
# and what it prints; what it returns without printed lines is only run.  Returns how many outputs were compared.
sub run_page
{
	my ($name, $edit, $data) = @_;
	my $database = 'page_' . lc($name =~ s/\W+/_/gr);
	my ($number, $compared) = (0, 0);

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION recadv;' . ($data // ''));
	foreach my $as_written (blocks_of(slurp_file($name)))
	{
		my ($block, $printed) = @$as_written;

		$number++;
		($block, $printed) = $edit->($block, $printed) if $edit;
		$block =~ s/^SELECT cron\..*?\);\n//gms;    # pg_cron is tested elsewhere
		$compared += prints_what_it_shows("$name, block $number", $block, $printed, psql_shows($node, $database, $block));
	}
	$node->safe_psql('postgres', "DROP DATABASE $database");
	return $compared;
}

# What doc/models.md says of parts: each that an algorithm adds stands there, and so do the states of optimisers.
my $models = slurp_file('doc/models.md');
my %added = map { $_ => 1 } map { slurp_file($_) =~ /\bModelAdd(?:Part|Column|Pack)\(\w+, "(\w+)"/g } glob('src/algo/*/*.c');
cmp_ok(scalar keys %added, '>', 25, 'algorithms have parts');
is(join(' ', sort grep { !/_(?:state|steps)$/ && $models !~ /^\| v \| [^|]*`\Q$_\E`/m } keys %added), '',
	'doc/models.md has them all');

# Messages that doc/operations.md explains are ones that recadv gives: `…` stands for what the message names.  Those of
# PostgreSQL's own are only explained.
my %of_postgres = map { $_ => 1 } ('permission denied for table …', 'cannot execute recadv_train() in a read-only transaction');
my @said = map { join('', map { s/\\"/"/gr =~ s/%%|%(?:\.\*)?[-\w.]+/…/gr } /"((?:[^"\\]|\\.)*)"/g) }
  map { slurp_file($_) =~ /("(?:[^"\\]|\\.)*"(?:\s*(?:UINT64_FORMAT|INT64_FORMAT)?\s*"(?:[^"\\]|\\.)*")*)/g } glob('src/*/*.c src/*/*/*.c src/*/*/*.h');
my ($explained) = slurp_file('doc/operations.md') =~ /^## Messages\n(.*?)^## /ms;
my @explained = map { /^\| (.*?) \| / ? $1 =~ /`([^`]+)`/g : () } grep { !/^\| (?:message|---)/ } split(/\n/, $explained);
cmp_ok(scalar @explained, '>', 20, 'messages are explained');
# fits(MESSAGE, SAID): what stands where the text has `…` may be named in the message; a text of a word or less fits nothing.
sub fits
{
	my ($message, $said) = @_;
	my @fixed = split(/…/, $said, -1);

	return length(join('', @fixed)) > 12 && $message =~ /^@{[ join('.+', map { quotemeta } @fixed) ]}(?: \(\d+\))?$/;
}

foreach my $message (grep { !$of_postgres{$_} } @explained)
{
	my $pattern = join('.*', map { quotemeta } split(/…/, $message =~ s/\(\d+\)//r, -1));

	ok((grep { /$pattern/ || fits($message, $_) } @said), "recadv says: $message");
}

# Figures that are told again are those of the tables of README.md, of streams those of doc/algorithms.md.
my ($opening, $tables) = split(/^## Accuracy$/m, slurp_file('README.md'), 2);
my ($advice) = slurp_file('doc/which_model.md') =~ /^## Which model should I take\?\n(.*?)^\*And on mine/ms;
my ($streams) = slurp_file('doc/algorithms.md') =~ /^## Streaming accuracy\n(.*?)^## /ms;
$tables .= $streams;
my @retold = "$opening$advice" =~ /\b0\.\d{4}\b/g;
cmp_ok(scalar @retold, '>', 12, 'figures are told again');
is(join(' ', grep { $tables !~ /\b\Q$_\E\b/ } @retold), '', 'and stand in the tables');

# So are rewards of policies.
my $earned = slurp_file('doc/algorithms.md') =~ /^### What it earns\n(.*?)^### Presets/ms ? $1 : '';
my ($which) = slurp_file('doc/policies.md') =~ /^## Which algorithm\n(.*?)^The figures are those/ms;
my ($sessions) = $tables =~ /^Whole sessions: (.*?)^What another policy/ms;
my @rewards = "$which$sessions" =~ /(?<![\d.])\d?\.\d\d\b/g;
cmp_ok(scalar @rewards, '>', 20, 'rewards are told again');
is(join(' ', grep { $earned !~ /(?<![\d.])0?\Q$_\E\b/ } @rewards), '', 'and stand in their tables');

# squeezed(TEXT): tables of psql with columns and rules of any width.
sub squeezed
{
	return $_[0] =~ s/ +$//gmr =~ s/ +/ /gr =~ s/-{2,}/--/gr;
}

# The first screen of README.md, in the shop of script/demo; scores but for their last digits.
my ($first, $first_output) = slurp_file('README.md') =~ /^```sql\n(.*?)^```\n\n```\n(.*?)^```\n/ms;
$node->safe_psql('postgres', 'CREATE DATABASE readme');
my (undef, $trouble) = psql_shows($node, 'readme', slurp_file('script/demo.sql') . q{
	ALTER TABLE purchases RENAME TO orders;
	ALTER TABLE orders RENAME book_id TO product_id;
	ALTER DATABASE readme SET client_min_messages = warning});
is($trouble, '', 'the shop of the demo is there');
my ($came, $errors) = psql_shows($node, 'readme', $first);
is($errors, '', 'the first screen runs');
my $shown = printed_as(squeezed($first_output) =~ s/ (\d\.\d\d)\d+/ $1…/gr);
like(squeezed($came =~ s/\n\n/\n/gr), qr/^$shown$/m, 'and prints what it shows');
$node->safe_psql('postgres', 'DROP DATABASE readme');

# Pages that are read from above to below, with what they print.
cmp_ok(run_page('doc/coming_from.md'), '>', 8, 'who comes from another library finds outputs');
cmp_ok(run_page('doc/which_model.md'), '>', 14, 'who chooses a model finds outputs');
cmp_ok(run_page('doc/faq.md'), '>', 14, 'who asks finds answers, and who errs the messages');
cmp_ok(run_page('doc/policies.md'), '>', 11, 'who trains policies finds outputs');
cmp_ok(run_page('doc/report.md', undef, slurp_file('script/demo.sql')), '>', 7, 'who asks whether it is good finds outputs');
cmp_ok(run_page('doc/applications.md'), '>', 7, 'who writes an application finds outputs');

# A managed service is another database here.
my ($keys) = slurp_file('doc/applications.md') =~ /^```sql\n(CREATE TABLE orders .*?;\n)/ms;
$node->safe_psql('postgres', 'CREATE DATABASE managed');
$node->safe_psql('managed', "$keys; CREATE TABLE recommended (user_id uuid, item_id uuid, rank int, score real)");
cmp_ok(run_page('doc/install.md', sub {
	my ($block, $printed) = @_;

	$block =~ s{host 'app.example.com', dbname 'app'}{"host '" . $node->host . "', port '" . $node->port . "', dbname 'managed'"}e;
	$block =~ s{user 'recommender', password 'secret'}{};
	$block =~ s{ OPTIONS \(\);}{;};
	return ($block, $printed);
}), '>', 2, 'who installs finds outputs');
$node->safe_psql('postgres', 'DROP DATABASE managed');

# The tutorial, on films that are made up, in files of the form of MovieLens 100K.  RECADV_MOVIELENS names the folder
# of the real ones: then what comes out is compared, otherwise only the columns.
sub make_films
{
	my ($folder) = @_;
	my ($ratings, $films) = ('', '');

	# everybody begins where it pleases and goes on to the next films, in order
	for my $user (1 .. 120)
	{
		$ratings .= join("\t", $user, ($user * 7 + $_ * ($_ % 4 ? 1 : 3)) % 200 + 1, $_ % 5 + 1, 880000000 + $user * 5000 + $_ * 60) . "\n"
		  for 1 .. 20;
	}
	$films .= join('|', $_, "\"Film\" n\xb0 $_ (1995)", '01-Jan-1995', '', 'http://example.org',
		split(//, $_ % 10 ? '0100000000000000000' : '0' x 18 . '1')) . "\n"
	  for 1 .. 200;
	append_to_file("$folder/u.data", $ratings);
	append_to_file("$folder/u.item", $films);
	return $folder;
}

my $films = $ENV{RECADV_MOVIELENS} // make_films(PostgreSQL::Test::Utils::tempdir());
cmp_ok(run_page('doc/tutorial.md', sub {
	my ($block, $printed) = @_;

	$block =~ s{'ml-100k/}{'$films/}g;
	$printed = columns_alone($printed) unless $ENV{RECADV_MOVIELENS};
	return ($block, $printed);
}), '>', 15, 'the tutorial has outputs');

# README.md and doc/operations.md on data of the names that they use; the one output of README.md was compared above.
my $shop = q{
	CREATE TABLE orders AS
	SELECT u AS customer_id, 5 * ((u * 7919 + n * n * 31 + n * 17) % 100) + u % 5 AS product_id,
		timestamptz '2026-01-01' + n * interval '1 day' AS bought_at, n % 9 = 0 AS returned, u % 2 AS region
	FROM generate_series(1, 200) u, generate_series(1, 15) n;
	CREATE TABLE customers AS SELECT u AS id, 'customer ' || u AS name,
		CASE WHEN u % 50 = 0 THEN 'Oslo' ELSE 'Bergen' END AS city FROM generate_series(1, 200) u;
	CREATE TABLE products AS SELECT i AS id, 'product ' || i AS title, i % 3 AS stock FROM generate_series(0, 499) i;
	CREATE TABLE views AS SELECT customer_id AS user_id, product_id AS item_id, customer_id, product_id, bought_at AS at
	FROM orders;
	CREATE TABLE new_orders AS SELECT u AS customer_id, (u * 7) % 500 AS product_id FROM generate_series(1, 200) u;};
run_page('README.md', sub {
	my ($block) = @_;

	$block =~ s/^CREATE EXTENSION.*//m;
	$block =~ s/\$1::uuid/42/g;
	return ($block, undef);
}, $shop);
# a file of the kernel's that is not everywhere
cmp_ok(run_page('doc/operations.md', sub { return ($_[0] =~ s/^COPY .* TO PROGRAM .*//mr, $_[1]) },
	$shop . q{SELECT recadv_train('shop', 'orders', 'customer_id', 'product_id', 'bought_at', 'bpr', '{"epochs": 20}')}),
	'>', 3, 'who runs a server finds outputs');
cmp_ok(run_page('doc/reference.md'), '>', 30, 'who looks a function up finds what it gives');
cmp_ok(run_page('doc/models.md'), '>', 3, 'who looks into a model finds what is there');

# doc/serving.md and doc/streaming.md, in the shop of script/demo.
my $has_vector = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'");
cmp_ok(run_page('doc/serving.md', sub {
	my ($block, $printed) = @_;

	note('a block of doc/serving.md is left out: pgvector is not installed') if $block =~ /vector\(/ && !$has_vector;
	return $block =~ /vector\(/ && !$has_vector ? ('SELECT 1', undef) : ($block, $printed);
}, slurp_file('script/demo.sql') . ($has_vector ? 'CREATE EXTENSION vector' : '')), '>', 10, 'who serves finds outputs');
cmp_ok(run_page('doc/streaming.md', undef, slurp_file('script/demo.sql')), '>', 4, 'who streams finds outputs');

# A shop whose model was trained, and a model that has learnt from a stream.
make_orders($node, 'orders', 300, 500, 30);
make_orders($node, 'views', 300, 500, 10);
$node->safe_psql('postgres', $_)
  foreach ('ALTER TABLE views RENAME bought_at TO at',
	"SELECT recadv_train('shop', 'orders', algorithm => 'bpr', options => '" . options() . "')",
	q{SELECT recadv_train('feed', 'views', time_column => 'at', algorithm => 'nmrn', options => '{"epochs": 1}')},
	q{INSERT INTO views (user_id, item_id, at) VALUES (42, 317, now())},
	q{SELECT recadv_refresh('feed')});

# The alerts of doc/operations.md find nothing on a server where all is well, and what is wrong on another.
my ($section_of_alerts) = slurp_file('doc/operations.md') =~ /^## Alerts\n(.*?)^## /ms;
my ($alerts) = $section_of_alerts =~ /^```sql\n(.*?)^```$/ms;
my @alerts = grep { /\S/ } split(/;/, $alerts =~ s/--[^\n]*//gr);

# The same with limits that all that is there reaches.
my %soft = (
	"interval '2 days'" => "interval '0'",
	'pending > 100000' => 'pending > 0',
	"interval '10 minutes'" => "interval '0'",
	"interval '2 hours'" => "interval '0'",
	'last < mean / 2' => 'last <= mean + 1',
	'n_dead_tup > 10 * n_live_tup + 1000' => 'n_dead_tup > 0');
my @soft = @alerts;
foreach my $limit (keys %soft)
{
	is(scalar(grep { s/\Q$limit\E/$soft{$limit}/ } @soft), 1, "there is an alert with $limit");
}

# found(ALERT, ...): numbers of those that give rows
sub found
{
	return join(' ', grep { $node->safe_psql('postgres', $_[ $_ - 1 ]) ne '' } 1 .. @_);
}
is(found(@alerts), '', 'no alert where all is well');
$node->psql('postgres', "CALL recadv_train_job('shop', 'nowhere')");
$node->safe_psql('postgres', q{CREATE TABLE empty OF recadv_model (PRIMARY KEY (version, part, block))});
is(found(@alerts), '1 3', 'alerts of a job that failed and of a model that was never trained');

my $job = start_session($node);
$job->send(q{CALL recadv_train_job('long', 'orders', algorithm => 'bpr', options => '}
	  . options(epochs => 1000000) . q{')});
ok($job->wait_progress(qr/stage bpr, epoch/), 'a job trains');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($job->{pid}, 60000)");
is(found(@alerts), '1 3 6', 'and of one that was cut off');

# The last refreshes find nothing, one model has never been refreshed, another is being trained.
$node->safe_psql('postgres', $_)
  foreach (q{SELECT recadv_refresh('feed')},
	q{SELECT recadv_train('waits', 'views', time_column => 'at', algorithm => 'nmrn', options => '{"epochs": 1}')},
	q{SELECT recadv_observe('waits', 1, 2, now()::text)},
	q{UPDATE shop SET data = data WHERE part = 'popularity'},
	q{SELECT pg_stat_force_next_flush()} x ($node->pg_version >= 15));
my $training = start_session($node);
$training->send(q{SELECT recadv_train('long', 'orders', algorithm => 'bpr', options => '}
	  . options(epochs => 1000000) . q{')});
ok($training->wait_progress(qr/stage bpr, epoch/), 'a training runs');
ok($node->poll_query_until('postgres', 'SELECT EXISTS (' . $soft[7] =~ s/\s+$//r . ')'), 'vacuum has work');
is(found(@soft), '1 2 3 4 5 6 7 8', 'each alert finds what it is for');
like($node->safe_psql('postgres', $soft[3]), qr/^waits\|1\|$/m, 'also a model that was never refreshed');

$node->stop;
done_testing();
