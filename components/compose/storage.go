package compose

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"

	"github.com/dekcd/dmcloud/components/app"
)

func volumes(s *serviceReader) {
	s.keep()
	for i, v := range s.spec.Volumes {
		at := fmt.Sprintf("%s[%d]", s.at, i)
		switch v.Type {
		case types.VolumeTypeVolume:
			s.namedVolume(at, v)
		case types.VolumeTypeTmpfs:
			var bytes int64
			if v.Tmpfs != nil {
				bytes = int64(v.Tmpfs.Size)
			}
			s.temporary(v.Target, bytes)
		case types.VolumeTypeBind:
			if relative, inside := s.relative(v.Source); inside && s.folders[relative] != "" {
				s.out.Mounts = append(s.out.Mounts,
					app.Mount{Path: filepath.Clean(v.Target), Folder: s.folders[relative], ReadOnly: v.ReadOnly})
				continue
			}
			s.bind(at, v)
		default:
			s.refuse(at, v.Type, "this type of mount is not supported", "use a volume")
		}
	}
}

func (s *serviceReader) namedVolume(at string, v types.ServiceVolumeConfig) {
	if v.Consistency != "" || v.Volume != nil && v.Volume.NoCopy {
		s.say(at, Ignored, "consistency and nocopy: new volumes are empty on every target")
	}
	declared := s.project.Volumes[v.Source]
	switch options := declared.DriverOpts; {
	case v.Source == "" && s.adopting() && !s.spec.ReadOnly:
		s.say(at, Hardened, "the image's own folder serves: what is written there is lost with the instance, as an "+
			"anonymous volume is with its container")
		return
	case v.Source == "":
		s.say(at, Hardened, "an anonymous volume is a scratch folder, lost with the instance")
		s.out.Mounts = append(s.out.Mounts, app.Mount{Path: filepath.Clean(v.Target), Scratch: scratchName(v.Target)})
		return
	case s.adopting() && options["type"] == "tmpfs":
		bytes, err := tmpfsSize(options["o"])
		if err != nil {
			s.refuse("volumes."+v.Source+".driver_opts.o", nil, "must have a size such as size=64m", "")
		}
		s.bound.instead["volumes."+v.Source] = "a folder in memory, one for each instance that mounts it"
		s.temporary(v.Target, bytes)
		return
	case s.adopting() && strings.Contains(options["o"], "bind") && options["device"] != "":
		device := options["device"]
		if !filepath.IsAbs(device) {
			device = filepath.Join(s.dir, device)
		}
		if _, inside := s.relative(device); inside {
			s.bound.instead["volumes."+v.Source] = "the folder it stands for is carried along, see where it is mounted"
			s.bind(at, types.ServiceVolumeConfig{Source: device, Target: v.Target, ReadOnly: v.ReadOnly})
			return
		}
	}
	mount := app.Mount{Path: filepath.Clean(v.Target), Volume: name(s.names.volumes, v.Source), ReadOnly: v.ReadOnly}
	if v.Volume != nil {
		mount.SubPath = v.Volume.Subpath
	}
	if s.adopting() && !slices.Contains(s.known.Data, mount.Path) {
		s.say(at, Hardened, "it starts empty; what the image has in that folder is not copied into it, as Docker would")
	}
	s.keepVolume(mount)
}

// keepVolume mounts a volume. Where the image refuses to start in a folder that is not empty, as the top of a file
// system seldom is, it gets a folder of its own there.
func (s *serviceReader) keepVolume(mount app.Mount) {
	if s.adopting() && s.known.Subfolder && mount.SubPath == "" && slices.Contains(s.known.Data, mount.Path) {
		mount.SubPath = "data"
	}
	s.out.Mounts = append(s.out.Mounts, mount)
}

func scratchName(folder string) string { return slug("scratch-" + folder) }

func tmpfs(s *serviceReader) {
	for _, text := range s.spec.Tmpfs {
		folder, options, _ := strings.Cut(text, ":")
		bytes, err := tmpfsSize(options)
		if err != nil {
			s.reject(options, "must be a size", "")
		}
		s.temporary(folder, bytes)
	}
	s.keep()
}

