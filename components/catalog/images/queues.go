package images

import "slices"

func brokers() []Facts {
	// The node's name is part of its data's path and by default made from the host's name, which changes.
	rabbit := entry("rabbitmq", "4.0.9", 999, 999, 5672, 15692).named("rabbitmq").
		database(oneServer, "/var/lib/rabbitmq").env(env{"RABBITMQ_NODENAME": "rabbit@localhost"}).
		from(library + "rabbitmq/blob/master/4.0/alpine/Dockerfile")
	emqx := entry("emqx/emqx", "5.8.0", 1000, 1000, 1883, 8083, 8084, 8883, 18083).named("emqx").
		database(oneNode, "/opt/emqx/data").writable("/opt/emqx/log").from(github + "emqx/emqx/tree/master/deploy/docker")
	artemis := entry("apache/activemq-artemis", "2.37.0", 1001, 1001, 61616, 8161, 5672, 1883, 61613).named("artemis").
		database(oneServer, "/var/lib/artemis-instance").from(github + "apache/activemq-artemis/tree/main/artemis-docker")
	return slices.Concat([]Facts{
		artemis,
		rabbit.variant("4.0.9-management-alpine", 100, 101, "management alpine").ports(5672, 15672, 15692),
		rabbit.variant("4.0.9-management", 999, 999, "management").ports(5672, 15672, 15692),
		rabbit.variant("4.0.9-alpine", 100, 101, "alpine"),
		rabbit,
		entry("nats", "2.10.22", someone, someone, 4222, 8222, 6222).any().from(github + "nats-io/nats-docker"),
		entry("eclipse-mosquitto", "2.0.20", 1883, 1883, 1883).named("mosquitto").
			database(oneServer, "/mosquitto/data").writable("/mosquitto/log").
			from(github + "eclipse-mosquitto/mosquitto/tree/master/docker"),
		entry("vernemq/vernemq", "", 10000, 10000, 1883, 8883, 8080, 8888).named("vernemq").
			database(oneNode, "/vernemq/data").from(github + "vernemq/docker-vernemq/blob/master/Dockerfile"),
		entry("apachepulsar/pulsar", "3.0.0", 10000, 0, 6650, 8080).database(oneNode, "/pulsar/data").
			from(github + "apache/pulsar/blob/master/docker/pulsar/Dockerfile"),
		entry("nsqio/nsq", "v1.3.0", someone, someone).any().from(github + "nsqio/nsq/blob/master/Dockerfile"),
	}, under(emqx, "emqx"), archived(
		bitnami("rabbitmq", 5672, 15672).database(oneServer, "/bitnami/rabbitmq/mnesia"),
		bitnami("nats", 4222, 8222, 6222),
	))
}

func kafka() []Facts {
	confluent := func(name string, ports ...int) Facts {
		return entry("confluentinc/cp-"+name, "7.6.1", 1000, 1000, ports...).named("appuser").
			from(github + "confluentinc/common-docker/blob/master/base/Dockerfile.ubi8")
	}
	ui := entry("provectuslabs/kafka-ui", "v0.7.2", someone, someone, 8080).any().web().
		from(github + "provectus/kafka-ui/blob/master/kafka-ui-api/Dockerfile")
	return slices.Concat([]Facts{
		entry("apache/kafka", "3.9.0", 1000, 1000, 9092).named("appuser").database(oneNode, "/var/lib/kafka/data").
			from(github + "apache/kafka/blob/trunk/docker/jvm/Dockerfile"),
		confluent("kafka", 9092).database(oneNode, "/var/lib/kafka/data"),
		confluent("server", 9092).database(oneNode, "/var/lib/kafka/data"),
		confluent("zookeeper", 2181, 2888, 3888).database(oneNode, "/var/lib/zookeeper/data", "/var/lib/zookeeper/log"),
		confluent("schema-registry", 8081),
		confluent("kafka-connect", 8083),
		confluent("kafka-connect-base", 8083),
		confluent("kafka-rest", 8082),
		confluent("ksqldb-server", 8088),
		confluent("ksqldb-cli"),
		confluent("enterprise-control-center", 9021).web(),
		entry("zookeeper", "3.9.3", 1000, 1000, 2181, 2888, 3888, 8080).named("zookeeper").
			database(oneNode, "/data", "/datalog").writable("/logs").from(github + "31z4/zookeeper-docker"),
		entry("redpandadata/console", "", someone, someone, 8080).any().web().from(github + "redpanda-data/console"),
	}, under(
		entry("redpandadata/redpanda", "v24.1.1", 101, 101, 9092, 8081, 8082, 9644, 33145).named("redpanda").
			database(oneNode, "/var/lib/redpanda/data").from(github+"redpanda-data/redpanda"),
		"docker.redpanda.com/redpandadata/redpanda",
	), under(ui, "ghcr.io/kafbat/kafka-ui"), archived(
		bitnami("kafka", 9092).database(oneNode, "/bitnami/kafka"),
		bitnami("zookeeper", 2181, 2888, 3888, 8080).database(oneNode, "/bitnami/zookeeper"),
		bitnami("schema-registry", 8081),
	))
}

func workflows() []Facts {
	temporal := func(name, version string, ports ...int) Facts {
		return entry("temporalio/"+name, version, 1000, 1000, ports...).named("temporal").
			from(github + "temporalio/docker-builds/blob/main/server.Dockerfile")
	}
	return []Facts{
		temporal("server", "1.24.2", 7233, 7234, 7235, 7239),
		temporal("auto-setup", "1.24.2", 7233, 7234, 7235, 7239),
		temporal("admin-tools", "").from(github + "temporalio/docker-builds/blob/main/admin-tools.Dockerfile"),
		temporal("ui", "2.26.2", 8080).web().from(github + "temporalio/ui-server"),
		entry("mher/flower", "2.0.1", 1000, 1000, 5555).named("flower").web("/data").
			from(github + "mher/flower/blob/master/Dockerfile"),
	}
}
