//go:build integration

package sandbox_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/dekcd/dmcloud/tests/sandbox"
	"github.com/dekcd/dmcloud/tests/toolchain"
)

const (
	// soon is how long anything in a sandbox may take, on a machine that is busy with other tests.
	soon = 60 * time.Second
	tick = 50 * time.Millisecond
	// memoryLimit is what all processes of a sandbox may hold together.
	memoryLimit = 1 << 30
)

// cluster is a sandbox for one test.
type cluster struct {
	*sandbox.Sandbox
	config *rest.Config
	kubernetes.Interface
}

func up(t *testing.T, dir string, progress *bytes.Buffer) cluster {
	t.Helper()
	tools, err := toolchain.Ensure(t.Context(), os.Stderr, toolchain.Sandbox)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(t, sandbox.Down(ctx, dir))
		assert.NoDirExists(t, dir)
	})
	running, err := sandbox.Up(t.Context(), sandbox.Options{Dir: dir, Tools: tools, Progress: progress})
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", running.Kubeconfig)
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return cluster{Sandbox: running, config: config, Interface: client}
}

func TestSandboxBehavesLikeACluster(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sandbox")
	var progress bytes.Buffer
	c := up(t, dir, &progress)
	assert.Contains(t, progress.String(), "The sandbox is ready after")
	info, err := os.Stat(c.Kubeconfig)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	// A second up is quick and silent.
	before, err := sandbox.Remembered(dir)
	require.NoError(t, err)
	progress.Reset()
	began := time.Now()
	up(t, dir, &progress)
	assert.Less(t, time.Since(began), 5*time.Second)
	assert.Empty(t, progress.String())
	after, err := sandbox.Remembered(dir)
	require.NoError(t, err)
	assert.Equal(t, before, after)

	// The subtests share the sandbox, each in a namespace of its own; they end before it does.
	for name, check := range map[string]func(*testing.T, cluster){
		"it is the release of the table":          release,
		"workloads become ready and claims bind":  workloads,
		"pod security is enforced":                podSecurity,
		"no namespace is left open":               fenced,
		"nobody gets in without a certificate":    anonymous,
		"a service account may do nothing":        serviceAccount,
		"it listens on the loopback address only": loopbackOnly,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, c)
		})
	}
}

func release(t *testing.T, c cluster) {
	version, err := c.Discovery().ServerVersion()
	require.NoError(t, err)
	assert.Regexp(t, `^v1\.37\.\d+$`, version.GitVersion)
}

