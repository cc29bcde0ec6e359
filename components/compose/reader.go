package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/compose-spec/compose-go/v2/validation"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/images"
	"github.com/dekcd/dmcloud/components/compose/internal/specification"
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
	rules    map[string]serviceRule
	out      Loaded
	problems problem.List
	// names are what the names of the file are called in the application.
	names scopes
	// directory knows who is meant by a name; nil for files that were written for dmcloud.
	directory *directory
	// environment are the variables that have a value.
	environment types.Mapping
	// unset are variables without value and default; blank says which one is the whole value of a container's variable,
	// by service and variable.
	unset map[string]bool
	blank map[string]string
	// required are the variables that the file itself says must be given, with what it says.
	required map[string]string
	// guessed are the paths where a blank stands for a variable that is refused for having no value.
	guessed map[string]bool
	// generated are the secrets made for unset variables, by variable.
	generated map[string]string
	// literal maps values that were found in plain text to the secret they became, and taken the names of such secrets.
	literal map[string]string
	taken   map[string]bool
	moved   []app.Secret
	// sorted are the literals to look for in other texts, as of when there were sortedOf of them.
	sorted   []string
	sortedOf int
	// facts are what is known of the images looked up so far.
	facts map[string]images.Facts
	// modes are the file modes of configs, which Compose keeps where they are mounted.
	modes map[string]int
	// bound are the files and folders beside the Compose file that services mount.
	bound bound
	// folders are the names of those that the file declares, by path.
	folders map[string]string
	// edges are the networks that make no group of services.
	edges map[string]bool
}

func newReader(source Source, dir string, assets fs.FS) *reader {
	return &reader{
		source: source, dir: dir, assets: assets, rules: serviceRules(),
		out:   Loaded{App: app.App{Name: source.Name}, SecretValues: map[string]Sensitive{}},
		unset: map[string]bool{}, required: map[string]string{}, guessed: map[string]bool{}, blank: map[string]string{},
		generated: map[string]string{}, literal: map[string]string{}, taken: map[string]bool{}, modes: map[string]int{},
		facts: map[string]images.Facts{}, bound: newBound(),
		folders: map[string]string{}, edges: map[string]bool{},
	}
}

// adopting is true for files that were not written for dmcloud: what they leave unsaid is worked out.
func (r *reader) adopting() bool { return r.source.Adopt }

func (r *reader) say(path string, outcome Outcome, format string, args ...any) {
	r.out.Verdicts = append(r.out.Verdicts, Verdict{Path: path, Outcome: outcome, Detail: fmt.Sprintf(format, args...)})
}

// refuse records a problem and the verdict that goes with it; value is shown, so never pass one that may be secret.
func (r *reader) refuse(path string, value any, rule, fix string) {
	if r.guessed[path] {
		return // what is wrong is that a variable has no value, and that is said
	}
	r.problems.Addf(path, value, fix, "%s", rule)
	r.out.Verdicts = append(r.out.Verdicts, Verdict{Path: path, Outcome: Refused, Detail: rule, Fix: fix})
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
	variables, err := r.variables()
	if err != nil {
		r.problems.Addf(environmentFile, nil, "", "%s", err)
		return false
	}
	r.environment = variables
	details := types.ConfigDetails{WorkingDir: r.dir, Environment: variables}
	for _, file := range r.source.Files {
		path := file.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.dir, path)
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: path, Content: file.Content})
	}
	set := func(o *loader.Options) {
		// Whether the name itself will do is the model's to say; the files are read either way.
		o.SetProjectName(loader.NormalizeProjectName(r.source.Name), true)
		o.Profiles = r.source.Profiles
		o.SkipNormalization = true
		o.SkipResolveLabels = true
		o.SkipResolveEnvironment = r.source.Assets != nil
		o.Interpolate.Substitute = r.substitute
		o.MaxNodeVisits = r.visits()
		if r.source.Assets != nil {
			o.SkipInclude = true
			o.ResourceLoaders = append(o.ResourceLoaders, noFiles{})
		}
	}
	defer r.unsetVariables(ctx, details, set)
	options := loader.ToOptions(&details, []func(*loader.Options){set})
	dict, err := loadModel(ctx, details, set)
	if err != nil {
		return r.unreadable(err)
	}
	r.written = snapshot(dict)
	dict["name"] = r.source.Name
	if dict, err = loader.Normalize(dict, details.Environment); err != nil {
		return r.unreadable(err)
	}
	if r.project, err = loader.ModelToProject(dict, options, details); err != nil {
		r.unreadable(err)
		// Where only names lead nowhere, the rest of the file can be read, and may have more problems.
		options.SkipConsistencyCheck = true
		r.project, err = loader.ModelToProject(dict, options, details)
	}
	return err == nil
}

