package compose

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/problem"
)

const (
	// defaultDeadline and defaultRetries apply to jobs whose file does not say.
	defaultDeadline = 30 * time.Minute
	defaultRetries  = 2
	// defaultRouteTimeout is what most reverse proxies have, for example
	// https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout.
	defaultRouteTimeout = time.Minute
	// The defaults of a Compose health check,
	// https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck.
	defaultInterval = 30 * time.Second
	defaultTimeout  = 30 * time.Second
	defaultFailures = 3
)

// serviceReader reads one service. key and at are those of the key whose rule runs.
type serviceReader struct {
	*reader
	path      string
	raw       map[string]any
	spec      types.ServiceConfig
	extension serviceExtension
	out       app.Service
	key       string
	at        string
}

// serviceRule decides on one key of a service.
type serviceRule func(s *serviceReader)

func (s *serviceReader) keep()                       { s.say(s.at, Kept, "") }
func (s *serviceReader) harden(how string)           { s.say(s.at, Hardened, "%s", how) }
func (s *serviceReader) reject(v any, r, fix string) { s.refuse(s.at, v, r, fix) }

func (s *serviceReader) read() app.Service {
	if raw := s.raw[extensionKey]; raw != nil {
		s.problems.Under(s.path+"."+extensionKey, problem.Decode(longForm(raw), &s.extension))
	}
	rules := serviceRules()
	for _, key := range slices.Sorted(maps.Keys(s.raw)) {
		s.key, s.at = key, s.path+"."+key
		rule, known := rules[key]
		switch {
		case known:
			rule(s)
		case strings.HasPrefix(key, "x-"):
			s.say(s.at, Ignored, "an extension of another tool")
		default:
			s.reject(nil, "dmcloud does not support this key", "remove it")
		}
	}
	s.complete()
	return s.out
}

func image(s *serviceReader) {
	s.out.Image = s.spec.Image
	if rule, fix := app.CheckImage(s.spec.Image); rule != "" {
		s.reject(s.spec.Image, rule, fix)
		return
	}
	s.keep()
}

func command(s *serviceReader) {
	words := s.spec.Command
	if s.key == "entrypoint" {
		words = s.spec.Entrypoint
		s.out.Entrypoint = words
	} else {
		s.out.Args = words
	}
	if slices.ContainsFunc(words, func(word string) bool { return LooksSecret("", word) }) {
		s.reject(nil, "a secret on a command line is seen by every process", "read it from a file or a variable")
		return
	}
	s.keep()
}

func workingDir(s *serviceReader) {
	s.out.WorkingDir = s.spec.WorkingDir
	s.keep()
}

func environment(s *serviceReader) {
	s.keep()
	s.variables(s.at, s.spec.Environment, &s.out.Env)
}

func envFile(s *serviceReader) {
	if s.source.Assets != nil {
		s.reject(nil, "an embedded Compose file cannot refer to other files", "write the variables in environment")
		return
	}
	s.keep()
	if _, written := s.raw["environment"]; !written {
		// compose-go has merged the files' variables into the environment.
		s.variables(s.at, s.spec.Environment, &s.out.Env)
	}
}

// variables adds environment variables; what looks secret becomes a secret.
func (s *serviceReader) variables(at string, environment map[string]*string, env *[]app.EnvVar) {
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		value := environment[name]
		switch {
		case value == nil:
			s.refuse(at+"."+name, nil, "has no value", "give it one, or add it to the environment")
		case LooksSecret(name, *value):
			secret := s.move(s.out.Name, name, *value)
			if secret == "" {
				s.refuse(at+"."+name, nil, "is a literal secret and no name is free for it", "declare it in secrets")
				continue
			}
			*env = append(*env, app.EnvVar{Name: name, Secret: secret})
			s.say(at+"."+name, Moved, "the value became the secret %s", secret)
		default:
			*env = append(*env, app.EnvVar{Name: name, Value: *value})
		}
	}
}

func user(s *serviceReader) {
	uid, gid, both := strings.Cut(s.spec.User, ":")
	u, err := strconv.ParseInt(uid, 10, 64)
	g := u
	if err == nil && both {
		g, err = strconv.ParseInt(gid, 10, 64)
	}
	switch {
	case uid == "root" || err == nil && u == 0:
		s.reject(s.spec.User, "runs as root", `name the image's own user, as in "1000:1000"`)
	case err != nil:
		s.reject(s.spec.User, "must be numeric, names are known inside the image only", `write "uid:gid"`)
	case !both:
		s.harden("the group is the user's own id instead of root's")
	default:
		s.keep()
	}
	s.out.User = app.User{UID: u, GID: g}
}

