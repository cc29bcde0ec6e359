package stacks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/stacks/deployment"
	"github.com/dekcd/dmcloud/tests/recorder"
	"github.com/dekcd/dmcloud/tests/stackfile"
)

// archive is a platform whose image nobody knows, and which says nothing of its user.
const archive = "services: {web: {image: 'ghcr.io/example/archive:1.2.3', ports: ['8080']}}\n"

// composed is a stack with a Compose file of its own and policy exceptions, by rule.
func composed(t *testing.T, expires string, rules ...string) stackfile.File {
	t.Helper()
	file := filepath.Join(t.TempDir(), "compose.yaml")
	require.NoError(t, os.WriteFile(file, []byte(archive), 0o600))
	stack, err := stackfile.Read(root, filepath.Join(root, "stacks", "Pulumi.local.yaml"))
	require.NoError(t, err)
	stack.Config["dmcloud:platforms"] = fmt.Sprintf(`[{"name":"archive","compose":%q}]`, file)
	var exceptions []map[string]string
	for _, rule := range rules {
		exceptions = append(exceptions, map[string]string{
			"rule": rule, "resource": "archive/web", "reason": "its authors have no other image", "owner": "data team",
			"expires": expires,
		})
	}
	policy, err := json.Marshal(map[string]any{"exceptions": exceptions})
	require.NoError(t, err)
	stack.Config["dmcloud:policy"] = string(policy)
	return stack
}

func TestAnImageThatMayBeRootNeedsAnExceptionOfTheEnvironment(t *testing.T) {
	t.Parallel()
	stack := composed(t, "")
	stack.Config["dmcloud:policy"] = "{}"
	recording, err := recorder.RunErr(t, options(stack), program(t, stack))
	require.ErrorContains(t, err, "platforms[0].compose.services.web.user: "+
		"must not be root, and the user of ghcr.io/example/archive is not known (compose.yaml:1:12)")
	assert.Empty(t, recording.Resources, "something was made")

	// The day before yesterday: over wherever the test runs.
	over := time.Now().AddDate(0, 0, -2).Format(time.DateOnly)
	stack = composed(t, over, "k8s-run-as-non-root")
	_, err = recorder.RunErr(t, options(stack), program(t, stack))
	require.ErrorContains(t, err, "platforms[0].compose.services.web.user")
}

func TestOneMistakeDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "compose.yaml")
	const content = "services: {web: {image: 'nginx:1.28.0', privileged: true, depends_on: [gone]}}\n"
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	stack := composed(t, "")
	stack.Config["dmcloud:policy"] = "{}"
	const platforms = `[{"name":"My_Archive","compose":%q,"expose":{"nix":"a.uni.de"}}]`
	stack.Config["dmcloud:platforms"] = fmt.Sprintf(platforms, file)
	recording, err := recorder.RunErr(t, options(stack), program(t, stack))
	for _, want := range []string{
		"platforms[0].name: My_Archive: must be a DNS label",
		`platforms[0].compose.files: service "web" depends on undefined service "gone"`,
		"platforms[0].compose.services.web.privileged: true: gives control over the host (compose.yaml:1:41); remove it",
		"platforms[0].expose.nix: no such active service",
	} {
		require.ErrorContains(t, err, want)
	}
	assert.Empty(t, recording.Resources, "something was made")
}