// tmpfsSize is the size in the options of a folder in memory; 0 when there is none.
func tmpfsSize(options string) (int64, error) {
	for option := range strings.SplitSeq(options, ",") {
		if value, ok := strings.CutPrefix(option, "size="); ok {
			return units.RAMInBytes(value)
		}
	}
	return 0, nil
}

func shmSize(s *serviceReader) {
	s.temporary("/dev/shm", int64(s.spec.ShmSize))
	s.keep()
}

// temporary adds a folder in memory, empty at every start.
func (s *serviceReader) temporary(folder string, bytes int64) {
	s.out.WritablePaths = append(s.out.WritablePaths,
		app.WritablePath{Path: filepath.Clean(folder), Size: bytes, Memory: true})
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
		s.out.Mounts = append(s.out.Mounts,
			app.Mount{Path: target, Secret: name(s.names.secrets, secret.Source), ReadOnly: true})
	}
	s.keep()
}

func configs(s *serviceReader) {
	for i, config := range s.spec.Configs {
		source := name(s.names.configs, config.Source)
		s.out.Mounts = append(s.out.Mounts, app.Mount{
			Path: cmp.Or(config.Target, "/"+config.Source), File: source, ReadOnly: true,
		})
		s.note(s.content(config.Source))
		if config.Mode == nil {
			continue
		}
		mode := int(*config.Mode)
		if known, ok := s.modes[source]; ok && known != mode {
			s.refuse(fmt.Sprintf("%s[%d].mode", s.at, i), nil, "another service mounts the file with another mode", "")
		}
		s.modes[source] = mode
	}
	s.keep()
}

// bound are the files and folders beside the Compose file that services mount. Each is one file, folder, secret or
// volume of the application, however many services mount it.
type bound struct {
	// names are what the things mounted are called, by their path relative to the Compose file.
	names   map[string]string
	files   []app.File
	folders []app.Folder
	volumes map[string]bool
	// instead are the paths of declared volumes that only stand for something else, with what that is.
	instead map[string]string
}

func newBound() bound {
	return bound{names: map[string]string{}, volumes: map[string]bool{}, instead: map[string]string{}}
}

// add puts what was found into the application, of which the services are read.
func (b *bound) add(a *app.App) {
	a.Files = append(a.Files, b.files...)
	a.Folders = append(a.Folders, b.folders...)
	for volume := range b.volumes {
		a.Volumes = append(a.Volumes, newVolume(a, volume, volumeExtension{}))
	}
}

// name chooses the name of what is mounted from a path, one that nothing declared has.
func (r *reader) boundName(path string, declared map[string]string) (name string, known bool) {
	if name, known := r.bound.names[path]; known {
		return name, true
	}
	name = nearest(path, maximumName)
	for _, other := range declared {
		if other == name {
			name = hashed(name, path, maximumName, hashLength)
		}
	}
	for other, taken := range r.bound.names {
		if taken == name && other != path {
			name = hashed(name, path, maximumName, hashLength)
		}
	}
	r.bound.names[path] = name
	return name, false
}

// bind decides on a mount of something on the machine that runs Docker.
func (s *serviceReader) bind(at string, v types.ServiceVolumeConfig) {
	target := filepath.Clean(v.Target)
	relative, inside := s.relative(v.Source)
	switch {
	case isSocket(v.Source):
		s.refuse(at, v.Target, "gives control over the container engine, and with it the host",
			"remove it, and the service where that is all it is for: the cluster runs containers, and expose makes routes")
		return
	case s.adopting() && ofTheHost(v.Source):
		s.refuse(at, v.Target, "mounts a folder of the host's system",
			"remove it, and the service where that is all it is for: the cluster watches its own machines")
		return
	case s.adopting() && slices.Contains([]string{"/etc/localtime", "/etc/timezone"}, v.Source):
		s.say(at, Ignored, "the time zone of the host; set the variable TZ instead")
		return
	case !inside:
		s.refuse(at, v.Target, "mounts a folder of the host",
			"use a volume and copy the data into it, or keep a configuration file beside the Compose file")
		return
	}
	info, err := fs.Stat(s.assets, relative)
	switch {
	case err != nil && !s.adopting():
		s.refuse(at, v.Target, "mounts a folder of the host", "use a volume, or configs for files")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		s.refuse(at, relative, "cannot be read, or is a link that leads out of the folder of the Compose file",
			"put the file itself there")
	case err != nil && (v.ReadOnly || looksLikeFile(relative, target)):
		s.refuse(at, relative, "is not there", "write this file beside the Compose file")
	case err != nil:
		s.emptyFolder(at, relative, target, v.ReadOnly)
	case info.IsDir():
		s.folder(at, relative, target, v.ReadOnly)
	default:
		s.boundFile(at, relative, target, info)
	}
}

