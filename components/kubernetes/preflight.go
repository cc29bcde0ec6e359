package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
)

// preflightTimeout is how long the cluster may take to answer all questions.
const preflightTimeout = 10 * time.Second

// ErrUnreachable says that the cluster did not answer.
var ErrUnreachable = errors.New("the cluster does not answer")

// Preflight asks a cluster whether it has what the environment counts on, before the first resource: its version, its
// storage classes, its ingress class. It changes nothing. What the credentials may not read is passed over. The error
// is [ErrUnreachable] when there is no answer within ctx or ten seconds.
func Preflight(ctx context.Context, kubeconfig []byte, contextName string, c manifest.Cluster) (problem.List, error) {
	config, problems := clientConfig(kubeconfig, contextName)
	if len(problems) > 0 {
		return problems, nil
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for context %s: %w", contextName, err)
	}
	ctx, cancel := context.WithTimeout(ctx, preflightTimeout)
	defer cancel()
	server, err := client.Discovery().ServerVersionWithContext(ctx)
	switch {
	case apierrors.IsUnauthorized(err):
		problems.Addf("context", contextName, "log in to the cluster again", "the cluster does not accept its credentials")
		return problems, nil
	case apierrors.IsForbidden(err):
	case err != nil:
		return nil, fmt.Errorf("context %s, %s: %w: %w", contextName, config.Host, ErrUnreachable, err)
	default:
		problems = append(problems, checkVersion(server.GitVersion, c.PodSecurityVersion)...)
	}
	found, err := checkClasses(ctx, client, c)
	return append(problems, found...), err
}

// clientConfig picks the named context; the current one is never used by accident.
func clientConfig(kubeconfig []byte, contextName string) (*rest.Config, problem.List) {
	var problems problem.List
	parsed, err := clientcmd.Load(kubeconfig)
	if err != nil {
		problems.Addf("kubeconfig", nil, "kubectl config view shows what is wrong", "must be a kubeconfig file")
		return nil, problems
	}
	if _, ok := parsed.Contexts[contextName]; !ok {
		names := make([]string, 0, len(parsed.Contexts))
		for name := range parsed.Contexts {
			names = append(names, name)
		}
		slices.Sort(names)
		problems.Addf("context", contextName, choice(names), "the kubeconfig has no such context")
		return nil, problems
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*parsed, contextName, nil, nil).ClientConfig()
	if err != nil {
		problems.Addf("context", contextName, "", "can't be used: %s", err)
		return nil, problems
	}
	config.Timeout = preflightTimeout
	return config, nil
}

// checkVersion sees that the pinned Pod Security version is one the server knows: it takes a newer one for "latest" and
// the pin would mean nothing.
func checkVersion(server, podSecurity string) problem.List {
	var problems problem.List
	has, err := version.ParseGeneric(server)
	if err != nil {
		return nil
	}
	pinned, err := version.ParseGeneric(podSecurity)
	if err == nil && has.LessThan(pinned) {
		problems.Addf("podSecurityVersion", podSecurity, fmt.Sprintf("write v%d.%d", has.Major(), has.Minor()),
			"the cluster is older (%s)", server)
	}
	return problems
}

func checkClasses(ctx context.Context, client kubernetes.Interface, c manifest.Cluster) (problem.List, error) {
	var problems problem.List
	storage, err := client.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsForbidden(err):
	case err != nil:
		return nil, fmt.Errorf("list the storage classes: %w", err)
	default:
		var names []string
		hasDefault := false
		for _, class := range storage.Items {
			names = append(names, class.Name)
			hasDefault = hasDefault || class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true"
		}
		unknown(&problems, "storageClass", c.StorageClass, names)
		unknown(&problems, "sharedStorageClass", c.SharedStorageClass, names)
		if c.StorageClass == "" && !hasDefault {
			problems.Addf("storageClass", nil, choice(names),
				"the cluster has no default StorageClass, a claim without one waits for ever")
		}
	}
	ingress, err := client.NetworkingV1().IngressClasses().List(ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsForbidden(err):
	case err != nil:
		return nil, fmt.Errorf("list the ingress classes: %w", err)
	default:
		var names []string
		for _, class := range ingress.Items {
			names = append(names, class.Name)
		}
		unknown(&problems, "ingressClass", c.IngressClass, names)
	}
	return problems, nil
}

// choice tells what there is instead.
func choice(names []string) string {
	if len(names) == 0 {
		return "it has none"
	}
	return "it has: " + strings.Join(names, ", ")
}

func unknown(problems *problem.List, path, name string, known []string) {
	if name != "" && !slices.Contains(known, name) {
		problems.Addf(path, name, choice(known), "the cluster has no such class")
	}
}