func TestAnExceptionLetsAServiceBeItsImagesUser(t *testing.T) {
	t.Parallel()
	soon := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	for name, c := range map[string]struct {
		rules        []string
		capabilities []any
	}{
		"as whoever it is": {rules: []string{"k8s-run-as-non-root"}},
		"as root that becomes somebody": {
			rules:        []string{"k8s-run-as-non-root", "k8s-drop-all-caps"},
			capabilities: []any{"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stack := composed(t, soon, c.rules...)
			recorder.EachMode(t, options(stack), program(t, stack), func(t *testing.T, r *recorder.Recording) {
				t.Helper()
				judged(t, stack, r)
				for _, resource := range r.Resources {
					switch resource.Type {
					case "kubernetes:core/v1:Namespace":
						labels := resource.At("metadata.labels").ObjectValue()
						assert.Equal(t, "baseline", labels["pod-security.kubernetes.io/enforce"].StringValue())
						assert.Equal(t, "restricted", labels["pod-security.kubernetes.io/warn"].StringValue())
					case "kubernetes:apps/v1:Deployment":
						pod := resource.At("spec.template.spec").ObjectValue()
						assert.False(t, pod["securityContext"].ObjectValue().HasValue("runAsNonRoot"))
						container := pod["containers"].ArrayValue()[0].ObjectValue()
						capabilities := container["securityContext"].ObjectValue()["capabilities"].Mappable()
						want := map[string]any{"drop": []any{"ALL"}}
						if c.capabilities != nil {
							want["add"] = c.capabilities
						}
						assert.Equal(t, want, capabilities)
					}
				}
			})
		})
	}
}

func TestComposeFilesAreRelativeToTheStackFile(t *testing.T) {
	t.Parallel()
	stack, err := stackfile.Read(root, filepath.Join(root, "stacks", "Pulumi.local.yaml"))
	require.NoError(t, err)
	stack.Config["dmcloud:platforms"] = `[{"name":"notes","compose":"platforms/notes/compose.yaml",
		"expose":{"nobody":"notes.localhost"},"open":{"database:22":["192.0.2.0/24"]},"secrets":{"none":"x"},
		"title":"Notes","replicas":2,"sizes":{"nothing":"1Gi"}}]`
	recording, err := recorder.RunErr(t, options(stack), func(ctx *pulumi.Context) error {
		return deployment.Deploy(ctx, deployment.Program{
			Root: root, Config: stack.Config, SecretKeys: []string{"dmcloud:platforms"}, PolicyPack: "bin/policies",
			Preflight: func(context.Context, []byte, string, manifest.Cluster) (problem.List, error) { return nil, nil },
		})
	})
	require.Error(t, err)
	assert.Empty(t, recording.Resources, "something was made")
	for _, want := range []string{
		"platforms[0].expose.nobody: no such active service",
		"platforms[0].replicas: is for entries of the catalogue, and this platform has Compose files; " +
			"write deploy.replicas in the Compose file",
		"platforms[0].title: is for entries of the catalogue",
		"platforms[0].variables.DOMAIN: is required: the public name, as in expose; give it a value",
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestLiteralPasswordsOfAComposeFileAreSecretsInTheState(t *testing.T) {
	t.Parallel()
	const password = "canary-of-the-compose-file-1"
	stack := composed(t, "")
	file := filepath.Join(t.TempDir(), "compose.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
services:
  cache:
    image: redis:7.4.4
    command: redis-server --requirepass `+password+`
    healthcheck: {test: [CMD, redis-cli, -a, `+password+`, ping]}
  web:
    image: nginx:1.28.0
    environment: {CACHE_URL: "redis://:`+password+`@cache:6379", CACHE_PASSWORD: `+password+`}
    volumes: ["./app.ini:/etc/app.ini:ro"]
`), 0o600))
	settings := filepath.Join(filepath.Dir(file), "app.ini")
	require.NoError(t, os.WriteFile(settings, []byte("password="+password+"\n"), 0o600))
	stack.Config["dmcloud:platforms"] = fmt.Sprintf(`[{"name":"archive","compose":%q}]`, file)
	stack.Config["dmcloud:policy"] = "{}"
	o := options(stack)
	o.Canaries = append(o.Canaries, password) // the recorder looks for it in everything that is no secret
	recorder.EachMode(t, o, program(t, stack), func(t *testing.T, r *recorder.Recording) {
		t.Helper()
		judged(t, stack, r)
		secrets := 0
		for _, resource := range r.Resources {
			if resource.Type == "kubernetes:core/v1:Secret" {
				secrets++
			}
		}
		assert.Equal(t, 3, secrets, "the password, the address with it, the file with it")
	})
}
