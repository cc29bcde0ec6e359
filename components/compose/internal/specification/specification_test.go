package specification_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/compose/internal/specification"
)

// TestItAgreesWithTheRealValidation compares both on the corpus of Compose files, and on all files that differ from one
// of these in one place.
func TestItAgreesWithTheRealValidation(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../tests/compose/testdata/*/*/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 100)
	valid, invalid := 0, 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var document map[string]any
		if yaml.Unmarshal(content, &document) != nil || document["services"] == nil {
			continue
		}
		same(t, document, file)
		for _, changed := range changes(document) {
			if same(t, changed.document, file+" "+changed.what) {
				valid++
			} else {
				invalid++
			}
		}
	}
	assert.Greater(t, valid, 500)
	assert.Greater(t, invalid, 500)
}

func same(t *testing.T, document map[string]any, what string) bool {
	t.Helper()
	want := schema.Validate(document) == nil
	assert.Equal(t, want, specification.Fits(document), what)
	return want
}

type change struct {
	document map[string]any
	what     string
}

// changes are documents in which one value is of another kind, or one key is unknown.
func changes(document map[string]any) []change {
	var all []change
	for _, path := range paths(document, nil) {
		for _, value := range []any{"text", 7.0, true, nil, []any{"a", "a"}, map[string]any{"unknown": "x"}} {
			changed := clone(document)
			set(changed, path, value)
			all = append(all, change{changed, fmt.Sprint(append(path, value))})
		}
	}
	return all
}

// paths lead to every value, those of one example of each path of keys.
func paths(node any, at []any) [][]any {
	var all [][]any
	switch v := node.(type) {
	case map[string]any:
		for key, value := range v {
			here := append(append([]any{}, at...), key)
			all = append(append(all, here), paths(value, here)...)
		}
	case []any:
		if len(v) > 0 {
			here := append(append([]any{}, at...), 0)
			all = append(append(all, here), paths(v[0], here)...)
		}
	}
	return all
}

func clone(node map[string]any) map[string]any {
	fresh, _ := copied(node).(map[string]any)
	return fresh
}

func copied(node any) any {
	switch v := node.(type) {
	case map[string]any:
		fresh := make(map[string]any, len(v))
		for key, value := range v {
			fresh[key] = copied(value)
		}
		return fresh
	case []any:
		fresh := make([]any, 0, len(v))
		for _, value := range v {
			fresh = append(fresh, copied(value))
		}
		return fresh
	}
	return node
}

func set(node any, path []any, value any) {
	for i, step := range path {
		last := i == len(path)-1
		switch at := step.(type) {
		case string:
			m := node.(map[string]any)
			if last {
				m[at] = value
			}
			node = m[at]
		case int:
			l := node.([]any)
			if last {
				l[at] = value
			}
			node = l[at]
		}
	}
}
