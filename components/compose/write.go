package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/problem"
)

// Write makes a source of an application, the way back from [Load]: loading it gives the same application, in the form
// that Load gives applications in, which is sorted, without groups or names of hosts that stand there twice, and with
// nil for most of what is empty.
//
// The source has one Compose file that Docker Compose understands. What Compose has words for is written in them, the
// rest under x-dmcloud. The content of files and folders is in Assets, at the paths that the Compose file names; Assets
// also tells their modes. The value of a secret is to be in the variable "SECRET_" and its name in capital letters,
// with underscores for hyphens.
//
// Services can connect to each other wherever [app.App.Edges] says so, and little beyond: beside the application's own
// networks there is one for each service that others connect to without sharing a network with it, where these others
// can reach each other too. A port that is open to the outside is published under its number; who may connect is up to
// a firewall.
//
// The error, a [problem.Error], lists what is wrong with the application, and what Compose cannot carry: networks whose
// names start with "x-", more than 16000 cores, files of a folder that no file system can hold. It is of another kind
// when a text outside of files is not UTF-8.
func Write(a app.App) (Source, error) {
	w := &writer{app: &a, assets: assets{}, joined: map[string][]string{}, published: map[string]bool{}}
	problems := a.Validate()
	if len(problems) == 0 {
		problems = w.limits()
	}
	if err := problems.Err(); err != nil {
		return Source{}, fmt.Errorf("writing the Compose file of %s: %w", a.Name, err)
	}
	w.connect()
	file := w.file()
	content := bytes.NewBufferString("# Written by dmcloud: changes are lost.\n")
	encoder := yaml.NewEncoder(content)
	encoder.SetIndent(indentation)
	err := encoder.Encode(file.node)
	if err = errors.Join(err, encoder.Close()); err != nil {
		return Source{}, fmt.Errorf("writing the Compose file of %s: %w", a.Name, err)
	}
	source := Source{
		Name: a.Name, Files: []File{{Path: writtenFile, Content: content.Bytes()}}, Assets: w.assets, Written: true,
		Expose: map[string]string{}, Open: map[string][]string{}, Baseline: baselines(a.Services),
	}
	for _, r := range a.Routes {
		source.Expose[r.Service+"/"+r.Name] = r.Host
	}
	for _, o := range a.Openings {
		source.Open[o.Service+"/"+o.Name] = slices.Clone(o.From)
	}
	return source, nil
}

const (
	// writtenFile is what Docker Compose looks for.
	writtenFile = "compose.yaml"
	indentation = 2
	// edgePrefix has an underscore, which no network of an application has in its name.
	edgePrefix = "to_"
	// maximumMillicores is how many compose-go's floating point numbers tell apart.
	maximumMillicores = 16_000_000
	defaultMode       = 0o444
)

// baselines are the exceptions of the services, as copies.
func baselines(services []app.Service) func(string) *app.Baseline {
	granted := map[string]app.Baseline{}
	for _, s := range services {
		if s.Baseline != nil {
			granted[s.Name] = *s.Baseline
		}
	}
	return func(service string) *app.Baseline {
		if baseline, ok := granted[service]; ok {
			return &baseline
		}
		return nil
	}
}

// writer turns one application into one Compose file.
type writer struct {
	app    *app.App
	assets assets
	// joined are the networks of Compose that a service is in.
	joined map[string][]string
	// edges are those networks that are no groups of the application.
	edges []string
	// published are the ports that are open to the outside, by service, number and protocol.
	published map[string]bool
}

// limits lists what Compose or a file system cannot carry.
func (w *writer) limits() problem.List {
	var problems problem.List
	for _, s := range w.app.Services {
		for _, network := range s.Networks {
			if strings.HasPrefix(network, "x-") {
				problems.Addf("services."+s.Name+".networks", network, "choose another name",
					"Compose takes a name that starts with x- for an extension")
			}
		}
		if max(s.Resources.CPURequest, s.Resources.CPULimit) > maximumMillicores {
			problems.Addf("services."+s.Name+".resources.cpu", nil, "", "must be at most %d", maximumMillicores)
		}
	}
	for _, f := range w.app.Folders {
		for _, file := range f.Files {
			at := "folders." + f.Name + ".files"
			if file.Path == "." || !fs.ValidPath(file.Path) || strings.Contains(file.Path, "\x00") {
				problems.Addf(at, strconv.Quote(file.Path), "", "can't be the path of a file")
			}
			for parent := path.Dir(file.Path); parent != "."; parent = path.Dir(parent) {
				if slices.ContainsFunc(f.Files, func(other app.FolderFile) bool { return other.Path == parent }) {
					problems.Addf(at, file.Path, "", "is below something that is a file itself")
				}
			}
		}
	}
	return problems
}

