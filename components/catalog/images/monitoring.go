package images

import (
	"slices"
	"strings"
)

func prometheus() []Facts {
	var all []Facts
	// What the project publishes itself is in two registries, and works as nobody.
	for _, f := range []Facts{
		entry("prom/prometheus", "v2.53.0", nobody, nobody, 9090).database(oneServer, "/prometheus"),
		entry("prom/alertmanager", "v0.27.0", nobody, nobody, 9093, 9094).udp(9094).database(oneNode, "/alertmanager"),
		entry("prom/pushgateway", "v1.10.0", nobody, nobody, 9091),
		entry("prom/node-exporter", "v1.8.2", nobody, nobody, 9100),
		// Only checks with ICMP need root.
		entry("prom/blackbox-exporter", "v0.25.0", nobody, nobody, 9115).any(),
		entry("prom/mysqld-exporter", "v0.15.1", nobody, nobody, 9104),
		entry("prom/snmp-exporter", "v0.26.0", nobody, nobody, 9116),
		entry("prom/statsd-exporter", "v0.26.0", nobody, nobody, 9102, 9125).udp(9125),
		entry("prom/graphite-exporter", "v0.15.0", nobody, nobody, 9108, 9109).udp(9109),
		entry("prom/memcached-exporter", "v0.14.4", nobody, nobody, 9150),
		entry("prom/consul-exporter", "v0.12.0", nobody, nobody, 9107),
		entry("prom/influxdb-exporter", "v0.11.5", nobody, nobody, 9122),
	} {
		name := strings.TrimPrefix(f.Repository, "prom/")
		f = f.named("nobody").from(github + "prometheus/" + underscored(name))
		all = append(all, f, f.called("quay.io/prometheus/"+name))
	}
	for _, f := range []Facts{
		entry("prometheuscommunity/postgres-exporter", "v0.15.0", nobody, nobody, 9187),
		entry("prometheuscommunity/elasticsearch-exporter", "v1.7.0", nobody, nobody, 9114),
		entry("prometheuscommunity/json-exporter", "v0.6.0", nobody, nobody, 7979),
		entry("prometheuscommunity/pgbouncer-exporter", "", nobody, nobody, 9127),
	} {
		name := strings.TrimPrefix(f.Repository, "prometheuscommunity/")
		f = f.named("nobody").from(github + "prometheus-community/" + underscored(name))
		all = append(all, f, f.called("quay.io/prometheuscommunity/"+name))
	}
	return append(all,
		entry("oliver006/redis_exporter", "v1.62.0", 59000, 59000, 9121).any().from(github+"oliver006/redis_exporter"),
		entry("nginx/nginx-prometheus-exporter", "1.3.0", 1001, 1001, 9113).any().
			from(github+"nginx/nginx-prometheus-exporter"),
		entry("danielqsj/kafka-exporter", "v1.7.0", nobody, nobody, 9308).any().from(github+"danielqsj/kafka_exporter"),
		entry("kbudde/rabbitmq-exporter", "", nobody, nobody, 9419).any().from(github+"kbudde/rabbitmq_exporter"),
		entry("percona/mongodb_exporter", "0.40", nobody, nobody, 9216).any().from(github+"percona/mongodb_exporter"),
	)
}

// underscored is how the repositories of the exporters are called on GitHub.
func underscored(name string) string {
	if before, ok := strings.CutSuffix(name, "-exporter"); ok {
		return before + "_exporter"
	}
	return name
}

func grafana() []Facts {
	ui := entry("grafana/grafana", "11.2.0", 472, 0, 3000).named("grafana").web("/var/lib/grafana").single(oneWriter).
		from("https://grafana.com/docs/grafana/latest/setup-grafana/installation/docker/")
	return slices.Concat(under(ui, "grafana/grafana-oss", "grafana/grafana-enterprise"), []Facts{
		entry("grafana/loki", "3.1.1", 10001, 10001, 3100, 9095).named("loki").database(oneNode, "/loki").
			from(github + "grafana/loki/blob/main/cmd/loki/Dockerfile"),
		entry("grafana/tempo", "2.6.0", 10001, 10001, 3200, 4317, 4318).named("tempo").
			database(oneNode, "/var/tempo").from(github + "grafana/tempo/blob/main/cmd/tempo/Dockerfile"),
		entry("grafana/mimir", "2.13.0", 10001, 10001, 8080).any().
			from(github + "grafana/mimir/tree/main/operations/helm/charts/mimir-distributed"),
		entry("grafana/alloy", "v1.4.0", 473, 473, 12345).named("alloy").data("/var/lib/alloy/data").
			single(oneWriter).from(github + "grafana/alloy/blob/main/Dockerfile"),
		entry("grafana/k6", "0.54.0", 12345, 12345).named("k6").any().from(github + "grafana/k6/blob/master/Dockerfile"),
	}, archived(
		bitnami("grafana", 3000).web("/opt/bitnami/grafana/data").single(oneWriter),
		bitnami("prometheus", 9090).database(oneServer, "/opt/bitnami/prometheus/data"),
	))
}

