package app

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/dekcd/dmcloud/components/problem"
)

// MovingTags are tags that name another image tomorrow. Deployments that use one cannot be repeated or rolled back.
func MovingTags() []string {
	return []string{"latest", "main", "master", "stable", "edge", "nightly", "dev", "rolling"}
}

// CheckImage says what is wrong with an image reference, as a rule and a fix; both are empty when it is pinned: a name
// with a version tag or a digest, and neither no tag nor one of [MovingTags].
func CheckImage(image string) (rule, fix string) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "is not an image reference", `write "name:version"`
	}
	if _, ok := named.(reference.Digested); ok {
		return "", ""
	}
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return "has neither a version nor a digest", fmt.Sprintf(`write "%s:<version>"`, image)
	}
	if slices.Contains(MovingTags(), strings.ToLower(tagged.Tag())) {
		return fmt.Sprintf("the tag %q moves", tagged.Tag()), "write a version or add the digest"
	}
	return "", ""
}

const maximumLabel = 63

// CheckName says what is wrong with a name, as a rule and a fix; both are empty for a DNS label. Names of services,
// volumes, secrets and files must be ones, because they become host names and names of Kubernetes objects.
func CheckName(name string) (rule, fix string) {
	if dnsLabel.MatchString(name) {
		return "", ""
	}
	label := strings.Trim(notLabel.ReplaceAllString(strings.ToLower(name), "-"), "-")
	label = strings.TrimRight(label[:min(len(label), maximumLabel)], "-")
	if label != "" {
		fix = fmt.Sprintf("write %q, also wherever it is referred to", label)
	}
	return "must be a DNS label: at most 63 lowercase letters, digits and hyphens, " +
		"starting and ending with a letter or digit", fix
}

// Validate lists everything that keeps the application from being rendered: names that are not DNS labels or not
// unique, references to what does not exist, cycles, mounts without or with several sources, moving images, impossible
// numbers.
// Problems carry paths in terms of names, such as "services.web.mounts[0].volume".
func (a *App) Validate() problem.List {
	v := validator{app: a}
	v.label("name", a.Name)
	v.labels("services", names(a.Services, func(s Service) string { return s.Name }))
	v.labels("volumes", names(a.Volumes, func(v Volume) string { return v.Name }))
	v.labels("secrets", names(a.Secrets, func(s Secret) string { return s.Name }))
	v.labels("files", names(a.Files, func(f File) string { return f.Name }))
	v.labels("routes", names(a.Routes, func(r Route) string { return r.Name }))
	for i := range a.Services {
		v.service(&a.Services[i])
	}
	for i := range a.Volumes {
		v.volume(&a.Volumes[i])
	}
	for i := range a.Secrets {
		v.secret(&a.Secrets[i])
	}
	for i := range a.Routes {
		v.route(&a.Routes[i])
	}
	v.cycles()
	return v.problems
}

