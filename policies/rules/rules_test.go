package rules_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/policies/rules"
)

// ruleCase changes a compliant resource and says what one rule finds.
type ruleCase struct {
	name string
	// kind is as in the table; Deployment when empty.
	kind string
	// edits are places and YAML values to put there, relative to the pod spec for workloads; "?" is unknown.
	edits edits
	want  found
}

type (
	edits = map[string]string
	found = []string
)

const (
	deployment   = "apps/Deployment"
	podOfDeploy  = "spec.template.spec."
	sgRule       = "openstack:networking/secGroupRule:SecGroupRule"
	novaGroup    = "openstack:compute/secGroup:SecGroup"
	server       = "openstack:compute/instance:Instance"
	provider     = "pulumi:providers:openstack"
	appCred      = "openstack:identity/applicationCredential:ApplicationCredential"
	role         = "rbac.authorization.k8s.io/Role"
	clusterRole  = "rbac.authorization.k8s.io/ClusterRole"
	binding      = "rbac.authorization.k8s.io/ClusterRoleBinding"
	smallBinding = "rbac.authorization.k8s.io/RoleBinding"
	account      = "core/ServiceAccount"
	configMap    = "core/ConfigMap"
	inContainer  = "violated spec.template.spec.containers[0]."
	inInit       = "violated spec.template.spec.initContainers[0]."
	inPod        = "violated spec.template.spec."
	openInPod    = "undetermined spec.template.spec."
	openInFirst  = "undetermined spec.template.spec.containers[0]."
	sc           = "containers.0.securityContext."
)

