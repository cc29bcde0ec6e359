// Package omero knows OMERO, https://www.openmicroscopy.org/omero: one release profile per minor of OMERO.server,
// written as commented Compose files in the folder compose, with the job that sets it up and upgrades it.
package omero

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/entrykit"
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
type Mail = entrykit.Mail

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
	return entrykit.Platform[Options]{
		Name: "OMERO", Check: Options.check, Stripped: Options.stripped, Load: Options.load, Override: Options.override,
	}.New(ctx, options.Name, withDefaults(options))
}

// stripped are options with the same services and volumes that can be loaded whatever is wrong with o, to check what
// overrides them.
func (o Options) stripped() Options {
	return withDefaults(Options{Name: "omero", Host: "omero", Administrator: Administrator{Email: "admin@omero"}})
}

func withDefaults(o Options) Options {
	entrykit.Fill(&o.Version, Default)
	entrykit.Fill(&o.Title, "OMERO")
	entrykit.Fill(&o.Replicas, 1)
	entrykit.Fill(&o.Administrator.FullName, "OMERO Administrator")
	if o.Mail != nil {
		m := o.Mail.WithDefaults()
		o.Mail = &m
	}
	return o
}

func (o Options) check() (Profile, problem.List) {
	profile, unknown := entrykit.Find(Profiles(), o.Version)
	problems := append(entrykit.Name(o.Name), unknown...)
	problems = append(problems, entrykit.Image("image", o.Image)...)
	problems = append(problems, entrykit.Image("webImage", o.WebImage)...)
	problems = append(problems, entrykit.Host("host", o.Host, "omero.example.org")...)
	if o.WebSocketHost != "" {
		problems = append(problems, entrykit.Host("webSocketHost", o.WebSocketHost, "omero-ws.example.org")...)
		if o.WebSocketHost == o.Host {
			problems.Addf("webSocketHost", o.WebSocketHost, "write another name that leads to the same place",
				"is the name of OMERO.web, and not every ingress controller can lead one name to two services")
		}
	}
	problems = append(problems, entrykit.Networks("clientNetworks", o.ClientNetworks)...)
	problems = append(problems, entrykit.Line("title", o.Title)...)
	problems = append(problems, entrykit.Positive("replicas", o.Replicas)...)
	problems.Under("administrator", o.Administrator.check())
	if o.Mail != nil {
		problems.Under("mail", o.Mail.Check())
	}
	return profile, append(problems, entrykit.Secrets(o.Mail, map[string]string{
		"title": o.Title, "administrator.email": o.Administrator.Email, "administrator.fullName": o.Administrator.FullName,
	})...)
}

func (a Administrator) check() problem.List {
	return append(entrykit.Email("email", a.Email), entrykit.Line("fullName", a.FullName)...)
}

// load reads the Compose files of the profile with the options as their variables.
func (o Options) load(ctx context.Context, profile Profile) (app.App, error) {
	servers, err := json.Marshal([][]any{{"server", clientPort, o.Title}})
	if err != nil {
		return app.App{}, fmt.Errorf("writing the list of servers: %w", err)
	}
	administrators, err := json.Marshal([][]string{{o.Administrator.FullName, o.Administrator.Email}})
	if err != nil {
		return app.App{}, fmt.Errorf("writing the list of administrators: %w", err)
	}
	source := compose.Source{
		Name: o.Name, Expose: map[string]string{"web": o.Host},
		Environment: map[string]string{
			"OMERO_IMAGE":     o.Image,
			"OMERO_WEB_IMAGE": o.WebImage,
			"HOST":            o.Host,
			"SERVER_LIST":     string(servers),
			"ADMINISTRATORS":  string(administrators),
			"WEB_REPLICAS":    strconv.Itoa(o.Replicas),
		},
	}
	names := []string{"omero.yaml", profile.Minor + ".yaml"}
	if o.WebSocketHost != "" {
		names = append(names, "websocket.yaml")
		source.Expose["server"] = o.WebSocketHost
	}
	return entrykit.Load(ctx, files, source, o.Mail, names...)
}

// override applies the options that are not variables of the Compose files.
func (o Options) override(a *app.App) problem.List {
	problems := append(entrykit.Sizes(a, o.Sizes), entrykit.Resources(a, o.Resources)...)
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