var (
	// dnsLabel and dnsName are of RFC 1123, in the one spelling that Kubernetes and Compose both accept.
	dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	dnsName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	// portName is a service name of https://www.rfc-editor.org/rfc/rfc6335#section-5.1, shorter than other names.
	portName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$`)
	notLabel = regexp.MustCompile(`[^a-z0-9]+`)
	letter   = regexp.MustCompile(`[a-z]`)
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

const maximumDNSName = 253

type validator struct {
	app      *App
	problems problem.List
}

func names[T any](all []T, name func(T) string) []string {
	list := make([]string, 0, len(all))
	for _, one := range all {
		list = append(list, name(one))
	}
	return list
}

func (v *validator) add(at string, value any, fix, rule string, args ...any) {
	v.problems.Addf(at, value, fix, rule, args...)
}

func (v *validator) label(at, name string) {
	if rule, fix := CheckName(name); rule != "" {
		v.add(at, name, fix, "%s", rule)
	}
}

func (v *validator) labels(at string, all []string) {
	seen := map[string]bool{}
	for i, name := range all {
		v.label(fmt.Sprintf("%s[%d].name", at, i), name)
		if seen[name] {
			v.add(fmt.Sprintf("%s[%d].name", at, i), name, "", "must be unique")
		}
		seen[name] = true
	}
}

func (v *validator) absolute(at, folder string) {
	if !path.IsAbs(folder) || path.Clean(folder) != folder {
		v.add(at, folder, "", "must be an absolute path without . and ..")
	}
}

func (v *validator) image(at, image string) {
	if rule, fix := CheckImage(image); rule != "" {
		v.add(at, image, fix, "%s", rule)
	}
}

func (v *validator) service(s *Service) {
	at := "services." + s.Name
	v.image(at+".image", s.Image)
	if !slices.Contains(Roles(), s.Role) {
		v.add(at+".role", s.Role, "write one of "+join(Roles()), "unknown role")
	}
	v.user(at+".user", s.User)
	v.env(at+".env", s.Env)
	v.ports(at+".ports", s.Ports)
	v.mounts(at+".mounts", s.Mounts)
	seen := map[string]bool{}
	for i, init := range s.Init {
		iat := fmt.Sprintf("%s.init[%d]", at, i)
		v.label(iat+".name", init.Name)
		if seen[init.Name] || init.Name == s.Name {
			v.add(iat+".name", init.Name, "", "must be unique among the containers of the service")
		}
		seen[init.Name] = true
		v.image(iat+".image", init.Image)
		v.user(iat+".user", init.User)
		v.env(iat+".env", init.Env)
		v.mounts(iat+".mounts", init.Mounts)
	}
	v.scratches(at, s)
	v.lifetime(at, s)
	v.root(at, s)
	v.resources(at+".resources", s.Resources)
	if s.Health != nil {
		v.health(at+".health", s, s.Health)
	}
	v.dependencies(at+".dependsOn", s)
	v.egress(at+".egress", s.Egress)
}

func join[T ~string](all []T) string {
	text := make([]string, 0, len(all))
	for _, one := range all {
		text = append(text, string(one))
	}
	return strings.Join(text, ", ")
}

func (v *validator) user(at string, user User) {
	if user.UID < 0 || user.GID < 0 {
		v.add(at, fmt.Sprintf("%d:%d", user.UID, user.GID), "", "ids must not be negative")
	}
}

func (v *validator) env(at string, env []EnvVar) {
	seen := map[string]bool{}
	for _, e := range env {
		eat := at + "." + e.Name
		if !variable.MatchString(e.Name) {
			v.add(eat, nil, "", "is not the name of an environment variable")
		}
		if seen[e.Name] {
			v.add(eat, nil, "", "must be unique")
		}
		seen[e.Name] = true
		if e.Secret == "" {
			continue
		}
		if e.Value != "" {
			v.add(eat, nil, "", "has both a value and a secret")
		}
		v.exists(eat, "secret", e.Secret, v.app.Secret(e.Secret) != nil)
	}
}

func (v *validator) exists(at, kind, name string, found bool) {
	if !found {
		v.add(at, name, "", "no such %s", kind)
	}
}

func (v *validator) ports(at string, ports []Port) {
	seen := map[string]bool{}
	numbers := map[string]bool{}
	for i, p := range ports {
		pat := fmt.Sprintf("%s[%d]", at, i)
		if !portName.MatchString(p.Name) || !letter.MatchString(p.Name) || strings.Contains(p.Name, "--") {
			v.add(pat+".name", p.Name, "", "must be at most 15 lowercase letters, digits and hyphens with a letter")
		}
		if seen[p.Name] {
			v.add(pat+".name", p.Name, "", "must be unique within the service")
		}
		seen[p.Name] = true
		v.port(pat+".number", p.Number)
		if p.Protocol != TCP && p.Protocol != UDP {
			v.add(pat+".protocol", p.Protocol, "write TCP or UDP", "unknown protocol")
		}
		key := fmt.Sprint(p.Number, p.Protocol)
		if numbers[key] {
			v.add(pat+".number", p.Number, "", "must be unique within the service")
		}
		numbers[key] = true
	}
}

func (v *validator) port(at string, number int) {
	if number < 1 || number > 65535 {
		v.add(at, number, "", "must be from 1 to 65535")
	}
}

func (v *validator) mounts(at string, mounts []Mount) {
	seen := map[string]bool{}
	for i, m := range mounts {
		mat := fmt.Sprintf("%s[%d]", at, i)
		v.absolute(mat+".path", m.Path)
		if seen[m.Path] {
			v.add(mat+".path", m.Path, "", "must be unique within the container")
		}
		seen[m.Path] = true
		sources := 0
		for _, name := range []string{m.Volume, m.File, m.Secret, m.Scratch} {
			if name != "" {
				sources++
			}
		}
		if sources != 1 {
			v.add(mat, m.Path, "", "must mount exactly one volume, file, secret or scratch folder, has %d", sources)
		}
		if m.Volume != "" {
			v.exists(mat+".volume", "volume", m.Volume, v.app.Volume(m.Volume) != nil)
		}
		if m.File != "" {
			v.exists(mat+".file", "file", m.File, v.app.File(m.File) != nil)
		}
		if m.Secret != "" {
			v.exists(mat+".secret", "secret", m.Secret, v.app.Secret(m.Secret) != nil)
		}
		if m.Scratch != "" {
			v.label(mat+".scratch", m.Scratch)
		}
		if m.SubPath != "" && (m.Volume == "" || path.IsAbs(m.SubPath) || !within(m.SubPath)) {
			v.add(mat+".subPath", m.SubPath, "", "must be a relative path inside a volume")
		}
	}
}

// within is false when a relative path leaves the folder it starts in.
func within(relative string) bool {
	clean := path.Clean(relative)
	return clean != ".." && !strings.HasPrefix(clean, "../")
}

// scratches finds scratch folders that collide with a volume name: both become volumes of one pod.
func (v *validator) scratches(at string, s *Service) {
	mounts := slices.Clone(s.Mounts)
	for _, i := range s.Init {
		mounts = append(mounts, i.Mounts...)
	}
	for _, m := range mounts {
		if m.Scratch != "" && v.app.Volume(m.Scratch) != nil {
			v.add(at+".mounts", m.Scratch, "rename the scratch folder", "a scratch folder is named like a volume")
			return
		}
	}
}

func (v *validator) lifetime(at string, s *Service) {
	if s.Replicas < 1 {
		v.add(at+".replicas", s.Replicas, "", "must be at least 1")
	}
	if s.Singleton != "" && s.Replicas > 1 {
		v.add(at+".replicas", s.Replicas, "set it to 1", "must never run twice: %s", s.Singleton)
	}
	if s.StopGrace < 0 {
		v.add(at+".stopGrace", s.StopGrace, "", "must not be negative")
	}
	if s.Job == nil {
		if s.Role == RoleTask {
			v.add(at+".role", s.Role, "set job", "only what runs to completion is a task")
		}
		return
	}
	if s.Role != RoleTask {
		v.add(at+".role", s.Role, "write task", "what runs to completion is a task")
	}
	if s.Replicas > 1 {
		v.add(at+".replicas", s.Replicas, "set it to 1", "a job runs once")
	}
	if s.Job.Deadline <= 0 {
		v.add(at+".job.deadline", s.Job.Deadline, "", "must be above 0")
	}
	if s.Job.Retries < 0 {
		v.add(at+".job.retries", s.Job.Retries, "", "must not be negative")
	}
	if len(s.Ports) > 0 {
		v.add(at+".ports", nil, "", "a job listens on no ports")
	}
	if s.Health != nil {
		v.add(at+".health", nil, "", "a job has no health check, its exit status tells")
	}
}

func (v *validator) root(at string, s *Service) {
	if !s.ReadOnlyRoot {
		if s.WritableRootReason == "" {
			v.add(at+".writableRootReason", nil, "set readOnlyRoot or say why not", "a writable root needs a reason")
		}
	} else if s.WritableRootReason != "" {
		v.add(at+".writableRootReason", nil, "", "the root is read-only")
	}
	seen := map[string]bool{}
	for _, m := range s.Mounts {
		seen[m.Path] = true
	}
	for i, w := range s.WritablePaths {
		wat := fmt.Sprintf("%s.writablePaths[%d]", at, i)
		v.absolute(wat+".path", w.Path)
		if seen[w.Path] {
			v.add(wat+".path", w.Path, "", "must be unique within the container")
		}
		seen[w.Path] = true
		if w.Size < 0 {
			v.add(wat+".size", w.Size, "", "must not be negative")
		}
	}
}

func (v *validator) resources(at string, r Resources) {
	v.limit(at, "cpu", r.CPURequest, r.CPULimit)
	v.limit(at, "memory", r.MemoryRequest, r.MemoryLimit)
}

func (v *validator) limit(at, kind string, request, limit int64) {
	if request < 0 || limit < 0 {
		v.add(at+"."+kind, fmt.Sprintf("%d/%d", request, limit), "", "must not be negative")
	}
	if limit > 0 && request > limit {
		v.add(at+"."+kind, request, "", "the request must not be above the limit %d", limit)
	}
}

func (v *validator) health(at string, s *Service, h *Health) {
	probes := 0
	for _, set := range []bool{h.HTTP != "", len(h.Exec) > 0, h.TCP} {
		if set {
			probes++
		}
	}
	if probes != 1 {
		v.add(at, nil, "", "must have exactly one of an HTTP path, a command and TCP, has %d", probes)
	}
	if h.HTTP != "" && !strings.HasPrefix(h.HTTP, "/") {
		v.add(at+".http", h.HTTP, "", "must start with /")
	}
	if h.HTTP != "" || h.TCP {
		v.exists(at+".port", "port of the service", strconv.Itoa(h.Port), s.Port(h.Port) != nil)
	}
	if h.Interval <= 0 || h.Timeout <= 0 || h.Retries < 1 || h.StartPeriod < 0 {
		v.add(at, nil, "", "interval, timeout and retries must be above 0, the start period not negative")
	}
}

func (v *validator) dependencies(at string, s *Service) {
	seen := map[string]bool{}
	for _, d := range s.DependsOn {
		dat := at + "." + d.Service
		if seen[d.Service] {
			v.add(dat, nil, "", "must be unique")
		}
		seen[d.Service] = true
		to := v.app.Service(d.Service)
		if to == nil {
			v.exists(at, "service", d.Service, false)
			continue
		}
		switch d.Condition {
		case Started:
		case Healthy:
			if to.Health == nil {
				v.add(dat, d.Condition, "give it a health check or wait for "+string(Started), "has no health check")
			}
		case Completed:
			if to.Job == nil {
				v.add(dat, d.Condition, "make it a job or wait for "+string(Healthy), "never completes")
			}
		default:
			v.add(dat, d.Condition, "", "unknown condition")
		}
	}
}

func (v *validator) egress(at string, all []Egress) {
	v.labels(at, names(all, func(e Egress) string { return e.Name }))
	for i, e := range all {
		eat := fmt.Sprintf("%s[%d]", at, i)
		for j, cidr := range e.CIDRs {
			if _, err := netip.ParsePrefix(cidr); err != nil {
				v.add(fmt.Sprintf("%s.cidrs[%d]", eat, j), cidr, "", "must be an address range such as 192.0.2.0/24")
			}
		}
		if len(e.Ports) == 0 {
			v.add(eat+".ports", nil, "", "at least one port must be named")
		}
		for j, number := range e.Ports {
			v.port(fmt.Sprintf("%s.ports[%d]", eat, j), number)
		}
		if e.Reason == "" {
			v.add(eat+".reason", nil, "", "every way out needs a reason")
		}
	}
}

func (v *validator) volume(volume *Volume) {
	at := "volumes." + volume.Name
	if volume.Size <= 0 {
		v.add(at+".size", volume.Size, "", "must be above 0")
	}
	users := v.app.Mounting(volume.Name)
	if volume.Shared != (len(users) > 1) {
		v.add(at+".shared", volume.Shared, "", "%d services mount it", len(users))
	}
	switch volume.Backup {
	case BackupNone, BackupFiles, BackupMySQL, BackupPostgres:
	default:
		v.add(at+".backup", volume.Backup, "", "unknown kind of backup")
	}
	if volume.Data && volume.Backup == BackupNone {
		v.add(at+".backup", volume.Backup, "", "losing this volume loses work, it must be backed up")
	}
}

// minimumLength keeps generated secrets beyond guessing: 16 characters of the smaller alphabet are 64 bits.
const minimumLength = 16

func (v *validator) secret(s *Secret) {
	at := "secrets." + s.Name
	if s.Generate == nil {
		return
	}
	if s.Generate.Length < minimumLength {
		v.add(at+".generate.length", s.Generate.Length, "", "must be at least %d", minimumLength)
	}
	if s.Generate.Alphabet != Alphanumeric && s.Generate.Alphabet != Hexadecimal {
		v.add(at+".generate.alphabet", s.Generate.Alphabet, "", "unknown alphabet")
	}
}

func (v *validator) route(r *Route) {
	at := "routes." + r.Name
	if !dnsName.MatchString(r.Host) || len(r.Host) > maximumDNSName {
		v.add(at+".host", r.Host, "", "must be a DNS name")
	}
	v.absolute(at+".path", r.Path)
	if s := v.app.Service(r.Service); s == nil {
		v.exists(at+".service", "service", r.Service, false)
	} else {
		v.exists(at+".port", "port of service "+r.Service, strconv.Itoa(r.Port), s.Port(r.Port) != nil)
	}
	if r.BodySize < 0 {
		v.add(at+".bodySize", r.BodySize, "", "must not be negative")
	}
	if r.Timeout <= 0 {
		v.add(at+".timeout", r.Timeout, "", "must be above 0")
	}
	for _, name := range r.After {
		v.exists(at+".after", "service", name, v.app.Service(name) != nil)
	}
}

// cycles reports each dependency cycle once, as the path that closes it.
func (v *validator) cycles() {
	const (
		visiting = 1
		done     = 2
	)
	state := map[string]int{}
	var trail []string
	var visit func(name string)
	visit = func(name string) {
		s := v.app.Service(name)
		if s == nil || state[name] == done {
			return
		}
		if state[name] == visiting {
			cycle := append(slices.Clone(trail[slices.Index(trail, name):]), name)
			v.add("services."+name+".dependsOn", strings.Join(cycle, " -> "), "", "services wait for each other")
			return
		}
		state[name] = visiting
		trail = append(trail, name)
		for _, d := range s.DependsOn {
			visit(d.Service)
		}
		trail = trail[:len(trail)-1]
		state[name] = done
	}
	for _, s := range v.app.Services {
		visit(s.Name)
	}
}