func ruleCases() map[string][]ruleCase {
	return map[string][]ruleCase{
		"k8s-no-privileged": {
			{name: "true", edits: edits{sc + "privileged": "true"}, want: found{inContainer + "securityContext.privileged"}},
			{
				name: "true in an init container", edits: edits{"initContainers.0.securityContext.privileged": "true"},
				want: found{inInit + "securityContext.privileged"},
			},
			{
				name: "true in an ephemeral container", kind: "core/Pod",
				edits: edits{"ephemeralContainers": "[{name: debug, securityContext: {privileged: true}}]"},
				want:  found{"violated spec.ephemeralContainers[0].securityContext.privileged"},
			},
			{name: "false", edits: edits{sc + "privileged": "false"}},
			{name: "null", edits: edits{sc + "privileged": "null"}},
			{name: "unknown", edits: edits{sc + "privileged": "?"}, want: found{openInFirst + "securityContext.privileged"}},
			{
				name: "unknown security context", edits: edits{"containers.0.securityContext": "?"},
				want: found{openInFirst + "securityContext"},
			},
			{
				name:  "unknown beside a violation",
				edits: edits{"initContainers.0.securityContext": "?", sc + "privileged": "true"},
				want: found{
					"undetermined spec.template.spec.initContainers[0].securityContext", inContainer + "securityContext.privileged",
				},
			},
			{name: "unknown containers", edits: edits{"containers": "?"}, want: found{openInPod + "containers"}},
			{name: "text", edits: edits{sc + "privileged": `"false"`}, want: found{inContainer + "securityContext.privileged"}},
		},
		"k8s-no-host-namespaces": {
			{
				name: "all three", edits: edits{"hostNetwork": "true", "hostPID": "true", "hostIPC": "true"},
				want: found{inPod + "hostNetwork", inPod + "hostPID", inPod + "hostIPC"},
			},
			{name: "false", edits: edits{"hostNetwork": "false"}},
			{name: "unknown", edits: edits{"hostPID": "?"}, want: found{openInPod + "hostPID"}},
			{
				name: "unknown beside a violation", edits: edits{"hostPID": "?", "hostIPC": "true"},
				want: found{openInPod + "hostPID", inPod + "hostIPC"},
			},
			{name: "number", edits: edits{"hostIPC": "1"}, want: found{inPod + "hostIPC"}},
			{name: "unknown containers do not matter", edits: edits{"containers": "?"}},
		},
		"k8s-no-host-path": {
			{
				name: "socket", edits: edits{"volumes.1": "{name: s, hostPath: {path: /run/containerd/containerd.sock}}"},
				want: found{inPod + "volumes[1].hostPath"},
			},
			{
				name: "without a path", edits: edits{"volumes.0": "{name: s, hostPath: {}}"},
				want: found{inPod + "volumes[0].hostPath"},
			},
			{
				name: "unknown path is still a host path", edits: edits{"volumes.1.hostPath.path": "?"},
				want: found{openInPod + "volumes[1].hostPath.path", inPod + "volumes[1].hostPath"},
			},
			{name: "unknown volume", edits: edits{"volumes.1": "?"}, want: found{openInPod + "volumes[1]"}},
			{name: "no volumes", edits: edits{"volumes": "[]"}},
		},
		"k8s-no-host-port": {
			{
				name: "second port", edits: edits{"containers.0.ports.1": "{containerPort: 80, hostPort: 80}"},
				want: found{inContainer + "ports[1].hostPort"},
			},
			{name: "zero", edits: edits{"containers.0.ports.0.hostPort": "0"}},
			{
				name: "unknown", edits: edits{"containers.0.ports.0.hostPort": "?"}, want: found{openInFirst + "ports[0].hostPort"},
			},
			{name: "unknown port name does not matter", edits: edits{"containers.0.ports.0.name": "?"}},
			{
				name: "fraction", edits: edits{"containers.0.ports.0.hostPort": "1.5"},
				want: found{inContainer + "ports[0].hostPort"},
			},
		},
		"k8s-run-as-non-root": {
			{
				name: "absent everywhere", edits: edits{"securityContext": "{}"},
				want: found{inInit + "securityContext.runAsNonRoot", inContainer + "securityContext.runAsNonRoot"},
			},
			{
				name: "false for the pod", edits: edits{"securityContext.runAsNonRoot": "false"},
				want: found{inPod + "securityContext.runAsNonRoot"},
			},
			{
				name: "false for a container", edits: edits{sc + "runAsNonRoot": "false"},
				want: found{inContainer + "securityContext.runAsNonRoot"},
			},
			{
				name: "user 0 for the pod", edits: edits{"securityContext.runAsUser": "0"},
				want: found{inPod + "securityContext.runAsUser"},
			},
			{
				name: "user 0 for an init container", edits: edits{"initContainers.0.securityContext.runAsUser": "0"},
				want: found{inInit + "securityContext.runAsUser"},
			},
			{name: "own user namespace", edits: edits{"securityContext": "{}", "hostUsers": "false"}},
			{
				name: "unknown user namespace", edits: edits{"securityContext": "{}", "hostUsers": "?"},
				want: found{openInPod + "hostUsers", openInPod + "hostUsers"},
			},
			{
				name: "unknown for the pod, true for containers", edits: edits{"securityContext.runAsNonRoot": "?"},
				want: found{openInPod + "securityContext.runAsNonRoot"},
			},
			{
				name:  "unknown for the pod, false for a container",
				edits: edits{"securityContext.runAsNonRoot": "?", sc + "runAsNonRoot": "false"},
				want:  found{openInPod + "securityContext.runAsNonRoot", inContainer + "securityContext.runAsNonRoot"},
			},
		},
		"k8s-no-privilege-escalation": {
			{
				name: "absent", edits: edits{sc + "allowPrivilegeEscalation": "null"},
				want: found{inContainer + "securityContext.allowPrivilegeEscalation"},
			},
			{
				name: "true", edits: edits{sc + "allowPrivilegeEscalation": "true"},
				want: found{inContainer + "securityContext.allowPrivilegeEscalation"},
			},
			{name: "Windows", edits: edits{sc + "allowPrivilegeEscalation": "null", "os.name": "windows"}},
			{
				name: "unknown", edits: edits{sc + "allowPrivilegeEscalation": "?"},
				want: found{openInFirst + "securityContext.allowPrivilegeEscalation"},
			},
		},
		"k8s-drop-all-caps": {
			{
				name: "absent", edits: edits{sc + "capabilities": "null"},
				want: found{inContainer + "securityContext.capabilities"},
			},
			{
				name: "only one dropped", edits: edits{sc + "capabilities.drop": "[NET_RAW]"},
				want: found{inContainer + "securityContext.capabilities"},
			},
			{
				name: "lower case is not ALL to the API server", edits: edits{sc + "capabilities.drop": "[all]"},
				want: found{inContainer + "securityContext.capabilities"},
			},
			{name: "NET_BIND_SERVICE added", edits: edits{sc + "capabilities.add": "[NET_BIND_SERVICE]"}},
			{
				name: "SYS_ADMIN added", edits: edits{sc + "capabilities.add": "[SYS_ADMIN]"},
				want: found{inContainer + "securityContext.capabilities"},
			},
			{
				name:  "SYS_ADMIN added, drop unknown",
				edits: edits{sc + "capabilities.add": "[SYS_ADMIN]", sc + "capabilities.drop": "?"},
				want:  found{openInFirst + "securityContext.capabilities.drop", inContainer + "securityContext.capabilities"},
			},
			{
				name: "unknown drop", edits: edits{sc + "capabilities.drop": "?"},
				want: found{openInFirst + "securityContext.capabilities.drop"},
			},
		},
		"k8s-seccomp": {
			{
				name: "absent everywhere", edits: edits{"securityContext.seccompProfile": "null"},
				want: found{inInit + "securityContext.seccompProfile.type", inContainer + "securityContext.seccompProfile.type"},
			},
			{
				name: "Unconfined for the pod", edits: edits{"securityContext.seccompProfile.type": "Unconfined"},
				want: found{inPod + "securityContext.seccompProfile.type"},
			},
			{
				name: "Unconfined for a container", edits: edits{sc + "seccompProfile.type": "Unconfined"},
				want: found{inContainer + "securityContext.seccompProfile.type"},
			},
			{name: "Localhost", edits: edits{sc + "seccompProfile": "{type: Localhost, localhostProfile: web.json}"}},
			{
				name: "unknown", edits: edits{"securityContext.seccompProfile.type": "?"},
				want: found{openInPod + "securityContext.seccompProfile.type"},
			},
		},
		"k8s-sa-token-off": {
			{
				name: "absent", edits: edits{"automountServiceAccountToken": "null"},
				want: found{inPod + "automountServiceAccountToken"},
			},
			{
				name: "true", edits: edits{"automountServiceAccountToken": "true"},
				want: found{inPod + "automountServiceAccountToken"},
			},
			{
				name: "text", edits: edits{"automountServiceAccountToken": `"false"`},
				want: found{inPod + "automountServiceAccountToken"},
			},
			{
				name: "unknown", edits: edits{"automountServiceAccountToken": "?"},
				want: found{openInPod + "automountServiceAccountToken"},
			},
			{
				name: "account without", kind: account, edits: edits{"automountServiceAccountToken": "null"},
				want: found{"violated automountServiceAccountToken"},
			},
		},
		"k8s-read-only-rootfs": {
			{
				name: "absent", edits: edits{sc + "readOnlyRootFilesystem": "null"},
				want: found{inContainer + "securityContext.readOnlyRootFilesystem"},
			},
			{
				name:  "false in an init container",
				edits: edits{"initContainers.0.securityContext.readOnlyRootFilesystem": "false"},
				want:  found{inInit + "securityContext.readOnlyRootFilesystem"},
			},
			{
				name: "ephemeral container", kind: "core/Pod", edits: edits{"ephemeralContainers": "[{name: debug}]"},
				want: found{"violated spec.ephemeralContainers[0].securityContext.readOnlyRootFilesystem"},
			},
			{name: "Windows", edits: edits{sc + "readOnlyRootFilesystem": "null", "os.name": "windows"}},
			{
				name: "unknown", edits: edits{"containers.0": "?"},
				want: found{openInFirst + "securityContext.readOnlyRootFilesystem"},
			},
		},
		"k8s-memory-limit": {
			{
				name: "absent", edits: edits{"containers.0.resources": "null"},
				want: found{inContainer + "resources.limits.memory"},
			},
			{
				name: "only a request", edits: edits{"containers.0.resources": "{requests: {memory: 1Gi}}"},
				want: found{inContainer + "resources.limits.memory"},
			},
			{
				name: "zero", edits: edits{"containers.0.resources.limits.memory": `"0"`},
				want: found{inContainer + "resources.limits.memory"},
			},
			{
				name: "no quantity", edits: edits{"containers.0.resources.limits.memory": "lots"},
				want: found{inContainer + "resources.limits.memory"},
			},
			{name: "number", edits: edits{"containers.0.resources.limits.memory": "1073741824"}},
			{name: "limit of the pod", edits: edits{"containers.0.resources": "null", "resources.limits.memory": "2Gi"}},
			{
				name: "unknown limit of the pod", edits: edits{"containers.0.resources": "null", "resources": "?"},
				want: found{openInPod + "resources.limits.memory"},
			},
			{
				name: "unknown", edits: edits{"containers.0.resources.limits": "?"},
				want: found{openInFirst + "resources.limits.memory"},
			},
			{name: "ephemeral container", kind: "core/Pod", edits: edits{"ephemeralContainers": "[{name: debug}]"}},
		},
		"k8s-image-pinned": imageCases(),
		"k8s-env-no-literal-secret": {
			{
				name: "password", edits: edits{"containers.0.env.0": "{name: MYSQL_PASSWORD, value: canary}"},
				want: found{inContainer + "env[0].value"},
			},
			{
				name: "key in camel case", edits: edits{"initContainers.0.env": "[{name: apiKey, value: canary}]"},
				want: found{inInit + "env[0].value"},
			},
			{
				name: "rails key base", edits: edits{"containers.0.env.0": "{name: SECRET_KEY_BASE, value: canary}"},
				want: found{inContainer + "env[0].value"},
			},
			{
				name:  "file of a password",
				edits: edits{"containers.0.env.0": "{name: MYSQL_PASSWORD_FILE, value: /run/secrets/db}"},
			},
			{name: "reference to another variable", edits: edits{"containers.0.env.0": `{name: DB_TOKEN, value: "$(TOKEN)"}`}},
			{name: "switch", edits: edits{"containers.0.env.0": `{name: ALLOW_EMPTY_PASSWORD, value: "yes"}`}},
			{name: "empty", edits: edits{"containers.0.env.0": `{name: DB_PASSWORD, value: ""}`}},
			{name: "about passwords", edits: edits{"containers.0.env.0": `{name: PASSWORD_MIN_LENGTH, value: "12"}`}},
			{name: "working directory", edits: edits{"containers.0.env.0": `{name: PWD, value: "seek"}`}},
			{name: "tokenizer", edits: edits{"containers.0.env.0": `{name: TOKENIZER, value: "standard"}`}},
			{
				name:  "URL with a password",
				edits: edits{"containers.0.env.0": "{name: DATABASE, value: 'mysql2://seek:canary@mysql/seek'}"},
				want:  found{inContainer + "env[0].value"},
			},
			{
				name:  "URL with a reference",
				edits: edits{"containers.0.env.0": "{name: DATABASE, value: 'mysql2://seek:$(DB_PASSWORD)@mysql/seek'}"},
			},
			{
				name:  "private key under a harmless name",
				edits: edits{"containers.0.env.0": "{name: DATA, value: '-----BEGIN RSA PRIVATE KEY-----'}"},
				want:  found{inContainer + "env[0].value"},
			},
			{name: "unknown value", edits: edits{"containers.0.env.0.value": "?"}, want: found{openInFirst + "env[0].value"}},
			{
				name: "argument", edits: edits{"containers.0.args": "[--db-password=canary]"}, want: found{inContainer + "args[0]"},
			},
			{
				name: "argument in two words", edits: edits{"containers.0.args": "[--db-password, canary]"},
				want: found{inContainer + "args[1]"},
			},
			{name: "option without a value", edits: edits{"containers.0.args": "[--skip-password, --verbose]"}},
			{
				name: "shell", edits: edits{"containers.0.command": "[sh, -c, 'PGPASSWORD=canary psql']"},
				want: found{inContainer + "command[2]"},
			},
			{name: "shell with a reference", edits: edits{"containers.0.command": "[sh, -c, 'PGPASSWORD=$DB_PASSWORD psql']"}},
			{
				name: "config map key", kind: configMap, edits: edits{"data": "{DB_PASSWORD: canary}"},
				want: found{"violated data.DB_PASSWORD"},
			},
			{
				name: "config file", kind: configMap, edits: edits{"data": `{app.ini: "user = seek\npassword = canary\n"}`},
				want: found{"violated data.app.ini"},
			},
			{
				name: "config file with a reference", kind: configMap,
				edits: edits{"data": `{app.yaml: "password: ${DB_PASSWORD}\npassword_file: /x\n"}`},
			},
			{name: "script", kind: configMap, edits: edits{"data": `{init.sh: "password=$(cat /run/secrets/x)\n"}`}},
			{
				name: "private key in a config map", kind: configMap, edits: edits{"data": `{x: "-----BEGIN PRIVATE KEY-----"}`},
				want: found{"violated data.x"},
			},
			{
				name: "config map with an unknown value", kind: configMap, edits: edits{"data.LOG_LEVEL": "?"},
				want: found{"undetermined data.LOG_LEVEL"},
			},
		},
		"k8s-rbac-no-wildcard": {
			{name: "verb", kind: role, edits: edits{"rules.0.verbs": `["*"]`}, want: found{"violated rules[0].verbs[0]"}},
			{
				name: "resource", kind: clusterRole,
				edits: edits{"rules.1": `{apiGroups: [""], resources: [pods, "*"], verbs: [get]}`},
				want:  found{"violated rules[1].resources[1]"},
			},
			{
				name: "subresources", kind: role, edits: edits{"rules.0.resources": `["pods/*"]`},
				want: found{"violated rules[0].resources[0]"},
			},
			{
				name: "group", kind: role, edits: edits{"rules.0.apiGroups": `["*"]`},
				want: found{"violated rules[0].apiGroups[0]"},
			},
			{
				name: "URL", kind: clusterRole, edits: edits{"rules.0.nonResourceURLs": `["*"]`},
				want: found{"violated rules[0].nonResourceURLs[0]"},
			},
			{
				name: "unknown verb", kind: role, edits: edits{"rules.0.verbs.0": "?"},
				want: found{"undetermined rules[0].verbs[0]"},
			},
			{name: "no rules", kind: role, edits: edits{"rules": "[]"}},
		},
		"k8s-rbac-no-cluster-admin": {
			{name: "role", kind: binding, edits: edits{"roleRef.name": "cluster-admin"}, want: found{"violated roleRef.name"}},
			{
				name: "role in a namespace", kind: smallBinding, edits: edits{"roleRef.name": "cluster-admin"},
				want: found{"violated roleRef.name"},
			},
			{
				name: "masters", kind: binding, edits: edits{"subjects.1": "{kind: Group, name: 'system:masters'}"},
				want: found{"violated subjects[1].name"},
			},
			{
				name: "anonymous", kind: binding, edits: edits{"subjects.0": "{kind: User, name: 'system:anonymous'}"},
				want: found{"violated subjects[0].name"},
			},
			{
				name: "default account", kind: smallBinding, edits: edits{"subjects.0.name": "default"},
				want: found{"violated subjects[0].name"},
			},
			{name: "a user called default", kind: binding, edits: edits{"subjects.0": "{kind: User, name: default}"}},
			{
				name: "unknown name of a group", kind: binding, edits: edits{"subjects.0.name": "?"},
				want: found{"undetermined subjects[0].name"},
			},
			{name: "unknown kind of a harmless name", kind: binding, edits: edits{"subjects.0.kind": "?"}},
			{name: "unknown role", kind: binding, edits: edits{"roleRef": "?"}, want: found{"undetermined roleRef.name"}},
		},
		"os-sg-no-world-admin-ports": worldCases(),
		"os-instance-no-admin-pass": {
			{name: "set", kind: server, edits: edits{"adminPass": "canary"}, want: found{"violated adminPass"}},
			{name: "empty", kind: server, edits: edits{"adminPass": `""`}},
			{name: "unknown", kind: server, edits: edits{"adminPass": "?"}, want: found{"undetermined adminPass"}},
			{name: "number", kind: server, edits: edits{"adminPass": "1234"}, want: found{"violated adminPass"}},
		},
		"os-provider-creds": {
			{name: "password in the open", kind: provider, edits: edits{"password": "canary"}, want: found{"violated password"}},
			{
				name: "secret of a credential in the open", kind: provider, edits: edits{"applicationCredentialSecret": "canary"},
				want: found{"violated applicationCredentialSecret"},
			},
			{name: "unknown token", kind: provider, edits: edits{"token": "?"}, want: found{"undetermined token"}},
			{name: "insecure", kind: provider, edits: edits{"insecure": "true"}, want: found{"violated insecure"}},
			{name: "insecure as text", kind: provider, edits: edits{"insecure": `"true"`}, want: found{"violated insecure"}},
			{name: "endless credential", kind: appCred, edits: edits{"expiresAt": "null"}, want: found{"violated expiresAt"}},
			{
				name: "unrestricted credential", kind: appCred, edits: edits{"unrestricted": "true"},
				want: found{"violated unrestricted"},
			},
			{
				name: "secret of its own in the open", kind: appCred, edits: edits{"secret": "canary"},
				want: found{"violated secret"},
			},
		},
	}
}

