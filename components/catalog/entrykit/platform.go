package entrykit

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"strconv"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

// Platform is how an entry makes an application of its options, whose type is O.
type Platform[O any] struct {
	// Name is "SEEK".
	Name string
	// Check lists what is wrong with options, and finds their profile; it is empty when there is none.
	Check func(O) (Profile, problem.List)
	// Stripped makes options with the same services and volumes that can be loaded whatever is wrong with those given.
	Stripped func(O) O
	// Load reads the Compose files of a profile with the options as their variables, see [Load].
	Load func(O, context.Context, Profile) (app.App, error)
	// Override applies the options that are not variables of the Compose files.
	Override func(O, *app.App) problem.List
}

// New makes the application of that name of options that have their defaults. The error has everything that is wrong
// with them as a [problem.Error].
func (p Platform[O]) New(ctx context.Context, name string, options O) (app.App, error) {
	a, err := p.build(ctx, options)
	if err != nil {
		return app.App{}, fmt.Errorf("%s %s: %w", p.Name, name, err)
	}
	return a, nil
}

func (p Platform[O]) build(ctx context.Context, options O) (app.App, error) {
	profile, problems := p.Check(options)
	loadable := options
	if len(problems) > 0 {
		// What overrides a model can only be checked against one, and people want to know of all mistakes at once.
		loadable = p.Stripped(options)
	}
	var a app.App
	if profile.Minor != "" {
		var err error
		if a, err = p.Load(loadable, ctx, profile); err != nil {
			return app.App{}, err
		}
		problems = append(problems, p.Override(options, &a)...)
	}
	if len(problems) == 0 {
		problems = a.Validate()
	}
	return a, problems.Err()
}

// Load reads Compose files out of the folder compose that an entry embeds: those named and, when there is a mail
// server, mail.yaml, and mail-login.yaml when it wants a login. It adds them and their variables to the source.
func Load(ctx context.Context, embedded fs.FS, source compose.Source, m *Mail, names ...string) (app.App, error) {
	var err error
	if source.Assets, err = fs.Sub(embedded, "compose"); err != nil {
		return app.App{}, fmt.Errorf("opening the embedded Compose files: %w", err)
	}
	if m != nil {
		names = append(names, "mail.yaml")
		maps.Copy(source.Environment, map[string]string{
			"MAIL_HOST": m.Host, "MAIL_PORT": strconv.Itoa(m.Port), "MAIL_FROM": m.From,
		})
		if m.User != "" {
			names = append(names, "mail-login.yaml")
			source.Environment["MAIL_USER"] = m.User
		}
	}
	for _, name := range names {
		content, err := fs.ReadFile(source.Assets, name)
		if err != nil {
			return app.App{}, fmt.Errorf("reading the embedded Compose file %s: %w", name, err)
		}
		source.Files = append(source.Files, compose.File{Path: name, Content: content})
	}
	loaded, err := compose.Load(ctx, source)
	if err != nil {
		return app.App{}, err
	}
	return loaded.App, nil
}
