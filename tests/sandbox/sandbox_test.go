package sandbox_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/tests/sandbox"
	"github.com/dekcd/dmcloud/tests/toolchain"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	// The fields of proc(5) from the third on; the twenty-second is the start time.
	const rest = " 1 4242 4242 0 -1 4194560 90 0 0 0 5 6 0 0 20 0 1 0 987654 2703360 99 18446744073709551615\n"
	for _, c := range []struct {
		what, stat string
		state      byte
		ticks      uint64
		fails      bool
	}{
		{what: "a plain name", stat: "4242 (etcd) S" + rest, state: 'S', ticks: 987654},
		{what: "a name with spaces and parentheses", stat: "4242 (a) R (b) 1 2) Z" + rest, state: 'Z', ticks: 987654},
		{what: "no name", stat: "4242 S 1", fails: true},
		{what: "too few fields", stat: "4242 (etcd) S 1 2 3", fails: true},
		{what: "a start time that is no number", fails: true,
			stat: "4242 (etcd) S" + strings.Replace(rest, "987654", "x", 1)},
		{what: "nothing", stat: "", fails: true},
	} {
		state, ticks, err := sandbox.ParseStat([]byte(c.stat))
		if c.fails {
			require.Error(t, err, c.what)
			continue
		}
		require.NoError(t, err, c.what)
		assert.Equal(t, string(c.state), string(state), c.what)
		assert.Equal(t, c.ticks, ticks, c.what)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("4242 (etcd) S 1 2 3"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if state, _, err := sandbox.ParseStat(stat); err == nil && state == 0 {
			t.Error("no state and no error")
		}
	})
}

func TestIdentityIsOfOneProcess(t *testing.T) {
	t.Parallel()
	sleeper := sleep(t)
	assert.True(t, sleeper.Alive())
	for what, other := range map[string]sandbox.Identity{
		"another start time": {PID: sleeper.PID, StartTicks: sleeper.StartTicks + 1, Boot: sleeper.Boot},
		"another boot":       {PID: sleeper.PID, StartTicks: sleeper.StartTicks, Boot: "before"},
	} {
		assert.False(t, other.Alive(), what)
		require.NoError(t, other.Stop(t.Context(), time.Second), what)
		assert.True(t, sleeper.Alive(), "%s: a process that took over the id was ended", what)
	}
	require.NoError(t, sleeper.Stop(t.Context(), time.Second))
	assert.False(t, sleeper.Alive())
	require.NoError(t, sleeper.Stop(t.Context(), time.Second), "it is gone already")
	_, err := sandbox.Identify(sleeper.PID)
	assert.ErrorIs(t, err, os.ErrProcessDone)
}

func TestStopEndsWhatIgnoresTheFirstSignal(t *testing.T) {
	t.Parallel()
	stubborn := launch(t, "sh", "-c", `trap "" TERM; while :; do sleep 0.05; done`)
	// The shell needs a moment to set the trap.
	require.Eventually(t, func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", stubborn.PID))
		// Of the ignored signals only this one matters: under nohup(1) others are ignored as well.
		_, rest, _ := strings.Cut(string(status), "SigIgn:\t")
		mask, _, _ := strings.Cut(rest, "\n")
		ignored, parseErr := strconv.ParseUint(mask, 16, 64)
		return err == nil && parseErr == nil && ignored&(1<<(syscall.SIGTERM-1)) != 0
	}, 5*time.Second, 5*time.Millisecond)
	began := time.Now()
	require.NoError(t, stubborn.Stop(t.Context(), 200*time.Millisecond))
	assert.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
	assert.False(t, stubborn.Alive())
}

func TestDownEndsExactlyTheRecordedProcesses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sandbox")
	require.NoError(t, os.Mkdir(dir, 0o700))
	ours, recycled := sleep(t), sleep(t)
	wrong := recycled
	wrong.StartTicks--
	require.NoError(t, sandbox.Remember(dir, map[string]sandbox.Identity{"etcd": ours, "kwok": wrong}))

	require.NoError(t, sandbox.Down(t.Context(), dir))
	assert.False(t, ours.Alive(), "a recorded process runs on")
	assert.True(t, recycled.Alive(), "a process that took over a recorded id was ended")
	assert.NoDirExists(t, dir)
	require.NoError(t, sandbox.Down(t.Context(), dir), "down twice")
}

