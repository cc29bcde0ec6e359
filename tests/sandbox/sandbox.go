// Package sandbox runs a small real Kubernetes cluster on the loopback address: etcd, API server, controller manager
// and scheduler are those of a release, with TLS, RBAC and Pod Security admission. Only what would need machines is
// simulated, by kwok: two nodes, what pods do on them, volumes, and load balancer addresses.
//
// Deployments become available, Jobs complete, claims of the two storage classes bind and Ingresses get an address,
// but no container ever runs. It needs Linux.
package sandbox

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/dekcd/dmcloud/tests/toolchain"
	"github.com/dekcd/dmcloud/tests/toolchain/filelock"
)

// What every sandbox has.
const (
	// Context is the only context of the kubeconfig.
	Context = "sandbox"
	// StandardClass is the default storage class: one node mounts a volume at a time (ReadWriteOnce), and a claim binds
	// when the first pod that uses it is scheduled.
	StandardClass = "standard"
	// SharedClass is the storage class whose volumes many nodes mount (ReadWriteMany); a claim binds at once.
	SharedClass = "shared"
	// IngressClass is the default ingress class.
	IngressClass = "sandbox"
)

const (
	// readyTimeout is how long the sandbox may take until it is ready, on a machine that is busy with other things.
	readyTimeout = 2 * time.Minute
	// portAttempts is how often other ports are tried when somebody takes one between our choosing and using it.
	portAttempts = 3
	// shownLogLines is how much of a failed process's log an error repeats.
	shownLogLines = 15
)

//go:embed stages.yaml
var stages []byte

// errPortTaken is why a process ended when somebody else listens on its port.
var errPortTaken = errors.New("a port was taken by another process")

// Options say how to run a sandbox.
type Options struct {
	// Dir is the folder for everything the sandbox keeps; one sandbox a folder. It is made if needed, mode 0700, and
	// must be empty or a sandbox's already.
	Dir string
	// Tools are the programs, from [toolchain.Ensure] with [toolchain.Sandbox].
	Tools toolchain.Tools
	// Progress gets a few lines while processes are started; nothing when all run already. nil discards them.
	Progress io.Writer
}

// Sandbox is a running cluster.
type Sandbox struct {
	// Dir is the absolute path of its folder.
	Dir string
	// Kubeconfig is the absolute path of a kubeconfig whose user may do everything.
	Kubeconfig string
}

// runner is one call of Up at work.
type runner struct {
	dir      string
	tools    toolchain.Tools
	progress io.Writer
	state    state
	// started names what this call has started.
	started []string
}

// Up starts what does not run yet of the sandbox in o.Dir, and returns when all is ready: the API answers, nodes can
// take pods, the default namespaces are set up, storage and ingress classes exist. The processes go on when the caller
// ends; [Down] ends them. When it fails or ctx ends, what it started is ended, and the logs are kept.
func Up(ctx context.Context, o Options) (_ *Sandbox, err error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the sandbox's folder: %w", err)
	}
	progress := o.Progress
	if progress == nil {
		progress = io.Discard
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready within %v", readyTimeout))
	defer cancel()
	lock, err := acquire(ctx, dir, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()

	r := &runner{dir: dir, tools: o.Tools, progress: progress}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	if err := r.bringUp(ctx); err != nil {
		// The caller's context may be what ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("start the sandbox in %s: %w", dir, err), r.stop(ctx, r.started))
	}
	return &Sandbox{Dir: dir, Kubeconfig: kubeconfigOf(dir, admin)}, nil
}

// Down ends the processes of the sandbox in dir, exactly those that [Up] started, last one first, and removes the
// folder. It is no error when there is none. Files in the folder that are not the sandbox's stay, and are an error.
func Down(ctx context.Context, dir string) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find the sandbox's folder: %w", err)
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, found, err := loadState(dir); err != nil || !found {
		names, foreignErr := foreign(dir)
		if err == nil && foreignErr == nil && len(names) > 0 {
			err = fmt.Errorf("%s is not a sandbox's folder, it holds %s", dir, strings.Join(names, ", "))
		}
		if err := errors.Join(err, foreignErr); err != nil {
			return err
		}
	}
	lock, err := acquire(ctx, dir, io.Discard)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()

	r := &runner{dir: dir}
	if r.state, _, err = loadState(dir); err != nil {
		return err
	}
	var names []string
	for _, p := range r.state.Processes {
		names = append(names, p.Name)
	}
	if err := r.stop(ctx, names); err != nil {
		return err
	}
	for _, entry := range ownEntries() {
		if err := os.RemoveAll(filepath.Join(dir, entry)); err != nil {
			return fmt.Errorf("remove the sandbox's folder: %w", err)
		}
	}
	left, err := foreign(dir)
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, lockFile)); err != nil {
		return fmt.Errorf("remove the sandbox's folder: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("the sandbox is removed, but %s holds other files too: %s", dir, strings.Join(left, ", "))
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrExist) {
		// ErrExist: somebody who waited for the lock uses the folder again.
		return fmt.Errorf("remove the sandbox's folder: %w", err)
	}
	return nil
}