func imageCases() []ruleCase {
	path := inContainer + "image"
	images := map[string]bool{
		"mysql:8.4.6": true, "mysql:8": true, "registry.example:5000/fairdom/seek:1.18.1": true,
		"mysql@sha256:5b5b3a0c9c4a6f0f6ff1b5f1a0fe2c3f1d5e6a7b8c9d0e1f2a3b4c5d6e7f8091":        true,
		"mysql:latest@sha256:5b5b3a0c9c4a6f0f6ff1b5f1a0fe2c3f1d5e6a7b8c9d0e1f2a3b4c5d6e7f8091": true,
		"seek:main-3f2a9c1": true, "ubuntu:nightly-20260101": true, "app:v2-stable": true,
		"mysql": false, "mysql:latest": false, "fairdom/seek:main": false, "registry.example:5000/seek": false,
		"nginx:stable-alpine3.22": false, "app:edge": false, "app:LATEST": false, "app:alpine": false,
		"app@sha256:short": false, "": false, "app:": false, "app:nightly-2": false,
	}
	cases := []ruleCase{
		{name: "absent", edits: edits{"containers.0.image": "null"}, want: found{path}},
		{name: "unknown", edits: edits{"containers.0.image": "?"}, want: found{openInFirst + "image"}},
		{name: "list", edits: edits{"containers.0.image": "[]"}, want: found{path}},
		{name: "init container", edits: edits{"initContainers.0.image": "busybox"}, want: found{inInit + "image"}},
	}
	for _, image := range slices.Sorted(maps.Keys(images)) {
		c := ruleCase{name: "image " + image, edits: edits{"containers.0.image": `"` + image + `"`}}
		if !images[image] {
			c.want = []string{path}
		}
		cases = append(cases, c)
	}
	return cases
}

