// Package corpus reads the Compose files in tests/compose/testdata, with what their first comments say must become of
// them. Its README describes these comments.
package corpus

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dekcd/dmcloud/components/compose"
)

// Case is one Compose file, or several that belong together.
type Case struct {
	// Name is "projects/wordpress-mysql"; Kind is its first part.
	Name string
	Kind string
	// Dir is the folder of the files, and Files are merged in order.
	Dir   string
	Files []string
	// Profiles are active, Environment are variables, Protected refuses passwords that everybody knows.
	Profiles    []string
	Environment map[string]string
	Protected   bool
	// Refused are the paths of all keys that must be refused, sorted; none when the files must be accepted.
	Refused []string
}

// All reads every case below the project's folder, sorted by name.
func All(root string) ([]Case, error) {
	folders, err := filepath.Glob(filepath.Join(root, "tests/compose/testdata/*/*/compose.yaml"))
	if err != nil {
		return nil, fmt.Errorf("find the Compose files: %w", err)
	}
	cases := make([]Case, 0, len(folders))
	for _, file := range folders {
		c, err := read(filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func read(dir string) (Case, error) {
	kind := filepath.Base(filepath.Dir(dir))
	c := Case{
		Name: kind + "/" + filepath.Base(dir), Kind: kind, Dir: dir, Files: []string{"compose.yaml"},
		Environment: map[string]string{},
	}
	file, err := os.Open(filepath.Join(dir, "compose.yaml"))
	if err != nil {
		return c, fmt.Errorf("read case %s: %w", c.Name, err)
	}
	defer func() { _ = file.Close() }()
	expected := false
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		comment, ok := strings.CutPrefix(lines.Text(), "# ")
		if !ok {
			break
		}
		key, value, _ := strings.Cut(comment, ": ")
		switch {
		case comment == "protected":
			c.Protected = true
		case key == "files":
			c.Files = strings.Fields(value)
		case key == "profiles":
			c.Profiles = strings.Fields(value)
		case key == "env":
			name, text, _ := strings.Cut(value, "=")
			c.Environment[name] = text
		case key == "expect":
			expected = true
			if path, refused := strings.CutPrefix(value, "refused "); refused {
				c.Refused = append(c.Refused, path)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return c, fmt.Errorf("read case %s: %w", c.Name, err)
	}
	if !expected {
		return c, fmt.Errorf("case %s does not say what is expected", c.Name)
	}
	slices.Sort(c.Refused)
	return c, nil
}

// Accepted tells whether nothing is refused.
func (c Case) Accepted() bool { return len(c.Refused) == 0 }

// Slug is the name as a DNS label.
func (c Case) Slug() string { return strings.ReplaceAll(c.Name, "/", "-") }

// Paths are the paths of the files.
func (c Case) Paths() []string {
	paths := make([]string, 0, len(c.Files))
	for _, file := range c.Files {
		paths = append(paths, filepath.Join(c.Dir, file))
	}
	return paths
}

// Flags are those of bin/compose for the case, before the paths.
func (c Case) Flags() []string {
	flags := []string{"-name", c.Slug()}
	for _, profile := range c.Profiles {
		flags = append(flags, "-profile", profile)
	}
	for name, value := range c.Environment {
		flags = append(flags, "-env", name+"="+value)
	}
	if c.Protected {
		flags = append(flags, "-protected")
	}
	return flags
}

// Source is the case as a source.
func (c Case) Source() compose.Source {
	source := compose.Source{
		Name: c.Slug(), Dir: c.Dir, Profiles: c.Profiles, Environment: c.Environment, Protected: c.Protected, Adopt: true,
	}
	for _, file := range c.Files {
		source.Files = append(source.Files, compose.File{Path: file})
	}
	return source
}
