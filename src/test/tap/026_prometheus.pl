# What Prometheus hears of mlops: the queries of docs/prometheus through Debian's exporter,
# the rules in promtool and in the real Prometheus, all on loopback.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use HTTP::Tiny;
use JSON::PP;
use MlopsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

sub installed
{
	my ($name) = @_;
	my ($path) = grep { -x } map { "$_/$name" } split /:/, "$ENV{PATH}:/usr/bin:/usr/local/bin";
	return $path;
}

my %program = map { $_ => installed($_) } qw(prometheus-postgres-exporter prometheus promtool);
my ($missing) = grep { !$program{$_} } sort keys %program;
plan skip_all => "$missing is not installed" if $missing;

my $files = "$FindBin::RealBin/../../../docs/prometheus";
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = new_node('main', conf => "shared_preload_libraries = 'mlops'\n");
my @started;

# A program that runs until the test ends, and what it says, in a file.
sub start_program
{
	my ($name, @args) = @_;
	push @started, IPC::Run::start([ $program{$name}, @args ], '<', '/dev/null', '>', "$dir/$name.log", '2>&1');
	return;
}
END { $_->kill_kill(grace => 5) for @started }

# The body of a page, once it is there and the check finds what it looks for.
sub get
{
	my ($url, $check) = @_;
	my $page;
	for (1 .. 600)
	{
		$page = HTTP::Tiny->new(timeout => 10)->get($url);
		return $page->{content} if $page->{success} && $check->($page->{content});
		sleep 0.1;
	}
	diag(substr $page->{content}, 0, 4000);
	diag(slurp_file($_)) for glob "$dir/*.log";
	die "$url does not show it";
}

# Two windows of a day in which one feature has moved, judged.
make_rows($node, 'rows', 2000);
$node->safe_psql('postgres', q{
	CREATE ROLE ann LOGIN; CREATE ROLE prom LOGIN;
	GRANT SELECT ON rows TO ann});
sub as { return $node->safe_psql('postgres', $_[1], extra_params => [ '-U', $_[0] ]) }
as('ann', q{
	SELECT mlops.train('seen', 'SELECT x1, x2, c, y FROM rows', 'y', 'linear_regression');
	SELECT mlops.train('hidden', 'SELECT x1, y FROM rows', 'y', 'linear_regression');
	SELECT mlops.grant_model('seen', 'prom', 'read');
	SELECT mlops.monitor('seen', "window" => '1 day', every => '1 year'), mlops.monitor('hidden');
	SELECT count(s.version) FROM rows r, generate_series(0, 1) d,
	       mlops.score('seen', jsonb_build_object('x1', r.x1 + 2, 'x2', r.x2, 'c', r.c), at => '2025-03-01 10:00+00'::timestamptz + d * '1 day'::interval) s
	 WHERE r.id <= 500;
	SELECT mlops.run_monitor('seen');
	SELECT mlops.raise_alert('seen', 'a "rule" \of mine'), mlops.raise_alert('hidden', 'another', 'major'), mlops.raise_alert('seen', 'known', 'major');
	SELECT mlops.acknowledge_alert(alert) FROM mlops.alerts WHERE subject = 'known'});
is(as('ann', q{SELECT count(*) FROM mlops.drift_windows WHERE severity = 'major'}), '2', 'two windows are in drift');