func readOnly(s *serviceReader) {
	s.out.ReadOnlyRoot = s.spec.ReadOnly
	s.keep()
}

func privileged(s *serviceReader) {
	if s.spec.Privileged {
		s.reject(true, "gives control over the host", "remove it")
		return
	}
	s.keep()
}

// namespace allows what is private to the container anyway and refuses every sharing.
func namespace(s *serviceReader) {
	value, _ := s.raw[s.key].(string)
	switch value {
	case "", "private", "bridge":
		s.keep()
	case "host":
		s.reject(value, "shares a namespace of the host", "remove it")
	default:
		s.reject(value, "shares a namespace with others", "remove it")
	}
}

func capAdd(s *serviceReader) {
	for _, capability := range s.spec.CapAdd {
		if strings.TrimPrefix(strings.ToUpper(capability), "CAP_") != "NET_BIND_SERVICE" {
			s.reject(capability, "gives rights over the host", "remove it")
			return
		}
	}
	s.say(s.at, Ignored, "low ports need no capability in a container")
}

func securityOpt(s *serviceReader) {
	for _, option := range s.spec.SecurityOpt {
		switch strings.ReplaceAll(option, "=", ":") {
		case "no-new-privileges", "no-new-privileges:true", "seccomp:runtime/default":
		default:
			s.reject(option, "weakens the isolation of the container", "remove it")
			return
		}
	}
	s.harden("privileges cannot be gained and system calls are filtered in every container")
}

func expose(s *serviceReader) {
	for _, text := range s.spec.Expose {
		number, protocol, _ := strings.Cut(text, "/")
		port, err := strconv.Atoi(number)
		if err != nil {
			s.reject(text, "port ranges are not supported", "list the ports")
			continue
		}
		s.listen("", port, protocol)
	}
	s.keep()
}

func ports(s *serviceReader) {
	for _, p := range s.spec.Ports {
		s.listen(p.Name, int(p.Target), p.Protocol)
	}
	s.harden("open to services that depend on this one, not on the host")
}

func (s *serviceReader) listen(name string, number int, protocol string) {
	p := app.Port{Name: name, Number: number, Protocol: app.Protocol(strings.ToUpper(protocol))}
	if p.Protocol == "" {
		p.Protocol = app.TCP
	}
	if p.Name == "" {
		p.Name = fmt.Sprintf("%s-%d", strings.ToLower(string(p.Protocol)), number)
	}
	for i, known := range s.out.Ports {
		if known.Number == p.Number && known.Protocol == p.Protocol {
			if name != "" {
				s.out.Ports[i].Name = name
			}
			return
		}
	}
	s.out.Ports = append(s.out.Ports, p)
}

func volumes(s *serviceReader) {
	s.keep()
	for i, v := range s.spec.Volumes {
		at := fmt.Sprintf("%s[%d]", s.at, i)
		switch v.Type {
		case types.VolumeTypeVolume:
			if v.Consistency != "" || v.Volume != nil && v.Volume.NoCopy {
				s.say(at, Ignored, "consistency and nocopy: new volumes are empty on every target")
			}
			mount := app.Mount{Path: v.Target, Volume: v.Source, ReadOnly: v.ReadOnly}
			if v.Volume != nil {
				mount.SubPath = v.Volume.Subpath
			}
			if v.Source == "" {
				mount.Scratch = scratchName(v.Target)
				s.say(at, Hardened, "an anonymous volume is a scratch folder, lost with the instance")
			}
			s.out.Mounts = append(s.out.Mounts, mount)
		case types.VolumeTypeTmpfs:
			var bytes int64
			if v.Tmpfs != nil {
				bytes = int64(v.Tmpfs.Size)
			}
			s.temporary(v.Target, bytes)
		case types.VolumeTypeBind:
			rule, fix := "mounts a folder of the host", "use a volume, or configs for files"
			if strings.Contains(v.Source, "docker.sock") || strings.Contains(v.Source, "containerd.sock") {
				rule, fix = "gives control over the container engine, and with it the host", "remove it"
			}
			s.refuse(at, v.Target, rule, fix)
		default:
			s.refuse(at, v.Type, "this type of mount is not supported", "use a volume")
		}
	}
}

func scratchName(folder string) string {
	return strings.Trim(notLabel.ReplaceAllString(strings.ToLower("scratch-"+folder), "-"), "-")
}

