// Package omero knows OMERO, https://www.openmicroscopy.org/omero: one release profile per minor of OMERO.server,
// written as commented Compose files in the folder compose, with the job that sets it up and upgrades it.
package omero

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/override"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

//go:embed compose
var files embed.FS

// Options are what an institute decides about its OMERO. Everything else is in the release profile.
//
// People see images in OMERO.web; they bring images in by programs of their own, OMERO.insight among them, which talk
// to OMERO.server. These come in by WebSocketHost, by ClientNetworks or by both; with neither, nobody can import.
type Options struct {
	// Name is a DNS label and names the application. Changing it makes another OMERO with empty volumes.
	Name string
	// Version is a minor ("5.6") or the release of its profile ("5.6.18"); [Default] unless set. Changing it upgrades
	// OMERO, see [CheckUpgrade].
	Version string
	// Image replaces the image of OMERO.server, and WebImage that of OMERO.web, for a mirror or for one with more
	// plugins, made from upstream's; "name:version" or with a digest.
	Image    string
	WebImage string
	// Host is the public DNS name of OMERO.web.
	Host string
	// WebSocketHost is another public DNS name, for clients that come in through HTTPS, by wss://NAME:443. Empty means
	// none.
	WebSocketHost string
	// ClientNetworks are the address ranges from which clients may connect to port 4064, without HTTPS but with TLS.
	ClientNetworks []string
	// Title is what OMERO.web calls the server; "OMERO" unless set.
	Title string
	// Replicas are the instances of OMERO.web; 1 unless set. They keep nothing, so they need no shared storage. There
	// always is one server.
	Replicas int
	// Administrator answers for the instance. The first account is root, [AdministratorLogin].
	Administrator Administrator
	// Mail is the server that OMERO sends through; nil means that it sends nothing.
	Mail *Mail
	// Sizes overrides the sizes of volumes by their names, in bytes. Growing updates in place.
	Sizes map[string]int64
	// Resources overrides requests and limits by the names of services; what is 0 stays as the profile has it. The Java
	// programs of the service server share out its limit of memory.
	Resources map[string]app.Resources
}

// Administrator is the person to whom OMERO.web mails its errors. The password of root is the generated secret
// administrator-password.
type Administrator struct {
	// Email is required.
	Email string
	// FullName is "OMERO Administrator" unless set.
	FullName string
}

// Mail is an SMTP server.
type Mail = override.Mail

// The names of the secrets that people and environments deal with, and OMERO's name for its first user.
const (
	AdministratorPassword = "administrator-password"
	MailPassword          = "mail-password"
	AdministratorLogin    = "root"
)

// Default is the minor that new installations get.
const Default = "5.6"

// clientPort is where clients come in with TLS.
const clientPort = 4064

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
			return app.App{}, fmt.Errorf("OMERO %s: %w", o.Name, err)
		}
		problems = append(problems, o.override(&a)...)
	}
	if len(problems) == 0 {
		problems = a.Validate()
	}
	if err := problems.Err(); err != nil {
		return app.App{}, fmt.Errorf("OMERO %s: %w", o.Name, err)
	}
	return a, nil
}

// stripped are options with the same services and volumes that can be loaded whatever is wrong with o, to check what
// overrides them.
func (o Options) stripped() Options {
	return withDefaults(Options{Name: "omero", Host: "omero", Administrator: Administrator{Email: "admin@omero"}})
}

func withDefaults(o Options) Options {
	override.Fill(&o.Version, Default)
	override.Fill(&o.Title, "OMERO")
	override.Fill(&o.Replicas, 1)
	override.Fill(&o.Administrator.FullName, "OMERO Administrator")
	if o.Mail != nil {
		m := o.Mail.WithDefaults()
		o.Mail = &m
	}
	return o
}

