// Package filelock keeps two processes from doing the same work at once.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// retryEvery is the time between two attempts to take a lock that somebody else holds.
const retryEvery = 100 * time.Millisecond

// Lock is an advisory lock on a file. It ends with the process that holds it, however that ends.
type Lock struct {
	file *os.File
}

// Acquire creates the file at path if needed, mode 0600 in a folder of mode 0700, and waits until it holds the lock or
// ctx is done. It calls waiting once, when somebody else holds the lock. The holder may remove the file: whoever waited
// then locks a new one.
func Acquire(ctx context.Context, path string, waiting func()) (*Lock, error) {
	waited := false
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("wait for the lock on %s: %w", path, err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of the lock file: %w", err)
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			continue // The folder was removed in between.
		}
		if err != nil {
			return nil, fmt.Errorf("open the lock file: %w", err)
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && sameFile(file, path) {
			return &Lock{file: file}, nil
		}
		if closeErr := file.Close(); closeErr != nil {
			return nil, fmt.Errorf("close the lock file: %w", closeErr)
		}
		if err == nil {
			continue // Removed between opening and locking.
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !waited && waiting != nil {
			waiting()
		}
		waited = true
		select {
		case <-ctx.Done():
		case <-time.After(retryEvery):
		}
	}
}

// Release gives the lock back.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release the lock on %s: %w", l.file.Name(), err)
	}
	return nil
}

func sameFile(file *os.File, path string) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	present, err := os.Stat(path)
	return err == nil && os.SameFile(held, present)
}
