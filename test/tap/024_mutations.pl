# Stored blocks, images and states of the aggregate, changed by chance, with checksums mended so that the
# change gets past them: every function that reads them then answers, or says what is wrong.  No crash, no
# hang, no number that is not finite, no error that only the inside of a program should know (XX000).
#
# RECADV_LONG: 100000 rounds, on a recadv that is compiled with UndefinedBehaviorSanitizer and, where the server
# runs with its allocator, AddressSanitizer (one that is configured without NLS does; Debian's stops in its first
# call of bindtextdomain); RECADV_ROUNDS: so many.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $here = abs_path(dirname(__FILE__));
my $root = dirname(dirname($here));
my $rounds = $ENV{RECADV_ROUNDS} // ($ENV{RECADV_LONG} ? 100_000 : 800);
my $sanitized = $ENV{RECADV_LONG} && !$ENV{RECADV_PLAIN};
my $build = PostgreSQL::Test::Utils::tempdir;

# The first run of a session loads, so a batch may take long where the machine is busy.
my $batch = 100;
my $most_seconds = 600;

sub runtime_of_sanitizer
{
	chomp(my $path = `gcc -print-file-name=libasan.so`);
	return abs_path($path);
}

# Does the server run at all, with that in front?
sub takes_address_sanitizer
{
	my $runtime = runtime_of_sanitizer();

	return system("LD_PRELOAD='$runtime' ASAN_OPTIONS=detect_leaks=0 timeout 60 postgres -V >/dev/null 2>&1") == 0;
}

# A recadv.so with sanitizers; its path without suffix.
sub sanitized_library
{
	my ($sanitizers) = @_;
	my $flags = "-fsanitize=$sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer";

	mkdir "$build/asan" or die $!;
	system("make -C '$build/asan' -f '$root/Makefile' VPATH='$root' with_llvm=no CC=gcc"
		  . " OPTIMIZE=-O1 COPT='-g $flags' SHLIB_LINK='-lm -lpthread -ldl $flags' >'$build/asan.log' 2>&1") == 0
	  or BAIL_OUT("no build with sanitizers: " . slurp_file("$build/asan.log"));
	return "$build/asan/recadv";
}

my $includes = `pg_config --includedir-server`;
chomp $includes;
system("cc -shared -fPIC -O1 -o '$build/mutations.so' -I'$includes' '$here/mutations.c' >'$build/cc.log' 2>&1") == 0
  or BAIL_OUT("mutations.c: " . slurp_file("$build/cc.log"));

my $address = $sanitized && takes_address_sanitizer();
my $sanitizers = $address ? 'address,undefined' : 'undefined';
my $library = $sanitized ? sanitized_library($sanitizers) : undef;

# A backend that a sanitizer stops must look like the crash that it is.
if ($sanitized)
{
	$ENV{LD_PRELOAD} = runtime_of_sanitizer() if $address;
	$ENV{ASAN_OPTIONS} = 'detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0';
	$ENV{UBSAN_OPTIONS} = 'abort_on_error=1:print_stacktrace=1';
}
my $server = new_server('mutations', q{shared_preload_libraries = 'recadv'},
	'recadv.shared_cache_size = 4MB', 'recadv.progress = off', 'recadv.max_memory = 64MB',
	'client_min_messages = error', "statement_timeout = ${most_seconds}s", 'log_min_messages = fatal',
	'log_min_error_statement = panic', 'fsync = off');

if ($sanitized)
{
	$server->safe_psql('postgres', qq{
		UPDATE pg_proc SET probin = '$library' WHERE probin = '\$libdir/recadv'});
	$server->append_conf('postgresql.conf', "shared_preload_libraries = '$library'\n");
	$server->restart;
	my $maps = $server->safe_psql('postgres', q{
		SELECT count(*) FROM recadv_models;
		SELECT pg_read_file('/proc/self/maps')});
	like($maps, qr{\Q$library\E\.so}, 'the library with sanitizers is in use');
	unlike($maps, qr{/lib/recadv\.so}, 'and no other');
}
$server->safe_psql('postgres', slurp_file("$here/mutations.sql") =~ s/:'library'/'$build\/mutations'/gr =~ s/\\g \/dev\/null/;/gr);

# A server that has crashed is waited for, and the rounds go on.
my $lost = 0;
for (my $first = 1; $first <= $rounds && $lost < 10; $first += $batch)
{
	my $last = $first + $batch - 1;
	my ($out, $error);

	next if $server->psql('postgres', "SELECT rounds($first, $last)", stdout => \$out, stderr => \$error) == 0;
	$lost++;
	diag("rounds $first to $last: $error");
	wait_until(sub { $server->psql('postgres', 'SELECT 1') == 0 });
}
is($lost, 0, "$rounds rounds" . ($sanitized ? ", sanitizers $sanitizers" : '') . ': no session was lost, nothing hung');

my $failures = $server->safe_psql('postgres', q{
	SELECT state, changed, question, min(seed), min(model), count(*), min(message)
	FROM failures GROUP BY 1, 2, 3 ORDER BY 6 DESC LIMIT 20});
is($failures, '', 'no answer with a number that is not finite, no internal error');

my $answers = $server->safe_psql('postgres', 'SELECT state, times FROM answers ORDER BY times DESC');
my %times = map { split /\|/ } split /\n/, $answers;
note("SQLSTATE and times: " . join(', ', map { "$_ $times{$_}" } sort keys %times));
cmp_ok($times{'00000'} // 0, '>', $rounds, 'many questions were answered');
cmp_ok($times{XX001} // 0, '>', $rounds / 4, 'many changes were found to be damage');
is($server->safe_psql('postgres', q{
		SELECT count(*) FROM models m, recadv_topk(CASE ids WHEN 'text' THEN 'user 1' ELSE '1' END, 5, m.name)}),
	5 * $server->safe_psql('postgres', 'SELECT count(*) FROM models'), 'the models themselves serve on');
ok(healthy($server), 'no process has crashed');
$server->stop;
done_testing();