# the exporter
my $exporter = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
{
	local $ENV{DATA_SOURCE_NAME} = sprintf 'user=prom dbname=postgres sslmode=disable host=%s port=%d', $node->host, $node->port;
	start_program('prometheus-postgres-exporter', "--web.listen-address=$exporter", "--extend.query-path=$files/mlops-queries.yaml",
		'--disable-default-metrics', '--disable-settings-metrics', '--no-collector.database', '--no-collector.bgwriter');
}
my $metrics = get("http://$exporter/metrics", sub { $_[0] =~ /^mlops_info_up/m });
my %value;
while ($metrics =~ /^(mlops_\w+)\{([^\n]*)\} (\S+)$/mg)
{
	my ($name, $labels, $v) = ($1, $2, $3);
	$labels = join ',', grep { !/^server=/ } split /,(?=\w+=)/, $labels;
	$value{"$name\{$labels\}"} = $v;
}
unlike($metrics, qr/^pg_exporter_user_queries_load_error.* [1-9]/m, 'the queries load');
like($metrics, qr/^pg_exporter_last_scrape_error 0$/m, 'and run');
unlike($metrics, qr/hidden|another/, 'of models that the role may read');
my $version = $node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'mlops'});
is($value{qq(mlops_info_up{version="$version"})}, '1', 'the extension');
is($value{'mlops_alerts_open{kind="custom",model="seen",severity="major"}'}, '1', 'an alert that is known');
is($value{'mlops_alerts_unattended{kind="custom",model="seen",severity="major"}'}, '0', 'needs nobody');
is($value{'mlops_alerts_unattended{kind="custom",model="seen",severity="warning"}'}, '1', 'another does');
is($value{'mlops_alerts_unattended{kind="drift",model="seen",severity="major"}'}, '1', 'as does the drift');
is($value{'mlops_window_rows{model="seen",version="1"}'}, '500', 'rows of the last window');
is($value{'mlops_window_severity{model="seen",version="1"}'}, '2', 'its verdict');
is($value{'mlops_window_end_time{model="seen",version="1"}'} + 0, 1740960000, 'its end: 2025-03-03 00:00 UTC');
is($value{'mlops_monitor_lag_seconds{model="seen"}'}, '0', 'no window waits');
is($value{'mlops_monitor_scheduled{model="seen"}'}, '1', 'the monitor has a job');
cmp_ok($value{'mlops_monitor_last_row_age_seconds{model="seen"}'}, '>', 1e6, 'the newest row is old');
is($value{'mlops_launcher_up{}'} // ($metrics =~ /^mlops_launcher_up\{[^}]*\} (\d)/m)[0], '1', 'the launcher runs');
is($value{'mlops_missing_share{feature="x1",model="seen",version="1"}'}, '0', 'missing values');
for my $feature ('x1', 'x2', 'c')
{
	my $psi = as('prom', qq{SELECT value FROM mlops.drift_report WHERE model = 'seen' AND feature = '$feature' AND baseline = 'training' AND method = 'psi' ORDER BY window_start DESC LIMIT 1});
	cmp_ok(abs($value{qq(mlops_drift_psi{feature="$feature",model="seen",version="1"})} - $psi), '<', 1e-9 * (1 + $psi), "PSI of $feature");
}
cmp_ok($value{'mlops_drift_psi{feature="x1",model="seen",version="1"}'}, '>', 1, 'the one that moved');
cmp_ok($value{'mlops_drift_psi{feature="x2",model="seen",version="1"}'}, '<', 0.1, 'one that did not');
unlike($metrics, qr/^mlops.* NaN$/m, 'nothing is not a number');

# the rules, by themselves
command_like([ $program{promtool}, 'check', 'rules', "$files/mlops-rules.yml" ], qr/SUCCESS: \d+ rules found/, 'promtool reads the rules');
append_to_file("$dir/rules-test.yml", <<"END");
rule_files: [ "$files/mlops-rules.yml" ]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - { series: 'mlops_info_up{server="s",version="1"}', values: '1x200' }
      - { series: 'mlops_alerts_unattended{server="s",model="a",kind="drift",severity="major"}', values: '0 0 2 2 _ _ _ _ _ _' }
      - { series: 'mlops_alerts_unattended{server="s",model="a",kind="job",severity="warning"}', values: '1x200' }
      - { series: 'mlops_monitor_lag_seconds{server="s",model="a"}', values: '0+600x30' }
      - { series: 'mlops_monitor_scheduled{server="s",model="a"}', values: '1 0x60' }
      - { series: 'mlops_launcher_up{server="s"}', values: '1 1 0x60' }
    alert_rule_test:
      - { alertname: MlopsMajor, eval_time: 1m, exp_alerts: [] }
      - alertname: MlopsMajor
        eval_time: 2m
        exp_alerts:
          - exp_labels: { server: s, model: a, kind: drift, severity: critical }
            exp_annotations:
              summary: "drift of model a"
              description: "2 major alerts that nobody acknowledged: SELECT * FROM mlops.alerts WHERE model = 'a' AND closed IS NULL"
      - { alertname: MlopsWarning, eval_time: 59m, exp_alerts: [] }
      - alertname: MlopsWarning
        eval_time: 61m
        exp_alerts:
          - exp_labels: { server: s, model: a, kind: job, severity: warning }
            exp_annotations:
              summary: "job of model a"
              description: "1 alerts that nobody acknowledged: SELECT * FROM mlops.alerts WHERE model = 'a' AND closed IS NULL"
      - { alertname: MlopsMonitorLate, eval_time: 22m, exp_alerts: [] }
      - alertname: MlopsMonitorLate
        eval_time: 24m
        exp_alerts:
          - exp_labels: { server: s, model: a, severity: warning }
            exp_annotations:
              summary: "windows of model a wait for their verdict"
              description: "The oldest could have been judged 4h 0m 0s ago: does anything run the jobs of its owner?"
      - { alertname: MlopsMonitorStopped, eval_time: 10m, exp_alerts: [] }
      - alertname: MlopsMonitorStopped
        eval_time: 12m
        exp_alerts:
          - exp_labels: { server: s, model: a, severity: critical }
            exp_annotations:
              summary: "nobody watches model a"
              description: "Its monitor's job is suspended, or the owner of the job is gone: SELECT * FROM mlops.monitors"
      - { alertname: MlopsLauncherDown, eval_time: 6m, exp_alerts: [] }
      - alertname: MlopsLauncherDown
        eval_time: 8m
        exp_alerts:
          - exp_labels: { server: s, severity: critical }
            exp_annotations:
              summary: "the launcher of mlops does not run"
              description: "The library is preloaded, but the background launcher is not there: see the server's log."
      - { alertname: MlopsUnknown, eval_time: 30m, exp_alerts: [] }
  - interval: 1m
    input_series: []
    alert_rule_test:
      - alertname: MlopsUnknown
        eval_time: 11m
        exp_alerts:
          - exp_labels: { severity: warning }
            exp_annotations:
              summary: "Prometheus hears nothing of mlops"
              description: "The exporter is down, its queries fail, or the extension is gone."
END
command_like([ $program{promtool}, 'test', 'rules', "$dir/rules-test.yml" ], qr/SUCCESS/, 'each rule fires when it should, and not before');

# Prometheus
my $prometheus = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
append_to_file("$dir/prometheus.yml", <<"END");
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ "$files/mlops-rules.yml" ]
scrape_configs:
  - job_name: mlops
    static_configs: [ { targets: [ "$exporter" ] } ]