func worldCases() []ruleCase {
	world := []string{"violated remoteIpPrefix"}
	cases := []ruleCase{
		{name: "no remote at all", edits: edits{"remoteIpPrefix": "null"}, want: world},
		{name: "empty remotes", edits: edits{"remoteIpPrefix": `""`, "remoteGroupId": `""`}, want: world},
		{name: "remote group", edits: edits{"remoteIpPrefix": "null", "remoteGroupId": "b5b7"}},
		{name: "remote address group", edits: edits{"remoteIpPrefix": "null", "remoteAddressGroupId": "b5b7"}},
		{
			name: "unknown group", edits: edits{"remoteIpPrefix": "null", "remoteGroupId": "?"},
			want: found{"undetermined remoteIpPrefix"},
		},
		{name: "unknown prefix", edits: edits{"remoteIpPrefix": "?"}, want: found{"undetermined remoteIpPrefix"}},
		{
			name:  "unknown prefix, other port",
			edits: edits{"remoteIpPrefix": "?", "portRangeMin": "443", "portRangeMax": "443"},
		},
		{
			name:  "unknown port of the world",
			edits: edits{"remoteIpPrefix": "0.0.0.0/0", "portRangeMin": "?", "portRangeMax": "?"},
			want:  found{"undetermined portRangeMax"},
		},
		{
			name: "unknown direction", edits: edits{"remoteIpPrefix": "0.0.0.0/0", "direction": "?"},
			want: found{"undetermined direction"},
		},
		{name: "egress", edits: edits{"remoteIpPrefix": "0.0.0.0/0", "direction": "egress"}},
		{name: "web ports", edits: edits{"remoteIpPrefix": "0.0.0.0/0", "portRangeMin": "443", "portRangeMax": "443"}},
		{
			name: "range that covers", edits: edits{"remoteIpPrefix": "0.0.0.0/0", "portRangeMin": "20", "portRangeMax": "25"},
			want: world,
		},
		{
			name: "ports as text", edits: edits{"remoteIpPrefix": "0.0.0.0/0", "portRangeMin": `"22"`, "portRangeMax": `"22"`},
			want: world,
		},
		{
			name: "no ports", edits: edits{"remoteIpPrefix": "0.0.0.0/0", "portRangeMin": "null", "portRangeMax": "null"},
			want: world,
		},
		{
			name:  "no protocol",
			edits: edits{"remoteIpPrefix": "0.0.0.0/0", "protocol": "null", "portRangeMin": "null", "portRangeMax": "null"},
			want:  world,
		},
		{name: "protocol by number", edits: edits{"remoteIpPrefix": "0.0.0.0/0", "protocol": `"6"`}, want: world},
		{
			name:  "ping",
			edits: edits{"remoteIpPrefix": "0.0.0.0/0", "protocol": "icmp", "portRangeMin": "null", "portRangeMax": "null"},
		},
		{name: "SSH over UDP is no service", edits: edits{"remoteIpPrefix": "0.0.0.0/0", "protocol": "udp"}},
		{
			name:  "RDP over UDP",
			edits: edits{"remoteIpPrefix": "0.0.0.0/0", "protocol": "udp", "portRangeMin": "3389", "portRangeMax": "3389"},
			want:  world,
		},
		{
			name:  "Windows management over TLS",
			edits: edits{"remoteIpPrefix": "0.0.0.0/0", "portRangeMin": "5986", "portRangeMax": "5986"}, want: world,
		},
		{name: "malformed prefix", edits: edits{"remoteIpPrefix": "[]"}, want: world},
	}
	for prefix, open := range map[string]bool{
		"0.0.0.0/0": true, "::/0": true, "0.0.0.0/1": true, "128.0.0.0/1": true, "::/1": true, "8000::/1": true,
		"2000::/3": true, "0/0": true, "0.0.0.0/0.0.0.0": true, "10.0.0.5/0": true, "everybody": true, "64.0.0.0/7": true,
		"0.0.0.0/-1": true, "192.0.2.0/24": false, "192.0.2.7": false, "fc00::/7": false, "fd00::/8": false,
		"10.0.0.0/8": false, "10.0.0.0/255.0.0.0": false, "2001:db8::/32": false,
	} {
		c := ruleCase{name: "prefix " + prefix, edits: edits{"remoteIpPrefix": `"` + prefix + `"`}}
		nova := ruleCase{
			name: "Nova group, prefix " + prefix, kind: novaGroup, edits: edits{"rules.0.cidr": `"` + prefix + `"`},
		}
		if open {
			c.want, nova.want = world, []string{"violated rules[0].cidr"}
		}
		cases = append(cases, c, nova)
	}
	for i := range cases {
		if cases[i].kind == "" {
			cases[i].kind = sgRule
		}
	}
	return append(cases,
		ruleCase{
			name: "Nova group open to itself", kind: novaGroup, edits: edits{"rules.0.cidr": "null", "rules.0.self": "true"},
		},
		ruleCase{
			name: "Nova group with no source", kind: novaGroup, edits: edits{"rules.0.cidr": "null"},
			want: found{"violated rules[0].cidr"},
		},
	)
}

