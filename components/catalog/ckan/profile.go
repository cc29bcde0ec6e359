package ckan

import (
	"github.com/blang/semver"

	"github.com/dekcd/dmcloud/components/catalog/entrykit"
)

// Profile is a supported minor of CKAN.
type Profile = entrykit.Profile

// Profiles lists the supported minors, oldest first. Releases: https://github.com/ckan/ckan/releases.
func Profiles() []Profile {
	return []Profile{
		{Minor: "2.11", Version: "2.11.6"},
	}
}

// CheckUpgrade tells whether a CKAN of one version can become one of another in a single step. The migrations of a
// release take the data of every minor since 2.9 along, https://docs.ckan.org/en/2.11/maintaining/upgrading/index.html;
// nothing migrates it back. The error is a [problem.Error] that says what to do instead. Versions are minors ("2.11")
// or releases ("2.11.6").
func CheckUpgrade(from, to string) error {
	// The first release whose migrations are those of today's CKAN.
	oldest := semver.Version{Major: 2, Minor: 9}
	forward := func(installed semver.Version, _ Profile) (rule, fix string) {
		if installed.LT(oldest) {
			return "cannot upgrade from " + from, "bring it to 2.9 by hand first, with a backup before"
		}
		return "", ""
	}
	return entrykit.CheckUpgrade("CKAN", Profiles(), from, to, forward)
}