func acquire(ctx context.Context, dir string, progress io.Writer) (*filelock.Lock, error) {
	lock, err := filelock.Acquire(ctx, filepath.Join(dir, lockFile), func() {
		say(progress, "Another command is working on the sandbox in %s; waiting for it.", dir)
	})
	if err != nil {
		return nil, fmt.Errorf("get hold of the sandbox's folder: %w", err)
	}
	return lock, nil
}

// prepare makes the folder complete but for what depends on ports. Done once in the life of a sandbox.
func (r *runner) prepare(ctx context.Context) error {
	var found bool
	var err error
	if r.state, found, err = loadState(r.dir); err != nil {
		return err
	}
	if found && r.state.Prepared {
		return nil
	}
	if !found {
		names, err := foreign(r.dir)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return fmt.Errorf("%s is not empty (%s): choose another folder for the sandbox", r.dir, names[0])
		}
		// First of all, so that the folder is known as a sandbox's whatever happens.
		if err := r.state.save(r.dir); err != nil {
			return err
		}
	}
	for _, folder := range []string{etcdFolder, logFolder} {
		if err := os.MkdirAll(filepath.Join(r.dir, folder), 0o700); err != nil {
			return fmt.Errorf("make the sandbox's folder: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(r.dir, stageFile), stages, 0o600); err != nil {
		return fmt.Errorf("write the configuration of kwok: %w", err)
	}
	if err := writePKI(r.dir); err != nil {
		return err
	}
	if err := r.choosePorts(ctx); err != nil {
		return err
	}
	r.state.Prepared = true
	return r.state.save(r.dir)
}

func (r *runner) choosePorts(ctx context.Context) error {
	found, err := freePorts(ctx, 2)
	if err != nil {
		return err
	}
	r.state.Ports = ports{Etcd: found[0], APIServer: found[1]}
	return writeKubeconfigs(r.dir, r.state.Ports.APIServer)
}

// bringUp starts what does not run. When a port was taken, everything is started anew on other ports.
func (r *runner) bringUp(ctx context.Context) error {
	began := time.Now()
	var err error
	for range portAttempts {
		if err = r.startAll(ctx); !errors.Is(err, errPortTaken) {
			break
		}
		var all []string
		for _, p := range r.state.Processes {
			all = append(all, p.Name)
		}
		if err := errors.Join(r.stop(ctx, all), r.choosePorts(ctx)); err != nil {
			return err
		}
	}
	if err == nil && len(r.started) > 0 {
		say(r.progress, "The sandbox is ready after %.1f s: kubectl --kubeconfig %s get all -A",
			time.Since(began).Seconds(), kubeconfigOf(r.dir, admin))
	}
	return err
}

func (r *runner) startAll(ctx context.Context) error {
	client, err := newClient(r.dir)
	if err != nil {
		return err
	}
	// What has to hold after a component was started and before the next one is.
	ready := map[string]func(context.Context) error{
		etcdName: func(ctx context.Context) error { return accepts(ctx, r.state.Ports.Etcd) },
		apiServerName: func(ctx context.Context) error {
			if err := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
				return err
			}
			return createObjects(ctx, client)
		},
		kwokName: func(ctx context.Context) error {
			if err := errors.Join(nodesReady(ctx, client), namespacesReady(ctx, client)); err != nil {
				return err
			}
			return fenceNamespaces(ctx, client)
		},
	}
	// What ended since the last command is no reason to give up.
	r.state.Processes = slices.DeleteFunc(r.state.Processes, func(p process) bool { return !p.Alive() })
	for _, c := range components(r.dir, r.tools, r.state.Ports) {
		if err := r.startOne(c); err != nil {
			return err
		}
		if check, ok := ready[c.name]; ok {
			if err := r.wait(ctx, c.name, check); err != nil {
				return err
			}
		}
	}
	return nil
}

