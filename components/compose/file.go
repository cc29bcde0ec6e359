package compose

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/problem"
)

// fileRules is what becomes of the keys at the top of a file.
func fileRules() map[string]func(r *reader, key string) {
	kept := func(*reader, string) {}
	return map[string]func(r *reader, key string){
		"services": kept,
		"volumes":  kept,
		"secrets":  kept,
		"configs":  kept,
		"name": func(r *reader, key string) {
			r.say(key, Ignored, "the environment names the application")
		},
		"networks": networkSection,
		"version": func(r *reader, key string) {
			r.say(key, Ignored, "the Compose specification has no versions any more")
		},
		"models": func(r *reader, key string) {
			r.say(key, Ignored, "no service may use one, as no target has a model runner")
		},
		"include": func(r *reader, key string) {
			r.refuse(key, nil, "an embedded Compose file cannot include others", "pass the files one by one")
		},
		extensionKey: func(r *reader, key string) {
			var extension fileExtension
			r.problems.Under(key, problem.Decode(r.written[key], &extension))
			r.out.App.Version = extension.Version
			for _, name := range slices.Sorted(maps.Keys(extension.Folders)) {
				r.declaredFolder(key+".folders."+name, name, extension.Folders[name])
			}
			r.say(key, Kept, "")
		},
	}
}

// networkSection reads how networks are made, which is up to the target; who is in one is said where services join it.
func networkSection(r *reader, key string) {
	for _, original := range slices.Sorted(maps.Keys(r.section(key))) {
		path := key + "." + original
		raw, _ := r.section(key)[original].(map[string]any)
		if label, ok := r.names.networks[original]; ok {
			r.renamed(path, original, label)
		}
		r.keyVerdicts(path, raw, networkKeys())
		var extension networkExtension
		if raw[extensionKey] != nil {
			r.problems.Under(path+"."+extensionKey, problem.Decode(raw[extensionKey], &extension))
		}
		r.edges[original] = extension.Edge
	}
}

func networkKeys() map[string]Verdict {
	const made = "the target makes the network"
	return map[string]Verdict{
		"name":        {Outcome: Ignored, Detail: "the environment names what it makes"},
		"driver":      {Outcome: Ignored, Detail: made},
		"driver_opts": {Outcome: Ignored, Detail: made},
		"attachable":  {Outcome: Ignored, Detail: made},
		"enable_ipv4": {Outcome: Ignored, Detail: made},
		"enable_ipv6": {Outcome: Ignored, Detail: made},
		"ipam":        {Outcome: Ignored, Detail: "addresses are given by the target; services are reached by name"},
		"labels":      {Outcome: Ignored, Detail: "the environment labels what it makes"},
		"internal":    {Outcome: Hardened, Detail: "no service reaches the internet unless x-dmcloud.egress allows it"},
		"external":    {Outcome: Ignored, Detail: "only services of this application are in it"},
	}
}

// keyVerdicts gives every key of an object a verdict: those of the table theirs, the rest a refusal.
func (r *reader) keyVerdicts(path string, raw map[string]any, table map[string]Verdict) {
	for key := range raw {
		at := path + "." + key
		verdict, ok := table[key]
		switch {
		case ok && verdict.Outcome == Refused:
			r.refuse(at, nil, verdict.Detail, cmp.Or(verdict.Fix, "remove it"))
		case ok:
			r.say(at, verdict.Outcome, "%s", verdict.Detail)
		case key == extensionKey:
			r.say(at, Kept, "")
		case strings.HasPrefix(key, "x-"):
			r.say(at, Ignored, "an extension of another tool")
		default:
			r.refuse(at, nil, "dmcloud does not support this key", "remove it")
		}
	}
}

