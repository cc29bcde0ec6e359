package compose

import (
	"fmt"
	"maps"

	"github.com/dekcd/dmcloud/components/app"
)

// inits reads the containers that run before the service's own.
func (s *serviceReader) inits() {
	own := maps.Clone(s.hidden)
	defer func() { s.hidden = own }() // variables of other containers are not those of the service's own
	for i, e := range s.extension.Init {
		at := fmt.Sprintf("%s.%s.init[%d]", s.path, extensionKey, i)
		init := app.Init{
			Name: e.Name, Image: e.Image, Entrypoint: e.Entrypoint, Args: e.Command, User: s.out.User,
			Env:    s.secretVariables(e.SecretEnvironment),
			Mounts: scratch(e.Scratch),
		}
		if e.User != nil {
			init.User = app.User{UID: e.User.UID, GID: e.User.GID}
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
		s.variablesOf(at+".environment", environment, &init.Env)
		for _, v := range e.Volumes {
			init.Mounts = append(init.Mounts, app.Mount{
				Path: v.Path, Volume: name(s.names.volumes, v.Name), SubPath: v.SubPath, ReadOnly: v.ReadOnly,
			})
		}
		for _, c := range e.Configs {
			init.Mounts = append(init.Mounts,
				app.Mount{Path: c.Target, File: name(s.names.configs, c.Source), ReadOnly: true})
		}
		for _, secret := range e.Secrets {
			target := secret.Target
			if target == "" {
				target = "/run/secrets/" + secret.Source
			}
			init.Mounts = append(init.Mounts,
				app.Mount{Path: target, Secret: name(s.names.secrets, secret.Source), ReadOnly: true})
		}
		for _, folder := range e.Folders {
			init.Mounts = append(init.Mounts, app.Mount{Path: folder.Target, Folder: folder.Source, ReadOnly: true})
		}
		s.readWrite(at, init.Mounts, e.ReadWrite)
		s.out.Init = append(s.out.Init, init)
	}
}
