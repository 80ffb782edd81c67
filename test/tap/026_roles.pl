# Who may do what: every function and view by every role, and an owner of a model who wants to do
# more than that.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RecadvTest;

my $node = new_server('roles', 'max_prepared_transactions = 4');
my $options = '{"factors":4,"epochs":1,"holdout":"none","seed":1,"threads":1,"lateness":1000000000}';

sub sql
{
	my ($statement) = @_;

	return $node->safe_psql('postgres', $statement);
}

sub training
{
	my ($model, $source) = @_;

	return qq{SELECT version FROM recadv_train('$model', '$source', time_column => 'at',
		algorithm => 'nmrn', options => '$options')};
}

sql(q{
	CREATE ROLE owner LOGIN;
	CREATE ROLE reader LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE ROLE mallory LOGIN;
	CREATE ROLE victim LOGIN IN ROLE mallory;
	GRANT CREATE ON SCHEMA public TO owner, mallory;
	GRANT CREATE ON DATABASE postgres TO owner;
	CREATE TABLE clicks (user_id int, item_id int, at timestamptz);
	INSERT INTO clicks SELECT u, 1 + (u * 7 + n * 13) % 40, timestamptz '2024-01-01' + n * interval '1 hour'
	FROM generate_series(1, 50) u, generate_series(1, 8) n;
	CREATE TABLE clicks_too AS TABLE clicks;
	ALTER TABLE clicks OWNER TO owner;
	ALTER TABLE clicks_too OWNER TO owner;
	GRANT SELECT ON clicks TO PUBLIC;
	CREATE TABLE images AS
	SELECT recadv_fit(user_id, item_id, '{"algorithm":"bpr","factors":4,"epochs":1,"threads":1}') AS image
	FROM clicks;
	GRANT SELECT ON images TO PUBLIC});

# --- every function and view, and who may call it with a model of somebody else's ------------------

