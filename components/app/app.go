// Package app is the target-neutral model of a containerised application: pure data, no Pulumi and no Kubernetes.
//
// A reader (components/compose) makes an [App] from Compose files, a renderer (components/kubernetes, later
// components/virtualmachine) turns it into resources. Every decision that does not depend on the target is in here,
// so that a platform is described once and climbs from one machine to a cluster unchanged.
package app

import (
	"slices"
	"time"
)

// App is one platform: its services, what they store, what they keep secret, and how it is reached.
// All slices are sorted by Name, so equal applications render to equal resources.
type App struct {
	// Name is a DNS label. It names the Kubernetes namespace or the Compose project; changing it replaces everything.
	Name string
	// Version is the platform's own release, for people and for labels; never part of a selector.
	Version string
	// Services run for ever or, with [Service.Job] set, to completion.
	Services []Service
	// Volumes hold what must outlive containers.
	Volumes []Volume
	// Secrets are values that services receive as files or environment variables.
	Secrets []Secret
	// Files are configuration files without secrets, mounted into services.
	Files []File
	// Folders are folders of such files, mounted as a whole.
	Folders []Folder
	// Routes are the ways in from outside for HTTP.
	Routes []Route
	// Openings are the ways in from outside for everything else.
	Openings []Opening
}

// Service is one container image run with one command.
type Service struct {
	// Name is a DNS label; other services reach this one under it.
	Name string
	// Aliases are further DNS labels it is reached under.
	Aliases []string
	// Hostname is what the service calls itself; the target's choice unless set.
	Hostname string
	// Image is "name:version" or "name@sha256:…", never a moving tag.
	Image string
	// Entrypoint overrides the image's ENTRYPOINT, Args its CMD; nil keeps the image's own.
	Entrypoint []string
	Args       []string
	// Expand names variables of Env whose values are put into Entrypoint and Args, where these say $(NAME). Everything
	// else in them is literal. It is for secrets that a program takes on its command line only.
	Expand []string
	// WorkingDir overrides the image's WORKDIR.
	WorkingDir string
	// Env is sorted by name.
	Env []EnvVar
	// Ports are what the container listens on inside the application's network.
	Ports []Port
	// Mounts place volumes, files and secrets into the container.
	Mounts []Mount
	// User is who the process runs as. A zero UID means "not known": targets that need to know refuse it.
	User User
	// Terminal gives the process a terminal, and Input keeps its standard input open, though nobody types.
	Terminal bool
	Input    bool
	// Groups are further groups of the process, none of them root's.
	Groups []int64
	// Baseline, when set, lets the service run as whatever user its image has, root included.
	Baseline *Baseline
	// BindCapability gives the capability NET_BIND_SERVICE to a program that can't be started without it.
	BindCapability bool
	// Sysctls are kernel settings of its own namespaces, of [SafeSysctls].
	Sysctls []Sysctl
	// Replicas is at least 1 for a running service.
	Replicas int
	// Singleton, when not empty, says why there must never be two at once; it forces stop-before-start.
	Singleton string
	// Job, when set, makes the service run to completion instead of for ever.
	Job *Job
	// Init are containers that run to completion, in order, before the service's own container.
	Init []Init
	// DependsOn names the services that must be in a state before this one starts. Each also is a network edge, see
	// [App.Edges].
	DependsOn []Dependency
	// ConnectsTo names services it talks to without waiting for them; each is a network edge.
	ConnectsTo []string
	// Networks names groups of services that may all connect to each other's ports.
	Networks []string
	// ExtraHosts are names it resolves by itself.
	ExtraHosts []Host
	// Placement lists labels that a machine must have to run it.
	Placement []Label
	// Egress lists what outside the application this service may talk to; nothing else is reachable.
	Egress []Egress
	// Health tells whether the service works; nil when the platform does not say.
	Health *Health
	// Resources are what it needs and may use at most.
	Resources Resources
	// PostStart is a command run beside the service's own when that has started; when it fails, the service is stopped.
	PostStart []string
	// PreStop is a command run before the stop signal.
	PreStop []string
	// StopGrace is how long stopping may take, PreStop included, until the kill; zero means the target's default.
	StopGrace time.Duration
	// ReadOnlyRoot mounts the image's file system read-only.
	ReadOnlyRoot bool
	// WritablePaths are empty scratch folders of the service's own container, whether or not the root is read-only.
	WritablePaths []WritablePath
	// WritableRootReason says why ReadOnlyRoot is off; shown where the service runs, to people and to policies.
	WritableRootReason string
	// Role is what the service is to the platform; policies and backups go by it.
	Role Role
}

// Role says what a service is to its platform.
type Role string