func TestDownLeavesWhatIsNotTheSandboxs(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	thesis := filepath.Join(home, "thesis.tex")
	require.NoError(t, os.WriteFile(thesis, nil, 0o600))
	require.ErrorContains(t, sandbox.Down(t.Context(), home), "thesis.tex")
	assert.FileExists(t, thesis)
	assert.NoFileExists(t, filepath.Join(home, "lock"))

	dir := t.TempDir()
	require.NoError(t, sandbox.Remember(dir, nil))
	notes := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(notes, nil, 0o600))
	require.ErrorContains(t, sandbox.Down(t.Context(), dir), "notes.txt")
	assert.FileExists(t, notes)
	assert.NoFileExists(t, sandbox.StatePath(dir))
}

func TestUpRefusesAFolderThatIsInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600))
	_, err := sandbox.Up(t.Context(), sandbox.Options{Dir: dir})
	require.ErrorContains(t, err, "is not empty (thesis.tex)")
	assert.NoFileExists(t, sandbox.StatePath(dir))
}

func TestDamagedStateIsAnErrorThatNamesTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(sandbox.StatePath(dir), []byte("{"), 0o600))
	_, err := sandbox.Up(t.Context(), sandbox.Options{Dir: dir})
	require.ErrorContains(t, err, sandbox.StatePath(dir))
	require.ErrorContains(t, sandbox.Down(t.Context(), dir), sandbox.StatePath(dir))
	_, err = sandbox.Status(dir)
	require.ErrorContains(t, err, sandbox.StatePath(dir))
}

func TestUpShowsTheLogOfWhatFailed(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "etcd")
	syscall.ForkLock.RLock() // See os/exec: a concurrent fork would keep the file open for writing.
	err := os.WriteFile(program, []byte("#!/bin/sh\necho panic: no such flag >&2\nexit 2\n"), 0o700)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "sandbox")
	var progress bytes.Buffer
	_, err = sandbox.Up(t.Context(), sandbox.Options{
		Dir: dir, Tools: toolchain.Tools{Etcd: program}, Progress: &progress,
	})
	require.ErrorContains(t, err, "etcd ended")
	require.ErrorContains(t, err, "panic: no such flag")
	assert.Contains(t, progress.String(), "Starting the sandbox")
	assert.FileExists(t, filepath.Join(dir, "logs", "etcd.log"))
	processes, err := sandbox.Remembered(dir)
	require.NoError(t, err)
	assert.Empty(t, processes)
	require.NoError(t, sandbox.Down(t.Context(), dir))
	assert.NoDirExists(t, dir)
}

func TestUpWithoutToolsSaysWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	_, err := sandbox.Up(t.Context(), sandbox.Options{Dir: t.TempDir()})
	require.ErrorContains(t, err, `no program for etcd: ask the toolchain for the set "sandbox"`)
}

func TestStatusWithoutSandboxIsEmpty(t *testing.T) {
	t.Parallel()
	processes, err := sandbox.Status(t.TempDir())
	require.NoError(t, err)
	assert.Empty(t, processes)
}

func TestFreePortsAreFreeAndDiffer(t *testing.T) {
	t.Parallel()
	found, err := sandbox.FreePorts(t.Context(), 5)
	require.NoError(t, err)
	slices.Sort(found)
	assert.Len(t, slices.Compact(slices.Clone(found)), 5)
	for _, port := range found {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		require.NoError(t, err)
		require.NoError(t, listener.Close())
	}
}

