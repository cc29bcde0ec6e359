package kubernetes_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/dekcd/dmcloud/components/kubernetes"
	"github.com/dekcd/dmcloud/components/kubernetes/internal/lab"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

const (
	versionPath = "/version"
	storagePath = "/apis/storage.k8s.io/v1/storageclasses"
	ingressPath = "/apis/networking.k8s.io/v1/ingressclasses"
)

// answers is what an API server says to each path: an object, or a status code.
type answers map[string]any

func storageClass(name string, standard bool) storagev1.StorageClass {
	class := storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if standard {
		class.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	}
	return class
}

// complete is a cluster that has everything the fixture counts on.
func complete() answers {
	return answers{
		versionPath: version.Info{Major: "1", Minor: "37", GitVersion: "v1.37.2+k3s1"},
		storagePath: storagev1.StorageClassList{Items: []storagev1.StorageClass{
			storageClass("fast", false), storageClass("nfs", true),
		}},
		ingressPath: networkingv1.IngressClassList{
			Items: []networkingv1.IngressClass{{ObjectMeta: metav1.ObjectMeta{Name: "public"}}},
		},
	}
}

func kubeconfig(t *testing.T, server string) []byte {
	t.Helper()
	c := clientcmdapi.NewConfig()
	c.Clusters["cluster"] = &clientcmdapi.Cluster{Server: server}
	c.AuthInfos["user"] = &clientcmdapi.AuthInfo{Token: canary}
	for _, name := range []string{"institute", "another"} {
		c.Contexts[name] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "user"}
	}
	c.CurrentContext = "another"
	text, err := clientcmd.Write(*c)
	require.NoError(t, err)
	return text
}

func serve(t *testing.T, a answers) []byte {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method, "it changes nothing")
		w.Header().Set("Content-Type", "application/json")
		switch answer := a[r.URL.Path].(type) {
		case int:
			w.WriteHeader(answer)
		default:
			assert.NoError(t, json.NewEncoder(w).Encode(answer))
		}
	}))
	t.Cleanup(server.Close)
	return kubeconfig(t, server.URL)
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server func(answers)
		change func(*manifest.Cluster)
		want   []string
	}{
		"a complete cluster has no problems": {},
		"a newer cluster has none either":    {change: func(c *manifest.Cluster) { c.PodSecurityVersion = "v1.30" }},
		"unknown classes are listed with those there are": {
			change: func(c *manifest.Cluster) {
				c.StorageClass, c.SharedStorageClass, c.IngressClass = "slow", "ceph", "private"
			},
			want: []string{
				"storageClass: slow: the cluster has no such class; it has: fast, nfs",
				"sharedStorageClass: ceph: the cluster has no such class; it has: fast, nfs",
				"ingressClass: private: the cluster has no such class; it has: public",
			},
		},
		"the default class does":           {change: func(c *manifest.Cluster) { c.StorageClass = "" }},
		"no shared class is not asked for": {change: func(c *manifest.Cluster) { c.SharedStorageClass = "" }},
		"a missing default class is said": {
			server: func(a answers) {
				a[storagePath] = storagev1.StorageClassList{Items: []storagev1.StorageClass{
					storageClass("fast", false), storageClass("nfs", false),
				}}
			},
			change: func(c *manifest.Cluster) { c.StorageClass = "" },
			want: []string{"storageClass: the cluster has no default StorageClass, a claim without one waits for ever; " +
				"it has: fast, nfs"},
		},
		"what may not be read is passed over": {
			server: func(a answers) { a[storagePath], a[ingressPath] = http.StatusForbidden, http.StatusForbidden },
			change: func(c *manifest.Cluster) { c.StorageClass, c.IngressClass = "slow", "private" },
		},
		"not even the version": {
			server: func(a answers) { a[versionPath] = http.StatusForbidden },
			change: func(c *manifest.Cluster) { c.PodSecurityVersion, c.IngressClass = "v1.99", "private" },
			want:   []string{"ingressClass: private: the cluster has no such class; it has: public"},
		},
		"an older cluster than the pinned version": {
			server: func(a answers) { a[versionPath] = version.Info{GitVersion: "v1.35.9-eks-1"} },
			want:   []string{"podSecurityVersion: v1.37: the cluster is older (v1.35.9-eks-1); write v1.35"},
		},
		"a newer major is not older": {
			server: func(a answers) { a[versionPath] = version.Info{GitVersion: "v2.0.0"} },
		},
		"a version that is none is passed over": {
			server: func(a answers) { a[versionPath] = version.Info{GitVersion: "unknown"} },
		},
		"refused credentials": {
			server: func(a answers) { a[versionPath] = http.StatusUnauthorized },
			want:   []string{"context: institute: the cluster does not accept its credentials; log in to the cluster again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cl := complete(), lab.Cluster()
			if c.server != nil {
				c.server(server)
			}
			if c.change != nil {
				c.change(&cl)
			}
			problems, err := kubernetes.Preflight(t.Context(), serve(t, server), "institute", cl)
			require.NoError(t, err)
			var got []string
			for _, p := range problems {
				got = append(got, p.Error())
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestPreflightNamesTheListThatFailed(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		storagePath: "list the storage classes: ", ingressPath: "list the ingress classes: ",
	} {
		server := complete()
		server[path] = http.StatusNotFound
		_, err := kubernetes.Preflight(t.Context(), serve(t, server), "institute", lab.Cluster())
		require.ErrorContains(t, err, want)
		require.NotErrorIs(t, err, kubernetes.ErrUnreachable, "it did answer")
	}
}

func TestPreflightOfBadKubeconfigs(t *testing.T) {
	t.Parallel()
	unusable := strings.Replace(string(kubeconfig(t, "http://127.0.0.1:1")), "cluster: cluster", "cluster: gone", 2)
	for name, c := range map[string]struct{ kubeconfig, context, want string }{
		"no YAML": {canary + ": [", "institute", "kubeconfig: must be a kubeconfig file"},
		"no kubeconfig": {
			"token: " + canary, "institute", "context: institute: the kubeconfig has no such context; it has none",
		},
		"empty": {"", "institute", "context: institute: the kubeconfig has no such context; it has none"},
		"another context": {
			string(kubeconfig(t, "http://127.0.0.1:1")), "nowhere",
			"context: nowhere: the kubeconfig has no such context; it has: another, institute",
		},
		"no context, which never means the current one": {
			string(kubeconfig(t, "http://127.0.0.1:1")), "",
			"context: the kubeconfig has no such context; it has: another, institute",
		},
		"a context without its cluster": {unusable, "institute", "context: institute: can't be used: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			problems, err := kubernetes.Preflight(t.Context(), []byte(c.kubeconfig), c.context, lab.Cluster())
			require.NoError(t, err)
			require.Len(t, problems, 1)
			assert.Contains(t, problems[0].Error(), c.want)
			assert.NotContains(t, problems[0].Error(), canary)
		})
	}
}

func TestPreflightOfAClusterThatIsNotThere(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err = kubernetes.Preflight(t.Context(), kubeconfig(t, closed), "institute", lab.Cluster())
	require.ErrorIs(t, err, kubernetes.ErrUnreachable)
	require.ErrorContains(t, err, "context institute, "+closed)
	assert.NotContains(t, err.Error(), canary)
}

func TestPreflightEndsWithItsContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := kubernetes.Preflight(ctx, kubeconfig(t, server.URL), "institute", lab.Cluster())
	require.ErrorIs(t, err, kubernetes.ErrUnreachable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(start), 5*time.Second, "well before its own ten")
}