func tmpfs(s *serviceReader) {
	for _, text := range s.spec.Tmpfs {
		folder, options, _ := strings.Cut(text, ":")
		var bytes int64
		for option := range strings.SplitSeq(options, ",") {
			if value, ok := strings.CutPrefix(option, "size="); ok {
				var err error
				if bytes, err = units.RAMInBytes(value); err != nil {
					s.reject(value, "must be a size", "")
				}
			}
		}
		s.temporary(folder, bytes)
	}
	s.keep()
}

// temporary adds a folder in memory, empty at every start.
func (s *serviceReader) temporary(folder string, bytes int64) {
	s.out.WritablePaths = append(s.out.WritablePaths, app.WritablePath{Path: folder, Size: bytes, Memory: true})
}

func secrets(s *serviceReader) {
	for _, secret := range s.spec.Secrets {
		if secret.UID != "" || secret.GID != "" || secret.Mode != nil {
			s.say(s.at+"."+secret.Source, Hardened, "only the service's own user can read it")
		}
		target := cmp.Or(secret.Target, secret.Source)
		if !strings.HasPrefix(target, "/") {
			target = "/run/secrets/" + target
		}
		s.out.Mounts = append(s.out.Mounts, app.Mount{Path: target, Secret: secret.Source, ReadOnly: true})
	}
	s.keep()
}

func configs(s *serviceReader) {
	for i, config := range s.spec.Configs {
		s.out.Mounts = append(s.out.Mounts, app.Mount{
			Path: cmp.Or(config.Target, "/"+config.Source), File: config.Source, ReadOnly: true,
		})
		if config.Mode == nil {
			continue
		}
		mode := int(*config.Mode)
		if known, ok := s.modes[config.Source]; ok && known != mode {
			s.refuse(fmt.Sprintf("%s[%d].mode", s.at, i), nil, "another service mounts the file with another mode", "")
		}
		s.modes[config.Source] = mode
	}
	s.keep()
}

func dependsOn(s *serviceReader) {
	for _, name := range slices.Sorted(maps.Keys(s.spec.DependsOn)) {
		at := s.at + "." + name
		if _, active := s.project.Services[name]; !active {
			s.say(at, Ignored, "the service is not active and not required")
			continue
		}
		if s.spec.DependsOn[name].Restart {
			s.say(at+".restart", Ignored, "services connect again by themselves")
		}
		s.out.DependsOn = append(s.out.DependsOn, app.Dependency{
			Service: name, Condition: app.Condition(s.spec.DependsOn[name].Condition),
		})
	}
	s.keep()
}

func restart(s *serviceReader) {
	switch s.spec.Restart {
	case "no":
		if s.extension.Job == nil {
			s.say(s.at, Ignored, "only x-dmcloud.job makes a job, and every other service is restarted")
			return
		}
		s.keep()
	default:
		s.say(s.at, Ignored, "services that are no jobs are always restarted")
	}
}

func scale(s *serviceReader) {
	if s.spec.Scale != nil {
		s.out.Replicas = *s.spec.Scale
	}
	s.keep()
}

func stopGracePeriod(s *serviceReader) {
	if s.spec.StopGracePeriod != nil {
		s.out.StopGrace = time.Duration(*s.spec.StopGracePeriod)
	}
	s.keep()
}

func deploy(s *serviceReader) {
	raw, _ := s.raw["deploy"].(map[string]any)
	s.keys(s.at, raw, map[string]Verdict{
		"replicas":        {Outcome: Kept},
		"resources":       {Outcome: Kept},
		"mode":            {Outcome: Kept},
		"labels":          {Outcome: Ignored, Detail: "the environment labels what it makes"},
		"placement":       {Outcome: Ignored, Detail: "the environment places services"},
		"endpoint_mode":   {Outcome: Ignored, Detail: "the environment balances requests"},
		"restart_policy":  {Outcome: Ignored, Detail: "services that are no jobs are always restarted"},
		"update_config":   {Outcome: Ignored, Detail: "the environment rolls out updates"},
		"rollback_config": {Outcome: Ignored, Detail: "the environment rolls out updates"},
	})
	d := s.spec.Deploy
	if d == nil {
		return
	}
	if d.Mode != "" && d.Mode != "replicated" && d.Mode != "replicated-job" {
		s.refuse(s.at+".mode", d.Mode, "one instance per machine is not supported", "set replicas")
	}
	if d.Replicas != nil {
		s.out.Replicas = *d.Replicas
	}
	for _, one := range []struct {
		name string
		spec *types.Resource
		cpu  *int64
		mem  *int64
	}{
		{"limits", d.Resources.Limits, &s.out.Resources.CPULimit, &s.out.Resources.MemoryLimit},
		{"reservations", d.Resources.Reservations, &s.out.Resources.CPURequest, &s.out.Resources.MemoryRequest},
	} {
		if one.spec == nil {
			continue
		}
		*one.cpu, *one.mem = millicores(one.spec.NanoCPUs.Value()), int64(one.spec.MemoryBytes)
		if one.spec.Pids != 0 {
			s.say(s.at+".resources."+one.name+".pids", Ignored, "the environment limits processes")
		}
		if len(one.spec.Devices) > 0 || len(one.spec.GenericResources) > 0 {
			s.refuse(s.at+".resources."+one.name, nil, "gives access to devices of the host", "remove them")
		}
	}
}