func (c ruleCase) resource() rules.Resource {
	kind := c.kind
	if kind == "" {
		kind = deployment
	}
	prefix := map[string]string{deployment: podOfDeploy, "core/Pod": "spec."}[kind]
	r := compliant(kind)
	for _, place := range slices.Sorted(maps.Keys(c.edits)) {
		r = with(r, prefix+place, value(c.edits[place]))
	}
	return r
}

func TestRules(t *testing.T) {
	t.Parallel()
	for rule, cases := range ruleCases() {
		for _, c := range cases {
			t.Run(rule+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				assert.Equal(t, c.want, of(rule, rules.Check(c.resource())))
			})
		}
	}
}

func TestEveryRuleHasAViolation(t *testing.T) {
	t.Parallel()
	cases := ruleCases()
	for _, rule := range rules.Table() {
		if rule.Scope == rules.StackScope {
			continue
		}
		violations := 0
		for _, c := range cases[rule.ID] {
			if slices.ContainsFunc(c.want, func(w string) bool { return w[0] == 'v' }) {
				violations++
			}
		}
		assert.GreaterOrEqual(t, violations, 1, rule.ID)
		assert.GreaterOrEqual(t, len(cases[rule.ID]), 4, rule.ID)
	}
}

func TestPulumiSecretsInTheOpenAreFound(t *testing.T) {
	t.Parallel()
	secret := property.New("harmless").WithSecret(true)
	assert.Equal(t, []string{inContainer + "env[0].value"}, of("k8s-env-no-literal-secret",
		rules.Check(with(compliant(deployment), podOfDeploy+"containers.0.env.0.value", secret))))
	assert.Equal(t, []string{"violated data.LOG_LEVEL"}, of("k8s-env-no-literal-secret",
		rules.Check(with(compliant(configMap), "data.LOG_LEVEL", secret))))
	assert.Empty(t, of("os-provider-creds", rules.Check(with(compliant(provider), "password", secret))))
	assert.Empty(t, of("os-provider-creds", rules.Check(with(compliant(appCred), "secret",
		property.New(property.Computed).WithSecret(true)))))
}