func workloads(t *testing.T, c cluster) {
	ctx := t.Context()
	namespace := c.namespace(t, "restricted")
	labels := map[string]string{"app": "test"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: restrictedPod()}
	template.Spec.InitContainers = []corev1.Container{restrictedContainer("init"), restrictedContainer("sidecar")}
	template.Spec.InitContainers[1].RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	jobTemplate := *template.DeepCopy()
	jobTemplate.Labels = nil
	jobTemplate.Spec.RestartPolicy = corev1.RestartPolicyNever
	create := metav1.CreateOptions{}

	_, err := c.AppsV1().Deployments(namespace).Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(3)), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template,
		},
	}, create)
	require.NoError(t, err)
	_, err = c.BatchV1().Jobs(namespace).Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "setup"}, Spec: batchv1.JobSpec{Template: jobTemplate},
	}, create)
	require.NoError(t, err)
	databaseLabels := map[string]string{"app": "database"}
	_, err = c.AppsV1().StatefulSets(namespace).Create(ctx, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "database"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: databaseLabels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: databaseLabels}, Spec: restrictedPod()},
			// No class: the default one.
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*claim("data", "", corev1.ReadWriteOnce)},
		},
	}, create)
	require.NoError(t, err)
	claims := c.CoreV1().PersistentVolumeClaims(namespace)
	for _, pvc := range []*corev1.PersistentVolumeClaim{
		claim("shared", sandbox.SharedClass, corev1.ReadWriteMany),
		claim("impossible", sandbox.StandardClass, corev1.ReadWriteMany),
		claim("unused", sandbox.StandardClass, corev1.ReadWriteOnce),
	} {
		_, err = claims.Create(ctx, pvc, create)
		require.NoError(t, err)
	}
	_, err = c.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, Selector: labels, Ports: []corev1.ServicePort{{Port: 80}},
		},
	}, create)
	require.NoError(t, err)
	_, err = c.NetworkingV1().Ingresses(namespace).Create(ctx, &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{
				Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80},
			},
		}},
	}, create)
	require.NoError(t, err)

	get := metav1.GetOptions{}
	eventually(t, func(ctx context.Context) error {
		d, err := c.AppsV1().Deployments(namespace).Get(ctx, "web", get)
		return because(err, d.Status.AvailableReplicas == 3, "deployment: %+v", d.Status)
	})
	eventually(t, func(ctx context.Context) error {
		j, err := c.BatchV1().Jobs(namespace).Get(ctx, "setup", get)
		return because(err, j.Status.Succeeded == 1 && j.Status.CompletionTime != nil, "job: %+v", j.Status)
	})
	eventually(t, func(ctx context.Context) error {
		s, err := c.AppsV1().StatefulSets(namespace).Get(ctx, "database", get)
		return because(err, s.Status.ReadyReplicas == 2, "stateful set: %+v", s.Status)
	})
	for _, name := range []string{"shared", "data-database-0", "data-database-1"} {
		eventually(t, func(ctx context.Context) error {
			pvc, err := claims.Get(ctx, name, get)
			return because(err, pvc.Status.Phase == corev1.ClaimBound, "claim %s: %+v", name, pvc.Status)
		})
	}
	eventually(t, func(ctx context.Context) error {
		s, err := c.CoreV1().Services(namespace).Get(ctx, "web", get)
		return because(err, len(s.Status.LoadBalancer.Ingress) == 1, "service: %+v", s.Status)
	})
	eventually(t, func(ctx context.Context) error {
		i, err := c.NetworkingV1().Ingresses(namespace).Get(ctx, "web", get)
		return because(err, len(i.Status.LoadBalancer.Ingress) == 1 && *i.Spec.IngressClassName == sandbox.IngressClass,
			"ingress: %+v", i)
	})

	pods, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app"})
	require.NoError(t, err)
	addresses, nodes := map[string]bool{}, map[string]bool{}
	for _, pod := range pods.Items {
		addresses[pod.Status.PodIP], nodes[pod.Spec.NodeName] = true, true
	}
	assert.Len(t, addresses, 5, "every pod has an address of its own")
	assert.Len(t, nodes, 2, "both nodes are used")

	for name, phase := range map[string]corev1.PersistentVolumeClaimPhase{
		"impossible": corev1.ClaimPending, "unused": corev1.ClaimBound,
	} {
		pvc, err := claims.Get(ctx, name, get)
		require.NoError(t, err)
		assert.Equal(t, phase, pvc.Status.Phase, "claim %s", name)
	}

	_, err = claims.Patch(ctx, "shared", "application/merge-patch+json",
		[]byte(`{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	eventually(t, func(ctx context.Context) error {
		pvc, err := claims.Get(ctx, "shared", get)
		size := pvc.Status.Capacity[corev1.ResourceStorage]
		return because(err, size.Cmp(resource.MustParse("2Gi")) == 0, "claim: %+v", pvc.Status)
	})

	statuses, err := sandbox.Status(c.Dir)
	require.NoError(t, err)
	require.Len(t, statuses, 5)
	var memory int64
	for _, s := range statuses {
		assert.NotZero(t, s.PID, s.Name)
		memory += s.ResidentBytes
		t.Logf("%s: %d MiB", s.Name, s.ResidentBytes>>20)
	}
	assert.Less(t, memory, int64(memoryLimit))

	require.NoError(t, c.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}))
	eventually(t, func(ctx context.Context) error {
		_, err := c.CoreV1().Namespaces().Get(ctx, namespace, get)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return because(err, false, "the namespace is still there")
	})
	eventually(t, func(ctx context.Context) error {
		volumes, err := c.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
		return because(err, len(volumes.Items) == 0, "%d volumes are left", len(volumes.Items))
	})
}

func podSecurity(t *testing.T, c cluster) {
	pods := c.CoreV1().Pods(c.namespace(t, "restricted"))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}, Spec: restrictedPod()}
	pod.Spec.Containers[0].SecurityContext.Privileged = new(true)
	pod.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil
	_, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	require.ErrorContains(t, err, "privileged")

	pod.Spec = restrictedPod()
	_, err = pods.Create(t.Context(), pod, metav1.CreateOptions{})
	require.NoError(t, err)
}

func fenced(t *testing.T, c cluster) {
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		namespace, err := c.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		assert.Equal(t, "restricted", namespace.Labels["pod-security.kubernetes.io/enforce"], name)
		assert.Regexp(t, `^v1\.\d+$`, namespace.Labels["pod-security.kubernetes.io/enforce-version"], name)
		deny, err := c.NetworkingV1().NetworkPolicies(name).Get(t.Context(), "default-deny", metav1.GetOptions{})
		require.NoError(t, err)
		assert.Len(t, deny.Spec.PolicyTypes, 2, name)
	}
}

func anonymous(t *testing.T, c cluster) {
	config := rest.AnonymousClientConfig(c.config)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	_, err = client.Discovery().ServerVersion()
	assert.True(t, apierrors.IsUnauthorized(err), "%v", err)

	// etcd does not even finish the handshake.
	statuses, err := sandbox.Status(c.Dir)
	require.NoError(t, err)
	require.Equal(t, "etcd", statuses[0].Name)
	//nolint:gosec // G402: whether it lets us in is asked, not whether we trust it
	careless := &tls.Config{InsecureSkipVerify: true}
	insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: careless}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		fmt.Sprintf("https://127.0.0.1:%d/version", statuses[0].Port), nil)
	require.NoError(t, err)
	response, err := insecure.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	assert.ErrorContains(t, err, "certificate required")
}

func serviceAccount(t *testing.T, c cluster) {
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:default:default", Groups: []string{"system:authenticated"},
	}
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	_, err = client.CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
	assert.True(t, apierrors.IsForbidden(err), "%v", err)
}

// loopbackOnly looks at what each process really listens on (proc(5): local address, state 0A, inode).
func loopbackOnly(t *testing.T, c cluster) {
	const addressColumn, stateColumn, inodeColumn, listening = 1, 3, 9, "0A"
	statuses, err := sandbox.Status(c.Dir)
	require.NoError(t, err)
	found := 0
	for _, s := range statuses {
		sockets := map[string]bool{}
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.PID))
		require.NoError(t, err)
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, "socket:[") {
				sockets[strings.Trim(target, "socket:[]")] = true
			}
		}
		for family, loopback := range map[string]string{"tcp": "0100007F:", "tcp6": "00000000000000000000000001000000:"} {
			table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", s.PID, family))
			if errors.Is(err, os.ErrNotExist) {
				continue // No IPv6 here.
			}
			require.NoError(t, err)
			for line := range strings.Lines(string(table)) {
				fields := strings.Fields(line)
				if len(fields) > inodeColumn && fields[stateColumn] == listening && sockets[fields[inodeColumn]] {
					found++
					assert.True(t, strings.HasPrefix(fields[addressColumn], loopback), "%s listens on %s",
						s.Name, fields[addressColumn])
				}
			}
		}
	}
	// etcd for clients and for peers, the API server.
	assert.Equal(t, 3, found)
}

func TestTwoSandboxesSideBySide(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := up(t, filepath.Join(folder, "one"), &bytes.Buffer{})
	second := up(t, filepath.Join(folder, "two"), &bytes.Buffer{})
	name := first.namespace(t, "baseline")
	_, err := second.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	_, err = kubernetes.NewForConfigOrDie(&rest.Config{
		Host: second.config.Host, TLSClientConfig: first.config.TLSClientConfig,
	}).Discovery().ServerVersion()
	require.Error(t, err, "the certificates of one are good for the other")

	processes, err := sandbox.Remembered(first.Dir)
	require.NoError(t, err)
	require.Len(t, processes, 5)
	require.NoError(t, sandbox.Down(t.Context(), first.Dir))
	assert.NoDirExists(t, first.Dir)
	for process, id := range processes {
		assert.False(t, id.Alive(), "%s runs on", process)
	}
	_, err = second.Discovery().ServerVersion()
	require.NoError(t, err, "the other one was ended too")
}

func TestUpMendsWhatEnded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sandbox")
	c := up(t, dir, &bytes.Buffer{})
	namespace := c.namespace(t, "baseline")
	before, err := sandbox.Remembered(dir)
	require.NoError(t, err)

	kill(t, before["kwok"])
	up(t, dir, &bytes.Buffer{})
	after, err := sandbox.Remembered(dir)
	require.NoError(t, err)
	assert.NotEqual(t, before["kwok"], after["kwok"])
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		assert.Equal(t, before[name], after[name], "%s was started again too", name)
	}

	// As after a power cut, with the API's port in the hands of somebody else.
	api, err := clientcmd.LoadFromFile(c.Kubeconfig)
	require.NoError(t, err)
	oldServer := api.Clusters[sandbox.Context].Server
	kill(t, slices.Collect(maps.Values(after))...)
	occupy(t, strings.TrimPrefix(oldServer, "https://"))
	again := up(t, dir, &bytes.Buffer{})
	assert.NotEqual(t, oldServer, again.config.Host)
	_, err = again.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	require.NoError(t, err, "what was in the cluster is lost")
}

func TestInterruptedUpEndsWhatItStarted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sandbox")
	tools, err := toolchain.Ensure(t.Context(), os.Stderr, toolchain.Sandbox)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := sandbox.Up(ctx, sandbox.Options{Dir: dir, Tools: tools})
		result <- err
	}()
	started := map[string]sandbox.Identity{}
	require.Eventually(t, func() bool {
		started, err = sandbox.Remembered(dir)
		return err == nil && len(started) >= 2
	}, soon, tick)
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	for name, id := range started {
		assert.False(t, id.Alive(), "%s runs on", name)
	}
	require.NoError(t, sandbox.Down(t.Context(), dir))
	assert.NoDirExists(t, dir)
}

// namespace makes one with this Pod Security level.
func (c cluster) namespace(t *testing.T, level string) string {
	t.Helper()
	namespace, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "test-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": level},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	// Pods need it, and it comes a moment later.
	eventually(t, func(ctx context.Context) error {
		_, err := c.CoreV1().ServiceAccounts(namespace.Name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return namespace.Name
}

func restrictedPod() corev1.PodSpec {
	return corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(1000)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{restrictedContainer("main")},
	}
}

func restrictedContainer(name string) corev1.Container {
	return corev1.Container{
		Name: name, Image: "example.org/image:1.0",
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}

func claim(name, class string, mode corev1.PersistentVolumeAccessMode) *corev1.PersistentVolumeClaim {
	pvc := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{mode},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			},
		},
	}
	if class != "" {
		pvc.Spec.StorageClassName = new(class)
	}
	return pvc
}

func because(err error, holds bool, format string, args ...any) error {
	if err != nil || holds {
		return err
	}
	return fmt.Errorf(format, args...)
}

// eventually repeats check until it succeeds, and shows its last error when it never does.
func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(soon); time.Now().Before(deadline); time.Sleep(tick) {
		if err = check(t.Context()); err == nil {
			return
		}
	}
	require.NoError(t, err)
}

// kill ends processes the hard way, all at once, and waits until they are gone.
func kill(t *testing.T, ids ...sandbox.Identity) {
	t.Helper()
	for _, id := range ids {
		require.True(t, id.Alive(), "process %d", id.PID)
	}
	for _, id := range ids {
		// One that depends on another may have ended with it.
		if err := syscall.Kill(id.PID, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
			require.NoError(t, err)
		}
	}
	for _, id := range ids {
		require.Eventually(t, func() bool { return !id.Alive() }, soon, tick)
	}
}

// occupy takes an address until the test ends. Whoever had it may be gone from the process table while its last thread
// still holds the socket.
func occupy(t *testing.T, address string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			t.Cleanup(func() { _ = listener.Close() })
		}
		return err
	})
}