// ofTheHost tells whether a path is part of the system of the machine that runs Docker.
func ofTheHost(path string) bool {
	if path == "/" {
		return true
	}
	for _, folder := range []string{
		"/boot", "/dev", "/lib/modules", "/proc", "/run", "/sys", "/var/lib/docker", "/var/log", "/var/run",
	} {
		if path == folder || strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

// relative is the path of a file as the Compose file's folder sees it; false when it lies elsewhere.
func (r *reader) relative(path string) (string, bool) {
	relative, err := filepath.Rel(r.dir, path)
	relative = filepath.ToSlash(relative)
	return relative, err == nil && fs.ValidPath(relative)
}

func isSocket(path string) bool {
	for _, name := range []string{"docker.sock", "containerd.sock", "podman.sock", "crio.sock"} {
		if strings.HasSuffix(path, name) {
			return true
		}
	}
	return false
}

// looksLikeFile guesses what a missing path was meant to be: Docker would make a folder of it.
func looksLikeFile(source, target string) bool {
	extension := filepath.Ext(source)
	return extension != "" && extension == filepath.Ext(target) && len(extension) <= len(".properties")
}

// emptyFolder makes a volume of a folder that Docker would make when it is missing.
func (s *serviceReader) emptyFolder(at, relative, target string, readOnly bool) {
	name, _ := s.boundName(relative, s.names.volumes)
	s.bound.volumes[name] = true
	s.keepVolume(app.Mount{Path: target, Volume: name, ReadOnly: readOnly})
	s.say(at, Hardened, "the folder is a volume, %s, empty at first", name)
}

// folder decides on a folder with something in it: configuration is carried along, everything else belongs into the
// image or on a volume.
func (s *serviceReader) folder(at, relative, target string, readOnly bool) {
	files, refusal := s.configuration(relative, target, readOnly)
	switch {
	case len(files) == 0 && refusal == "":
		if !s.adopting() {
			s.refuse(at, relative, "is empty", "use a volume")
			return
		}
		s.emptyFolder(at, relative, target, readOnly)
		return
	case refusal != "":
		s.refuse(at, relative, refusal,
			"source code belongs into the image, data on a volume, configuration into a folder of its own")
		return
	}
	for _, f := range files {
		if s.asksDocker(at, relative+"/"+f.Path, f.Content) {
			return
		}
	}
	for _, f := range files {
		if s.adopting() && s.secretFile(f.Content) {
			s.say(at, Moved, "%s holds a secret, so the folder's files became secrets", f.Path)
			s.secretFolder(relative, target, files)
			return
		}
	}
	name, known := s.boundName(relative, s.folders)
	if !known {
		folder := app.Folder{Name: name, Mode: s.folderMode(relative, files)}
		for _, f := range files {
			folder.Files = append(folder.Files, app.FolderFile{Path: f.Path, Content: s.note(f.Content)})
		}
		s.bound.folders = append(s.bound.folders, folder)
	} else {
		for _, f := range files {
			s.note(f.Content)
		}
	}
	s.out.Mounts = append(s.out.Mounts, app.Mount{Path: target, Folder: name, ReadOnly: true})
	s.say(at, Hardened, "the %d files are carried along, and can't be changed from inside", len(files))
}

// declaredFolder reads a folder that the file itself says is configuration.
func (r *reader) declaredFolder(at, name string, declared folderExtension) {
	relative, inside := r.relative(filepath.Join(r.dir, declared.Path))
	if !inside || relative == "." {
		r.refuse(at+".path", nil, "must be a folder inside that of the Compose file", "move the folder there")
		return
	}
	folder, total := app.Folder{Name: name, Mode: int(declared.Mode)}, 0
	err := fs.WalkDir(r.assets, relative, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(r.assets, path)
		file := app.FolderFile{Path: strings.TrimPrefix(path, relative+"/"), Content: string(content)}
		if r.adopting() && r.secretFile(file.Content) || r.looksSecret("", file.Content) {
			r.refuse(at+".path", file.Path, "the content looks like a secret", "make it one: move it to secrets")
		}
		folder.Files = append(folder.Files, file)
		if total += len(content); total > app.MaximumFile {
			return errNotConfiguration
		}
		return err
	})
	switch {
	case errors.Is(err, errNotConfiguration):
		r.refuse(at+".path", relative, fmt.Sprintf("configuration can hold %d bytes at most", app.MaximumFile),
			"put it into the image or on a volume")
		return
	case err != nil:
		r.refuse(at+".path", relative, "the folder cannot be read", "write it, readable for you, beside the Compose file")
		return
	}
	byName(folder.Files, func(f app.FolderFile) string { return f.Path })
	r.folders[relative] = name
	r.out.App.Folders = append(r.out.App.Folders, folder)
}

// dockerDNS is the address of Docker's own name server, which answers nowhere else, outside of comments.
var dockerDNS = regexp.MustCompile(`(?m)^[^#\n]*\b127\.0\.0\.11\b`)

// asksDocker refuses a file that sends its program to Docker's name server.
func (s *serviceReader) asksDocker(at, file, content string) bool {
	if !s.adopting() || !dockerDNS.MatchString(content) {
		return false
	}
	s.refuse(at, file, "names Docker's own DNS server, 127.0.0.11, which a cluster does not have",
		"write kube-dns.kube-system.svc.cluster.local, and full names such as "+
			"<service>."+s.source.Name+".svc.cluster.local for what is looked up there")
	return true
}

// note reads a file for the names of services and gives it with names that resolve.
func (s *serviceReader) note(content string) string {
	if s.directory == nil {
		return content
	}
	text, mentions := s.directory.read(fileText, "", content)
	s.mentions = append(s.mentions, mentions...)
	return text
}

func (s *serviceReader) folderMode(relative string, files []app.FolderFile) int {
	for _, f := range files {
		if info, err := fs.Stat(s.assets, relative+"/"+f.Path); err == nil && info.Mode()&0o100 != 0 {
			return 0o555
		}
	}
	return 0
}

// maximumFiles is how many files a folder of configuration may have.
const maximumFiles = 200

// configuration reads the files of a folder when they are configuration, sorted by path. Otherwise it says why they are
// none.
func (s *serviceReader) configuration(relative, target string, readOnly bool) ([]app.FolderFile, string) {
	const source = "mounts a folder of the host with more than configuration in it"
	other := ""
	if relative == "." {
		return nil, "mounts the folder of the Compose file itself"
	}
	var files []app.FolderFile
	total := 0
	err := fs.WalkDir(s.assets, relative, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || slices.Contains([]string{".gitkeep", ".keep", ".gitignore"}, entry.Name()) {
			return err
		}
		if !configurationFile(entry.Name()) && !strings.HasPrefix(target, "/etc/") || len(files) == maximumFiles {
			other = path
			return errNotConfiguration
		}
		content, err := fs.ReadFile(s.assets, path)
		if err != nil {
			return err
		}
		total += len(content)
		files = append(files, app.FolderFile{Path: strings.TrimPrefix(path, relative+"/"), Content: string(content)})
		return nil
	})
	switch {
	case other != "":
		return nil, source + ", " + other
	case err != nil:
		return nil, source
	case total > app.MaximumFile:
		return nil, fmt.Sprintf("holds %d bytes, and configuration can hold %d at most", total, app.MaximumFile)
	case len(files) > 0 && !readOnly && !configurationTarget(target):
		return nil, source
	}
	slices.SortFunc(files, func(a, b app.FolderFile) int { return strings.Compare(a.Path, b.Path) })
	return files, ""
}