// collectors gather metrics, traces and logs, and keep them.
func collectors() []Facts {
	victoria := func(name string, port int) Facts {
		return entry("victoriametrics/"+name, "", someone, someone, port).any().
			from(github + "VictoriaMetrics/VictoriaMetrics/tree/master/deployment/docker")
	}
	collector := entry("otel/opentelemetry-collector", "0.109.0", 10001, 10001, 4317, 4318, 55679).any().
		from(github + "open-telemetry/opentelemetry-collector-releases")
	jaeger := entry("jaegertracing/all-in-one", "1.60", 10001, 10001, 16686, 4317, 4318, 14268, 14250, 9411).any().
		web().from(github + "jaegertracing/jaeger/tree/main/cmd/all-in-one")
	return slices.Concat([]Facts{
		victoria("victoria-metrics", 8428).version("v1.102.1").database(oneServer, "/victoria-metrics-data"),
		victoria("victoria-logs", 9428).database(oneServer, "/victoria-logs-data"),
		victoria("vmagent", 8429).version("v1.102.1"),
		victoria("vmalert", 8880).version("v1.102.1"),
		victoria("vmauth", 8427).version("v1.102.1"),
		victoria("vminsert", 8480),
		victoria("vmselect", 8481),
		victoria("vmstorage", 8482).database(oneNode, "/vmstorage-data"),
		jaeger,
		jaeger.called("jaegertracing/jaeger").version("2.1.0"),
		jaeger.called("jaegertracing/jaeger-collector").ports(4317, 4318, 14268, 14250, 9411).role(""),
		jaeger.called("jaegertracing/jaeger-query").ports(16686, 16685),
		entry("openzipkin/zipkin", "3.4.1", someone, someone, 9411).any().web().from(github + "openzipkin/zipkin"),
		entry("fluent/fluent-bit", "3.1.9", someone, someone).any().
			from(github + "fluent/fluent-bit/tree/master/dockerfiles"),
		entry("fluent/fluentd", "", 999, 999, 24224).udp(24224).named("fluent").only("debian").
			from(github + "fluent/fluentd-docker-image"),
		entry("fluent/fluentd", "v1.17-1", 100, 101, 24224).udp(24224).named("fluent").
			from(github + "fluent/fluentd-docker-image"),
		// Only as root it gives its program the capabilities for ping and low ports.
		entry("telegraf", "1.32.0", 999, 999).any().from(github + "influxdata/influxdata-docker/tree/master/telegraf"),
		entry("statsd/statsd", "", someone, someone, 8126).udp(8125).any().from(github + "statsd/statsd"),
		entry("timberio/vector", "0.41.1-debian", someone, someone, 8686).any().data("/var/lib/vector").
			single(oneWriter).from(github + "vectordotdev/vector/tree/master/distribution/docker"),
	}, under(collector, "otel/opentelemetry-collector-contrib", "otel/opentelemetry-collector-k8s",
		"ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector",
		"ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector-contrib"))
}

// watchers tell whether others work.
func watchers() []Facts {
	gatus := entry("twinproduction/gatus", "v5.12.0", someone, someone, 8080).any().web().from(github + "TwiN/gatus")
	return slices.Concat([]Facts{
		entry("louislam/uptime-kuma", "", 1000, 1000, 3001).named("node").only("rootless").web("/app/data").
			single(oneWriter).from(github + "louislam/uptime-kuma/tree/master/docker"),
		// Its Java carries the file capability.
		binds(entry("graylog/graylog", "6.0.6", 1100, 1100, 9000).named("graylog").web("/usr/share/graylog/data").
			single(oneNode).from(github + "Graylog2/graylog-docker/blob/6.1/docker/oss/Dockerfile")),
	}, under(gatus, "ghcr.io/twin/gatus"))
}
