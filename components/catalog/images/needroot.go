package images

import (
	"strings"

	"github.com/distribution/reference"
)

// NeedRoot are the repositories whose images can't do without root, or without rights on the machine, and why. A name
// that ends in "/*" stands for all repositories below it. The reasons say what the image does.
func NeedRoot() map[string]string {
	all := map[string]string{}
	for reason, names := range map[string][]string{
		"its supervisor starts as root and gives each of its programs a user of its own": {
			"linuxserver/*", "lscr.io/linuxserver/*", "ghcr.io/linuxserver/*", "islandora/*", "jitsi/*",
			"phusion/baseimage", "phusion/passenger-full", "osixia/openldap", "osixia/phpldapadmin",
			"gitlab/gitlab-ce", "gitlab/gitlab-ee", "sameersbn/gitlab", "gogs/gogs", "overleaf/sharelatex",
			"sharelatex/sharelatex", "bgruening/galaxy", "quay.io/bgruening/galaxy", "elabftw/elabimg", "discourse/base",
			"onlyoffice/documentserver", "onlyoffice/communityserver", "seafileltd/seafile-mc",
			"graphiteapp/graphite-statsd", "homeassistant/home-assistant", "ghcr.io/home-assistant/home-assistant",
			"jc21/nginx-proxy-manager",
		},
		"it runs systemd, with services of many users": {"freeipa/freeipa-server", "quay.io/freeipa/freeipa-server"},
		"it logs people in as users of the system, which only root may": {
			"rocker/rstudio", "rocker/tidyverse", "rocker/verse", "rocker/geospatial", "rocker/ml", "rocker/ml-verse",
			"bioconductor/bioconductor_docker", "ghcr.io/bioconductor/bioconductor", "jupyterhub/jupyterhub",
			"quay.io/jupyterhub/jupyterhub", "atmoz/sftp", "delfer/alpine-ftp-server", "stilliard/pure-ftpd",
			"fauria/vsftpd", "dperson/samba",
		},
		"its entry point writes to the top of the root file system, which belongs to root": {"tenforce/virtuoso"},
		// https://github.com/phpmyadmin/docker/issues/187.
		"its entry point writes settings into a folder that belongs to root": {
			"phpmyadmin", "phpmyadmin/phpmyadmin",
		},
		"its entry point makes users and changes the owners of files, which only root may": {
			"unidata/thredds-docker", "unidata/tomcat-docker",
		},
		"its mail server is started by root and gives each of its parts a user of its own": {
			"mailserver/docker-mailserver", "ghcr.io/docker-mailserver/docker-mailserver", "tvial/docker-mailserver",
			"boky/postfix", "namshi/smtp", "analogic/poste.io", "mailu/*", "ghcr.io/mailu/*", "mailcow/*",
			"ghcr.io/mailcow/*",
		},
		"it runs containers, which takes root's rights on the machine": {"docker"},
		"it works through the Docker socket, which is root's right on the whole machine": {
			"portainer/portainer-ce", "portainer/portainer-ee", "portainer/agent", "jwilder/nginx-proxy",
			"nginxproxy/nginx-proxy", "nginxproxy/docker-gen", "nginxproxy/acme-companion",
			"jrcs/letsencrypt-nginx-proxy-companion", "containrrr/watchtower", "v2tec/watchtower",
			"pyouroboros/ouroboros", "amir20/dozzle", "louislam/dockge", "mcuadros/ofelia", "willfarrell/autoheal",
			"tecnativa/docker-socket-proxy", "lucaslorentz/caddy-docker-proxy", "drone/drone-runner-docker",
			"gliderlabs/logspout", "nextcloud/all-in-one",
		},
		"it looks into the machine it runs on: its processes, devices or files": {
			"gcr.io/cadvisor/cadvisor", "google/cadvisor", "netdata/netdata", "newrelic/infrastructure",
			"docker.elastic.co/beats/auditbeat", "falcosecurity/falco", "aquasec/tracee",
		},
		"it reads the logs of the machine and of its other containers": {"grafana/promtail"},
		"its program carries the file capabilities for making jails":   {"collabora/code"},
		"it changes the network of its container or of the machine": {
			"pihole/pihole", "networkboot/dhcpd", "kylemanna/openvpn", "wg-easy/wg-easy", "ghcr.io/wg-easy/wg-easy",
			"zerotier/zerotier", "qmcgaw/gluetun", "osixia/keepalived", "docker.elastic.co/beats/packetbeat",
		},
		"it is a file server of the kernel's": {"itsthenetwork/nfs-server-alpine", "erichough/nfs-server"},
	} {
		for _, name := range names {
			all[name] = reason
		}
	}
	return all
}

// RootReason tells why an image, given as in a Compose file, can't do without root, if it is known for that.
func RootReason(image string) (string, bool) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", false
	}
	all, name := NeedRoot(), reference.FamiliarName(named)
	if reason, ok := all[name]; ok {
		return reason, true
	}
	for last := strings.LastIndex(name, "/"); last > 0; last = strings.LastIndex(name, "/") {
		name = name[:last]
		if reason, ok := all[name+"/*"]; ok {
			return reason, true
		}
	}
	return "", false
}
