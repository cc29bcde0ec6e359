package images

import "slices"

func servers() []Facts {
	// Its pid file is in /run, and it buffers bodies in folders below /var/cache/nginx that it makes itself.
	nginx := entry("nginx", "1.28.0", 101, 101, 80).named("nginx").web().writable("/var/cache/nginx", "/run", "/tmp").
		from(github + "nginx/docker-nginx")
	unprivileged := entry("nginxinc/nginx-unprivileged", "1.28.0", 101, 101, 8080).named("nginx").web().
		writable("/tmp").from(github + "nginx/docker-nginx-unprivileged")
	apache := entry("httpd", "2.4.63", wwwData, wwwData, 80).named("www-data").web().
		writable("/usr/local/apache2/logs").from(library + "httpd")
	caddy := binds(entry("caddy", "2.10.0", someone, someone, 80, 443, 2019).udp(443).any().web("/data", "/config").
		from(github + "caddyserver/caddy-docker"))
	tomcat := entry("tomcat", "10.1.34", someone, someone, 8080).any().web().
		writable("/usr/local/tomcat/logs", "/usr/local/tomcat/temp", "/usr/local/tomcat/work").from(library + "tomcat")
	jetty := entry("jetty", "", 999, 999, 8080).named("jetty").web().from(github + "jetty/jetty.docker")
	haproxy := entry("haproxy", "3.0.0", 99, 99).named("haproxy").web().
		from(library + "haproxy/blob/master/3.0/Dockerfile")
	return slices.Concat([]Facts{
		nginx.variant("1.28.0-alpine", 101, 101, "alpine"),
		nginx,
		apache.variant("2.4.63-alpine", wwwAlpine, wwwAlpine, "alpine"),
		apache,
		caddy.variant("2.10.0-alpine", someone, someone, "alpine"),
		caddy,
		entry("traefik", "v3.4.0", nonroot, nonroot, 80).any().web().from(github + "traefik/traefik-library-image"),
		haproxy.variant("3.0.0-alpine", 99, 99, "alpine"),
		haproxy,
		entry("envoyproxy/envoy", "v1.31.0", 101, 101, 10000).any().web().
			from(github + "envoyproxy/envoy/blob/main/distribution/docker/docker-entrypoint.sh"),
		// Its logs are links to the container's output; an empty folder in their place makes them files.
		entry("openresty/openresty", "", someone, someone, 80).any().web().
			writable("/var/run/openresty", "/usr/local/openresty/nginx/logs").
			from(github + "openresty/docker-openresty/blob/master/alpine/Dockerfile"),
		tomcat,
		jetty.variant("", 100, 101, "alpine"),
		jetty,
		// It compiles its configuration into a library, into a folder that must allow programs to be loaded from.
		entry("varnish", "7.6.1", someone, someone, 80, 8443).any().web().writable("/var/lib/varnish").
			from(github + "varnish/docker-varnish"),
		entry("quay.io/oauth2-proxy/oauth2-proxy", "v7.7.1", nonroot, nonroot, 4180).any().web().
			from(github + "oauth2-proxy/oauth2-proxy/blob/master/Dockerfile"),
		binds(entry("dunglas/frankenphp", "", someone, someone, 80, 443, 2019).udp(443).any().web("/data", "/config").
			from(github + "dunglas/frankenphp/blob/main/alpine.Dockerfile")),
	}, under(unprivileged.variant("1.28.0-alpine", 101, 101, "alpine"), "ghcr.io/nginxinc/nginx-unprivileged"),
		under(unprivileged, "ghcr.io/nginxinc/nginx-unprivileged"), archived(
			bitnami("nginx", 8080, 8443).web(),
			bitnami("apache", 8080, 8443).web(),
			bitnami("tomcat", 8080).web("/bitnami/tomcat"),
			bitnami("oauth2-proxy", 4180).web(),
		))
}

