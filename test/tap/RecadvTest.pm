# RecadvTest: servers, sessions and data that the tests of this directory share.
package RecadvTest;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(new_server start_session wait_until make_orders options topk_of healthy no_locks
  threads_of memory_of peak_memory_of long_form rounds random_seed percentile load_average kill_backend kill_server
  stop_immediately blocks_of psql_shows printed_as
  prints_what_it_shows);

# Seconds that anything may take before the test gives up on it.
our $patience = 120;

# new_server(NAME, LINE OF postgresql.conf...): a running server with the extension.
sub new_server
{
	my ($name, @lines) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', join("\n",
			'max_connections = 60', 'shared_buffers = 128MB',
			'max_wal_size = 4GB', 'autovacuum = off', @lines) . "\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION recadv');
	return $node;
}

# wait_until(SUB [, SECONDS]): polls until SUB returns true; returns what it returned.
sub wait_until
{
	my ($condition, $seconds) = @_;
	my $end = time + ($seconds // $patience);
	my $result;

	while (!($result = $condition->()))
	{
		return $result if time > $end;
		usleep(20_000);
	}
	return $result;
}

# make_orders(NODE, TABLE, USERS, ITEMS, ROWS PER USER): users of a group buy that group's items.
sub make_orders
{
	my ($node, $table, $users, $items, $each) = @_;

	$node->safe_psql('postgres', qq{
		CREATE TABLE $table AS
		SELECT u AS user_id, (u % 5 + 5 * ((u * 7919 + n * n * 31 + n * 17) % ($items / 5)))::int
		       AS item_id, timestamptz '2024-01-01' + n * interval '1 hour' AS bought_at
		FROM generate_series(1, $users) u, generate_series(1, $each) n;
		ANALYZE $table});
	return;
}

# options(NAME => VALUE...): explicit options, so that no test depends on a default.
sub options
{
	my %option = (
		factors => 16,
		epochs => 5,
		learning_rate => '0.05',
		optimizer => '"adagrad_row"',
		regularization => '0.001',
		adaptive_negatives => 1,
		batch_size => 1,
		holdout => '"none"',
		seed => 1,
		threads => 1,
		keep_versions => 2,
		@_);

	return '{' . join(', ', map { "\"$_\": $option{$_}" } sort keys %option) . '}';
}

# What a model answers, as one short string.
sub topk_of
{
	my ($node, $model) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT md5(string_agg(r::text, ' ' ORDER BY u, r.rank))
		FROM generate_series(1, 20) u, LATERAL recadv_topk(u, 10, '$model') r});
}

# healthy(NODE): no process of the server has crashed.
sub healthy
{
	my ($node) = @_;
	my $log = slurp_file($node->logfile);

	return $log !~ /was terminated by signal|PANIC:|TRAP:|was terminated by exception/;
}

# no_locks(NODE, PID): what an idle backend still holds; '' is right.
sub no_locks
{
	my ($node, $pid) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT string_agg(locktype || ' ' || mode, ', ') FROM pg_locks WHERE pid = $pid}) eq '';
}

sub threads_of
{
	my ($pid) = @_;
	my @tasks = glob "/proc/$pid/task/*";

	return scalar @tasks;
}

# Memory of a process in MB, without what it shares.
sub memory_of
{
	my ($pid) = @_;
	my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;

	return $kilobytes / 1024;
}

# The most memory that a process has had, with what it shares, in MB.
sub peak_memory_of
{
	my ($pid) = @_;
	my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m;

	return $kilobytes / 1024;
}

# --- tests by chance, in a short and a long form ------------------------------------------------

# The long form runs where RECADV_LONG is set.
sub long_form { return $ENV{RECADV_LONG} }

# rounds(SHORT, LONG): how many; RECADV_ROUNDS names another number.
sub rounds
{
	my ($short, $long) = @_;

	return $ENV{RECADV_ROUNDS} // (long_form() ? $long : $short);
}

# Begins the random numbers: with SEED of the environment, so that a failure can be repeated, else
# with a new one.  A test that fails tells it.
my $seed;

sub random_seed
{
	$seed = $ENV{SEED} // (int(time * 1000) ^ $$) & 0xffffff;
	srand($seed);
	note("seed $seed");
	return $seed;
}

END
{
	diag("to repeat it: SEED=$seed") if defined $seed && !Test::More->builder->is_passing;
}

# percentile(SHARE, VALUE...): of 0.95, the value that 95 of 100 do not exceed.
sub percentile
{
	my ($share, @values) = @_;
	my @sorted = sort { $a <=> $b } @values;
	my $at = int($share * @sorted + 0.999999) - 1;

	return $sorted[ $at < 0 ? 0 : $at ];
}

# How busy the machine is, next to its number of processors.
sub load_average
{
	my ($load) = split ' ', slurp_file('/proc/loadavg');
	my $processors = () = slurp_file('/proc/cpuinfo') =~ /^processor/mg;

	return "load $load on $processors processors";
}

# --- servers that die ---------------------------------------------------------------------------

# A backend is killed: the server ends all others and starts anew by itself.
sub kill_backend
{
	my ($node, $session) = @_;

	kill('KILL', $session->{pid});
	wait_until(sub { $session->ended });
	return $node->poll_query_until('postgres', 'SELECT 1', '1');
}

# The server is killed with all that belongs to it, and started again.
sub kill_server
{
	my ($node) = @_;
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @children = split ' ', slurp_file("/proc/$postmaster/task/$postmaster/children");

	$node->kill9;
	# A backend that computes does not notice, one that waits for what a dead one holds never ends,
	# and a server cannot start before they are gone.
	kill('KILL', @children);
	wait_until(sub { !grep { -e "/proc/$_" } @children });
	return $node->start;
}

