package filelock_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/toolchain/filelock"
)

func TestLockExcludesUntilReleased(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder", "lock")
	first, err := filelock.Acquire(t.Context(), path, nil)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	waits := 0
	_, err = filelock.Acquire(ctx, path, func() { waits++ })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Equal(t, 1, waits, "told once that somebody else holds the lock")

	require.NoError(t, first.Release())
	second, err := filelock.Acquire(t.Context(), path, func() { assert.Fail(t, "nobody holds the lock") })
	require.NoError(t, err)
	require.NoError(t, second.Release())
}

// Whoever waited for a lock whose file is removed must not hold a lock that nobody else can see.
func TestWaiterLocksTheFileThatIsThere(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(folder, "lock")
	first, err := filelock.Acquire(t.Context(), path, nil)
	require.NoError(t, err)

	waiting := make(chan struct{})
	acquired := make(chan error, 1)
	go func() {
		second, err := filelock.Acquire(t.Context(), path, func() { close(waiting) })
		if err == nil {
			defer func() { _ = second.Release() }()
			_, err = os.Stat(path)
		}
		acquired <- err
	}()
	<-waiting
	require.NoError(t, os.RemoveAll(folder))
	require.NoError(t, first.Release())
	require.NoError(t, <-acquired)
}
