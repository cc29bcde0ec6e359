package omero

import (
	"fmt"
	"strings"

	"github.com/dekcd/dmcloud/components/catalog/override"
	"github.com/dekcd/dmcloud/components/problem"
)

// Profile is a supported minor of OMERO.server.
type Profile = override.Profile

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
	var problems problem.List
	source, err := override.Parse(from)
	if err != nil {
		problems.Addf("version", from, "", "the installed version is not a version of OMERO")
	}
	target, err := override.Find(Profiles(), to)
	if err != nil {
		problems.Addf("version", to, "write one of "+strings.Join(override.Minors(Profiles()), ", "), "%s", err)
	}
	if len(problems) > 0 {
		return problems.Err()
	}
	release, err := override.Parse(target.Version)
	if err != nil {
		return fmt.Errorf("the release profile %s: %w", target.Minor, err)
	}
	// Of a minor alone the patch release is not known, so it is not newer than that of the profile.
	patched := strings.Count(from, ".") > 1
	switch sameMinor := override.Minor(source) == target.Minor; {
	case !sameMinor && source.LT(release):
		problems.Addf("version", to, fmt.Sprintf("bring it to %s by hand first, with a backup before", target.Minor),
			"cannot upgrade from %s", from)
	case source.GT(release) && (patched || !sameMinor):
		problems.Addf("version", to, fmt.Sprintf("stay at %s, or restore a backup made with %s into a new instance",
			from, to), "cannot go back from %s", from)
	}
	return problems.Err()
}
