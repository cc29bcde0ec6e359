package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/problem"
)

// reader turns one source into one application.
type reader struct {
	source  Source
	dir     string
	assets  fs.FS
	project *types.Project
	// written is the merged document before compose-go fills in defaults, so that verdicts are on what the author wrote.
	written  map[string]any
	out      Loaded
	problems problem.List
	// literal maps values that were found in plain text to the secret they became.
	literal map[string]string
	moved   []movedSecret
	// modes are the file modes of configs, which Compose keeps where they are mounted.
	modes map[string]int
}

func (r *reader) say(path string, outcome Outcome, format string, args ...any) {
	r.out.Verdicts = append(r.out.Verdicts, Verdict{Path: path, Outcome: outcome, Detail: fmt.Sprintf(format, args...)})
}

// refuse records a problem and the verdict that goes with it; value is shown, so never pass one that may be secret.
func (r *reader) refuse(path string, value any, rule, fix string) {
	r.problems.Addf(path, value, fix, "%s", rule)
	r.say(path, Refused, "%s", rule)
}

// parse has compose-go read, interpolate, merge and check the files. It is false when there is nothing to go on with.
func (r *reader) parse(ctx context.Context) (ok bool) {
	// The parser of other people's text is not ours: whatever it trips over is the text's problem, not a crash.
	defer func() {
		if failure := recover(); failure != nil {
			r.problems.Addf("compose", nil, "", "the files cannot be read")
			ok = false
		}
	}()
	details := types.ConfigDetails{WorkingDir: r.dir, Environment: types.Mapping(maps.Clone(r.source.Environment))}
	if details.Environment == nil {
		details.Environment = types.Mapping{}
	}
	for _, file := range r.source.Files {
		path := file.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.dir, path)
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: path, Content: file.Content})
	}
	set := func(o *loader.Options) {
		o.SetProjectName(r.source.Name, true)
		o.Profiles = r.source.Profiles
		o.SkipNormalization = true
		o.SkipResolveLabels = true
		o.SkipResolveEnvironment = r.source.Assets != nil
		o.Interpolate.Substitute = substitute
		if r.source.Assets != nil {
			o.SkipInclude = true
			o.ResourceLoaders = append(o.ResourceLoaders, noFiles{})
		}
	}
	options := loader.ToOptions(&details, []func(*loader.Options){set})
	dict, err := loader.LoadModelWithContext(ctx, details, set)
	if err != nil {
		return r.unreadable(err)
	}
	r.written = snapshot(dict)
	dict["name"] = r.source.Name
	if dict, err = loader.Normalize(dict, details.Environment); err != nil {
		return r.unreadable(err)
	}
	if r.project, err = loader.ModelToProject(dict, options, details); err != nil {
		return r.unreadable(err)
	}
	return true
}

// substitute is compose-go's interpolation, except that a variable without value and default is an error, not a blank.
func substitute(text string, mapping template.Mapping) (string, error) {
	return template.SubstituteWithOptions(text, mapping, template.WithoutLogging,
		template.WithReplacementFunction(func(match string, m template.Mapping, c *template.Config) (string, error) {
			value, applied, err := template.DefaultReplacementAppliedFunc(match, m, c)
			if err == nil && !applied {
				return "", fmt.Errorf("the variable %s has neither a value nor a default", strings.Trim(match, "${}"))
			}
			return value, err
		}))
}

// noFiles stands before compose-go's own loader of files and lets nothing through to it.
type noFiles struct{}

func (noFiles) Accept(string) bool { return true }

func (noFiles) Load(context.Context, string) (string, error) {
	return "", errors.New("an embedded Compose file cannot refer to other Compose files")
}

func (noFiles) Dir(string) string { return "" }

// snapshot copies the mappings of a document, so that later passes do not change it.
func snapshot(document map[string]any) map[string]any {
	fresh := make(map[string]any, len(document))
	for key, value := range document {
		if inner, ok := value.(map[string]any); ok {
			value = snapshot(inner)
		}
		fresh[key] = value
	}
	return fresh
}

// unreadable turns compose-go's error into problems, one per line, without the values it may quote.
func (r *reader) unreadable(err error) bool {
	// Paths and JSON Schema's words mean nothing to the author of the file.
	plain := strings.NewReplacer(r.dir+string(filepath.Separator), "", " false schema", ": unknown key")
	text := r.scrub(plain.Replace(err.Error()))
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			r.problems.Addf("compose", nil, "", "%s", line)
		}
	}
	return false
}

