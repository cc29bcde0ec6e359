// Package seek knows FAIRDOM-SEEK, https://github.com/seek4science/seek: one release profile per minor, written as
// commented Compose files in the folder compose, with the jobs that set it up, upgrade it and make its administrator.
package seek

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/override"
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
type Mail = override.Mail

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
	o := withDefaults(options)
	profile, problems := o.check()
	loadable := o
	if len(problems) > 0 {
		loadable = o.stripped()
	}
	var a app.App
	if profile.Minor != "" {
		var err error
		if a, err = loadable.load(ctx, profile); err != nil {
			return app.App{}, fmt.Errorf("SEEK %s: %w", o.Name, err)
		}
		problems = append(problems, o.override(&a)...)
	}
	if len(problems) == 0 {
		problems = a.Validate()
	}
	if err := problems.Err(); err != nil {
		return app.App{}, fmt.Errorf("SEEK %s: %w", o.Name, err)
	}
	return a, nil
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
	override.Fill(&o.Version, Default)
	override.Fill(&o.Title, defaultTitle)
	override.Fill(&o.Replicas, 1)
	override.Fill(&o.PumaWorkers, defaultPumaWorkers)
	override.Fill(&o.Administrator.Login, "admin")
	override.Fill(&o.Administrator.FirstName, "SEEK")
	override.Fill(&o.Administrator.LastName, "Administrator")
	if o.Search == nil {
		on := true
		o.Search = &on
	}
	if o.Mail != nil {
		m := o.Mail.WithDefaults()
		o.Mail = &m
	}
	return o
}

var login = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`)

func (o Options) check() (Profile, problem.List) {
	problems := override.Name(o.Name)
	profile, err := override.Find(Profiles(), o.Version)
	if err != nil {
		problems.Addf("version", o.Version, "write one of "+strings.Join(override.Minors(Profiles()), ", "), "%s", err)
	} else if profile.Preview && o.Image == "" {
		problems.Addf("image", nil, "set image to a build of your own, or use "+Default,
			"SEEK %s is not released, upstream only has a moving tag", profile.Minor)
	}
	problems = append(problems, override.Image("image", o.Image)...)
	problems = append(problems, override.Host("host", o.Host, "seek.example.org")...)
	problems = append(problems, override.Line("title", o.Title)...)
	if o.Replicas < 1 {
		problems.Addf("replicas", o.Replicas, "", "must be at least 1")
	}
	if o.Replicas > 1 && !o.SharedStorage {
		problems.Addf("replicas", o.Replicas, "set storage.shared",
			"SEEK %s needs shared (RWX) storage for more than one web replica", profile.Minor)
	}
	if o.PumaWorkers < 1 {
		problems.Addf("pumaWorkers", o.PumaWorkers, "", "must be at least 1")
	}
	problems.Under("administrator", o.Administrator.check())
	if o.Mail != nil {
		problems.Under("mail", o.Mail.Check())
	}
	return profile, append(problems, override.Secrets(o.texts())...)
}

// texts are those that people write, by their paths.
func (o Options) texts() map[string]string {
	texts := map[string]string{
		"title": o.Title, "administrator.login": o.Administrator.Login, "administrator.email": o.Administrator.Email,
		"administrator.firstName": o.Administrator.FirstName, "administrator.lastName": o.Administrator.LastName,
	}
	if o.Mail != nil {
		texts["mail.from"], texts["mail.user"] = o.Mail.From, o.Mail.User
	}
	return texts
}

func (a Administrator) check() problem.List {
	var problems problem.List
	if !login.MatchString(a.Login) || len(a.Login) < minLogin || len(a.Login) > maxLogin {
		problems.Addf("login", a.Login, "", "must be %d to %d letters, digits and . _ @ + -", minLogin, maxLogin)
	}
	problems = append(problems, override.Email("email", a.Email)...)
	problems = append(problems, override.Line("firstName", a.FirstName)...)
	return append(problems, override.Line("lastName", a.LastName)...)
}

// load reads the Compose files of the profile with the options as their variables.
func (o Options) load(ctx context.Context, profile Profile) (app.App, error) {
	assets, err := fs.Sub(files, "compose")
	if err != nil {
		return app.App{}, fmt.Errorf("opening the embedded Compose files: %w", err)
	}
	source := compose.Source{
		Name: o.Name, Assets: assets, Expose: map[string]string{"web": o.Host},
		Environment: map[string]string{
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
	if o.Image != "" {
		source.Environment["SEEK_IMAGE"] = o.Image
	}
	if *o.Search {
		source.Profiles = append(source.Profiles, "search")
		source.Environment["SOLR_HOST"], source.Environment["SOLR_PORT"] = "solr", "8983"
	}
	if o.Virtuoso {
		names = append(names, "virtuoso.yaml")
	}
	if o.Mail != nil {
		names = append(names, "mail.yaml")
		source.Environment["MAIL_HOST"] = o.Mail.Host
		source.Environment["MAIL_PORT"] = strconv.Itoa(o.Mail.Port)
		source.Environment["MAIL_FROM"] = o.Mail.From
		if o.Mail.User != "" {
			names = append(names, "mail-login.yaml")
			source.Environment["MAIL_USER"] = o.Mail.User
		}
	}
	if source.Files, err = override.Files(assets, names...); err != nil {
		return app.App{}, err
	}
	loaded, err := compose.Load(ctx, source)
	if err != nil {
		return app.App{}, err
	}
	return loaded.App, nil
}

// override applies the options that are not variables of the Compose files.
func (o Options) override(a *app.App) problem.List {
	problems := append(override.Sizes(a, o.Sizes), override.Resources(a, o.Resources)...)
	if o.Mail != nil {
		o.Mail.Allow(a, "SEEK sends mail", "web", "workers")
	}
	return problems
}
