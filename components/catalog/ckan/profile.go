package ckan

import (
	"fmt"
	"strings"

	"github.com/blang/semver"

	"github.com/dekcd/dmcloud/components/catalog/override"
	"github.com/dekcd/dmcloud/components/problem"
)

// Profile is a supported minor of CKAN.
type Profile = override.Profile

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
	var problems problem.List
	source, err := override.Parse(from)
	if err != nil {
		problems.Addf("version", from, "", "the installed version is not a version of CKAN")
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
	// The first release whose migrations are those of today's CKAN.
	oldest := semver.Version{Major: 2, Minor: 9}
	// Of a minor alone the patch release is not known, so it is not newer than that of the profile.
	sameMinor := strings.Count(from, ".") == 1 && override.Minor(source) == target.Minor
	switch {
	case source.LT(oldest):
		problems.Addf("version", to, "bring it to 2.9 by hand first, with a backup before", "cannot upgrade from %s", from)
	case source.GT(release) && !sameMinor:
		problems.Addf("version", to, fmt.Sprintf("stay at %s, or restore a backup made with %s into a new instance",
			from, to), "cannot go back from %s", from)
	}
	return problems.Err()
}