sub stop_immediately
{
	my ($node) = @_;

	$node->stop('immediate');
	return $node->start;
}

# --- pages ----------------------------------------------------------------------------------------

# blocks_of(TEXT): the blocks of SQL of a page: [ statements, what the fence after them shows or undef ].
sub blocks_of
{
	my ($text) = @_;
	my @blocks;

	push @blocks, [ $1, $2 ] while $text =~ /^```sql\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?/gms;
	return @blocks;
}

# psql_shows(NODE, DATABASE, STATEMENTS): what psql prints, and its messages.
sub psql_shows
{
	my ($node, $database, $statements) = @_;
	my ($out, $err) = ('', '');
	# messages about progress come by the clock
	local $ENV{PGOPTIONS} = '-c recadv.progress=off';

	IPC::Run::run([ $node->installed_command('psql'), '-Xq', '-P', 'footer=off', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) ],
		'<', \$statements, '>', \$out, '2>', \$err);
	$err =~ s/^psql:<stdin>:\d+: //mg;
	return ($out, $err);
}

# printed_as(TEXT): what a document prints, as a pattern: a line of dots stands for any lines, `…` for anything in a
# line; blanks at the ends of lines do not count.
sub printed_as
{
	my ($text) = @_;
	my @lines = grep { /\S/ } map { s/\s+$//r } split(/\n/, $text);

	return join('', map { /^\s*\.\.\.$/ ? '(?:.*\n)*' : join('.*', map { quotemeta } split(/…/, $_, -1)) . '\n' } @lines);
}

# prints_what_it_shows(NAME, BLOCK, PRINTED, OUT, ERR): a point: what came (its messages, if the page shows some) is what the
# page shows; where it shows no error, none came.
sub prints_what_it_shows
{
	my ($name, $block, $printed, $out, $err) = @_;
	my $is_message = defined $printed && $printed =~ /^(?:ERROR|WARNING|NOTICE):/;
	my $got = join('', map { s/\s+$//r . "\n" } grep { /\S/ } split(/\n/, $is_message ? $err : $out));

	unlike($err, qr/^(?:ERROR|FATAL|PANIC):/m, "$name: runs") unless $is_message;
	return 0 unless defined $printed;
	my $want = printed_as($printed);
	ok($got =~ /^$want$/, "$name: prints what the page shows")
	  or diag("$block\nprinted:\n$printed\ncame:\n$got");
	return 1;
}

# --- a psql that runs one statement at a time, and that can be looked at meanwhile ---------------

sub start_session
{
	my ($node, %arg) = @_;
	my $self = bless { node => $node, in => '', out => '', err => '', number => 0 },
	  'RecadvTest';

	$self->{run} = IPC::Run::start(
		[ $node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose', '-d',
			$node->connstr($arg{database} // 'postgres') . ($arg{user} ? " user=$arg{user}" : '') ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err});
	$self->{pid} = $self->query('SELECT pg_backend_pid()')->{out};
	$self->{pid} =~ /^\d+$/ or die "no session: $self->{err}";
	return $self;
}

# Starts a statement; finish() ends it.
sub send
{
	my ($self, $sql) = @_;
	my $number = ++$self->{number};

	($self->{out}, $self->{err}) = ('', '');
	$self->{in} .= "$sql\n;\n\\echo end-$number\n\\warn end-$number\n";
	$self->{began} = time;
	$self->{run}->pump_nb;
	return $self;
}

# Has the statement ended, or the connection?
sub ended
{
	my ($self) = @_;
	my $mark = "end-$self->{number}\n";
	my $alive = eval { $self->{run}->pump_nb; $self->{run}->pumpable };

	return 1 if !$alive;
	return $self->{out} =~ /^\Q$mark\E/m && $self->{err} =~ /^\Q$mark\E/m;
}

# Waits for the end.  Result: out, err (all of it), state (SQLSTATE of the error or ''), seconds
# since send(), timed_out.
sub finish
{
	my ($self, $seconds) = @_;
	my $end = time + ($seconds // $patience);
	my %result = (timed_out => 0);

	while (!$self->ended)
	{
		if (time > $end)
		{
			$result{timed_out} = 1;
			last;
		}
		usleep(2000);
	}
	$result{seconds} = time - $self->{began};
	($result{out} = $self->{out}) =~ s/^end-\d+\n//mg;
	($result{err} = $self->{err}) =~ s/^end-\d+\n//mg;
	chomp $result{out};
	($result{state}) = $result{err} =~ /(?:ERROR|FATAL):  (\w{5}):/;
	$result{state} //= '';
	return \%result;
}

sub query
{
	my ($self, $sql, $seconds) = @_;

	$self->send($sql);
	return $self->finish($seconds);
}

sub quit
{
	my ($self) = @_;

	$self->{in} .= "\\q\n";
	eval { $self->{run}->finish };
	return;
}

# The row of pg_stat_activity; (undef) if the backend is gone.
sub activity
{
	my ($self, $column) = @_;

	return $self->{node}->safe_psql('postgres',
		"SELECT $column FROM pg_stat_activity WHERE pid = $self->{pid}");
}

# Waits until other sessions can read a text that matches in pg_stat_activity.query.
sub wait_progress
{
	my ($self, $pattern) = @_;

	return wait_until(sub { $self->activity('query') =~ $pattern || $self->ended })
	  && !$self->ended;
}

1;
