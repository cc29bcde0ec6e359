package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The entries of a sandbox's folder.
const (
	stateFile      = "state.json"
	lockFile       = "lock"
	kubeconfigFile = "kubeconfig"
	pkiFolder      = "pki"
	etcdFolder     = "etcd"
	logFolder      = "logs"
	stageFile      = "stages.yaml"
)

// ownEntries are all entries, in the order in which they are removed: without its state file a folder is no sandbox's.
func ownEntries() []string {
	return []string{kubeconfigFile, stageFile, pkiFolder, etcdFolder, logFolder, stateFile}
}

// state is what a sandbox remembers from one command to the next.
type state struct {
	// Prepared is set once keys and certificates are complete.
	Prepared bool  `json:"prepared"`
	Ports    ports `json:"ports"`
	// Processes are in the order of [components].
	Processes []process `json:"processes"`
}

type ports struct {
	Etcd      int `json:"etcd"`
	APIServer int `json:"apiServer"`
}

type process struct {
	Name string `json:"name"`
	Identity
	Started time.Time `json:"started"`
}

// loadState gives the state in dir, and false when dir holds no sandbox.
func loadState(dir string) (state, bool, error) {
	content, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return state{}, false, nil
	}
	if err != nil {
		return state{}, false, fmt.Errorf("read the sandbox's state: %w", err)
	}
	var s state
	if err := json.Unmarshal(content, &s); err != nil {
		return state{}, false, fmt.Errorf("read the sandbox's state in %s: %w", filepath.Join(dir, stateFile), err)
	}
	return s, true, nil
}

// save replaces the state in dir: a reader sees the old or the new one, never half of it.
func (s state) save(dir string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the sandbox's state: %w", err)
	}
	path := filepath.Join(dir, stateFile)
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the sandbox's state: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the sandbox's state: %w", err)
	}
	return nil
}

func (s state) process(name string) (process, bool) {
	i := slices.IndexFunc(s.Processes, func(p process) bool { return p.Name == name })
	if i < 0 {
		return process{}, false
	}
	return s.Processes[i], true
}

// put adds a started process, in place of one of the same name.
func (s *state) put(p process) {
	s.drop(p.Name)
	s.Processes = append(s.Processes, p)
	order := []string{etcdName, apiServerName, controllerManagerName, schedulerName, kwokName}
	slices.SortStableFunc(s.Processes, func(a, b process) int {
		return slices.Index(order, a.Name) - slices.Index(order, b.Name)
	})
}

func (s *state) drop(name string) {
	s.Processes = slices.DeleteFunc(s.Processes, func(p process) bool { return p.Name == name })
}

// foreign lists what is in dir but is none of a sandbox's own.
func foreign(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look into the sandbox's folder: %w", err)
	}
	own := append(ownEntries(), lockFile, stateFile+".new")
	var names []string
	for _, entry := range entries {
		if !slices.Contains(own, entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// freePorts finds n ports on the loopback address that nobody listens on. Somebody else may take them before we do, so
// whoever uses them must be ready to try again.
func freePorts(ctx context.Context, n int) (found []int, err error) {
	for range n {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		// Held until all are found, so that they differ.
		defer func() { _ = listener.Close() }()
		found = append(found, listener.Addr().(*net.TCPAddr).Port)
	}
	return found, nil
}
