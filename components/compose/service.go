package compose

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/images"
	"github.com/dekcd/dmcloud/components/problem"
)

const (
	// defaultDeadline and defaultRetries apply to jobs whose file does not say.
	defaultDeadline = 30 * time.Minute
	defaultRetries  = 2
)

// serviceReader reads one service. key and at are those of the key whose rule runs.
type serviceReader struct {
	*reader
	path string
	// original is the name in the file, which others may know the service by.
	original  string
	raw       map[string]any
	spec      types.ServiceConfig
	extension serviceExtension
	out       app.Service
	key       string
	at        string
	// known is what is known of the image.
	known images.Facts
	// mentions are the places where its texts name services.
	mentions []mention
	// hidden are variables of the container whose literal values became secrets, by value.
	hidden map[string]string
}

// serviceRule decides on one key of a service.
type serviceRule func(s *serviceReader)

func (s *serviceReader) keep()                       { s.say(s.at, Kept, "") }
func (s *serviceReader) harden(how string)           { s.say(s.at, Hardened, "%s", how) }
func (s *serviceReader) reject(v any, r, fix string) { s.refuse(s.at, v, r, fix) }

// keys reads every key of the service by itself.
func (s *serviceReader) keys() {
	if raw := s.raw[extensionKey]; raw != nil {
		s.problems.Under(s.path+"."+extensionKey, problem.Decode(longForm(raw), &s.extension))
	}
	s.hidden = map[string]string{}
	if s.source.Baseline != nil {
		s.out.Baseline = s.source.Baseline(s.out.Name)
	}
	s.recognise()
	for _, key := range slices.Sorted(maps.Keys(s.raw)) {
		s.key, s.at = key, s.path+"."+key
		rule, known := s.rules[key]
		switch {
		case known:
			rule(s)
		case strings.HasPrefix(key, "x-"):
			s.say(s.at, Ignored, "an extension of another tool")
		default:
			s.reject(nil, "dmcloud does not support this key", "remove it")
		}
	}
	s.imageless()
	s.adopt()
}

// resolve reads the service's texts for the names of services and replaces those that no target resolves.
func (s *serviceReader) resolve() {
	if s.directory == nil {
		return
	}
	var found []mention
	for variable, value := range s.spec.Environment {
		if value == nil {
			continue
		}
		text, mentions := s.directory.read(variableText, variable, *value)
		s.spec.Environment[variable] = &text
		found = append(found, mentions...)
	}
	for _, words := range []*types.ShellCommand{&s.spec.Entrypoint, &s.spec.Command} {
		if len(*words) == 0 {
			continue // nil keeps the image's own, empty takes it away
		}
		text, mentions := s.directory.words(*words)
		*words = text
		found = append(found, mentions...)
	}
	if h := s.spec.HealthCheck; h != nil && len(h.Test) > 0 {
		text, mentions := s.directory.words(h.Test)
		h.Test = text
		found = append(found, mentions...)
	}
	// In one order, whatever that of the mapping was.
	slices.SortFunc(found, func(a, b mention) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.port, b.port), cmp.Compare(a.name, b.name))
	})
	s.mentions = slices.Compact(found)
}

// complete does what needs several keys, or other services.
func (s *serviceReader) complete() {
	if s.out.Job != nil && s.adopting() {
		s.serveNobody()
	}
	s.probe()
	s.inits()
	s.route()
	s.open()
	if !s.out.ReadOnlyRoot && s.out.WritableRootReason == "" {
		s.out.WritableRootReason = "the Compose file does not say read_only"
	}
	s.distinct()
}

// serveNobody takes from a job what only running services have.
func (s *serviceReader) serveNobody() {
	if len(s.out.Ports) > 0 && (s.raw["ports"] != nil || s.raw["expose"] != nil) {
		s.say(s.path+".ports", Ignored, "it runs to completion, so nobody can count on its ports")
	}
	if s.out.Health != nil {
		s.say(s.path+".healthcheck", Ignored, "it runs to completion, its exit status tells")
	}
	s.out.Ports, s.out.Health, s.out.Aliases = nil, nil, nil
	s.out.Replicas, s.out.Singleton = 1, ""
}

// distinct drops scratch folders where something is mounted already.
func (s *serviceReader) distinct() {
	taken := map[string]bool{}
	for _, m := range s.out.Mounts {
		taken[m.Path] = true
	}
	s.out.WritablePaths = slices.DeleteFunc(s.out.WritablePaths, func(w app.WritablePath) bool {
		double := taken[w.Path] && s.adopting()
		taken[w.Path] = true
		return double
	})
}

