package seek

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dekcd/dmcloud/components/catalog/override"
	"github.com/dekcd/dmcloud/components/problem"
)

// Profile is a supported minor of SEEK.
type Profile = override.Profile

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
	var problems problem.List
	source, err := override.Parse(from)
	if err != nil {
		problems.Addf("version", from, "", "the installed version is not a version of SEEK")
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
	known := override.Minors(Profiles())
	here, there := slices.Index(known, override.Minor(source)), slices.Index(known, target.Minor)
	// Of a minor alone the patch release is not known, so it is not newer than any.
	patched := strings.Count(from, ".") > 1
	switch {
	case here < 0 && source.LT(release):
		problems.Addf("version", to, fmt.Sprintf("bring it to %s by hand first, minor by minor, with a backup before each",
			known[0]), "cannot upgrade from %s", from)
	case here < 0 || there < here || here == there && patched && source.GT(release):
		problems.Addf("version", to, fmt.Sprintf("stay at %s, or restore a backup made with %s into a new instance",
			from, to), "cannot go back from %s", from)
	case there > here+1:
		problems.Addf("version", to, "back up, then upgrade to "+strings.Join(known[here+1:there+1], ", then ")+
			", with a backup before each", "cannot skip a minor when upgrading from %s", from)
	}
	return problems.Err()
}
