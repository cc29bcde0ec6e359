package images

import "slices"

func collaboration() []Facts {
	n8n := entry("n8nio/n8n", "1.62.1", 1000, 1000, 5678).named("node").web("/home/node/.n8n").single(oneWriter).
		from(github + "n8n-io/n8n/tree/master/docker/images/n8n")
	mattermost := entry("mattermost/mattermost-team-edition", "9.11.0", 2000, 2000, 8065, 8067, 8074).
		named("mattermost").web("/mattermost/data", "/mattermost/config", "/mattermost/plugins",
		"/mattermost/client/plugins").writable("/mattermost/logs").
		from(github + "mattermost/mattermost/tree/master/server/build")
	chat := entry("rocketchat/rocket.chat", "", 65533, 65533, 3000).named("rocketchat").web("/app/uploads").
		from(github + "RocketChat/Rocket.Chat/tree/develop/apps/meteor/.docker")
	ghost := entry("ghost", "5.104.1", 1000, 1000, 2368).named("node").web("/var/lib/ghost/content").single(oneWriter).
		from(library + "ghost")
	redmine := entry("redmine", "5.1.3", 999, 999, 3000).named("redmine").web("/usr/src/redmine/files").
		from(library + "redmine")
	zammad := entry("ghcr.io/zammad/zammad", "", 1000, 1000, 3000, 6042, 8080).named("zammad").data("/opt/zammad/storage").
		from(github + "zammad/zammad-docker-compose")
	umami := entry("ghcr.io/umami-software/umami", "", 1001, 1001, 3000).named("nextjs").web().
		from(github + "umami-software/umami/blob/master/Dockerfile")
	wiki := entry("requarks/wiki", "2.5.304", 1000, 1000, 3000, 3443).named("node").web("/wiki/data/content").
		from(github + "requarks/wiki/blob/main/dev/build/Dockerfile")
	outline := entry("outlinewiki/outline", "0.80.2", 1001, 1001, 3000).named("nodejs").web("/var/lib/outline/data").
		from(github + "outline/outline/blob/main/Dockerfile")
	return slices.Concat([]Facts{
		ghost.variant("5.104.1-alpine", 1000, 1000, "alpine"),
		ghost,
		redmine.variant("5.1.3-alpine", 999, 1000, "alpine"),
		redmine,
		entry("etherpad/etherpad", "1.9.7", 5001, 0, 9001).named("etherpad").web("/opt/etherpad-lite/var").
			from(github + "ether/etherpad-lite/blob/develop/Dockerfile"),
		entry("quay.io/hedgedoc/hedgedoc", "1.10.0", 10000, nobody, 3000).named("hedgedoc").
			web("/hedgedoc/public/uploads").from(github + "hedgedoc/container"),
		wiki,
		wiki.called("ghcr.io/requarks/wiki"),
		outline,
		outline.called("docker.getoutline.com/outlinewiki/outline"),
		entry("ghcr.io/mastodon/mastodon", "", 991, 991, 3000, 4000).named("mastodon").web("/opt/mastodon/public/system").
			from(github + "mastodon/mastodon/blob/main/Dockerfile"),
		entry("ghcr.io/mastodon/mastodon-streaming", "", 991, 991, 4000).named("mastodon").web().
			from(github + "mastodon/mastodon/blob/main/streaming/Dockerfile"),
		entry("n8nio/runners", "", 1000, 1000, 5680).named("runner").
			from(github + "n8n-io/n8n/blob/master/docker/images/runners/Dockerfile"),
		entry("langfuse/langfuse", "", 1001, 1001, 3000).named("nextjs").web().
			from(github + "langfuse/langfuse/blob/main/web/Dockerfile"),
		entry("langfuse/langfuse-worker", "", 1001, 1001, 3030).named("expressjs").
			from(github + "langfuse/langfuse/blob/main/worker/Dockerfile"),
		entry("ghcr.io/plausible/community-edition", "", someone, someone, 8000).any().web("/var/lib/plausible").
			from(github + "plausible/analytics/blob/master/Dockerfile"),
		entry("penpotapp/backend", "", 1001, 1001, 6060).named("penpot").data("/opt/data/assets").
			from(github + "penpot/penpot/blob/develop/docker/images/Dockerfile.backend"),
		entry("penpotapp/exporter", "", 1001, 1001, 6061).named("penpot").
			from(github + "penpot/penpot/blob/develop/docker/images/Dockerfile.exporter"),
		entry("penpotapp/frontend", "", 1001, 1001, 8080).named("penpot").web().
			from(github + "penpot/penpot/blob/develop/docker/images/Dockerfile.frontend"),
		entry("frappe/erpnext", "", 1000, 0, 8000).named("frappe").data("/home/frappe/frappe-bench/sites").
			from(github + "frappe/frappe_docker/blob/main/images/production/Containerfile"),
		entry("joplin/server", "", 1001, 1001, 22300).named("joplin").web().
			from(github + "laurent22/joplin/blob/dev/Dockerfile.server"),
		entry("weblate/weblate", "", 1000, 0, 8080).named("weblate").web("/app/data").writable("/app/cache").
			from(github + "WeblateOrg/docker"),
		entry("openproject/openproject", "", 1000, 1000, 8080).named("app").only("slim").
			web("/var/openproject/assets").from(github + "opf/openproject/tree/dev/docker/prod"),
		entry("miniflux/miniflux", "2.2.1", nobody, nobody, 8080).any().web().from(github + "miniflux/v2"),
		entry("nodered/node-red", "3.1.9", 1000, 1000, 1880).named("node-red").web("/data").single(oneWriter).
			from(github + "node-red/node-red-docker"),
		entry("excalidraw/excalidraw", "", 101, 101, 80).named("nginx").web().
			writable("/var/cache/nginx", "/run", "/tmp").from(github + "excalidraw/excalidraw/blob/master/Dockerfile"),
		entry("martialblog/limesurvey", "", wwwData, wwwData, 8080).named("www-data").
			web("/var/www/html/upload", "/var/www/html/plugins").from(github + "martialblog/docker-limesurvey"),
		zammad,
		zammad.called("zammad/zammad-docker-compose"),
		umami,
		umami.called("umamisoftware/umami"),
	}, under(n8n, "docker.n8n.io/n8nio/n8n"), under(mattermost, "mattermost/mattermost-enterprise-edition"),
		under(chat, "registry.rocket.chat/rocketchat/rocket.chat"))
}