func TestNothingListensBeyondLoopback(t *testing.T) {
	t.Parallel()
	arguments := sandbox.Arguments("/dir", 1111, 2222)
	assert.Contains(t, arguments["kube-apiserver"], "--bind-address=127.0.0.1")
	assert.Contains(t, arguments["kube-apiserver"], "--anonymous-auth=false")
	assert.Contains(t, arguments["kube-apiserver"], "--authorization-mode=Node,RBAC")
	assert.Contains(t, arguments["etcd"], "--listen-client-urls=https://127.0.0.1:1111")
	assert.Contains(t, arguments["etcd"], "--client-cert-auth")
	assert.Contains(t, arguments["kube-controller-manager"], "--secure-port=0")
	assert.Contains(t, arguments["kube-scheduler"], "--secure-port=0")
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, sandbox.WritePKI(dir))
	pki := filepath.Join(dir, "pki")
	entries, err := os.ReadDir(pki)
	require.NoError(t, err)
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), entry.Name())
	}
	assert.NoFileExists(t, filepath.Join(pki, "ca.key"), "nobody can sign more certificates")
	assert.NoFileExists(t, filepath.Join(pki, "etcd-ca.key"), "nobody can sign more certificates")

	const client, server = x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	api, etcd := pool(t, pki, "ca"), pool(t, pki, "etcd-ca")
	verify := func(name string, roots *x509.CertPool, usage x509.ExtKeyUsage, host string) error {
		_, err := certificate(t, pki, name).Verify(x509.VerifyOptions{
			Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}, DNSName: host,
		})
		return err
	}
	for _, host := range []string{"127.0.0.1", "10.96.0.1", "kubernetes.default.svc"} {
		require.NoError(t, verify("apiserver", api, server, host))
	}
	require.NoError(t, verify("etcd", etcd, server, "127.0.0.1"))
	require.NoError(t, verify("etcd-client", etcd, client, ""))
	require.Error(t, verify("apiserver", api, client, ""), "a server's certificate is no client's")
	for _, name := range sandbox.ClientNames() {
		require.NoError(t, verify(name, api, client, ""), name)
		require.Error(t, verify(name, api, server, ""), "%s can pass for a server", name)
		require.Error(t, verify(name, etcd, client, ""), "%s can reach the database", name)
		_, err := tls.LoadX509KeyPair(filepath.Join(pki, name+".crt"), filepath.Join(pki, name+".key"))
		require.NoError(t, err, "key and certificate of %s", name)
	}
	assert.Equal(t, "system:kube-scheduler", certificate(t, pki, "scheduler").Subject.CommonName)
	assert.Equal(t, []string{"system:masters"}, certificate(t, pki, "admin").Subject.Organization)
	assert.Empty(t, certificate(t, pki, "kwok").Subject.Organization)
}

// Whatever kwok shall act on, it must be allowed to watch; and the names in the stages are those in the code.
func TestStagesFitTheRestOfTheSandbox(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{
		"Node": "nodes", "Pod": "pods", "PersistentVolumeClaim": "persistentvolumeclaims",
		"PersistentVolume": "persistentvolumes", "Ingress": "ingresses", "Service": "services",
	}
	var watched []string
	for _, rule := range sandbox.KwokRules() {
		if slices.Contains(rule.Verbs, "watch") {
			watched = append(watched, rule.Resources...)
		}
	}
	seen := map[string]bool{}
	for document := range strings.SplitSeq(string(sandbox.Stages), "\n---\n") {
		var stage struct {
			Kind     string
			Metadata struct{ Name string }
			Spec     struct {
				ResourceRef struct{ Kind string }
				Steps       []any
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(document), &stage))
		assert.Equal(t, "Stage", stage.Kind)
		assert.NotEmpty(t, stage.Spec.Steps, stage.Metadata.Name)
		assert.False(t, seen[stage.Metadata.Name], "two stages %s", stage.Metadata.Name)
		seen[stage.Metadata.Name] = true
		require.Contains(t, kinds, stage.Spec.ResourceRef.Kind)
		assert.Contains(t, watched, kinds[stage.Spec.ResourceRef.Kind], stage.Metadata.Name)
	}
	text := string(sandbox.Stages)
	assert.Contains(t, text, `"volume.kubernetes.io/storage-provisioner"] == "`+sandbox.Provisioner+`"`)
	assert.Contains(t, text, `.spec.storageClassName == "`+sandbox.StandardClass+`"`)
	assert.Contains(t, text, `.spec.storageClassName == "`+sandbox.SharedClass+`"`)
	assert.Contains(t, text, `.spec.ingressClassName == "`+sandbox.IngressClass+`"`)
}

// sleep starts a process that does nothing for long enough.
func sleep(t *testing.T) sandbox.Identity {
	t.Helper()
	return launch(t, "sleep", "300")
}

// launch starts a process that ends with the test at the latest.
func launch(t *testing.T, name string, args ...string) sandbox.Identity {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	require.NoError(t, cmd.Start())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	id, err := sandbox.Identify(cmd.Process.Pid)
	require.NoError(t, err)
	return id
}

func certificate(t *testing.T, pki, name string) *x509.Certificate {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(pki, name+".crt"))
	require.NoError(t, err)
	block, _ := pem.Decode(content)
	require.NotNil(t, block)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return cert
}

func pool(t *testing.T, pki, name string) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, pki, name))
	return roots
}
