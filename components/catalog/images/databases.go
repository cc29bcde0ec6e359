package images

import "slices"

func postgres() []Facts {
	official := postgresFacts("postgres", "17.5", library+"docs/tree/master/postgres")
	postgis := postgresFacts("postgis/postgis", "17-3.5", github+"postgis/docker-postgis")
	vector := postgresFacts("pgvector/pgvector", "0.8.0-pg17", github+"pgvector/pgvector/blob/master/Dockerfile")
	timescale := postgresFacts("timescale/timescaledb", "", github+"timescale/timescaledb-docker").
		variant("2.19.3-pg17", 70, 70)
	return slices.Concat([]Facts{
		since18(official.variant("", 70, 70, "^18 alpine", "^19 alpine")),
		official.variant("17.5-alpine", 70, 70, "alpine"),
		since18(official.variant("", 999, 999, "^18", "^19")),
		official,
		since18(postgis.variant("", 70, 70, "^18 alpine")),
		postgis.variant("17-3.5-alpine", 70, 70, "alpine"),
		since18(postgis.variant("", 999, 999, "^18")),
		postgis,
		since18(vector.variant("", 999, 999, "pg18")),
		vector,
		since18(timescale.variant("", 70, 70, "pg18")),
		timescale,
		postgresFacts("pgrouting/pgrouting", "", github+"pgRouting/docker-pgrouting"),
		postgresFacts("tensorchord/pgvecto-rs", "", github+"tensorchord/pgvecto.rs"),
		postgresFacts("citusdata/citus", "", github+"citusdata/docker"),
		postgresFacts("apache/age", "", github+"apache/age/blob/master/docker/Dockerfile"),
		postgresFacts("dspace/dspace-postgres-pgcrypto", "", github+"DSpace/DSpace/tree/main/dspace/src/main/docker"),
		entry("timescale/timescaledb-ha", "", 1000, 1000, 5432, 8008, 8081).named("postgres").
			database(oneServer, "/home/postgres/pgdata").from(github + "timescale/timescaledb-docker-ha"),
		entry("edoburu/pgbouncer", "", 70, 70, 5432).named("postgres").from(github + "edoburu/docker-pgbouncer"),
	}, archived(
		bitnami("postgresql", 5432).database(oneServer, "/bitnami/postgresql"),
		bitnami("pgbouncer", 6432),
	))
}

// postgresFacts are those of the official image and of those built on it. initdb must own the data folder and set its
// mode, so PGDATA is moved into a subfolder of the volume.
func postgresFacts(repository, version, source string) Facts {
	return entry(repository, version, 999, 999, 5432).named("postgres").database(oneServer, "/var/lib/postgresql/data").
		writable("/var/run/postgresql").env(env{"PGDATA": "/var/lib/postgresql/data/pgdata"}).from(source)
}

// since18 moves the volume to where PostgreSQL 18 has it; PGDATA is in a subfolder of that without our help.
func since18(f Facts) Facts { return f.data("/var/lib/postgresql").env(nil) }

func mysql() []Facts {
	percona := subfolder(entry("percona", "", 1001, 1001, 3306, 33060).named("mysql").
		database(oneServer, "/var/lib/mysql").writable("/var/run/mysqld").
		from(github + "percona/percona-docker/blob/main/percona-server-8.0/Dockerfile"))
	return slices.Concat([]Facts{
		subfolder(entry("mysql", "8.4.5", 999, 999, 3306, 33060).named("mysql").database(oneServer, "/var/lib/mysql").
			writable("/var/run/mysqld").from(library + "mysql")),
		subfolder(entry("mariadb", "11.4.5", 999, 999, 3306).named("mysql").database(oneServer, "/var/lib/mysql").
			writable("/run/mysqld").from(github + "MariaDB/mariadb-docker")),
		// sqlservr carries the file capability: https://github.com/microsoft/mssql-docker/issues/769.
		binds(entry("mcr.microsoft.com/mssql/server", "", 10001, 0, 1433).named("mssql").
			database(oneServer, "/var/opt/mssql").from(github + "microsoft/mssql-docker")),
		percona,
		percona.called("percona/percona-server").version("8.0.39-30.1"),
	}, archived(
		bitnami("mysql", 3306).database(oneServer, "/bitnami/mysql"),
		bitnami("mariadb", 3306).database(oneServer, "/bitnami/mariadb"),
	))
}

// subfolder says that the data folder must be empty at first.
func subfolder(f Facts) Facts { f.Subfolder = true; return f }

// binds says that the program carries the file capability NET_BIND_SERVICE.
func binds(f Facts) Facts { f.BindCapability = true; return f }