// connect puts services that may connect to each other into networks.
func (w *writer) connect() {
	for _, s := range w.app.Services {
		w.joined[s.Name] = slices.Clone(s.Networks)
	}
	for i := range w.app.Services {
		s := &w.app.Services[i]
		peers := slices.Clone(s.ConnectsTo)
		for _, d := range s.DependsOn {
			if !d.NoTraffic {
				peers = append(peers, d.Service)
			}
		}
		for _, peer := range peers {
			to := w.app.Service(peer)
			if !slices.ContainsFunc(s.Networks, func(n string) bool { return slices.Contains(to.Networks, n) }) {
				w.join(s.Name, peer)
				w.join(peer, peer)
			}
		}
	}
	for _, s := range w.app.Services {
		if len(w.joined[s.Name]) == 0 {
			// Without any, Compose would put it into the network "default", which may be a group of others.
			w.join(s.Name, s.Name)
		}
		slices.Sort(w.joined[s.Name])
	}
	for _, o := range w.app.Openings {
		w.published[portKey(o.Service, o.Port, o.Protocol)] = true
	}
}

// join puts a service into the network of one that others connect to.
func (w *writer) join(service, to string) {
	network := edgePrefix + to
	if !slices.Contains(w.joined[service], network) {
		w.joined[service] = append(w.joined[service], network)
	}
	if !slices.Contains(w.edges, network) {
		w.edges = append(w.edges, network)
	}
}

func portKey(service string, number int, protocol app.Protocol) string {
	return fmt.Sprintf("%s:%d/%s", service, number, protocol)
}

func (w *writer) file() *mapping {
	file := newMapping()
	file.text("name", w.app.Name)
	services, networks := newMapping(), map[string]*mapping{}
	for i := range w.app.Services {
		s := &w.app.Services[i]
		services.put(s.Name, w.service(s).node)
		for _, network := range w.joined[s.Name] {
			networks[network] = newMapping()
			if slices.Contains(w.edges, network) {
				networks[network].mapping(extensionKey, newMapping().put("edge", truth(true)))
			}
		}
	}
	file.put("services", services.node)
	file.mapping("networks", inOrder(networks))
	file.mapping("volumes", w.volumes())
	file.mapping("configs", w.configs())
	file.mapping("secrets", w.secrets())
	file.mapping(extensionKey, newMapping().text("version", w.app.Version).mapping("folders", w.folders()))
	return file
}

func inOrder(mappings map[string]*mapping) *mapping {
	all := newMapping()
	for _, key := range slices.Sorted(maps.Keys(mappings)) {
		all.put(key, mappings[key].node)
	}
	return all
}

func (w *writer) volumes() *mapping {
	all := newMapping()
	for _, v := range w.app.Volumes {
		all.mapping(v.Name, newMapping().mapping(extensionKey, newMapping().
			put("size", sizeText(v.Size)).put("data", truth(v.Data)).text("backup", string(v.Backup))))
	}
	return all
}

func (w *writer) configs() *mapping {
	all := newMapping()
	for _, f := range w.app.Files {
		stored := "files/" + f.Name
		w.assets.add(stored, asset{content: f.Content, mode: permissions(f.Mode)})
		all.mapping(f.Name, newMapping().text("file", "./"+stored).
			mapping(extensionKey, newMapping().put("mode", modeText(f.Mode))))
	}
	return all
}

func (w *writer) folders() *mapping {
	all := newMapping()
	for _, f := range w.app.Folders {
		stored := folderPath(f.Name)
		w.assets.add(stored, asset{mode: fs.ModeDir})
		for _, file := range f.Files {
			w.assets.add(stored+"/"+file.Path, asset{content: file.Content, mode: permissions(f.Mode)})
		}
		all.mapping(f.Name, newMapping().text("path", stored).put("mode", modeText(f.Mode)))
	}
	return all
}

