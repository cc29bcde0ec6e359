// Package command is the program bin/compose: explain prints what becomes of each key of Compose files, convert writes
// the Kubernetes manifests.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
)

// The exit codes.
const (
	exitOK      = 0
	exitRefused = 1
	exitUsage   = 2
)

// Process is what the program takes from the process it runs in.
type Process struct {
	// Args are those after the program's name.
	Args []string
	// Environment are variables as of os.Environ; Compose files may use them.
	Environment []string
	Stdout      io.Writer
	Stderr      io.Writer
}

const usage = `bin/compose says what becomes of Compose files on Kubernetes, and converts them.

  compose explain [flags] FILE...          a verdict for every key; exit code 1 when something is refused
  compose convert -o DIR [flags] FILE...   write the manifests; secret values go to a file that only you can read

FILE is a Compose file, or a folder that has one. Several files are merged, later ones override earlier ones.
Flags: compose explain -h, compose convert -h
`

// Run is the program. It returns the exit code: 0 when all is well, 1 when something is refused or fails, 2 when it was
// called wrongly.
func Run(ctx context.Context, p Process) int {
	if len(p.Args) == 0 {
		fmt.Fprint(p.Stderr, usage)
		return exitUsage
	}
	switch p.Args[0] {
	case "explain":
		return explain(ctx, p)
	case "convert":
		return convert(ctx, p)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(p.Stdout, usage)
		return exitOK
	default:
		fmt.Fprintf(p.Stderr, "compose: no such command: %s\n\n%s", p.Args[0], usage)
		return exitUsage
	}
}