var errNotConfiguration = errors.New("not configuration")

// configurationFile tells by its name whether a file is one that people write to configure something.
func configurationFile(name string) bool {
	extension := strings.ToLower(filepath.Ext(name))
	return slices.Contains([]string{
		"", ".acl", ".alloy", ".cer", ".cf", ".cfg", ".cnf", ".conf", ".config", ".crt", ".css", ".csv", ".dist",
		".dtd", ".env", ".ftl", ".groovy", ".hcl", ".htm", ".html", ".ico", ".inc", ".ini", ".j2", ".jks", ".jpg",
		".json", ".key", ".ldif", ".list", ".lua", ".map", ".md", ".p12", ".pem", ".png", ".properties", ".pub",
		".rb", ".river", ".rules", ".schema", ".sh", ".sql", ".svg", ".template", ".tmpl", ".toml", ".tpl", ".txt",
		".vcl", ".xml", ".xsd", ".xsl", ".yaml", ".yml", ".zone",
	}, extension)
}

// configurationTarget tells by where it is mounted that a folder is there to be read.
func configurationTarget(target string) bool {
	for _, prefix := range []string{"/etc/", "/docker-entrypoint", "/usr/share/", "/usr/local/etc/", "/config", "/conf"} {
		if strings.HasPrefix(target, prefix) {
			return true
		}
	}
	last := target[strings.LastIndex(target, "/")+1:]
	return strings.Contains(last, "conf") ||
		slices.Contains([]string{"provisioning", "realms", "import", "templates"}, last) ||
		strings.HasPrefix(target, "/opt/") && strings.Contains(target, "conf")
}

