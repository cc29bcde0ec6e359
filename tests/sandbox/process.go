package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// stopGrace is how long a process may take to end after SIGTERM before SIGKILL.
	stopGrace = 10 * time.Second
	// killGrace is how long the kernel may take to end a process after SIGKILL.
	killGrace = 5 * time.Second
	// pollEvery is the time between two looks at something that is waited for.
	pollEvery = 50 * time.Millisecond
)

// Identity names one process for ever: a process id is used again after its process has ended, but not with the same
// start time in the same boot.
type Identity struct {
	PID int `json:"pid"`
	// StartTicks is when the process started, in clock ticks since boot (proc(5), /proc/PID/stat, field 22).
	StartTicks uint64 `json:"startTicks"`
	// Boot is the random id that the kernel drew at boot.
	Boot string `json:"boot"`
}

// Identify names the process that has this id now. Ended processes that nobody waited for yet count as gone; for those
// and for unused ids the error is [os.ErrProcessDone].
func Identify(pid int) (Identity, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return Identity{}, os.ErrProcessDone
	}
	if err != nil {
		return Identity{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	state, ticks, err := parseStat(stat)
	if err != nil {
		return Identity{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	if state == 'Z' || state == 'X' {
		return Identity{}, os.ErrProcessDone
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Identity{}, fmt.Errorf("read the boot id: %w", err)
	}
	return Identity{PID: pid, StartTicks: ticks, Boot: strings.TrimSpace(string(boot))}, nil
}

// Alive tells whether this very process runs.
func (id Identity) Alive() bool {
	now, err := Identify(id.PID)
	return err == nil && now == id
}

// parseStat reads state and start time from /proc/PID/stat. The second field is the program's name in parentheses,
// which may itself contain spaces and parentheses; the third is the state, the twenty-second the start time.
func parseStat(stat []byte) (state byte, startTicks uint64, err error) {
	const stateField, startField = 3, 22
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, 0, errors.New("no program name in its stat file")
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) <= startField-stateField {
		return 0, 0, fmt.Errorf("only %d fields behind the name in its stat file", len(fields))
	}
	startTicks, err = strconv.ParseUint(fields[startField-stateField], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("read the start time in its stat file: %w", err)
	}
	return fields[0][0], startTicks, nil
}

// stop ends the process, the hard way after grace, and returns once it is gone. A process that took over the id is not
// touched.
func (id Identity) stop(ctx context.Context, grace time.Duration) error {
	// The handle is bound to the process, not to its id, from here on: it cannot be recycled between look and signal.
	process, err := os.FindProcess(id.PID)
	if err != nil {
		return fmt.Errorf("find process %d: %w", id.PID, err)
	}
	defer func() { _ = process.Release() }()
	if !id.Alive() {
		return nil
	}
	for _, attempt := range []struct {
		signal syscall.Signal
		grace  time.Duration
	}{{syscall.SIGTERM, grace}, {syscall.SIGKILL, killGrace}} {
		if err := process.Signal(attempt.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("send %v to process %d: %w", attempt.signal, id.PID, err)
		}
		for deadline := time.Now().Add(attempt.grace); time.Now().Before(deadline); {
			if !id.Alive() {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for process %d to end: %w", id.PID, ctx.Err())
			case <-time.After(pollEvery):
			}
		}
	}
	return fmt.Errorf("process %d did not end", id.PID)
}

// residentBytes is the memory that the process holds, shared pages included.
func (id Identity) residentBytes() (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", id.PID))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", id.PID, err)
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0, fmt.Errorf("read the memory of process %d: unexpected statm %q", id.PID, statm)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", id.PID, err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// errEndedAtOnce says that a process ended before it could be told from others; its log says why.
var errEndedAtOnce = errors.New("ended at once")

// start runs a program that outlives us, in a session of its own, with its output appended to a log.
func start(dir, program, log string, args []string) (id Identity, err error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return Identity{}, fmt.Errorf("open the log of %s: %w", filepath.Base(program), err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	cmd := exec.Command(program, args...) //nolint:noctx // it outlives every context
	cmd.Dir = dir
	// Nothing of the user's environment: no proxies between the parts, no secrets, no configuration in HOME.
	cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + os.TempDir()}
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Identity{}, fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	id, err = Identify(cmd.Process.Pid)
	// Reaps the process when it ends while we still run; how it ended is in its log.
	go func() { _ = cmd.Wait() }()
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w: %w", filepath.Base(program), errEndedAtOnce, err)
	}
	return id, nil
}