END
start_program('prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/tsdb", "--web.listen-address=$prometheus");
my $answer = get("http://$prometheus/api/v1/alerts", sub { $_[0] =~ /"state":"firing"/ });
my @firing = grep { $_->{state} eq 'firing' } @{ decode_json($answer)->{data}{alerts} };
my $major = as('prom', q{SELECT string_agg(DISTINCT 'MlopsMajor ' || kind || ' ' || model, ' ' ORDER BY 'MlopsMajor ' || kind || ' ' || model) FROM mlops.alerts WHERE severity = 'major' AND state = 'open'});
like($major, qr/^MlopsMajor drift seen/, 'there is something to raise');
is(join(' ', sort map { "$_->{labels}{alertname} $_->{labels}{kind} $_->{labels}{model}" } @firing), $major, 'Prometheus raises the alerts, and no other');
$answer = get("http://$prometheus/api/v1/query?query=mlops_window_rows", sub { $_[0] =~ /"value"/ });
is(decode_json($answer)->{data}{result}[0]{value}[1], '500', 'and has the numbers');

# somebody knows: it is over
as('ann', q{SELECT mlops.acknowledge_alert(alert) FROM mlops.alerts WHERE kind LIKE '%drift'});
get("http://$prometheus/api/v1/alerts", sub { $_[0] !~ /"state":"firing"/ });
pass('an acknowledged one is not raised any more');

done_testing();