func newClient(dir string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfigOf(dir, admin))
	if err != nil {
		return nil, fmt.Errorf("read the sandbox's kubeconfig: %w", err)
	}
	// There are no others to be considerate of.
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the sandbox: %w", err)
	}
	return client, nil
}

// startOne starts a component unless it runs, and remembers it at once.
func (r *runner) startOne(c component) error {
	if _, found := r.state.process(c.name); found {
		return nil
	}
	if len(r.started) == 0 {
		say(r.progress, "Starting the sandbox in %s …", r.dir)
	}
	if c.program == "" {
		return fmt.Errorf("no program for %s: ask the toolchain for the set %q", c.name, toolchain.Sandbox)
	}
	began := time.Now()
	id, err := start(r.dir, c.program, r.log(c.name), c.args)
	if errors.Is(err, errEndedAtOnce) {
		return r.ended(c.name)
	}
	if err != nil {
		return err
	}
	r.state.put(process{Name: c.name, Identity: id, Started: began.UTC().Truncate(time.Second)})
	r.started = append(r.started, c.name)
	return r.state.save(r.dir)
}

// wait repeats check until it succeeds. It gives up when ctx ends or one of the processes does.
func (r *runner) wait(ctx context.Context, name string, check func(context.Context) error) error {
	const attemptTimeout = 5 * time.Second
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		checkErr := check(attempt)
		cancel()
		// The processes first: somebody else may answer on a port that was taken from us.
		for _, p := range r.state.Processes {
			if !p.Alive() {
				return r.ended(p.Name)
			}
		}
		if checkErr == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w%s", name, context.Cause(ctx), checkErr, r.logTail(name))
		case <-time.After(pollEvery):
		}
	}
}

func (r *runner) ended(name string) error {
	tail := r.logTail(name)
	if strings.Contains(tail, "address already in use") {
		return fmt.Errorf("%s ended: %w%s", name, errPortTaken, tail)
	}
	return fmt.Errorf("%s ended%s", name, tail)
}

func (r *runner) log(name string) string { return filepath.Join(r.dir, logFolder, name+".log") }

// logTail is the end of a process's log, ready to be put behind an error.
func (r *runner) logTail(name string) string {
	content, err := os.ReadFile(r.log(name))
	if err != nil {
		return fmt.Sprintf(" (its log cannot be read: %v)", err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	lines = lines[max(0, len(lines)-shownLogLines):]
	return fmt.Sprintf("; the end of %s:\n  %s", r.log(name), strings.Join(lines, "\n  "))
}

// stop ends processes, the last one first, and forgets each that is gone.
func (r *runner) stop(ctx context.Context, names []string) error {
	for _, p := range slices.Backward(slices.Clone(r.state.Processes)) {
		if !slices.Contains(names, p.Name) {
			continue
		}
		if err := p.stop(ctx, stopGrace); err != nil {
			return fmt.Errorf("end %s: %w", p.Name, err)
		}
		r.state.drop(p.Name)
		if err := r.state.save(r.dir); err != nil {
			return err
		}
	}
	return nil
}

// accepts tells whether somebody listens on a loopback port.
func accepts(ctx context.Context, port int) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return conn.Close()
}

func say(to io.Writer, format string, args ...any) {
	// Nothing sensible can be done about a progress line that cannot be written.
	_, _ = fmt.Fprintf(to, format+"\n", args...)
}
