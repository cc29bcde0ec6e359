package images

import "slices"

func identity() []Facts {
	keycloak := entry("quay.io/keycloak/keycloak", "26.0.0", 1000, 0, 8080, 8443, 9000).named("keycloak").
		web("/opt/keycloak/data").from(github + "keycloak/keycloak/blob/main/quarkus/container/Dockerfile")
	dex := entry("ghcr.io/dexidp/dex", "v2.41.1", 1001, 1001, 5556, 5557, 5558).named("dex").web("/var/dex").
		from(github + "dexidp/dex/blob/master/Dockerfile")
	authelia := entry("authelia/authelia", "4.38.0", someone, someone, 9091).any().web("/config").
		from(github + "authelia/authelia/blob/master/entrypoint.sh")
	// As root its entry point gives the program the capability to lock memory, which Pod Security forbids; the server
	// then needs disable_mlock in its configuration.
	vault := entry("hashicorp/vault", "1.18.5", 100, 1000, 8200).named("vault").
		database(oneNode, "/vault/file").writable("/vault/logs").env(env{"SKIP_SETCAP": "true"}).
		from(github + "hashicorp/vault/blob/main/scripts/docker/docker-entrypoint.sh")
	bao := vault.called("openbao/openbao").version("2.0.0").named("openbao").data("/openbao/file").
		writable("/openbao/logs").from(github + "openbao/openbao/issues/355")
	consul := entry("hashicorp/consul", "1.19.0", 100, 1000, 8500, 8300, 8301, 8302, 8600).udp(8301, 8302, 8600).
		named("consul").database(oneNode, "/consul/data").from(github + "hashicorp/consul/blob/main/Dockerfile")
	ory := func(name, version string, ports ...int) Facts {
		return entry("oryd/"+name, version, 10000, 10000, ports...).any().web().
			from(github + "ory/" + name)
	}
	return slices.Concat([]Facts{
		entry("jboss/keycloak", "16.1.1", 1000, 0, 8080, 8443).named("jboss").web("/opt/jboss/keycloak/standalone/data").
			from(github + "keycloak/keycloak-containers"),
		entry("lldap/lldap", "", 1000, 1000, 3890, 17170).only("rootless").database(oneServer, "/data").
			from(github + "lldap/lldap"),
		entry("ghcr.io/goauthentik/server", "2024.10.0", 1000, 1000, 9000, 9443).named("authentik").data("/media").
			from(github + "goauthentik/authentik/blob/main/Dockerfile"),
		entry("ghcr.io/zitadel/zitadel", "v2.55.0", 1000, 1000, 8080).any().web().from(github + "zitadel/zitadel"),
		ory("hydra", "v2.2.0", 4444, 4445),
		ory("kratos", "v1.2.0", 4433, 4434),
		ory("keto", "", 4466, 4467),
		ory("oathkeeper", "v0.40.7", 4455, 4456),
		entry("gcr.io/etcd-development/etcd", "v3.5.16", someone, someone, 2379, 2380).any().
			from(github + "etcd-io/etcd/blob/main/Dockerfile"),
		entry("quay.io/coreos/etcd", "v3.5.16", someone, someone, 2379, 2380).any().
			from(github + "etcd-io/etcd/blob/main/Dockerfile"),
		bao,
		bao.called("quay.io/openbao/openbao"),
		vault,
		vault.called("vault").version("1.13.3"),
		consul,
		consul.called("consul").version("1.15.4"),
	}, under(keycloak, "keycloak/keycloak"), under(dex, "dexidp/dex"), under(authelia, "ghcr.io/authelia/authelia"),
		archived(
			bitnami("keycloak", 8080, 8443).web(),
			bitnami("openldap", 1389, 1636).database(oneServer, "/bitnami/openldap"),
			bitnami("etcd", 2379, 2380).database(oneNode, "/bitnami/etcd"),
			bitnami("consul", 8500, 8300, 8301, 8302, 8600).udp(8301, 8302, 8600).database(oneNode, "/bitnami/consul"),
		))
}
