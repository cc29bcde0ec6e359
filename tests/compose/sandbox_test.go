//go:build integration

package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/compose/command"
	"github.com/dekcd/dmcloud/tests/compose/corpus"
	"github.com/dekcd/dmcloud/tests/sandbox"
	"github.com/dekcd/dmcloud/tests/toolchain"
)

const (
	// atOnce is how many applications are on the sandbox together; its nodes take 220 pods.
	atOnce = 6
	// readyWithin is how long an application may take until all its pods are ready, on a busy machine.
	readyWithin = 3 * time.Minute
)

// TestScore converts every accepted file of the corpus as a user would, applies it to a real API server whose namespace
// enforces Pod Security restricted, and waits until every pod is ready. It prints the score.
func TestScore(t *testing.T) {
	t.Parallel()
	b := open(t)
	turns := make(chan struct{}, atOnce)
	type score struct{ ready, refused, failed int }
	scores := map[string]*score{}
	results := make(chan func(), 1000)
	t.Run("cases", func(t *testing.T) {
		for _, c := range cases(t) {
			if scores[c.Kind] == nil {
				scores[c.Kind] = &score{}
			}
			if !c.Accepted() {
				scores[c.Kind].refused++ // with the fix: TestEveryFileIsAcceptedOrRefusedWithTheFix
				continue
			}
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				turns <- struct{}{}
				defer func() { <-turns }()
				b.run(t, c)
				failed := t.Failed()
				results <- func() {
					if failed {
						scores[c.Kind].failed++
					} else {
						scores[c.Kind].ready++
					}
				}
			})
		}
	})
	close(results)
	for count := range results {
		count()
	}
	for _, kind := range []string{"projects", "specification", "seek"} {
		s := scores[kind]
		t.Logf("score of %s: %d accepted under restricted with all pods ready, %d refused with the fix, %d failed",
			kind, s.ready, s.refused, s.failed)
	}
}

// bed is a sandbox with clients of its API.
type bed struct {
	client  kubernetes.Interface
	dynamic dynamic.Interface
}

func open(t *testing.T) *bed {
	t.Helper()
	tools, err := toolchain.Ensure(t.Context(), os.Stderr, toolchain.Sandbox)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "sandbox")
	t.Cleanup(func() {
		// Not the test's context: that has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		assert.NoError(t, sandbox.Down(ctx, dir))
	})
	running, err := sandbox.Up(t.Context(), sandbox.Options{Dir: dir, Tools: tools, Progress: os.Stderr})
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", running.Kubeconfig)
	require.NoError(t, err)
	config.QPS, config.Burst = 200, 400
	b := &bed{}
	b.client, err = kubernetes.NewForConfig(config)
	require.NoError(t, err)
	b.dynamic, err = dynamic.NewForConfig(config)
	require.NoError(t, err)
	return b
}

func (b *bed) run(t *testing.T, c corpus.Case) {
	t.Helper()
	dir := t.TempDir()
	var out bytes.Buffer
	args := append([]string{"convert", "-o", dir, "-shared-storage-class", sandbox.SharedClass}, c.Flags()...)
	code := command.Run(t.Context(), command.Process{Args: append(args, c.Paths()...), Stdout: &out, Stderr: &out})
	require.Zero(t, code, out.String())
	objects := read(t, dir)
	b.outside(t, c.Slug(), out.String(), objects)
	b.label(t, objects)
	for _, o := range objects {
		b.apply(t, o)
	}
	b.ready(t, c.Slug())
	// Others need the room; the API server deletes what is in it.
	require.NoError(t, b.client.CoreV1().Namespaces().Delete(t.Context(), c.Slug(), metav1.DeleteOptions{}))
}

// read reads the objects of all files that convert wrote, in the order of applying.
func read(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	require.NoError(t, err)
	var objects []*unstructured.Unstructured
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for document := range strings.SplitSeq(string(content), "---\n") {
			if strings.TrimSpace(document) == "" {
				continue
			}
			o := &unstructured.Unstructured{}
			require.NoError(t, yaml.Unmarshal([]byte(document), &o.Object))
			objects = append(objects, o)
		}
	}
	require.NotEmpty(t, objects)
	return objects
}

