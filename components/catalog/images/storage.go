package images

import (
	"slices"

	"github.com/dekcd/dmcloud/components/app"
)

// storage are stores of files, and of what is built: packages, images, code.
func storage() []Facts {
	minio := entry("minio/minio", "RELEASE.2024-10-13T13-34-11Z", someone, someone, 9000, 9001).any().
		database(oneNode, "/data").from(github + "minio/minio/blob/master/dockerscripts/docker-entrypoint.sh")
	client := entry("minio/mc", "RELEASE.2024-10-08T09-37-26Z", someone, someone).any().role(app.RoleTask).
		env(env{"MC_CONFIG_DIR": "/tmp/.mc"}).from(github + "minio/mc/blob/master/Dockerfile")
	// Its other images start a supervisor as root.
	forge := entry("gitea/gitea", "1.22.3-rootless", 1000, 1000, 3000, 2222).named("git").only("rootless").
		web("/var/lib/gitea", "/etc/gitea").single(oneWriter).
		from(github + "go-gitea/gitea/blob/main/Dockerfile.rootless")
	forgejo := forge.called("codeberg.org/forgejo/forgejo").version("9.0.0-rootless").
		from("https://codeberg.org/forgejo/forgejo/src/branch/forgejo/Dockerfile.rootless")
	jenkins := entry("jenkins/jenkins", "2.479.1", 1000, 1000, 8080, 50000).named("jenkins").web("/var/jenkins_home").
		single(oneWriter).from(github + "jenkinsci/docker")
	return slices.Concat(
		under(minio, "quay.io/minio/minio"), under(client, "quay.io/minio/mc"),
		under(forge, "docker.gitea.com/gitea"), under(forgejo, "code.forgejo.org/forgejo/forgejo"),
		[]Facts{
			entry("chrislusf/seaweedfs", "3.77", someone, someone, 9333, 8080, 8888, 8333).any().data("/data").
				from(github + "seaweedfs/seaweedfs/tree/master/docker"),
			entry("registry", "2.8.3", someone, someone, 5000).any().web("/var/lib/registry").
				from(github + "distribution/distribution-library-image"),
			jenkins,
			entry("jenkins/inbound-agent", "", 1000, 1000).named("jenkins").from(github + "jenkinsci/docker-agents"),
			// The search engine inside asks the machine for vm.max_map_count=262144.
			entry("sonarqube", "10.7.0-community", 1000, 0, 9000).named("sonarqube").
				web("/opt/sonarqube/data", "/opt/sonarqube/extensions").single(oneWriter).
				writable("/opt/sonarqube/logs", "/opt/sonarqube/temp").from(github + "SonarSource/docker-sonarqube"),
			entry("sonatype/nexus3", "3.70.1", 200, 200, 8081).named("nexus").web("/nexus-data").single(oneWriter).
				from(github + "sonatype/docker-nexus3"),
			entry("verdaccio/verdaccio", "5.31.1", 10001, 65533, 4873).web("/verdaccio/storage").single(oneWriter).
				from(github + "verdaccio/verdaccio/blob/master/Dockerfile"),
			entry("drone/drone", "2.24.0", someone, someone, 80).any().web("/data").from(github + "harness/drone"),
			entry("woodpeckerci/woodpecker-server", "v2.7.1", someone, someone, 8000, 9000).any().
				web("/var/lib/woodpecker").from(github + "woodpecker-ci/woodpecker/tree/main/docker"),
			entry("owncloud/ocis", "5.0.8", 1000, 1000, 9200).named("ocis-user").web("/var/lib/ocis", "/etc/ocis").
				single(oneWriter).from(github + "owncloud/ocis/tree/master/ocis/docker"),
			entry("syncthing/syncthing", "1.28.0", someone, someone, 8384, 22000).udp(22000, 21027).any().
				web("/var/syncthing").single(oneWriter).from(github + "syncthing/syncthing/blob/main/Dockerfile"),
			entry("vaultwarden/server", "1.32.3", someone, someone, 80).any().web("/data").single(oneWriter).
				from(github + "dani-garcia/vaultwarden/blob/main/docker/Dockerfile.debian"),
			entry("joxit/docker-registry-ui", "", 101, 101, 80).named("nginx").web().
				writable("/var/cache/nginx", "/run", "/tmp").from(github + "Joxit/docker-registry-ui"),
		}, archived(
			bitnami("minio", 9000, 9001).database(oneNode, "/bitnami/minio/data"),
			bitnami("minio-client"),
			bitnami("kubectl"),
			bitnami("git"),
		),
	)
}
