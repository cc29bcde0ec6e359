// Package compose reads Compose files into the target-neutral application model of components/app.
//
// Files are parsed by compose-go, the reference implementation of https://github.com/compose-spec/compose-spec. What
// Compose cannot say stands under the extension key x-dmcloud, described at [Load]. Every key that is met gets a
// [Verdict]: nothing is dropped in silence, and what would weaken the platform is refused with a way to write it
// better.
package compose

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/sirupsen/logrus"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/problem"
)

// Source is what an application is read from.
type Source struct {
	// Name names the application; a DNS label.
	Name string
	// Files are merged in order, later ones override earlier ones as `docker compose -f a -f b` does.
	Files []File
	// Dir is the folder that relative paths in the files start at; the working directory unless set.
	Dir string
	// Assets holds the files that configs and secrets refer to, by their path relative to Dir. Unless set it is Dir on
	// disk. When set, nothing but Assets is read: include, env_file and extends of another file are refused.
	Assets fs.FS
	// Environment is all that variables in the files are taken from; the environment of the process never is.
	Environment map[string]string
	// Profiles are the active Compose profiles.
	Profiles []string
	// Expose maps services, or "service:port", to public DNS names. A service gets a route only when it is in here;
	// x-dmcloud.route says what the route is like. "service/name" is the route of that name in x-dmcloud.routes.
	Expose map[string]string
	// Open maps "service:port" or "service:port/udp" to the address ranges that may connect from outside, for what is not
	// HTTP. "service/name" is the opening of that name in x-dmcloud.openings.
	Open map[string][]string
	// Baseline says which services, by the names they have where they run, the environment lets run as the user of their
	// image, root included: nil for the others. Unset, it is nil for all.
	Baseline func(service string) *app.Baseline
	// Protected refuses passwords that everybody knows.
	Protected bool
	// Adopt reads files that were not written for dmcloud. What they leave to Docker and to their images is worked out:
	// the users, ports and folders of known images, who talks to whom, what is secret in command lines and files. Files
	// and folders beside the Compose file may be mounted, and the file .env is read for variables.
	Adopt bool
	// Written is set by [Write], whose files were an application already: names stay as they are, and so do texts that
	// look like secrets, health checks that could be made over the network and everything that nobody uses.
	Written bool
}

// File is one Compose file.
type File struct {
	// Path names the file and is read from when Content is nil; relative paths start at [Source.Dir].
	Path string
	// Content is the file itself, for files that are embedded in the program.
	Content []byte
}

// Loaded is an application and what reading it decided.
type Loaded struct {
	App app.App
	// Verdicts say what became of each key, sorted by path.
	Verdicts []Verdict
	// SecretValues holds, by name of the secret, values that stood in the files or in [Source.Environment]. They are in
	// no other field; a secret that is in App but not in here is generated, or the target's environment provides it.
	SecretValues map[string]Sensitive
}

// Outcome is what became of a key.
type Outcome string

// The outcomes.
const (
	// Kept keys mean in the application what they mean in Compose.
	Kept Outcome = "kept"
	// Hardened keys are carried over in a safer form, said in the detail.
	Hardened Outcome = "hardened"
	// Moved values were literals and became secrets.
	Moved Outcome = "moved"
	// Ignored keys have no effect, for the reason in the detail.
	Ignored Outcome = "ignored"
	// Refused keys stop the application from being loaded.
	Refused Outcome = "refused"
)

// Verdict is what became of one key.
type Verdict struct {
	// Path is where the key stands: "services.web.ports".
	Path string
	// Outcome is what became of it.
	Outcome Outcome
	// Detail says how or why; it never repeats a value that may be secret.
	Detail string
	// Fix is what to write instead of something refused.
	Fix string
}

