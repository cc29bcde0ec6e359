package sandbox

import (
	"context"
	"path/filepath"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/dekcd/dmcloud/tests/toolchain"
)

// What the tests reach into.
var (
	ParseStat = parseStat
	FreePorts = freePorts
	Stages    = stages
	WritePKI  = writePKI
)

// Provisioner is the name under which volumes are provided.
const Provisioner = provisioner

// KwokRules are kwok's permissions.
func KwokRules() []rbacv1.PolicyRule { return kwokRole().Rules }

// ClientNames are the names of the clients' certificates.
func ClientNames() []string {
	var names []string
	for name := range clients() {
		names = append(names, name)
	}
	return names
}

// Arguments are the command lines of all components, by name.
func Arguments(dir string, etcdPort, apiPort int) map[string][]string {
	arguments := map[string][]string{}
	for _, c := range components(dir, toolchain.Tools{}, ports{Etcd: etcdPort, APIServer: apiPort}) {
		arguments[c.name] = c.args
	}
	return arguments
}

// Stop ends the process as Down does.
func (id Identity) Stop(ctx context.Context, grace time.Duration) error { return id.stop(ctx, grace) }

// Remember makes dir a sandbox's folder whose state lists these processes.
func Remember(dir string, processes map[string]Identity) error {
	s := state{Prepared: true}
	for name, id := range processes {
		s.put(process{Name: name, Identity: id, Started: time.Now()})
	}
	return s.save(dir)
}

// Remembered are the processes in the state of dir.
func Remembered(dir string) (map[string]Identity, error) {
	s, _, err := loadState(dir)
	processes := map[string]Identity{}
	for _, p := range s.Processes {
		processes[p.Name] = p.Identity
	}
	return processes, err
}

// StatePath is where the state of dir is.
func StatePath(dir string) string { return filepath.Join(dir, stateFile) }
