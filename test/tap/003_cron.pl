# pg_cron runs a job: the new version serves and the run is logged.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my ($directory) = run_command([ 'pg_config', '--pkglibdir' ]);

plan skip_all => 'pg_cron is not installed (Debian: postgresql-15-cron)'
  if !-e "$directory/pg_cron.so";

# What the README shows, with another schedule.
my $line = q{SELECT cron.schedule('nightly', '* * * * *', $$CALL recadv_train_job('shop', 'orders', }
  . q{user_column => 'customer_id', item_column => 'product_id', time_column => 'bought_at', }
  . q{if_busy => 'skip')$$)};

my $node = new_server('cron', "shared_preload_libraries = 'pg_cron'",
	"cron.database_name = 'postgres'", 'cron.use_background_workers = on',
	'max_worker_processes = 16');

$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
make_orders($node, 'orders', 300, 60, 10);
$node->safe_psql('postgres', 'ALTER TABLE orders RENAME user_id TO customer_id');
$node->safe_psql('postgres', 'ALTER TABLE orders RENAME item_id TO product_id');

# Another model, which a session trains when its time comes: for longer than a minute.
make_orders($node, 'purchases', 3000, 600, 20);
my $session = start_session($node);
my $endless = options(epochs => 1000000);

$session->send("CALL recadv_train_job('busy', 'purchases', algorithm => 'bpr', "
	  . "options => '$endless')");
ok($session->wait_progress(qr/stage bpr, epoch/), 'a session trains another model');
$node->safe_psql('postgres', $line);
$node->safe_psql('postgres', $line =~ s/nightly/busy/r =~ s/'shop'/'busy'/r);

# A model that learns what is new, with the line of doc/streaming.md.
make_orders($node, 'views', 300, 60, 10);
$node->safe_psql('postgres', 'ALTER TABLE views RENAME bought_at TO at');
$node->safe_psql('postgres', q{SELECT recadv_train('feed', 'views', time_column => 'at', }
	  . q{algorithm => 'nmrn', options => '{"epochs": 1}')});
$node->safe_psql('postgres', 'INSERT INTO views VALUES (1000, 1, now()), (1, 2, now())');
$node->safe_psql('postgres', q{SELECT cron.schedule('learn', '* * * * *',
	$$SELECT recadv_refresh('feed', if_busy => 'skip')$$)});

# They run at the next full minute; the first run creates the model.
ok($node->poll_query_until('postgres', q{
		SELECT count(*) = 1 FROM recadv_models WHERE name = 'shop' AND version >= 1}),
	'pg_cron trained the model');
ok($node->poll_query_until('postgres', q{
		SELECT count(*) >= 1 FROM recadv_runs('shop') WHERE status = 'succeeded'}),
	'the run is logged');
is($node->safe_psql('postgres', q{
		SELECT status, version, algorithm = recadv_info('shop') ->> 'algorithm', source, users,
		       finished >= started, message <> ''
		FROM recadv_runs('shop') ORDER BY run LIMIT 1}),
	'succeeded|1|t|orders|300|t|t', 'with what was asked, read and reached');
like($node->safe_psql('postgres', q{SELECT recadv_info('shop') #>> '{choice,reason}'}),
	qr/held[- ]out/, 'which the data chose');
is($node->safe_psql('postgres', q{SELECT recadv_info('shop') #>> '{time_column}'}),
	'bought_at', 'with the time column');
is($node->safe_psql('postgres', q{SELECT count(*) FROM recadv_topk(1, 10, 'shop')}),
	'10', 'the model answers');
ok($node->poll_query_until('postgres', q{
		SELECT count(*) >= 1 FROM recadv_runs('busy') WHERE status = 'skipped'}),
	'the run of the model that was busy was skipped');
ok($node->poll_query_until('postgres', q{SELECT recadv_has_user(1000, 'feed')}),
	'pg_cron refreshed a model');
ok($node->poll_query_until('postgres', q{
		SELECT count(DISTINCT jobid) = 3 FROM cron.job_run_details WHERE status = 'succeeded'}),
	'pg_cron saw all succeed');
is($node->safe_psql('postgres', q{
		SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}),
	'0', 'and no failure');
is($node->safe_psql('postgres', q{SELECT cron.unschedule(jobname) FROM cron.job}),
	"t\nt\nt", 'unscheduled');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{pid})");
is($session->finish->{state}, '57014', 'the session was cancelled');

$session->quit;
ok(healthy($node), 'no process has crashed');
$node->stop;
done_testing();
