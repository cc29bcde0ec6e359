package command_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/compose/command"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/tests/compose/corpus"
)

// Whatever a text holds, kubectl reads the same from what convert writes.
func FuzzTextsStayAsTheyAre(f *testing.F) {
	for _, text := range []string{
		"", "a", "yes", "n", "1", "1.5", "0x1", "1e3", ".5", "1Gi", "0123", "12:30", "2024-01-01", "null", "~", "=", "<<",
		"a: b", "a:", "a #b", "- a", "-", "? a", "{a}", "[a]", "'a'", "\"a\"", "|", "%a", "@a", "`a`", "!a", "&a", "*a",
		"x\ny", "x\ny\n", "x\n\n\n", "\nx", " x\ny", "x\n y\n", "x \ny ", "\tx\ny", "x\r\ny",
		"x\n---\ny\n", "...\n", " ", "\n",
		"é", "\u00a0", "x\u2028y\nz", "x\u0085y", "\ufeffx\ny", "a\x00", "\u200b", "😀\n", "-----BEGIN KEY-----\nabc\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ToValidUTF8(text, "") != text {
			t.Skip("Kubernetes takes UTF-8 only")
		}
		object := corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			Data:     map[string]string{"value": text, "key" + text: "value"}, BinaryData: map[string][]byte{"b": []byte(text)},
		}
		written, err := command.YAML(manifest.Object{Value: &object})
		require.NoError(t, err)
		var got corev1.ConfigMap
		require.NoError(t, yaml.UnmarshalStrict([]byte(written), &got), "%s", written)
		if len(text) == 0 {
			got.BinaryData["b"] = []byte{}
		}
		assert.Equal(t, object, got, "%s", written)
	})
}

// TestItWritesWhatTheUsualLibraryWrites compares every object of the corpus with what sigs.k8s.io/yaml makes of it.
func TestItWritesWhatTheUsualLibraryWrites(t *testing.T) {
	t.Parallel()
	cases, err := corpus.All("../../..")
	require.NoError(t, err)
	objects := 0
	for _, c := range cases {
		loaded, err := compose.Load(t.Context(), c.Source())
		if err != nil {
			continue
		}
		m, err := manifest.Render(loaded.App, manifest.Cluster{
			Environment: "test", PodSecurityVersion: "v1.37", SharedStorageClass: manifest.DefaultClass,
		})
		require.NoError(t, err)
		for _, o := range m.Objects {
			objects++
			written, err := command.YAML(o)
			require.NoError(t, err)
			usual, err := yaml.Marshal(o.Value)
			require.NoError(t, err)
			var got, want map[string]any
			require.NoError(t, yaml.UnmarshalStrict([]byte(written), &got))
			require.NoError(t, yaml.Unmarshal(usual, &want))
			delete(want, "status")
			assert.Equal(t, withoutNull(want), got, "%s of %s", o.ID(), c.Name)
		}
	}
	assert.Greater(t, objects, 1000)
}

// withoutNull takes out keys that say nothing.
func withoutNull(node any) any {
	switch v := node.(type) {
	case map[string]any:
		for key, value := range v {
			if v[key] = withoutNull(value); value == nil {
				delete(v, key)
			}
		}
	case []any:
		for i, value := range v {
			v[i] = withoutNull(value)
		}
	}
	return node
}