const (
	// RoleWeb answers people's requests.
	RoleWeb Role = "web"
	// RoleWorker works in the background.
	RoleWorker Role = "worker"
	// RoleDatabase keeps records; reachable from named services only.
	RoleDatabase Role = "database"
	// RoleSearch keeps an index that can be rebuilt.
	RoleSearch Role = "search"
	// RoleCache keeps what may be lost.
	RoleCache Role = "cache"
	// RoleTask runs to completion.
	RoleTask Role = "task"
)

// Roles are all roles.
func Roles() []Role {
	return []Role{RoleWeb, RoleWorker, RoleDatabase, RoleSearch, RoleCache, RoleTask}
}

// EnvVar is one environment variable: a literal, or a reference to a secret.
type EnvVar struct {
	Name string
	// Value is the literal; empty when Secret is set.
	Value string
	// Secret names the [Secret] that holds the value.
	Secret string
}

// Port is a port a service listens on.
type Port struct {
	// Name is a short DNS label, unique within the service.
	Name string
	// Number is 1 to 65535.
	Number int
	// Protocol is TCP or UDP.
	Protocol Protocol
}

// Protocol is a transport protocol.
type Protocol string

// The transport protocols.
const (
	TCP Protocol = "TCP"
	UDP Protocol = "UDP"
)

// Mount places exactly one of a volume, a file, a folder of files, a secret or a scratch folder at a path.
type Mount struct {
	// Path is absolute.
	Path string
	// Volume, File, Folder, Secret and Scratch name what is mounted; exactly one is set.
	Volume string
	File   string
	Folder string
	Secret string
	// Scratch names an empty folder shared by the containers of one service instance and lost with it. It holds as much
	// as the target's default; a [WritablePath] has a size of its own.
	Scratch string
	// SubPath mounts only this folder of the volume.
	SubPath  string
	ReadOnly bool
}

// WritablePath is an empty scratch folder, lost with the container's instance.
type WritablePath struct {
	Path string
	// Size is the most it may hold, in bytes; an instance that holds more is stopped. 0 means the target's default, which
	// is small.
	Size int64
	// Memory keeps it in memory (Compose's tmpfs).
	Memory bool
}

// User is a numeric user and group.
type User struct {
	UID int64
	GID int64
}

// Baseline says why a service runs as the user of its image, root included: by an exception that the environment
// grants.
type Baseline struct {
	// Reason is for the reader of the exception.
	Reason string
	// StepDown leaves a process that starts as root the capabilities to prepare its files and become somebody else.
	StepDown bool
}

// Sysctl is one kernel setting.
type Sysctl struct {
	Name  string
	Value string
}

// Host is an address with the names it has.
type Host struct {
	// Address is an IP address.
	Address string
	// Names are DNS names, at least one.
	Names []string
}

// Label is a key with a value.
type Label struct {
	Key   string
	Value string
}

// Job says how a service runs to completion. It runs once, and again whenever anything of it changes: its image, its
// variables, its files.
type Job struct {
	// Release is true for the Job that sets up or upgrades the platform's data: when it runs again, the services that
	// depend on it are stopped first and started after it.
	Release bool
	// Deadline is how long all attempts together may take.
	Deadline time.Duration
	// Retries is how often a failed attempt is repeated.
	Retries int
}

// Init is a container that prepares a service instance. A zero UID means the service's own user.
type Init struct {
	Name       string
	Image      string
	Entrypoint []string
	Args       []string
	Env        []EnvVar
	Mounts     []Mount
	User       User
}

// Dependency is one edge of the dependency graph.
type Dependency struct {
	// Service is the one depended on.
	Service string
	// Condition is the state it must have reached.
	Condition Condition
	// NoTraffic is true when only the order matters and no connection is ever made.
	NoTraffic bool
}

// Condition is a Compose depends_on condition.
type Condition string

// Compose's three conditions, https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on.
const (
	Started   Condition = "service_started"
	Healthy   Condition = "service_healthy"
	Completed Condition = "service_completed_successfully"
)

// Egress is a permission to talk to something outside the application.
type Egress struct {
	// Name is a DNS label that tells the purpose: "mail", "web".
	Name string
	// CIDRs are where to; empty means the public internet without private ranges.
	CIDRs []string
	// Ports are TCP ports, at least one.
	Ports []int
	// Reason is for the reader of the policy.
	Reason string
}

// Health is how a service shows that it works. Exactly one of HTTP, Exec or TCP is set.
type Health struct {
	// HTTP is a path asked for on Port.
	HTTP string
	// Exec is a command that exits 0 when all is well.
	Exec []string
	// TCP is true when an open port is enough.
	TCP bool
	// Port is used by HTTP and TCP.
	Port int
	// Interval and Timeout are of one check, Retries the failures until it counts as broken.
	Interval time.Duration
	Timeout  time.Duration
	Retries  int
	// StartPeriod is how long a start may take before failures count.
	StartPeriod time.Duration
}

// Resources are requests and limits. Quantities are bytes and thousandths of a core.
type Resources struct {
	CPURequest    int64 // millicores
	CPULimit      int64 // millicores; 0 means none
	MemoryRequest int64 // bytes
	MemoryLimit   int64 // bytes
	GPUs          int64 // whole NVIDIA GPUs, requested and limited alike
}

