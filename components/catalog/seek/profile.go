package seek

import (
	"fmt"
	"slices"
	"strings"

	"github.com/blang/semver"

	"github.com/dekcd/dmcloud/components/catalog/entrykit"
)

// Profile is a supported minor of SEEK.
type Profile = entrykit.Profile

// Profiles lists the supported minors, oldest first. Releases: https://github.com/seek4science/seek/releases.
func Profiles() []Profile {
	return []Profile{
		{Minor: "1.17", Version: "1.17.4"},
		{Minor: "1.18", Version: "1.18.1"},
		{Minor: "1.19", Version: "1.19.0", Preview: true},
	}
}

// CheckUpgrade tells whether a SEEK of one version can become one of another in a single step. SEEK only migrates its
// data from one minor to the next, https://docs.seek4science.org/tech/upgrading; nothing migrates it back. The error is
// a [problem.Error] that says what to do instead. Versions are minors ("1.17") or releases ("1.17.4").
func CheckUpgrade(from, to string) error {
	known := entrykit.Minors(Profiles())
	forward := func(installed semver.Version, target Profile) (rule, fix string) {
		here, there := slices.Index(known, entrykit.Minor(installed)), slices.Index(known, target.Minor)
		switch {
		case here < 0:
			return "cannot upgrade from " + from,
				fmt.Sprintf("bring it to %s by hand first, minor by minor, with a backup before each", known[0])
		case there > here+1:
			return "cannot skip a minor when upgrading from " + from, "back up, then upgrade to " +
				strings.Join(known[here+1:there+1], ", then ") + ", with a backup before each"
		}
		return "", ""
	}
	return entrykit.CheckUpgrade("SEEK", Profiles(), from, to, forward)
}