// php are PHP and what is written in it: one user in Debian, another in Alpine, and with or without Apache.
func php() []Facts {
	fpm := func(f Facts) Facts { return f.ports(9000) }
	families := func(f Facts, alpine, debian string) []Facts {
		return []Facts{
			fpm(f.variant(alpine, wwwAlpine, wwwAlpine, "fpm alpine")),
			fpm(f.variant(debian, wwwData, wwwData, "fpm")),
			f,
		}
	}
	interpreter := entry("php", "8.3.13-apache", wwwData, wwwData, 80).named("www-data").from(library + "php")
	wordpress := entry("wordpress", "6.7.2", wwwData, wwwData, 80).named("www-data").web("/var/www/html").
		from(library + "wordpress/blob/master/docker-entrypoint.sh")
	nextcloud := entry("nextcloud", "30.0.0", wwwData, wwwData, 80).named("www-data").web("/var/www/html").
		from(github + "nextcloud/docker/blob/master/docker-entrypoint.sh")
	joomla := entry("joomla", "5.1.0", wwwData, wwwData, 80).named("www-data").web("/var/www/html").
		from(github + "joomla-docker/docker-joomla/blob/master/docker-entrypoint.sh")
	drupal := entry("drupal", "10.3.0", wwwData, wwwData, 80).named("www-data").web("/opt/drupal/web/sites").
		from(library + "drupal")
	mediawiki := entry("mediawiki", "1.42.1", wwwData, wwwData, 80).named("www-data").web("/var/www/html/images").
		from(github + "wikimedia/mediawiki-docker")
	return slices.Concat(
		[]Facts{interpreter.variant("8.3.13-cli-alpine", wwwAlpine, wwwAlpine, "cli-alpine", "zts-alpine").any().ports()},
		[]Facts{interpreter.variant("8.3.13-cli", wwwData, wwwData, "cli", "zts").any().ports()},
		[]Facts{interpreter.only("apache")},
		[]Facts{fpm(interpreter.variant("8.3.13-fpm-alpine", wwwAlpine, wwwAlpine, "fpm alpine"))},
		[]Facts{fpm(interpreter.variant("8.3.13-fpm", wwwData, wwwData, "fpm"))},
		[]Facts{interpreter.variant("8.3.13-alpine", wwwAlpine, wwwAlpine, "alpine").any().ports()},
		[]Facts{interpreter.variant("8.3.13", wwwData, wwwData).any().ports()},
		[]Facts{wordpress.variant("", wwwData, wwwData, "cli").ports().role("")},
		families(wordpress, "6.7.2-fpm-alpine", "6.7.2-fpm"), families(nextcloud, "30.0.0-fpm-alpine", "30.0.0-fpm"),
		families(joomla, "5.1.0-php8.2-fpm-alpine", "5.1.0-php8.2-fpm"),
		families(drupal, "10.3.0-fpm-alpine", "10.3.0-fpm"), families(mediawiki, "1.42.1-fpm-alpine", "1.42.1-fpm"),
		archived(bitnami("wordpress", 8080, 8443).web("/bitnami/wordpress"), bitnami("php-fpm", 9000)),
	)
}

// samples are small pages: for looking into databases, and for trying out what is around them.
func samples() []Facts {
	whoami := entry("traefik/whoami", "v1.10.1", nonroot, nonroot, 80).any().web().from(github + "traefik/whoami")
	adminer := entry("adminer", "4.8.1", 100, 101, 8080).any().web().from(github + "TimWolla/docker-adminer")
	return slices.Concat([]Facts{
		adminer.only("fastcgi").version("").ports(9000),
		adminer,
		// Its Python carries the file capability; its mail server wants sudo, which can't work.
		binds(entry("dpage/pgadmin4", "8.14", 5050, 0, 80, 443).named("pgadmin").web("/var/lib/pgadmin").
			single(oneWriter).env(env{"PGADMIN_DISABLE_POSTFIX": "true"}).
			from("https://www.pgadmin.org/docs/pgadmin4/latest/container_deployment.html")),
		entry("mongo-express", "1.0.2", 1000, 1000, 8081).named("node").any().web().
			from(github + "mongo-express/mongo-express-docker"),
		entry("jwilder/whoami", "", nonroot, nonroot, 8000).any().web().from(github + "jwilder/whoami"),
		entry("hashicorp/http-echo", "0.2.3", nonroot, nonroot, 5678).any().web().from(github + "hashicorp/http-echo"),
		entry("mendhak/http-https-echo", "31", 1000, 1000, 8080, 8443).any().web().
			from(github + "mendhak/docker-http-https-echo"),
	}, under(whoami, "containous/whoami", "ghcr.io/traefik/whoami"), archived(
		bitnami("phpmyadmin", 8080, 8443).web(),
	))
}