// Volume is storage that outlives containers.
type Volume struct {
	Name string
	// Size is in bytes. Growing updates in place where the storage can; shrinking is refused by the target.
	Size int64
	// Shared is true when more than one service mounts it, init containers included.
	Shared bool
	// Data is true when losing it loses work: it is protected and backed up.
	Data bool
	// Backup is how it is backed up.
	Backup Backup
}

// Backup is a kind of backup.
type Backup string

// The kinds of backup.
const (
	BackupNone     Backup = "none"
	BackupFiles    Backup = "files"
	BackupMySQL    Backup = "mysql"
	BackupPostgres Backup = "postgres"
)

// Secret is a value that no plain text ever holds.
type Secret struct {
	// Name is a DNS label.
	Name string
	// Generate, when set, makes the value once and keeps it; otherwise the environment provides it under Name.
	Generate *Generate
	// Purpose is for people: "password of the database user seek".
	Purpose string
}

// Generate says what a generated secret looks like.
type Generate struct {
	// Length is in characters.
	Length int
	// Alphabet is what the characters are drawn from.
	Alphabet Alphabet
}

// Alphabet names a set of characters.
type Alphabet string

// The alphabets of generated secrets; neither needs quoting in a shell, a URL or a configuration file.
const (
	Alphanumeric Alphabet = "alphanumeric"
	Hexadecimal  Alphabet = "hexadecimal"
)

// MaximumFile is how many bytes a file, or all files of a folder, may hold: what the Kubernetes API takes in one
// object, https://kubernetes.io/docs/concepts/configuration/configmap/#motivation.
const MaximumFile = 1 << 20

// File is a configuration file without secrets.
type File struct {
	Name string
	// Content may be binary; at most [MaximumFile] bytes.
	Content string
	// Mode is the file mode, 0444 unless set.
	Mode int
}

// Folder is a read-only folder of configuration files without secrets.
type Folder struct {
	Name string
	// Files are sorted by path; together at most [MaximumFile] bytes.
	Files []FolderFile
	// Mode is that of all files, 0444 unless set.
	Mode int
}

// FolderFile is a file in a folder.
type FolderFile struct {
	// Path is relative to the folder, "lang/stopwords_en.txt".
	Path    string
	Content string
}

// Route is a way in from outside.
type Route struct {
	Name string
	// Host is the public DNS name.
	Host string
	// Path is the prefix of the requests, "/" for all.
	Path string
	// Service and Port say where requests go.
	Service string
	Port    int
	// BodySize is the largest request body in bytes; 0 means no limit.
	BodySize int64
	// Timeout is how long a request may take without a byte being sent or received; above 0.
	Timeout time.Duration
	// After names what must be ready before the route opens: jobs completed, running services healthy.
	After []string
}

// Opening is a way in from outside for what is not HTTP. Nothing is open to everybody by accident: From is required.
type Opening struct {
	Name string
	// Service, Port and Protocol say what is opened; the port outside is the same number.
	Service  string
	Port     int
	Protocol Protocol
	// From are the address ranges that may connect.
	From []string
}

// Service returns the service of that name, or nil.
func (a *App) Service(name string) *Service {
	return find(a.Services, func(s Service) bool { return s.Name == name })
}

// Volume returns the volume of that name, or nil.
func (a *App) Volume(name string) *Volume {
	return find(a.Volumes, func(v Volume) bool { return v.Name == name })
}

// Secret returns the secret of that name, or nil.
func (a *App) Secret(name string) *Secret {
	return find(a.Secrets, func(s Secret) bool { return s.Name == name })
}

// File returns the file of that name, or nil.
func (a *App) File(name string) *File {
	return find(a.Files, func(f File) bool { return f.Name == name })
}

// Folder returns the folder of that name, or nil.
func (a *App) Folder(name string) *Folder {
	return find(a.Folders, func(f Folder) bool { return f.Name == name })
}

// Mounting returns the names of the services that mount the volume, init containers included.
func (a *App) Mounting(volume string) []string {
	var names []string
	for i := range a.Services {
		s := &a.Services[i]
		if slices.ContainsFunc(s.mounts(), func(m Mount) bool { return m.Volume == volume }) {
			names = append(names, s.Name)
		}
	}
	return names
}

// mounts are those of all containers of the service.
func (s *Service) mounts() []Mount {
	mounts := slices.Clone(s.Mounts)
	for _, i := range s.Init {
		mounts = append(mounts, i.Mounts...)
	}
	return mounts
}

// Port returns the port of that number, or nil.
func (s *Service) Port(number int) *Port {
	return find(s.Ports, func(p Port) bool { return p.Number == number })
}

func find[T any](all []T, is func(T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return &all[i]
	}
	return nil
}