func (s *serviceReader) boundFile(at, relative, target string, info fs.FileInfo) {
	if info.Size() > app.MaximumFile {
		s.refuse(at, relative, fmt.Sprintf("holds %d bytes, and configuration can hold %d at most", info.Size(),
			app.MaximumFile), "put it into the image or on a volume")
		return
	}
	content, err := fs.ReadFile(s.assets, relative)
	if err != nil {
		s.refuse(at, relative, "cannot be read", "")
		return
	}
	if s.secretFile(string(content)) {
		s.say(at, Moved, "the file holds a secret and became one")
		s.out.Mounts = append(s.out.Mounts,
			app.Mount{Path: target, Secret: s.fileSecret(relative, string(content)), ReadOnly: true})
		return
	}
	if s.asksDocker(at, relative, string(content)) {
		return
	}
	text := s.note(string(content))
	name, known := s.boundName(relative, s.names.configs)
	if !known {
		file := app.File{Name: name, Content: text}
		if info.Mode()&0o100 != 0 {
			file.Mode = 0o555
		}
		s.bound.files = append(s.bound.files, file)
	}
	s.out.Mounts = append(s.out.Mounts, app.Mount{Path: target, File: name, ReadOnly: true})
	s.say(at, Hardened, "the file is carried along, and can't be changed from inside")
}

// fileSecret is the secret that holds the content of a file.
func (s *serviceReader) fileSecret(relative, content string) string {
	name, known := s.boundName(relative, s.names.secrets)
	if !known {
		name = s.declare(name, relative, content, "the file "+relative)
	}
	s.bound.names[relative] = name
	return name
}

// secretFolder mounts each file of a folder as a secret.
func (s *serviceReader) secretFolder(relative, target string, files []app.FolderFile) {
	for _, f := range files {
		s.out.Mounts = append(s.out.Mounts, app.Mount{
			Path: target + "/" + f.Path, Secret: s.fileSecret(relative+"/"+f.Path, s.note(f.Content)), ReadOnly: true,
		})
	}
}
