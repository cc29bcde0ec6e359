package compose

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/go-units"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/images"
)

// recognise looks up the image. It comes first: rules of keys ask what is known.
func (s *serviceReader) recognise() {
	if !s.adopting() {
		return
	}
	known, seen := s.facts[s.spec.Image]
	if !seen {
		known, _ = images.Find(s.spec.Image)
		s.facts[s.spec.Image] = known
	}
	s.known = known
}

// adopt adds what a file written for Docker leaves to the image: its user, its ports, the folders it writes to.
func (s *serviceReader) adopt() {
	if !s.adopting() {
		return
	}
	s.whoItIs()
	for _, p := range s.known.Ports {
		if s.out.Port(p.Number) == nil {
			s.listen("", p.Number, string(p.Protocol))
		}
	}
	for _, folder := range s.known.Writable {
		s.out.WritablePaths = append(s.out.WritablePaths, app.WritablePath{Path: folder})
	}
	for _, variable := range slices.Sorted(maps.Keys(s.known.Environment)) {
		if !slices.ContainsFunc(s.out.Env, func(e app.EnvVar) bool { return e.Name == variable }) {
			s.out.Env = append(s.out.Env, app.EnvVar{Name: variable, Value: s.known.Environment[variable]})
			s.say(s.path+".environment."+variable, Hardened, "set, as the image needs it without root")
		}
	}
	s.dataBelow()
	s.memory()
	s.out.BindCapability = s.out.BindCapability || s.known.BindCapability
	if s.out.Role == "" {
		s.out.Role = s.known.Role
	}
	if s.out.Singleton == "" && s.out.Replicas == 1 && s.keepsData() {
		s.out.Singleton = s.known.Singleton
	}
}

// dataBelow moves the data of PostgreSQL into a folder of its own where it would be the top of a volume: initdb must
// own it, and find it empty.
func (s *serviceReader) dataBelow() {
	for i, e := range s.out.Env {
		top := func(m app.Mount) bool { return m.Volume != "" && m.Path == e.Value }
		if e.Name == "PGDATA" && slices.ContainsFunc(s.out.Mounts, top) {
			s.out.Env[i].Value += "/pgdata"
			s.say(s.path+".environment.PGDATA", Hardened, "a folder of its own in the volume, whose top is not empty")
		}
	}
}

const (
	// adoptedMemory is the most memory of a service whose file sets no limit: Docker sets none, and a cluster must.
	adoptedMemory = 2 << 30
	// heapShare is how many times its heap a Java program takes, metaspace, threads and buffers included.
	heapShare = 2
)

// heap is the size of a Java heap, in options or variables.
var heap = regexp.MustCompile(`-Xmx(\d{1,7})([kKmMgG])`)

// memory limits what the service may use when its file does not.
func (s *serviceReader) memory() {
	r := &s.out.Resources
	if r.MemoryLimit > 0 {
		return
	}
	limit := int64(adoptedMemory)
	texts := slices.Concat(s.out.Entrypoint, s.out.Args)
	for _, e := range s.out.Env {
		texts = append(texts, e.Value)
	}
	for _, match := range heap.FindAllStringSubmatch(strings.Join(texts, " "), -1) {
		if bytes, err := units.RAMInBytes(match[1] + match[2]); err == nil {
			limit = max(limit, heapShare*bytes)
		}
	}
	r.MemoryLimit = max(limit, r.MemoryRequest)
	s.say(s.path+".deploy.resources.limits.memory", Hardened,
		"%s at most, as the file sets no limit", units.CustomSize("%.4g%s", float64(r.MemoryLimit), 1024,
			[]string{"B", "Ki", "Mi", "Gi", "Ti"}))
}

// keepsData tells whether one of the image's data folders is on a volume.
func (s *serviceReader) keepsData() bool {
	return slices.ContainsFunc(s.out.Mounts, func(m app.Mount) bool {
		return m.Volume != "" && slices.Contains(s.known.Data, m.Path)
	})
}

// whoItIs gives the service the user that its image is known to work as.
func (s *serviceReader) whoItIs() {
	at := s.path + ".user"
	if s.raw["user"] != nil || s.out.Baseline != nil || s.spec.Image == "" {
		return
	}
	reason, needsRoot := images.RootReason(s.spec.Image)
	switch {
	case s.known.User.UID != 0:
		s.out.User = s.known.User
		how := "the image's own user instead of root"
		if s.known.AnyUser {
			how = "any user but root will do for this image"
		}
		s.say(at, Hardened, "%d:%d, %s", s.known.User.UID, s.known.User.GID, how)
	case needsRoot:
		s.refuse(at, nil, "the image works as root only: "+reason,
			"use another image, or have the environment grant it an exception (baseline)")
	default:
		s.refuse(at, nil, fmt.Sprintf("must not be root, and the user of %s is not known", untagged(s.spec.Image)),
			`write user: "<uid>:<gid>", as its documentation or "docker run --rm --entrypoint id IMAGE" says, `+
				"or have the environment grant it an exception (baseline)")
	}
}

// backupOf is how the data of a known database is saved: by its own means, not by copying its files.
func backupOf(image string) app.Backup {
	repository := untagged(image)
	last := repository[strings.LastIndex(repository, "/")+1:]
	switch {
	case strings.Contains(last, "postg") || strings.Contains(last, "timescale") || last == "pgvector":
		return app.BackupPostgres
	case strings.Contains(last, "mysql") || strings.Contains(last, "mariadb") || strings.Contains(last, "percona"):
		return app.BackupMySQL
	}
	return ""
}