func (o Options) check() (Profile, problem.List) {
	problems := override.Name(o.Name)
	profile, err := override.Find(Profiles(), o.Version)
	if err != nil {
		problems.Addf("version", o.Version, "write one of "+strings.Join(override.Minors(Profiles()), ", "), "%s", err)
	}
	problems = append(problems, override.Image("image", o.Image)...)
	problems = append(problems, override.Image("webImage", o.WebImage)...)
	problems = append(problems, override.Host("host", o.Host, "omero.example.org")...)
	if o.WebSocketHost != "" {
		problems = append(problems, override.Host("webSocketHost", o.WebSocketHost, "omero-ws.example.org")...)
		if o.WebSocketHost == o.Host {
			problems.Addf("webSocketHost", o.WebSocketHost, "write another name that leads to the same place",
				"is the name of OMERO.web, and not every ingress controller can lead one name to two services")
		}
	}
	problems = append(problems, override.Networks("clientNetworks", o.ClientNetworks)...)
	problems = append(problems, override.Line("title", o.Title)...)
	if o.Replicas < 1 {
		problems.Addf("replicas", o.Replicas, "", "must be at least 1")
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
		"title": o.Title, "administrator.email": o.Administrator.Email, "administrator.fullName": o.Administrator.FullName,
	}
	if o.Mail != nil {
		texts["mail.from"], texts["mail.user"] = o.Mail.From, o.Mail.User
	}
	return texts
}

func (a Administrator) check() problem.List {
	return append(override.Email("email", a.Email), override.Line("fullName", a.FullName)...)
}

// load reads the Compose files of the profile with the options as their variables.
func (o Options) load(ctx context.Context, profile Profile) (app.App, error) {
	assets, err := fs.Sub(files, "compose")
	if err != nil {
		return app.App{}, fmt.Errorf("opening the embedded Compose files: %w", err)
	}
	servers, err := json.Marshal([][]any{{"server", clientPort, o.Title}})
	if err != nil {
		return app.App{}, fmt.Errorf("writing the list of servers: %w", err)
	}
	administrators, err := json.Marshal([][]string{{o.Administrator.FullName, o.Administrator.Email}})
	if err != nil {
		return app.App{}, fmt.Errorf("writing the list of administrators: %w", err)
	}
	source := compose.Source{
		Name: o.Name, Assets: assets, Expose: map[string]string{"web": o.Host},
		Environment: map[string]string{
			"HOST":           o.Host,
			"SERVER_LIST":    string(servers),
			"ADMINISTRATORS": string(administrators),
			"WEB_REPLICAS":   strconv.Itoa(o.Replicas),
		},
	}
	names := []string{"omero.yaml", profile.Minor + ".yaml"}
	if o.Image != "" {
		source.Environment["OMERO_IMAGE"] = o.Image
	}
	if o.WebImage != "" {
		source.Environment["OMERO_WEB_IMAGE"] = o.WebImage
	}
	if o.WebSocketHost != "" {
		names = append(names, "websocket.yaml")
		source.Expose["server"] = o.WebSocketHost
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
	tellMemory(a.Service("server"))
	if len(o.ClientNetworks) > 0 {
		a.Openings = append(a.Openings, app.Opening{
			Name: "clients", Service: "server", Port: clientPort, Protocol: app.TCP, From: slices.Clone(o.ClientNetworks),
		})
	}
	if o.Mail != nil {
		o.Mail.Allow(a, "OMERO sends mail", "server", "web")
	}
	return problems
}

// tellMemory makes the limit of the container what OMERO takes for the memory of the machine, half of which it gives to
// its Java programs: https://omero.readthedocs.io/en/stable/sysadmins/config.html#omero-jvmcfg-system-memory
func tellMemory(server *app.Service) {
	const mebibyte = 1 << 20
	server.Env = append(server.Env, app.EnvVar{
		Name: "CONFIG_omero_jvmcfg_system__memory", Value: strconv.FormatInt(server.Resources.MemoryLimit/mebibyte, 10),
	})
	slices.SortFunc(server.Env, func(x, y app.EnvVar) int { return cmp.Compare(x.Name, y.Name) })
}
