package compose

import (
	"cmp"
	"io/fs"
	"path/filepath"
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
		"networks": func(r *reader, key string) {
			r.say(key, Hardened, "one private network; only services that depend on each other may talk")
		},
		"include": func(r *reader, key string) {
			r.refuse(key, nil, "an embedded Compose file cannot include others", "pass the files one by one")
		},
		extensionKey: func(r *reader, key string) {
			var extension fileExtension
			r.problems.Under(key, problem.Decode(r.written[key], &extension))
			r.out.App.Version = extension.Version
			r.say(key, Kept, "")
		},
	}
}

// keys gives every key of an object a verdict: those of the table theirs, the rest a refusal.
func (r *reader) keys(path string, raw map[string]any, table map[string]Verdict) {
	for key := range raw {
		at := path + "." + key
		verdict, ok := table[key]
		switch {
		case ok && verdict.Outcome == Refused:
			r.refuse(at, nil, verdict.Detail, "remove it")
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
		"name":        {Outcome: Ignored, Detail: "the environment names what it makes"},
		"driver":      {Outcome: Ignored, Detail: "the environment chooses the storage"},
		"labels":      {Outcome: Ignored, Detail: "the environment labels what it makes"},
		"external":    {Outcome: Ignored, Detail: "volumes are made by the environment, or adopted there"},
		"driver_opts": {Outcome: Refused, Detail: "driver options can mount folders of the host"},
	}
}

// defaultVolumeSize is what a volume gets when the file does not say: 10 GiB.
const defaultVolumeSize = 10 << 30

func (r *reader) volume(name, path string, raw map[string]any) {
	r.keys(path, raw, volumeKeys())
	var extension volumeExtension
	if raw[extensionKey] != nil {
		r.problems.Under(path+"."+extensionKey, problem.Decode(raw[extensionKey], &extension))
	}
	volume := app.Volume{
		Name:   name,
		Size:   cmp.Or(int64(extension.Size), int64(defaultVolumeSize)),
		Shared: len(r.out.App.Mounting(name)) > 1,
		Data:   true,
		Backup: app.Backup(extension.Backup),
	}
	if extension.Data != nil {
		volume.Data = *extension.Data
	} else {
		// Losing data by default is worse than keeping too much.
		r.say(path, Hardened, "protected, as the file does not say that it may be lost")
	}
	switch {
	case volume.Backup != "":
	case volume.Data:
		volume.Backup = app.BackupFiles
	default:
		volume.Backup = app.BackupNone
	}
	r.out.App.Volumes = append(r.out.App.Volumes, volume)
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

func (r *reader) secret(name, path string, raw map[string]any) {
	r.keys(path, raw, secretKeys())
	var extension secretExtension
	if raw[extensionKey] != nil {
		r.problems.Under(path+"."+extensionKey, problem.Decode(raw[extensionKey], &extension))
	}
	secret := app.Secret{Name: name, Purpose: extension.Purpose}
	spec := r.project.Secrets[name]
	switch value := spec.Content; {
	case spec.File != "":
		if content, ok := r.asset(path+".file", spec.File); ok {
			r.out.SecretValues[name] = NewSensitive(content)
		}
	case value != "":
		r.out.SecretValues[name] = NewSensitive(value)
	case extension.Generate != nil:
		secret.Generate = &app.Generate{
			Length:   extension.Generate.Length,
			Alphabet: cmp.Or(app.Alphabet(extension.Generate.Alphabet), app.Alphanumeric),
		}
	}
	r.out.App.Secrets = append(r.out.App.Secrets, secret)
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

func (r *reader) file(name, path string, raw map[string]any) {
	r.keys(path, raw, configKeys())
	spec := r.project.Configs[name]
	content := spec.Content
	if spec.File != "" {
		var ok bool
		if content, ok = r.asset(path+".file", spec.File); !ok {
			return
		}
	}
	if LooksSecret("", content) {
		r.refuse(path, nil, "the content looks like a secret", "make it one: move it from configs to secrets")
		return
	}
	r.out.App.Files = append(r.out.App.Files, app.File{Name: name, Content: content, Mode: r.modes[name]})
}

// asset reads a file that the Compose file refers to; one outside the folder of the Compose file is refused.
func (r *reader) asset(at, path string) (string, bool) {
	relative, err := filepath.Rel(r.dir, path)
	relative = filepath.ToSlash(relative)
	if err != nil || !fs.ValidPath(relative) {
		r.refuse(at, nil, "must be inside the folder of the Compose file", "move the file there")
		return "", false
	}
	content, err := fs.ReadFile(r.assets, relative)
	if err != nil {
		r.refuse(at, relative, "the file cannot be read", "")
		return "", false
	}
	return string(content), true
}