// request is what both commands are asked.
type request struct {
	name      string
	profiles  list
	variables list
	expose    list
	open      list
	baseline  list
	protected bool
	cluster   manifest.Cluster
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds a value.
func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// flags are those of both commands.
func (r *request) flags(command string, out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("compose "+command, flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&r.name, "name", "", "`name` of the application and its namespace (default: the file's, or its folder's)")
	f.Var(&r.profiles, "profile", "Compose `profile` to activate; may be repeated")
	f.Var(&r.variables, "env", "`NAME=value` of a variable in the files, before .env and the shell; may be repeated")
	f.Var(&r.expose, "expose", "`service[:port]=host`: open a service to people by this DNS name; may be repeated")
	f.Var(&r.open, "open", "`service:port[/udp]=range,…`: open what is not HTTP to address ranges; may be repeated")
	f.Var(&r.baseline, "baseline", "`service=reason` that may run as its image's user, root included; may be repeated")
	f.BoolVar(&r.protected, "protected", false, "refuse passwords that everybody knows")
	c := &r.cluster
	f.StringVar(&c.Environment, "environment", "compose", "`name` of the environment, for labels")
	f.StringVar(&c.PodSecurityVersion, "pod-security", "v1.37", "Kubernetes `minor` whose Pod Security is enforced")
	f.StringVar(&c.StorageClass, "storage-class", "", "StorageClass of volumes (default: the cluster's)")
	f.StringVar(&c.SharedStorageClass, "shared-storage-class", "",
		"StorageClass of volumes that several services mount (default: the cluster's, which must make ReadWriteMany ones)")
	f.StringVar(&c.IngressClass, "ingress-class", "traefik", "IngressClass, with -expose")
	f.StringVar(&c.IngressNamespace, "ingress-namespace", "traefik", "namespace of the ingress controller, with -expose")
	f.StringVar((*string)(&c.IngressController), "ingress-controller", string(manifest.OtherController),
		"software of the ingress controller, with -expose: traefik, haproxy, nginx or other")
	f.StringVar(&c.TLS.Issuer, "issuer", "", "ClusterIssuer of cert-manager, with -expose")
	f.StringVar(&c.TLS.SecretName, "tls-secret", "", "Secret with the certificate, with -expose (default: route-tls)")
	return f
}

// result is what was read from the files, rendered, and what is wrong with it.
type result struct {
	source    compose.Source
	loaded    compose.Loaded
	manifests manifest.Manifests
	verdicts  []compose.Verdict
	refused   problem.List
}

// read does everything but print and write. The error is for calls that make no sense.
func (r *request) read(ctx context.Context, p Process, files []string) (result, error) {
	source, err := r.source(p, files)
	if err != nil {
		return result{}, err
	}
	out := result{source: source}
	loaded, err := compose.Load(ctx, source)
	out.loaded, out.verdicts = loaded, loaded.Verdicts
	if err == nil {
		cluster := r.cluster
		if cluster.SharedStorageClass == "" {
			cluster.SharedStorageClass = manifest.DefaultClass
		}
		if cluster.TLS == (manifest.TLS{}) && len(loaded.App.Routes) > 0 {
			cluster.TLS.SecretName = loaded.App.Routes[0].Name + "-tls"
		}
		out.manifests, err = manifest.Render(loaded.App, cluster)
	}
	var problems *problem.Error
	switch {
	case err == nil:
	case errors.As(err, &problems):
		out.refused = problems.Problems
	default:
		out.refused = problem.List{{Path: "compose", Rule: err.Error()}}
	}
	for _, one := range r.baseline {
		service, _, _ := strings.Cut(one, "=")
		if err == nil && loaded.App.Service(service) == nil {
			out.refused.Addf("baseline."+service, nil, "name a service as it is called where it runs", "no such active service")
		}
	}
	for _, found := range out.refused {
		same := func(v compose.Verdict) bool { return v.Path == found.Path && v.Outcome == compose.Refused }
		if !slices.ContainsFunc(out.verdicts, same) {
			out.verdicts = append(out.verdicts, compose.Verdict{
				Path: found.Path, Outcome: compose.Refused, Detail: found.Rule, Fix: found.Fix,
			})
		}
	}
	slices.SortStableFunc(out.verdicts, func(a, b compose.Verdict) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// source makes a source of the flags and the files.
func (r *request) source(p Process, files []string) (compose.Source, error) {
	if len(files) == 0 {
		return compose.Source{}, errors.New("name a Compose file, or a folder that has one")
	}
	var paths []string
	for _, file := range files {
		found, err := composeFiles(file)
		if err != nil {
			return compose.Source{}, err
		}
		paths = append(paths, found...)
	}
	dir := filepath.Dir(paths[0])
	source := compose.Source{
		Name: r.name, Dir: dir, Profiles: r.profiles, Protected: r.protected, Adopt: true,
		Environment: map[string]string{}, Expose: map[string]string{}, Open: map[string][]string{},
	}
	for _, path := range paths {
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return compose.Source{}, fmt.Errorf("find %s from %s: %w", path, dir, err)
		}
		source.Files = append(source.Files, compose.File{Path: relative})
	}
	for _, variable := range r.variables {
		if !strings.Contains(variable, "=") {
			return compose.Source{}, fmt.Errorf("-env %s: write NAME=value", variable)
		}
	}
	for _, variable := range append(slices.Clone(p.Environment), r.variables...) {
		if name, value, ok := strings.Cut(variable, "="); ok {
			source.Environment[name] = value
		}
	}
	for _, one := range r.expose {
		key, host, ok := strings.Cut(one, "=")
		if !ok {
			return compose.Source{}, fmt.Errorf("-expose %s: write service=host or service:port=host", one)
		}
		source.Expose[key] = host
	}
	for _, one := range r.open {
		key, ranges, ok := strings.Cut(one, "=")
		if !ok {
			return compose.Source{}, fmt.Errorf("-open %s: write service:port=192.0.2.0/24", one)
		}
		source.Open[key] = strings.Split(ranges, ",")
	}
	granted := map[string]*app.Baseline{}
	for _, one := range r.baseline {
		service, reason, ok := strings.Cut(one, "=")
		if !ok || reason == "" {
			return compose.Source{}, fmt.Errorf("-baseline %s: write service=reason", one)
		}
		granted[service] = &app.Baseline{Reason: reason, StepDown: true}
	}
	source.Baseline = func(service string) *app.Baseline { return granted[service] }
	if source.Name == "" {
		name, err := compose.ProjectName(source)
		if err != nil {
			return compose.Source{}, fmt.Errorf("name the application with -name: %w", err)
		}
		source.Name = name
	}
	return source, nil
}

// composeFiles are a file itself, or those that Compose would take in a folder: the first it finds, with its override.
func composeFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: no such file or folder", path)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	exists := func(name string) (string, bool) {
		file := filepath.Join(path, name)
		_, err := os.Stat(file)
		return file, err == nil
	}
	for _, base := range []string{"compose", "docker-compose"} {
		for _, extension := range []string{".yaml", ".yml"} {
			file, ok := exists(base + extension)
			if !ok {
				continue
			}
			files := []string{file}
			for _, extension := range []string{".yaml", ".yml"} {
				if override, ok := exists(base + ".override" + extension); ok {
					files = append(files, override)
					break
				}
			}
			return files, nil
		}
	}
	return nil, fmt.Errorf("%s: has no compose.yaml or docker-compose.yml", path)
}

// parse reads the flags wherever they stand among the files. ok is false when there is nothing more to do.
func parse(f *flag.FlagSet, p Process) (files []string, code int, ok bool) {
	args := p.Args[1:]
	for len(args) > 0 {
		switch err := f.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return nil, exitOK, false
		case err != nil:
			return nil, exitUsage, false
		}
		args = f.Args()
		if len(args) > 0 {
			files, args = append(files, args[0]), args[1:]
		}
	}
	return files, exitOK, true
}