func (r *reader) read() {
	written := func(key string) map[string]any {
		m, _ := r.written[key].(map[string]any)
		return m
	}
	rules := fileRules()
	for _, key := range slices.Sorted(maps.Keys(r.written)) {
		if rule, ok := rules[key]; ok {
			rule(r, key)
		} else if !strings.HasPrefix(key, "x-") {
			r.refuse(key, nil, "dmcloud does not support this key", "remove it")
		} else {
			r.say(key, Ignored, "an extension of another tool, or a place for YAML anchors")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(written("services"))) {
		raw, _ := written("services")[name].(map[string]any)
		path := "services." + name
		spec, active := r.project.Services[name]
		if !active {
			r.say(path, Ignored, "none of its profiles is active")
			continue
		}
		r.named(path, name)
		s := &serviceReader{
			reader: r, path: path, raw: raw, spec: spec,
			out: app.Service{Name: name, Replicas: 1},
		}
		r.out.App.Services = append(r.out.App.Services, s.read())
	}
	for _, name := range slices.Sorted(maps.Keys(r.source.Expose)) {
		if r.out.App.Service(name) == nil {
			r.problems.Addf("expose."+name, nil, "", "no such active service")
		}
	}
	r.jobs()
	r.used(written)
	for _, m := range r.moved {
		r.out.App.Secrets = append(r.out.App.Secrets, app.Secret{
			Name: m.name, Purpose: "the value of " + m.variable + ", which stood in the Compose file",
		})
	}
	r.sort()
	if len(r.problems) == 0 {
		r.problems = r.out.App.Validate()
	}
}

// jobs makes a job of every service that others wait to complete: Compose has no other way to say so.
func (r *reader) jobs() {
	for i := range r.out.App.Services {
		for _, d := range r.out.App.Services[i].DependsOn {
			to := r.out.App.Service(d.Service)
			if d.Condition == app.Completed && to != nil && to.Job == nil {
				to.Job = &app.Job{Deadline: defaultDeadline, Retries: defaultRetries}
				r.say("services."+to.Name, Hardened, "runs to completion, as %s waits for it", r.out.App.Services[i].Name)
			}
		}
	}
	for i := range r.out.App.Services {
		s := &r.out.App.Services[i]
		switch {
		case s.Role != "":
		case s.Job != nil:
			s.Role = app.RoleTask
		case len(s.Ports) > 0:
			s.Role = app.RoleWeb
		default:
			s.Role = app.RoleWorker
		}
	}
}

// used adds the volumes, secrets and files that services refer to and says so of the others.
func (r *reader) used(written func(string) map[string]any) {
	a := &r.out.App
	mounts, env := []app.Mount{}, []app.EnvVar{}
	for _, s := range a.Services {
		mounts, env = append(mounts, s.Mounts...), append(env, s.Env...)
		for _, i := range s.Init {
			mounts, env = append(mounts, i.Mounts...), append(env, i.Env...)
		}
	}
	volumes, files, secrets := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, m := range mounts {
		volumes[m.Volume], files[m.File], secrets[m.Secret] = true, true, true
	}
	for _, e := range env {
		secrets[e.Secret] = true
	}
	for _, kind := range []struct {
		key  string
		used map[string]bool
		read func(name, path string, raw map[string]any)
	}{
		{"volumes", volumes, r.volume}, {"secrets", secrets, r.secret}, {"configs", files, r.file},
	} {
		for _, name := range slices.Sorted(maps.Keys(written(kind.key))) {
			raw, _ := written(kind.key)[name].(map[string]any)
			path := kind.key + "." + name
			if kind.used[name] {
				r.named(path, name)
				kind.read(name, path, raw)
			} else {
				r.say(path, Ignored, "no active service uses it")
			}
		}
	}
}

// named refuses names that Compose allows and targets cannot use.
func (r *reader) named(path, name string) {
	if rule, fix := app.CheckName(name); rule != "" {
		r.refuse(path, nil, rule, fix)
	}
}

// onDisk is the content of a Compose file, empty when it cannot be read.
func (r *reader) onDisk(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.dir, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(content)
}

// sort gives equal applications one form.
func (r *reader) sort() {
	a := &r.out.App
	byName(a.Services, func(s app.Service) string { return s.Name })
	byName(a.Volumes, func(v app.Volume) string { return v.Name })
	byName(a.Secrets, func(s app.Secret) string { return s.Name })
	byName(a.Files, func(f app.File) string { return f.Name })
	byName(a.Routes, func(r app.Route) string { return r.Name })
	for i := range a.Services {
		s := &a.Services[i]
		byName(s.Env, func(e app.EnvVar) string { return e.Name })
		byName(s.Egress, func(e app.Egress) string { return e.Name })
		byName(s.Mounts, func(m app.Mount) string { return m.Path })
		byName(s.WritablePaths, func(w app.WritablePath) string { return w.Path })
		byName(s.DependsOn, func(d app.Dependency) string { return d.Service })
		slices.SortFunc(s.Ports, func(x, y app.Port) int { return x.Number - y.Number })
		for j := range s.Init {
			byName(s.Init[j].Env, func(e app.EnvVar) string { return e.Name })
			byName(s.Init[j].Mounts, func(m app.Mount) string { return m.Path })
		}
	}
}

func byName[T any](all []T, name func(T) string) {
	slices.SortFunc(all, func(x, y T) int { return strings.Compare(name(x), name(y)) })
}
