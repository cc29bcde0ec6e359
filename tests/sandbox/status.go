package sandbox

import (
	"path/filepath"
	"time"

	"github.com/dekcd/dmcloud/tests/toolchain"
)

// ProcessStatus is how one process of a sandbox is.
type ProcessStatus struct {
	Name string
	// PID is 0 when the process does not run; the fields after it are zero then.
	PID int
	// Port is what it listens on; 0 for none.
	Port int
	// ResidentBytes is the memory it holds, shared pages included.
	ResidentBytes int64
	// Uptime is the time since it was started.
	Uptime time.Duration
}

// Status lists the processes of the sandbox in dir, in the order in which they are started; none when there is no
// sandbox.
func Status(dir string) ([]ProcessStatus, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s, found, err := loadState(dir)
	if err != nil || !found {
		return nil, err
	}
	var statuses []ProcessStatus
	for _, c := range components(dir, toolchain.Tools{}, s.Ports) {
		status := ProcessStatus{Name: c.name}
		if p, found := s.process(c.name); found && p.Alive() {
			resident, err := p.residentBytes()
			if err != nil {
				return nil, err
			}
			status.PID, status.Port = p.PID, c.port
			status.ResidentBytes, status.Uptime = resident, time.Since(p.Started)
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}
