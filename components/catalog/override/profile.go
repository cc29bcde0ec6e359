package override

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/blang/semver"

	"github.com/dekcd/dmcloud/components/compose"
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

// ErrUnknownVersion is what [Find] returns for a version without a profile.
var ErrUnknownVersion = errors.New("no release profile")

// Find looks a profile up by its minor or its release.
func Find(profiles []Profile, version string) (Profile, error) {
	for _, p := range profiles {
		if version == p.Minor || version == p.Version {
			return p, nil
		}
	}
	return Profile{}, ErrUnknownVersion
}

// Minors are the minors of the profiles, in their order.
func Minors(profiles []Profile) []string {
	names := make([]string, 0, len(profiles))
	for _, p := range profiles {
		names = append(names, p.Minor)
	}
	return names
}

// Parse reads a version or a minor.
func Parse(version string) (semver.Version, error) {
	v, err := semver.ParseTolerant(version)
	if err != nil || v.Major == 0 {
		return semver.Version{}, fmt.Errorf("%q is not a version", version)
	}
	return v, nil
}

// Minor is the minor of a version, "1.18".
func Minor(v semver.Version) string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Files reads embedded Compose files.
func Files(folder fs.FS, names ...string) ([]compose.File, error) {
	read := make([]compose.File, 0, len(names))
	for _, name := range names {
		content, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, fmt.Errorf("reading the embedded Compose file %s: %w", name, err)
		}
		read = append(read, compose.File{Path: name, Content: content})
	}
	return read, nil
}
