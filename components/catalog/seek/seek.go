// Package seek knows FAIRDOM-SEEK, https://github.com/seek4science/seek: one release profile per minor, written as
// commented Compose files in the folder compose, with the jobs that set it up, upgrade it and make its administrator.
package seek

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dekcd/dmcloud/components/app"
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
type Mail struct {
	Host string
	// Port is 587 unless set.
	Port int
	// From is the sender of SEEK's mails.
	From string
	// User logs in with the secret mail-password, which the environment then must provide; empty means no login.
	User string
	// Networks are the address ranges of the server. Required when it is on a private network: unless set, only public
	// addresses are reachable.
	Networks []string
}

// The names of the secrets that people and environments deal with.
const (
	AdministratorPassword = "administrator-password"
	MailPassword          = "mail-password"
)

// Default is the minor that new installations get.
const Default = "1.18"

const (
	defaultTitle       = "FAIRDOM-SEEK"
	defaultMailPort    = 587
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
	fill(&o.Version, Default)
	fill(&o.Title, defaultTitle)
	fill(&o.Replicas, 1)
	fill(&o.PumaWorkers, defaultPumaWorkers)
	fill(&o.Administrator.Login, "admin")
	fill(&o.Administrator.FirstName, "SEEK")
	fill(&o.Administrator.LastName, "Administrator")
	if o.Search == nil {
		on := true
		o.Search = &on
	}
	if o.Mail != nil {
		m := *o.Mail
		fill(&m.Port, defaultMailPort)
		o.Mail = &m
	}
	return o
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

var login = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`)

func (o Options) check() (Profile, problem.List) {
	var problems problem.List
	if len(validation.IsDNS1123Label(o.Name)) > 0 {
		problems.Addf("name", o.Name, "", "must be a DNS label: at most 63 lowercase letters, digits and hyphens")
	}
	profile, err := find(o.Version)
	if err != nil {
		problems.Addf("version", o.Version, "write one of "+strings.Join(minors(), ", "), "%s", err)
	} else if profile.Preview && o.Image == "" {
		problems.Addf("image", nil, "set image to a build of your own, or use "+Default,
			"SEEK %s is not released, upstream only has a moving tag", profile.Minor)
	}
	if o.Image != "" {
		if rule, fix := app.CheckImage(o.Image); rule != "" {
			problems.Addf("image", o.Image, fix, "%s", rule)
		}
	}
	if !isHost(o.Host) {
		problems.Addf("host", o.Host, `write a name such as "seek.example.org"`, "must be a DNS name")
	}
	if !isLine(o.Title) {
		problems.Addf("title", nil, "", "must be one line of text")
	}
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
		problems.Under("mail", o.Mail.check())
	}
	problems = append(problems, o.secrets()...)
	return profile, problems
}

// secrets finds texts that look like a secret in the wrong place: all of them are readable in the platform.
func (o Options) secrets() problem.List {
	texts := map[string]string{
		"title": o.Title, "administrator.login": o.Administrator.Login, "administrator.email": o.Administrator.Email,
		"administrator.firstName": o.Administrator.FirstName, "administrator.lastName": o.Administrator.LastName,
	}
	if o.Mail != nil {
		texts["mail.from"], texts["mail.user"] = o.Mail.From, o.Mail.User
	}
	var problems problem.List
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		if compose.LooksSecret("", texts[path]) {
			problems.Addf(path, nil, "write something else", "looks like a secret, and is readable in the platform")
		}
	}
	return problems
}

func (a Administrator) check() problem.List {
	var problems problem.List
	if !login.MatchString(a.Login) || len(a.Login) < minLogin || len(a.Login) > maxLogin {
		problems.Addf("login", a.Login, "", "must be %d to %d letters, digits and . _ @ + -", minLogin, maxLogin)
	}
	if !isEmail(a.Email) {
		problems.Addf("email", a.Email, "", "must be an e-mail address")
	}
	for _, name := range []struct{ path, text string }{{"firstName", a.FirstName}, {"lastName", a.LastName}} {
		if !isLine(name.text) {
			problems.Addf(name.path, nil, "", "must be one line of text")
		}
	}
	return problems
}

func (m Mail) check() problem.List {
	var problems problem.List
	if !isHost(m.Host) && !isAddress(m.Host) {
		problems.Addf("host", m.Host, "", "must be a DNS name or an address")
	}
	if m.Port < 1 || m.Port > 65535 {
		problems.Addf("port", m.Port, "", "must be from 1 to 65535")
	}
	if !isEmail(m.From) {
		problems.Addf("from", m.From, "", "must be an e-mail address")
	}
	if !isLine(m.User) && m.User != "" {
		problems.Addf("user", nil, "", "must be one line of text")
	}
	for i, network := range m.Networks {
		if _, err := netip.ParsePrefix(network); err != nil {
			problems.Addf(fmt.Sprintf("networks[%d]", i), network, "", "must be an address range such as 192.0.2.0/24")
		}
	}
	return problems
}

func isHost(name string) bool { return len(validation.IsDNS1123Subdomain(name)) == 0 }

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func isEmail(text string) bool {
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}

func isLine(text string) bool {
	return utf8.ValidString(text) && strings.TrimSpace(text) != "" && !strings.ContainsFunc(text, unicode.IsControl)
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
	for _, name := range names {
		content, err := fs.ReadFile(assets, name)
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

// override applies the options that are not variables of the Compose files.
func (o Options) override(a *app.App) problem.List {
	var problems problem.List
	for _, name := range slices.Sorted(maps.Keys(o.Sizes)) {
		size := o.Sizes[name]
		switch volume := a.Volume(name); {
		case volume == nil:
			problems.Addf("sizes."+name, nil, known(a.Volumes, func(v app.Volume) string { return v.Name }), "no such volume")
		case size <= 0:
			problems.Addf("sizes."+name, size, "", "must be above 0")
		default:
			volume.Size = size
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Resources)) {
		if service := a.Service(name); service == nil {
			problems.Addf("resources."+name, nil, known(a.Services, func(s app.Service) string { return s.Name }),
				"no such service")
		} else {
			problems.Under("resources."+name, overrideResources(o.Resources[name], &service.Resources))
		}
	}
	if o.Mail != nil {
		for _, name := range []string{"web", "workers"} {
			service := a.Service(name)
			service.Egress = append(service.Egress, app.Egress{
				Name: "mail", CIDRs: o.Mail.Networks, Ports: []int{o.Mail.Port}, Reason: "SEEK sends mail",
			})
		}
	}
	return problems
}

// known is a fix that lists the names there are.
func known[T any](all []T, name func(T) string) string {
	names := make([]string, 0, len(all))
	for _, one := range all {
		names = append(names, name(one))
	}
	return "write one of " + strings.Join(names, ", ")
}

// overrideResources replaces what is given. Problems are on what is given, not on what the profile has.
func overrideResources(given app.Resources, into *app.Resources) problem.List {
	var problems problem.List
	for _, kind := range []struct {
		name                   string
		request, limit         int64
		intoRequest, intoLimit *int64
		print                  func(int64) string
	}{
		{"cpu", given.CPURequest, given.CPULimit, &into.CPURequest, &into.CPULimit, millicores},
		{"memory", given.MemoryRequest, given.MemoryLimit, &into.MemoryRequest, &into.MemoryLimit, bytes},
	} {
		request, limit := cmp.Or(kind.request, *kind.intoRequest), cmp.Or(kind.limit, *kind.intoLimit)
		switch above := limit > 0 && request > limit; {
		case kind.request < 0:
			problems.Addf(kind.name+".request", kind.print(kind.request), "", "must be above 0")
		case kind.limit < 0:
			problems.Addf(kind.name+".limit", kind.print(kind.limit), "", "must be above 0")
		case above && kind.limit == 0:
			problems.Addf(kind.name+".request", kind.print(request), "set "+kind.name+".limit too",
				"must not be more than the limit, which is %s unless set", kind.print(limit))
		case above && kind.request == 0:
			problems.Addf(kind.name+".limit", kind.print(limit), "set "+kind.name+".request too",
				"must not be less than the request, which is %s unless set", kind.print(request))
		case above:
			problems.Addf(kind.name+".request", kind.print(request), "", "must not be more than the limit, %s",
				kind.print(limit))
		default:
			*kind.intoRequest, *kind.intoLimit = request, limit
		}
	}
	return problems
}

func millicores(n int64) string { return resource.NewMilliQuantity(n, resource.DecimalSI).String() }

func bytes(n int64) string { return resource.NewQuantity(n, resource.BinarySI).String() }

var errUnknownVersion = errors.New("no release profile")
