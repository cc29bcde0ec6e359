package entrykit

import (
	"fmt"
	"strings"

	"github.com/blang/semver"

	"github.com/dekcd/dmcloud/components/problem"
)

// Profile is a supported minor of a platform.
type Profile struct {
	// Minor is "1.18".
	Minor string
	// Version is the release that the profile deploys: "1.18.1".
	Version string
	// Preview profiles are of a minor that upstream has not released: they need an image of the institute's own.
	Preview bool
}

// Find looks a profile up by its minor or its release. When there is none it is empty, and the problem is at the path
// "version".
func Find(profiles []Profile, version string) (Profile, problem.List) {
	for _, p := range profiles {
		if version == p.Minor || version == p.Version {
			return p, nil
		}
	}
	var problems problem.List
	problems.Addf("version", version, "write one of "+strings.Join(Minors(profiles), ", "), "no release profile")
	return Profile{}, problems
}

// Minors are the minors of the profiles, in their order.
func Minors(profiles []Profile) []string {
	names := make([]string, 0, len(profiles))
	for _, p := range profiles {
		names = append(names, p.Minor)
	}
	return names
}

// Minor is the minor of a version, "1.18".
func Minor(v semver.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// CheckUpgrade tells whether a platform of one version, a minor or a release, can become one of another. There is never
// a way back; forward tells what is wrong with a single step from an installed version that is not newer, and what to
// do instead, or "". The error is a [problem.Error].
func CheckUpgrade(
	platform string, profiles []Profile, from, to string,
	forward func(installed semver.Version, target Profile) (rule, fix string),
) error {
	var problems problem.List
	installed, err := parse(from)
	if err != nil {
		problems.Addf("version", from, "", "the installed version is not a version of %s", platform)
	}
	target, unknown := Find(profiles, to)
	if problems = append(problems, unknown...); len(problems) > 0 {
		return problems.Err()
	}
	release, err := parse(target.Version)
	if err != nil {
		return fmt.Errorf("the release profile %s: %w", target.Minor, err)
	}
	// Of a minor alone the patch release is not known, so it is not newer than that of the profile.
	unpatched := strings.Count(from, ".") < 2 && Minor(installed) == target.Minor
	if installed.GT(release) && !unpatched {
		problems.Addf("version", to,
			fmt.Sprintf("stay at %s, or restore a backup made with %s into a new instance", from, to),
			"cannot go back from %s", from)
	} else if rule, fix := forward(installed, target); rule != "" {
		problems.Addf("version", to, fix, "%s", rule)
	}
	return problems.Err()
}

// parse reads a version or a minor.
func parse(version string) (semver.Version, error) {
	v, err := semver.ParseTolerant(version)
	if err != nil || v.Major == 0 {
		return semver.Version{}, fmt.Errorf("%q is not a version", version)
	}
	return v, nil
}
