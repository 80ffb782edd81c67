# The page of recadv_report, as a reader has it: well-formed, the same on a standby, in a browser on
# a phone and on a desk, light and dark; and the panels of doc/grafana.json.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('report');

sub sql { return $node->safe_psql('postgres', $_[0]) }

make_orders($node, 'orders', 300, 200, 20);
sql(q{
	CREATE TABLE products AS SELECT i AS id, 'Product <' || i || '> & "co"' AS title, 'shelf ' || i % 12 AS shelf
	FROM generate_series(0, 199) i;
	CREATE TABLE words AS SELECT 'user ' || user_id AS user_id, 'item ' || item_id AS item_id FROM orders;
	CREATE TABLE views AS TABLE orders});
sql("SELECT recadv_train('shop', 'orders', time_column => 'bought_at', algorithm => 'amf', options => '"
	  . options(holdout => '"last"', epochs => 10, promote => '"always"', seed => $_) . "')") foreach 1, 2;
sql(q{SELECT recadv_train('words_model', 'words', algorithm => 'als', options => '{"factors": 8}')});
sql(q{SELECT recadv_train('popular', 'orders', algorithm => 'popularity')});
sql(q{SELECT recadv_train('live', 'views', time_column => 'bought_at', algorithm => 'nmrn',
	options => '{"factors": 8, "epochs": 2, "lateness": 1000000}')});
foreach my $day (1 .. 3)
{
	sql(qq{INSERT INTO views SELECT u, (u * 13 + $day) % 200, timestamptz '2024-02-0$day' + u * interval '1 minute'
		FROM generate_series(1, 60) u});
	sql(q{SELECT recadv_refresh('live')});
}

my %pages = (
	shop => q{recadv_report('shop', 'products', group_column => 'shelf')},
	live => q{recadv_report('live', 'products')},
	words_model => q{recadv_report('words_model')},
	popular => q{recadv_report('popular', 'products')});

# --- well-formed -------------------------------------------------------------------------------