func folderPath(name string) string { return "folders/" + name }

// permissions are those of a stored file. What is no permission stays in the Compose file.
func permissions(mode int) fs.FileMode {
	if mode == 0 {
		return defaultMode
	}
	return fs.FileMode(mode&int(fs.ModePerm)) & fs.ModePerm
}

func modeText(mode int) *yaml.Node {
	if mode == 0 {
		return nil
	}
	text := strconv.FormatInt(int64(mode), 8)
	if mode > 0 {
		text = "0" + text
	}
	return textNode(text)
}

func (w *writer) secrets() *mapping {
	all := newMapping()
	for _, s := range w.app.Secrets {
		extension := newMapping()
		if s.Generate != nil {
			extension.mapping("generate", newMapping().
				number("length", int64(s.Generate.Length)).text("alphabet", string(s.Generate.Alphabet)))
		}
		extension.text("purpose", s.Purpose)
		variable := "SECRET_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
		all.mapping(s.Name, newMapping().text("environment", variable).mapping(extensionKey, extension))
	}
	return all
}

func (w *writer) service(s *app.Service) *mapping {
	m := newMapping()
	m.text("image", s.Image)
	m.text("platform", platformOf(s.Placement))
	m.texts("entrypoint", s.Entrypoint).texts("command", s.Args)
	m.text("working_dir", s.WorkingDir).text("hostname", s.Hostname)
	if s.User.UID != 0 {
		m.text("user", fmt.Sprintf("%d:%d", s.User.UID, s.User.GID))
	}
	m.texts("group_add", unique(s.Groups, func(group int64) string { return strconv.FormatInt(group, 10) }))
	m.put("read_only", onlyTrue(s.ReadOnlyRoot))
	capabilities(m, s)
	m.put("environment", environmentNode(s.Env))
	m.put("depends_on", dependencies(s.DependsOn))
	m.put("networks", w.networks(s))
	w.ports(m, s)
	m.texts("extra_hosts", hosts(s.ExtraHosts))
	w.mounts(m, s)
	sysctls := newMapping()
	for _, c := range s.Sysctls {
		sysctls.put(c.Name, textNode(c.Value))
	}
	m.mapping("sysctls", sysctls)
	m.mapping("healthcheck", healthcheckOf(s.Health))
	m.put("tty", onlyTrue(s.Terminal)).put("stdin_open", onlyTrue(s.Input))
	m.put("post_start", hookNode(s.PostStart)).put("pre_stop", hookNode(s.PreStop))
	m.span("stop_grace_period", s.StopGrace)
	m.text("restart", restartOf(s.Job))
	m.mapping("deploy", deployment(s))
	if s.Resources.GPUs > 0 {
		m.list("gpus", newMapping().text("driver", "nvidia").number("count", s.Resources.GPUs).node)
	}
	return m.mapping(extensionKey, w.extension(s))
}