// visits is how many nodes of the files the parser may visit. Anchors that stand in themselves have it visit without
// end; what people write is at most a few nodes a byte.
func (r *reader) visits() int {
	const inAnyFile = 5_000
	visits := inAnyFile
	for _, file := range r.source.Files {
		content := len(file.Content)
		if file.Content == nil {
			content = len(r.onDisk(file.Path))
		}
		visits += content
	}
	return visits
}

// loadModel has compose-go read the files. Its validation takes longer than all the rest, so it comes in only where
// something seems to be wrong: then it says what.
func loadModel(
	ctx context.Context, details types.ConfigDetails, set func(*loader.Options),
) (map[string]any, error) {
	go specification.Prepare()
	dict, err := loader.LoadModelWithContext(ctx, details, set, loader.WithSkipValidation)
	if err == nil && validation.Validate(dict) == nil && specification.Fits(dict) {
		return dict, nil
	}
	return loader.LoadModelWithContext(ctx, details, set)
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

var (
	// parserLine is where the parser says it stumbled.
	parserLine = regexp.MustCompile(`\bline (\d+)`)
	// missingEnvFile is compose-go's complaint of an env_file that is not there.
	missingEnvFile = regexp.MustCompile(`^env file (\S+) not found`)
)

// unreadable turns compose-go's error into problems, one per line, without the values it may quote.
func (r *reader) unreadable(err error) bool {
	// Paths and JSON Schema's words mean nothing to the author of the file.
	plain := strings.NewReplacer(r.dir+string(filepath.Separator), "", " false schema", ": unknown key")
	text := r.scrub(plain.Replace(err.Error()))
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasSuffix(line, "construct errors:") {
			continue // a heading
		}
		path, fix := "compose", advice(line)
		if match := namedPath.FindString(line); match != "" {
			path = cmp.Or(Locate(r.source).Position(match), path)
		}
		// The last line it names is the innermost, which is the one to look at.
		if matches := parserLine.FindAllStringSubmatch(line, -1); len(matches) > 0 {
			number, _ := strconv.Atoi(matches[len(matches)-1][1])
			path = r.inFile(line, number)
		}
		if strings.Contains(line, "node visit limit") {
			fix = "find the anchor that stands in itself"
		}
		if match := missingEnvFile.FindStringSubmatch(line); match != nil {
			fix = "write that file, or say required: false where env_file names it"
		}
		r.problems.Addf(path, nil, fix, "%s", line)
	}
	return false
}

// namedPath is the path of a key in a message of the parser.
var namedPath = regexp.MustCompile(`\b(services|volumes|networks|configs|secrets)\.[\w.-]*[\w]`)

// advice is what to do about a message of the parser, which itself only says what is wrong.
func advice(message string) string {
	for _, one := range []struct{ about, advice string }{
		{"unknown key", "correct its name, or remove it"},
		{"depends on undefined service", "correct the name, or add the service"},
		{"refers to undefined", "correct the name, or declare it at the top of the file"},
		{"dependency cycle", "remove one of the depends_on"},
		{"additional properties", "write the services under services:, and correct or remove what is not known there"},
		{"has neither an image nor a build context", "name the image it runs"},
	} {
		if strings.Contains(message, one.about) {
			return one.advice
		}
	}
	return "correct it; https://docs.docker.com/reference/compose-file/ says what may stand there"
}

// inFile names the place of a line, in the file that the message names or in the only one there is.
func (r *reader) inFile(message string, line int) string {
	for _, file := range r.source.Files {
		if strings.Contains(message, file.Path) || len(r.source.Files) == 1 {
			return fmt.Sprintf("%s:%d", file.Path, line)
		}
	}
	return "compose"
}

// section is a mapping at the top of the merged document.
func (r *reader) section(key string) map[string]any {
	m, _ := r.written[key].(map[string]any)
	return m
}

