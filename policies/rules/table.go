package rules

import (
	"github.com/dekcd/dmcloud/policies/settings"
)

// Table is every rule of the pack, in the order of the documentation. It is a new slice each time.
//
// The Pod Security Standards are those of k8s.io/pod-security-admission/policy, evaluated by that library. Ids of other
// catalogues are those of the CIS Kubernetes Benchmark 1.10, Kubescape's framework for the NSA/CISA Kubernetes
// Hardening Guide 1.2, the built-in checks of kube-linter, Checkov and Trivy, and BSI IT-Grundschutz-Kompendium 2023.
func Table() []Rule {
	var table []Rule
	table = append(table, podIsolationRules()...)
	table = append(table, podIdentityRules()...)
	table = append(table, podContentRules()...)
	table = append(table, clusterRules()...)
	return append(table, cloudRules()...)
}

func podIsolationRules() []Rule {
	return []Rule{
		{
			ID:    "k8s-no-privileged",
			Title: "Containers are not privileged",
			Checks: "`securityContext.privileged` of every container, init container and ephemeral container is unset or " +
				"false.",
			Why: "A privileged container has every capability and every device of its node: whoever gets into it owns the " +
				"node and every pod on it.",
			Fix: `securityContext:
  privileged: false
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				PodSecurity: []string{"privileged"}, CIS: []string{"5.2.2"}, NSACISA: []string{"C-0057"},
				KubeLinter: []string{"privileged-container"}, Checkov: []string{"CKV_K8S_16"}, Trivy: []string{"KSV0017"},
				BSI: []string{"SYS.1.6.A17", "APP.4.4.A4"},
			},
			check: podRule(privilegedCheck()),
		},
		{
			ID:     "k8s-no-host-namespaces",
			Title:  "Pods do not share the namespaces of their node",
			Checks: "`hostNetwork`, `hostPID` and `hostIPC` of the pod are unset or false.",
			Why: "In the node's namespaces a pod sees the traffic, the processes and the shared memory of everything else " +
				"on it, and network policies do not apply.",
			Fix: `hostNetwork: false
hostPID: false
hostIPC: false
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				PodSecurity: []string{"hostNamespaces"}, CIS: []string{"5.2.3", "5.2.4", "5.2.5"},
				NSACISA:    []string{"C-0038", "C-0041"},
				KubeLinter: []string{"host-network", "host-pid", "host-ipc"},
				Checkov:    []string{"CKV_K8S_17", "CKV_K8S_18", "CKV_K8S_19"},
				Trivy:      []string{"KSV0008", "KSV0009", "KSV0010"}, BSI: []string{"SYS.1.6.A17", "APP.4.4.A4"},
			},
			check: podRule(hostNamespacesCheck()),
		},
		{
			ID:     "k8s-no-host-path",
			Title:  "Pods do not mount paths of their node",
			Checks: "No volume of the pod is a `hostPath`. That includes the sockets of container engines.",
			Why: "A path of the node lets a pod read other pods' files and credentials, or take the node over through the " +
				"container engine's socket.",
			Fix: `volumes:
  - name: data
    persistentVolumeClaim:
      claimName: data
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				PodSecurity: []string{"hostPathVolumes"}, CIS: []string{"5.2.12"},
				KubeLinter: []string{"sensitive-host-mounts", "docker-sock"}, Checkov: []string{"CKV_K8S_27"},
				Trivy: []string{"KSV0006", "KSV0023"}, BSI: []string{"SYS.1.6.A19"},
			},
			check: podRule(hostPathCheck()),
		},
		{
			ID:     "k8s-no-host-port",
			Title:  "Containers do not open ports of their node",
			Checks: "No port of any container sets `hostPort`, except to 0.",
			Why: "A port of the node is open to everybody who reaches the node, past Services, Ingress and most network " +
				"policies.",
			Fix: `ports:
  - containerPort: 8080 # reached through a Service
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				PodSecurity: []string{"hostPorts"}, CIS: []string{"5.2.13"}, NSACISA: []string{"C-0044"},
				Checkov: []string{"CKV_K8S_26"}, Trivy: []string{"KSV0024"}, BSI: []string{"APP.4.4.A7"},
			},
			check: podRule(hostPortsCheck()),
		},
	}
}