// legacyResources reads the older spelling of deploy.resources; compose-go has checked that both agree.
func legacyResources(s *serviceReader) {
	switch s.key {
	case "cpus":
		s.out.Resources.CPULimit = millicores(s.spec.CPUS)
	case "mem_limit":
		s.out.Resources.MemoryLimit = int64(s.spec.MemLimit)
	case "mem_reservation":
		s.out.Resources.MemoryRequest = int64(s.spec.MemReservation)
	}
	s.keep()
}

func millicores(cores float32) int64 { return int64(math.Round(float64(cores) * 1000)) }

func healthcheck(s *serviceReader) {
	h := s.spec.HealthCheck
	if h == nil || h.Disable || len(h.Test) == 0 || h.Test[0] == "NONE" {
		s.say(s.at, Ignored, "there is nothing to check")
		return
	}
	s.out.Health = &app.Health{
		Interval: defaultInterval, Timeout: defaultTimeout, Retries: defaultFailures,
		Exec: h.Test[1:],
	}
	if h.Test[0] == "CMD-SHELL" {
		s.out.Health.Exec = append([]string{"/bin/sh", "-c"}, h.Test[1:]...)
	}
	if h.Interval != nil {
		s.out.Health.Interval = time.Duration(*h.Interval)
	}
	if h.Timeout != nil {
		s.out.Health.Timeout = time.Duration(*h.Timeout)
	}
	if h.Retries != nil {
		s.out.Health.Retries = int(min(*h.Retries, math.MaxInt32))
	}
	if h.StartPeriod != nil {
		s.out.Health.StartPeriod = time.Duration(*h.StartPeriod)
	}
	if h.StartInterval != nil {
		s.say(s.at+".start_interval", Ignored, "the interval applies from the start")
	}
	if slices.ContainsFunc(h.Test, func(word string) bool { return LooksSecret("", word) }) {
		s.reject(nil, "a secret on a command line is seen by every process", "read it from a file or a variable")
	}
}

var (
	localURL    = regexp.MustCompile(`^http://(?:localhost|127\.0\.0\.1|\[::1\])(?::(\d{1,5}))?(/[^\s]*)?$`)
	harmless    = regexp.MustCompile(`^(-[fsSq]+|--(fail|silent|show-error|quiet|spider)|-nv|-qO-|-O-|-O|/dev/null|-o)$`)
	orElseExit1 = regexp.MustCompile(`\s*\|\|\s*exit 1\s*$`)
)

// probe turns a health check that only asks for a local page into one that targets make themselves: it costs no process
// and needs no curl in the image.
func (s *serviceReader) probe() {
	h := s.out.Health
	if h == nil || len(h.Exec) == 0 {
		return
	}
	words := h.Exec
	if len(words) == 3 && words[0] == "/bin/sh" {
		words = strings.Fields(orElseExit1.ReplaceAllString(words[2], ""))
	}
	at := s.path + ".healthcheck"
	if len(words) < 2 || words[0] != "curl" && words[0] != "wget" {
		s.say(at, Kept, "")
		return
	}
	port, page := 0, ""
	for _, word := range words[1:] {
		match := localURL.FindStringSubmatch(strings.Trim(word, `"'`))
		switch {
		case match != nil && page == "":
			port, page = 80, "/"
			if match[1] != "" {
				port, _ = strconv.Atoi(match[1])
			}
			if match[2] != "" {
				page = match[2]
			}
		case !harmless.MatchString(word):
			s.say(at, Kept, "")
			return
		}
	}
	if page == "" || s.out.Port(port) == nil {
		s.say(at, Kept, "")
		return
	}
	h.Exec, h.HTTP, h.Port = nil, page, port
	s.say(at, Hardened, "asked for over the network instead of by a process in the container")
}

