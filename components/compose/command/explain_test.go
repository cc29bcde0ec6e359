package command_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/golden"
)

func TestExplainTable(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"accepted": shopFiles(), "refused": {"compose.yaml": refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := run(t, "explain", folder(t, "shop", files))
			golden.Equal(t, filepath.Join("testdata", "explain-"+name+".txt"), result.stdout)
		})
	}
}

// Other programs read this.
type report struct {
	Name     string `json:"name"`
	Verdicts []struct {
		Path     string `json:"path"`
		Outcome  string `json:"outcome"`
		Detail   string `json:"detail"`
		Fix      string `json:"fix"`
		Position string `json:"position"`
	} `json:"verdicts"`
	Refused int `json:"refused"`
}

func explainJSON(t *testing.T, code int, args ...string) report {
	t.Helper()
	result := run(t, append([]string{"explain", "--json"}, args...)...)
	require.Equal(t, code, result.code, result.stderr)
	assert.Empty(t, result.stderr)
	decoder := json.NewDecoder(strings.NewReader(result.stdout))
	decoder.DisallowUnknownFields()
	var r report
	require.NoError(t, decoder.Decode(&r))
	assert.False(t, decoder.More(), "one document")
	return r
}

func TestExplainJSON(t *testing.T) {
	t.Parallel()
	accepted := explainJSON(t, 0, folder(t, "shop", shopFiles()))
	assert.Equal(t, "shop", accepted.Name)
	assert.Zero(t, accepted.Refused)
	paths := make([]string, 0, len(accepted.Verdicts))
	for _, v := range accepted.Verdicts {
		paths = append(paths, v.Path)
		assert.Contains(t, []string{"kept", "hardened", "moved", "ignored"}, v.Outcome, v.Path)
		assert.Regexp(t, `^compose\.yaml:\d+:\d+$`, v.Position, v.Path)
		assert.Empty(t, v.Fix, v.Path)
	}
	assert.True(t, slices.IsSorted(paths))
	assert.Contains(t, paths, "services.web.restart")

	bad := explainJSON(t, 1, file(t, refused))
	assert.Equal(t, 2, bad.Refused)
	seen := 0
	for _, v := range bad.Verdicts {
		if v.Outcome == "refused" {
			seen++
			assert.NotEmpty(t, v.Detail, v.Path)
			assert.NotEmpty(t, v.Fix, v.Path)
		}
	}
	assert.Equal(t, bad.Refused, seen)
}

// A program that reads it need not tell none from nothing.
func TestVerdictsAreAList(t *testing.T) {
	t.Parallel()
	result := run(t, "explain", "-json", file(t, "name: shop\n"))
	assert.NotContains(t, result.stdout, "null")
}