func podIdentityRules() []Rule {
	return []Rule{
		{
			ID:    "k8s-run-as-non-root",
			Title: "Containers do not run as root",
			Checks: "`securityContext.runAsNonRoot` is true for every container, by itself or by the pod, and `runAsUser` is " +
				"nowhere 0. Pods with a user namespace of their own (`hostUsers: false`) are exempt, as they are in the API " +
				"server.",
			Why: "Root in a container is root on the node as soon as anything else fails: a mount, a kernel bug, the " +
				"container engine.",
			Fix: `securityContext:
  runAsNonRoot: true
  runAsUser: 1000 # the image's user
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				PodSecurity: []string{"runAsNonRoot", "runAsUser"}, CIS: []string{"5.2.7"}, NSACISA: []string{"C-0013"},
				KubeLinter: []string{"run-as-non-root"}, Checkov: []string{"CKV_K8S_23"},
				Trivy: []string{"KSV0012", "KSV0105"}, BSI: []string{"SYS.1.6.A17", "SYS.1.6.A18"},
			},
			check: podRule(runAsNonRootCheck(), runAsUserCheck()),
		},
		{
			ID:    "k8s-no-privilege-escalation",
			Title: "Processes can not gain privileges",
			Checks: "`securityContext.allowPrivilegeEscalation` of every container is false. Pods that declare Windows are " +
				"exempt.",
			Why: "Otherwise a setuid program in the image turns any user into root.",
			Fix: `securityContext:
  allowPrivilegeEscalation: false
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				PodSecurity: []string{"allowPrivilegeEscalation"}, CIS: []string{"5.2.6"}, NSACISA: []string{"C-0016"},
				KubeLinter: []string{"privilege-escalation-container"}, Checkov: []string{"CKV_K8S_20"},
				Trivy: []string{"KSV0001"}, BSI: []string{"SYS.1.6.A17"},
			},
			check: podRule(privilegeEscalationCheck()),
		},
		{
			ID:    "k8s-drop-all-caps",
			Title: "Containers drop all capabilities",
			Checks: "`securityContext.capabilities` of every container drops `ALL` and adds at most `NET_BIND_SERVICE`. Pods " +
				"that declare Windows are exempt.",
			Why: "Capabilities are pieces of root; the default set lets a container forge packets and change file owners.",
			Fix: `securityContext:
  capabilities:
    drop: [ALL]
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				PodSecurity: []string{"capabilities_restricted"}, CIS: []string{"5.2.8", "5.2.9", "5.2.10"},
				NSACISA: []string{"C-0046"}, KubeLinter: []string{"drop-net-raw-capability"},
				Checkov: []string{"CKV_K8S_25", "CKV_K8S_28", "CKV_K8S_37", "CKV_K8S_39"},
				Trivy:   []string{"KSV0003", "KSV0022", "KSV0119"}, BSI: []string{"SYS.1.6.A17", "SYS.1.6.A21"},
			},
			check: podRule(capabilitiesCheck()),
		},
		{
			ID:    "k8s-seccomp",
			Title: "System calls are filtered",
			Checks: "`securityContext.seccompProfile.type` is `RuntimeDefault` or `Localhost` for every container, by itself " +
				"or by the pod. Pods that declare Windows are exempt.",
			Why: "Without a profile a container may make every system call, which is where most escapes to the node begin.",
			Fix: `securityContext:
  seccompProfile:
    type: RuntimeDefault
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				PodSecurity: []string{"seccompProfile_restricted"}, CIS: []string{"5.7.2"}, NSACISA: []string{"C-0055"},
				Checkov: []string{"CKV_K8S_31"}, Trivy: []string{"KSV0030"}, BSI: []string{"SYS.1.6.A21"},
			},
			check: podRule(seccompCheck()),
		},
		{
			ID:    "k8s-sa-token-off",
			Title: "Pods get no token of the Kubernetes API",
			Checks: "`automountServiceAccountToken` is false in every pod and every ServiceAccount. What calls the API by " +
				"design, such as a controller, gets an exception.",
			Why: "A token in a pod is a login to the cluster for whoever gets into the pod, and few applications use it.",
			Fix: `automountServiceAccountToken: false
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: append(workloadKinds(), "core/ServiceAccount"),
			References: References{
				CIS: []string{"5.1.5", "5.1.6"}, NSACISA: []string{"C-0034"},
				Checkov: []string{"CKV_K8S_38", "CKV_K8S_41"}, Trivy: []string{"KSV0036"}, BSI: []string{"APP.4.4.A9"},
			},
			check: checkTokenOff,
		},
	}
}

func podContentRules() []Rule {
	return []Rule{
		{
			ID:    "k8s-read-only-rootfs",
			Title: "Containers do not change their own files",
			Checks: "`securityContext.readOnlyRootFilesystem` of every container is true. Pods that declare Windows are " +
				"exempt.",
			Why: "An attacker who can't write can't leave tools or change the program; and what an application writes " +
				"outside of its volumes is lost at the next restart.",
			Fix: `securityContext:
  readOnlyRootFilesystem: true
volumeMounts:
  - name: tmp # an emptyDir for each path the program writes to
    mountPath: /tmp
`,
			Level: settings.Advisory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				NSACISA: []string{"C-0017"}, KubeLinter: []string{"no-read-only-root-fs"}, Checkov: []string{"CKV_K8S_22"},
				Trivy: []string{"KSV0014"}, BSI: []string{"SYS.1.6.A23"},
			},
			check: checkReadOnlyRoot,
		},
		{
			ID:    "k8s-memory-limit",
			Title: "Memory is limited",
			Checks: "`resources.limits.memory` of every container and init container, or of the whole pod, is a quantity " +
				"above zero.",
			Why: "A container without a limit takes the memory of its node, and the kernel then ends somebody else's " +
				"processes, a database for example.",
			Fix: `resources:
  limits:
    memory: 512Mi
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				NSACISA: []string{"C-0271"}, KubeLinter: []string{"unset-memory-requirements"},
				Checkov: []string{"CKV_K8S_13"}, Trivy: []string{"KSV0018"}, BSI: []string{"SYS.1.6.A15"},
			},
			check: checkMemoryLimit,
		},
		{
			ID:    "k8s-image-pinned",
			Title: "Images are pinned to a version",
			Checks: "`image` of every container has a digest, or a tag with a number in it that does not follow a branch or " +
				"release channel (`latest`, `main`, `stable`, `nightly`, …) without naming one build of it.",
			Why: "What a moving tag means changes without a review: every restart may bring another program, and no update " +
				"can be undone.",
			Fix: `image: docker.io/fairdom/seek:1.18.1 # or …@sha256:<digest>
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: workloadKinds(),
			References: References{
				CIS: []string{"5.5.1"}, KubeLinter: []string{"latest-tag"}, Checkov: []string{"CKV_K8S_14", "CKV_K8S_43"},
				Trivy: []string{"KSV0013"}, BSI: []string{"SYS.1.6.A6"},
			},
			check: checkImagePinned,
		},
		{
			ID:    "k8s-env-no-literal-secret",
			Title: "No secret stands in the open",
			Checks: "Environment literals, commands, arguments and ConfigMap entries are no Pulumi secrets, are not called " +
				"like a secret (`DB_PASSWORD`, `apiKey`, …) with a literal value, and hold no private key, access token or " +
				"URL with a password.",
			Why: "Everybody who may look at the object, its events or the process list reads them, and they end up in logs.",
			Fix: `env:
  - name: DB_PASSWORD
    valueFrom:
      secretKeyRef: {name: database, key: password}
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: append(workloadKinds(), "core/ConfigMap"),
			References: References{
				CIS: []string{"5.4.1"}, NSACISA: []string{"C-0012"}, KubeLinter: []string{"env-var-secret"},
				Trivy: []string{"KSV0109"}, BSI: []string{"SYS.1.6.A8"},
			},
			check: func(o *object) []verdict {
				if o.kind.kind == "ConfigMap" {
					return checkConfigMapSecrets(o)
				}
				return checkEnvSecrets(o)
			},
		},
	}
}