// capabilities leaves a service those that the model grants it.
func capabilities(m *mapping, s *app.Service) {
	var granted []string
	if s.Baseline != nil && s.Baseline.StepDown {
		granted = append(granted, "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
	}
	if s.BindCapability {
		granted = append(granted, "NET_BIND_SERVICE")
	}
	m.texts("cap_drop", []string{"ALL"}).texts("cap_add", granted)
	m.texts("security_opt", []string{"no-new-privileges:true"})
}

// environmentNode writes the literals; a list where Compose would take a name in a mapping for an extension.
func environmentNode(env []app.EnvVar) *yaml.Node {
	extension := slices.ContainsFunc(env, func(e app.EnvVar) bool { return strings.HasPrefix(e.Name, "x-") })
	m, list := newMapping(), []*yaml.Node(nil)
	for _, e := range env {
		if e.Secret != "" {
			continue
		}
		m.put(e.Name, textNode(e.Value))
		list = append(list, textNode(e.Name+"="+e.Value))
	}
	if extension {
		return listNode(list)
	}
	return m.orNil()
}

func secretEnvironment(env []app.EnvVar) *mapping {
	m := newMapping()
	for _, e := range env {
		m.text(e.Name, e.Secret)
	}
	return m
}

func dependencies(all []app.Dependency) *yaml.Node {
	m := newMapping()
	for _, d := range all {
		m.mapping(d.Service, newMapping().text("condition", string(d.Condition)))
	}
	return m.orNil()
}

// networks says in which ones the service is, and that it has its further names in each.
func (w *writer) networks(s *app.Service) *yaml.Node {
	if len(s.Aliases) == 0 {
		return textsNode(w.joined[s.Name])
	}
	m := newMapping()
	for _, network := range w.joined[s.Name] {
		m.mapping(network, newMapping().texts("aliases", s.Aliases))
	}
	return m.node
}

func portText(p app.Port) string {
	if p.Protocol == app.UDP {
		return fmt.Sprintf("%d/udp", p.Number)
	}
	return strconv.Itoa(p.Number)
}

func (w *writer) ports(m *mapping, s *app.Service) {
	var inside []string
	var outside []*yaml.Node
	for _, p := range s.Ports {
		if !w.published[portKey(s.Name, p.Number, p.Protocol)] {
			inside = append(inside, portText(p))
			continue
		}
		outside = append(outside, newMapping().text("name", p.Name).number("target", int64(p.Number)).
			text("published", strconv.Itoa(p.Number)).text("protocol", strings.ToLower(string(p.Protocol))).node)
	}
	m.texts("expose", inside).list("ports", outside...)
}

// portNames are those that expose can't say and that no port gets by itself.
func (w *writer) portNames(s *app.Service) *mapping {
	m := newMapping()
	for _, p := range s.Ports {
		usual := fmt.Sprintf("%s-%d", strings.ToLower(string(p.Protocol)), p.Number)
		if p.Name != usual && !w.published[portKey(s.Name, p.Number, p.Protocol)] {
			m.text(p.Name, portText(p))
		}
	}
	return m
}

func hosts(all []app.Host) []string {
	var list []string
	for _, h := range all {
		for _, name := range h.Names {
			list = append(list, name+"="+h.Address)
		}
	}
	return unique(list, func(text string) string { return text })
}

func unique[T any](all []T, text func(T) string) []string {
	var list []string
	for _, one := range all {
		if !slices.Contains(list, text(one)) {
			list = append(list, text(one))
		}
	}
	return list
}

func (w *writer) mounts(m *mapping, s *app.Service) {
	var volumes, configs, secrets []*yaml.Node
	for _, mount := range s.Mounts {
		switch {
		case mount.Volume != "":
			volumes = append(volumes, newMapping().text("type", "volume").text("source", mount.Volume).
				text("target", mount.Path).put("read_only", onlyTrue(mount.ReadOnly)).
				mapping("volume", newMapping().text("subpath", mount.SubPath)).node)
		case mount.Folder != "":
			// A missing folder is a mistake, not one to make empty.
			volumes = append(volumes, newMapping().text("type", "bind").text("source", "./"+folderPath(mount.Folder)).
				text("target", mount.Path).put("read_only", onlyTrue(mount.ReadOnly)).
				mapping("bind", newMapping().put("create_host_path", truth(false))).node)
		case mount.File != "":
			configs = append(configs, sourceAndTarget(mount.File, mount.Path))
		case mount.Secret != "":
			secrets = append(secrets, sourceAndTarget(mount.Secret, mount.Path))
		}
	}
	var short []string
	for _, p := range s.WritablePaths {
		switch {
		case !p.Memory:
		case tmpfsPath.MatchString(p.Path) && p.Size < maximumExact:
			text := p.Path
			if p.Size > 0 {
				text += ":size=" + compactSize(p.Size)
			}
			short = append(short, text)
		default:
			volume := newMapping().text("type", "tmpfs").text("target", p.Path)
			if p.Size > 0 {
				volume.mapping("tmpfs", newMapping().put("size", textNode(compactSize(p.Size))))
			}
			volumes = append(volumes, volume.node)
		}
	}
	m.list("volumes", volumes...).texts("tmpfs", short).list("configs", configs...).list("secrets", secrets...)
}

// tmpfsPath is a path that stands for itself in the short form of tmpfs.
var tmpfsPath = regexp.MustCompile(`^[\w./-]+$`)

// maximumExact is what floating point numbers hold exactly, 2^53.
const maximumExact = 1 << 53

func sourceAndTarget(source, target string) *yaml.Node {
	return newMapping().text("source", source).text("target", target).node
}

func healthcheckOf(h *app.Health) *mapping {
	if h == nil || len(h.Exec) == 0 {
		return newMapping()
	}
	return newMapping().texts("test", append([]string{"CMD"}, h.Exec...)).span("interval", h.Interval).
		span("timeout", h.Timeout).number("retries", int64(h.Retries)).span("start_period", h.StartPeriod)
}

// healthOf is what Compose has no words for: checks over the network, and numbers that it does not carry.
func healthOf(h *app.Health) *mapping {
	if h == nil || len(h.Exec) > 0 && h.Port == 0 && h.Retries <= math.MaxInt32 {
		return newMapping()
	}
	return newMapping().text("http", h.HTTP).put("tcp", onlyTrue(h.TCP)).texts("exec", h.Exec).
		number("port", int64(h.Port)).span("interval", h.Interval).span("timeout", h.Timeout).
		number("retries", int64(h.Retries)).span("start-period", h.StartPeriod)
}

func hookNode(command []string) *yaml.Node {
	if len(command) == 0 {
		return nil
	}
	return listNode([]*yaml.Node{newMapping().texts("command", command).node})
}

func restartOf(job *app.Job) string {
	switch {
	case job == nil:
		return "unless-stopped"
	case job.Retries == 0:
		return "no"
	}
	return fmt.Sprintf("on-failure:%d", job.Retries)
}

// platformArchitecture is an architecture in Docker's words; other values of the label are only labels.
func platformArchitecture(l app.Label) bool {
	return l.Key == labelArchitecture &&
		slices.Contains([]string{"amd64", "arm64", "arm", "ppc64le", "riscv64", "s390x"}, l.Value)
}

func platformOf(placement []app.Label) string {
	if i := slices.IndexFunc(placement, platformArchitecture); i >= 0 {
		return "linux/" + placement[i].Value
	}
	return ""
}

func deployment(s *app.Service) *mapping {
	m := newMapping()
	if s.Replicas > 1 {
		m.number("replicas", int64(s.Replicas))
	}
	var constraints []string
	for _, l := range s.Placement {
		if !platformArchitecture(l) {
			constraints = append(constraints, "node.labels."+l.Key+"=="+l.Value)
		}
	}
	m.mapping("placement", newMapping().texts("constraints", constraints))
	r := s.Resources
	return m.mapping("resources", newMapping().
		mapping("limits", quantities(r.CPULimit, r.MemoryLimit)).
		mapping("reservations", quantities(r.CPURequest, r.MemoryRequest)))
}

func quantities(millicores, memory int64) *mapping {
	const core = 1000
	m := newMapping()
	if millicores > 0 {
		cores := fmt.Sprintf("%d.%03d", millicores/core, millicores%core)
		m.text("cpus", strings.TrimSuffix(strings.TrimRight(cores, "0"), "."))
	}
	if memory > 0 {
		m.text("memory", compactSize(memory))
	}
	return m
}

// compactSize is a number of bytes as Compose reads it, exactly.
func compactSize(size int64) string {
	const kibi = 1024
	units, unit := []string{"", "K", "M", "G"}, 0
	for size > 0 && size%kibi == 0 && unit < len(units)-1 {
		size, unit = size/kibi, unit+1
	}
	return strconv.FormatInt(size, 10) + units[unit]
}

func sizeText(size int64) *yaml.Node {
	text := compactSize(size)
	if last := text[len(text)-1]; last > '9' {
		text += "i"
	}
	return textNode(text)
}

// extension is what Compose has no words for.
func (w *writer) extension(s *app.Service) *mapping {
	m := newMapping()
	m.text("role", string(s.Role)).text("singleton", s.Singleton)
	if s.Job != nil {
		m.mapping("job", newMapping().put("release", onlyTrue(s.Job.Release)).span("deadline", s.Job.Deadline).
			number("retries", int64(s.Job.Retries)))
	}
	m.list("init", w.inits(s)...)
	if s.User.UID == 0 {
		m.number("group", s.User.GID)
	}
	m.mapping("secret-environment", secretEnvironment(s.Env)).texts("expand", s.Expand)
	m.list("scratch", scratchNodes(s.Mounts)...)
	m.texts("read-write", readWritePaths(s.Mounts, false))
	var writable []*yaml.Node
	for _, p := range s.WritablePaths {
		switch {
		case p.Memory:
		case p.Size > 0:
			writable = append(writable, newMapping().text("path", p.Path).put("size", sizeText(p.Size)).node)
		default:
			writable = append(writable, textNode(p.Path))
		}
	}
	m.list("writable", writable...).text("writable-root", s.WritableRootReason)
	m.put("bind-capability", onlyTrue(s.BindCapability))
	m.mapping("port-names", w.portNames(s))
	m.texts("connects-to", s.ConnectsTo)
	var ordered []string
	for _, d := range s.DependsOn {
		if d.NoTraffic {
			ordered = append(ordered, d.Service)
		}
	}
	m.texts("order-only", ordered)
	var egress []*yaml.Node
	for _, e := range s.Egress {
		egress = append(egress, newMapping().text("name", e.Name).texts("cidrs", e.CIDRs).
			put("ports", numbersNode(e.Ports)).text("reason", e.Reason).node)
	}
	m.list("egress", egress...)
	m.list("routes", w.routes(s)...).list("openings", w.openings(s)...)
	return m.mapping("health", healthOf(s.Health))
}

func (w *writer) routes(s *app.Service) []*yaml.Node {
	var list []*yaml.Node
	for _, r := range w.app.Routes {
		if r.Service != s.Name {
			continue
		}
		m := newMapping().text("name", r.Name).number("port", int64(r.Port)).text("path", r.Path)
		if r.BodySize > 0 {
			m.put("body-size", sizeText(r.BodySize))
		}
		list = append(list, m.span("timeout", r.Timeout).texts("after", r.After).node)
	}
	return list
}

func (w *writer) openings(s *app.Service) []*yaml.Node {
	var list []*yaml.Node
	for _, o := range w.app.Openings {
		if o.Service == s.Name {
			list = append(list, newMapping().text("name", o.Name).number("port", int64(o.Port)).
				text("protocol", strings.ToLower(string(o.Protocol))).node)
		}
	}
	return list
}

func scratchNodes(mounts []app.Mount) []*yaml.Node {
	var list []*yaml.Node
	for _, m := range mounts {
		if m.Scratch != "" {
			list = append(list, newMapping().text("name", m.Scratch).text("path", m.Path).
				put("read-only", onlyTrue(m.ReadOnly)).node)
		}
	}
	return list
}

// readWritePaths are where configs and secrets are not read-only, which only folders can say in Compose, and those only
// outside of init containers.
func readWritePaths(mounts []app.Mount, folders bool) []string {
	var paths []string
	for _, m := range mounts {
		if !m.ReadOnly && (m.File != "" || m.Secret != "" || folders && m.Folder != "") {
			paths = append(paths, m.Path)
		}
	}
	return paths
}

func (w *writer) inits(s *app.Service) []*yaml.Node {
	var list []*yaml.Node
	for _, i := range s.Init {
		literals := newMapping()
		for _, e := range i.Env {
			if e.Secret == "" {
				literals.put(e.Name, textNode(e.Value))
			}
		}
		m := newMapping().text("name", i.Name).text("image", i.Image)
		if i.User != s.User {
			m.put("user", newMapping().put("uid", numberNode(i.User.UID)).put("gid", numberNode(i.User.GID)).node)
		}
		m.texts("entrypoint", i.Entrypoint).texts("command", i.Args)
		m.mapping("environment", literals).mapping("secret-environment", secretEnvironment(i.Env))
		var volumes, configs, secrets, folders []*yaml.Node
		for _, mount := range i.Mounts {
			switch {
			case mount.Volume != "":
				volumes = append(volumes, newMapping().text("name", mount.Volume).text("path", mount.Path).
					text("sub-path", mount.SubPath).put("read-only", onlyTrue(mount.ReadOnly)).node)
			case mount.File != "":
				configs = append(configs, sourceAndTarget(mount.File, mount.Path))
			case mount.Secret != "":
				secrets = append(secrets, sourceAndTarget(mount.Secret, mount.Path))
			case mount.Folder != "":
				folders = append(folders, sourceAndTarget(mount.Folder, mount.Path))
			}
		}
		m.list("volumes", volumes...).list("scratch", scratchNodes(i.Mounts)...).list("configs", configs...)
		m.list("secrets", secrets...).list("folders", folders...)
		list = append(list, m.texts("read-write", readWritePaths(i.Mounts, true)).node)
	}
	return list
}