// extended carries over x-dmcloud; what goes together with other keys follows in complete.
func extended(s *serviceReader) {
	s.keep()
	e := s.extension
	s.out.Role = app.Role(e.Role)
	s.out.Singleton = e.Singleton
	s.out.WritableRootReason = e.WritableRoot
	if len(e.PreStop) > 0 {
		s.out.PreStop = e.PreStop
	}
	s.out.Aliases = append(s.out.Aliases, e.Aliases...)
	s.out.BindCapability = e.BindCapability
	s.out.Expand = append(s.out.Expand, e.Expand...)
	for _, to := range e.ConnectsTo {
		s.out.ConnectsTo = append(s.out.ConnectsTo, name(s.names.services, to))
	}
	if e.Health != nil {
		s.out.Health = &app.Health{
			HTTP: e.Health.HTTP, TCP: e.Health.TCP, Exec: e.Health.Exec, Port: e.Health.Port, Retries: e.Health.Retries,
			Interval: time.Duration(e.Health.Interval), Timeout: time.Duration(e.Health.Timeout),
			StartPeriod: time.Duration(e.Health.StartPeriod),
		}
		if !s.adopting() && slices.ContainsFunc(e.Health.Exec, func(word string) bool { return s.looksSecret("", word) }) {
			s.refuse(s.at+".health.exec", nil, "a secret on a command line is seen by every process",
				"read it from a file or a variable")
		}
	}
	if e.Job != nil {
		s.out.Job = &app.Job{
			Release:  e.Job.Release,
			Deadline: cmp.Or(time.Duration(e.Job.Deadline), defaultDeadline),
			Retries:  e.Job.Retries,
		}
	}
	s.out.Env = append(s.out.Env, s.secretVariables(e.SecretEnvironment)...)
	s.out.Mounts = append(s.out.Mounts, scratch(e.Scratch)...)
	s.readWrite(s.at, s.out.Mounts, e.ReadWrite)
	s.namePorts(e.PortNames)
	if e.Group != 0 {
		if s.raw["user"] != nil && s.out.User.UID != 0 {
			s.refuse(s.at+".group", nil, "the service has a user", "write the group there: user: \"uid:gid\"")
		}
		s.out.User.GID = e.Group
	}
	for _, w := range e.Writable {
		s.out.WritablePaths = append(s.out.WritablePaths,
			app.WritablePath{Path: w.Path, Size: int64(w.Size), Memory: w.Memory})
	}
	for _, g := range e.Egress {
		s.out.Egress = append(s.out.Egress, app.Egress(g))
	}
}

// readWrite takes read-only from what is mounted at the paths.
func (s *serviceReader) readWrite(at string, mounts []app.Mount, paths []string) {
	for i, path := range paths {
		mount := slices.IndexFunc(mounts, func(m app.Mount) bool { return m.Path == path })
		if mount < 0 {
			s.refuse(fmt.Sprintf("%s.read-write[%d]", at, i), path, "nothing is mounted there", "")
			continue
		}
		mounts[mount].ReadOnly = false
	}
}

// namePorts names ports that expose can't name.
func (s *serviceReader) namePorts(ports map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(ports)) {
		number, protocol, _ := strings.Cut(ports[name], "/")
		port := slices.IndexFunc(s.out.Ports, func(p app.Port) bool {
			return strconv.Itoa(p.Number) == number && strings.EqualFold(string(p.Protocol), cmp.Or(protocol, "tcp"))
		})
		if port < 0 {
			s.refuse(s.at+".port-names."+name, ports[name], "the service has no such port", "add it to expose")
			continue
		}
		s.out.Ports[port].Name = name
	}
}

func (s *serviceReader) secretVariables(variables map[string]string) []app.EnvVar {
	env := make([]app.EnvVar, 0, len(variables))
	for variable, secret := range variables {
		env = append(env, app.EnvVar{Name: variable, Secret: name(s.names.secrets, secret)})
	}
	return env
}

func scratch(folders []scratchExtension) []app.Mount {
	mounts := make([]app.Mount, 0, len(folders))
	for _, f := range folders {
		mounts = append(mounts, app.Mount{Path: f.Path, Scratch: f.Name, ReadOnly: f.ReadOnly})
	}
	return mounts
}
