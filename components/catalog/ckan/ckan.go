// Package ckan knows CKAN, https://ckan.org: one release profile per minor, written as commented Compose files in the
// folder compose, with the jobs that set it up, upgrade it and make its administrator.
package ckan

import (
	"context"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/entrykit"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

//go:embed compose
var files embed.FS

// Options are what an institute decides about its CKAN. Everything else is in the release profile.
type Options struct {
	// Name is a DNS label and names the application. Changing it makes another CKAN with empty volumes.
	Name string
	// Version is a minor ("2.11") or the release of its profile ("2.11.6"); [Default] unless set. Changing it upgrades
	// CKAN, see [CheckUpgrade].
	Version string
	// Image replaces the CKAN image of the profile, for a mirror or for one with more extensions, made from
	// ckan/ckan-base; "name:version" or with a digest.
	Image string
	// Plugins are those of extensions in Image, such as "dcat"; those of CKAN itself that the profile needs are on.
	Plugins []string
	// Host is the public DNS name.
	Host string
	// Title is the name of the instance on its pages; "CKAN" unless set.
	Title string
	// Replicas are the instances of the web service; 1 unless set. More need SharedStorage.
	Replicas int
	// SharedStorage is true when volumes can be mounted on several machines at once (ReadWriteMany).
	SharedStorage bool
	// Administrator is the first sysadmin. Changing it later changes nothing: by then there is a sysadmin.
	Administrator Administrator
	// Mail is the server that CKAN sends through, for new passwords among others; nil means that it sends nothing.
	Mail *Mail
	// DataPusher loads tables among the uploads into the DataStore; on unless set to false.
	DataPusher *bool
	// Sizes overrides the sizes of volumes by their names, in bytes. Growing updates in place.
	Sizes map[string]int64
	// Resources overrides requests and limits by the names of services; what is 0 stays as the profile has it.
	Resources map[string]app.Resources
}

// Administrator is a person with an account. The password is the generated secret administrator-password.
type Administrator struct {
	// Login is 2 to 100 lowercase letters, digits and _ -; "admin" unless set.
	Login string
	// Email is required.
	Email string
	// FullName is "CKAN Administrator" unless set.
	FullName string
}

// Mail is an SMTP server.
type Mail = entrykit.Mail

// The names of the secrets that people and environments deal with.
const (
	AdministratorPassword = "administrator-password"
	MailPassword          = "mail-password"
)

// Default is the minor that new installations get.
const Default = "2.11"

// The limits of CKAN's own validation,
// https://github.com/ckan/ckan/blob/ckan-2.11.0/ckan/logic/validators.py (name_validator).
const minLogin, maxLogin = 2, 100

// New makes the application; equal options make equal applications. The error lists everything that is wrong with the
// options as a [problem.Error], with paths such as "administrator.email".
func New(ctx context.Context, options Options) (app.App, error) {
	return entrykit.Platform[Options]{
		Name: "CKAN", Check: Options.check, Stripped: Options.stripped, Load: Options.load, Override: Options.override,
	}.New(ctx, options.Name, withDefaults(options))
}

// stripped are options with the same services and volumes that can be loaded whatever is wrong with o, to check what
// overrides them.
func (o Options) stripped() Options {
	return withDefaults(Options{
		Name: "ckan", Host: "ckan", Administrator: Administrator{Email: "admin@ckan"}, DataPusher: o.DataPusher,
	})
}

func withDefaults(o Options) Options {
	entrykit.Fill(&o.Version, Default)
	entrykit.Fill(&o.Title, "CKAN")
	entrykit.Fill(&o.Replicas, 1)
	entrykit.Fill(&o.Administrator.Login, "admin")
	entrykit.Fill(&o.Administrator.FullName, "CKAN Administrator")
	on := true
	entrykit.Fill(&o.DataPusher, &on)
	if o.Mail != nil {
		m := o.Mail.WithDefaults()
		o.Mail = &m
	}
	return o
}

var (
	login  = regexp.MustCompile(`^[a-z0-9_-]+$`)
	plugin = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
)

func (o Options) check() (Profile, problem.List) {
	profile, unknown := entrykit.Find(Profiles(), o.Version)
	problems := append(entrykit.Name(o.Name), unknown...)
	problems = append(problems, entrykit.Image("image", o.Image)...)
	problems = append(problems, o.checkPlugins()...)
	problems = append(problems, entrykit.Host("host", o.Host, "ckan.example.org")...)
	problems = append(problems, entrykit.Line("title", o.Title)...)
	problems = append(problems, entrykit.Positive("replicas", o.Replicas)...)
	if o.Replicas > 1 && !o.SharedStorage {
		problems.Addf("replicas", o.Replicas, "set storage.shared",
			"CKAN needs shared (RWX) storage for more than one web replica")
	}
	problems.Under("administrator", o.Administrator.check())
	if o.Mail != nil {
		problems.Under("mail", checkMail(*o.Mail))
	}
	return profile, append(problems, entrykit.Secrets(o.Mail, map[string]string{
		"title": o.Title, "administrator.login": o.Administrator.Login, "administrator.email": o.Administrator.Email,
		"administrator.fullName": o.Administrator.FullName,
	})...)
}

func (o Options) checkPlugins() problem.List {
	var problems problem.List
	taken := map[string]bool{}
	for _, name := range o.ownPlugins() {
		taken[name] = true
	}
	for i, name := range o.Plugins {
		at := fmt.Sprintf("plugins[%d]", i)
		if !plugin.MatchString(name) {
			problems.Addf(at, nil, "", "must be the name of a plugin: lowercase letters, digits and _ -")
			continue
		}
		if taken[name] {
			problems.Addf(at, name, "remove it", "is on already")
		}
		taken[name] = true
	}
	if len(o.Plugins) > 0 && o.Image == "" {
		problems.Addf("plugins", nil, "set image to a build that has them", "are not in CKAN's own image")
	}
	return problems
}

func (a Administrator) check() problem.List {
	var problems problem.List
	if !login.MatchString(a.Login) || len(a.Login) < minLogin || len(a.Login) > maxLogin {
		problems.Addf("login", a.Login, "", "must be %d to %d lowercase letters, digits and _ -", minLogin, maxLogin)
	} else if strings.HasPrefix(a.Login, "-") || a.Login == site {
		// The first would be an option on a command line, the second is CKAN's own service user.
		problems.Addf("login", a.Login, "write another one", "is not free")
	}
	problems = append(problems, entrykit.Email("email", a.Email)...)
	return append(problems, entrykit.Line("fullName", a.FullName)...)
}

// site is the name of CKAN's own service user, the variable CKAN_SITE_ID of the Compose file.
const site = "default"

// checkMail also sees that CKAN can tell the server's name from its port, which it has in one setting.
func checkMail(m Mail) problem.List {
	problems := m.Check()
	if strings.Contains(m.Host, ":") {
		problems.Addf("host", m.Host, "write its DNS name", "CKAN takes no IPv6 address")
	}
	return problems
}

// ownPlugins are those that the profile needs. What they do:
// https://docs.ckan.org/en/2.11/maintaining/data-viewer.html, https://docs.ckan.org/en/2.11/maintaining/datastore.html
func (o Options) ownPlugins() []string {
	own := []string{"image_view", "text_view", "datatables_view", "activity", "datastore"}
	if *o.DataPusher {
		own = append(own, "datapusher")
	}
	return append(own, environmentPlugin)
}

// environmentPlugin takes settings from variables. It must be the last one.
const environmentPlugin = "envvars"

func (o Options) plugins() string {
	own := o.ownPlugins()
	return strings.Join(slices.Concat(own[:len(own)-1], o.Plugins, own[len(own)-1:]), " ")
}

// load reads the Compose files of the profile with the options as their variables.
func (o Options) load(ctx context.Context, profile Profile) (app.App, error) {
	source := compose.Source{
		Name: o.Name, Expose: map[string]string{"web": o.Host},
		Environment: map[string]string{
			"CKAN_IMAGE":          o.Image,
			"HOST":                o.Host,
			"TITLE":               o.Title,
			"PLUGINS":             o.plugins(),
			"DATAPUSHER":          strconv.FormatBool(*o.DataPusher),
			"WEB_REPLICAS":        strconv.Itoa(o.Replicas),
			"ADMINISTRATOR_LOGIN": o.Administrator.Login,
			"ADMINISTRATOR_EMAIL": o.Administrator.Email,
			"ADMINISTRATOR_NAME":  o.Administrator.FullName,
		},
	}
	names := []string{"ckan.yaml", profile.Minor + ".yaml"}
	if *o.DataPusher {
		names = append(names, "datapusher.yaml")
	}
	return entrykit.Load(ctx, files, source, o.Mail, names...)
}

// override applies the options that are not variables of the Compose files.
func (o Options) override(a *app.App) problem.List {
	problems := append(entrykit.Sizes(a, o.Sizes), entrykit.Resources(a, o.Resources)...)
	if o.Mail != nil {
		o.Mail.Allow(a, "CKAN sends mail", "web", "workers")
	}
	return problems
}
