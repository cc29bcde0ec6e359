package images

import (
	"slices"

	"github.com/dekcd/dmcloud/components/app"
)

// sections make the tables. All entries of a repository are in one of them, those with Tags in the order of trying.
func sections() []func() []Facts {
	return []func() []Facts{
		postgres, mysql, documents, analytics, graphs, caches, search, brokers, kafka, workflows, servers, php, samples,
		languages, notebooks, prometheus, grafana, collectors, watchers, identity, storage, collaboration, data, mail,
		research,
	}
}

// tables are all tables.
func tables() [][]Facts {
	var all [][]Facts
	for _, section := range sections() {
		all = append(all, section())
	}
	return all
}

// Why there must never be two of a service.
const (
	oneServer = "two servers on the same data files destroy them"
	oneNode   = "each node of a cluster needs data files of its own"
	oneWriter = "it expects to be the only one that writes its data files"
)

// Where several entries come from.
const (
	github  = "https://github.com/"
	library = github + "docker-library/"
)

// Users that many images share.
const (
	nobody    = 65534 // the user without rights of its own, in nearly all distributions
	nonroot   = 65532 // the user of the distroless images
	wwwData   = 33    // Apache and PHP, in Debian
	wwwAlpine = 82    // the same in Alpine
	someone   = 1000  // our choice where any user will do
)

type (
	env   = map[string]string
	users = map[string]app.User
)

// entry begins a line of a table: the image's name, a version, whom it works as, and the TCP ports, the main one first.
// The methods below complete it.
func entry(repository, version string, uid, gid int64, ports ...int) Facts {
	return Facts{Repository: repository, Version: version, User: user(uid, gid)}.ports(ports...)
}

func (f Facts) ports(numbers ...int) Facts {
	f.Ports = make([]app.Port, 0, len(numbers))
	for _, number := range numbers {
		f.Ports = append(f.Ports, tcp(number))
	}
	return f
}

func (f Facts) from(source string) Facts { f.Source = source; return f }

func (f Facts) role(r app.Role) Facts { f.Role = r; return f }

// any says that every other user would do as well.
func (f Facts) any() Facts { f.AnyUser = true; return f }

// named gives the name that the user has inside the image.
func (f Facts) named(names ...string) Facts {
	f.Users = users{}
	for _, name := range names {
		f.Users[name] = f.User
	}
	return f
}

func (f Facts) udp(numbers ...int) Facts {
	for _, number := range numbers {
		f.Ports = append(slices.Clip(f.Ports), udp(number))
	}
	return f
}

func (f Facts) data(paths ...string) Facts { f.Data = paths; return f }

func (f Facts) single(reason string) Facts { f.Singleton = reason; return f }

func (f Facts) writable(paths ...string) Facts { f.Writable = paths; return f }

func (f Facts) env(variables env) Facts { f.Environment = variables; return f }

// only limits the entry to some tags.
func (f Facts) only(tags ...string) Facts { f.Tags = tags; return f }

// called is the same under another name, for an image that differs a little.
func (f Facts) called(repository string) Facts { f.Repository = repository; return f }

func (f Facts) version(tag string) Facts { f.Version = tag; return f }

// variant is the same image under other tags, with its own version, user and names of users.
func (f Facts) variant(version string, uid, gid int64, tags ...string) Facts {
	f.Version, f.User, f.Tags = version, user(uid, gid), tags
	names := f.Users
	f.Users = make(users, len(names))
	for name := range names {
		f.Users[name] = f.User
	}
	return f
}

// database, index and cache say what keeps data, where, and why there must not be two of it.
func (f Facts) database(reason string, paths ...string) Facts {
	return f.role(app.RoleDatabase).single(reason).data(paths...)
}

func (f Facts) index(reason string, paths ...string) Facts {
	return f.role(app.RoleSearch).single(reason).data(paths...)
}

func (f Facts) cache(paths ...string) Facts { return f.role(app.RoleCache).data(paths...) }

// web says that it answers people, and where it keeps what they upload.
func (f Facts) web(paths ...string) Facts { return f.role(app.RoleWeb).data(paths...) }

// under is the same image published under further names.
func under(f Facts, repositories ...string) []Facts {
	all := []Facts{f}
	for _, repository := range repositories {
		f.Repository = repository
		all = append(all, f)
	}
	return all
}

// bitnami is an image of Bitnami's catalogue. Its user belongs to the group root, which owns the folders it writes to;
// that gives it no rights of root.
func bitnami(name string, ports ...int) Facts {
	return entry("bitnami/"+name, "", 1001, 0, ports...).from(github + "bitnami/containers/tree/main/bitnami/" + name)
}

// archived adds the same images in the archive of Bitnami's catalogue that is still free of charge.
func archived(images ...Facts) []Facts {
	all := make([]Facts, 0, 2*len(images))
	for _, f := range images {
		all = append(all, under(f, "bitnamilegacy/"+f.Repository[len("bitnami/"):])...)
	}
	return all
}
