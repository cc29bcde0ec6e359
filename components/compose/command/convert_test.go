package command_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// object is what the tests look at in an object.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string][]byte
	Spec     struct {
		Type                     string
		LoadBalancerSourceRanges []string
		Ports                    []struct {
			Port     int
			Protocol string
		}
		Rules []struct{ Host string }
		TLS   []struct {
			Hosts      []string
			SecretName string
		}
		Template struct {
			Spec struct{ Containers []struct{ Image string } }
		}
	}
}

// objects are those in all files of a folder, in the order of applying.
func objects(t *testing.T, dir string) []object {
	t.Helper()
	var found []object
	for _, name := range names(t, dir) {
		for document := range strings.SplitSeq("\n"+read(t, dir, name), "\n---\n") {
			if strings.TrimSpace(document) == "" {
				continue
			}
			// Bytes of a ConfigMap are none.
			var o object
			if strings.Contains(document, "\nkind: ConfigMap\n") {
				o.Kind = "ConfigMap"
			} else {
				require.NoError(t, yaml.Unmarshal([]byte(document), &o), "%s: %s", name, document)
			}
			require.NotEmpty(t, o.Kind, name)
			found = append(found, o)
		}
	}
	return found
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(content)
}

// secrets are the values in the folder by name.
func secrets(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, o := range objects(t, dir) {
		if o.Kind == "Secret" {
			found[o.Metadata.Name] = string(o.Data["value"])
		}
	}
	return found
}

func find(t *testing.T, dir, kind, name string) object {
	t.Helper()
	for _, o := range objects(t, dir) {
		if o.Kind == kind && o.Metadata.Name == name {
			return o
		}
	}
	require.Fail(t, fmt.Sprintf("there is no %s %s", kind, name))
	return object{}
}

func TestFilesAreInTheOrderOfApplying(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "made", "for", "it")
	said := succeed(t, "convert", "-o", out, "-expose", "web:80=shop.example", folder(t, "shop", shopFiles()))
	assert.Equal(t, []string{
		"1-namespace.yaml", "3-secrets.yaml", "4-storage.yaml", "5-services.yaml", "6-workloads.yaml", "7-entry.yaml",
	}, names(t, out))
	all := objects(t, out)
	assert.Equal(t, "Namespace", all[0].Kind, "everything else is in it")
	assert.Equal(t, "shop", all[0].Metadata.Name)
	for _, o := range all[1:] {
		assert.Equal(t, "shop", o.Metadata.Namespace, "%s %s", o.Kind, o.Metadata.Name)
	}
	assert.Contains(t, said, fmt.Sprintf("shop: %d objects in %s", len(all), out))
	for _, name := range names(t, out) {
		text := read(t, out, name)
		assert.NotContains(t, text, "null", "what only the cluster writes")
		assert.NotContains(t, text, "\nstatus:")
	}
}

func TestNothingIsWrittenWhenRefused(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	result := run(t, "convert", "-o", out, file(t, refused))
	assert.Equal(t, 1, result.code)
	assert.Contains(t, result.stderr, "shop: nothing is written, 2 refused:\n")
	assert.NoDirExists(t, out)
}

// Secret values are in the one file that others can't read, and nowhere else.
func TestSecretValuesAreInOneFileOnly(t *testing.T) {
	t.Parallel()
	dir, out := folder(t, "shop", shopFiles()), t.TempDir()
	args := []string{"-env", "SESSION_SECRET=CANARY-flag", dir}
	for _, result := range []said{
		run(t, append([]string{"explain"}, args...)...),
		run(t, append([]string{"explain", "-json"}, args...)...),
		run(t, append([]string{"convert", "-o", out}, args...)...),
	} {
		require.Zero(t, result.code, result.stderr)
		assert.NotContains(t, result.stdout+result.stderr, "CANARY")
	}
	for _, name := range names(t, out) {
		text := read(t, out, name)
		assert.NotContains(t, text, "CANARY", name)
		assert.Equal(t, name == "3-secrets.yaml", strings.Contains(text, "Q0FOQVJZ"), "CANARY in Base64: %s", name)
	}
	var values []string
	for _, value := range secrets(t, out) {
		values = append(values, value)
	}
	assert.ElementsMatch(t, []string{
		"CANARY-argument", "CANARY-literal", "CANARY-flag", "CANARY-variable", "CANARY-file",
		"mode = fast\npassword = CANARY-config\n",
	}, values)
}

func TestRefusalsDoNotShowSecretValues(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"a wrong key":           strings.Replace(shop, "restart: always", "privileged: true", 1),
		"a key of another type": strings.Replace(shop, "restart: always", "restart: [CANARY-list]", 1),
		"an unknown key":        strings.Replace(shop, "restart: always", "restrat: CANARY-value", 1),
		"text that is no YAML":  shop + "broken: [CANARY-broken\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := shopFiles()
			files["compose.yaml"] = content
			dir := folder(t, "shop", files)
			for _, result := range []said{run(t, "explain", dir), run(t, "convert", "-o", t.TempDir(), dir)} {
				assert.Equal(t, 1, result.code)
				assert.NotContains(t, result.stdout+result.stderr, "CANARY")
			}
		})
	}
}

func TestOnlyTheOwnerReadsSecrets(t *testing.T) {
	t.Parallel()
	dir, out := folder(t, "shop", shopFiles()), t.TempDir()
	path := filepath.Join(out, "3-secrets.yaml")
	mode := func() fs.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	succeed(t, "convert", "-o", out, dir)
	assert.Equal(t, fs.FileMode(0o600), mode())

	require.NoError(t, os.Chmod(path, 0o644))
	succeed(t, "convert", "-o", out, dir)
	assert.Equal(t, fs.FileMode(0o600), mode())

	// What a call left that was killed while it wrote.
	require.NoError(t, os.WriteFile(path+".new", []byte("half"), 0o644))
	require.NoError(t, os.Chmod(path+".new", 0o644))
	succeed(t, "convert", "-o", out, dir)
	assert.Equal(t, fs.FileMode(0o600), mode())
	assert.NotContains(t, names(t, out), "3-secrets.yaml.new")
}

