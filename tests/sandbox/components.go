package sandbox

import (
	"fmt"
	"path/filepath"

	"github.com/dekcd/dmcloud/tests/toolchain"
)

// The names of the processes, as in `status` and in the names of their logs.
const (
	etcdName              = "etcd"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
	kwokName              = "kwok"
)

const (
	serviceRange = "10.96.0.0/16"
	// apiServiceIP is the first address of serviceRange, which Kubernetes gives to the service of its own API.
	apiServiceIP = "10.96.0.1"
	podRange     = "10.244.0.0/16"
)

// component is a program and how it is run.
type component struct {
	name, program string
	// port is what it listens on; 0 for none.
	port int
	args []string
}

// components are in the order in which they are started; each needs those before it.
//
// The controller manager and the scheduler serve nothing (port 0), as there is nobody to ask them, and elect no
// leader, as there is one of each; nor do they hold back requests, which would make their start last twice as long.
// Everything that serves does so on the loopback address only.
func components(dir string, tools toolchain.Tools, p ports) []component {
	pki := func(name string) string { return filepath.Join(dir, pkiFolder, name) }
	etcdURL := fmt.Sprintf("https://127.0.0.1:%d", p.Etcd)
	control := func(client string) []string {
		return []string{
			"--kubeconfig=" + kubeconfigOf(dir, client),
			"--secure-port=0",
			"--leader-elect=false",
			"--kube-api-qps=1000",
			"--kube-api-burst=1000",
			"--profiling=false",
		}
	}
	return []component{
		{name: etcdName, program: tools.Etcd, port: p.Etcd, args: []string{
			"--data-dir=" + filepath.Join(dir, etcdFolder),
			"--listen-client-urls=" + etcdURL,
			"--advertise-client-urls=" + etcdURL,
			// There are no peers; port 0 lets the kernel choose one.
			"--listen-peer-urls=https://127.0.0.1:0",
			"--cert-file=" + pki("etcd.crt"),
			"--key-file=" + pki("etcd.key"),
			"--client-cert-auth",
			"--trusted-ca-file=" + pki("etcd-ca.crt"),
			"--peer-cert-file=" + pki("etcd.crt"),
			"--peer-key-file=" + pki("etcd.key"),
			"--peer-client-cert-auth",
			"--peer-trusted-ca-file=" + pki("etcd-ca.crt"),
			// What a power cut may take with it is made anew in seconds.
			"--unsafe-no-fsync",
			"--log-level=warn",
		}},
		{name: apiServerName, program: tools.KubeAPIServer, port: p.APIServer, args: []string{
			"--bind-address=127.0.0.1",
			fmt.Sprintf("--secure-port=%d", p.APIServer),
			// Kubernetes refuses a loopback address here. Nothing runs in the pods that could use it.
			"--advertise-address=192.0.2.1",
			"--endpoint-reconciler-type=none",
			"--etcd-servers=" + etcdURL,
			"--etcd-cafile=" + pki("etcd-ca.crt"),
			"--etcd-certfile=" + pki("etcd-client.crt"),
			"--etcd-keyfile=" + pki("etcd-client.key"),
			"--tls-cert-file=" + pki("apiserver.crt"),
			"--tls-private-key-file=" + pki("apiserver.key"),
			"--client-ca-file=" + pki("ca.crt"),
			"--anonymous-auth=false",
			"--authorization-mode=Node,RBAC",
			"--enable-admission-plugins=NodeRestriction",
			// As installers set it: who may run privileged pods is up to Pod Security.
			"--allow-privileged",
			"--service-cluster-ip-range=" + serviceRange,
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + pki("service-accounts.key"),
			"--service-account-signing-key-file=" + pki("service-accounts.key"),
			"--profiling=false",
		}},
		{name: controllerManagerName, program: tools.KubeControllerManager, args: append(control("controller-manager"),
			"--use-service-account-credentials",
			"--service-account-private-key-file="+pki("service-accounts.key"),
			"--root-ca-file="+pki("ca.crt"),
			"--cluster-cidr="+podRange,
			// The nodes are simulated and never fail. Without heartbeats they would be found lost after 40 s, and the
			// readiness that is then taken from their pods nobody would give back.
			"--node-monitor-grace-period=8760h",
		)},
		{name: schedulerName, program: tools.KubeScheduler, args: control("scheduler")},
		{name: kwokName, program: tools.Kwok, args: []string{
			"--kubeconfig=" + kubeconfigOf(dir, "kwok"),
			"--config=" + filepath.Join(dir, stageFile),
			"--manage-all-nodes=true",
			"--cidr=" + podRange,
		}},
	}
}