// TestEveryWorkloadKindIsChecked plants one violation in each kind and form of a workload.
func TestEveryWorkloadKindIsChecked(t *testing.T) {
	t.Parallel()
	spec := edit(property.New(parse(compliantPodSpec)), sc+"privileged", property.New(true)).AsMap()
	kinds := map[string]string{
		"kubernetes:apps/v1:Deployment": deployment, "kubernetes:apps/v1beta1:Deployment": deployment,
		"kubernetes:extensions/v1beta1:Deployment": deployment, "kubernetes:apps/v1:StatefulSet": deployment,
		"kubernetes:apps/v1:DaemonSet": deployment, "kubernetes:extensions/v1beta1:DaemonSet": deployment,
		"kubernetes:apps/v1:ReplicaSet": deployment, "kubernetes:batch/v1:Job": deployment,
		"kubernetes:batch/v1:CronJob": "batch/CronJob", "kubernetes:batch/v1beta1:CronJob": "batch/CronJob",
		"kubernetes:core/v1:Pod": "core/Pod", "kubernetes:core/v1:PodTemplate": "core/PodTemplate",
		"kubernetes:core/v1:ReplicationController": deployment,
	}
	want := map[string]string{
		deployment: "spec.template.spec", "batch/CronJob": "spec.jobTemplate.spec.template.spec", "core/Pod": "spec",
		"core/PodTemplate": "template.spec",
	}
	const field = ".containers[0].securityContext.privileged"
	for token, shape := range kinds {
		object := around(shape, spec)
		for form, properties := range map[string]property.Map{
			"": object, "Patch": object,
			"List": property.NewMap(map[string]property.Value{"items": property.New([]property.Value{property.New(object)})}),
		} {
			t.Run(token+form, func(t *testing.T) {
				t.Parallel()
				prefix := "violated "
				if form == "List" {
					prefix += "items[0]."
				}
				assert.Equal(t, []string{prefix + want[shape] + field},
					of("k8s-no-privileged", rules.Check(rules.Resource{Type: token + form, Properties: properties})))
			})
		}
	}
	t.Run("a list of kind List", func(t *testing.T) {
		t.Parallel()
		item := property.New(around(deployment, spec).
			Set("apiVersion", property.New("apps/v1")).Set("kind", property.New("Deployment")))
		assert.Equal(t, []string{"violated items[0].spec.template.spec" + field}, of("k8s-no-privileged",
			rules.Check(rules.Resource{Type: "kubernetes:core/v1:List", Properties: property.NewMap(
				map[string]property.Value{"items": property.New([]property.Value{item})})})))
	})
}

