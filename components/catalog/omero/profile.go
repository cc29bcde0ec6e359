package omero

import (
	"fmt"

	"github.com/blang/semver"

	"github.com/dekcd/dmcloud/components/catalog/entrykit"
)

// Profile is a supported minor of OMERO.server.
type Profile = entrykit.Profile

// Profiles lists the supported minors, oldest first. Releases: https://github.com/ome/openmicroscopy/releases.
func Profiles() []Profile {
	return []Profile{
		{Minor: "5.6", Version: "5.6.18"},
	}
}

// CheckUpgrade tells whether an OMERO of one version can become one of another in a single step: from one patch release
// of a minor to a later one. Before 5.6 there are things to do by hand, and there is no way back,
// https://omero.readthedocs.io/en/stable/sysadmins/server-upgrade.html. The error is a [problem.Error] that says what
// to do instead. Versions are minors ("5.6") or releases ("5.6.18").
func CheckUpgrade(from, to string) error {
	forward := func(installed semver.Version, target Profile) (rule, fix string) {
		if entrykit.Minor(installed) != target.Minor {
			return "cannot upgrade from " + from,
				fmt.Sprintf("bring it to %s by hand first, with a backup before", target.Minor)
		}
		return "", ""
	}
	return entrykit.CheckUpgrade("OMERO", Profiles(), from, to, forward)
}