// Load reads an application. The error, if any, lists every refused key, unknown x-dmcloud key and inconsistency at
// once as a [problem.Error]; then the verdicts are still returned.
//
// x-dmcloud holds what Compose has no words for. At the top of the file:
//
//	version   the platform's own release
//	folders   {name: {path, mode}}: folders of configuration beside the Compose file, which services mount by binding the
//	          path and init containers by the name; mode is "0440" or so
//
// In a service:
//
//	role                 web, worker, database, search, cache or task
//	singleton            why it must never run twice
//	job                  {release, deadline, retries}: runs to completion; see [app.Job]
//	init                 list of {name, image or service, entrypoint, command, environment, secret-environment,
//	                     volumes ({name, path, sub-path, read-only}), scratch, configs ({source, target}), secrets
//	                     (names, or {source, target}), folders ({source, target}), read-write, user ({uid, gid})}:
//	                     containers that run before it, as its user unless set; service takes the image of that service
//	secret-environment   {VARIABLE: name of a secret}
//	scratch              list of {name, path, read-only}: empty folders that its containers share
//	read-write           paths where configs and secrets are not mounted read-only
//	writable             list of paths, or of {path, size, memory}: empty folders of its own; size is the most each
//	                     may hold, the target's default unless set
//	writable-root        why the root is not read_only
//	egress               list of {name, cidrs, ports, reason}: what outside the application it may reach
//	route                {name, port, path, body-size, timeout, after}: a way in from outside; see [app.Route]. path
//	                     is "/", body-size unlimited and timeout 1m unless set
//	routes               list of such routes, for a service with several; the environment exposes each by its name
//	openings             list of {name, port, protocol}: ways in for what is not HTTP, which the environment opens by
//	                     their names; protocol is tcp unless set
//	port-names           {name: "80" or "53/udp"}: names of ports in expose
//	group                the group's number where no user is known
//	pre-stop             command that runs before the stop signal
//	health               {http, tcp, exec, port, interval, timeout, retries, start-period}: a health check that the
//	                     target makes
//	aliases              further names it is reached under
//	connects-to          services it talks to without waiting for them
//	order-only           services in depends_on that it does not talk to
//	expand               variables whose values go where command and entrypoint say $(NAME)
//	bind-capability      its program can't be started without the capability NET_BIND_SERVICE
//
// In a volume: size ("20Gi"; 10Gi unless set), data (false when it may be lost; true unless set), backup (files, mysql,
// postgres or none; files for data, else none, unless set).
//
// In a secret: generate ({length, alphabet}), purpose. In a config: mode ("0440"). In a network: edge (true when its
// services may talk to each other only where depends_on and connects-to say so).
func Load(ctx context.Context, source Source) (Loaded, error) {
	dir, err := filepath.Abs(cmp.Or(source.Dir, "."))
	if err != nil {
		return Loaded{}, fmt.Errorf("finding the folder of the Compose files: %w", err)
	}
	assets := source.Assets
	if assets == nil {
		// Not os.DirFS, which follows links out of the folder.
		root, err := os.OpenRoot(dir)
		if err != nil {
			return Loaded{}, fmt.Errorf("opening the folder of the Compose files: %w", err)
		}
		defer func() { _ = root.Close() }()
		assets = root.FS()
	}
	registerRaw()
	r := newReader(source, dir, assets)
	if r.parse(ctx) {
		r.read()
	}
	r.out.Verdicts = single(r.out.Verdicts)
	slices.SortStableFunc(r.out.Verdicts, func(x, y Verdict) int { return cmp.Compare(x.Path, y.Path) })
	slices.SortStableFunc(r.problems, func(x, y problem.Problem) int { return cmp.Compare(x.Path, y.Path) })
	if err := r.problems.Err(); err != nil {
		return Loaded{Verdicts: r.out.Verdicts}, fmt.Errorf("reading the Compose files of %s: %w", source.Name, err)
	}
	return r.out, nil
}

// Quiet silences the parser of Compose files, which prints warnings to the process's standard error: all that it
// warns of has a verdict here. It is for main functions, as it changes the whole process.
func Quiet() { logrus.SetOutput(io.Discard) }

// ProjectName is the name Compose would give the application of a source: the one at the top of its files, else that of
// their folder, as a DNS label.
func ProjectName(source Source) (string, error) {
	dir, err := filepath.Abs(cmp.Or(source.Dir, "."))
	if err != nil {
		return "", fmt.Errorf("find the folder of the Compose files: %w", err)
	}
	name := filepath.Base(dir)
	for _, file := range source.Files {
		content := string(file.Content)
		if file.Content == nil {
			content = (&reader{dir: dir}).onDisk(file.Path)
		}
		if match := projectName.FindStringSubmatch(content); match != nil {
			name = match[1]
		}
	}
	return nearest(name, maximumName), nil
}

// projectName is a name at the top of a file, one without variables.
var projectName = regexp.MustCompile(`(?m)^name:[ \t]*["']?([A-Za-z0-9][A-Za-z0-9_-]*)["']?[ \t]*(?:#.*)?$`)

// single drops the word that a key was kept where more is said of it.
func single(verdicts []Verdict) []Verdict {
	more := map[string]bool{}
	for _, v := range verdicts {
		if v.Outcome != Kept || v.Detail != "" {
			more[v.Path] = true
		}
	}
	return slices.DeleteFunc(verdicts, func(v Verdict) bool { return v.Outcome == Kept && v.Detail == "" && more[v.Path] })
}