func volumeKeys() map[string]Verdict {
	return map[string]Verdict{
		"name":     {Outcome: Ignored, Detail: "the environment names what it makes"},
		"driver":   {Outcome: Ignored, Detail: "the environment chooses the storage"},
		"labels":   {Outcome: Ignored, Detail: "the environment labels what it makes"},
		"external": {Outcome: Ignored, Detail: "volumes are made by the environment, or adopted there"},
		"driver_opts": {
			Outcome: Refused, Detail: "driver options mount folders of the host, or of a server that only it knows",
			Fix: "remove them; the environment's storage class says where data is",
		},
	}
}

// defaultVolumeSize is what a volume gets when the file does not say: 10 GiB.
const defaultVolumeSize = 10 << 30

func (r *reader) volume(original, path string, raw map[string]any) {
	table := volumeKeys()
	if r.adopting() && r.project.Volumes[original].DriverOpts["type"] == "tmpfs" {
		table["driver_opts"] = Verdict{Outcome: Kept, Detail: "a folder in memory"}
	}
	r.keyVerdicts(path, raw, table)
	var extension volumeExtension
	if raw[extensionKey] != nil {
		r.problems.Under(path+"."+extensionKey, problem.Decode(raw[extensionKey], &extension))
	}
	if extension.Data == nil {
		// Losing data by default is worse than keeping too much.
		r.say(path, Hardened, "protected, as the file does not say that it may be lost")
	}
	r.out.App.Volumes = append(r.out.App.Volumes, newVolume(&r.out.App, r.names.volumes[original], extension))
}

// newVolume makes a volume for the services that mount it. The data of a database is saved by the database's own means.
func newVolume(a *app.App, name string, extension volumeExtension) app.Volume {
	volume := app.Volume{
		Name:   name,
		Size:   cmp.Or(int64(extension.Size), int64(defaultVolumeSize)),
		Data:   true,
		Backup: app.Backup(extension.Backup),
	}
	users := a.Mounting(name)
	volume.Shared = len(users) > 1
	if extension.Data != nil {
		volume.Data = *extension.Data
	}
	switch {
	case volume.Backup != "":
	case !volume.Data:
		volume.Backup = app.BackupNone
	default:
		volume.Backup = app.BackupFiles
		if len(users) == 1 && a.Service(users[0]).Role == app.RoleDatabase && extension == (volumeExtension{}) {
			volume.Backup = cmp.Or(backupOf(a.Service(users[0]).Image), app.BackupFiles)
		}
	}
	return volume
}

func secretKeys() map[string]Verdict {
	return map[string]Verdict{
		"name":                   {Outcome: Ignored, Detail: "the environment names what it makes"},
		"labels":                 {Outcome: Ignored, Detail: "the environment labels what it makes"},
		"external":               {Outcome: Kept, Detail: "the environment provides the value"},
		"environment":            {Outcome: Kept, Detail: "the environment provides the value"},
		"file":                   {Outcome: Moved, Detail: "the content became a secret"},
		"driver":                 {Outcome: Refused, Detail: "secrets drivers are a Swarm feature"},
		"driver_opts":            {Outcome: Refused, Detail: "secrets drivers are a Swarm feature"},
		"template_driver":        {Outcome: Refused, Detail: "secrets drivers are a Swarm feature"},
		types.SecretConfigXValue: {Outcome: Moved, Detail: "the value became a secret"},
	}
}

func (r *reader) secret(original, path string, raw map[string]any) {
	r.keyVerdicts(path, raw, secretKeys())
	var extension secretExtension
	if raw[extensionKey] != nil {
		r.problems.Under(path+"."+extensionKey, problem.Decode(raw[extensionKey], &extension))
	}
	name := r.names.secrets[original]
	secret := app.Secret{Name: name, Purpose: extension.Purpose}
	spec := r.project.Secrets[original]
	switch value := spec.Content; {
	case spec.File != "":
		if content, ok := r.asset(path+".file", spec.File); ok {
			r.give(path, name, content)
		}
	case value != "":
		r.give(path, name, value)
	case extension.Generate != nil:
		secret.Generate = &app.Generate{
			Length:   extension.Generate.Length,
			Alphabet: cmp.Or(app.Alphabet(extension.Generate.Alphabet), app.Alphanumeric),
		}
	case r.adopting() && spec.Environment != "":
		r.refuseVariable(spec.Environment, path+".environment")
	}
	r.out.App.Secrets = append(r.out.App.Secrets, secret)
}

