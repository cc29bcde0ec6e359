package images

import "slices"

func search() []Facts {
	const elastic = "docker.elastic.co/"
	elasticsearch := entry(elastic+"elasticsearch/elasticsearch", "8.17.0", 1000, 0, 9200, 9300).named("elasticsearch").
		index(oneNode, "/usr/share/elasticsearch/data").from(github + "elastic/elasticsearch/tree/main/distribution/docker")
	kibana := entry(elastic+"kibana/kibana", "8.17.0", 1000, 0, 5601).named("kibana").web("/usr/share/kibana/data").
		from(github + "elastic/kibana/tree/main/src/dev/build/tasks/os_packages/docker_generator")
	logstash := entry(elastic+"logstash/logstash", "8.17.0", 1000, 0, 5044, 9600).named("logstash").
		data("/usr/share/logstash/data").from(github + "elastic/logstash/tree/main/docker")
	opensearch := entry("opensearchproject/opensearch", "2.18.0", 1000, 1000, 9200, 9300, 9600).named("opensearch").
		index(oneNode, "/usr/share/opensearch/data").from(github + "opensearch-project/opensearch-build/tree/main/docker")
	solr := entry("solr", "9.8.0", 8983, 8983, 8983).named("solr").index(oneNode, "/var/solr").
		from(github + "apache/solr-docker/blob/main/9.8/Dockerfile")
	meili := entry("getmeili/meilisearch", "v1.12.0", someone, someone, 7700).any().index(oneServer, "/meili_data").
		from(github + "meilisearch/meilisearch/blob/main/Dockerfile")
	return slices.Concat(
		under(elasticsearch, "elasticsearch"), under(kibana, "kibana"), under(logstash, "logstash"),
		[]Facts{
			elasticsearch.called(elastic + "elasticsearch/elasticsearch-oss").version("7.10.2"),
			kibana.called(elastic + "kibana/kibana-oss").version("7.10.2"),
			logstash.called(elastic + "logstash/logstash-oss").version("7.10.2"),
			opensearch,
			entry("opensearchproject/opensearch-dashboards", "2.18.0", 1000, 1000, 5601).named("opensearch-dashboards").
				web().from(github + "opensearch-project/opensearch-build/tree/main/docker"),
			solr,
			// Images of platforms with their own schema on top of Solr's.
			solr.called("ckan/ckan-solr").version("2.10-solr9").from(github + "ckan/ckan-solr"),
			solr.called("fairdom/seek-solr").version("8.11").from(github + "seek4science/seek/tree/main/docker"),
			solr.called("dspace/dspace-solr").version("").from(github + "DSpace/DSpace/tree/main/dspace/src/main/docker"),
			meili,
			entry("typesense/typesense", "27.1", someone, someone, 8108).any().index(oneNode, "/data").
				from(github + "typesense/typesense/tree/main/docker"),
			entry("quickwit/quickwit", "", someone, someone, 7280, 7281).any().index(oneNode, "/quickwit/qwdata").
				from(github + "quickwit-oss/quickwit/blob/main/Dockerfile"),
		}, archived(
			bitnami("elasticsearch", 9200, 9300).index(oneNode, "/bitnami/elasticsearch/data"),
			bitnami("kibana", 5601).web("/bitnami/kibana"),
			bitnami("opensearch", 9200, 9300).index(oneNode, "/bitnami/opensearch/data"),
			bitnami("solr", 8983).index(oneNode, "/bitnami/solr"),
			bitnami("logstash", 9600).data("/bitnami/logstash"),
		),
	)
}