func (r *reader) read() {
	r.names = scopes{
		services: r.labels(slices.Collect(maps.Keys(r.section("services"))), maximumService),
		volumes:  r.labels(slices.Collect(maps.Keys(r.section("volumes"))), maximumName),
		secrets:  r.labels(slices.Collect(maps.Keys(r.section("secrets"))), maximumName),
		configs:  r.labels(slices.Collect(maps.Keys(r.section("configs"))), maximumName),
		networks: r.labels(slices.Collect(maps.Keys(r.project.Networks)), maximumName),
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
	if r.adopting() {
		r.directory = newDirectory(r.project, r.names.services)
	}
	var services []*serviceReader
	for _, original := range slices.Sorted(maps.Keys(r.section("services"))) {
		raw, _ := r.section("services")[original].(map[string]any)
		path := "services." + original
		spec, active := r.project.Services[original]
		if !active {
			r.say(path, Ignored, "none of its profiles is active")
			continue
		}
		r.renamed(path, original, r.names.services[original])
		s := &serviceReader{
			reader: r, path: path, raw: raw, spec: spec, original: original,
			out: app.Service{Name: r.names.services[original], Replicas: 1},
		}
		s.resolve()
		s.keys()
		services = append(services, s)
	}
	if r.adopting() && len(services) > 0 {
		r.say("services", Hardened, "none of them reaches the internet; allow what one needs with x-dmcloud.egress")
	}
	r.connect(services)
	r.jobs(services)
	if r.adopting() {
		r.portless(services)
		r.healthy(services)
	}
	for _, s := range services {
		s.complete()
	}
	r.hideLiterals(services)
	for _, s := range services {
		r.out.App.Services = append(r.out.App.Services, s.out)
	}
	r.exposed(services)
	r.used()
	r.bound.add(&r.out.App)
	r.out.App.Secrets = append(r.out.App.Secrets, r.moved...)
	r.sort()
	if len(r.problems) == 0 {
		r.problems = r.out.App.Validate()
	}
}

// labels finds labels for names, which those of written files are.
func (r *reader) labels(names []string, maximum int) map[string]string {
	if !r.source.Written {
		return labels(names, maximum)
	}
	same := make(map[string]string, len(names))
	for _, name := range names {
		same[name] = name
	}
	return same
}

// renamed says what a name became that targets cannot use.
func (r *reader) renamed(path, original, name string) {
	if original != name {
		r.say(path, Hardened, "named %s where it runs", name)
	}
}

// jobs makes a job of every service that others wait to complete, and of one that says that it is not to be restarted
// and serves nobody; then it gives every service its role.
func (r *reader) jobs(services []*serviceReader) {
	waiting, serving := map[string]string{}, map[string]bool{}
	for _, s := range services {
		for _, d := range s.out.DependsOn {
			if d.Condition == app.Completed {
				waiting[d.Service] = cmp.Or(waiting[d.Service], s.original)
			}
		}
		for _, m := range s.mentions {
			if m.service != s.original {
				serving[m.service] = true
			}
		}
		for _, to := range s.out.ConnectsTo {
			serving[to] = true
		}
	}
	jobs := map[string]bool{}
	for _, s := range services {
		switch {
		case s.out.Job != nil:
		case waiting[s.out.Name] != "":
			r.say(s.path, Hardened, "runs to completion, as %s waits for it", waiting[s.out.Name])
			s.out.Job = &app.Job{Deadline: defaultDeadline, Retries: defaultRetries}
		case r.adopting() && !serving[s.original] && !serving[s.out.Name] && s.once() != "":
			r.say(s.path, Hardened, "runs to completion, as %s", s.once())
			s.out.Job = &app.Job{Deadline: defaultDeadline, Retries: defaultRetries}
		}
		jobs[s.out.Name] = s.out.Job != nil
		switch {
		case s.out.Job != nil && (s.out.Role == "" || r.adopting()):
			s.out.Role = app.RoleTask
		case s.out.Role != "":
		case len(s.out.Ports) > 0:
			s.out.Role = app.RoleWeb
		default:
			s.out.Role = app.RoleWorker
		}
	}
	if !r.adopting() {
		return
	}
	for _, s := range services {
		s.out.ConnectsTo = slices.DeleteFunc(s.out.ConnectsTo, func(to string) bool { return jobs[to] })
	}
}

// preparing are names of services that prepare something for the others and then end.
var preparing = regexp.MustCompile(`(?i)(^|[-_.])(bootstrap|create\w*|init|initdb|migrat\w+|provision\w*|seed|` +
	`setup)([-_.]|$)`)

// once says why a service runs to completion, empty when it runs for ever. One that serves somebody never does.
func (s *serviceReader) once() string {
	ownCommand := len(s.out.Args)+len(s.out.Entrypoint) > 0
	if s.raw["ports"] != nil || s.raw["expose"] != nil || s.out.Health != nil || len(s.known.Ports) > 0 && !ownCommand {
		return ""
	}
	policy := ""
	if s.spec.Deploy != nil && s.spec.Deploy.RestartPolicy != nil {
		policy = s.spec.Deploy.RestartPolicy.Condition
	}
	switch {
	case s.spec.Restart == "no" && s.raw["restart"] != nil || policy == "none":
		return "it is not to be restarted and listens on nothing"
	case s.raw["restart"] != nil || policy != "":
		return ""
	case s.known.Role == app.RoleTask:
		return "the program in its image does"
	case preparing.MatchString(s.original) && ownCommand:
		return "its name says, and it is not said to be restarted"
	}
	return ""
}

// portless lets services connect to those they depend on although nobody knows where these listen.
func (r *reader) portless(services []*serviceReader) {
	byLabel := map[string]*serviceReader{}
	for _, s := range services {
		byLabel[s.out.Name] = s
	}
	for _, s := range services {
		for _, d := range s.out.DependsOn {
			to := byLabel[d.Service]
			if d.NoTraffic || to == nil || to.out.Job != nil || s.out.Job != nil && to.out.Role == app.RoleWorker ||
				len(to.out.Ports) > 0 || slices.Contains(s.out.ConnectsTo, d.Service) {
				continue
			}
			s.talkTo(to.original)
			r.say(to.path, Hardened, "nobody knows where it listens, so %s may connect to all of its ports; "+
				"name them in expose", s.original)
		}
	}
}

// exposed reports hosts and openings for what there is not.
func (r *reader) exposed(services []*serviceReader) {
	known := map[string]bool{}
	for _, s := range services {
		known[s.original] = true
	}
	for _, asked := range []struct {
		path string
		keys []string
	}{
		{"expose", slices.Sorted(maps.Keys(r.source.Expose))}, {"open", slices.Sorted(maps.Keys(r.source.Open))},
	} {
		for _, key := range asked.keys {
			service := key
			if end := strings.IndexAny(key, ":/"); end >= 0 {
				service = key[:end]
			}
			if !known[service] {
				r.problems.Addf(asked.path+"."+key, nil, "", "no such active service")
			}
		}
	}
}

// used adds the volumes, secrets and files that services refer to and says so of the others.
func (r *reader) used() {
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
		key   string
		names map[string]string
		used  map[string]bool
		read  func(original, path string, raw map[string]any)
	}{
		{"volumes", r.names.volumes, volumes, r.volume}, {"secrets", r.names.secrets, secrets, r.secret},
		{"configs", r.names.configs, files, r.file},
	} {
		for _, original := range slices.Sorted(maps.Keys(r.section(kind.key))) {
			raw, _ := r.section(kind.key)[original].(map[string]any)
			path := kind.key + "." + original
			if how := r.bound.instead[path]; how != "" {
				r.say(path, Hardened, "%s", how)
				continue
			}
			if kind.used[kind.names[original]] || r.source.Written {
				r.renamed(path, original, kind.names[original])
				kind.read(original, path, raw)
			} else {
				r.say(path, Ignored, "no active service uses it")
			}
		}
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
	byName(a.Folders, func(f app.Folder) string { return f.Name })
	byName(a.Routes, func(r app.Route) string { return r.Name })
	byName(a.Openings, func(o app.Opening) string { return o.Name })
	for i := range a.Services {
		s := &a.Services[i]
		byName(s.Env, func(e app.EnvVar) string { return e.Name })
		byName(s.Egress, func(e app.Egress) string { return e.Name })
		byName(s.Mounts, func(m app.Mount) string { return m.Path })
		byName(s.WritablePaths, func(w app.WritablePath) string { return w.Path })
		byName(s.DependsOn, func(d app.Dependency) string { return d.Service })
		byName(s.Sysctls, func(c app.Sysctl) string { return c.Name })
		byName(s.Placement, func(l app.Label) string { return l.Key })
		byName(s.ExtraHosts, func(h app.Host) string { return h.Address })
		slices.Sort(s.Aliases)
		slices.Sort(s.ConnectsTo)
		slices.Sort(s.Networks)
		slices.Sort(s.Expand)
		slices.SortFunc(s.Ports, func(x, y app.Port) int {
			return cmp.Or(x.Number-y.Number, strings.Compare(string(x.Protocol), string(y.Protocol)))
		})
		for j := range s.Init {
			byName(s.Init[j].Env, func(e app.EnvVar) string { return e.Name })
			byName(s.Init[j].Mounts, func(m app.Mount) string { return m.Path })
		}
	}
}

func byName[T any](all []T, name func(T) string) {
	slices.SortFunc(all, func(x, y T) int { return strings.Compare(name(x), name(y)) })
}