// data are services for looking at data, for serving it, and for working on it.
func data() []Facts {
	airflow := entry("apache/airflow", "2.10.2", 50000, 0, 8080).named("airflow").data("/opt/airflow/logs").
		from("https://airflow.apache.org/docs/docker-stack/entrypoint.html")
	tika := entry("apache/tika", "2.9.2.1", 35002, 35002, 9998).any().from(github + "apache/tika-docker")
	selenium := entry("selenium/standalone-chrome", "", 1200, 1201, 4444, 7900).named("seluser").
		from(github + "SeleniumHQ/docker-selenium")
	return slices.Concat([]Facts{
		// As root it makes a user of its own.
		entry("metabase/metabase", "v0.50.0", 2000, 2000, 3000).any().web().writable("/plugins").
			from(github + "metabase/metabase/blob/master/bin/docker/run_metabase.sh"),
		entry("apache/superset", "4.1.1", 1000, 1000, 8088).named("superset").web("/app/superset_home").
			from(github + "apache/superset/blob/master/Dockerfile"),
		entry("redash/redash", "10.1.0.b50633", 1000, 1000, 5000).named("redash").web().
			from(github + "getredash/redash/blob/master/Dockerfile"),
		airflow,
		entry("apache/nifi", "1.27.0", 1000, 1000, 8443).named("nifi").single(oneNode).web(
			"/opt/nifi/nifi-current/database_repository", "/opt/nifi/nifi-current/flowfile_repository",
			"/opt/nifi/nifi-current/content_repository", "/opt/nifi/nifi-current/provenance_repository",
			"/opt/nifi/nifi-current/state").from(github + "apache/nifi/tree/main/nifi-docker/dockerhub"),
		tika,
		entry("hasura/graphql-engine", "v2.40.0", 1001, 1001, 8080).any().web().from(github + "hasura/graphql-engine"),
		entry("postgrest/postgrest", "v12.2.3", 1000, 1000, 3000).any().web().from(github + "PostgREST/postgrest"),
		entry("directus/directus", "11.1.0", 1000, 1000, 8055).named("node").web("/directus/uploads",
			"/directus/extensions", "/directus/database").from(github + "directus/directus/blob/main/Dockerfile"),
		entry("gotenberg/gotenberg", "8.9.1", 1001, 1001, 3000).named("gotenberg").
			from(github + "gotenberg/gotenberg/blob/main/build/Dockerfile"),
		entry("darthsim/imgproxy", "v3.25.0", 999, 999, 8080).any().from(github + "imgproxy/imgproxy"),
		entry("heartexlabs/label-studio", "1.13.1", 1001, 0, 8080).web("/label-studio/data").
			from(github + "HumanSignal/label-studio/blob/develop/Dockerfile"),
		entry("ghcr.io/mlflow/mlflow", "v2.16.2", someone, someone, 5000).any().web().env(home()).
			from(github + "mlflow/mlflow/tree/master/docker"),
		entry("pramsey/pg_tileserv", "", someone, someone, 7800).any().web().from(github + "CrunchyData/pg_tileserv"),
		entry("pramsey/pg_featureserv", "", someone, someone, 9000).any().web().
			from(github + "CrunchyData/pg_featureserv"),
	}, under(selenium, "selenium/standalone-firefox"), archived(
		bitnami("spark", 7077, 8080),
		bitnami("airflow", 8080).web("/bitnami/airflow"),
	))
}

// mail are servers that catch mail instead of sending it.
func mail() []Facts {
	return []Facts{
		entry("mailhog/mailhog", "v1.0.1", 1000, 1000, 8025, 1025).named("mailhog").web().
			from(github + "mailhog/MailHog/blob/master/Dockerfile"),
		entry("axllent/mailpit", "v1.20.5", someone, someone, 8025, 1025).any().web().
			from(github + "axllent/mailpit/blob/develop/Dockerfile"),
		entry("maildev/maildev", "2.1.0", 1000, 1000, 1080, 1025).named("node").web().
			from(github + "maildev/maildev/blob/master/Dockerfile"),
	}
}
