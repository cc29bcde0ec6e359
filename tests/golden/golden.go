// Package golden compares what a test got with a file that was read and agreed with once. `go test PACKAGE -update`
// writes the file anew; the difference is then in the commit, for everybody to see.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // flags are parsed once

// Equal fails the test when the file does not hold exactly what the test got.
func Equal(tb testing.TB, file, got string) {
	tb.Helper()
	if *update {
		require.NoError(tb, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(tb, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(tb, err, "-update writes it")
	assert.Equal(tb, string(want), got, "-update writes %s anew", file)
}