// resources are the API's names for the kinds that convert writes.
func resources() map[string]string {
	return map[string]string{
		"Namespace": "namespaces", "ResourceQuota": "resourcequotas", "LimitRange": "limitranges",
		"NetworkPolicy": "networkpolicies", "ServiceAccount": "serviceaccounts", "ConfigMap": "configmaps",
		"Secret": "secrets", "PersistentVolumeClaim": "persistentvolumeclaims", "Service": "services",
		"PodDisruptionBudget": "poddisruptionbudgets", "Deployment": "deployments", "StatefulSet": "statefulsets",
		"Job": "jobs", "Ingress": "ingresses",
	}
}

// apply is kubectl apply --server-side, strict about fields that the API does not know.
func (b *bed) apply(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	kind := o.GroupVersionKind()
	name, ok := resources()[kind.Kind]
	require.True(t, ok, "%s is not applied", kind.Kind)
	text, err := json.Marshal(o.Object)
	require.NoError(t, err)
	resource := b.dynamic.Resource(schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: name})
	options := metav1.PatchOptions{FieldManager: "test", FieldValidation: metav1.FieldValidationStrict}
	if o.GetNamespace() == "" {
		_, err = resource.Patch(t.Context(), o.GetName(), types.ApplyPatchType, text, options)
	} else {
		_, err = resource.Namespace(o.GetNamespace()).Patch(t.Context(), o.GetName(), types.ApplyPatchType, text, options)
	}
	require.NoError(t, err, "%s %s", kind.Kind, o.GetName())
}

// outside makes the secrets that convert says somebody else must make.
func (b *bed) outside(t *testing.T, namespace, said string, objects []*unstructured.Unstructured) {
	t.Helper()
	for line := range strings.Lines(said) {
		var name, in string
		if n, _ := fmt.Sscanf(line, "Before that, make the Secret %s in namespace %s", &name, &in); n != 2 {
			continue
		}
		i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Namespace" })
		require.GreaterOrEqual(t, i, 0)
		b.apply(t, objects[i])
		_, err := b.client.CoreV1().Secrets(namespace).Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{"value": "from somewhere else"},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

// label gives the nodes the labels that pods ask for, as whoever runs the cluster would.
func (b *bed) label(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		wanted, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "spec", "nodeSelector")
		if len(wanted) == 0 {
			continue
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": wanted}})
		require.NoError(t, err)
		nodes, err := b.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, node := range nodes.Items {
			_, err := b.client.CoreV1().Nodes().Patch(t.Context(), node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			require.NoError(t, err)
		}
	}
}

// ready waits until every workload is as large as it should be, and says what stands in the way otherwise.
func (b *bed) ready(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	defer cancel()
	var waiting []string
	for {
		var err error
		waiting, err = b.waiting(ctx, namespace)
		if err == nil && len(waiting) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			require.Fail(t, "not ready", "%s: %v", strings.Join(waiting, ", "), b.events(t, namespace))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// waiting lists the workloads and claims that are not there yet.
func (b *bed) waiting(ctx context.Context, namespace string) ([]string, error) {
	var waiting []string
	deployments, err := b.client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, d := range deployments.Items {
		if d.Status.AvailableReplicas != *d.Spec.Replicas || d.Status.ObservedGeneration != d.Generation {
			waiting = append(waiting, "Deployment "+d.Name)
		}
	}
	sets, err := b.client.AppsV1().StatefulSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, s := range sets.Items {
		if s.Status.ReadyReplicas != *s.Spec.Replicas {
			waiting = append(waiting, "StatefulSet "+s.Name)
		}
	}
	jobs, err := b.client.BatchV1().Jobs(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, j := range jobs.Items {
		if j.Status.CompletionTime == nil {
			waiting = append(waiting, "Job "+j.Name)
		}
	}
	claims, err := b.client.CoreV1().PersistentVolumeClaims(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, c := range claims.Items {
		if c.Status.Phase != corev1.ClaimBound {
			waiting = append(waiting, "claim "+c.Name)
		}
	}
	return waiting, nil
}

// events are what the cluster complains of.
func (b *bed) events(t *testing.T, namespace string) []string {
	t.Helper()
	list, err := b.client.CoreV1().Events(namespace).List(context.WithoutCancel(t.Context()), metav1.ListOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return []string{err.Error()}
	}
	var messages []string
	for _, e := range list.Items {
		if e.Type == corev1.EventTypeWarning {
			messages = append(messages, e.InvolvedObject.Name+": "+e.Message)
		}
	}
	return messages
}