// extended carries over x-dmcloud; what goes together with other keys follows in complete.
func extended(s *serviceReader) {
	s.keep()
	e := s.extension
	s.out.Role = app.Role(e.Role)
	s.out.Singleton = e.Singleton
	s.out.WritableRootReason = e.WritableRoot
	s.out.PreStop = e.PreStop
	if e.Job != nil {
		s.out.Job = &app.Job{
			Release:  e.Job.Release,
			Deadline: cmp.Or(time.Duration(e.Job.Deadline), defaultDeadline),
			Retries:  e.Job.Retries,
		}
	}
	s.out.Env = append(s.out.Env, secretVariables(e.SecretEnvironment)...)
	s.out.Mounts = append(s.out.Mounts, scratch(e.Scratch)...)
	for _, w := range e.Writable {
		s.out.WritablePaths = append(s.out.WritablePaths,
			app.WritablePath{Path: w.Path, Size: int64(w.Size), Memory: w.Memory})
	}
	for _, g := range e.Egress {
		s.out.Egress = append(s.out.Egress, app.Egress(g))
	}
}

func secretVariables(variables map[string]string) []app.EnvVar {
	env := make([]app.EnvVar, 0, len(variables))
	for name, secret := range variables {
		env = append(env, app.EnvVar{Name: name, Secret: secret})
	}
	return env
}

func scratch(folders []scratchExtension) []app.Mount {
	mounts := make([]app.Mount, 0, len(folders))
	for _, f := range folders {
		mounts = append(mounts, app.Mount{Path: f.Path, Scratch: f.Name})
	}
	return mounts
}

// route opens the service to the outside when the caller has a host for it.
func (s *serviceReader) route() {
	at := s.path + "." + extensionKey + ".route"
	route := s.extension.Route
	host, exposed := s.source.Expose[s.out.Name]
	if !exposed {
		if route != nil {
			s.say(at, Ignored, "the environment gives the service no host")
		}
		return
	}
	if route == nil {
		route = &routeExtension{}
	}
	port := route.Port
	if port == 0 {
		if len(s.out.Ports) != 1 {
			s.refuse(at+".port", nil, fmt.Sprintf("the service has %d ports", len(s.out.Ports)), "name the port to open")
			return
		}
		port = s.out.Ports[0].Number
	}
	s.reader.out.App.Routes = append(s.reader.out.App.Routes, app.Route{
		Name: cmp.Or(route.Name, s.out.Name), Host: host, Path: cmp.Or(route.Path, "/"), Service: s.out.Name, Port: port,
		BodySize: int64(route.BodySize), After: route.After,
		Timeout: cmp.Or(time.Duration(route.Timeout), defaultRouteTimeout),
	})
}

// complete does what needs several keys.
func (s *serviceReader) complete() {
	s.probe()
	s.inits()
	s.route()
	if !s.out.ReadOnlyRoot && s.out.WritableRootReason == "" {
		s.out.WritableRootReason = "the Compose file does not say read_only"
	}
}

func (s *serviceReader) inits() {
	for i, e := range s.extension.Init {
		at := fmt.Sprintf("%s.%s.init[%d]", s.path, extensionKey, i)
		init := app.Init{
			Name: e.Name, Image: e.Image, Entrypoint: e.Entrypoint, Args: e.Command, User: s.out.User,
			Env:    secretVariables(e.SecretEnvironment),
			Mounts: scratch(e.Scratch),
		}
		switch other, known := s.project.Services[e.Service]; {
		case e.Image != "" && e.Service != "":
			s.refuse(at, nil, "has both image and service", "keep one")
		case e.Service != "" && !known:
			s.refuse(at+".service", e.Service, "no such service", "")
		case e.Service != "":
			init.Image = other.Image
		case e.Image == "":
			init.Image = s.out.Image
		}
		environment := make(map[string]*string, len(e.Environment))
		for name, value := range e.Environment {
			environment[name] = &value
		}
		s.variables(at+".environment", environment, &init.Env)
		for _, v := range e.Volumes {
			init.Mounts = append(init.Mounts, app.Mount{Path: v.Path, Volume: v.Name, ReadOnly: v.ReadOnly})
		}
		for _, c := range e.Configs {
			init.Mounts = append(init.Mounts, app.Mount{Path: c.Target, File: c.Source, ReadOnly: true})
		}
		for _, name := range e.Secrets {
			init.Mounts = append(init.Mounts, app.Mount{Path: "/run/secrets/" + name, Secret: name, ReadOnly: true})
		}
		s.out.Init = append(s.out.Init, init)
	}
}
