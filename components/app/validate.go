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
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dekcd/dmcloud/components/problem"
)

// MovingTags are tags that name another image tomorrow. Deployments that use one cannot be repeated or rolled back.
func MovingTags() []string {
	return []string{"latest", "main", "master", "stable", "edge", "nightly", "dev", "rolling"}
}

// CheckImage says what is wrong with an image reference, as a rule and a fix; both are empty when it is pinned: a name
// with a version tag or a digest, and neither no tag nor one of [MovingTags].
func CheckImage(image string) (rule, fix string) {
	if image == "" {
		return "is missing", `write "name:version"`
	}
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
	if Moving(tagged.Tag()) {
		return fmt.Sprintf("the tag %q moves", tagged.Tag()), "write a version or add the digest"
	}
	return "", ""
}

// Moving tells whether a tag names another image tomorrow: it is one of [MovingTags] or, like "alpine" or "lts", holds
// no number that could be a version.
func Moving(tag string) bool {
	return slices.Contains(MovingTags(), strings.ToLower(tag)) || !strings.ContainsAny(tag, "0123456789")
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

// SafeSysctls are the kernel settings that a service may have, as they stay within its own namespaces: those of
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline.
func SafeSysctls() []string {
	return []string{
		"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
		"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
		"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
		"net.ipv4.tcp_syncookies",
	}
}

// Validate lists everything that keeps the application from being rendered: names that are not DNS labels or not
// unique, references to what does not exist, cycles, mounts without or with several sources, moving images, impossible
// numbers.
// Problems carry paths in terms of names, such as "services.web.mounts[0].volume".
func (a *App) Validate() problem.List {
	v := newValidator(a)
	v.label("name", a.Name)
	v.labels("services", names(a.Services, func(s Service) string { return s.Name }))
	v.labels("volumes", names(a.Volumes, func(v Volume) string { return v.Name }))
	v.labels("secrets", names(a.Secrets, func(s Secret) string { return s.Name }))
	v.labels("files", names(a.Files, func(f File) string { return f.Name }))
	v.labels("folders", names(a.Folders, func(f Folder) string { return f.Name }))
	v.labels("routes", names(a.Routes, func(r Route) string { return r.Name }))
	v.labels("openings", names(a.Openings, func(o Opening) string { return o.Name }))
	for i := range a.Services {
		v.service(&a.Services[i])
	}
	for i := range a.Volumes {
		v.volume(&a.Volumes[i])
	}
	for i := range a.Secrets {
		v.secret(&a.Secrets[i])
	}
	for i := range a.Files {
		v.content("files."+a.Files[i].Name, len(a.Files[i].Content))
	}
	for i := range a.Folders {
		v.folder(&a.Folders[i])
	}
	for i := range a.Routes {
		v.route(&a.Routes[i])
	}
	for i := range a.Openings {
		v.opening(&a.Openings[i])
	}
	v.aliases()
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
	// variable is what Kubernetes takes: more than a shell can name, as Java programs are configured that way.
	variable = regexp.MustCompile(`^[-._A-Za-z][-._A-Za-z0-9]*$`)
)

const maximumDNSName = 253

type validator struct {
	app      *App
	problems problem.List
	// What there is, by name; large applications are searched often.
	services map[string]*Service
	volumes  map[string]bool
	files    map[string]bool
	folders  map[string]bool
	secrets  map[string]bool
	mounting map[string]map[string]bool
}

func newValidator(a *App) *validator {
	v := &validator{
		app: a, services: map[string]*Service{}, mounting: map[string]map[string]bool{},
		volumes: set(a.Volumes, func(v Volume) string { return v.Name }),
		files:   set(a.Files, func(f File) string { return f.Name }),
		folders: set(a.Folders, func(f Folder) string { return f.Name }),
		secrets: set(a.Secrets, func(s Secret) string { return s.Name }),
	}
	for i := range a.Services {
		s := &a.Services[i]
		v.services[s.Name] = s
		for _, m := range s.mounts() {
			if m.Volume == "" {
				continue
			}
			if v.mounting[m.Volume] == nil {
				v.mounting[m.Volume] = map[string]bool{}
			}
			v.mounting[m.Volume][s.Name] = true
		}
	}
	return v
}

func set[T any](all []T, name func(T) string) map[string]bool {
	found := make(map[string]bool, len(all))
	for _, one := range all {
		found[name(one)] = true
	}
	return found
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
	v.identity(at, s)
	v.surroundings(at, s)
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
		v.exists(eat, "secret", e.Secret, v.secrets[e.Secret])
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
		for _, name := range []string{m.Volume, m.File, m.Folder, m.Secret, m.Scratch} {
			if name != "" {
				sources++
			}
		}
		if sources != 1 {
			v.add(mat, m.Path, "", "must mount exactly one volume, file, folder, secret or scratch folder, has %d", sources)
		}
		if m.Volume != "" {
			v.exists(mat+".volume", "volume", m.Volume, v.volumes[m.Volume])
		}
		if m.File != "" {
			v.exists(mat+".file", "file", m.File, v.files[m.File])
		}
		if m.Folder != "" {
			v.exists(mat+".folder", "folder", m.Folder, v.folders[m.Folder])
		}
		if m.Secret != "" {
			v.exists(mat+".secret", "secret", m.Secret, v.secrets[m.Secret])
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
	for _, m := range s.mounts() {
		if m.Scratch != "" && v.volumes[m.Scratch] {
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
	if r.GPUs < 0 {
		v.add(at+".gpus", r.GPUs, "", "must not be negative")
	}
}

// identity checks who the service is and what it may do.
func (v *validator) identity(at string, s *Service) {
	if s.Hostname != "" {
		v.label(at+".hostname", s.Hostname)
	}
	for _, group := range s.Groups {
		if group < 1 {
			v.add(at+".groups", group, "", "must be above 0")
		}
	}
	if s.Baseline != nil && s.Baseline.Reason == "" {
		v.add(at+".baseline.reason", nil, "", "an exception needs a reason")
	}
	env := set(s.Env, func(e EnvVar) string { return e.Name })
	for _, name := range s.Expand {
		v.exists(at+".expand", "variable", name, env[name])
	}
	seen := map[string]bool{}
	for _, c := range s.Sysctls {
		if !slices.Contains(SafeSysctls(), c.Name) {
			v.add(at+".sysctls", c.Name, "remove it, or have it set on the machines", "reaches beyond the service")
		}
		if seen[c.Name] {
			v.add(at+".sysctls", c.Name, "", "must be unique")
		}
		seen[c.Name] = true
	}
}

// surroundings checks whom the service knows and where it runs.
func (v *validator) surroundings(at string, s *Service) {
	seen := map[string]bool{}
	for _, name := range s.ConnectsTo {
		v.exists(at+".connectsTo", "service", name, v.services[name] != nil)
		if seen[name] || name == s.Name {
			v.add(at+".connectsTo", name, "", "must be unique and another service")
		}
		seen[name] = true
	}
	v.labels(at+".networks", s.Networks)
	addresses := map[string]bool{}
	for i, h := range s.ExtraHosts {
		hat := fmt.Sprintf("%s.extraHosts[%d]", at, i)
		if _, err := netip.ParseAddr(h.Address); err != nil {
			v.add(hat+".address", h.Address, "", "must be an IP address")
		}
		if addresses[h.Address] {
			v.add(hat+".address", h.Address, "", "must be unique")
		}
		addresses[h.Address] = true
		if len(h.Names) == 0 {
			v.add(hat+".names", nil, "", "at least one must be given")
		}
		for _, name := range h.Names {
			if !dnsName.MatchString(name) || len(name) > maximumDNSName {
				v.add(hat+".names", name, "", "must be a DNS name")
			}
		}
	}
	keys := map[string]bool{}
	for _, l := range s.Placement {
		if len(validation.IsQualifiedName(l.Key)) > 0 || len(validation.IsValidLabelValue(l.Value)) > 0 {
			v.add(at+".placement", l.Key, "", "must be a label of a machine, a key and a value")
		}
		if keys[l.Key] {
			v.add(at+".placement", l.Key, "", "must be unique")
		}
		keys[l.Key] = true
	}
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
		to := v.services[d.Service]
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

func (v *validator) content(at string, size int) {
	if size > MaximumFile {
		v.add(at, fmt.Sprintf("%d bytes", size), "put it into the image or on a volume",
			"configuration can hold %d bytes at most", MaximumFile)
	}
}

func (v *validator) folder(f *Folder) {
	at := "folders." + f.Name
	total := 0
	seen := map[string]bool{}
	for i, file := range f.Files {
		fat := fmt.Sprintf("%s.files[%d].path", at, i)
		if file.Path == "" || path.IsAbs(file.Path) || !within(file.Path) || path.Clean(file.Path) != file.Path {
			v.add(fat, file.Path, "", "must be a relative path inside the folder")
		}
		if seen[file.Path] {
			v.add(fat, file.Path, "", "must be unique")
		}
		seen[file.Path] = true
		total += len(file.Content)
	}
	v.content(at, total)
}

func (v *validator) opening(o *Opening) {
	at := "openings." + o.Name
	if s := v.services[o.Service]; s == nil {
		v.exists(at+".service", "service", o.Service, false)
	} else {
		known := slices.ContainsFunc(s.Ports, func(p Port) bool { return p.Number == o.Port && p.Protocol == o.Protocol })
		v.exists(at+".port", string(o.Protocol)+" port of service "+o.Service, strconv.Itoa(o.Port), known)
	}
	if len(o.From) == 0 {
		v.add(at+".from", nil, "name the address ranges of those who need it", "says nobody who may connect")
	}
	for i, cidr := range o.From {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			v.add(fmt.Sprintf("%s.from[%d]", at, i), cidr, "", "must be an address range such as 192.0.2.0/24")
		}
	}
}

// aliases sees that a name leads to one service only.
func (v *validator) aliases() {
	taken := map[string]string{}
	for _, s := range v.app.Services {
		taken[s.Name] = s.Name
	}
	for _, s := range v.app.Services {
		for i, alias := range s.Aliases {
			at := fmt.Sprintf("services.%s.aliases[%d]", s.Name, i)
			v.label(at, alias)
			if other, ok := taken[alias]; ok {
				v.add(at, alias, "give each service a name of its own", "is a name of the service %s already", other)
				continue
			}
			taken[alias] = s.Name
		}
	}
}

func (v *validator) volume(volume *Volume) {
	at := "volumes." + volume.Name
	if volume.Size <= 0 {
		v.add(at+".size", volume.Size, "", "must be above 0")
	}
	users := v.mounting[volume.Name]
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
	if s := v.services[r.Service]; s == nil {
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
		v.exists(at+".after", "service", name, v.services[name] != nil)
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
		s := v.services[name]
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