# By the types of the arguments that must be given.  Who may at least: 0 anybody, 1 who may SELECT from the model, 2 its owner.  A third element is the
# error that those get who may.  %m is the model, %i an image.
my %calls = (
	'recadv_train(text,text)' => [ 2, training('%m', 'clicks') ],
	'recadv_train_job(text,text)' => [ 2,
		qq{CALL recadv_train_job('%m', 'clicks', time_column => 'at', algorithm => 'nmrn',
			options => '$options')} ],
	'recadv_tune(text,text)' => [ 2,
		q{SELECT recadv_tune('%m', 'clicks', time_column => 'at', algorithms => '{nmrn}', trials => 1,
			space => '{"factors": 4, "epochs": 1}', options => '{"threads": 1, "promote": "always"}')} ],
	'recadv_tune_job(text,text)' => [ 2,
		q{CALL recadv_tune_job('%m', 'clicks', time_column => 'at', algorithms => '{nmrn}', trials => 1,
			space => '{"factors": 4, "epochs": 1}', options => '{"threads": 1, "promote": "always"}')} ],
	'recadv_train_policy(text,text)' => [ 2,
		q{SELECT recadv_train_policy('%m', '(SELECT user_id AS session_id, 1 AS step,
			array_agg(DISTINCT item_id) AS shown, array_agg(DISTINCT item_id) AS clicked FROM clicks GROUP BY 1)', algorithm => 'sl', options => '{"threads": 1, "promote": "always"}')} ],
	'recadv_train_policy_job(text,text)' => [ 2,
		q{CALL recadv_train_policy_job('%m', '(SELECT user_id AS session_id, 1 AS step,
			array_agg(DISTINCT item_id) AS shown, array_agg(DISTINCT item_id) AS clicked FROM clicks GROUP BY 1)', algorithm => 'sl', options => '{"threads": 1, "promote": "always"}')} ],
	'recadv_estimate_memory(bigint,bigint,bigint)' =>
	  [ 0, 'SELECT recadv_estimate_memory(10, 10, 10)' ],
	'recadv_rollback(text)' => [ 2, q{SELECT recadv_rollback('%m', 1)} ],
	'recadv_forget(text,bigint)' => [ 2, q{SELECT recadv_forget('%m', 3)} ],
	'recadv_forget(text,text)' => [ 2, q{SELECT recadv_forget('%m', '3'::text)} ],
	'recadv_save(text,bytea)' => [ 2, q{SELECT recadv_save('%m', %i)} ],
	'recadv_options()' => [ 0, 'SELECT recadv_options()' ],
	'recadv_refresh()' => [ 2, q{SELECT recadv_refresh('%m')} ],
	'recadv_observe(text,bigint,bigint)' => [ 2, q{SELECT recadv_observe('%m', 1, 2)} ],
	'recadv_observe(text,bigint,bigint,anyelement)' =>
	  [ 2, q{SELECT recadv_observe('%m', 1, 2, now())} ],
	'recadv_observe(text,text,text)' =>
	  [ 2, q{SELECT recadv_observe('%m', '1'::text, '99'::text)} ],
	'recadv_observe(text,text,text,anyelement)' =>
	  [ 2, q{SELECT recadv_observe('%m', '1'::text, '99'::text, now())} ],
	'recadv_observe_trigger()' => [ 0, 'SELECT recadv_observe_trigger()', '39P01' ],
	'recadv_attach(text)' =>
	  [ 2, q{SELECT recadv_attach('%m', 'clicks')} ],
	'recadv_detach(text)' => [ 2, q{SELECT recadv_detach('%m', 'clicks_too')} ],
	'recadv_publish(text)' => [ 2, q{SELECT recadv_publish('%m')} ],
	# none of them may create a subscription
	'recadv_subscribe(text,text)' => [ 2, q{SELECT recadv_subscribe('%m', 'dbname=elsewhere')}, '42501' ],
	'recadv_evaluate_stream(text)' => [ 0,
		q{SELECT recadv_evaluate_stream('clicks', time_column => 'at',
			options => '{"factors":4,"epochs":1,"threads":1}')} ],
	'recadv_memory()' => [ 1, q{SELECT recadv_memory('%m')} ],
	'recadv_topk(bigint)' =>
	  [ 1, q{SELECT recadv_topk(1, 5, '%m')} ],
	'recadv_topk(text)' =>
	  [ 1, q{SELECT recadv_topk('1'::text, 5, '%m')} ],
	'recadv_topk_for(bigint[])' =>
	  [ 1, q{SELECT recadv_topk_for('{1,2}'::bigint[], 5, '%m')} ],
	'recadv_topk_for(text[])' =>
	  [ 1, q{SELECT recadv_topk_for('{1,2}'::text[], 5, '%m')} ],
	'recadv_slate(bigint[])' =>
	  [ 1, q{SELECT recadv_slate('{1,2}'::bigint[], 5, '%m')} ],
	'recadv_slate(text[])' =>
	  [ 1, q{SELECT recadv_slate('{1,2}'::text[], 5, '%m')} ],
	'recadv_simulate(text)' => [ 1, q{SELECT recadv_simulate('%m')}, '42809' ],
	'recadv_simulate(text,text,text[])' =>
	  [ 1, q{SELECT recadv_simulate('%m', '%m', NULL::text[])}, '42809' ],
	'recadv_play_clicks()' => [ 1, q{SELECT recadv_play_clicks('success', '%m', 2)} ],
	'recadv_play_acts()' => [ 1, q{SELECT recadv_play_acts('market', '%m', 2)}, '42809' ],
	'recadv_act(text,text,double precision[])' => [ 1, q{SELECT recadv_act('%m', 'main', '{1}')}, '0A000' ],
	'recadv_act(text,bigint,double precision[])' => [ 1, q{SELECT recadv_act('%m', 1, '{1}')}, '0A000' ],
	'recadv_evaluate_policy(text,text)' =>
	  [ 1, q{SELECT recadv_evaluate_policy('%m', '(SELECT user_id AS session_id, at AS step,
			ARRAY[item_id] AS shown, ARRAY[item_id] AS clicked, ARRAY[0.5] AS propensity FROM clicks)')} ],
	'recadv_similar_items(bigint)' =>
	  [ 1, q{SELECT recadv_similar_items(1, 5, '%m')} ],
	'recadv_similar_items(text)' =>
	  [ 1, q{SELECT recadv_similar_items('1'::text, 5, '%m')} ],
	'recadv_similar_users(bigint)' =>
	  [ 1, q{SELECT recadv_similar_users(1, 5, '%m')} ],
	'recadv_similar_users(text)' =>
	  [ 1, q{SELECT recadv_similar_users('1'::text, 5, '%m')} ],
	'recadv_explain(bigint,bigint)' =>
	  [ 1, q{SELECT recadv_explain(1, 2, 5, '%m')} ],
	'recadv_explain(text,text)' =>
	  [ 1, q{SELECT recadv_explain('1'::text, '2'::text, 5, '%m')} ],
	'recadv_embeddings(text,text)' => [ 1, q{SELECT recadv_embeddings('%m', 'item')} ],
	'recadv_embeddings(text,text,anyarray)' =>
	  [ 1, q{SELECT recadv_embeddings('%m', 'user', '{1,2}'::bigint[])} ],
	'recadv_topk_all()' =>
	  [ 1, q{SELECT recadv_topk_all('%m', 5)} ],
	'recadv_topk_all(text,integer,text[])' =>
	  [ 1, q{SELECT recadv_topk_all('%m', 5, '{1,2}'::text[])} ],
	'recadv_score(bigint,bigint)' => [ 1, q{SELECT recadv_score(1, 2, '%m')} ],
	'recadv_score(text,text)' => [ 1, q{SELECT recadv_score('1'::text, '2'::text, '%m')} ],
	'recadv_has_user(bigint)' => [ 1, q{SELECT recadv_has_user(1, '%m')} ],
	'recadv_has_user(text)' => [ 1, q{SELECT recadv_has_user('1'::text, '%m')} ],
	'recadv_cache_entries()' => [ 0, 'SELECT recadv_cache_entries()' ],
	'recadv_image_topk(bytea,bigint)' =>
	  [ 0, 'SELECT recadv_image_topk(%i, 1, 5)' ],
	'recadv_image_topk(bytea,text)' =>
	  [ 0, q{SELECT recadv_image_topk(%i, '1'::text, 5)} ],
	'recadv_image_topk_for(bytea,bigint[])' =>
	  [ 0, q{SELECT recadv_image_topk_for(%i, '{1,2}'::bigint[], 5)} ],
	'recadv_image_topk_for(bytea,text[])' =>
	  [ 0, q{SELECT recadv_image_topk_for(%i, '{1,2}'::text[], 5)} ],
	'recadv_image_similar_items(bytea,bigint)' =>
	  [ 0, 'SELECT recadv_image_similar_items(%i, 1, 5)' ],
	'recadv_image_similar_items(bytea,text)' =>
	  [ 0, q{SELECT recadv_image_similar_items(%i, '1'::text, 5)} ],
	'recadv_image_score(bytea,bigint,bigint)' => [ 0, 'SELECT recadv_image_score(%i, 1, 2)' ],
	'recadv_image_score(bytea,text,text)' => [ 0, q{SELECT recadv_image_score(%i, '1'::text, '2'::text)} ],
	'recadv_topk(uuid)' =>
	  [ 1, q{SELECT recadv_topk('00000000-0000-4000-8000-000000000001'::uuid, 5, '%m')}, '42804' ],
	'recadv_topk_for(uuid[])' =>
	  [ 1, q{SELECT recadv_topk_for(ARRAY['00000000-0000-4000-8000-000000000001'::uuid], 5, '%m')}, '42804' ],
	'recadv_similar_items(uuid)' =>
	  [ 1, q{SELECT recadv_similar_items('00000000-0000-4000-8000-000000000001'::uuid, 5, '%m')} ],
	'recadv_similar_users(uuid)' =>
	  [ 1, q{SELECT recadv_similar_users('00000000-0000-4000-8000-000000000001'::uuid, 5, '%m')} ],
	'recadv_explain(uuid,uuid)' =>
	  [ 1, q{SELECT recadv_explain('00000000-0000-4000-8000-000000000001'::uuid, '00000000-0000-4000-8000-000000000001'::uuid, 5, '%m')} ],
	'recadv_topk_all(text,integer,uuid[])' =>
	  [ 1, q{SELECT recadv_topk_all('%m', 5, ARRAY['00000000-0000-4000-8000-000000000001'::uuid])}, '42804' ],
	'recadv_score(uuid,uuid)' =>
	  [ 1, q{SELECT recadv_score('00000000-0000-4000-8000-000000000001'::uuid, '00000000-0000-4000-8000-000000000001'::uuid, '%m')} ],
	'recadv_has_user(uuid)' =>
	  [ 1, q{SELECT recadv_has_user('00000000-0000-4000-8000-000000000001'::uuid, '%m')} ],
	'recadv_observe(text,uuid,uuid)' =>
	  [ 2, q{SELECT recadv_observe('%m', '00000000-0000-4000-8000-000000000001'::uuid, '00000000-0000-4000-8000-000000000001'::uuid)}, '42804' ],
	'recadv_observe(text,uuid,uuid,anyelement)' =>
	  [ 2, q{SELECT recadv_observe('%m', '00000000-0000-4000-8000-000000000001'::uuid, '00000000-0000-4000-8000-000000000001'::uuid, now())}, '42804' ],
	'recadv_forget(text,uuid)' =>
	  [ 2, q{SELECT recadv_forget('%m', '00000000-0000-4000-8000-000000000001'::uuid)} ],
	'recadv_image_topk(bytea,uuid)' =>
	  [ 0, q{SELECT recadv_image_topk(%i, '00000000-0000-4000-8000-000000000001'::uuid, 5)}, '42804' ],
	'recadv_image_topk_for(bytea,uuid[])' =>
	  [ 0, q{SELECT recadv_image_topk_for(%i, ARRAY['00000000-0000-4000-8000-000000000001'::uuid], 5)}, '42804' ],
	'recadv_image_similar_items(bytea,uuid)' =>
	  [ 0, q{SELECT recadv_image_similar_items(%i, '00000000-0000-4000-8000-000000000001'::uuid, 5)} ],
	'recadv_image_score(bytea,uuid,uuid)' =>
	  [ 0, q{SELECT recadv_image_score(%i, '00000000-0000-4000-8000-000000000001'::uuid, '00000000-0000-4000-8000-000000000001'::uuid)} ],
	'recadv_topk(recadv_numeric)' =>
	  [ 1, q{SELECT recadv_topk(1::numeric, 5, '%m')} ],
	'recadv_topk_for(recadv_numeric[])' =>
	  [ 1, q{SELECT recadv_topk_for(ARRAY[1::numeric,2], 5, '%m')} ],
	'recadv_similar_items(recadv_numeric)' =>
	  [ 1, q{SELECT recadv_similar_items(1::numeric, 5, '%m')} ],
	'recadv_similar_users(recadv_numeric)' =>
	  [ 1, q{SELECT recadv_similar_users(1::numeric, 5, '%m')} ],
	'recadv_explain(recadv_numeric,recadv_numeric)' =>
	  [ 1, q{SELECT recadv_explain(1::numeric, 1::numeric, 5, '%m')} ],
	'recadv_topk_all(text,integer,recadv_numeric[])' =>
	  [ 1, q{SELECT recadv_topk_all('%m', 5, ARRAY[1::numeric,2])} ],
	'recadv_score(recadv_numeric,recadv_numeric)' =>
	  [ 1, q{SELECT recadv_score(1::numeric, 1::numeric, '%m')} ],
	'recadv_has_user(recadv_numeric)' =>
	  [ 1, q{SELECT recadv_has_user(1::numeric, '%m')} ],
	'recadv_observe(text,recadv_numeric,recadv_numeric)' =>
	  [ 2, q{SELECT recadv_observe('%m', 1::numeric, 1::numeric)} ],
	'recadv_observe(text,recadv_numeric,recadv_numeric,anyelement)' =>
	  [ 2, q{SELECT recadv_observe('%m', 1::numeric, 1::numeric, now())} ],
	'recadv_forget(text,recadv_numeric)' =>
	  [ 2, q{SELECT recadv_forget('%m', 1::numeric)} ],
	'recadv_image_topk(bytea,recadv_numeric)' =>
	  [ 0, q{SELECT recadv_image_topk(%i, 1::numeric, 5)} ],
	'recadv_image_topk_for(bytea,recadv_numeric[])' =>
	  [ 0, q{SELECT recadv_image_topk_for(%i, ARRAY[1::numeric,2], 5)} ],
	'recadv_image_similar_items(bytea,recadv_numeric)' =>
	  [ 0, q{SELECT recadv_image_similar_items(%i, 1::numeric, 5)} ],
	'recadv_image_score(bytea,recadv_numeric,recadv_numeric)' =>
	  [ 0, q{SELECT recadv_image_score(%i, 1::numeric, 1::numeric)} ],
	'recadv_topk_for(text)' =>
	  [ 1, q{SELECT recadv_topk_for('{1,2}', 5, '%m')} ],
	'recadv_topk_all(text,integer,text)' =>
	  [ 1, q{SELECT recadv_topk_all('%m', 5, '{1,2}')} ],
	'recadv_image_topk_for(bytea,text)' =>
	  [ 0, q{SELECT recadv_image_topk_for(%i, '{1,2}', 5)} ],
	'recadv_embeddings(text,text,text)' =>
	  [ 1, q{SELECT recadv_embeddings('%m', 'user', '{1,2}')} ],
	'recadv_row_estimate(internal)' =>
	  [ 0, q{SELECT recadv_row_estimate(NULL)}, '42883' ],
	'recadv_to_uuid(text)' =>
	  [ 0, q{SELECT recadv_to_uuid('00000000-0000-4000-8000-000000000001')} ],
	'recadv_numeric_texts(numeric[])' =>
	  [ 0, q{SELECT recadv_numeric_texts(ARRAY[1.50, NULL, 2])} ],
	'recadv_to_numeric(text)' =>
	  [ 0, q{SELECT recadv_to_numeric('1')} ],
	'recadv_numeric_in(cstring,oid,integer)' =>
	  [ 0, q{SELECT recadv_numeric_in('1', 0, -1)} ],
	'recadv_numeric_out(recadv_numeric)' =>
	  [ 0, q{SELECT recadv_numeric_out(1::numeric)} ],
	'recadv_evaluate(text,text)' =>
	  [ 1, q{SELECT recadv_evaluate('%m', '(SELECT user_id, item_id + 1 AS item_id FROM clicks)')} ],
	'recadv_robustness(text)' =>
	  [ 1, q{SELECT recadv_robustness('%m')}, '0A000' ],
	'recadv_document(text,text)' => [ 1, q{SELECT recadv_document('%m', 'header')} ],
	'recadv_info()' => [ 1, q{SELECT recadv_info('%m')} ],
	'recadv_history()' => [ 1, q{SELECT recadv_history('%m')} ],
	'recadv_run_numbers(text)' => [ 1, q{SELECT recadv_run_numbers('%m')} ],
	'recadv_runs()' => [ 1, q{SELECT recadv_runs('%m')} ],
	'recadv_run_documents(oid)' => [ 0, q{SELECT recadv_run_documents('%m'::regclass)} ],
	'recadv_running()' => [ 0, 'SELECT recadv_running()' ],
	'recadv_model_status(oid)' => [ 0, q{SELECT recadv_model_status('%m'::regclass)} ],
	'recadv_fit_accum(internal,"any","any")' => [ 0, 'SELECT recadv_fit_accum(NULL, 1, 2)', '42883' ],
	'recadv_fit_accum_options(internal,"any","any",jsonb)' =>
	  [ 0, q{SELECT recadv_fit_accum_options(NULL, 1, 2, '{}')}, '42883' ],
	'recadv_fit_accum_time(internal,"any","any","any",jsonb)' =>
	  [ 0, q{SELECT recadv_fit_accum_time(NULL, 1, 2, now(), '{}')}, '42883' ],
	'recadv_fit_accum_weight(internal,"any","any","any","any",jsonb)' =>
	  [ 0, q{SELECT recadv_fit_accum_weight(NULL, 1, 2, now(), 1, '{}')}, '42883' ],
	'recadv_fit_combine(internal,internal)' => [ 0, 'SELECT recadv_fit_combine(NULL, NULL)', '42883' ],
	'recadv_fit_serialize(internal)' => [ 0, 'SELECT recadv_fit_serialize(NULL)', '42883' ],
	'recadv_fit_deserialize(bytea,internal)' =>
	  [ 0, q{SELECT recadv_fit_deserialize('\x00', NULL) IS NULL}, '42883' ],
	'recadv_fit_final(internal)' => [ 0, 'SELECT recadv_fit_final(NULL)', '42883' ],
	'recadv_fit("any","any")' => [ 0, 'SELECT recadv_fit(1, 2)' ],
	'recadv_fit("any","any",jsonb)' => [ 0, q{SELECT recadv_fit(1, 2, '{}')} ],
	'recadv_fit("any","any","any",jsonb)' => [ 0, q{SELECT recadv_fit(1, 2, now(), '{}')} ],
	'recadv_fit("any","any","any","any",jsonb)' => [ 0, q{SELECT recadv_fit(1, 2, now(), 3, '{}')} ],
	'recadv_model_table()' => [ 1, q{SELECT recadv_model_table('%m')} ],
	'recadv_previous_version()' => [ 1, q{SELECT recadv_previous_version('%m')} ],
	'recadv_lists()' => [ 1, q{SELECT recadv_lists('%m', 5)} ],
	'recadv_popularity()' => [ 1, q{SELECT recadv_popularity('%m')} ],
	'recadv_slate(uuid[])' =>
	  [ 1, q{SELECT recadv_slate(ARRAY['00000000-0000-4000-8000-000000000001'::uuid], 5, '%m')}, '42804' ],
	'recadv_seen(uuid)' => [ 1, q{SELECT recadv_seen('00000000-0000-4000-8000-000000000001'::uuid, '%m')} ],
	'recadv_slate(recadv_numeric[])' =>
	  [ 1, q{SELECT recadv_slate(ARRAY[1::numeric,2], 5, '%m')} ],
	'recadv_seen(recadv_numeric)' => [ 1, q{SELECT recadv_seen(1::numeric, '%m')} ],
	'recadv_slate(text)' => [ 1, q{SELECT recadv_slate('{1,2}', 5, '%m')} ],
	'recadv_seen(bigint)' => [ 1, q{SELECT recadv_seen(1, '%m')} ],
	'recadv_seen(text)' => [ 1, q{SELECT recadv_seen('1'::text, '%m')} ],
	'recadv_components(real[])' => [ 0, q{SELECT recadv_components('{{1,2},{3,4}}')} ],
	'recadv_item_exposure()' => [ 1, q{SELECT recadv_item_exposure('%m', 5)} ],
	'recadv_exposure()' => [ 1, q{SELECT recadv_exposure('%m', 5)} ],
	'recadv_coverage()' => [ 1, q{SELECT recadv_coverage('%m', 5)} ],
	'recadv_overlap()' => [ 1, q{SELECT recadv_overlap('%m', k => 5)} ],
	'recadv_metrics()' => [ 1, q{SELECT recadv_metrics('%m')} ],
	'recadv_escape(text)' => [ 0, q{SELECT recadv_escape('<')} ],
	'recadv_chart(text,double precision[],double precision[])' => [ 0, q{SELECT recadv_chart('line', '{1,2}', '{1,2}')} ],
	'recadv_chart_ticks(double precision,double precision)' => [ 0, 'SELECT recadv_chart_ticks(1, 2)' ],
	'recadv_chart_labels(double precision[])' => [ 0, q{SELECT recadv_chart_labels('{1,2}')} ],
	'recadv_chart_times(double precision,double precision)' => [ 0, 'SELECT recadv_chart_times(1, 2)' ],
	'recadv_chart_style()' => [ 0, 'SELECT recadv_chart_style()' ],
	'recadv_chart_legend(text[],integer)' => [ 0, q{SELECT recadv_chart_legend('{a}', 300)} ],
	'recadv_page_number(double precision)' => [ 0, 'SELECT recadv_page_number(1)' ],
	'recadv_page_section(text,text,text)' => [ 0, q{SELECT recadv_page_section('a', 'b', 'c')} ],
	'recadv_page_table(text[],text)' => [ 0, q{SELECT recadv_page_table('{a}', '')} ],
	'recadv_page_row(text[])' => [ 0, q{SELECT recadv_page_row('a')} ],
	'recadv_titles(regclass,name,name[],text[])' => [ 0, q{SELECT recadv_titles('clicks', 'item_id', '{at}', '{1}')} ],
	'recadv_page_training(regclass)' => [ 1, q{SELECT recadv_page_training('%m')} ],
	'recadv_page_learning(regclass)' => [ 1, q{SELECT recadv_page_learning('%m')} ],
	'recadv_page_quality(regclass)' => [ 1, q{SELECT recadv_page_quality('%m')} ],
	'recadv_page_stream(regclass)' => [ 1, q{SELECT recadv_page_stream('%m')} ],
	'recadv_page_robustness(regclass)' => [ 1, q{SELECT recadv_page_robustness('%m')} ],
	'recadv_page_exposure(regclass,integer,integer)' => [ 1, q{SELECT recadv_page_exposure('%m', 5, 10)} ],
	'recadv_page_overlap(regclass,integer,integer)' => [ 1, q{SELECT recadv_page_overlap('%m', 5, 10)} ],
	'recadv_page_map(regclass,regclass,name,name,name)' => [ 1, q{SELECT recadv_page_map('%m', 'clicks', 'item_id', 'at', NULL)} ],
	'recadv_page_reasons(regclass,text[],text[])' => [ 1, q{SELECT recadv_page_reasons('%m', '{1}', '{2}')} ],
	'recadv_page_users(regclass,regclass,name,name,integer)' => [ 1, q{SELECT recadv_page_users('%m', 'clicks', 'item_id', 'at', 5)} ],
	'recadv_page(regclass,regclass,name,name,name,integer,integer)' =>
	  [ 1, q{SELECT recadv_page('%m', 'clicks', 'at', 'item_id', NULL, 5, 10)} ],
	'recadv_report()' => [ 1, q{SELECT recadv_report('%m', 'clicks', 'at', 'item_id')} ],
	'recadv_all_metrics' => [ 0, 'SELECT * FROM recadv_all_metrics' ],
	'recadv_models' => [ 0, 'SELECT * FROM recadv_models' ],
	'recadv_cache' => [ 0, 'SELECT * FROM recadv_cache' ],
	'recadv_all_runs' => [ 0, 'SELECT * FROM recadv_all_runs' ],
	'recadv_progress' => [ 0, 'SELECT * FROM recadv_progress' ]);

my $members = sql(q{
	SELECT format('%s(%s)', proname, (
		SELECT string_agg(format_type(type, NULL), ',' ORDER BY n)
		FROM unnest(proargtypes::oid[]) WITH ORDINALITY u(type, n)
		WHERE n <= pronargs - pronargdefaults))
	FROM pg_depend JOIN pg_proc p ON p.oid = objid
	WHERE classid = 'pg_proc'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'recadv')
	UNION ALL
	SELECT objid::regclass::text FROM pg_depend
	JOIN pg_class c ON c.oid = objid AND relkind <> 'c'
	WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'recadv')});
is(join("\n", sort keys %calls), join("\n", sort split /\n/, $members),
	'it is said of every function and view of the extension who may call it');

sub call_on
{
	my ($member, $model) = @_;
	my $statement = $calls{$member}[1];

	$statement =~ s/%m/$model/g;
	$statement =~ s/%i/(SELECT image FROM images)/g;
	return $statement;
}

# A CALL commits, so it is no part of a transaction that is rolled back.
sub try_call
{
	my ($session, $member, $model) = @_;
	my $statement = call_on($member, $model);

	return $session->query($statement) if $statement =~ /^CALL/;
	my $result = $session->query("BEGIN; $statement");
	$session->query('ROLLBACK');
	return $result;
}

my %roles = (stranger => 0, reader => 1, owner => 2);
my $owner = start_session($node, user => 'owner');
is($owner->query(training('m', 'clicks'))->{out}, 1, 'a model of the owner');
$owner->query(q{GRANT SELECT ON m TO reader; SELECT recadv_attach('m', 'clicks_too')});
my $rows = sql(q{SELECT md5(string_agg(m::text, ' ' ORDER BY version, part, block)) FROM m});

foreach my $role (sort { $roles{$a} <=> $roles{$b} } keys %roles)
{
	my $session = start_session($node, user => $role);

	if ($role eq 'owner')
	{
		is(sql(q{SELECT md5(string_agg(m::text, ' ' ORDER BY version, part, block)) FROM m}), $rows,
			'the others have changed nothing');
	}
	foreach my $member (sort keys %calls)
	{
		my $result = try_call($session, $member, 'm');
		my $wanted = $roles{$role} >= $calls{$member}[0] ? $calls{$member}[2] // '' : '42501';

		is($result->{state}, $wanted, "$role: $member") or diag($result->{err});
	}
	is($session->query(q{SELECT count(*) FROM recadv_models})->{out}, $roles{$role} > 0 ? 1 : 0,
		"$role: recadv_models lists what the role may read");
	is($session->query(q{SELECT count(DISTINCT model) FROM recadv_all_runs})->{out}, $roles{$role} > 0 ? 1 : 0,
		"$role: so does recadv_all_runs");
	is($session->query(q{SELECT count(*) FROM recadv_cache WHERE model = 'm'::regclass})->{out} > 0,
		$roles{$role} > 0, "$role: so does recadv_cache");
	$session->quit;
}
is(sql(q{SELECT status, version FROM recadv_model_status('m'::regclass)}), 'ok|4',
	'the status of a model');
my $stranger = start_session($node, user => 'stranger');
is($stranger->query(q{SELECT status, version IS NULL, users IS NULL, bytes IS NULL
		FROM recadv_model_status('m'::regclass)})->{out},
	'permission denied for table m|t|t|t', 'of which a stranger learns nothing');
like($stranger->query(q{SELECT count(*) FROM recadv_run_documents('m'::regclass)})->{err},
	qr/permission denied for table m/, 'nor of its runs');
is($stranger->query(q{SELECT count(*) FROM recadv_run_documents('m'::regclass)})->{out}, 0, 'of which none come');
$stranger->quit;
$owner->quit;

# --- an owner who wants more -----------------------------------------------------------------------

# What mallory has others run tries to get more rights, changes settings, and rings under the name of
# the role with whose rights it runs: a sequence, which no rollback sets back.
my $super = sql('SELECT current_user');
my @others = ($super, 'victim', 'reader');
sql("CREATE SEQUENCE ran_$_; GRANT USAGE ON SEQUENCE ran_$_ TO PUBLIC") foreach (@others, 'mallory');
my $bells = q{
	CREATE FUNCTION ring() RETURNS boolean LANGUAGE plpgsql AS $$
	DECLARE
		attempt text;
	BEGIN
		FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT',
			'SET search_path = hers, public', 'SET recadv.model = ''evil''',
			'SET recadv.trust_model_owners = on', 'ALTER ROLE mallory SUPERUSER'] LOOP
			BEGIN
				EXECUTE attempt;
			EXCEPTION WHEN OTHERS THEN
				NULL;
			END;
		END LOOP;
		PERFORM nextval(pg_catalog.concat('public.ran_', current_user)::regclass);
		RETURN true;
	END $$;
	CREATE FUNCTION ring(bytea) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM public.ring();
		RETURN 1;
	END $$;
	CREATE FUNCTION ring_bytes() RETURNS bytea LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM public.ring();
		RETURN '';
	END $$;
	CREATE FUNCTION ring_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM public.ring();
		RETURN NEW;
	END $$};

# A clean slate: mallory has `evil`, a model of a table of hers, which all may read and observe.
sub mallory_begins
{
	my ($name) = @_;
	my $mallory;

	sql(q{DROP TRIGGER IF EXISTS recadv_observe_evil ON clicks; DROP OWNED BY mallory CASCADE;
		GRANT CREATE ON SCHEMA public TO mallory; CREATE SCHEMA hers AUTHORIZATION mallory});
	sql(join('; ', map { "ALTER SEQUENCE ran_$_ RESTART" } @others, 'mallory'));
	$mallory = start_session($node, user => 'mallory');
	is($mallory->query($bells . '; CREATE TABLE bait AS TABLE clicks; ' . training('evil', 'bait')
			  . '; GRANT SELECT, INSERT ON evil TO PUBLIC; GRANT ALL ON bait TO PUBLIC')->{state}, '',
		"$name: mallory has a model");
	return $mallory;
}

sub bells
{
	return join(' UNION ALL ', map { "SELECT '$_' FROM ran_$_ WHERE is_called" } @_);
}

sub rung
{
	return sql(bells(@_));
}

sub nothing_gained
{
	my ($name) = @_;

	is(sql(q{SELECT rolname FROM pg_roles WHERE rolname = 'mallory' AND rolsuper UNION ALL } . bells(@others)),
		'', "$name: nothing has run with the rights of another, and mallory is no superuser");
	return;
}

my $settings = q{SELECT concat_ws(' ', current_setting('search_path'), current_user, session_user,
	current_setting('recadv.model', true), current_setting('recadv.trust_model_owners', true))};

# Beside the calls above: what reads the source that a model names, and a job for all models.
my @more_calls = (
	q{SELECT recadv_topk(1, 5, 'evil', seen => 'live')},
	q{SELECT recadv_topk('1'::text, 5, 'evil', seen => 'live')},
	q{SELECT recadv_topk_all('evil', 5, seen => 'live')},
	q{SELECT recadv_explain(1, 2, 5, 'evil', seen => 'live')},
	q{SELECT recadv_refresh(model) FROM recadv_models},
	q{SELECT recadv_attach('evil')},
	q{SELECT recadv_detach('evil')},
	q{INSERT INTO public.bait VALUES (1, 2, now())});

# What takes from the model its source or its algorithm comes last.
sub calls_on_evil
{
	my @last = grep { /_train|_save/ } sort keys %calls;
	my @others = grep { !/_train|_save/ } sort keys %calls;
	my @statements = (@more_calls, map { call_on($_, 'evil') } @others, @last);

	s/^(?!CALL)(.*(?:_save|_train).*)$/BEGIN; $1; ROLLBACK/s foreach (@statements);
	s/(?<![.\w])(recadv_\w+\(|recadv_models|recadv_cache\b|recadv_all_runs|recadv_all_metrics|recadv_progress)/public.$1/g foreach (@statements);
	return @statements;
}

sub all_calls_by
{
	my ($name, $role, $path) = @_;
	my $session = start_session($node, $role eq $super ? () : (user => $role));
	my ($before, $changed);

	$session->query("SET lock_timeout = '2s'; SELECT recadv_options(); SET search_path = $path");
	$before = $session->query($settings)->{out};
	foreach my $statement (calls_on_evil())
	{
		my $out = $session->query("$statement; $settings")->{out};

		$changed //= $statement if $out !~ /^\Q$before\E\z/m;
	}
	is($changed, undef, "$name: $role: no call has changed settings");
	$session->quit;
	return;
}

# Name, what mallory does, what rings when she does it herself, search_path of the others.
my $as_view = q{ALTER TABLE bait RENAME TO rows; CREATE VIEW bait AS SELECT %s, item_id, at FROM rows %s;
	GRANT ALL ON bait, rows TO PUBLIC};
my $row = q{INSERT INTO evil VALUES (0, 'x', 0, '')};
my @attacks = (
	[ 'a trigger', 'CREATE TRIGGER t BEFORE INSERT ON evil FOR EACH ROW EXECUTE FUNCTION ring_trigger()',
		$row ],
	[ 'an index', 'CREATE INDEX i ON evil (ring(data))', $row ],
	[ 'a forced policy', q{CREATE POLICY p ON evil USING (ring()) WITH CHECK (ring());
			ALTER TABLE evil ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY},
		'SELECT count(*) FROM evil' ],
	[ 'a child table', q{CREATE TABLE kid () INHERITS (evil);
			CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON kid FOR EACH ROW
				EXECUTE FUNCTION ring_trigger();
			INSERT INTO kid TABLE evil}, 'DELETE FROM evil WHERE version = 1' ],
	[ 'a source with a function', sprintf($as_view, 'user_id', 'WHERE ring()'),
		'SELECT count(*) FROM bait' ],
	[ 'a cast of the ids', q{CREATE TYPE kind AS ENUM ('1', '2', '3');
			CREATE FUNCTION kind_text(kind) RETURNS text LANGUAGE plpgsql AS $$
			BEGIN
				PERFORM public.ring();
				PERFORM public.recadv_observe('other', 1::bigint, 2::bigint, now()::text);
				RETURN enum_out($1);
			END $$;
			UPDATE bait SET item_id = item_id + user_id % 3 * 40;
			ALTER TABLE bait ALTER user_id TYPE kind USING (1 + user_id % 3)::text::kind;
			CREATE CAST (kind AS text) WITH FUNCTION kind_text(kind);} . training('other', 'clicks') . ';'
		  . training('evil', 'bait'), q{SELECT '1'::kind::text} ],
	[ 'a default', 'ALTER TABLE evil ALTER data SET DEFAULT ring_bytes()',
		q{INSERT INTO evil (version, part, block) VALUES (0, 'x', 0)} ],
	[ 'a generated column', q{ALTER TABLE evil NOT OF;
			ALTER TABLE evil ADD more int GENERATED ALWAYS AS (ring(data)) STORED}, $row ],
	[ 'a view under the name', q{ALTER TABLE evil RENAME TO was;
			CREATE VIEW evil AS SELECT version, part, block, data FROM was WHERE ring();
			CREATE TRIGGER t INSTEAD OF INSERT ON evil FOR EACH ROW EXECUTE FUNCTION ring_trigger();
			GRANT ALL ON evil TO PUBLIC}, 'SELECT count(*) FROM evil' ],
	[ 'a partitioned table under the name', q{ALTER TABLE evil RENAME TO was;
			CREATE TABLE evil OF recadv_model (PRIMARY KEY (version, part, block))
				PARTITION BY LIST (version);
			CREATE TABLE kid PARTITION OF evil DEFAULT;
			CREATE TRIGGER t BEFORE INSERT ON kid FOR EACH ROW EXECUTE FUNCTION ring_trigger();
			GRANT ALL ON evil TO PUBLIC}, $row ],
	[ 'operators and functions in search_path', q{
			CREATE FUNCTION hers.eq(int, int) RETURNS boolean LANGUAGE plpgsql AS
				'BEGIN RETURN public.ring(); END';
			CREATE FUNCTION hers.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS
				'BEGIN RETURN public.ring(); END';
			CREATE OPERATOR hers.= (leftarg = int, rightarg = int, function = hers.eq);
			CREATE OPERATOR hers.<> (leftarg = int, rightarg = int, function = hers.eq);
			CREATE OPERATOR hers.> (leftarg = int, rightarg = int, function = hers.eq);
			CREATE OPERATOR hers.<= (leftarg = int, rightarg = int, function = hers.eq);
			CREATE OPERATOR hers.= (leftarg = text, rightarg = text, function = hers.eq);
			CREATE FUNCTION hers.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS
				'BEGIN RETURN public.ring(); END';
			CREATE FUNCTION hers.jsonb_strip_nulls(jsonb) RETURNS jsonb LANGUAGE plpgsql AS
				'BEGIN PERFORM public.ring(); RETURN $1; END';
			CREATE FUNCTION hers.recadv_document(text, text, int, int) RETURNS jsonb LANGUAGE plpgsql AS
				'BEGIN PERFORM public.ring(); RETURN NULL; END';
			CREATE FUNCTION hers.recadv_run_numbers(text) RETURNS SETOF int LANGUAGE plpgsql AS
				'BEGIN PERFORM public.ring(); END';
			CREATE TABLE hers.recadv_model (version int);
			GRANT USAGE ON SCHEMA hers TO PUBLIC},
		'SET search_path = hers, pg_catalog, public; SELECT 1 = 1', 'hers, pg_catalog, public' ],
	[ 'a policy on the source', q{CREATE POLICY p ON bait USING (ring()) WITH CHECK (true);
			ALTER TABLE bait ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY},
		'SELECT count(*) FROM bait' ],
	[ 'a domain in the source', q{CREATE FUNCTION ring(int) RETURNS boolean LANGUAGE plpgsql AS
				'BEGIN RETURN public.ring(); END';
			CREATE DOMAIN picky AS int CHECK (ring(VALUE));} . sprintf($as_view, 'user_id::picky', ''),
		'SELECT 1::picky' ],
	[ 'statistics of an expression', 'CREATE STATISTICS s ON ring(data), block FROM evil', 'ANALYZE evil' ],
	[ 'arguments of a trigger', q{
			CREATE TRIGGER a AFTER INSERT ON bait REFERENCING NEW TABLE AS x FOR EACH STATEMENT
				EXECUTE FUNCTION recadv_observe_trigger('evil', 'user_id', 'item_id', 'at', 'error',
					'99999999999999999999 in 1 of 1');
			CREATE TRIGGER b AFTER INSERT ON bait REFERENCING NEW TABLE AS x FOR EACH STATEMENT
				EXECUTE FUNCTION recadv_observe_trigger('".', '', '', '', 'warning');
			CREATE TRIGGER c AFTER INSERT ON bait FOR EACH ROW
				EXECUTE FUNCTION recadv_observe_trigger()} ]);

foreach my $attack (@attacks)
{
	my ($name, $prepare, $rings, $path) = @$attack;

	foreach my $role ($super, 'victim')
	{
		my $mallory = mallory_begins($name);

		is($mallory->query($prepare)->{state}, '', "$name: is prepared");
		$mallory->query("BEGIN; $rings; ROLLBACK") if defined $rings;
		is(rung('mallory'), 'mallory', "$name: would run") if defined $rings;
		all_calls_by($name, $role, $path // '"$user", public');
		nothing_gained("$name: $role");
		$mallory->quit;
	}
}

# --- what takes more than one session ---------------------------------------------------------------

my $boss = start_session($node);
my $trap = 'CREATE TRIGGER t BEFORE INSERT ON evil FOR EACH ROW EXECUTE FUNCTION ring_trigger()';
my $observe = q{SELECT recadv_observe('evil', 1::bigint, 2::bigint, now()::text)};

# A plan that the session has kept, and the name leads to another table.
my $mallory = mallory_begins('a renamed table');
is($boss->query($observe)->{state}, '', 'an event');
is($mallory->query("ALTER TABLE evil RENAME TO was; CREATE TABLE evil OF recadv_model
		(PRIMARY KEY (version, part, block)); INSERT INTO evil TABLE was; $trap")->{state}, '',
	'the model is renamed, and a table with a trigger has its name');
is($boss->query(q{SELECT recadv_observe('was', 1::bigint, 3::bigint, now()::text)})->{state}, '',
	'another event, of a plan that was made under the old name');
is(sql(q{SELECT count(*) FROM was WHERE part = 'event:1'}), 2, 'is written into the same table');
is($boss->query($observe)->{state}, '0A000', 'the table with the trigger is refused');
nothing_gained('a renamed table');
$mallory->quit;

# A trigger that observes, of a model that is made anew.
$mallory = mallory_begins('a model made anew');
sql(q{CREATE TABLE shop_clicks AS TABLE clicks; SELECT recadv_attach('evil', 'shop_clicks')});
is($mallory->query("DROP TABLE evil; CREATE TABLE evil OF recadv_model
		(PRIMARY KEY (version, part, block)); $trap")->{state}, '', 'a table with a trigger takes its place');
like($boss->query('INSERT INTO shop_clicks VALUES (1, 2, now())')->{err},
	qr/did not observe these rows: model "evil" has triggers or rules/, 'what is inserted is not observed');
is(sql('SELECT count(*) FROM shop_clicks'), 401, 'and is in');
nothing_gained('a model made anew');
$mallory->quit;
sql('DROP TABLE shop_clicks');

# A function of a superuser's that anybody may call, and a setting from before the library was loaded.
$mallory = mallory_begins('a function with the rights of a superuser');
$mallory->query(sprintf($as_view, 'user_id', 'WHERE ring()'));
sql(q{CREATE FUNCTION ask(text) RETURNS bigint SECURITY DEFINER SET search_path = public LANGUAGE sql
	AS $$ SELECT count(*) FROM recadv_topk(1, 5, $1, seen => 'live') $$});
my $fresh = start_session($node, user => 'mallory');
$fresh->query('SET recadv.trust_model_owners = on');
is($fresh->query(q{SELECT ask('evil')})->{state}, '42501', 'the source is not read with its rights');
is($fresh->query('SHOW recadv.trust_model_owners')->{out}, 'off', 'whatever was set before');
is($fresh->query('ALTER ROLE mallory SET recadv.trust_model_owners = on')->{state}, '42501',
	'nor does mallory set it for later');
$fresh->quit;
nothing_gained('a function with the rights of a superuser');
$mallory->quit;

# Transactions that are prepared hold their locks, and show nothing until they are committed.
$mallory = mallory_begins('a prepared transaction');
is($mallory->query("BEGIN; $trap; PREPARE TRANSACTION 'trap'")->{state}, '', 'a trigger is prepared');
is($boss->query("SET lock_timeout = '1s'; $observe")->{state}, '55P03', 'who observes waits for it');
is($mallory->query(q{COMMIT PREPARED 'trap'})->{state}, '', 'it is committed');
is($boss->query($observe)->{state}, '0A000', 'and the model refused');
nothing_gained('a prepared transaction');
$mallory->quit;
$boss->query(q{BEGIN; SELECT recadv_observe('m', 5::bigint, 77::bigint, now()::text);
	PREPARE TRANSACTION 'event'});
is($boss->query(q{SET ROLE owner; SELECT observed FROM recadv_refresh('m')})->{out}, 0,
	'an event of a prepared transaction is not there yet');
is($boss->query(q{RESET ROLE; COMMIT PREPARED 'event'; SET ROLE owner;
	SELECT observed, new_items FROM recadv_refresh('m')})->{out}, '1|1', 'then it is');
is($boss->query('BEGIN; ' . training('m', 'clicks') . q{; PREPARE TRANSACTION 'run'})->{state}, '',
	'a training in a prepared transaction');
is($boss->query(training('m', 'clicks'))->{state}, '55006', 'keeps others out');
is($boss->query(q{ROLLBACK PREPARED 'run'; } . training('m', 'clicks'))->{state}, '',
	'until it is rolled back');
$boss->query('RESET ROLE; RESET lock_timeout');

# A source that does something to the model while it is read.
foreach my $meddling ('DROP TABLE evil', 'ALTER TABLE evil NOT OF', 'TRUNCATE evil',
	'ALTER TABLE evil DROP CONSTRAINT evil_pkey', 'ALTER TABLE evil RENAME TO was',
	'DELETE FROM evil WHERE version > 0', q{SELECT recadv_observe('evil', 7, 7)},
	q{SELECT recadv_rollback('evil', 1)}, q{SELECT recadv_refresh('evil')},
	q{SELECT recadv_forget('evil', 1)}, training('evil', 'clicks'))
{
	my $name = substr($meddling, 0, 30);
	my $quoted = $meddling =~ s/'/''/gr;

	foreach my $call (q{SELECT recadv_refresh('evil')}, training('evil', 'bait'),
		q{SELECT recadv_topk(1, 5, 'evil', seen => 'live')})
	{
		next if !$ENV{RECADV_LONG} && $call !~ /_refresh/ && $meddling !~ /DROP TABLE|_rollback/;
		$mallory = mallory_begins($name);
		$mallory->query(qq{
			CREATE FUNCTION meddle() RETURNS boolean LANGUAGE plpgsql AS \$\$
			BEGIN
				PERFORM public.ring();
				IF coalesce(current_setting('hers.done', true), '') = '' THEN
					PERFORM set_config('hers.done', 'once', true);
					EXECUTE '$quoted';
				END IF;
				RETURN true;
			EXCEPTION WHEN OTHERS THEN
				RETURN true;
			END \$\$;} . sprintf($as_view, 'user_id', 'WHERE CASE WHEN item_id > 39 THEN meddle() ELSE true END'));
		foreach my $role ('victim', 'mallory')
		{
			my $session = start_session($node, user => $role);

			my $result = $session->query($call);

			is($session->query('SELECT 1')->{out}, 1, "$name: while " . substr($call, 7, 25) . "by $role");
			if ($meddling =~ /_train/ && $call =~ /_refresh/ && $role eq 'mallory')
			{
				is($result->{state}, '55006', 'a refresh of what its source has trained is refused');
			}
			$session->quit;
		}
		$mallory->quit;
	}
	# a training reads what its caller names with the caller's rights: victim has named it
	is(rung($super), '', "$name: nothing has run with the rights of another");
}

# A temporary model of another session, which nobody else can read.
$mallory = mallory_begins('a temporary model');
$mallory->query(q{CREATE TEMPORARY TABLE passing OF recadv_model (PRIMARY KEY (version, part, block));
	INSERT INTO passing TABLE evil; GRANT SELECT ON passing TO PUBLIC; DROP TABLE evil});
is($boss->query('SELECT count(*) FROM recadv_topk(1, 5)')->{out}, 5,
	'a call that names no model takes the one that others can read');
is($boss->query(q{SELECT string_agg(name, ' ') FROM recadv_models})->{out}, 'm', 'as the list does');
is($boss->query(q{SELECT count(*) FROM recadv_all_runs})->{err}, '', 'and that of all runs');
is($mallory->query(q{SELECT string_agg(name, ' ') FROM recadv_models})->{out}, 'passing',
	'the session has its own');
$mallory->quit;

# Rows that take little in the table and a gigabyte in memory, by who may INSERT alone.
sql(q{CREATE ROLE writer LOGIN; GRANT CREATE ON SCHEMA public TO writer; GRANT INSERT ON m TO writer});
my $run = sql(q{SELECT 1 + max(run) FROM recadv_runs('m')});
my $writer = start_session($node, user => 'writer');
is($writer->query(qq{
	CREATE TABLE zeros (data bytea);
	INSERT INTO zeros SELECT convert_to(repeat('a', 100000000), 'UTF8');
	INSERT INTO m SELECT 0, part, $run + n, data FROM zeros, generate_series(0, 7) n,
		unnest('{items,event:1,events:1,run}'::text[]) part})->{state}, '', 'rows that unfold');
$writer->quit;
$boss->query('SET ROLE owner; ' . training('m', 'clicks')); # takes a number above theirs
is($boss->query(q{RESET ROLE; INSERT INTO m SELECT 0, part, n, data FROM zeros, generate_series(0, 7) n,
		unnest('{items,event:1,events:1}'::text[]) part})->{state}, '', 'and others that unfold');
$boss->quit;
foreach my $call ('recadv_topk(1, 5, model => \'m\')', 'recadv_topk_all(\'m\', 5)', 'recadv_runs(\'m\')',
	'recadv_models', 'recadv_all_runs', 'recadv_similar_items(1, 5, model => \'m\')', 'recadv_refresh(\'m\')')
{
	my $session = start_session($node);

	$session->query('SET ROLE owner; SELECT recadv_options()');
	my $before = peak_memory_of($session->{pid});
	is($session->query("SELECT count(*) FROM $call")->{state}, '', "$call answers");
	cmp_ok(peak_memory_of($session->{pid}) - $before, '<', 150, "$call: without unfolding them");
	$session->quit;
}

ok(healthy($node), 'no crash');
$node->stop;
done_testing();