func TestPatchesAreOnlyAskedForWhatTheySay(t *testing.T) {
	t.Parallel()
	patch := rules.Resource{
		Type:       "kubernetes:apps/v1:DeploymentPatch",
		Properties: parse(`{metadata: {name: web}, spec: {template: {spec: {containers: [{name: web}]}}}}`),
	}
	assert.Empty(t, rules.Check(patch))
	assert.Equal(t, []string{inContainer + "image"}, of("k8s-image-pinned",
		rules.Check(with(patch, "spec.template.spec.containers.0.image", property.New("web:latest")))))
}

func TestResourcesOfOtherKindsAreNotLookedAt(t *testing.T) {
	t.Parallel()
	bad := with(compliant(deployment), podOfDeploy+"hostNetwork", property.New(true))
	for _, token := range []string{
		"", ":", "kubernetes:", "kubernetes:apps", "kubernetes:apps.kruise.io/v1:Deployment", "aws:apps/v1:Deployment",
		"pulumi:pulumi:Stack", "dmcloud:kubernetes:App", "kubernetes:core/v1:Deployment",
	} {
		bad.Type = token
		assert.Empty(t, rules.Check(bad), token)
	}
}

func TestFindingsTellWhereWhatAndHow(t *testing.T) {
	t.Parallel()
	const path = "spec.template.spec.containers[0].securityContext."
	check := func(key string, v bool) rules.Finding {
		findings := rules.Check(with(compliant(deployment), podOfDeploy+sc+key, property.New(v)))
		require.Len(t, findings, 1)
		return findings[0]
	}
	mandatory := check("privileged", true)
	assert.Equal(t, `k8s-no-privileged: Deployment "web": `+path+"privileged: must not be true", mandatory.String())
	assert.Equal(t, path+"privileged: must not be true\nFix:\n  securityContext:\n    privileged: false",
		mandatory.Message())
	advisory := check("readOnlyRootFilesystem", false)
	assert.Equal(t, path+"readOnlyRootFilesystem: must be true (fix: policies/README.md)", advisory.Message())
}
