package compose

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// extensionKey is the one key under which Compose files say what only dmcloud reads.
const extensionKey = "x-dmcloud"

type fileExtension struct {
	Version string                     `json:"version"`
	Folders map[string]folderExtension `json:"folders"`
}

type folderExtension struct {
	Path string   `json:"path"`
	Mode fileMode `json:"mode"`
}

type serviceExtension struct {
	Role              string              `json:"role"`
	Singleton         string              `json:"singleton"`
	Job               *jobExtension       `json:"job"`
	Init              []initExtension     `json:"init"`
	SecretEnvironment map[string]string   `json:"secret-environment"`
	Scratch           []scratchExtension  `json:"scratch"`
	Writable          []writableExtension `json:"writable"`
	WritableRoot      string              `json:"writable-root"`
	Egress            []egressExtension   `json:"egress"`
	Route             *routeExtension     `json:"route"`
	Routes            []routeExtension    `json:"routes"`
	Openings          []openingExtension  `json:"openings"`
	PortNames         map[string]string   `json:"port-names"`
	ReadWrite         []string            `json:"read-write"`
	Group             int64               `json:"group"`
	PreStop           []string            `json:"pre-stop"`
	Aliases           []string            `json:"aliases"`
	ConnectsTo        []string            `json:"connects-to"`
	OrderOnly         []string            `json:"order-only"`
	Expand            []string            `json:"expand"`
	BindCapability    bool                `json:"bind-capability"`
	Health            *healthExtension    `json:"health"`
}

type healthExtension struct {
	HTTP        string   `json:"http"`
	TCP         bool     `json:"tcp"`
	Exec        []string `json:"exec"`
	Port        int      `json:"port"`
	Interval    duration `json:"interval"`
	Timeout     duration `json:"timeout"`
	Retries     int      `json:"retries"`
	StartPeriod duration `json:"start-period"`
}

type jobExtension struct {
	Release  bool     `json:"release"`
	Deadline duration `json:"deadline"`
	Retries  int      `json:"retries"`
}

type initExtension struct {
	Name              string             `json:"name"`
	Image             string             `json:"image"`
	Service           string             `json:"service"`
	Entrypoint        []string           `json:"entrypoint"`
	Command           []string           `json:"command"`
	Environment       map[string]string  `json:"environment"`
	SecretEnvironment map[string]string  `json:"secret-environment"`
	Volumes           []mountExtension   `json:"volumes"`
	Scratch           []scratchExtension `json:"scratch"`
	Configs           []configExtension  `json:"configs"`
	Secrets           []configExtension  `json:"secrets"`
	Folders           []configExtension  `json:"folders"`
	ReadWrite         []string           `json:"read-write"`
	User              *userExtension     `json:"user"`
}

type userExtension struct {
	UID int64 `json:"uid"`
	GID int64 `json:"gid"`
}

type mountExtension struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	SubPath  string `json:"sub-path"`
	ReadOnly bool   `json:"read-only"`
}

type configExtension struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

type scratchExtension struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	ReadOnly bool   `json:"read-only"`
}

type writableExtension struct {
	Path   string `json:"path"`
	Size   size   `json:"size"`
	Memory bool   `json:"memory"`
}

// longForm replaces the paths in writable, and the names in the secrets of init, by the mappings they are short for.
func longForm(raw any) any {
	extension, ok := raw.(map[string]any)
	if !ok {
		return raw
	}
	extension = maps.Clone(extension)
	lengthen(extension, "writable", "path")
	if inits, ok := extension["init"].([]any); ok {
		inits = slices.Clone(inits)
		for i, item := range inits {
			if init, ok := item.(map[string]any); ok {
				init = maps.Clone(init)
				lengthen(init, "secrets", "source")
				inits[i] = init
			}
		}
		extension["init"] = inits
	}
	return extension
}

// lengthen makes a mapping of each text in a list.
func lengthen(mapping map[string]any, list, key string) {
	short, ok := mapping[list].([]any)
	if !ok {
		return
	}
	long := slices.Clone(short)
	for i, item := range long {
		if text, isText := item.(string); isText {
			long[i] = map[string]any{key: text}
		}
	}
	mapping[list] = long
}

type egressExtension struct {
	Name   string   `json:"name"`
	CIDRs  []string `json:"cidrs"`
	Ports  []int    `json:"ports"`
	Reason string   `json:"reason"`
}

type routeExtension struct {
	Name     string   `json:"name"`
	Port     int      `json:"port"`
	Path     string   `json:"path"`
	BodySize size     `json:"body-size"`
	Timeout  duration `json:"timeout"`
	After    []string `json:"after"`
}

type openingExtension struct {
	Name     string `json:"name"`
	Port     int    `json:"port"`
	Protocol string `json:"protocol"`
}

type networkExtension struct {
	Edge bool `json:"edge"`
}

type configFileExtension struct {
	Mode fileMode `json:"mode"`
}

type volumeExtension struct {
	Size   size   `json:"size"`
	Data   *bool  `json:"data"`
	Backup string `json:"backup"`
}

type secretExtension struct {
	Generate *generateExtension `json:"generate"`
	Purpose  string             `json:"purpose"`
}

type generateExtension struct {
	Length   int    `json:"length"`
	Alphabet string `json:"alphabet"`
}

// size is a number of bytes, written "20Gi".
type size int64

// UnmarshalText reads "512Mi", "20Gi", and a number of bytes; all units are powers of 1024, as in Compose.
func (s *size) UnmarshalText(text []byte) error {
	// Not through floating point, which rounds large numbers.
	if plain, err := strconv.ParseUint(string(text), 10, 63); err == nil {
		*s = size(plain)
		return nil
	}
	// The parser knows "20G" and "20GiB", and not Kubernetes' way to write the same.
	bytes, err := units.RAMInBytes(strings.TrimSuffix(string(text), "i"))
	if err != nil {
		return errors.New(`must be a size such as "20Gi"`)
	}
	*s = size(bytes)
	return nil
}

// fileMode is a file's mode, written "0440".
type fileMode int

// UnmarshalText reads octal digits.
func (m *fileMode) UnmarshalText(text []byte) error {
	mode, err := strconv.ParseInt(string(text), 8, strconv.IntSize)
	if err != nil {
		return errors.New(`must be a file mode such as "0440"`)
	}
	*m = fileMode(mode)
	return nil
}

// duration is a time span, written "30m".
type duration time.Duration

// UnmarshalText reads "90s", "30m", "2h".
func (d *duration) UnmarshalText(text []byte) error {
	span, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New(`must be a duration such as "30m"`)
	}
	*d = duration(span)
	return nil
}