// give is the value of a declared secret.
func (r *reader) give(path, name, value string) {
	if r.source.Protected && Published(strings.TrimSpace(value)) {
		r.refuse(path, nil, "is a published default password", "choose another")
		return
	}
	r.out.SecretValues[name] = NewSensitive(value)
}

func configKeys() map[string]Verdict {
	return map[string]Verdict{
		"name":            {Outcome: Ignored, Detail: "the environment names what it makes"},
		"labels":          {Outcome: Ignored, Detail: "the environment labels what it makes"},
		"file":            {Outcome: Kept},
		"content":         {Outcome: Kept},
		"environment":     {Outcome: Kept},
		"external":        {Outcome: Refused, Detail: "only the file itself can bring its content"},
		"template_driver": {Outcome: Refused, Detail: "config drivers are a Swarm feature"},
	}
}

func (r *reader) file(original, path string, raw map[string]any) {
	r.keyVerdicts(path, raw, configKeys())
	name, spec := r.names.configs[original], r.project.Configs[original]
	var extension configFileExtension
	if raw[extensionKey] != nil {
		r.problems.Under(path+"."+extensionKey, problem.Decode(raw[extensionKey], &extension))
	}
	content := spec.Content
	if spec.File != "" {
		var ok bool
		if content, ok = r.asset(path+".file", spec.File); !ok {
			return
		}
	}
	if r.directory != nil {
		content, _ = r.directory.read(fileText, "", content)
	}
	switch {
	case r.adopting() && r.secretFile(content):
		r.secretConfig(path, name, content)
		return
	case r.looksSecret("", content):
		r.refuse(path, nil, "the content looks like a secret", "make it one: move it from configs to secrets")
		return
	case len(content) > app.MaximumFile:
		r.refuse(path, fmt.Sprintf("%d bytes", len(content)),
			fmt.Sprintf("configuration can hold %d bytes at most", app.MaximumFile), "put it into the image or on a volume")
		return
	}
	mode := cmp.Or(int(extension.Mode), r.modes[name])
	r.out.App.Files = append(r.out.App.Files, app.File{Name: name, Content: content, Mode: mode})
}

// secretConfig makes a secret of a config that holds one, wherever it is mounted.
func (r *reader) secretConfig(path, name, content string) {
	secret := r.declare(name, path, content, "the config "+name)
	for i := range r.out.App.Services {
		mounts := r.out.App.Services[i].Mounts
		for j, m := range mounts {
			if m.File == name {
				mounts[j] = app.Mount{Path: m.Path, Secret: secret, ReadOnly: true}
			}
		}
	}
	r.say(path, Moved, "it holds a secret and became one, %s", secret)
}

// content is what a config holds, empty when it cannot be read: that is said where the config stands.
func (r *reader) content(config string) string {
	spec := r.project.Configs[config]
	relative, inside := r.relative(spec.File)
	if spec.File == "" || !inside {
		return spec.Content
	}
	content, err := fs.ReadFile(r.assets, relative)
	if err != nil {
		return ""
	}
	return string(content)
}

// asset reads a file that the Compose file refers to; one outside the folder of the Compose file is refused.
func (r *reader) asset(at, path string) (string, bool) {
	relative, inside := r.relative(path)
	if !inside {
		r.refuse(at, nil, "must be inside the folder of the Compose file", "move the file there")
		return "", false
	}
	content, err := fs.ReadFile(r.assets, relative)
	if err != nil {
		r.refuse(at, relative, "the file cannot be read", "write it, readable for you, beside the Compose file")
		return "", false
	}
	return string(content), true
}