func clusterRules() []Rule {
	return []Rule{
		{
			ID:    "k8s-ns-default-deny",
			Title: "Namespaces deny all traffic by default",
			Checks: "Every Namespace of the stack has NetworkPolicies with an empty `podSelector` and no rules, for `Ingress` " +
				"and for `Egress`, in one policy or two. No rule of a NetworkPolicy with an empty `podSelector` has neither " +
				"peers (`from`, `to`) nor ports: it would allow everything again.",
			Why: "Without them every pod of the cluster reaches every other one and the internet: one broken web page is " +
				"enough to get to the database.",
			Fix: `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: seek}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
`,
			Level: settings.Mandatory, Scope: StackScope,
			Applies: []string{"core/Namespace", "networking.k8s.io/NetworkPolicy"},
			References: References{
				CIS: []string{"5.3.2"}, NSACISA: []string{"C-0030"}, KubeLinter: []string{"non-isolated-pod"},
				Checkov: []string{"CKV2_K8S_6"}, BSI: []string{"APP.4.4.A7", "APP.4.4.A18"},
			},
			checkStack: checkDefaultDeny,
		},
		{
			ID:     "k8s-rbac-no-wildcard",
			Title:  "Roles name what they allow",
			Checks: "No entry of `verbs`, `resources`, `apiGroups` or `nonResourceURLs` in a Role or ClusterRole is a wildcard.",
			Why: "A wildcard also allows what the next version of the cluster adds, such as reading every Secret of an " +
				"operator installed later.",
			Fix: `rules:
  - apiGroups: [apps]
    resources: [deployments]
    verbs: [get, list, watch]
`,
			Level: settings.Mandatory, Scope: ResourceScope,
			Applies: []string{"rbac.authorization.k8s.io/Role", "rbac.authorization.k8s.io/ClusterRole"},
			References: References{
				CIS: []string{"5.1.3"}, KubeLinter: []string{"wildcard-in-rules"}, Checkov: []string{"CKV_K8S_49"},
				Trivy: []string{"KSV0044", "KSV0045", "KSV0046"}, BSI: []string{"APP.4.4.A3"},
			},
			check: checkNoWildcard,
		},
		{
			ID:    "k8s-rbac-no-cluster-admin",
			Title: "Nobody is cluster administrator by accident",
			Checks: "No RoleBinding or ClusterRoleBinding binds `cluster-admin`, or has a subject that stands for everybody: " +
				"`system:masters`, `system:authenticated`, `system:unauthenticated`, `system:serviceaccounts`, " +
				"`system:anonymous`, or the ServiceAccount `default`.",
			Why: "One leaked token then is the whole cluster, and a right that everybody has is nobody's decision.",
			Fix: `roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: seek-backup}
subjects: [{kind: ServiceAccount, name: backup, namespace: seek}]
`,
			Level: settings.Mandatory, Scope: ResourceScope,
			Applies: []string{
				"rbac.authorization.k8s.io/RoleBinding", "rbac.authorization.k8s.io/ClusterRoleBinding",
			},
			References: References{
				CIS: []string{"5.1.1", "5.1.7"}, NSACISA: []string{"C-0035"},
				KubeLinter: []string{"cluster-admin-role-binding"}, Checkov: []string{"CKV_K8S_42"},
				Trivy: []string{"KSV0111", "KSV0122", "KSV0123"}, BSI: []string{"APP.4.4.A3"},
			},
			check: checkNoClusterAdmin,
		},
	}
}

