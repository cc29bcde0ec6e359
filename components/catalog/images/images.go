// Package images knows how the container images behave that Compose files use most: the user they work as without
// root's help, what they listen on, where they keep data, which folders they must be able to write. With that, a file
// written for Docker runs under Pod Security "restricted" without its author's help.
//
// The facts are data, one table per kind of software, each entry with the upstream text or file it was taken from.
package images

import (
	"cmp"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/dekcd/dmcloud/components/app"
)

// Facts are what is known of the images of one repository.
type Facts struct {
	// Repository is the name as people write it, without tag: "postgres", "grafana/grafana", "quay.io/keycloak/keycloak".
	Repository string
	// Tags limits the entry to tags that hold one of these words ("alpine"). A word after ^ must begin the tag ("^18"),
	// and of several words with blanks between them the tag must hold all ("^18 alpine"). The first entry that fits is
	// taken; one without Tags is for all other tags, wherever it stands.
	Tags []string
	// Version is a tag that was there when the entry was written; it replaces a missing or moving tag. Empty when no
	// version suits everybody.
	Version string
	// User is who the image works as without having been root. AnyUser says that this is our choice: any other would do.
	User    app.User
	AnyUser bool
	// Users are the users a Compose file may name, by their names inside the image.
	Users map[string]app.User
	// Ports are what it listens on unless told otherwise, the main one first.
	Ports []app.Port
	// Data are the folders with what must outlive the container.
	Data []string
	// Subfolder says that a volume must not be used from its top, where file systems put lost+found: the image refuses
	// to start in a folder that is not empty.
	Subfolder bool
	// Writable are folders that belong to root in the image and must be writable; they may be empty at start.
	Writable []string
	// Environment holds variables that it needs in order to work as User, unless the file sets them.
	Environment map[string]string
	// BindCapability says that its program carries the file capability NET_BIND_SERVICE and can't be started by a
	// container that lacks it.
	BindCapability bool
	// Role is what it is to its platform; empty when that depends.
	Role app.Role
	// Singleton is why two must never run on the same data; empty when they may.
	Singleton string
	// Source is where all this stands: an image's Dockerfile, entry point or documentation.
	Source string
}

// Find returns what is known of an image, given as in a Compose file: with or without registry, tag and digest. Without
// a tag it is "latest", as for Docker.
func Find(image string) (Facts, bool) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return Facts{}, false
	}
	tag := "latest"
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	repository := reference.FamiliarName(named)
	for _, section := range sections() {
		var general *Facts
		table := section()
		for i := range table {
			f := &table[i]
			switch {
			case f.Repository != repository:
			case len(f.Tags) == 0:
				general = f
			case slices.ContainsFunc(f.Tags, func(words string) bool { return fits(tag, words) }):
				return *f, true
			}
		}
		if general != nil {
			return *general, true
		}
	}
	return Facts{}, false
}

// fits tells whether a tag holds all words of an entry of [Facts.Tags].
func fits(tag, words string) bool {
	for word := range strings.FieldsSeq(words) {
		start, anchored := strings.CutPrefix(word, "^")
		if anchored && !strings.HasPrefix(tag, start) || !strings.Contains(tag, start) {
			return false
		}
	}
	return true
}

// All lists every entry, sorted by repository.
func All() []Facts {
	all := slices.Concat(tables()...)
	slices.SortStableFunc(all, func(a, b Facts) int { return cmp.Compare(a.Repository, b.Repository) })
	return all
}

func tcp(number int) app.Port { return app.Port{Number: number, Protocol: app.TCP} }

func udp(number int) app.Port { return app.Port{Number: number, Protocol: app.UDP} }

func user(uid, gid int64) app.User { return app.User{UID: uid, GID: gid} }
