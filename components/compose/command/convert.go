package command

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/secret/random"
)

// secretsFile holds the values of secrets, and nothing else does.
const secretsFile = "3-secrets.yaml" //nolint:gosec // the name of a file

// otherFile holds the kinds that no other file names, so that none is left out.
const otherFile = "8-other.yaml"

// convertedFiles are the files that convert writes, in the order in which they are applied, with the kinds in each.
func convertedFiles() []struct {
	name  string
	kinds []string
} {
	return []struct {
		name  string
		kinds []string
	}{
		{"1-namespace.yaml", []string{"Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount"}},
		{"2-configuration.yaml", []string{"ConfigMap"}},
		{secretsFile, []string{"Secret"}},
		{"4-storage.yaml", []string{"PersistentVolumeClaim"}},
		{"5-services.yaml", []string{"Service", "PodDisruptionBudget"}},
		{"6-workloads.yaml", []string{"Deployment", "StatefulSet", "Job"}},
		{"7-entry.yaml", []string{"Ingress"}},
		{otherFile, nil},
	}
}

func convert(ctx context.Context, p Process) int {
	var r request
	f := r.flags("convert", p.Stderr)
	dir := f.String("o", "", "`folder` to write to; made if needed")
	files, code, ok := parse(f, p)
	if !ok {
		return code
	}
	if *dir == "" {
		fmt.Fprintln(p.Stderr, "compose convert: name the folder to write to: -o DIR")
		return exitUsage
	}
	read, err := r.read(ctx, p, files)
	if err != nil {
		fmt.Fprintln(p.Stderr, "compose convert:", err)
		return exitUsage
	}
	if len(read.refused) > 0 {
		locator := compose.Locate(read.source)
		fmt.Fprintf(p.Stderr, "%s: nothing is written, %d refused:\n", read.source.Name, len(read.refused))
		for _, found := range read.refused {
			v := row{Path: found.Path, Detail: found.Rule, Fix: found.Fix, Position: locator.Position(found.Path)}
			if found.Value != "" {
				v.Detail = found.Value + ": " + found.Rule
			}
			fmt.Fprintln(p.Stderr, "  "+v.line())
		}
		return exitRefused
	}
	outside, err := write(*dir, read)
	if err != nil {
		fmt.Fprintln(p.Stderr, "compose convert:", err)
		return exitRefused
	}
	fmt.Fprintf(p.Stdout, "%s: %d objects in %s; apply them with: kubectl apply -f %s\n",
		read.source.Name, len(read.manifests.Objects)-len(outside), *dir, *dir)
	for _, name := range outside {
		fmt.Fprintf(p.Stdout, "Before that, make the Secret %s in namespace %s, its value under the key value.\n",
			name, read.source.Name)
	}
	for _, o := range read.manifests.Objects {
		if ingress, ok := o.Value.(*networkingv1.Ingress); ok && r.cluster.TLS.Issuer == "" {
			for _, tls := range ingress.Spec.TLS {
				fmt.Fprintf(p.Stdout, "Before that, make the TLS Secret %s in namespace %s, with the certificate of %s.\n",
					tls.SecretName, read.source.Name, strings.Join(tls.Hosts, ", "))
			}
		}
	}
	for _, note := range read.manifests.Notes {
		fmt.Fprintln(p.Stdout, note)
	}
	return exitOK
}