// What is deployed already was set up with them.
func TestGeneratedValuesAreKept(t *testing.T) {
	t.Parallel()
	dir, out, other := folder(t, "shop", shopFiles()), t.TempDir(), t.TempDir()
	succeed(t, "convert", "-o", out, dir)
	first := secrets(t, out)
	assert.GreaterOrEqual(t, len(first["session-secret"]), 24)

	succeed(t, "convert", "-o", out, dir)
	assert.Equal(t, first, secrets(t, out))

	succeed(t, "convert", "-o", other, dir)
	assert.NotEqual(t, first["session-secret"], secrets(t, other)["session-secret"], "another folder has its own")

	// A value that the file gives is that of the file.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "licence.txt"), []byte("CANARY-renewed"), 0o600))
	succeed(t, "convert", "-o", out, dir)
	first["licence"] = "CANARY-renewed"
	assert.Equal(t, first, secrets(t, out))
}

// A file of secrets that can't be understood may hold values that are needed, so it is not replaced.
func TestSecretsThatCantBeReadAreNotReplaced(t *testing.T) {
	t.Parallel()
	dir, out := folder(t, "shop", shopFiles()), t.TempDir()
	const content = "---\nkind: [CANARY\n"
	require.NoError(t, os.WriteFile(filepath.Join(out, "3-secrets.yaml"), []byte(content), 0o600))
	result := run(t, "convert", "-o", out, dir)
	assert.Equal(t, 1, result.code)
	assert.Contains(t, result.stderr, "move it away")
	assert.NotContains(t, result.stderr, "CANARY")
	assert.Equal(t, content, read(t, out, "3-secrets.yaml"))
	assert.Equal(t, []string{"3-secrets.yaml"}, names(t, out))
}

// Files of what there no longer is would be applied again.
func TestFilesOfFormerCallsAreRemoved(t *testing.T) {
	t.Parallel()
	dir, out := folder(t, "shop", shopFiles()), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(out, "notes.txt"), nil, 0o600))
	succeed(t, "convert", "-o", out, dir, "-expose", "web:80=shop.example")
	assert.Contains(t, names(t, out), "7-entry.yaml")
	succeed(t, "convert", "-o", out, dir)
	assert.NotContains(t, names(t, out), "7-entry.yaml")
	assert.Contains(t, names(t, out), "notes.txt", "what is not ours stays")
}

func TestSecretsFromOutsideAreReported(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	said := succeed(t, "convert", "-o", out, folder(t, "shop", shopFiles()))
	assert.Contains(t, said, "Before that, make the Secret smtp in namespace shop, its value under the key value.\n")
	assert.NotContains(t, secrets(t, out), "smtp")
	assert.Contains(t, read(t, out, "6-workloads.yaml"), "secretName: smtp")
}

func TestExpose(t *testing.T) {
	t.Parallel()
	dir, out := folder(t, "shop", shopFiles()), t.TempDir()
	said := succeed(t, "convert", "-o", out, dir, "-expose", "web:80=shop.example", "-ingress-class", "public")
	ingress := find(t, out, "Ingress", "web")
	require.Len(t, ingress.Spec.Rules, 1)
	assert.Equal(t, "shop.example", ingress.Spec.Rules[0].Host)
	require.Len(t, ingress.Spec.TLS, 1)
	assert.Equal(t, "web-tls", ingress.Spec.TLS[0].SecretName)
	assert.Contains(t, read(t, out, "7-entry.yaml"), "ingressClassName: public")
	assert.Contains(t, said, "make the TLS Secret web-tls in namespace shop, with the certificate of shop.example.\n")

	said = succeed(t, "convert", "-o", out, dir, "-expose", "web:80=shop.example", "-issuer", "letsencrypt")
	assert.Contains(t, read(t, out, "7-entry.yaml"), "cert-manager.io/cluster-issuer: letsencrypt")
	assert.NotContains(t, said, "make the TLS Secret")

	said = succeed(t, "convert", "-o", out, dir, "-expose", "web:80=shop.example", "-tls-secret", "wildcard")
	assert.Contains(t, said, "make the TLS Secret wildcard in namespace shop")
}

func TestOpen(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	succeed(t, "convert", "-o", out, folder(t, "shop", shopFiles()), "-open", "web:9000=192.0.2.0/24,198.51.100.7/32")
	service := find(t, out, "Service", "open-web-9000-tcp")
	assert.Equal(t, "LoadBalancer", service.Spec.Type)
	assert.Equal(t, []string{"192.0.2.0/24", "198.51.100.7/32"}, service.Spec.LoadBalancerSourceRanges)
	require.Len(t, service.Spec.Ports, 1)
	assert.Equal(t, 9000, service.Spec.Ports[0].Port)
	assert.Equal(t, "TCP", service.Spec.Ports[0].Protocol)
	for _, o := range objects(t, out) {
		if o.Kind == "Service" && o.Metadata.Name != service.Metadata.Name {
			assert.Equal(t, "ClusterIP", o.Spec.Type, o.Metadata.Name)
		}
	}
}

func TestStorageClasses(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	succeed(t, "convert", "-o", out, "-storage-class", "fast", folder(t, "shop", shopFiles()))
	assert.Contains(t, read(t, out, "4-storage.yaml")+read(t, out, "6-workloads.yaml"), "storageClassName: fast")
}