# What is wrong with a document, by the rules of XML as far as the page uses them; '' if nothing.
sub fault_of
{
	my ($text) = @_;
	my @open;

	$text =~ s/^<!DOCTYPE html>\n// or return 'no doctype';
	while ($text =~ /\G(?:([^<&]+)|&(?:amp|lt|gt|quot|#\d+);|<(\/?)([a-zA-Z][\w-]*)((?:\s+[a-zA-Z][\w:-]*="[^"<&]*(?:&(?:amp|lt|gt|quot|#\d+);[^"<&]*)*")*)\s*(\/?)>)/gc)
	{
		next if !defined $3;
		if ($2)
		{
			my $last = pop @open // 'nothing';

			return "</$3> closes $last" if $last ne $3;
		}
		elsif (!$5)
		{
			push @open, $3;
		}
	}
	return 'unexpected: ' . substr($text, pos($text) // 0, 60) if (pos($text) // 0) < length $text;
	return @open ? "open at the end: @open" : '';
}

is(fault_of("<!DOCTYPE html>\n<p a=\"&amp;\">x &lt; <br/></p>"), '', 'the check accepts what is right');
isnt(fault_of("<!DOCTYPE html>\n$_"), '', "and refuses $_")
  foreach '<p>', '<p></b></p>', '<p>&nbsp;</p>', '<p a=b></p>', '<p a="<"></p>', '<p a="&">x</p>', 'a < b', '</p>';

my $folder = PostgreSQL::Test::Utils::tempdir();
foreach my $model (sort keys %pages)
{
	my $page = sql("SELECT $pages{$model}");

	is(fault_of($page), '', "$model: the page is well-formed");
	append_to_file("$folder/$model.html", $page);
}

# --- a standby ---------------------------------------------------------------------------------

$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
foreach my $model (sort keys %pages)
{
	is($standby->safe_psql('postgres', "SELECT $pages{$model}") =~ s/made at .*? UTC//r,
		slurp_file("$folder/$model.html") =~ s/made at .*? UTC//r,
		"$model: a standby gives the same page");
}
is($standby->safe_psql('postgres', q{SELECT sum(users) FROM recadv_overlap('shop', 1, 2)}), '300',
	'and asks versions that do not serve');
$standby->stop;

# --- dashboards --------------------------------------------------------------------------------

my $dashboard = decode_json(slurp_file('doc/grafana.json'));
my %numbers;
cmp_ok(scalar @{ $dashboard->{panels} }, '>', 8, 'doc/grafana.json has panels');
foreach my $panel (@{ $dashboard->{panels} }, @{ $dashboard->{templating}{list} })
{
	my $name = $panel->{title} // "variable $panel->{name}";
	my $query = $panel->{targets} ? $panel->{targets}[0]{rawSql} : $panel->{query};

	next if ($panel->{type} // '') eq 'datasource';
	ok(!$numbers{ $panel->{id} }++, "$name: has a number of its own") if defined $panel->{id};
	$query =~ s/\$\{model:sqlstring\}/'shop','live'/g;
	$query =~ s/\$\{one:sqlstring\}/'shop'/g;
	$query =~ s/\$__timeFilter\((\w+)\)/$1 BETWEEN now() - interval '1 day' AND now()/g;
	unlike($query, qr/\$/, "$name: nothing else is to be replaced");
	my ($state, $rows, $error) = $node->psql('postgres', $query);
	is($state, 0, "$name: its query runs") or diag($error);
	ok($rows ne '' || $name eq 'Running now', "$name: and finds something");
	next if !$panel->{targets} || $panel->{targets}[0]{format} ne 'time_series';
	my $types = sql("CREATE VIEW panel AS $query;
		SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = 'panel'::regclass AND attnum > 0; DROP VIEW panel");
	is($types, 'time timestamp with time zone, metric text, value double precision', "$name: is a time series");
}

# --- a browser ---------------------------------------------------------------------------------

my ($browser) = grep { -x } map { ("$_/chromium", "$_/chromium-browser", "$_/google-chrome") } split /:/, $ENV{PATH};

# Opens everything that is closed and looks at all text: its contrast with what is behind it, and
# whether anything reaches beyond the window.  What is wider on purpose can be scrolled.
my $probe = <<'SCRIPT';
addEventListener('load', () => {
	const light = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
	const parts = c => c.match(/[\d.]+/g).map(Number);
	const luminance = c => { const [r, g, b] = parts(c); return 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b) };
	const behind = e => {
		if (e.ownerSVGElement) return getComputedStyle(e.ownerSVGElement.querySelector('.recadv-back')).fill;
		for (; e; e = e.parentElement) {
			const c = getComputedStyle(e).backgroundColor, p = parts(c);
			if (p.length < 4 || p[3] > 0) return c;
		}
		return 'rgb(255, 255, 255)';
	};
	document.querySelectorAll('details').forEach(d => d.open = true);
	let worst = 99, where = '', texts = 0, beyond = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || e.closest('style, script, svg > title, svg > desc, path > title, circle > title')) continue;
		const style = getComputedStyle(e), color = e.ownerSVGElement ? style.fill : style.color;
		const [a, b] = [luminance(color), luminance(behind(e))].sort((x, y) => y - x);
		const contrast = (a + 0.05) / (b + 0.05);
		texts++;
		if (contrast < worst) { worst = contrast; where = walker.currentNode.data.slice(0, 40) }
		if (!e.closest('.wide') && e.getBoundingClientRect().right > innerWidth + 0.5) beyond.push(walker.currentNode.data.slice(0, 40));
	}
	const root = document.documentElement;
	parent.postMessage(JSON.stringify({ name, width: innerWidth, scroll: root.scrollWidth, texts, worst, where, beyond,
		dark: matchMedia('(prefers-color-scheme: dark)').matches, back: getComputedStyle(document.body).backgroundColor,
		small: Math.min(...[...document.querySelectorAll('svg text')].map(t => 12 * t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width)) }), '*');
});
SCRIPT

# run_browser(FILE, OPTION...): its standard output and error
sub run_browser
{
	my ($file, @options) = @_;
	my ($out, $err) = ('', '');

	local $ENV{HOME} = $folder;
	IPC::Run::run([ $browser, '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
			"--user-data-dir=$folder/profile", '--enable-logging=stderr', @options, "file://$file" ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	return ($out, $err);
}

# All pages beside each other in frames of some widths, as windows have a least width.
sub frames
{
	my ($suffix, @widths) = @_;
	my $frames = '';

	foreach my $model (sort keys %pages)
	{
		$frames .= qq{<iframe name="$model $_" style="width:${_}px;height:900px" src="$model$suffix.html"></iframe>} foreach @widths;
	}
	return $frames;
}

# What the probe says of each.
sub look
{
	my ($dark) = @_;

	unlink "$folder/frames.html";
	append_to_file("$folder/frames.html", q{<!DOCTYPE html><html><body><p>nothing</p><script>
		let found = {};
		addEventListener('message', m => {
			const data = JSON.parse(m.data.replace(/[^ -~]/g, '?'));
			found[data.name] = data;
			document.querySelector('p').textContent = 'found ' + btoa(JSON.stringify(found)) + ' end';
		})</script>} . frames('-probed', 400, 1280) . '</body></html>');
	my ($out, $err) = run_browser("$folder/frames.html", '--window-size=1400,1000', '--virtual-time-budget=20000',
		'--blink-settings=preferredColorScheme=' . ($dark ? 0 : 1), '--dump-dom');
	return $out =~ /found ([\w+\/=]+) end/ ? decode_json(MIME::Base64::decode_base64($1)) : diag($err) && {};
}

SKIP:
{
	skip 'no browser: apt-get install chromium', 1 if !$browser;
	require MIME::Base64;
	append_to_file("$folder/broken.html", '<!DOCTYPE html><p><img src="nowhere.png"/><script>nothing()</script></p>');
	my (undef, $broken) = run_browser("$folder/broken.html", '--dump-dom');
	like($broken, qr/CONSOLE/, 'the log of the browser shows errors');
	append_to_file("$folder/plain.html", '<!DOCTYPE html><html><body>' . frames('', 1280) . '</body></html>');
	my ($dom, $log) = run_browser("$folder/plain.html", '--dump-dom');
	like($dom, qr/<iframe/, 'the browser opens the pages');
	unlike($log, qr/CONSOLE/, 'no message in the console');

	# One that is bad, so that the probe is known to see it.
	append_to_file("$folder/faulty.html", '<!DOCTYPE html><html><body style="background:#fff"><p style="color:#888">pale</p>'
		  . '<p style="width:2000px;text-align:right">far</p></body></html>');
	$pages{faulty} = undef;
	foreach my $model (sort keys %pages)
	{
		my $page = slurp_file("$folder/$model.html");

		$page =~ s/<meta http-equiv="Content-Security-Policy"[^>]*>//;
		$page =~ s/<\/body>/<script>$probe<\/script><\/body>/;
		append_to_file("$folder/$model-probed.html", $page);
	}
	my @found = map { look($_) } 0, 1;
	delete $pages{faulty};
	my $faulty = $found[0]->{'faulty 400'};
	ok($faulty->{worst} < 4.5 && $faulty->{where} eq 'pale', 'the probe finds text that is too pale');
	ok($faulty->{scroll} > 400 && $faulty->{beyond}[0] eq 'far', 'and what is too wide');
	foreach my $dark (0, 1)
	{
		foreach my $frame (map { ("$_ 400", "$_ 1280") } sort keys %pages)
		{
			my $seen = $found[$dark]->{$frame} // {};
			my $name = $frame . ($dark ? ' dark' : ' light');
			my ($width) = $frame =~ /(\d+)$/;

			is($seen->{width}, $width, "$name: is shown");
			is(!!$seen->{dark}, !!$dark, "$name: in that mode");
			cmp_ok($seen->{texts} // 0, '>', 100, "$name: has text");
			cmp_ok($seen->{worst} // 0, '>=', 4.5, sprintf('%s: contrast of at least 4.5: %.2f at %s', $name, $seen->{worst} // 0, $seen->{where} // ''));
			cmp_ok($seen->{scroll} // 9999, '<=', $width, "$name: is not wider");
			is("@{ $seen->{beyond} // ['?'] }", '', "$name: no text reaches beyond");
			cmp_ok($seen->{small} // 0, '>=', 9, sprintf('%s: texts of charts can be read: %.1f pixels', $name, $seen->{small} // 0));
		}
	}
	isnt($found[0]->{'shop 400'}{back}, $found[1]->{'shop 400'}{back}, 'dark is not light');
}

$node->stop;
done_testing();