// write writes the manifests. It returns the names of secrets whose values come from somewhere else. Values that were
// generated before are kept: what is deployed already was set up with them.
func write(dir string, read result) (outside []string, err error) {
	const (
		folderMode = 0o755
		fileMode   = 0o644
		secretMode = 0o600
	)
	former, err := formerSecrets(filepath.Join(dir, secretsFile))
	if err != nil {
		return nil, err
	}
	objects := map[string][]manifest.Object{}
	for _, o := range read.manifests.Objects {
		if s, ok := o.Value.(*corev1.Secret); ok {
			known, err := fillSecret(s, read.loaded, former)
			if err != nil {
				return nil, err
			}
			if !known {
				outside = append(outside, s.Name)
				continue
			}
		}
		objects[fileOf(o)] = append(objects[fileOf(o)], o)
	}
	contents, err := encodeAll(objects)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	for _, file := range convertedFiles() {
		path := filepath.Join(dir, file.name)
		if contents[file.name] == nil {
			if err := removed(path); err != nil {
				return nil, err
			}
			continue
		}
		mode := fs.FileMode(fileMode)
		if file.name == secretsFile {
			mode = secretMode
		}
		if err := replace(path, contents[file.name], mode); err != nil {
			return nil, err
		}
	}
	return outside, nil
}

// replace writes a file anew by way of another name: one of an earlier call may have another mode, and the generated
// values in it are lost for good when the disk is full halfway.
func replace(path string, content []byte, mode fs.FileMode) error {
	temporary := path + ".new"
	if err := removed(temporary); err != nil {
		return err
	}
	if err := os.WriteFile(temporary, content, mode); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), removed(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), removed(temporary))
	}
	return nil
}

// removed makes sure that there is no such file.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

// fileOf is the file that an object goes to.
func fileOf(o manifest.Object) string {
	kind := o.Value.GetObjectKind().GroupVersionKind().Kind
	for _, file := range convertedFiles() {
		for _, k := range file.kinds {
			if k == kind {
				return file.name
			}
		}
	}
	return otherFile
}

// encodeAll makes the files, all at the same time.
func encodeAll(objects map[string][]manifest.Object) (map[string][]byte, error) {
	var (
		work     sync.WaitGroup
		mutex    sync.Mutex
		problems error
	)
	contents := make(map[string][]byte, len(objects))
	for name, ofFile := range objects {
		work.Go(func() {
			var content bytes.Buffer
			documents := newEncoder()
			for _, o := range ofFile {
				text, err := documents.document(o)
				if err != nil {
					mutex.Lock()
					problems = errors.Join(problems, err)
					mutex.Unlock()
					return
				}
				_, _ = content.Write(text) // a buffer takes everything
			}
			mutex.Lock()
			contents[name] = content.Bytes()
			mutex.Unlock()
		})
	}
	work.Wait()
	return contents, problems
}

// fillSecret puts the value into a Secret. It is false when the value comes from somewhere else.
func fillSecret(s *corev1.Secret, loaded compose.Loaded, former map[string][]byte) (bool, error) {
	// Somebody who changes a value and applies the files again means it.
	s.Immutable = nil
	if value, ok := loaded.SecretValues[s.Name]; ok {
		s.Data = map[string][]byte{manifest.SecretKey: []byte(value.Reveal())}
		return true, nil
	}
	var generate *app.Generate
	if secret := loaded.App.Secret(s.Name); secret != nil {
		generate = secret.Generate
	}
	if generate == nil {
		return false, nil
	}
	value, ok := former[s.Name]
	if !ok {
		text, err := random.Text(*generate)
		if err != nil {
			return false, fmt.Errorf("secret %s: %w", s.Name, err)
		}
		value = []byte(text)
	}
	s.Data = map[string][]byte{manifest.SecretKey: value}
	return true, nil
}

// formerSecrets are the values in the file of an earlier call, by name.
func formerSecrets(path string) (map[string][]byte, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string][]byte{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the secrets of an earlier call: %w", err)
	}
	values := map[string][]byte{}
	for document := range strings.SplitSeq(string(content), "---\n") {
		var s struct {
			Metadata struct{ Name string }
			Data     map[string]string
		}
		// What the parser quotes could be a secret.
		if yaml.Unmarshal([]byte(document), &s) != nil {
			return nil, fmt.Errorf("read the secrets of an earlier call: %s is no YAML; move it away to have new ones", path)
		}
		value, err := base64.StdEncoding.DecodeString(s.Data[manifest.SecretKey])
		if err == nil && len(value) > 0 {
			values[s.Metadata.Name] = value
		}
	}
	return values, nil
}