func documents() []Facts {
	return slices.Concat([]Facts{
		entry("mongo", "8.0.4", 999, 999, 27017).named("mongodb").database(oneServer, "/data/db", "/data/configdb").
			from(library + "mongo"),
		entry("cassandra", "4.1.0", 999, 999, 9042, 7000, 7001, 7199).named("cassandra").
			database(oneNode, "/var/lib/cassandra").from(library + "cassandra/blob/master/4.1/Dockerfile"),
		entry("rethinkdb", "2.4.2", someone, someone, 28015, 29015, 8080).any().database(oneNode, "/data").
			from(github + "rethinkdb/rethinkdb-dockerfiles"),
		entry("surrealdb/surrealdb", "", nonroot, nonroot, 8000).any().from(github + "surrealdb/surrealdb"),
	}, under(
		entry("couchdb", "3.4.2", 5984, 5984, 5984, 4369, 9100).named("couchdb").
			database(oneNode, "/opt/couchdb/data").from(github+"apache/couchdb-docker"), "apache/couchdb",
	), archived(
		bitnami("mongodb", 27017).database(oneServer, "/bitnami/mongodb"),
		bitnami("cassandra", 9042, 7000, 7001, 7199).database(oneNode, "/bitnami/cassandra"),
		bitnami("couchdb", 5984, 4369, 9100).database(oneNode, "/bitnami/couchdb"),
	))
}

// analytics are column stores, time series and vectors.
func analytics() []Facts {
	influx := entry("influxdb", "2.7.12", 1000, 1000, 8086).named("influxdb").
		database(oneServer, "/var/lib/influxdb2", "/etc/influxdb2").from(github + "influxdata/influxdata-docker")
	clickhouse := entry("clickhouse/clickhouse-server", "24.8", 101, 101, 8123, 9000, 9009).named("clickhouse").
		database(oneServer, "/var/lib/clickhouse").writable("/var/log/clickhouse-server").
		from(github + "ClickHouse/ClickHouse/tree/master/docker/server")
	trino := entry("trinodb/trino", "450", 1000, 1000, 8080).named("trino").from(github + "trinodb/trino")
	weaviate := entry("semitechnologies/weaviate", "1.24.1", someone, someone, 8080, 50051).any().
		database(oneNode, "/var/lib/weaviate").from(github + "weaviate/weaviate")
	return slices.Concat([]Facts{
		influx.variant("", 1500, 1500, "^3").database(oneServer, "/var/lib/influxdb3").named("influxdb3").ports(8181),
		influx.variant("1.8.10", 1000, 1000, "^1.").data("/var/lib/influxdb").any().named(),
		influx,
		// It keeps a file in its working folder, which belongs to root.
		entry("qdrant/qdrant", "v1.13.0", someone, someone, 6333, 6334).any().database(oneNode, "/qdrant/storage").
			writable("/qdrant/snapshots", "/qdrant/init").
			env(env{"QDRANT_INIT_FILE_PATH": "/qdrant/init/.qdrant-initialized"}).
			from(github + "qdrant/qdrant-helm/tree/main/charts/qdrant"),
		// Before 1.0 it writes a log into the folder of its program.
		entry("chromadb/chroma", "", someone, someone, 8000).any().only("^1.").database(oneServer, "/data").
			from(github + "chroma-core/chroma"),
		entry("questdb/questdb", "8.1.0", 10001, 10001, 9000, 9009, 8812, 9003).any().
			database(oneServer, "/var/lib/questdb").from(github + "questdb/questdb/blob/master/core/docker-entrypoint.sh"),
		entry("cockroachdb/cockroach", "v24.1.0", someone, someone, 26257, 8080).any().
			database(oneNode, "/cockroach/cockroach-data").from(github + "cockroachdb/helm-charts"),
		trino,
	}, under(clickhouse, "clickhouse"), under(weaviate, "cr.weaviate.io/semitechnologies/weaviate"), archived(
		bitnami("influxdb", 8086).database(oneServer, "/bitnami/influxdb"),
		bitnami("clickhouse", 8123, 9000, 9009).database(oneServer, "/bitnami/clickhouse"),
	))
}

// graphs are property graphs and stores of RDF.
func graphs() []Facts {
	return slices.Concat([]Facts{
		entry("neo4j", "5.26.0", 7474, 7474, 7474, 7473, 7687).named("neo4j").database(oneServer, "/data").
			writable("/logs").from(github + "neo4j/docker-neo4j"),
		entry("memgraph/memgraph", "", 101, 103, 7687, 7444).named("memgraph").
			database(oneServer, "/var/lib/memgraph").writable("/var/log/memgraph").
			from(github + "memgraph/helm-charts"),
		entry("ontotext/graphdb", "10.2.2", someone, someone, 7200, 7300).any().
			database(oneServer, "/opt/graphdb/home").from(github + "Ontotext-AD/graphdb-docker/blob/master/Dockerfile"),
		// Upstream says of no user that it works; SEEK's own entry in this catalogue runs it as this one.
		entry("openlink/virtuoso-opensource-7", "7.2.15", someone, someone, 8890, 1111).
			index(oneServer, "/database").writable("/opt/virtuoso-opensource/settings").
			from("https://hub.docker.com/r/openlink/virtuoso-opensource-7"),
		entry("stain/jena-fuseki", "4.8.0", 9008, 9008, 3030).any().database(oneServer, "/fuseki").
			from(github + "stain/jena-docker/tree/master/jena-fuseki"),
	}, under(
		entry("arangodb", "3.11.0", 1000, 0, 8529).any().
			database(oneServer, "/var/lib/arangodb3", "/var/lib/arangodb3-apps").
			from(github+"arangodb/arangodb-docker"), "arangodb/arangodb",
	), archived(
		bitnami("neo4j", 7474, 7473, 7687).database(oneServer, "/bitnami/neo4j"),
	))
}
