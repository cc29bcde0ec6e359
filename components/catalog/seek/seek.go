// Package seek knows FAIRDOM-SEEK, https://github.com/seek4science/seek: one release profile per minor, written as
// commented Compose files in the folder compose, with the jobs that set it up, upgrade it and make its administrator.
package seek

import (
	"context"
	"embed"
	"regexp"
	"strconv"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/entrykit"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

//go:embed compose
var files embed.FS

// Options are what an institute decides about its SEEK. Everything else is in the release profile.
type Options struct {
	// Name is a DNS label and names the application. Changing it makes another SEEK with empty volumes.
	Name string
	// Version is a minor ("1.18") or the release of its profile ("1.18.1"); [Default] unless set. Changing it upgrades
	// SEEK, see [CheckUpgrade].
	Version string
	// Image replaces the SEEK image of the profile, for a patched build or a mirror; "name:version" or with a digest.
	// Required for preview profiles.
	Image string
	// Host is the public DNS name.
	Host string
	// Title is the name of the instance on its pages; "FAIRDOM-SEEK" unless set.
	Title string
	// Replicas are the instances of the web service; 1 unless set. More need SharedStorage.
	Replicas int
	// SharedStorage is true when volumes can be mounted on several machines at once (ReadWriteMany).
	SharedStorage bool
	// Administrator is the first user. Changing it later changes nothing: by then there is a user.
	Administrator Administrator
	// Mail is the server that SEEK sends through; nil leaves mail as it is, which is off in a new SEEK.
	Mail *Mail
	// Search is full-text search by Solr; on unless set to false.
	Search *bool
	// Virtuoso adds a triple store.
	Virtuoso bool
	// Sizes overrides the sizes of volumes by their names, in bytes. Growing updates in place.
	Sizes map[string]int64
	// Resources overrides requests and limits by the names of services; what is 0 stays as the profile has it.
	Resources map[string]app.Resources
	// PumaWorkers are the web server processes of one replica; 2 unless set. Each takes about 600 MiB, which the memory
	// limit of the service web must allow for.
	PumaWorkers int
}

// Administrator is a person with an account. The password is the generated secret administrator-password.
type Administrator struct {
	// Login is 3 to 120 characters; "admin" unless set.
	Login string
	// Email is required; people are sent to it for support too.
	Email string
	// FirstName and LastName are "SEEK" and "Administrator" unless set.
	FirstName string
	LastName  string
}

// Mail is an SMTP server.
type Mail = entrykit.Mail

// The names of the secrets that people and environments deal with.
const (
	AdministratorPassword = "administrator-password"
	MailPassword          = "mail-password"
)

// Default is the minor that new installations get.
const Default = "1.18"

const (
	defaultTitle       = "FAIRDOM-SEEK"
	defaultPumaWorkers = 2
	// The limits of SEEK's own validation,
	// https://github.com/seek4science/seek/blob/v1.18.1/app/models/user.rb.
	minLogin, maxLogin = 3, 120
)

// New makes the application; equal options make equal applications. The error lists everything that is wrong with the
// options as a [problem.Error], with paths such as "administrator.email".
func New(ctx context.Context, options Options) (app.App, error) {
	return entrykit.Platform[Options]{
		Name: "SEEK", Check: Options.check, Stripped: Options.stripped, Load: Options.load, Override: Options.override,
	}.New(ctx, options.Name, withDefaults(options))
}

// stripped are options with the same services and volumes that can be loaded whatever is wrong with o, to check what
// overrides them.
func (o Options) stripped() Options {
	return withDefaults(Options{
		Name: "seek", Host: "seek", Image: "seek:0", Administrator: Administrator{Email: "admin@seek"},
		Search: o.Search, Virtuoso: o.Virtuoso,
	})
}

func withDefaults(o Options) Options {
	entrykit.Fill(&o.Version, Default)
	entrykit.Fill(&o.Title, defaultTitle)
	entrykit.Fill(&o.Replicas, 1)
	entrykit.Fill(&o.PumaWorkers, defaultPumaWorkers)
	entrykit.Fill(&o.Administrator.Login, "admin")
	entrykit.Fill(&o.Administrator.FirstName, "SEEK")
	entrykit.Fill(&o.Administrator.LastName, "Administrator")
	on := true
	entrykit.Fill(&o.Search, &on)
	if o.Mail != nil {
		m := o.Mail.WithDefaults()
		o.Mail = &m
	}
	return o
}

var login = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`)

func (o Options) check() (Profile, problem.List) {
	profile, unknown := entrykit.Find(Profiles(), o.Version)
	problems := append(entrykit.Name(o.Name), unknown...)
	if profile.Preview && o.Image == "" {
		problems.Addf("image", nil, "set image to a build of your own, or use "+Default,
			"SEEK %s is not released, upstream only has a moving tag", profile.Minor)
	}
	problems = append(problems, entrykit.Image("image", o.Image)...)
	problems = append(problems, entrykit.Host("host", o.Host, "seek.example.org")...)
	problems = append(problems, entrykit.Line("title", o.Title)...)
	problems = append(problems, entrykit.Positive("replicas", o.Replicas)...)
	if o.Replicas > 1 && !o.SharedStorage {
		problems.Addf("replicas", o.Replicas, "set storage.shared",
			"SEEK %s needs shared (RWX) storage for more than one web replica", profile.Minor)
	}
	problems = append(problems, entrykit.Positive("pumaWorkers", o.PumaWorkers)...)
	problems.Under("administrator", o.Administrator.check())
	if o.Mail != nil {
		problems.Under("mail", o.Mail.Check())
	}
	return profile, append(problems, entrykit.Secrets(o.Mail, map[string]string{
		"title": o.Title, "administrator.login": o.Administrator.Login, "administrator.email": o.Administrator.Email,
		"administrator.firstName": o.Administrator.FirstName, "administrator.lastName": o.Administrator.LastName,
	})...)
}

func (a Administrator) check() problem.List {
	var problems problem.List
	if !login.MatchString(a.Login) || len(a.Login) < minLogin || len(a.Login) > maxLogin {
		problems.Addf("login", a.Login, "", "must be %d to %d letters, digits and . _ @ + -", minLogin, maxLogin)
	}
	problems = append(problems, entrykit.Email("email", a.Email)...)
	problems = append(problems, entrykit.Line("firstName", a.FirstName)...)
	return append(problems, entrykit.Line("lastName", a.LastName)...)
}

// load reads the Compose files of the profile with the options as their variables.
func (o Options) load(ctx context.Context, profile Profile) (app.App, error) {
	source := compose.Source{
		Name: o.Name, Expose: map[string]string{"web": o.Host},
		Environment: map[string]string{
			"SEEK_IMAGE":               o.Image,
			"HOST":                     o.Host,
			"TITLE":                    o.Title,
			"SEARCH":                   strconv.FormatBool(*o.Search),
			"SOLR_HOST":                "",
			"SOLR_PORT":                "",
			"PUMA_WORKERS":             strconv.Itoa(o.PumaWorkers),
			"WEB_REPLICAS":             strconv.Itoa(o.Replicas),
			"ADMINISTRATOR_LOGIN":      o.Administrator.Login,
			"ADMINISTRATOR_EMAIL":      o.Administrator.Email,
			"ADMINISTRATOR_FIRST_NAME": o.Administrator.FirstName,
			"ADMINISTRATOR_LAST_NAME":  o.Administrator.LastName,
		},
	}
	names := []string{"seek.yaml", profile.Minor + ".yaml"}
	if *o.Search {
		source.Profiles = append(source.Profiles, "search")
		source.Environment["SOLR_HOST"], source.Environment["SOLR_PORT"] = "solr", "8983"
	}
	if o.Virtuoso {
		names = append(names, "virtuoso.yaml")
	}
	return entrykit.Load(ctx, files, source, o.Mail, names...)
}

// override applies the options that are not variables of the Compose files.
func (o Options) override(a *app.App) problem.List {
	problems := append(entrykit.Sizes(a, o.Sizes), entrykit.Resources(a, o.Resources)...)
	if o.Mail != nil {
		o.Mail.Allow(a, "SEEK sends mail", "web", "workers")
	}
	return problems
}