func cloudRules() []Rule {
	return []Rule{
		{
			ID:    "os-sg-no-world-admin-ports",
			Title: "Administration ports are closed to the world",
			Checks: "No rule of a security group lets everybody reach SSH (22), Docker (2376), etcd (2379), RDP (3389), WinRM " +
				"(5985-5986), the Kubernetes API (6443) or a kubelet (10250). Everybody is a prefix of length 0 to 7, IPv4 or " +
				"IPv6, and no source at all; ports that are left out and protocols that are left out cover every port.",
			Why: "These ports are scanned and attacked within minutes of being open, and whoever gets through one " +
				"administers the machine.",
			Fix: `type: openstack:networking:SecGroupRule
properties:
  direction: ingress
  protocol: tcp
  portRangeMin: 22
  portRangeMax: 22
  remoteGroupId: ${bastion.id} # or remoteIpPrefix: the network of your VPN
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: []string{securityGroupRule, novaSecurityGroup},
			References: References{
				KubeLinter: []string{"ssh-port"}, Checkov: []string{"CKV_OPENSTACK_2", "CKV_OPENSTACK_3"},
				Trivy: []string{"OPNSTK-0003"}, BSI: []string{"NET.3.2.A2", "NET.3.2.A6"},
			},
			check: checkWorldAdminPorts,
		},
		{
			ID:     "os-instance-no-admin-pass",
			Title:  "Machines have no administrator password",
			Checks: "`adminPass` of an instance is unset.",
			Why: "The password stands in the state and in the metadata service, and it opens SSH and the console to whoever " +
				"guesses it.",
			Fix: `type: openstack:compute:Instance
properties:
  keyPair: ${keyPair.name}
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: []string{instance},
			References: References{
				Checkov: []string{"CKV_OPENSTACK_4"}, Trivy: []string{"OPNSTK-0001"}, BSI: []string{"SYS.1.3.A8"},
			},
			check: checkNoAdminPass,
		},
		{
			ID:    "os-provider-creds",
			Title: "Credentials of the cloud are secret, limited and checked",
			Checks: "`password`, `token`, `applicationCredentialSecret` and `key` of the OpenStack provider are Pulumi " +
				"secrets or unset, and `insecure` is not true. An application credential is not `unrestricted`, has `expiresAt`, " +
				"and a `secret` given for it is a Pulumi secret.",
			Why: "Whoever reads the state of the stack otherwise has the whole project in the cloud, for ever.",
			Fix: `pulumi config set --secret openstack:applicationCredentialSecret
# or leave them out and set OS_CLOUD or OS_APPLICATION_CREDENTIAL_SECRET in the environment
`,
			Level: settings.Mandatory, Scope: ResourceScope, Applies: []string{openStackProvider, applicationCreds},
			References: References{
				Checkov: []string{"CKV_OPENSTACK_1"}, BSI: []string{"APP.4.4.A10", "SYS.1.6.A8"},
			},
			check: checkProviderCredentials,
		},
	}
}
